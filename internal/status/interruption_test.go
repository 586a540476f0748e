package status

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

func TestWhatIsSaidOfInterruptions(t *testing.T) {
	on := func(why plan.Because, to string, hosts ...lattice.HostID) []plan.Interruption {
		var out []plan.Interruption
		for _, h := range hosts {
			out = append(out, plan.Interruption{Component: "web", Host: h, Count: 2, From: "web:1", To: to, Why: why})
		}
		return out
	}
	for _, tc := range []struct {
		name     string
		of       []plan.Interruption
		expected time.Duration
		want     string
	}{
		{"none", nil, time.Second, ""},
		{"one host, nothing seen yet", on(plan.OneReference, "web:2", "N1"), 0,
			"web:1 stops on N1 (2) before web:2 starts there, for a host runs one image of a key at a time; how long the interruption will be is not known: no start of it was seen"},
		{"four hosts are named, of five three", on(plan.StopsAll, "web:2", "N1", "N2", "N3", "N4", "N5"), 1200 * time.Millisecond,
			"web:1 stops on N1 (2), N2 (2), N3 (2) and 2 more hosts before web:2 starts there; an interruption of about 1.2s is expected"},
		{"of the same image, and hardly any", on(plan.OneProvider, "web:1", "N1"), time.Millisecond,
			"web:1 stops on N1 (2) and starts anew, for a host runs a provider once; an interruption of about 100ms is expected"},
		{"after an update in place", on(plan.OldReference, "web:1", "N1"), time.Second,
			"web:1 stops on N1 (2) and starts anew, for after an update in place a host starts only the image from before; an interruption of about 1s is expected"},
	} {
		if got := Interruptions(tc.of, tc.expected); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	each := []string{Interrupted("web", "N1", 1200*time.Millisecond), Interrupted("kv", "N2", time.Second)}
	s := WithInterruptions(wadmapi.Status{}, each)
	if want := "interrupted: web for 1.2s on N1, kv for 1s on N2"; s.Status.Message != want {
		t.Errorf("%q, want %q", s.Status.Message, want)
	}
	s = WithInterruptions(wadmapi.Status{Status: wadmapi.StatusInfo{Message: "x"}}, each[:1])
	if want := "x, interrupted: web for 1.2s on N1"; s.Status.Message != want {
		t.Errorf("%q, want %q", s.Status.Message, want)
	}
}

func TestWhatIsSaidOfTheReleased(t *testing.T) {
	for _, tc := range []struct {
		running, starting int
		want              string
	}{
		{0, 0, TextUndeployed},
		{1, 0, "undeployed; 1 instance was left running"},
		{5, 0, "undeployed; 5 instances were left running"},
		{0, 2, "undeployed; 2 instances were left starting"},
		{3, 2, "undeployed; 3 instances were left running, and 2 starting"},
	} {
		if s := Released(tc.running, tc.starting); s.Status.Message != tc.want || s.Status.Type != wadmapi.StatusUndeployed {
			t.Errorf("%+v, want %q", s.Status, tc.want)
		}
	}
}
