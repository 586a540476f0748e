package plan

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

var (
	echoKey = lattice.Key{ID: "shop-echo"}
	byShop  = lattice.Annotations{lattice.AppAnnotation: "shop"}
	byBlog  = lattice.Annotations{lattice.AppAnnotation: "blog"}
)

func item(groups ...lattice.Group) *lattice.Item {
	return &lattice.Item{Key: echoKey, Ref: "echo:1", Groups: groups}
}

func TestIsOurs(t *testing.T) {
	for _, tc := range []struct {
		name string
		it   *lattice.Item
		want bool
	}{
		{"nothing is nobody's", nil, false},
		{"what bears our annotation is ours", item(lattice.Group{Annotations: byShop, Count: 1}), true},
		{"what bears another one is not", item(lattice.Group{Annotations: byBlog, Count: 1}), false},
		{"what bears none is not", item(lattice.Group{Count: 1}), false},
		{"of mixed instances some are ours", item(lattice.Group{Annotations: byBlog, Count: 1}, lattice.Group{Annotations: byShop, Count: 1}), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := isOurs(tc.it, "shop"); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestHeldByOther(t *testing.T) {
	for _, tc := range []struct {
		name  string
		it    *lattice.Item
		owner string
		held  bool
	}{
		{"nothing runs", nil, "", false},
		{"ours", item(lattice.Group{Annotations: byShop, Count: 1}), "", false},
		{"ours beside another's, where hosts keep them apart", item(lattice.Group{Annotations: byShop, Count: 1}, lattice.Group{Annotations: byBlog, Count: 1}), "", false},
		{"another application's", item(lattice.Group{Annotations: byBlog, Count: 1}), "blog", true},
		{"nobody's that is known", item(lattice.Group{Count: 1}), "", true},
		{"the application that is known is named", item(lattice.Group{Count: 1}, lattice.Group{Annotations: byBlog, Count: 1}), "blog", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if owner, held := heldByOther(tc.it, "shop"); owner != tc.owner || held != tc.held {
				t.Errorf("got %q, %t", owner, held)
			}
		})
	}
}

// Each row is a host with one instance, an inventory of which was asked for at 9 s (see begin).
func TestIsFresh(t *testing.T) {
	target := ledger.Target{ID: "shop-echo", Ref: "echo:1"}
	start := func(at time.Duration) func(*world) {
		return func(w *world) {
			w.in.Ledger.Restore(ledger.Command{App: "shop", Host: "N1", Target: target, To: 1}, at)
		}
	}
	told := func(ev lattice.Event, at time.Duration) func(*world) {
		return func(w *world) { w.in.State.Apply(ev, at) }
	}
	for _, tc := range []struct {
		name  string
		otp   bool
		facts []func(*world)
		want  bool
	}{
		{name: "an inventory of this connection, and nothing was sent", want: true},
		{name: "an inventory that was asked for after the last command", facts: []func(*world){start(9*sec - 1)}, want: true},
		{name: "one that was asked for before it", facts: []func(*world){start(9*sec + 1)}, want: false},
		{name: "one that was asked for at the very time", facts: []func(*world){start(9 * sec)}, want: false},
		{name: "a terminal event after the command", facts: []func(*world){start(9*sec + 1), told(lattice.Scaled{Host: "N1", Key: echoKey, Annotations: byShop, Count: 1}, 10*sec)}, want: true},
		{name: "nothing since we listen anew", facts: []func(*world){func(w *world) { w.in.State.Reset(10 * sec) }}, want: false},
		{name: "a host that is gone", facts: []func(*world){told(lattice.HostStopped{Host: "N1"}, 10*sec)}, want: false},
		{name: "OTP: an inventory", otp: true, want: true},
		{name: "OTP: a start told since may be that of a crashed one, so only an inventory counts", otp: true,
			facts: []func(*world){told(lattice.Started{Host: "N1", Key: echoKey, Ref: "echo:1", Annotations: byShop, Instance: "i9"}, 10*sec)}, want: false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			base := given
			if tc.otp {
				base = givenOTP
			}
			w := base(nil, host("N1"), runsAs("N1", echoKey, "echo:1", 1, byShop))
			for _, f := range tc.facts {
				f(w)
			}
			if got := isFresh(&w.in.View, "shop", "N1", echoKey, target); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestMayStart(t *testing.T) {
	doubted := func(k lattice.Key, ref string) bool { return k == echoKey || ref == "echo:2" }
	for _, tc := range []struct {
		name   string
		belief Belief
		key    lattice.Key
		want   bool
	}{
		{"absences are believed", Belief{MayStart: true}, echoKey, true},
		{"absences are not believed yet", Belief{}, echoKey, false},
		{"the lattice is frozen", Belief{MayStart: true, Frozen: true}, echoKey, false},
		{"this key is doubted somewhere", Belief{MayStart: true, Doubted: doubted}, echoKey, false},
		{"another key is", Belief{MayStart: true, Doubted: doubted}, lattice.Key{ID: "shop-cart"}, true},
		{"nobody knows the id, and the reference is doubted", Belief{MayStart: true, Doubted: doubted}, lattice.Key{Link: "default"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ref := "echo:1"
			if tc.key.ID == "" {
				ref = "echo:2"
			}
			if got := mayStart(&View{Belief: tc.belief}, tc.key, ref); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestMayDelete(t *testing.T) {
	told := lattice.Inventory{Host: "N1", Dialect: lattice.V1, Asked: 8 * sec}
	for _, tc := range []struct {
		name   string
		belief Belief
		events []lattice.Event
		want   bool
	}{
		{"there is no host", Belief{}, nil, true},
		{"every host has said what it runs", Belief{}, []lattice.Event{told}, true},
		{"the lattice is frozen", Belief{Frozen: true}, []lattice.Event{told}, false},
		{"a host has shown itself and not said what it runs", Belief{}, []lattice.Event{told, lattice.HostSeen{Host: "N2", Dialect: lattice.V1}}, false},
		{"a host is doubted since it said what it runs", Belief{}, []lattice.Event{told, lattice.Scaled{Host: "N1", Key: echoKey, Ref: "echo:1"}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := View{State: lattice.New(), Belief: tc.belief}
			for _, ev := range tc.events {
				v.State.Apply(ev, 10*sec)
			}
			if got := mayDelete(&v); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestMayUse(t *testing.T) {
	w := given(nil, host("N1"))
	w.in.State.Apply(lattice.HostSeen{Host: "N2"}, 10*sec)
	for _, tc := range []struct {
		name   string
		host   lattice.HostID
		frozen bool
		want   bool
	}{
		{"a host that lives and speaks", "N1", false, true},
		{"one of which nobody knows what it speaks", "N2", false, false},
		{"one that is unknown", "N3", false, false},
		{"none while the lattice is frozen", "N1", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := w.in.View
			v.Belief.Frozen = tc.frozen
			if got := mayUse(&v, tc.host); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestMayStop(t *testing.T) {
	target := ledger.Target{ID: "shop-echo", Ref: "echo:1"}
	for _, tc := range []struct {
		name string
		w    *world
		want bool
	}{
		{"ours, and the news is fresh", given(nil, host("N1"), runsAs("N1", echoKey, "echo:1", 1, byShop)), true},
		{"ours, but a command was sent since", given(nil, host("N1"), runsAs("N1", echoKey, "echo:1", 1, byShop), asked(ledger.Command{Host: "N1", Target: target, To: 1})), false},
		{"somebody else's", given(nil, host("N1"), runsAs("N1", echoKey, "echo:1", 1, byBlog)), false},
		{"not there", given(nil, host("N1")), false},
		{"frozen", given(nil, host("N1"), runsAs("N1", echoKey, "echo:1", 1, byShop), input(func(in *Input) { in.Belief.Frozen = true })), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := mayStop(&tc.w.in.View, "shop", "N1", echoKey, target); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestMaySend(t *testing.T) {
	scale := func(from, to int, edits ...func(*ledger.Command)) ledger.Command {
		c := ledger.Command{App: "shop", Action: ledger.Scale, Host: "N1", Target: ledger.Target{ID: "shop-echo", Ref: "echo:1"}, From: from, To: to}
		for _, e := range edits {
			e(&c)
		}
		return c
	}
	update := scale(1, 1, func(c *ledger.Command) { c.Action = ledger.Update })
	one := runsAs("N1", echoKey, "echo:1", 1, byShop)
	theirs := runsAs("N1", echoKey, "echo:1", 1, byBlog)
	frozen := input(func(in *Input) { in.Belief.Frozen = true })
	link := ledger.Command{App: "shop", Action: ledger.PutLink}
	for _, tc := range []struct {
		name string
		w    *world
		cmd  ledger.Command
		want bool
	}{
		{"a start, as planned", given(nil, host("N1")), scale(0, 1), true},
		{"a start of more, as planned", given(nil, host("N1"), one), scale(1, 3), true},
		{"a start, but one has appeared meanwhile", given(nil, host("N1"), one), scale(0, 1), false},
		{"a start of more, but what ran has gone", given(nil, host("N1")), scale(1, 3), false},
		{"a start, but the host has gone", given(nil), scale(0, 1), false},
		{"a start, but somebody else has taken the id", given(nil, host("N1"), theirs), scale(0, 1), false},
		{"OTP: a start beside somebody else's instances", givenOTP(nil, host("N1"), theirs), scale(0, 1), true},
		{"OTP: a start of what nobody knows the id of", givenOTP(nil, host("N1")), scale(0, 1, func(c *ledger.Command) { c.Target.ID = "" }), true},
		{"a start while the lattice is frozen", given(nil, host("N1"), frozen), scale(0, 1), false},
		{"a stop, as planned", given(nil, host("N1"), one), scale(1, 0), true},
		{"a stop, but fewer run than were planned with", given(nil, host("N1"), one), scale(2, 1), false},
		{"a stop of what has gone", given(nil, host("N1")), scale(1, 0), false},
		{"a stop after a command of which nothing was heard", given(nil, host("N1"), one, asked(scale(1, 2))), scale(1, 0), false},
		{"a rebuild, as planned", given(nil, host("N1"), one), scale(1, 1), true},
		{"a rebuild of what has gone", given(nil, host("N1")), scale(1, 1), false},
		{"an update of what runs, whatever the count", given(nil, host("N1"), one), update, true},
		{"an update of what has gone", given(nil, host("N1")), update, false},
		{"an update of somebody else's", given(nil, host("N1"), theirs), update, false},
		{"a link needs no host of its own", given(nil), link, true},
		{"a link while the lattice is frozen", given(nil, frozen), link, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := MaySend(&tc.w.in.View, &tc.cmd); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// What may not be concluded is not acted on, and the plan says when to look again.
func TestWhatIsMissingWaitsUntilItIsBelieved(t *testing.T) {
	for _, tc := range []struct {
		name   string
		belief Belief
		wake   time.Duration
	}{
		{"until a time", Belief{StartAt: 20 * sec}, 20 * sec},
		{"until somebody speaks", Belief{StartAt: lattice.Never}, lattice.Never},
		{"while the key is doubted", Belief{MayStart: true, StartAt: lattice.Never, Doubted: func(lattice.Key, string) bool { return true }}, lattice.Never},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := given(app(component("echo", scaled(2))), host("N1"), host("N2"), runs("N1", "echo", 1, "default"), input(func(in *Input) { in.Belief = tc.belief }))
			res := w.pass()
			same(t, "commands", []string(nil), lines(res.Commands))
			same(t, "part", Part{ID: PartID{Component: "echo"}, Want: 2, Have: 1, Held: true}, w.part(res, "echo"))
			same(t, "wake", tc.wake, res.Wake)
		})
	}
	t.Run("a frozen lattice gets no plan at all", func(t *testing.T) {
		w := given(app(component("echo", scaled(2))), host("N1"), input(func(in *Input) { in.Belief.Frozen = true }))
		same(t, "result", Result{Parts: map[PartID]Part{}, Wake: lattice.Never}, w.pass())
	})
}

// A stop asks for the news that would permit it.
func TestAStopAsksForFreshNews(t *testing.T) {
	w := given(app(component("echo", scaled(1))), host("N1"), runs("N1", "echo", 3, "default"))
	w.in.State.Reset(10 * sec)
	w.in.State.Apply(lattice.Links{Asked: 10 * sec}, 10*sec)
	res := w.pass()
	same(t, "commands", []string(nil), lines(res.Commands))
	same(t, "inventories to ask for", []lattice.HostID{"N1"}, res.Inventory)
	w.tellInventory("N1", 11*sec)
	same(t, "then", []string{"scale N1 echo:1 3→1 (too-many) for default"}, lines(w.pass().Commands))
}
