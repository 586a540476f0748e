package tongue

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// otpHostFiles is how many recordings of real OTP hosts there are: all of them are read.
const otpHostFiles = 66

// TestEveryRecordedAnswerOfAnOTPHostIsRead (SRV-17) reads each event, inventory, list of links and of claims, answer to a ping and acknowledgement of every recording of
// a real OTP host, and looks that what is read is all that was said.
func TestEveryRecordedAnswerOfAnOTPHostIsRead(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "wasmbus", "testdata", "otp-host", "*.jsonl"))
	if err != nil || len(files) != otpHostFiles {
		t.Fatalf("%d recordings, want %d (%v)", len(files), otpHostFiles, err)
	}
	sums := map[string]int{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			read := readAnswers(t, recorded(t, filepath.Join("otp-host", filepath.Base(file))))
			if read["event"] == 0 {
				t.Error("no event in it")
			}
			for what, n := range read {
				sums[what] += n
			}
		})
	}
	for _, what := range []string{"event", "beat", "inventory", "links", "claims", "ping", "yes", "no"} {
		if sums[what] == 0 {
			t.Errorf("the recordings have no %s", what)
		}
	}
	t.Log(sums)
}

// readAnswers reads all that the host said, and counts it by kind.
func readAnswers(t *testing.T, messages []message) map[string]int {
	read := map[string]int{}
	questions := map[string]wasmbus.OTPCtl{}
	for _, m := range messages {
		if ctl, ok := wasmbus.ParseOTPCtl(m.Subject, ""); ok {
			questions[m.Reply] = ctl
			continue
		}
		if strings.HasPrefix(m.Subject, "wasmbus.evt.") {
			got, err := Event(lattice.OTP, m.Subject, m.Payload, 7)
			if err != nil || !got.Known {
				t.Errorf("%s: known %v, %v", m.Payload, got.Known, err)
			}
			read["event"]++
			if got.Beat {
				read["beat"]++
				sameCounts(t, m.Payload, got.Events[0].(lattice.Inventory))
			}
			continue
		}
		ctl, asked := questions[m.Subject]
		if !asked || m.Subject == "" || len(m.Payload) == 0 {
			continue // a remark, or the answer to what is no question to a host
		}
		read[readAnswer(t, ctl, m.Payload)]++
	}
	return read
}

func readAnswer(t *testing.T, ctl wasmbus.OTPCtl, body []byte) (what string) {
	t.Helper()
	var err error
	switch ctl.Op {
	case wasmbus.OTPOpInventory:
		what = "inventory"
		var inv lattice.Inventory
		if inv, err = ReadInventory(lattice.OTP, lattice.HostID(ctl.Host), body, 7); err == nil {
			sameInstances(t, body, &inv)
		}
	case wasmbus.OTPOpPingHosts:
		what = "ping"
		var seen lattice.HostSeen
		if seen, err = ReadPing(lattice.OTP, body); err == nil && (seen.Host == "" || seen.Version == "" || len(seen.Labels) == 0) {
			t.Errorf("the answer to a ping is read as %+v: %s", seen, body)
		}
	case wasmbus.OTPOpLinks:
		what = "links"
		var links lattice.Links
		if links, err = ReadLinks(lattice.OTP, body, 7); err == nil && len(links.Links) != len(list(t, body, "links")) {
			t.Errorf("%d links are read of %s", len(links.Links), body)
		}
	case wasmbus.OTPOpClaims:
		what = "claims"
		var claims []wasmbus.OTPClaims
		if claims, err = wasmbus.DecodeOTPClaims(body); err == nil && len(claims) != len(list(t, body, "claims")) {
			t.Errorf("%d claims are read of %s", len(claims), body)
		}
	case wasmbus.OTPOpAuctionActor, wasmbus.OTPOpAuctionProvider:
		return "auction" // nobody here asks for one
	default:
		var ack wasmbus.OTPAck
		ack, err = wasmbus.DecodeOTPAck(body)
		if what = "no"; ack.Accepted {
			what = "yes"
		}
	}
	if err != nil {
		t.Errorf("%s: %v: %s", ctl.Op, err, body)
	}
	return what
}

func list(t *testing.T, body []byte, key string) []json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	var of []json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[key], &of); err != nil {
		t.Fatal(err)
	}
	return of
}

// sameInstances: the instances of an inventory are those that its body names, each with its annotations. Hosts to 0.57.1 name each several times.
func sameInstances(t *testing.T, body []byte, inv *lattice.Inventory) {
	t.Helper()
	var raw struct {
		Actors []struct {
			ID        string
			ImageRef  string `json:"image_ref"`
			Instances []struct {
				InstanceID  string `json:"instance_id"`
				Annotations json.RawMessage
			}
		}
		Providers []struct {
			ID         string
			ImageRef   string `json:"image_ref"`
			LinkName   string `json:"link_name"`
			InstanceID string `json:"instance_id"`
		}
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, a := range raw.Actors {
		for _, one := range a.Instances {
			var notes map[string]any
			_ = json.Unmarshal(one.Annotations, &notes) // a host carries any JSON; what is no object names no application
			app, _ := notes[lattice.AppAnnotation].(string)
			want[strings.Join([]string{a.ID, a.ImageRef, one.InstanceID, app}, " ")] = true
		}
	}
	for _, p := range raw.Providers {
		want[strings.Join([]string{p.ID, p.ImageRef, p.LinkName, p.InstanceID}, " ")] = true
	}
	state := lattice.New()
	state.Apply(*inv, 8)
	got := map[string]bool{}
	for _, it := range state.Host(inv.Host).Items() {
		for _, g := range it.Groups {
			for _, id := range g.Instances {
				if it.Key.Kind == lattice.Provider {
					got[strings.Join([]string{it.Key.ID, it.Ref, it.Key.Link, id}, " ")] = true
				} else {
					got[strings.Join([]string{it.Key.ID, it.Ref, id, g.Annotations[lattice.AppAnnotation]}, " ")] = true
				}
			}
		}
	}
	if !slices.Equal(keysOf(want), keysOf(got)) {
		t.Errorf("an inventory is read as\n%q, it says\n%q", keysOf(got), keysOf(want))
	}
}

func keysOf(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// sameCounts: a heartbeat of either form counts as many instances as its body does.
func sameCounts(t *testing.T, body []byte, inv lattice.Inventory) {
	t.Helper()
	var raw struct {
		Data struct {
			Actors    json.RawMessage
			Providers []json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		t.Fatal(err)
	}
	want := len(raw.Data.Providers)
	var counts map[string]int
	var instances []json.RawMessage
	if json.Unmarshal(raw.Data.Actors, &counts) == nil {
		for _, n := range counts {
			want += n
		}
	} else if json.Unmarshal(raw.Data.Actors, &instances) == nil {
		want += len(instances)
	}
	got := 0
	for i := range inv.Resources {
		got += inv.Resources[i].Count()
	}
	if got != want || inv.Version == "" {
		t.Errorf("%d instances of version %q are read, want %d of %s", got, inv.Version, want, body)
	}
}
