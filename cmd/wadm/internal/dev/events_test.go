package dev

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/wadmapi"
)

func TestOnlyWhatHappensGetsALine(t *testing.T) {
	w := &watcher{names: map[string]string{"NB": "host-b"}, there: map[string]bool{"NB": true}, apps: map[string]*appSeen{}}
	now := time.Unix(1000, 0)
	status := func(kind wadmapi.StatusType, version, message string) *nats.Msg {
		s := wadmapi.NewStatus(kind, message)
		s.Version = version
		s.Scalers = []wadmapi.ScalerStatus{{Status: wadmapi.StatusInfo{Type: kind, Message: message}}}
		body, err := wadmapi.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		return &nats.Msg{Subject: wadmapi.StatusSubject("default", "shop"), Data: body}
	}
	lost := &nats.Msg{Subject: wadmapi.EventSubject("default", wadmapi.EventHostLost),
		Data: wadmapi.EncodeEvent("1", "t", wadmapi.EventHostLost, wadmapi.HostEvent{Host: "NB", Reason: "silent"})}
	for _, step := range []struct {
		name string
		m    *nats.Msg
		want []string
	}{
		{"a beginning is not told", status("reconciling", "v1", "Scaling"), nil},
		{"an end is", status("deployed", "v1", ""), []string{"shop v1 deployed in 100 ms"}},
		{"the same again is not", status("deployed", "v1", ""), nil},
		{"a host that goes is", lost, []string{"host-b is gone (silent)"}},
		{"what follows from it is not yet", status("reconciling", "v1", ""), nil},
		{"the healing is", status("deployed", "v1", ""), []string{"shop healed in 100 ms"}},
		{"another version is", status("deployed", "v2", ""), []string{"shop v2 deployed in 0 ms"}},
		{"a cause is, with the host's name", status("failed", "v2", "no room on NB (retry 1 on host NB 1s after)"), []string{"shop failed: no room on host-b"}},
		{"a try in between is not", status("reconciling", "v2", ""), nil},
		{"the same cause at the next try is not", status("failed", "v2", "no room on NB (retry 2 on host NB 2s after)"), nil},
		{"another cause is", status("failed", "v2", "1/2 found"), []string{"shop failed: 1/2 found"}},
		{"the same with other numbers is not", status("failed", "v2", "0/2 found"), nil},
		{"recovery is", status("deployed", "v2", ""), []string{"shop v2 deployed in 500 ms"}},
		{"the cause when it is back is", status("failed", "v2", "0/2 found"), []string{"shop failed: 0/2 found"}},
		{"the end of an application is", status("undeployed", "", ""), []string{"shop undeployed"}},
		{"once", status("undeployed", "", ""), nil},
		{"what is no status is not", &nats.Msg{Subject: wadmapi.StatusSubject("default", "shop"), Data: []byte("{")}, nil},
		{"what is no event is not", &nats.Msg{Subject: lost.Subject, Data: []byte("{")}, nil},
	} {
		if diff := cmp.Diff(step.want, w.take(step.m, now)); diff != "" {
			t.Errorf("%s:\n%s", step.name, diff)
		}
		now = now.Add(100 * time.Millisecond)
	}
	if w.there["NB"] {
		t.Error("a host that is gone would not be told when it returns")
	}
}

func TestHostsAreCountedInLetters(t *testing.T) {
	for i, want := range map[int]string{0: "a", 25: "z", 26: "aa", 27: "ab", 701: "zz", 702: "aaa"} {
		if got := letters(i); got != want {
			t.Errorf("letters(%d) = %q, want %q", i, got, want)
		}
	}
}

func TestAPortThatIsTakenGivesWay(t *testing.T) {
	first, err := startNATS(0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer first.stop()
	addr, ok := first.Addr().(*net.TCPAddr)
	if !ok || first.taken || !addr.IP.IsLoopback() {
		t.Fatalf("the first listens on %v, taken %v", first.Addr(), first.taken)
	}
	second, err := startNATS(addr.Port, "")
	if err != nil {
		t.Fatal(err)
	}
	temp := second.temp
	if !second.taken || second.Addr().String() == addr.String() {
		t.Errorf("the second listens on %v, taken %v", second.Addr(), second.taken)
	}
	second.stop()
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory of the second is left: %v", err)
	}
}
