package engine

import (
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

func TestCommandsWaitForTheSave(t *testing.T) {
	start := "scale N1 web:1 0→2 (too-few)"
	held := func(t *testing.T) *lab {
		l := newLab(t, "N1")
		l.answer = func(Save) Input { return nil }
		l.begin(wish(Deploy, webOf("v1", 2)))
		l.expect("the record is not stored yet")
		if len(l.saves) != 1 {
			t.Fatalf("%d saves, want one", len(l.saves))
		}
		return l
	}
	saved := func(l *lab) Saved { return Saved{ID: l.saves[len(l.saves)-1].ID, Revision: 1} }
	t.Run("and go when it is stored", func(t *testing.T) {
		l := held(t)
		l.answer = nil
		l.step(saved(l))
		l.expect("then", start)
	})
	t.Run("however long it takes", func(t *testing.T) {
		l := held(t)
		l.wait(50 * sec)
		l.expect("nothing")
		if len(l.saves) != 1 {
			t.Errorf("saved %d times meanwhile", len(l.saves))
		}
	})
	t.Run("a save that failed is tried again, with the same content, and the commands with it", func(t *testing.T) {
		l := held(t)
		l.answer = nil
		l.step(Saved{ID: l.saves[0].ID, Err: "no quorum"})
		l.expect("it failed")
		l.wait(2 * sec)
		l.expect("the second one did not", start)
		compare(t, "what was saved then", l.saves[0].Run, l.saves[1].Run)
		if l.saves[0].ID == l.saves[1].ID {
			t.Error("both saves have one id")
		}
	})
	t.Run("GATE-07 (changed) a conflict means that the lease is lost: nothing more is done", func(t *testing.T) {
		l := held(t)
		l.step(Saved{ID: l.saves[0].ID, Lost: true})
		if !l.e.Lost() {
			t.Fatal("it is not known")
		}
		l.outputs = 0
		l.step(wish(Deploy, webOf("v2", 3)))
		l.step(l.beats()...)
		l.wait(200 * sec)
		if l.outputs > 0 {
			t.Errorf("%d things were put out", l.outputs)
		}
		if l.e.MaySend(&ledger.Command{App: "shop", Epoch: 1}, l.now+1) {
			t.Error("a command may still go out")
		}
	})
	t.Run("what was planned for a revision that is no longer wanted does not go out", func(t *testing.T) {
		l := held(t)
		l.step(wish(Deploy, webOf("v2", 2, imageOf("web:2"))))
		l.answer = nil
		l.step(saved(l))
		l.wait(sec)
		l.expect("only the newer revision", "scale N1 web:2 0→2 (too-few)")
	})
	t.Run("other applications go on", func(t *testing.T) {
		l := held(t)
		blog := webOf("v1", 1, func(m *oam.Manifest) { m.Metadata.Name, m.Spec.Components[0].Properties.Image = "blog", "blog:1" })
		l.answer = func(s Save) Input {
			if s.App == "shop" {
				return nil
			}
			return Saved{ID: s.ID, Revision: 9}
		}
		l.step(wish(Deploy, blog))
		l.expect("blog is not held up", "scale N1 blog:1 0→1 (too-few)")
	})
}

func TestWhatIsSaved(t *testing.T) {
	l := newLab(t, "N1", "N2")
	l.hosts["N1"].slow, l.hosts["N2"].slow = true, true
	m := webOf("v1", 3)
	w := wish(Deploy, m)
	l.begin(w)
	target := ledger.Target{Kind: lattice.Component, ID: "shop-web", Ref: "web:1"}
	want := Run{
		App: "shop", Epoch: 1, Acted: w.Wish.ID, Operation: Deploy, Version: "v1", Manifest: oam.Canonical(m),
		Hosts: []string{"N1", "N2"}, Intents: []Intent{{Component: "web", Target: target, At: [][3]int{{0, 0, 2}, {1, 0, 1}}}},
	}
	compare(t, "before the starts go out", want, l.saves[0].Run)
	if l.saves[0].Expect != 0 || l.saves[0].Delete {
		t.Errorf("the first save expects %d", l.saves[0].Expect)
	}
	for _, p := range l.hosts {
		p.slow = false
	}
	l.hosts["N1"].runs[webKey], l.hosts["N2"].runs[webKey] = asOurs(2), asOurs(1)
	l.step(l.beats()...)
	want.Intents, want.Lists = nil, []AppliedList{{ID: "shop-web"}}
	compare(t, "when all runs", want, l.lastRun())
	last := l.saves[len(l.saves)-1]
	if last.Expect != uint64(len(l.saves)-1) {
		t.Errorf("save %d expects revision %d, want that of the one before", len(l.saves), last.Expect)
	}
}

// GATE-08: starts of an earlier owner may be under way: hosts acknowledge before they work, so they are not started once more.
func TestIntentsOfAnEarlierOwner(t *testing.T) {
	begun := func(t *testing.T) *lab {
		l := newLab(t, "N1", "N2")
		l.hosts["N1"].slow = true
		l.begin(wish(Deploy, webOf("v1", 2)))
		l.expect("the first owner", "scale N1 web:1 0→1 (too-few)", "scale N2 web:1 0→1 (too-few)")
		l.follow()
		return l
	}
	t.Run("what was asked for is waited for", func(t *testing.T) {
		l := begun(t)
		l.wait(60 * sec)
		l.expect("the host may be at work")
	})
	t.Run("it appears", func(t *testing.T) {
		l := begun(t)
		l.wait(20 * sec)
		l.hosts["N1"].runs[webKey] = asOurs(1)
		l.wait(30 * sec)
		l.expect("all is there")
		l.statusIs("deployed")
	})
	t.Run("what hosts without inventories in their heartbeats show is seen soon", func(t *testing.T) {
		l := newLab(t, "N1", "N2")
		l.otp = true
		l.hosts["N1"].slow, l.hosts["N2"].slow = true, true
		l.begin(wish(Deploy, webOf("v1", 2)))
		runs := func(id lattice.HostID) {
			r := asOurs(1)
			r.Key, r.Groups[0].Instances = lattice.Key{ID: "Mweb"}, []string{"of-" + string(id)}
			l.hosts[id].runs[r.Key] = r
		}
		runs("N1") // its event was told while nobody listened
		l.follow()
		l.wait(sec)
		runs("N2")
		l.wait(6 * sec)
		l.expect("all is there")
		l.statusIs("deployed")
	})
	t.Run("it does not appear until the deadline: it is tried elsewhere, and the status says so", func(t *testing.T) {
		l := begun(t)
		l.wait(Defaults().Ledger.ComponentStart + 5*sec)
		if len(l.sent) == 0 {
			t.Error("nothing is done")
		}
	})
	t.Run("an intent for a host that the record does not name is no record of ours", func(t *testing.T) {
		l := newLab(t, "N1")
		run := Run{App: "shop", Operation: Deploy, Manifest: oam.Canonical(webOf("v1", 1)), Intents: []Intent{{Component: "web", At: [][3]int{{5, 0, 1}, {-1, 0, 1}}}}}
		l.begin(RunLoaded{Run: run, Revision: 1})
		l.wait(60 * sec)
		l.expect("it is not believed", "scale N1 web:1 0→1 (too-few)")
	})
}

func TestWhatGoesOutIsJudgedOnceMore(t *testing.T) {
	held := func(t *testing.T) (*lab, ledger.Command) {
		l := newLab(t, "N1")
		l.hosts["N1"].slow = true
		l.begin(wish(Deploy, webOf("v1", 1)))
		e := l.e.ledger.All()
		if len(e) != 1 {
			t.Fatalf("%d commands are open", len(e))
		}
		return l, e[0].Command
	}
	for _, tc := range []struct {
		name string
		edit func(l *lab, c *ledger.Command)
		want bool
	}{
		{"as planned", func(*lab, *ledger.Command) {}, true},
		{"of another owner", func(_ *lab, c *ledger.Command) { c.Epoch = 7 }, false},
		{"of another revision", func(_ *lab, c *ledger.Command) { c.Revision = "old" }, false},
		{"of nobody", func(_ *lab, c *ledger.Command) { c.App = "gone" }, false},
		{"that is settled already", func(_ *lab, c *ledger.Command) { c.ID = 99 }, false},
		{"without a connection", func(l *lab, _ *ledger.Command) { l.step(Disconnected{}) }, false},
		{"to a host that stopped", func(l *lab, _ *ledger.Command) {
			l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: "N1"}}})
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, c := held(t)
			tc.edit(l, &c)
			if got := l.e.MaySend(&c, l.now+1); got != tc.want {
				t.Errorf("may go: %t", got)
			}
		})
	}
}
