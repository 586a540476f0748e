package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

const sec = time.Second

func TestWhenADeployActs(t *testing.T) {
	m := webOf("v1", 2)
	start := []string{"scale N1 web:1 0→1 (too-few)", "scale N2 web:1 0→1 (too-few)"}
	t.Run("after the ping window has closed", func(t *testing.T) {
		l := newLab(t, "N1", "N2")
		l.deaf = true
		l.begin(wish(Deploy, m))
		l.step(l.beats()...)
		l.expect("hosts are known, but more may answer")
		l.step(Learned{ID: l.asked[0].ID, Asked: sec})
		l.expect("nobody else has", start...)
		l.statusIs("deployed")
	})
	t.Run("also when nobody says that it has", func(t *testing.T) {
		l := newLab(t, "N1", "N2")
		l.deaf = true
		l.begin(wish(Deploy, m))
		l.step(l.beats()...)
		l.wait(Defaults().Window - 100*time.Millisecond)
		l.expect("not before")
		l.wait(200 * time.Millisecond)
		l.expect("then", start...)
	})
	t.Run("at once in a lattice that is listened to already", func(t *testing.T) {
		l := newLab(t, "N1", "N2").begin()
		l.step(wish(Deploy, m))
		l.expect("at once", start...)
	})
	t.Run("when the first host comes, and until then it waits", func(t *testing.T) {
		l := newLab(t).begin()
		l.step(wish(Deploy, m))
		l.statusIs("waiting Waiting for status: Lattice contains no hosts, deployment not started.")
		l.join("N1")
		l.step(l.beats()...)
		l.expect("both go there", "scale N1 web:1 0→2 (too-few)")
	})
	t.Run("not before the snapshot has ended: a later wish may stand in it", func(t *testing.T) {
		l := newLab(t, "N1")
		l.step(Connected{})
		l.step(wish(Deploy, m))
		l.wait(60 * sec)
		l.expect("nothing is known for certain")
		l.step(SnapshotEnd{})
		l.expect("now it is", "scale N1 web:1 0→2 (too-few)")
	})
}

// What was deployed before this owner came runs somewhere, most likely. Its absence is believed when it is proven.
func TestWhenAnAbsenceIsBelievedByANewOwner(t *testing.T) {
	m := webOf("v1", 2)
	period := Defaults().Period + Defaults().Grace
	deployed := func(t *testing.T) *lab {
		l := newLab(t, "N1", "N2").begin(wish(Deploy, m))
		l.expect("the first owner", "scale N1 web:1 0→1 (too-few)", "scale N2 web:1 0→1 (too-few)")
		return l
	}
	t.Run("at once, when every host of the run record has answered", func(t *testing.T) {
		l := deployed(t)
		clear(l.hosts["N2"].runs)
		l.follow()
		l.expect("N2 says that it runs none", "scale N2 web:1 0→1 (too-few)")
	})
	t.Run("at once, when nobody listens on a host of the run record", func(t *testing.T) {
		l := deployed(t)
		delete(l.hosts, "N2")
		l.follow()
		l.expect("N2 is nowhere", "scale N1 web:1 1→2 (too-few)")
	})
	t.Run("after a heartbeat period, while such a host does not answer; until then the last status stands", func(t *testing.T) {
		l := deployed(t)
		l.hosts["N2"].mute = true
		l.follow()
		l.wait(period - sec)
		l.expect("N2 may be busy")
		if len(l.told) > 0 {
			t.Errorf("told: %q", l.told)
		}
		l.wait(2 * sec)
		l.expect("it is not as wanted for a whole period", "scale N1 web:1 1→2 (too-few)")
	})
	t.Run("never by mistake: what shows itself meanwhile is ours", func(t *testing.T) {
		l := deployed(t)
		l.hosts["N2"].mute = true
		l.follow()
		l.wait(10 * sec)
		l.hosts["N2"].mute = false
		l.step(l.beats()...)
		l.wait(2 * period)
		l.expect("nothing was missing")
		l.statusIs("deployed")
	})
	t.Run("after a heartbeat period, when there is no run record at all: a take-over", func(t *testing.T) {
		l := newLab(t, "N1", "N2")
		l.hosts["N1"].runs[webKey] = asOurs(1)
		l.begin(model(m, 7))
		l.wait(period - sec)
		l.expect("the other one may run on a host that was not heard yet")
		l.wait(2 * sec)
		l.expect("now it is missed", "scale N2 web:1 0→1 (too-few)")
	})
	t.Run("a take-over of what runs as it should sends nothing", func(t *testing.T) {
		l := newLab(t, "N1", "N2")
		l.hosts["N1"].runs[webKey], l.hosts["N2"].runs[webKey] = asOurs(1), asOurs(1)
		l.begin(model(m, 7))
		l.wait(3 * period)
		l.expect("all is there")
		l.statusIs("deployed")
	})
}

// A host that says 0 may mean it, or end an update. Its inventory is asked for before anything starts in the place.
func TestAnAbsenceIsBelievedWhenItIsFresh(t *testing.T) {
	lost := func(t *testing.T) *lab {
		l := newLab(t, "N1").begin(wish(Deploy, webOf("v1", 1)))
		l.expect("deployed", "scale N1 web:1 0→1 (too-few)")
		l.asked = nil
		return l
	}
	zero := Observed{Events: []lattice.Event{lattice.Scaled{Host: "N1", Key: webKey, Ref: "web:1", Annotations: asOurs(1).Groups[0].Annotations}}}
	t.Run("the inventory does not show it: it starts again", func(t *testing.T) {
		l := lost(t)
		clear(l.hosts["N1"].runs)
		l.step(zero)
		if len(l.asked) == 0 || l.asked[0].Topic != AskInventory {
			t.Errorf("asked %+v first, want the inventory", l.asked)
		}
		l.expect("it is gone", "scale N1 web:1 0→1 (too-few)")
	})
	t.Run("the inventory shows it: nothing was lost", func(t *testing.T) {
		l := lost(t)
		l.step(zero)
		l.expect("it is there")
		l.statusIs("deployed")
	})
	t.Run("the inventory does not come: nothing starts", func(t *testing.T) {
		l := lost(t)
		l.hosts["N1"].mute = true
		l.step(zero)
		l.wait(20 * sec)
		l.expect("nobody knows")
	})
}

func TestWhenAHostIsDead(t *testing.T) {
	deployed := func(t *testing.T, slow bool) *lab {
		l := newLab(t, "N1", "N2")
		l.hosts["N1"].slow = slow
		l.begin(wish(Deploy, webOf("v1", 2)))
		l.sent = nil
		return l
	}
	elsewhere := "scale N2 web:1 1→2 (too-few)"
	t.Run("two heartbeats missed, and nobody listens", func(t *testing.T) {
		l := deployed(t, false)
		l.hosts["N1"].gone = true
		l.wait(60 * sec)
		l.expect("not before two beats are missed")
		l.wait(10 * sec)
		l.expect("then", elsewhere)
	})
	t.Run("silent for the clean-up interval, its questions time out", func(t *testing.T) {
		l := deployed(t, false)
		l.wait(30 * sec) // the last beat
		last := l.now / (30 * sec) * 30 * sec
		l.hosts["N1"].mute = true
		l.wait(last + Defaults().Cleanup - l.now - sec)
		l.expect("not before")
		l.wait(10 * sec)
		l.expect("then", elsewhere)
	})
	t.Run("not while it owes a start and has a responder: it is busy", func(t *testing.T) {
		l := deployed(t, true)
		l.hosts["N1"].mute = true
		l.wait(100 * sec)
		l.expect("it may compile for long")
		if l.e.View().Hosts[0].ID != "N1" {
			t.Error("it was given up")
		}
		l.wait(60 * sec)
		l.expect("it is not any more after the deadline of the start", elsewhere)
	})
	t.Run("whatever it owes, when nobody listens", func(t *testing.T) {
		l := deployed(t, true)
		l.hosts["N1"].gone = true
		l.wait(75 * sec)
		l.expect("nobody works there", elsewhere)
	})
	t.Run("not while it answers a ping", func(t *testing.T) {
		l := deployed(t, false)
		l.question = func(q Question) Input {
			if q.Topic == AskInventory && q.Host == "N1" {
				return Learned{ID: q.ID, Asked: l.now, Err: "timeout"}
			}
			return nil
		}
		l.hosts["N1"].still = true
		l.wait(200 * sec)
		l.expect("it lives")
	})
	t.Run("at once when it says so itself", func(t *testing.T) {
		l := deployed(t, false)
		delete(l.hosts, "N1")
		l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: "N1"}}})
		l.expect("at once", elsewhere)
	})
	t.Run("what it ran is surplus when it returns, and goes once all is told", func(t *testing.T) {
		l := deployed(t, false)
		l.hosts["N1"].mute = true
		l.wait(120 * sec)
		l.expect("dead", elsewhere)
		l.hosts["N1"].mute = false
		l.wait(40 * sec)
		if len(l.sent) != 1 || l.count(webKey) != 2 {
			t.Errorf("sent %q, %d run", l.sent, l.count(webKey))
		}
	})
}

// When many hosts go at once, it is more likely that we are cut off.
func TestManyLossesAtOnceBrake(t *testing.T) {
	names := []lattice.HostID{"N1", "N2", "N3", "N4", "N5"}
	deployed := func(t *testing.T) *lab {
		l := newLab(t, names...).begin(wish(Deploy, webOf("v1", 5)))
		l.sent = nil
		return l
	}
	stops := func(l *lab, ids ...lattice.HostID) {
		var events []lattice.Event
		for _, id := range ids {
			delete(l.hosts, id)
			events = append(events, lattice.HostStopped{Host: id})
		}
		l.step(Observed{Events: events})
	}
	t.Run("two losses are two losses", func(t *testing.T) {
		l := deployed(t)
		l.deaf = true
		stops(l, "N1", "N2")
		if len(l.sent) == 0 {
			t.Error("nothing is placed")
		}
	})
	t.Run("three of five: asked first, and nothing is placed before the hosts have answered", func(t *testing.T) {
		l := deployed(t)
		l.deaf = true
		l.asked = nil
		stops(l, "N1", "N2", "N3")
		l.wait(sec)
		l.expect("frozen")
		pings := 0
		var last Question
		for _, q := range l.asked {
			if q.Topic == AskHosts {
				pings, last = pings+1, q
			}
		}
		if pings != 1 {
			t.Fatalf("asked %d times for hosts, want once", pings)
		}
		l.step(Learned{ID: last.ID, Asked: l.now})
		l.expect("they are gone indeed", "scale N4 web:1 1→3 (too-few)", "scale N5 web:1 1→2 (too-few)")
	})
	t.Run("three within more than ten seconds are three losses", func(t *testing.T) {
		l := deployed(t)
		for _, id := range names[:3] {
			stops(l, id)
			l.wait(6 * sec)
		}
		if l.count(webKey) != 5 {
			t.Errorf("%d run, want all five again", l.count(webKey))
		}
	})
}

func TestALostConnectionFreezes(t *testing.T) {
	l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
	l.sent, l.told = nil, nil
	l.step(Disconnected{})
	l.step(wish(Deploy, webOf("v2", 4)))
	delete(l.hosts, "N2")
	l.wait(200 * sec)
	l.expect("blind")
	if len(l.told) > 0 {
		t.Errorf("told: %q", l.told)
	}
	l.step(Connected{})
	l.wait(sec)
	l.expect("nobody listens on N2, and the new wish counts", "scale N1 web:1 1→4 (too-few)")
}

func TestALatticeThatCannotBeReachedIsToldOncePerReason(t *testing.T) {
	l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
	l.told = nil
	tells := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(l.told, want) {
			t.Errorf("%s: told %q, want %q", what, l.told, want)
		}
		l.told = nil
	}
	l.step(Disconnected{})
	tells("a short loss")
	l.step(Disconnected{Why: "nobody there"})
	l.step(Tick{})
	tells("a reason", "shop deployed nobody there")
	l.step(Disconnected{Why: "not allowed"})
	tells("another reason", "shop deployed not allowed")
	l.step(Connected{})
	tells("it is back", "shop deployed")

	l = newLab(t, "N1")
	l.deaf = true
	l.step(Disconnected{Why: "nobody there"})
	l.told = nil
	l.step(wish(Deploy, webOf("v1", 2)), SnapshotEnd{})
	tells("never reached", "shop waiting nobody there")
	l.step(Connected{})
	tells("reached at last", "shop waiting Hosts are asked what they run")
}

// An unchanged heartbeat costs nothing: no plan, no output.
func TestWhatChangesNothingDoesNothing(t *testing.T) {
	l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
	l.wait(40 * sec)
	l.outputs = 0
	saves := len(l.saves)
	for range 10 {
		l.now += 25 * sec
		for _, in := range l.beats() {
			out := l.e.Step(l.now, in)
			l.now++
			for _, q := range out.Ask {
				if q.Topic == AskInventory {
					t.Errorf("asks for an inventory: %+v", q)
				}
			}
			if n := len(out.Save) + len(out.Send) + len(out.Tell) + len(out.Notice); n > 0 {
				t.Errorf("an unchanged heartbeat brings %+v", out)
			}
		}
	}
	if len(l.saves) != saves {
		t.Error("something was saved")
	}
}

func TestTheViewIsACopyOfWhatIsKnown(t *testing.T) {
	l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
	l.hosts["N2"].runs[lattice.Key{ID: "old"}] = lattice.Resource{Key: lattice.Key{ID: "old"}, Ref: "old:1", Groups: []lattice.Group{
		{Annotations: lattice.Annotations{lattice.AppAnnotation: "gone"}, Count: 1}, {Count: 2}}}
	l.step(l.beats()...)
	v := l.e.View()
	if len(v.Hosts) != 2 || v.Hosts[0].ID != "N1" || v.Dialect != lattice.V1 || v.Mixed {
		t.Fatalf("%+v", v)
	}
	want := []RunView{
		{ID: "old", Ref: "old:1", Count: 2},
		{ID: "old", Ref: "old:1", App: "gone", Annotations: map[string]string{lattice.AppAnnotation: "gone"}, Count: 1, Orphan: true},
		{ID: "shop-web", Ref: "web:1", App: "shop", Component: "web", Annotations: asOurs(1).Groups[0].Annotations, Count: 1},
	}
	compare(t, "what N2 runs", want, v.Hosts[1].Runs)
	compare(t, "applications", []AppView{{Name: "shop", Version: "v1", Status: v.Apps[0].Status, Told: true}}, v.Apps)
	if v.Apps[0].Status.Status.Type != "deployed" {
		t.Errorf("the status is %+v", v.Apps[0].Status)
	}
}

// Hosts that were cut off together with us come back one by one: until each would have sent a heartbeat, what was told of an application stands.
func TestALatticeWithoutHostsIsBelievedAfterAHeartbeat(t *testing.T) {
	w := wish(Deploy, webOf("v1", 2))
	l := newLab(t, "N1").begin(w)
	l.wait(5 * time.Second)
	l.statusIs("deployed")
	l.hosts["N1"].gone = true
	l.follow(w)
	l.wait(30 * time.Second)
	if len(l.told) > 0 {
		t.Errorf("told within a heartbeat: %q", l.told)
	}
	l.wait(10 * time.Second)
	if len(l.told) == 0 || !strings.HasPrefix(l.told[len(l.told)-1], "shop failed") {
		t.Errorf("told after a heartbeat: %q, want failed", l.told)
	}
}
