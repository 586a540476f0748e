package tongue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// folded plays the host events of recordings into a state, each a millisecond after the one before, and fails when what references are known to
// lead to gets less, or a message that breaks the protocol changes anything.
func folded(t *testing.T, glob string) (*lattice.State, []error) {
	t.Helper()
	s, now, known := lattice.New(), time.Duration(0), 0
	var broken []error
	for _, m := range recorded(t, glob) {
		if !strings.HasPrefix(m.Subject, "wasmbus.evt.") {
			continue
		}
		now += time.Millisecond
		before := s.String()
		heard, err := Event(lattice.OTP, m.Subject, m.Payload, now)
		if err != nil {
			broken = append(broken, err)
		}
		for _, e := range heard.Events {
			s.Apply(e, now)
		}
		if err != nil && s.String() != before {
			t.Errorf("%s changed something: %v", m.Payload, err)
		}
		refs := len(s.Snapshot(now, 0, 1000).Refs)
		if refs < known {
			t.Errorf("after %s the state knows %d references, before %d", m.Payload, refs, known)
		}
		known = refs
	}
	return s, broken
}

// TestClaimsThatCrashedAnother plays what emptied the state of wadm 0.3.0 (O19): claims with tags, events that are broken, heartbeats that count.
func TestClaimsThatCrashedAnother(t *testing.T) {
	t.Run("claims with tags", func(t *testing.T) {
		s, broken := folded(t, "otp/claims-with-tags.jsonl")
		if len(broken) > 0 {
			t.Errorf("broken: %v", broken)
		}
		tagged := 0
		snap := s.Snapshot(time.Hour, 0, 1000)
		for _, c := range snap.Claims {
			if cmp.Equal(c.Tags, []string{"prod", "web"}) && c.Issuer != "" && c.Name != "" {
				tagged++
			}
		}
		if tagged == 0 || len(snap.Refs) == 0 || len(snap.Components) == 0 {
			t.Errorf("%d claims with tags, %+v", tagged, snap)
		}
	})
	t.Run("broken events", func(t *testing.T) {
		s, broken := folded(t, "otp/bad-events.jsonl")
		snap := s.Snapshot(time.Hour, 0, 1000)
		if len(broken) == 0 || len(snap.Refs) == 0 || len(snap.Hosts) == 0 {
			t.Errorf("%d broken, %+v", len(broken), snap)
		}
	})
	t.Run("heartbeats that count", func(t *testing.T) {
		s, broken := folded(t, "otp/heartbeat-count-form.jsonl")
		if snap := s.Snapshot(time.Hour, 0, 1000); len(broken) > 0 || len(snap.Hosts) == 0 {
			t.Errorf("broken: %v, %+v", broken, snap)
		}
	})
	t.Run("real hosts", func(t *testing.T) {
		s, broken := folded(t, "otp-host/0.5*.jsonl")
		snap := s.Snapshot(time.Hour, 0, 1000)
		if len(broken) > 0 || len(snap.Claims) == 0 || len(snap.Refs) == 0 {
			t.Errorf("broken: %v, %d claims, %d references", broken, len(snap.Claims), len(snap.Refs))
		}
	})
}

// TestOddClaims says that nothing in claims loses a start.
func TestOddClaims(t *testing.T) {
	for claims, want := range map[string]*lattice.Claims{
		`{"issuer":"A","name":"Echo","tags":["prod","web"],"caps":["c"],"revision":4}`: {Issuer: "A", Name: "Echo", Tags: []string{"prod", "web"}, Contracts: []string{"c"}, Revision: 4},
		`{"issuer":"A","tags":null,"caps":null,"name":null}`:                           {Issuer: "A"},
		`{"issuer":"A"}`: {Issuer: "A"},
		`{"issuer":5,"tags":7,"caps":{"a":1},"name":["x"]}`: {},
		`{"tags":["a",1,null,["b"]],"revision":"4"}`:        {Tags: []string{"a"}},
		`{"tags":"one","revision":1e99,"version":2}`:        {Tags: []string{"one"}},
		`{"revision":4.5,"name":"a","name":"b"}`:            {Name: "b"},
		`{}`:                                                {},
		`[]`:                                                {},
		`7`:                                                 {},
		`"x"`:                                               {},
		`null`:                                              nil,
	} {
		for _, e := range []string{"actor_started", "provider_started", "actors_started"} {
			body := fmt.Sprintf(`{"type":"com.wasmcloud.lattice.%s","source":"%s","id":"i","specversion":"1.0","time":"2022-12-01T00:00:00Z","data":{"public_key":"%s",`+
				`"instance_id":"i1","link_name":"default","image_ref":"r/x:1","annotations":{},"claims":%s}}`, e, hostA, keyM, claims)
			got, err := Event(lattice.OTP, "wasmbus.evt.default", []byte(body), 1)
			if err != nil {
				t.Errorf("%s with claims %s: %v", e, claims, err)
				continue
			}
			starts, claimed := 0, (*lattice.Claims)(nil)
			for _, event := range got.Events {
				switch event := event.(type) {
				case lattice.Started:
					starts++
				case lattice.Claimed:
					claimed = &event.Claims
				}
			}
			expect := want
			if e == "provider_started" && want != nil {
				bare := *want
				bare.Contracts, bare.Revision = nil, 0
				expect = &bare
			}
			if starts != 1 && e != "actors_started" || (claimed == nil) != (expect == nil) || claimed != nil && !claimed.Equal(*expect) {
				t.Errorf("%s with claims %s: %d starts, %+v, want %+v", e, claims, starts, claimed, expect)
			}
		}
	}
}

func TestReadClaims(t *testing.T) {
	got, err := ReadClaims([]byte(`{"claims":[{"call_alias":"","iss":"A","name":"Echo","caps":"wasmcloud:httpserver,wasmcloud:builtin:logging","rev":"4","tags":"",`+
		`"version":null,"sub":"`+keyM+`"},{"sub":"`+keyV+`","contract_id":"c","rev":"x","tags":["a"],"name":7},{"name":"of nobody"},5]}`), 3)
	want := lattice.ClaimsTold{Asked: 3, By: map[string]lattice.Claims{
		keyM: {Issuer: "A", Name: "Echo", Contracts: []string{"wasmcloud:httpserver", "wasmcloud:builtin:logging"}, Revision: 4},
		keyV: {Contract: "c"},
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	for _, bad := range []string{`{}`, `{"claims":5}`, `{"accepted":false,"error":"busy"}`, ``} {
		if _, err := ReadClaims([]byte(bad), 3); err == nil {
			t.Errorf("%s is no list of claims", bad)
		}
	}
	if _, err := (Voice{Lattice: "l", Dialect: lattice.V1}).Claims(); err == nil {
		t.Error("1.x hosts tell claims by other ids")
	}
	if subject, err := (Voice{Lattice: "l", Dialect: lattice.OTP}).Claims(); err != nil || subject != (wasmbus.OTPSubjects{Lattice: "l"}).Claims() {
		t.Error(subject, err)
	}
}
