package ledger

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wadm-go/wadm/lattice"
	"pgregory.net/rapid"
)

func TestOpenFindsATargetByIDOrReference(t *testing.T) {
	both := Target{Kind: lattice.Component, ID: "shop-web", Ref: "web:1"}
	for _, tc := range []struct {
		name  string
		added Command
		app   string
		host  lattice.HostID
		ask   Target
		want  bool
	}{
		{"by its id", scale(0, 1), "shop", n1, Target{ID: "shop-web"}, true},
		{"by its reference", scale(0, 1), "shop", n1, Target{Ref: "web:1"}, true},
		{"by the reference when the id was not known at the sending", scale(0, 1, asOTP), "shop", n1, both, true},
		{"by the id though the reference is another now", scale(0, 1), "shop", n1, Target{ID: "shop-web", Ref: "web:2"}, true},
		{"not under another id", scale(0, 1), "shop", n1, Target{ID: "shop-cart"}, false},
		{"not under another reference", scale(0, 1), "shop", n1, Target{Ref: "web:2"}, false},
		{"not on another host", scale(0, 1), "shop", n2, both, false},
		{"not for another application", scale(0, 1), "blog", n1, both, false},
		{"not as a provider", scale(0, 1), "shop", n1, Target{Kind: lattice.Provider, ID: "shop-web", Ref: "web:1"}, false},
		{"not under another link name", scale(0, 1, asProvider), "shop", n1, Target{Kind: lattice.Provider, ID: "shop-http", Ref: "http:1", Link: "other"}, false},
		{"not by nothing", scale(0, 1, asOTP), "shop", n1, Target{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New(Defaults())
			e := l.Add(tc.added)
			got := l.Open(tc.app, tc.host, tc.ask)
			if (got == e) != tc.want || got != nil && got != e {
				t.Errorf("got %+v", got)
			}
			l.Answer(e.ID, Dropped, "", sec)
			if got := l.Open(tc.app, tc.host, tc.ask); got != nil {
				t.Errorf("found after it was settled: %+v", got)
			}
		})
	}
}

func TestWhatIsUnderWayIsFoundByEveryIndex(t *testing.T) {
	l := New(Defaults())
	a := l.Add(scale(0, 2))
	b := l.Add(scale(3, 1, func(c *Command) { c.Host, c.Target.ID, c.Component = n2, "shop-cart", "cart" }))
	c := l.Add(putLink())
	type found struct {
		All, Web, Cart, N1, N2, Lattice []CommandID
		Shop, Blog, PendingN1           int
	}
	look := func() found {
		ids := func(es []*Entry) (out []CommandID) {
			for _, e := range es {
				out = append(out, e.ID)
			}
			return out
		}
		return found{ids(l.All()), ids(l.OpenFor("shop", "web")), ids(l.OpenFor("shop", "cart")), ids(l.OpenOn(n1)), ids(l.OpenOn(n2)), ids(l.OpenOn("")),
			l.OpenOf("shop"), l.OpenOf("blog"), l.Pending(n1)}
	}
	want := found{
		All: []CommandID{a.ID, b.ID, c.ID}, Web: []CommandID{a.ID, c.ID}, Cart: []CommandID{b.ID},
		N1: []CommandID{a.ID}, N2: []CommandID{b.ID}, Lattice: []CommandID{c.ID}, Shop: 3, PendingN1: 2,
	}
	if diff := cmp.Diff(want, look()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, e := range l.All() {
		l.Answer(e.ID, Dropped, "", sec)
	}
	if diff := cmp.Diff(found{All: nil}, look()); diff != "" {
		t.Errorf("after all are settled, -want +got:\n%s", diff)
	}
}

func TestDeadlines(t *testing.T) {
	s := Settings{ComponentStart: 2 * time.Minute, ProviderStart: 5 * time.Minute, Stop: time.Minute, Stored: 10 * sec, Goodbye: sec, BackoffFirst: sec, BackoffMost: sec}
	for _, tc := range []struct {
		name string
		cmd  Command
		want time.Duration
	}{
		{"the start of a component may take two minutes", scale(0, 1), s.ComponentStart},
		{"so may an update in place", updateCommand, s.ComponentStart},
		{"and a rebuild", scale(1, 1), s.ComponentStart},
		{"the start of a provider may take five", scale(0, 1, asProvider), s.ProviderStart},
		{"a stop a minute", scale(1, 0), s.Stop},
		{"that of a provider too", scale(1, 0, asProvider), s.Stop},
		{"a link ten seconds", putLink(), s.Stored},
		{"a config too", putConfig(), s.Stored},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New(s)
			e := l.Add(tc.cmd)
			if e.Deadline != Never || l.NextDeadline() != Never {
				t.Fatalf("what is not sent has a deadline: %v, %v", e.Deadline, l.NextDeadline())
			}
			if outs := l.Expire(time.Hour); outs != nil {
				t.Fatalf("what is not sent expires: %+v", outs)
			}
			l.Sent(e.ID, 3*sec)
			at := 3*sec + tc.want
			if e.Deadline != at || l.NextDeadline() != at {
				t.Fatalf("the deadline is %v, the next one %v, want %v", e.Deadline, l.NextDeadline(), at)
			}
			if outs := l.Expire(at - 1); outs != nil {
				t.Fatalf("it expires before: %+v", outs)
			}
			if got := verdict(l.Expire(at)); got != Failed {
				t.Errorf("the verdict at the deadline is %d", got)
			}
			if l.Len() != 0 || l.NextDeadline() != Never {
				t.Errorf("%d are open, the next deadline is %v", l.Len(), l.NextDeadline())
			}
		})
	}
	t.Run("the nearest deadline of all is the next", func(t *testing.T) {
		l := New(s)
		for _, c := range []Command{scale(0, 1), putLink(), scale(1, 0, asProvider)} {
			l.Sent(l.Add(c).ID, 0)
		}
		if got := l.NextDeadline(); got != s.Stored {
			t.Errorf("got %v", got)
		}
	})
	t.Run("what is settled is not sent any more", func(t *testing.T) {
		l := New(s)
		e := l.Add(scale(0, 1))
		l.HostGone(n1, sec)
		if l.Sent(e.ID, 2*sec) {
			t.Error("it was sent all the same")
		}
	})
}

// What an earlier owner saved may have been sent. It counts as sent now, so that it is neither repeated at once nor waited for without end.
func TestARestoredIntentCountsAsSent(t *testing.T) {
	l := New(Defaults())
	e := l.Restore(scale(0, 2), 7*sec)
	want := Entry{Command: scale(0, 2, func(c *Command) { c.ID = 1 }), SentAt: 7 * sec, Deadline: 7*sec + Defaults().ComponentStart, Restored: true}
	if diff := cmp.Diff(want, *e, whole); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if l.Pending(n1) != 2 || !l.Owes(n1, 8*sec) {
		t.Errorf("pending %d, owes %t", l.Pending(n1), l.Owes(n1, 8*sec))
	}
	if got := verdict(l.Observe(lattice.Scaled{Host: n1, Key: web, Annotations: mine, Count: 2}, 8*sec)); got != Settled {
		t.Errorf("its event says %d", got)
	}
}

func TestWhoOwesAStart(t *testing.T) {
	for _, tc := range []struct {
		name string
		cmd  Command
		at   time.Duration
		want bool
	}{
		{"a start before its deadline", scale(0, 1), 2 * sec, true},
		{"not after it", scale(0, 1), sec + Defaults().ComponentStart, false},
		{"an update", updateCommand, 2 * sec, true},
		{"not a stop", scale(1, 0), 2 * sec, false},
		{"not a rebuild", scale(1, 1), 2 * sec, false},
		{"not another host", scale(0, 1, func(c *Command) { c.Host = n2 }), 2 * sec, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := sent(tc.cmd)
			if got := l.Owes(n1, tc.at); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
	l := New(Defaults())
	l.Add(scale(0, 1))
	if l.Owes(n1, sec) {
		t.Error("a start that was not sent keeps nobody busy")
	}
}

func TestWhenWasTheLastCommandSent(t *testing.T) {
	ask := func(l *Ledger, t Target) time.Duration { return l.LastSent("shop", n1, t) }
	byID, byRef := Target{ID: "shop-web"}, Target{Ref: "web:1"}
	newest := func(at time.Duration) func(lattice.HostID) time.Duration {
		return func(lattice.HostID) time.Duration { return at }
	}
	for _, tc := range []struct {
		name string
		do   func(l *Ledger)
		ask  Target
		want time.Duration
	}{
		{"never, if nothing was", func(*Ledger) {}, byID, Never},
		{"never, while it waits", func(l *Ledger) { l.Add(scale(0, 1)) }, byID, Never},
		{"at its sending", func(l *Ledger) { l.Restore(scale(0, 1), 2*sec) }, byID, 2 * sec},
		{"also by the reference", func(l *Ledger) { l.Restore(scale(0, 1), 2*sec) }, byRef, 2 * sec},
		{"the later of id and reference", func(l *Ledger) {
			l.Restore(scale(0, 1, asOTP), 2*sec)
			l.Restore(scale(0, 1, func(c *Command) { c.Target.Ref = "web:0" }), 3*sec)
		}, Target{ID: "shop-web", Ref: "web:1"}, 3 * sec},
		{"also after it was settled", func(l *Ledger) { l.Restore(scale(0, 1), 2*sec); l.HostGone(n1, 3*sec) }, byID, 2 * sec},
		{"an open command is not forgotten", func(l *Ledger) { l.Restore(scale(0, 1), 2*sec); l.Forget(newest(9 * sec)) }, byID, 2 * sec},
		{"a settled one is, when the host has said something newer", func(l *Ledger) {
			l.Restore(scale(0, 1), 2*sec)
			l.HostGone(n1, 3*sec)
			l.Forget(newest(3 * sec))
		}, byID, Never},
		{"but not before", func(l *Ledger) {
			l.Restore(scale(0, 1), 2*sec)
			l.HostGone(n1, 3*sec)
			l.Forget(newest(2 * sec))
		}, byID, 2 * sec},
		{"links and configs have no such time", func(l *Ledger) { l.Restore(putLink(), 2*sec) }, Target{}, Never},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New(Defaults())
			tc.do(l)
			if got := ask(l, tc.ask); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// Whatever happens, every index tells of the same entries, and when all is over nothing is left of them.
func TestTheIndexesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(Defaults())
		now := time.Duration(0)
		hosts := []lattice.HostID{n1, n2}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				e := l.Add(rapid.SampledFrom([]Command{scale(0, 2), scale(2, 0), scale(0, 1, asProvider), scale(0, 1, asOTP), updateCommand, putLink(), putConfig()}).Draw(t, "command"))
				if rapid.Bool().Draw(t, "at once") {
					l.Sent(e.ID, now)
				}
			},
			"answer": func(t *rapid.T) {
				id := CommandID(rapid.IntRange(0, 9).Draw(t, "id"))
				l.Answer(id, rapid.SampledFrom([]Answer{Accepted, Refused, NoResponders, NoAnswer, Dropped}).Draw(t, "answer"), "", now)
			},
			"observe": func(t *rapid.T) {
				l.Observe(rapid.SampledFrom([]lattice.Event{
					lattice.Scaled{Host: n1, Key: web, Annotations: mine, Count: 2}, lattice.Started{Host: n1, Key: http, Ref: "http:1", Annotations: mine},
					lattice.Stopped{Host: n1, Key: web}, runs(now, web, "web:1", group(2, mine)), lattice.LinkSet{Link: aLink("shop-kv")},
				}).Draw(t, "event"), now)
			},
			"lose":    func(t *rapid.T) { l.HostGone(rapid.SampledFrom(hosts).Draw(t, "host"), now) },
			"restart": func(t *rapid.T) { l.HostRestarted(rapid.SampledFrom(hosts).Draw(t, "host"), now) },
			"wait":    func(t *rapid.T) { now += time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * sec; l.Expire(now) },
			"":        func(t *rapid.T) { indexesAgree(t, l) },
		})
		for _, e := range l.All() {
			l.Answer(e.ID, Dropped, "", now)
		}
		for s, p := range l.bySlot {
			if p.open != nil || len(p.older) > 0 || p.sent == Never {
				t.Fatalf("the slot %+v is kept for %+v", s, p)
			}
		}
		if len(l.entries)+len(l.byWork)+len(l.byHost)+len(l.pending)+len(l.apps) != 0 {
			t.Fatalf("something is left: %+v", l)
		}
	})
}

func indexesAgree(t *rapid.T, l *Ledger) {
	next, starts := Never, map[string][]CommandID{}
	for _, e := range l.All() {
		if e.Deadline != Never && (next == Never || e.Deadline < next) {
			next = e.Deadline
		}
		if e.Starting() {
			starts[e.App] = append(starts[e.App], e.ID)
		}
	}
	if got := l.NextDeadline(); got != next {
		t.Fatalf("the next deadline is %v, not %v", next, got)
	}
	for app, want := range starts {
		var got []CommandID
		l.Starts(app, func(e *Entry) { got = append(got, e.ID) })
		if !slices.Equal(got, want) {
			t.Fatalf("the starts of %q are %v, not %v", app, want, got)
		}
	}
	work, host, app, pending := map[Work]int{}, map[lattice.HostID]int{}, map[string]int{}, map[lattice.HostID]int{}
	for _, e := range l.All() {
		work[Work{e.App, e.Component}]++
		host[e.Host]++
		app[e.App]++
		if onHost(&e.Command) && e.To > e.From {
			pending[e.Host] += e.To - e.From
		}
		if onHost(&e.Command) && l.Open(e.App, e.Host, e.Target) == nil {
			t.Fatalf("an open entry is not found by its target: %+v", e)
		}
	}
	for w, n := range work {
		if len(l.OpenFor(w.App, w.Component)) != n {
			t.Fatalf("%v has %d entries, the index says %d", w, n, len(l.OpenFor(w.App, w.Component)))
		}
	}
	for h, n := range host {
		if len(l.OpenOn(h)) != n || l.Pending(h) != pending[h] {
			t.Fatalf("%v has %d entries and %d instances under way, the indexes say %d and %d", h, n, pending[h], len(l.OpenOn(h)), l.Pending(h))
		}
	}
	for a, n := range app {
		if l.OpenOf(a) != n {
			t.Fatalf("%v has %d entries, the index says %d", a, n, l.OpenOf(a))
		}
	}
}
