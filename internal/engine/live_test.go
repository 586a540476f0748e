package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

func lively(m *oam.Manifest) { m.Metadata.Annotations[oam.AnnotationLiveUpdate] = "true" }

func TestALiveUpdateIsRemembered(t *testing.T) {
	v2 := webOf("v2", 2, lively, imageOf("web:2"))
	update := "update N1 web:1 => web:2 (image-changed)"
	running := func(t *testing.T) *lab {
		l := newLab(t, "N1")
		l.otp = true
		l.begin(wish(Deploy, webOf("v1", 2)))
		l.wait(sec)
		l.statusIs("deployed")
		l.sent = nil
		return l
	}
	updated := func(t *testing.T) *lab {
		l := running(t)
		l.step(wish(Deploy, v2))
		l.wait(sec)
		l.expect("all of it in place", update)
		l.statusIs("deployed")
		return l
	}
	t.Run("in the run record, with the instances that it changed", func(t *testing.T) {
		l := updated(t)
		compare(t, "updates", []LiveUpdate{{ID: "Mweb", Host: "N1", From: "web:1", To: "web:2", Instances: []string{"i1", "i2"}}}, l.lastRun().Updates)
		if r := l.e.View().Hosts[0].Runs[0]; r.Ref != "web:1" || r.Updated != "web:2" {
			t.Errorf("it is listed as %+v", r)
		}
		l.wait(10 * time.Minute)
		l.expect("nothing is sent again, though the host reports the old reference")
	})
	t.Run("by the owner that follows", func(t *testing.T) {
		l := updated(t).follow()
		l.wait(10 * time.Minute)
		l.expect("nothing is sent again")
		l.statusIs("deployed")
	})
	t.Run("through a release", func(t *testing.T) {
		l := updated(t)
		l.step(release(Undeploy, v2))
		l.follow()
		l.step(wish(Deploy, v2))
		l.wait(10 * time.Minute)
		l.expect("nothing is sent again")
		l.statusIs("deployed")
	})
	t.Run("and more of it are a stop and a start, for the host starts only the old reference", func(t *testing.T) {
		l := updated(t).follow()
		l.step(wish(Deploy, webOf("v3", 3, lively, imageOf("web:2"))))
		l.wait(sec)
		l.expect("said and done", "scale N1 web:1 2→0 (only-old-reference)", "scale N1 web:2 0→3 (too-few)")
		if n := len(l.lastRun().Updates); n != 0 {
			t.Errorf("%d updates are remembered of what has ended", n)
		}
	})
	t.Run("as unknown, where an owner before sent it, nobody heard of it, and the image from before is wanted again", func(t *testing.T) {
		l := running(t)
		a := l.e.apps["shop"]
		given := ledger.Entry{Command: ledger.Command{
			App: "shop", Component: "web", Action: ledger.Update, Host: "N1", Target: ledger.Target{ID: "Mweb", Ref: "web:1"}, Update: "web:2", Instances: []string{"i1", "i2"},
		}}
		l.e.updated(a, &ledger.Outcome{Entry: given, Verdict: ledger.Failed, Unsure: true})
		compare(t, "of an owner's own", []LiveUpdate(nil), a.run.Updates)
		given.Restored = true
		l.e.updated(a, &ledger.Outcome{Entry: given, Verdict: ledger.Failed, Unsure: true})
		compare(t, "of the owner before", []LiveUpdate{{ID: "Mweb", Host: "N1", From: "web:1", To: unknownCode, Instances: []string{"i1", "i2"}}}, a.run.Updates)
		a.component("web")
		l.wait(10 * sec)
		l.expect("nobody can tell what they run", "scale N1 web:1 2→0 (image-changed)", "scale N1 web:1 0→2 (too-few)")
		if len(l.lastRun().Updates) != 0 {
			t.Errorf("what has ended is still remembered: %+v", l.lastRun().Updates)
		}
	})
	t.Run("until an instance is another one: nobody knows what code that runs", func(t *testing.T) {
		l := updated(t)
		l.refuseUpdates("Unable to perform live update: error")
		r := l.hosts["N1"].runs[lattice.Key{ID: "Mweb"}]
		r.Groups = []lattice.Group{{Annotations: r.Groups[0].Annotations, Count: 2, Instances: []string{"i1", "i9"}}}
		l.hosts["N1"].runs[r.Key] = r
		l.step(Observed{Events: []lattice.Event{lattice.Started{Host: "N1", Key: r.Key, Ref: "web:1", Annotations: r.Groups[0].Annotations, Instance: "i9"}}})
		l.wait(10 * sec)
		l.expect("tried in place, then stopped and started", update, "scale N1 web:1 2→0 (image-changed)", "scale N1 web:2 0→2 (too-few)")
		l.statusIs("deployed interrupted: web for 0s on N1")
	})
}

func TestWhenALiveUpdateIsNotDone(t *testing.T) {
	v1, v2 := webOf("v1", 2), webOf("v2", 2, lively, imageOf("web:2"))
	update := "update N1 web:1 => web:2 (image-changed)"
	instead := []string{"scale N1 web:1 2→0 (image-changed)", "scale N1 web:2 0→2 (too-few)"}
	begin := func(t *testing.T) *lab {
		l := newLab(t, "N1")
		l.otp = true
		l.begin(wish(Deploy, v1))
		l.wait(sec)
		l.sent = nil
		return l
	}
	t.Run("the host refuses it: stopped and started", func(t *testing.T) {
		l := begin(t)
		l.refuseUpdates("Unable to perform live update: error")
		l.step(wish(Deploy, v2))
		l.wait(10 * sec)
		l.expect("instead", append([]string{update}, instead...)...)
	})
	t.Run("the host says of an instance that it failed: stopped and started", func(t *testing.T) {
		l := begin(t)
		l.unanswered = true
		l.step(wish(Deploy, v2))
		l.expect("tried", update)
		l.unanswered = false
		l.step(Observed{Events: []lattice.Event{lattice.Updated{Host: "N1", Key: lattice.Key{ID: "Mweb"}, Instance: "i1", Error: "no"}}})
		l.wait(10 * sec)
		l.expect("instead", instead...)
	})
	t.Run("nobody answers: what runs stays, and it is tried again", func(t *testing.T) {
		l := begin(t)
		l.unanswered = true
		l.step(wish(Deploy, v2))
		l.wait(3 * time.Minute)
		l.expect("again after its deadline", update, update)
		if n := l.count(lattice.Key{ID: "Mweb"}); n != 2 {
			t.Errorf("%d run", n)
		}
	})
	t.Run("the word on one instance is lost: the other has changed, and when the image before is wanted again both are stopped and started", func(t *testing.T) {
		l := begin(t)
		l.unanswered = true
		l.step(wish(Deploy, v2))
		l.expect("tried", update)
		l.step(Observed{Events: []lattice.Event{lattice.Updated{Host: "N1", Key: lattice.Key{ID: "Mweb"}, Instance: "i1"}}})
		l.step(wish(Deploy, webOf("v3", 2)))
		l.wait(3 * time.Minute)
		l.expect("after its deadline", "scale N1 web:1 2→0 (image-changed)", "scale N1 web:1 0→2 (too-few)")
		l.statusIs("deployed interrupted: web for 0s on N1")
	})
	t.Run("the owner is killed meanwhile: the one that follows knows of it, and hears the host's word", func(t *testing.T) {
		l := begin(t)
		l.unanswered = true
		l.step(wish(Deploy, v2))
		l.expect("tried", update)
		l.follow(wish(Deploy, webOf("v3", 2)))
		for _, id := range []string{"i1", "i2"} {
			l.step(Observed{Events: []lattice.Event{lattice.Updated{Host: "N1", Key: lattice.Key{ID: "Mweb"}, Instance: id}}})
		}
		l.wait(10 * sec)
		l.expect("it runs the new image, and the old one is wanted", "scale N1 web:1 2→0 (image-changed)", "scale N1 web:1 0→2 (too-few)")
	})
	t.Run("without the annotation: never", func(t *testing.T) {
		l := begin(t)
		l.e.state.Apply(lattice.RefLearned{Ref: "web:2", ID: "Mweb"}, l.now)
		l.step(wish(Deploy, webOf("v2", 2, imageOf("web:2"))))
		l.wait(10 * sec)
		l.expect("stop and start", instead...)
	})
	t.Run("in another dialect the annotation changes nothing", func(t *testing.T) {
		l := newLab(t, "N1").begin(wish(Deploy, v1))
		l.wait(sec)
		l.sent = nil
		l.step(wish(Deploy, v2))
		l.wait(sec)
		l.expect("an update, as ever", update)
		if n := len(l.lastRun().Updates); n != 0 {
			t.Errorf("%d updates are remembered", n)
		}
	})
	t.Run("the acknowledgement is lost: the events and an inventory are enough", func(t *testing.T) {
		l := begin(t)
		l.unanswered = true
		l.step(wish(Deploy, v2))
		key := lattice.Key{ID: "Mweb"}
		for range 2 { // told twice
			l.step(Observed{Events: []lattice.Event{lattice.Updated{Host: "N1", Key: key, Instance: "i1"}}})
		}
		l.wait(sec)
		l.statusIs("reconciling Scaling component on 1 host(s)")
		l.step(Observed{Events: []lattice.Event{lattice.Updated{Host: "N1", Key: key, Instance: "i2"}}})
		l.wait(sec)
		l.statusIs("deployed")
		compare(t, "sent", []string{update}, l.sent)
	})
	t.Run("a restart of the host ends it", func(t *testing.T) {
		l := begin(t)
		l.unanswered = true
		l.step(wish(Deploy, v2))
		l.expect("tried", update)
		l.unanswered = false
		clear(l.hosts["N1"].runs)
		l.step(Observed{Events: []lattice.Event{lattice.HostStarted{Host: "N1", Dialect: lattice.OTP, Can: lattice.Can{Relative: true, StopAll: true, Live: true}}}})
		l.wait(3 * time.Minute)
		l.expect("the new image from nothing", "scale N1 web:2 0→2 (too-few)")
	})
}

// refuseUpdates has the host refuse updates, and nothing else.
func (l *lab) refuseUpdates(why string) { l.noUpdates = why }
