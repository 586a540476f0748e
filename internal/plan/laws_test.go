package plan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"pgregory.net/rapid"
)

// scene is a random lattice and what is wanted there; built again from the same draws it is the same, whatever the order of its facts.
type scene struct {
	otp   bool
	m     *oam.Manifest
	facts []func(*world)
}

func (s *scene) world(order []int) *world {
	facts := make([]func(*world), 0, len(s.facts))
	for _, i := range order {
		facts = append(facts, s.facts[i])
	}
	if s.otp {
		return givenOTP(s.m, facts...)
	}
	return given(s.m, facts...)
}

func straight(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func drawScene(t *rapid.T) *scene {
	s := &scene{otp: rapid.Bool().Draw(t, "otp")}
	zones := []string{"a", "b", "c"}
	draw := func(kind string, most int) edit {
		var spreads []oam.Spread
		for i := range rapid.IntRange(0, 3).Draw(t, "spreads") {
			labels := []string{}
			if rapid.Bool().Draw(t, "picky") {
				labels = append(labels, "zone="+rapid.SampledFrom(zones).Draw(t, "zone"))
			}
			spreads = append(spreads, spread(fmt.Sprint("s", i), rapid.IntRange(1, 3).Draw(t, "weight"), labels...))
		}
		n := rapid.IntRange(0, most).Draw(t, "instances of "+kind)
		if !s.otp && rapid.IntRange(0, 4).Draw(t, "daemon") == 0 {
			return daemon(min(n, 2), spreads...)
		}
		return scaled(n, spreads...)
	}
	prov := provider("http", draw("http", 3))
	if s.otp {
		prov.Properties.Contract = "wasmcloud:http"
	}
	s.m = app(component("echo", draw("echo", 6)), component("cart", draw("cart", 3)), prov)
	for i := range rapid.IntRange(1, 5).Draw(t, "hosts") {
		id := lattice.HostID(fmt.Sprint("N", i+1))
		s.facts = append(s.facts, host(id, "zone="+rapid.SampledFrom(zones).Draw(t, "zone of host")))
		for _, name := range []string{"echo", "cart", "http"} {
			switch n := rapid.IntRange(0, 3).Draw(t, name); {
			case n == 0:
			case name == "http":
				s.facts = append(s.facts, runs(id, name, 1, "s0"))
			case rapid.IntRange(0, 5).Draw(t, "of before") == 0:
				s.facts = append(s.facts, runsOld(id, name, n))
			default:
				s.facts = append(s.facts, runs(id, name, n, "s0"))
			}
		}
	}
	return s
}

// runsOld is a fact: the host runs n of the component as it was with another image.
func runsOld(id lattice.HostID, name string, n int) func(*world) {
	return func(w *world) {
		r := w.in.Wanted.Resource(name)
		key := lattice.Key{Kind: r.Kind, ID: r.ID, Link: r.LinkName}
		if key.ID == "" {
			key.ID = keyOf(r.Kind, r.Ref)
			w.in.State.Apply(lattice.RefLearned{Ref: r.Ref, ID: key.ID}, sec)
		}
		runsAs(id, key, name+":0", n, r.Annotations)(w)
	}
}

// The same lattice makes the same plan, in whatever order its facts were heard.
func TestLawTheSameFactsMakeTheSamePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		first := s.world(straight(len(s.facts))).pass()
		second := s.world(rapid.Permutation(straight(len(s.facts))).Draw(t, "order")).pass()
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A plan looks at a part as it looks at the whole, so that the work for one event need not grow with the application.
func TestLawAPartIsPlannedLikeTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		whole := s.world(straight(len(s.facts)))
		all := whole.pass()
		// The first component alone: what is placed of it does not depend on those behind it.
		part := s.world(straight(len(s.facts)))
		part.in.Scope = Scope{Components: map[string]bool{"echo": true}}
		one := part.pass()
		id := PartID{Component: "echo"}
		if diff := cmp.Diff(all.Parts[id], one.Parts[id]); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Carried out, plans come to rest: then as many run as wanted, or a gap says why not, and on the way the right ones never become fewer than were
// there or are wanted, except where a host refuses two images of one key or ends a provider everywhere.
func TestLawPlansComeToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		w := s.world(straight(len(s.facts)))
		have := map[string]int{}
		for range 60 {
			res := w.pass()
			for id, p := range res.Parts {
				if id.Link > 0 {
					continue
				}
				r := w.in.Wanted.Resource(id.Component)
				if before, ok := have[id.Component]; ok && !s.otp && r.Kind == lattice.Component && p.Have < min(before, p.Want) {
					t.Fatalf("%s: %d run as they should, there were %d, and %d are wanted\n%v", id.Component, p.Have, before, p.Want, lines(res.Commands))
				}
				have[id.Component] = p.Have
			}
			if len(res.Commands) == 0 {
				atRest(t, w, res)
				return
			}
			checkCommands(t, res)
			w.carried(res)
		}
		t.Fatalf("it does not come to rest: %v", lines(w.pass().Commands))
	})
}

func atRest(t *rapid.T, w *world, res Result) {
	for id, p := range res.Parts {
		if p.Have > p.Want || p.Have < p.Want && len(p.Gaps) == 0 || !p.Done() && len(p.Gaps) == 0 {
			t.Fatalf("%v comes to rest as %+v", id, p)
		}
	}
	if res.Leftover > 0 {
		t.Fatalf("%d are left over", res.Leftover)
	}
	if again := w.pass(); cmp.Diff(res, again) != "" {
		t.Fatalf("looked at again it is another plan:\n%s", cmp.Diff(res, again))
	}
}

// checkCommands: one command at a time for each component on each host, and nothing that changes nothing.
func checkCommands(t *rapid.T, res Result) {
	seen := map[string]bool{}
	for i := range res.Commands {
		c := &res.Commands[i]
		at := fmt.Sprint(c.Host, c.Target.Kind, c.Target.ID, c.Component)
		if seen[at] {
			t.Fatalf("two commands for one place: %v", lines(res.Commands))
		}
		seen[at] = true
		if c.Action == ledger.Scale && c.From == c.To && c.Reason != ledger.ReasonConfigList {
			t.Fatalf("a command that changes nothing: %s", line(c))
		}
		if c.Reason == "" || c.App != "shop" || c.Epoch != 1 || c.Revision == "" {
			t.Fatalf("a command that does not say whose and why: %+v", c)
		}
	}
}
