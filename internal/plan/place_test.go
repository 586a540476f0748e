package plan

import (
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"pgregory.net/rapid"
)

// refused is the start of the component's first instance on the host, which failed just now.
func refused(id lattice.HostID, name string, why string) func(*world) {
	return failed(ledger.Command{Action: ledger.Scale, Component: name, Host: id, Target: ledger.Target{ID: "shop-" + name, Ref: name + ":1"}, To: 1}, why)
}

// busy is a fact: the host runs n of somebody else's.
func busy(id lattice.HostID, n int) func(*world) {
	return runsAs(id, lattice.Key{ID: "other"}, "other:1", n, nil)
}

func TestWherePlacesAreFound(t *testing.T) {
	silent := func(id lattice.HostID) func(*world) {
		return input(func(in *Input) { in.Belief.Silent = func(h lattice.HostID) bool { return h == id } })
	}
	pickyLast := []oam.Spread{spread("any", 50), spread("a", 50, "zone=a")}
	for _, tc := range []struct {
		name string
		w    *world
		want []string
		gaps []string
	}{
		{
			"instances go one at a time to the host that carries fewest of the component",
			given(app(component("echo", scaled(5))), host("N1"), host("N2"), host("N3")),
			[]string{"scale N1 echo:1 0→2 (too-few) for default", "scale N2 echo:1 0→2 (too-few) for default", "scale N3 echo:1 0→1 (too-few) for default"}, nil,
		},
		{
			"then to the one that carries fewest of all",
			given(app(component("echo", scaled(1))), host("N1"), host("N2"), busy("N1", 3), busy("N2", 2)),
			[]string{"scale N2 echo:1 0→1 (too-few) for default"}, nil,
		},
		{
			"then to the lowest id",
			given(app(component("echo", scaled(1))), host("N2"), host("N1")),
			[]string{"scale N1 echo:1 0→1 (too-few) for default"}, nil,
		},
		{
			"what this pass gives to another component counts as load",
			given(app(component("a", scaled(1)), component("b", scaled(1))), host("N1"), host("N2")),
			[]string{"scale N1 a:1 0→1 (too-few) for default", "scale N2 b:1 0→1 (too-few) for default"}, nil,
		},
		{
			"so does what is under way of others",
			given(app(component("b", scaled(1))), host("N1"), host("N2"), asked(ledger.Command{Action: ledger.Scale, Component: "x", Host: "N1", Target: ledger.Target{ID: "x"}, To: 1})),
			[]string{"scale N2 b:1 0→1 (too-few) for default"}, nil,
		},
		{
			"what is under way of the component itself is not asked for again",
			given(app(component("echo", scaled(3))), host("N1"), host("N2"), asked(ledger.Command{Action: ledger.Scale, Component: "echo", Host: "N1", Target: ledger.Target{ID: "shop-echo", Ref: "echo:1"}, To: 2})),
			[]string{"scale N2 echo:1 0→1 (too-few) for default"}, nil,
		},
		{
			"a host that failed lately comes last, so that it hinders nobody",
			given(app(component("echo", scaled(2))), host("N1"), host("N2"), refused("N1", "echo", "disk full")),
			[]string{"scale N2 echo:1 0→2 (too-few) for default"}, nil,
		},
		{
			"where every host failed lately, the gap tells the host's words",
			given(app(component("echo", scaled(2))), host("N1"), refused("N1", "echo", "disk full")),
			nil, []string{"echo backing-off, default, N1, disk full, short of 2, try 1"},
		},
		{
			"a start that failed before keeps its cause while the next try is under way",
			given(app(component("echo", scaled(2))), host("N1"), refused("N1", "echo", "disk full"), asked(ledger.Command{Action: ledger.Scale, Component: "echo", Host: "N1", Target: ledger.Target{ID: "shop-echo", Ref: "echo:1"}, To: 2})),
			nil, []string{"echo retrying, N1, disk full"},
		},
		{
			"a failure keeps its cause while nothing may be concluded",
			given(app(component("echo", scaled(2))), host("N1"), refused("N1", "echo", "disk full"), input(func(in *Input) { in.Belief.MayStart = false })),
			nil, []string{"echo backing-off, N1, disk full, try 1"},
		},
		{
			"the failure of one component says nothing of another",
			given(app(component("echo", scaled(1)), component("cart", scaled(1))), host("N1"), refused("N1", "echo", "disk full")),
			[]string{"scale N1 cart:1 0→1 (too-few) for default"}, []string{"echo backing-off, default, N1, disk full, short of 1, try 1"},
		},
		{
			"a silent host is given nothing while others are there",
			given(app(component("echo", scaled(1))), host("N1"), host("N2"), silent("N1")),
			[]string{"scale N2 echo:1 0→1 (too-few) for default"}, nil,
		},
		{
			"one unsatisfied spread never blocks another",
			given(app(component("echo", scaled(4, spread("a", 50, "zone=a"), spread("b", 50, "zone=b")))), host("N1", "zone=b")),
			[]string{"scale N1 echo:1 0→2 (too-few) for b"}, []string{"echo no-host-fits, a, zone=a, short of 2"},
		},
		{
			"a host that runs the id for somebody else is no candidate",
			given(app(component("echo", scaled(2))), host("N1"), host("N2"), foreign("N1", "echo", 1, lattice.Annotations{lattice.AppAnnotation: "blog"})),
			[]string{"scale N2 echo:1 0→2 (too-few) for default"}, nil,
		},
		{
			"and where there is no other, the gap says whose it is",
			given(app(component("echo", scaled(2))), host("N1"), foreign("N1", "echo", 1, lattice.Annotations{lattice.AppAnnotation: "blog"})),
			nil, []string{"echo held-by-other, default, N1, blog, shop-echo, short of 2"},
		},
		{
			"a spread of a provider that fits anywhere leaves a picky one its only host",
			given(app(provider("http", scaled(2, pickyLast...))), host("N1", "zone=a"), host("N2")),
			[]string{"scale N1 http:1 0→1 (too-few) for a", "scale N2 http:1 0→1 (too-few) for any"}, nil,
		},
		{
			"also where the only host runs one for it already",
			given(app(provider("http", scaled(2, pickyLast...))), host("N1", "zone=a"), host("N2"), runs("N1", "http", 1, "any")),
			[]string{"scale N2 http:1 0→1 (too-few) for any"}, nil,
		},
		{
			"an instance bears the spread that owns most of what is added on its host",
			given(app(component("echo", scaled(4, spread("few", 25), spread("many", 75)))), host("N1")),
			[]string{"scale N1 echo:1 0→4 (too-few) for many"}, nil,
		},
		{
			"of equal ones the first in the manifest",
			given(app(component("echo", scaled(4, spread("first", 50), spread("second", 50)))), host("N1")),
			[]string{"scale N1 echo:1 0→4 (too-few) for first"}, nil,
		},
		{
			"a wrong spread annotation alone causes no command",
			given(app(component("echo", scaled(2, spread("a", 50, "zone=a"), spread("b", 50, "zone=b")))), host("N1", "zone=a"), host("N2", "zone=b"),
				runs("N1", "echo", 1, "b"), runs("N2", "echo", 1, "gone")),
			nil, nil,
		},
		{
			"more spreads than can be told apart are refused in words",
			given(app(component("echo", scaled(1, make([]oam.Spread, 65)...))), host("N1")),
			nil, []string{"echo not-carried, more than 64 spreads"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := tc.w.pass()
			same(t, "commands", tc.want, lines(res.Commands))
			same(t, "gaps", tc.gaps, gaps(res))
		})
	}
}

// What falls to a silent host waits until it is known whether it lives, and nothing else may be concluded meanwhile.
func TestWhatFallsToASilentHostWaits(t *testing.T) {
	w := given(app(component("echo", scaled(1))), host("N1"), input(func(in *Input) { in.Belief.Silent = func(lattice.HostID) bool { return true } }))
	res := w.pass()
	same(t, "commands", []string(nil), lines(res.Commands))
	same(t, "part", Part{ID: PartID{Component: "echo"}, Want: 1, Held: true}, w.part(res, "echo"))
}

func TestWhenABackoffEnds(t *testing.T) {
	w := given(app(component("echo", scaled(1))), host("N1"), host("N2"), refused("N1", "echo", "no"), refused("N2", "echo", "no"))
	first, _ := w.in.Ledger.Backoff("shop", ledger.Cause{Host: "N1", What: "echo"})
	second, _ := w.in.Ledger.Backoff("shop", ledger.Cause{Host: "N2", What: "echo"})
	res := w.pass()
	if want := min(first.Until, second.Until); res.Wake != want {
		t.Errorf("woken at %v, want %v: the first of the two pauses to end", res.Wake, want)
	}
	w.in.Now = res.Wake
	if got := w.pass(); len(got.Commands) != 1 {
		t.Errorf("then: %v", lines(got.Commands))
	}
}

// Crediting what runs to spreads is a flow: as much is credited as can be, whatever the overlaps, nobody is credited more than it wants or has, and
// crediting again changes nothing.
func TestAsMuchIsCreditedAsCanBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spreads := rapid.IntRange(1, 4).Draw(t, "spreads")
		want := rapid.SliceOfN(rapid.IntRange(0, 4), spreads, spreads).Draw(t, "want")
		supply := map[fit]int{}
		for _, c := range rapid.SliceOfN(rapid.IntRange(0, 1<<spreads-1), 0, 6).Draw(t, "instances") {
			supply[fit(c)] += rapid.IntRange(1, 3).Draw(t, "count")
		}
		f := pour(supply, want)
		credited := 0
		got := make([]int, spreads)
		for c, of := range f.credit {
			if f.kept(c) > supply[c] {
				t.Fatalf("%d of class %b are credited of %d", f.kept(c), c, supply[c])
			}
			for i, n := range of {
				if n < 0 || n > 0 && !c.has(i) {
					t.Fatalf("class %b is credited %d to spread %d", c, n, i)
				}
				got[i] += n
				credited += n
			}
		}
		for i := range want {
			if got[i]+f.need[i] != want[i] || f.need[i] < 0 {
				t.Fatalf("spread %d wants %d, is credited %d and needs %d", i, want[i], got[i], f.need[i])
			}
		}
		if most := mostCredited(supply, want); credited != most {
			t.Fatalf("%d are credited, %d could be", credited, most)
		}
	})
}

// mostCredited is the maximum flow, found as the least cut: for every set of spreads that are filled to the brim, the others get at most what the
// classes hold that fit any of them.
func mostCredited(supply map[fit]int, want []int) int {
	least := 1 << 30
	for cut := range fit(1 << len(want)) {
		n := 0
		for i, w := range want {
			if cut.has(i) {
				n += w
			}
		}
		for c, s := range supply {
			if c&^cut != 0 {
				n += s
			}
		}
		least = min(least, n)
	}
	return least
}

// Providers run one on each host. As many are placed as can be, whatever the overlaps of their spreads.
func TestAsManyProvidersArePlacedAsCanBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		labels := []string{"a=1", "b=1", "c=1"}
		spreads := []oam.Spread{}
		for i := range rapid.IntRange(1, 3).Draw(t, "spreads") {
			spreads = append(spreads, spread(string(rune('p'+i)), rapid.IntRange(1, 3).Draw(t, "weight"), rapid.SliceOfNDistinct(rapid.SampledFrom(labels), 0, 2, rapid.ID).Draw(t, "requirements")...))
		}
		facts := []func(*world){}
		for i := range rapid.IntRange(1, 5).Draw(t, "hosts") {
			id := lattice.HostID("N" + string(rune('1'+i)))
			facts = append(facts, host(id, rapid.SliceOfNDistinct(rapid.SampledFrom(labels), 0, 3, rapid.ID).Draw(t, "labels")...))
			if rapid.Bool().Draw(t, "runs one") {
				facts = append(facts, runs(id, "http", 1, "p"))
			}
		}
		w := given(app(provider("http", scaled(rapid.IntRange(0, 5).Draw(t, "instances"), spreads...))), facts...)
		free := map[fit]int{}
		j := &job{r: w.in.Wanted.Resource("http")}
		for _, h := range w.in.State.Hosts() {
			free[j.fits(h)]++
		}
		most := mostCredited(free, counts(j.r.Shares))
		for range 10 {
			res := w.pass()
			if len(res.Commands) == 0 {
				if got := w.part(res, "http"); got.Have != most || got.Done() != (most == got.Want) {
					t.Fatalf("%+v; %d could run", got, most)
				}
				return
			}
			w.carried(res)
		}
		t.Fatal("it does not come to rest")
	})
}

func TestAnotherHostIsTriedAndTheFailureTold(t *testing.T) {
	w := given(app(component("echo", scaled(2))), host("N1"), host("N2"), refused("N1", "echo", "disk full"))
	part := w.pass().Parts[PartID{Component: "echo"}]
	same(t, "what people are told", []string{"It failed on host N1: disk full"}, part.Told)
	same(t, "what stands in the way", []Gap(nil), part.Gaps)
}
