package tongue

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

type message struct {
	at      string
	Subject string
	Reply   string
	Payload json.RawMessage
}

// recorded reads the recordings that package wasmbus keeps; their README says which programs made them.
func recorded(t testing.TB, glob string) []message {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "wasmbus", "testdata", glob))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings %s: %v", glob, err)
	}
	var all []message
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(file)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			var m message
			if err := json.Unmarshal(in.Bytes(), &m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			m.at = filepath.Base(name)
			all = append(all, m)
		}
		file.Close()
	}
	return all
}

func asJSON(t testing.TB, raw []byte) any {
	t.Helper()
	var v any
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("reading %s: %v", raw, err)
	}
	return v
}

// TestWhatOldControllersSaid takes each request that wadm 0.21.1 and 0.3.0 were recorded sending, makes the neutral command that means
// the same, and expects the very same subject and body.
func TestWhatOldControllersSaid(t *testing.T) {
	said := map[ledger.Action]int{}
	for _, m := range recorded(t, "v1/app_*.jsonl") {
		ctl, ok := wasmbus.ParseV1Ctl(m.Subject, "")
		if !ok || ctl.Op == wasmbus.V1OpComponentScale && !bytes.Contains(m.Payload, []byte("allow_update")) {
			continue // another subject, or the script of the recording, which leaves out what 0.21.1 always says
		}
		if cmd, ok := commandV1(t, ctl, m.Payload); ok {
			said[cmd.Action]++
			expectSaid(t, Voice{Lattice: "default", Dialect: lattice.V1}, cmd, m)
		}
	}
	for _, m := range recorded(t, "otp/*.jsonl") {
		ctl, ok := wasmbus.ParseOTPCtl(m.Subject, "")
		if !ok {
			continue
		}
		if cmd, ok := commandOTP(t, ctl, m.Payload); ok {
			said[cmd.Action]++
			expectSaid(t, Voice{Lattice: ctl.Lattice, Dialect: lattice.OTP}, cmd, m)
		}
	}
	for _, action := range []ledger.Action{ledger.Scale, ledger.PutLink, ledger.DeleteLink, ledger.PutConfig, ledger.DeleteConfig} {
		if said[action] == 0 {
			t.Errorf("no recording says %s", action)
		}
	}
}

func expectSaid(t *testing.T, v Voice, cmd ledger.Command, m message) {
	t.Helper()
	got, err := v.Command(&cmd)
	if err != nil {
		t.Fatalf("%s %s: %v", m.at, m.Subject, err)
	}
	if got.Subject != m.Subject {
		t.Errorf("%s: subject %s, recorded %s", m.at, got.Subject, m.Subject)
	}
	if diff := cmp.Diff(asJSON(t, m.Payload), asJSON(t, got.Body)); diff != "" {
		t.Errorf("%s %s (-recorded +ours):\n%s", m.at, m.Subject, diff)
	}
}

func commandV1(t *testing.T, ctl wasmbus.V1Ctl, body []byte) (ledger.Command, bool) {
	request, err := wasmbus.DecodeV1Request(ctl.Op, body)
	if err != nil {
		return ledger.Command{}, false // sent by a script to see it refused
	}
	host := lattice.HostID(ctl.Host)
	switch r := request.(type) {
	case wasmbus.V1Scale:
		return ledger.Command{Action: ledger.Scale, Host: host, Target: ledger.Target{ID: r.ComponentID, Ref: r.ComponentRef},
			To: int(r.Count), Annotations: r.Annotations, Config: r.Config}, true
	case wasmbus.V1StartProvider:
		return ledger.Command{Action: ledger.Scale, Host: host, To: 1, Annotations: r.Annotations, Config: r.Config,
			Target: ledger.Target{Kind: lattice.Provider, ID: r.ProviderID, Ref: r.ProviderRef}}, true
	case wasmbus.V1StopProvider:
		return ledger.Command{Action: ledger.Scale, Host: host, From: 1, Target: ledger.Target{Kind: lattice.Provider, ID: r.ProviderID}}, true
	case wasmbus.V1Link:
		return ledger.Command{Action: ledger.PutLink, Link: linkV1(r)}, true
	case wasmbus.V1DeleteLink:
		return ledger.Command{Action: ledger.DeleteLink, Link: lattice.Link{Source: r.SourceID, Name: r.Name,
			Namespace: r.WITNamespace, Package: r.WITPackage}}, true
	case wasmbus.V1Config:
		return ledger.Command{Action: ledger.PutConfig, ConfigName: ctl.Name, Values: r}, true
	}
	if ctl.Op == wasmbus.V1OpConfigDel {
		return ledger.Command{Action: ledger.DeleteConfig, ConfigName: ctl.Name}, true
	}
	return ledger.Command{}, false
}

func commandOTP(t *testing.T, ctl wasmbus.OTPCtl, body []byte) (ledger.Command, bool) {
	request, err := wasmbus.DecodeOTPRequest(ctl.Op, body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	host := lattice.HostID(ctl.Host)
	switch r := request.(type) {
	case wasmbus.OTPLaunchActor:
		return ledger.Command{Action: ledger.Scale, Host: host, From: 3, To: 3 + r.Count, Annotations: annotations(r.Annotations),
			Target: ledger.Target{Ref: r.ActorRef}}, true
	case wasmbus.OTPStopActor:
		return ledger.Command{Action: ledger.Scale, Host: host, From: r.Count + 1, To: 1, Annotations: r.Annotations,
			Target: ledger.Target{ID: r.ActorRef}}, true
	case wasmbus.OTPLaunchProvider:
		return ledger.Command{Action: ledger.Scale, Host: host, To: 1, Annotations: annotations(r.Annotations),
			Target: ledger.Target{Kind: lattice.Provider, Ref: r.ProviderRef, Link: r.LinkName, Contract: r.ContractID}}, true
	case wasmbus.OTPStopProvider:
		return ledger.Command{Action: ledger.Scale, Host: host, From: 1,
			Target: ledger.Target{Kind: lattice.Provider, ID: r.ProviderRef, Link: r.LinkName, Contract: "a:contract"}}, true
	case wasmbus.OTPLinkdef:
		return ledger.Command{Action: ledger.PutLink, Link: linkOTP(r)}, true
	}
	return ledger.Command{}, false
}

// TestEveryRecordedEventIsUnderstood translates all events that real hosts were recorded sending.
func TestEveryRecordedEventIsUnderstood(t *testing.T) {
	meant := map[string]int{}
	hear := func(d lattice.Dialect, glob string) {
		for _, m := range recorded(t, glob) {
			if m.at == "bad-events.jsonl" || !strings.HasPrefix(m.Subject, "wasmbus.evt.") {
				continue
			}
			got, err := Event(d, m.Subject, m.Payload, 7)
			if err != nil || !got.Known {
				t.Errorf("%s: %s: known %v, %v", m.at, m.Payload, got.Known, err)
			}
			for _, e := range got.Events {
				meant[strings.TrimPrefix(strings.TrimPrefix(typeName(e), "lattice."), "*")]++
			}
		}
	}
	hear(lattice.V1, "v1/*.jsonl")
	hear(lattice.OTP, "otp-host/*.jsonl")
	for _, kind := range []string{"HostStarted", "HostStopped", "Inventory", "Scaled", "Started", "Stopped", "StartFailed", "Updated",
		"LabelsChanged", "Health", "RefLearned", "LinkSet", "LinkDeleted", "LinkFailed", "ConfigSet", "ConfigDeleted"} {
		if meant[kind] == 0 {
			t.Errorf("no recorded event means %s", kind)
		}
	}
}
