package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// release asks to let go of the application of the manifest.
func release(op Operation, m *oam.Manifest) WishSeen {
	w := wish(op, m)
	w.Wish.Release = true
	return w
}

// O4: 0.3.0 let go of everything, and forgot what it was.
func TestAnUndeployThatLetsGo(t *testing.T) {
	m := webOf("v1", 2, withConfig("conf", "1"))
	running := func(t *testing.T) *lab {
		l := newLab(t, "N1", "N2").begin(wish(Deploy, m))
		l.wait(sec)
		l.statusIs("deployed")
		l.sent = nil
		l.step(release(Undeploy, m))
		l.expect("nothing is sent")
		l.statusIs("undeployed undeployed; 2 instances were left running")
		return l
	}
	t.Run("closes the record without deleting anything, and lists what runs", func(t *testing.T) {
		l := running(t)
		l.wait(10 * time.Minute)
		l.expect("nor later")
		run := l.lastRun()
		if run.Deleting || !run.Released || run.Operation != Undeploy || len(run.Configs) != 1 || run.Manifest == nil {
			t.Errorf("the record is %+v", run)
		}
		for _, h := range l.e.View().Hosts {
			if len(h.Runs) != 1 || !h.Runs[0].Released || h.Runs[0].Orphan || h.Runs[0].Component != "web" {
				t.Errorf("%s lists %+v", h.ID, h.Runs)
			}
		}
		if len(l.configs) != 1 {
			t.Errorf("the configs are %v", l.configs)
		}
	})
	t.Run("is known to the owner that follows, who tells only what hosts have said", func(t *testing.T) {
		l := running(t).follow()
		l.wait(10 * time.Minute)
		l.expect("nothing is sent")
		compare(t, "told", []string{"shop undeployed undeployed; 2 instances were left running"}, l.told)
		if v := l.e.View(); !v.Apps[0].Released || !v.Hosts[0].Runs[0].Released {
			t.Errorf("the view is %+v", v)
		}
	})
	t.Run("is followed by a deploy that adopts what runs", func(t *testing.T) {
		for _, crash := range []bool{false, true} {
			l := running(t)
			if crash {
				l.follow()
			}
			l.step(wish(Deploy, m))
			l.wait(10 * time.Minute)
			l.expect("what runs is what is wanted")
			l.statusIs("deployed")
			if run := l.lastRun(); run.Released {
				t.Errorf("the record still says released: %+v", run)
			}
		}
	})
	t.Run("heals nothing, and the deploy after it starts what is missing", func(t *testing.T) {
		l := running(t)
		l.hosts["N2"].gone = true
		l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: "N2"}}})
		l.wait(10 * time.Minute)
		l.expect("nothing is sent")
		l.statusIs("undeployed undeployed; 1 instance was left running")
		l.step(wish(Deploy, m))
		l.expect("the one that is missing", "scale N1 web:1 1→2 (too-few)")
	})
	t.Run("is followed by an undeploy that stops", func(t *testing.T) {
		for _, crash := range []bool{false, true} {
			l := running(t)
			if crash {
				l.follow()
			}
			l.step(wish(Undeploy, m))
			l.wait(2 * time.Hour)
			l.expect("all of it", "scale N1 web:1 1→0 (undeployed)", "scale N2 web:1 1→0 (undeployed)", "delete_config shop-conf")
			l.statusIs("undeployed Manifest has been undeployed")
			if run := l.lastRun(); run.Deleting || run.Released || len(run.Configs) > 0 {
				t.Errorf("the record is %+v", run)
			}
		}
	})
}

func TestLettingGoInTheMiddle(t *testing.T) {
	m := webOf("v1", 2)
	t.Run("of an undeploy that stops: what was not told to stop runs on", func(t *testing.T) {
		l := newLab(t, "N1", "N2").begin(wish(Deploy, m))
		l.hosts["N2"].mute = true
		l.sent = nil
		l.step(wish(Undeploy, m))
		l.expect("both are asked", "scale N1 web:1 1→0 (undeployed)", "scale N2 web:1 1→0 (undeployed)")
		l.step(release(Undeploy, m))
		l.hosts["N2"].mute = false
		l.wait(10 * time.Minute)
		l.expect("N2, which did not hear it, is not asked again")
		l.statusIs("undeployed undeployed; 1 instance was left running")
	})
	t.Run("of the saving: what was not sent yet is dropped", func(t *testing.T) {
		l := newLab(t, "N1", "N2")
		var pending []SaveID
		l.answer = func(s Save) Input { pending = append(pending, s.ID); return nil }
		l.begin(wish(Deploy, m))
		l.step(release(Undeploy, m))
		l.answer = nil
		l.revision++
		l.step(Saved{ID: pending[0], Revision: l.revision})
		l.wait(10 * time.Minute)
		l.expect("nothing ever went out")
		l.statusIs("undeployed Manifest has been undeployed")
	})
	t.Run("of a start: it may finish, and the deploy after it counts it", func(t *testing.T) {
		for _, crash := range []bool{false, true} {
			l := newLab(t, "N1")
			l.hosts["N1"].slow = true
			l.begin(wish(Deploy, m))
			l.expect("it is under way", "scale N1 web:1 0→2 (too-few)")
			l.step(release(Undeploy, m))
			l.statusIs("undeployed undeployed; 2 instances were left starting")
			if crash {
				l.follow()
			}
			l.step(wish(Deploy, m))
			l.wait(30 * sec)
			l.expect("not once more")
			l.hosts["N1"].runs[webKey] = asOurs(2)
			l.step(l.beats()...)
			l.statusIs("deployed")
			l.expect("all is there")
		}
	})
	t.Run("of what control has in hand: a command is judged again when it goes out", func(t *testing.T) {
		l := newLab(t, "N1").begin(wish(Deploy, m))
		c := ledger.Command{App: "shop", Epoch: 1, Action: ledger.Scale, Host: "N1", Target: ledger.Target{ID: "shop-web", Ref: "web:1"}, From: 2, To: 0}
		l.step(wish(Undeploy, m))
		l.step(release(Undeploy, m))
		entry := l.e.ledger.Add(c)
		l.now++
		if l.e.MaySend(&entry.Command, l.now) {
			t.Error("a stop of something released may go out")
		}
	})
}

func TestADeleteThatLetsGo(t *testing.T) {
	m := webOf("v1", 2, withConfig("conf", "1"))
	l := newLab(t, "N1", "N2").begin(wish(Deploy, m))
	l.wait(sec)
	l.sent = nil
	l.step(release(Delete, m))
	for range 2 {
		l.wait(10 * time.Minute)
		l.expect("nothing is sent")
		for _, h := range l.e.View().Hosts {
			if len(h.Runs) != 1 || !h.Runs[0].Orphan || h.Runs[0].Released {
				t.Errorf("%s lists %+v", h.ID, h.Runs)
			}
		}
		l.follow()
	}
	if run := l.lastRun(); run.Deleting || run.Released || run.Manifest != nil || len(run.Configs)+len(run.Links) > 0 {
		t.Errorf("the record is %+v", run)
	}
	l.step(wish(Deploy, m))
	l.wait(10 * time.Minute)
	l.expect("what runs is what is wanted")
	l.statusIs("deployed")
}

// Something of the application runs already though no record tells of it: then what did not show itself yet may run, too.
func TestADeployOverOrphansWaitsForHostsThatMayRunMore(t *testing.T) {
	l := newLab(t, "N1", "N2")
	l.hosts["N1"].runs[webKey] = asOurs(1)
	l.hosts["N2"].runs[webKey] = asOurs(1)
	l.hosts["N2"].mute = true
	l.begin()
	l.step(wish(Deploy, webOf("v1", 2)))
	l.step(l.beats()...)
	l.wait(20 * sec)
	l.step(l.beats()...)
	l.expect("N2 was not heard")
	l.hosts["N2"].mute = false
	l.wait(20 * sec)
	l.expect("it runs the other one")
	l.statusIs("deployed")
}
