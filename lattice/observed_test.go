package lattice

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var mEcho, vSQL = Key{Kind: Component, ID: "MECHO"}, Key{Kind: Provider, ID: "VSQL", Link: "default"}

func otpStarted(id string) Started {
	return Started{Host: n1, Key: mEcho, Ref: "echo:1", Annotations: shop, Instance: id}
}

func TestFirstSeen(t *testing.T) {
	heard := func(ids ...string) Inventory {
		return Inventory{Host: n1, Dialect: OTP, Asked: 8 * sec, Resources: []Resource{{Key: mEcho, Ref: "echo:1", Groups: group(shop, len(ids), ids...)}}}
	}
	tests := map[string]struct {
		steps []step
		want  map[string]time.Duration
	}{
		"an instance is known since its start": {[]step{begun(n1), {2 * sec, otpStarted("b")}, {3 * sec, otpStarted("a")}},
			map[string]time.Duration{"a": 3 * sec, "b": 2 * sec}},
		"an inventory that shows it again changes nothing": {[]step{begun(n1), {2 * sec, otpStarted("b")}, {9 * sec, heard("a", "b")}},
			map[string]time.Duration{"a": 9 * sec, "b": 2 * sec}},
		"other annotations change nothing": {[]step{begun(n1), {2 * sec, otpStarted("b")},
			{9 * sec, Inventory{Host: n1, Asked: 8 * sec, Resources: []Resource{{Key: mEcho, Ref: "echo:1", Groups: append(group(nil, 1, "a"), group(blog, 1, "b")...)}}}}},
			map[string]time.Duration{"a": 9 * sec, "b": 2 * sec}},
		"one that its host restarts has another id, and its own time": {[]step{begun(n1), {2 * sec, otpStarted("a")}, {5 * sec, otpStarted("c")},
			{9 * sec, heard("c")}}, map[string]time.Duration{"c": 5 * sec}},
		"a host that begins anew begins everything anew": {[]step{begun(n1), {2 * sec, otpStarted("a")}, {5 * sec, HostStarted{Host: n1}}, {6 * sec, otpStarted("a")}},
			map[string]time.Duration{"a": 6 * sec}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := folded(tt.steps...)
			got := map[string]time.Duration{}
			h := s.Host(n1)
			for _, g := range h.Item(mEcho).Groups {
				for _, id := range g.Instances {
					got[id], _ = h.Since(mEcho, id)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if at, ok := h.Since(mEcho, "zz"); ok || at != Never {
				t.Errorf("an instance that is not there: %v %v", at, ok)
			}
		})
	}
}

func TestAnItemWithoutInstanceIDsHasOneTime(t *testing.T) {
	s, _ := folded(begun(n1), step{2 * sec, Scaled{Host: n1, Key: web, Ref: "web:1", Annotations: shop, Count: 2}},
		step{5 * sec, Scaled{Host: n1, Key: web, Ref: "web:1", Annotations: shop, Count: 9}})
	if got := s.Host(n1).Item(web).First(); got != 2*sec {
		t.Errorf("first %v", got)
	}
	s.Apply(Scaled{Host: n1, Key: web, Count: 0}, 6*sec)
	s.Apply(Scaled{Host: n1, Key: web, Ref: "web:1", Count: 1}, 7*sec)
	if got := s.Host(n1).Item(web).First(); got != 7*sec {
		t.Errorf("after a break: first %v", got)
	}
}

func TestClaims(t *testing.T) {
	signed := Claims{Name: "Echo", Issuer: "A", Version: "0.3.4", Revision: 4, Contracts: []string{"wasmcloud:httpserver"}, Tags: []string{"prod", "web"}}
	newer := signed
	newer.Version, newer.Revision = "0.3.5", 5
	asked := func(at time.Duration, c Claims) ClaimsTold {
		return ClaimsTold{Asked: at, By: map[string]Claims{"MECHO": c}}
	}
	tests := map[string]struct {
		steps []step
		want  Claims
		known bool
	}{
		"told with a start":                            {[]step{{sec, Claimed{"MECHO", signed}}}, signed, true},
		"a later start counts":                         {[]step{{sec, Claimed{"MECHO", signed}}, {2 * sec, Claimed{"MECHO", newer}}}, newer, true},
		"an answer fills in":                           {[]step{{3 * sec, asked(sec, signed)}}, signed, true},
		"an answer asked for before a start is old":    {[]step{{2 * sec, Claimed{"MECHO", newer}}, {3 * sec, asked(sec, signed)}}, newer, true},
		"an answer asked for later counts":             {[]step{{2 * sec, Claimed{"MECHO", signed}}, {4 * sec, asked(3*sec, newer)}}, newer, true},
		"an answer from the future is one of now":      {[]step{{2 * sec, asked(math.MaxInt64, signed)}, {3 * sec, Claimed{"MECHO", newer}}}, newer, true},
		"all missing is known all the same":            {[]step{{sec, Claimed{"MECHO", Claims{}}}}, Claims{}, true},
		"of nobody":                                    {[]step{{sec, Claimed{"", signed}}}, Claims{}, false},
		"a text beyond the bound leaves what was":      {[]step{{sec, Claimed{"MECHO", signed}}, {2 * sec, Claimed{"MECHO", Claims{Name: strings.Repeat("x", maxText+1)}}}}, signed, true},
		"more tags than the bound leave what was":      {[]step{{sec, Claimed{"MECHO", signed}}, {2 * sec, Claimed{"MECHO", Claims{Tags: make([]string, maxClaimTexts+1)}}}}, signed, true},
		"the end of the last instance leaves them":     {[]step{begun(n1), {sec, otpStarted("a")}, {sec, Claimed{"MECHO", signed}}, {2 * sec, Stopped{Host: n1, Key: mEcho, Instance: "a"}}}, signed, true},
		"a new time of listening leaves what was told": {[]step{{sec, Claimed{"MECHO", signed}}, {2 * sec, HostSeen{Host: n1}}}, signed, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := folded(tt.steps...)
			s.Reset(10 * sec)
			got, known := s.ClaimsOf("MECHO")
			if diff := cmp.Diff(tt.want, got); diff != "" || known != tt.known {
				t.Errorf("known %v, -want +got:\n%s", known, diff)
			}
		})
	}
	if _, eff := folded(step{sec, Claimed{"MECHO", signed}}); !cmp.Equal(eff, Effect{}) {
		t.Errorf("claims are nothing that a plan sees: %+v", eff)
	}
}

func TestClaimsAreBounded(t *testing.T) {
	s := New()
	s.Apply(otpStarted("a"), 0)
	s.Apply(Claimed{"MECHO", Claims{Name: "Echo"}}, 0)
	for i := range maxClaims + 10 {
		s.Apply(Claimed{fmt.Sprint("M", i), Claims{Name: "x"}}, sec)
	}
	if n := len(s.claims.by); n > maxClaims {
		t.Errorf("%d claims are kept", n)
	}
	if c, ok := s.ClaimsOf("MECHO"); !ok || c.Name != "Echo" {
		t.Errorf("of what runs nothing is known any more: %+v", c)
	}
	big := Claims{Tags: make([]string, maxClaimTexts)}
	for i := range big.Tags {
		big.Tags[i] = strings.Repeat("x", maxText)
	}
	for i := range 2000 {
		s.Apply(Claimed{fmt.Sprint("M", i), big}, 2*sec)
	}
	if s.claims.bytes > maxClaimsBytes || s.Dropped() == 0 {
		t.Errorf("%d bytes are kept, %d events dropped", s.claims.bytes, s.Dropped())
	}
}

func TestInvocations(t *testing.T) {
	call := Invocation{From: End{"VHTTP", "default", "wasmcloud:httpserver"}, To: End{ID: "MECHO"}, Operation: "HttpServer.HandleRequest"}
	back := Invocation{From: call.To, To: call.From, Operation: "x"}
	s, eff := folded(step{0, Invoked{call, Tally{Succeeded: 1, Bytes: 412}}}, step{sec, Invoked{back, Tally{Failed: 1}}},
		step{sec, Invoked{call, Tally{Failed: 1, Bytes: 8}}}, step{sec, Invoked{call, Tally{Succeeded: 5, Bytes: 80}}})
	if !cmp.Equal(eff, Effect{}) {
		t.Errorf("an invocation is nothing that a plan sees: %+v", eff)
	}
	if got, ok := s.Invoked(call); !ok || got != (Tally{6, 1, 500}) {
		t.Errorf("got %+v", got)
	}
	c := s.Clone()
	s.Apply(Invoked{back, Tally{Failed: math.MaxUint64, Bytes: math.MaxUint64}}, sec)
	if got, _ := c.Invoked(back); got != (Tally{Failed: 1}) {
		t.Errorf("the copy counts on: %+v", got)
	}
	if got, _ := s.Invoked(back); got != (Tally{0, math.MaxUint64, math.MaxUint64}) {
		t.Errorf("the sum runs over: %+v", got)
	}
	for i := range maxInvocations + 10 {
		s.Apply(Invoked{Invocation{Operation: fmt.Sprint(i)}, Tally{Succeeded: 1, Failed: 1}}, sec)
	}
	s.Apply(Invoked{Invocation{Operation: strings.Repeat("x", maxText+1)}, Tally{Succeeded: 1}}, sec)
	if len(s.tallies.by) != maxInvocations || s.InvocationsLost() != 2*12+1 {
		t.Errorf("%d are counted, %d lost", len(s.tallies.by), s.InvocationsLost())
	}
	if got := testing.AllocsPerRun(100, func() { s.Apply(Event(ev), sec) }); got > 0 {
		t.Errorf("counting a known invocation allocates %v times", got)
	}
}

var ev Event = Invoked{Invocation{Operation: "1"}, Tally{Succeeded: 1}}

func TestHostStatus(t *testing.T) {
	for _, tt := range []struct {
		age   time.Duration
		decay time.Duration
		want  HostStatus
	}{
		{0, 0, Healthy}, {35*sec - 1, 0, Healthy}, {35 * sec, 0, Warn}, {70*sec - 1, 0, Warn}, {70 * sec, 0, Fail}, {105*sec - 1, 0, Fail},
		{105 * sec, 0, Unavailable}, {time.Duration(math.MaxInt64) - 100*sec, 0, Unavailable}, {-5 * sec, 0, Healthy}, {10 * sec, 4 * sec, Fail}, {1, 1, Warn},
		{10 * sec, -1, Healthy},
	} {
		h := Host{FirstSeen: 3 * sec, LastBeat: 20 * sec, LastSeen: 90 * sec}
		if got := h.Status(20*sec+tt.age, tt.decay); got != tt.want {
			t.Errorf("age %v, decay %v: %v, want %v", tt.age, tt.decay, got, tt.want)
		}
		h = Host{FirstSeen: 20 * sec, LastBeat: Never}
		if got := h.Status(20*sec+tt.age, tt.decay); got != tt.want {
			t.Errorf("without a heartbeat, known for %v, decay %v: %v, want %v", tt.age, tt.decay, got, tt.want)
		}
	}
	if got := fmt.Sprint(Healthy, Warn, Fail, Unavailable); got != "healthy warn fail unavailable" {
		t.Error(got)
	}
}

func observed() *State {
	s, _ := folded(begun(n1), begun(n2), step{2 * sec, otpStarted("b")}, step{3 * sec, otpStarted("a")},
		step{4 * sec, Started{Host: n2, Key: vSQL, Ref: "sql:1", Instance: "p"}},
		step{4 * sec, Scaled{Host: n2, Key: web, Ref: "web:1", Annotations: blog, Count: 7}},
		step{5 * sec, RefLearned{"oci://echo:1", "MECHO"}}, step{5 * sec, Claimed{"MECHO", Claims{Name: "Echo"}}},
		step{5 * sec, LinkSet{Link{Source: "MECHO", Target: "VSQL", Name: "default", Contract: "sql"}}},
		step{6 * sec, Invoked{Invocation{Operation: "x"}, Tally{Succeeded: 3}}})
	s.SetID("default")
	return s
}

func TestSnapshot(t *testing.T) {
	got := observed().Snapshot(50*sec, 0, 100)
	want := Snapshot{
		ID: "default", At: 50 * sec, Decay: DefaultDecay,
		Hosts: []HostSnapshot{{ID: n1, Name: "n1", Status: Warn, LastSeen: 3 * sec, LastBeat: Never}, {ID: n2, Name: "n2", Status: Warn, LastSeen: 4 * sec, LastBeat: Never}},
		Components: []Running{
			{Key: mEcho, Count: 2, Instances: []Instance{{Host: n1, ID: "a", Ref: "echo:1", Annotations: shop, Count: 1, FirstSeen: 3 * sec},
				{Host: n1, ID: "b", Ref: "echo:1", Annotations: shop, Count: 1, FirstSeen: 2 * sec}}},
			{Key: web, Count: 7, Instances: []Instance{{Host: n2, Ref: "web:1", Annotations: blog, Count: 7, FirstSeen: 4 * sec}}},
		},
		Providers:   []Running{{Key: vSQL, Count: 1, Instances: []Instance{{Host: n2, ID: "p", Ref: "sql:1", Count: 1, FirstSeen: 4 * sec}}}},
		Links:       []Link{{Source: "MECHO", Target: "VSQL", Name: "default", Contract: "sql"}},
		Refs:        []RefID{{"echo:1", "MECHO"}, {"sql:1", "VSQL"}},
		Claims:      []ClaimsOf{{"MECHO", Claims{Name: "Echo"}}},
		Invocations: []Count{{Invocation{Operation: "x"}, Tally{Succeeded: 3}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSnapshotIsBounded(t *testing.T) {
	s := observed()
	got := s.Snapshot(50*sec, sec, 1)
	if len(got.Hosts) != 1 || len(got.Components) != 1 || len(got.Components[0].Instances) != 1 || got.Components[0].Count != 2 || len(got.Providers[0].Instances) != 0 ||
		len(got.Links) != 1 || len(got.Refs) != 1 {
		t.Errorf("%+v", got)
	}
	if want := (Left{Hosts: 1, Components: 1, Instances: 2, Refs: 1}); got.Left != want {
		t.Errorf("left out %+v, want %+v", got.Left, want)
	}
	if got := s.Snapshot(50*sec, sec, 0); got.Left.Instances != 3 && len(got.Hosts)+len(got.Claims)+len(got.Invocations) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestSnapshotsAreTheirOwn folds anything, takes a snapshot, and folds on: the snapshot stays what it was, and its numbers are those of the state.
func TestSnapshotsAreTheirOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := New(), time.Duration(0)
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			now += sec
			s.Apply(drawEvent(t, now), now)
		}
		snap := s.Snapshot(now, 0, 1000)
		before := fmt.Sprintf("%+v", snap)
		count := 0
		for _, r := range append(snap.Components, snap.Providers...) {
			n := 0
			for _, i := range r.Instances {
				if n += i.Count; i.FirstSeen < 0 || i.FirstSeen > now {
					t.Fatalf("an instance is known since %v at %v", i.FirstSeen, now)
				}
			}
			if count += n; n != r.Count {
				t.Fatalf("%+v", r)
			}
		}
		load := 0
		for _, h := range s.Hosts() {
			load += h.Load
		}
		if load != count {
			t.Fatalf("%d instances run, the snapshot has %d", load, count)
		}
		for range 30 {
			now += sec
			s.Apply(drawEvent(t, now), now)
		}
		if after := fmt.Sprintf("%+v", snap); after != before {
			t.Fatalf("the snapshot changed:\n%s\n%s", before, after)
		}
	})
}
