package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

func TestWhichWishCounts(t *testing.T) {
	v1, v2 := webOf("v1", 1), webOf("v2", 1, imageOf("web:2"))
	const start, update = "scale N1 web:1 0→1 (too-few)", "update N1 web:1 => web:2 (image-changed)"
	stop2 := "scale N1 web:2 1→0 (undeployed)"
	for _, tc := range []struct {
		name string
		do   func(l *lab)
		want []string
		ends string // the status in the end
	}{
		{"a wish is acted on once, however often it is seen", func(l *lab) {
			w := wish(Deploy, v1)
			l.step(w)
			l.step(w)
		}, []string{start}, "deployed"},
		{"a newer wish replaces it", func(l *lab) { l.step(wish(Deploy, v1)); l.step(wish(Deploy, v2)) }, []string{start, update}, "deployed"},
		{"of two that come together the newer counts", func(l *lab) { l.step(wish(Deploy, v1), wish(Deploy, v2)) }, []string{"scale N1 web:2 0→1 (too-few)"}, "deployed"},
		{"the model record that follows the wish changes nothing", func(l *lab) { l.step(wish(Deploy, v1)); l.step(model(v1, 3)) }, []string{start}, "deployed"},
		{"nor does one that was there before it", func(l *lab) { l.step(model(v1, 3)); l.step(wish(Deploy, v1)) }, []string{start}, "deployed"},
		{"a record that an older program beside us changes is acted on", func(l *lab) {
			l.step(wish(Deploy, v1))
			l.step(model(v1, 3))
			l.step(model(v2, 4))
		}, []string{start, update}, "deployed"},
		{"a wish made after that counts again", func(l *lab) {
			l.step(wish(Deploy, v1))
			l.step(model(v1, 3))
			l.step(model(v2, 4))
			l.step(wish(Undeploy, v2))
			l.wait(sec)
		}, []string{start, update, stop2}, "undeployed Manifest has been undeployed"},
		{"an older program beside us undeploys", func(l *lab) {
			l.step(wish(Deploy, v1))
			l.step(model(v1, 3))
			l.step(ModelSeen{App: "shop", Revision: 4})
			l.wait(sec)
		}, []string{start, "scale N1 web:1 1→0 (undeployed)"}, "undeployed Manifest has been undeployed"},
		{"a wish for a version that cannot be read leaves what runs", func(l *lab) {
			l.step(wish(Deploy, v1))
			l.step(WishSeen{Wish{ID: "bad", App: "shop", Operation: Deploy, Version: "v9", Manifest: []byte(`{"spec":`)}})
			l.wait(sec)
		}, []string{start}, "deployed"},
		{"a record that names a version which it does not hold leaves what runs", func(l *lab) {
			l.step(wish(Deploy, v1))
			l.step(model(v1, 3))
			l.step(ModelSeen{App: "shop", Revision: 4, Deployed: "v9"})
			l.wait(sec)
		}, []string{start}, "deployed"},
		{"a model that is stored and not deployed is nothing to do", func(l *lab) { l.step(ModelSeen{App: "shop", Revision: 1}) }, nil, ""},
		{"an undeploy of what never ran is done at once", func(l *lab) { l.step(wish(Undeploy, v1)); l.wait(sec) }, nil, "undeployed Manifest has been undeployed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, "N1").begin()
			tc.do(l)
			l.wait(5 * sec)
			l.expect("in all", tc.want...)
			l.statusIs(tc.ends)
		})
	}
}

// A redeploy that changes nothing in the store still acts: it forgets the back-off.
func TestWhatMakesItTryAgainAtOnce(t *testing.T) {
	m := webOf("v1", 1)
	for _, tc := range []struct {
		name string
		push func(l *lab)
		want []string
	}{
		{"nothing does", func(*lab) {}, nil},
		{"the same version deployed again", func(l *lab) { l.step(wish(Deploy, m)) }, []string{"scale N1 web:1 0→1 (too-few)"}},
		{"a nudge", func(l *lab) { l.step(Nudged{App: "shop"}) }, []string{"scale N1 web:1 0→1 (too-few)"}},
		{"not a nudge of another application", func(l *lab) { l.step(Nudged{App: "blog"}) }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, "N1")
			l.hosts["N1"].refuse = "disk full"
			l.begin(wish(Deploy, m))
			for l.now < 20*sec {
				l.wait(sec)
			}
			l.hosts["N1"].refuse, l.sent = "", nil
			tc.push(l)
			l.expect("then", tc.want...)
		})
	}
	t.Run("a nudge asks hosts and links again", func(t *testing.T) {
		l := newLab(t, "N1").begin(wish(Deploy, m))
		l.asked = nil
		l.step(Nudged{App: "shop"})
		if len(l.asked) == 0 || l.asked[0].Topic != AskHosts {
			t.Errorf("asked %+v", l.asked)
		}
	})
	t.Run("V3-11 (changed) by itself when the pause is over, told in the status meanwhile", func(t *testing.T) {
		l := newLab(t, "N1")
		l.hosts["N1"].refuse = "disk full"
		l.begin(wish(Deploy, m))
		if got := l.status("shop"); got[:len("failed disk full (retry 1 on host N1 ")] != "failed disk full (retry 1 on host N1 " {
			t.Errorf("the status is %q", got)
		}
		l.sent, l.hosts["N1"].refuse = nil, ""
		l.wait(1300 * time.Millisecond)
		l.expect("then", "scale N1 web:1 0→1 (too-few)")
		l.statusIs("deployed")
	})
}

func TestTakingAway(t *testing.T) {
	full := webOf("v1", 2, withConfig("limits", "1"), func(m *oam.Manifest) {
		m.Spec.Components = append(m.Spec.Components, oam.Component{Name: "kv", Type: oam.CapabilityKind, Properties: oam.Properties{Image: "kv:1"}})
		m.Spec.Components[0].Traits = append(m.Spec.Components[0].Traits, oam.Trait{Type: oam.TraitLink,
			Link: &oam.Link{Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store"}, Target: oam.LinkTarget{Name: "kv"}}})
	})
	for _, op := range []Operation{Undeploy, Delete} {
		t.Run(string(op)+": instances, then links, then configs; the record last", func(t *testing.T) {
			l := newLab(t, "N1", "N2").begin(wish(Deploy, full))
			l.wait(sec)
			l.statusIs("deployed")
			if len(l.links) != 1 || len(l.configs) != 1 {
				t.Fatalf("links %+v, configs %+v", l.links, l.configs)
			}
			l.sent = nil
			l.step(wish(op, full))
			l.wait(sec)
			l.expect("in this order",
				"scale N1 web:1 1→0 (undeployed)", "scale N2 web:1 1→0 (undeployed)", "scale N1 kv:1 1→0 (undeployed)",
				"delete_link shop-web -> shop-kv", "delete_config shop-limits")
			l.statusIs("undeployed Manifest has been undeployed")
			want := Run{App: "shop", Epoch: 1, Acted: l.lastRun().Acted, Operation: op, Version: "v1"}
			compare(t, "the record in the end", want, l.lastRun())
		})
	}
	t.Run("what is still being started is stopped when it appears", func(t *testing.T) {
		l := newLab(t, "N1")
		l.hosts["N1"].slow = true
		l.begin(wish(Deploy, webOf("v1", 1)))
		l.expect("the start", "scale N1 web:1 0→1 (too-few)")
		l.step(wish(Undeploy, webOf("v1", 1)))
		l.wait(20 * sec)
		l.statusIs("reconciling Undeploying: 1 command(s) under way")
		l.hosts["N1"].slow = false
		l.hosts["N1"].runs[webKey] = asOurs(1)
		l.step(l.beats()...)
		l.wait(sec)
		l.expect("it appears", "scale N1 web:1 1→0 (undeployed)")
		l.statusIs("undeployed Manifest has been undeployed")
	})
	t.Run("the next owner says nothing of links that it has not read", func(t *testing.T) {
		l := newLab(t, "N1", "N2").begin(wish(Deploy, linkedWeb("v1", "a")))
		l.wait(sec)
		l.hosts["N1"].gone, l.hosts["N2"].gone = true, true // one of them keeps the entry open
		l.join("N3")
		l.wait(5 * time.Minute)
		l.step(wish(Undeploy, linkedWeb("v1", "a")))
		l.wait(sec)
		l.statusIs("undeployed Manifest has been undeployed")
		if !l.lastRun().Deleting {
			t.Fatalf("the record is %+v", l.lastRun())
		}
		l.follow()
		l.wait(time.Minute)
		compare(t, "told", []string{"shop undeployed Manifest has been undeployed"}, l.told)
	})
	t.Run("a host that died keeps the entry until it returns, and what it brings is stopped", func(t *testing.T) {
		l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
		l.hosts["N2"].mute = true
		l.sent = nil
		l.step(wish(Undeploy, webOf("v1", 2)))
		l.wait(200 * sec)
		l.hosts["N2"].mute = false
		l.wait(40 * sec)
		if l.count(webKey) != 0 {
			t.Errorf("%d still run; sent %q", l.count(webKey), l.sent)
		}
		if l.e.View().Apps[0].Deleting {
			t.Error("the entry is still open")
		}
	})
}

// A store that answers with less than it holds, or that was wiped, must not take an application down.
func TestAbsenceInASnapshotIsNoUndeploy(t *testing.T) {
	l := newLab(t, "N1").begin(wish(Deploy, webOf("v1", 1)))
	l.follow() // the run record alone: neither model nor wish
	l.wait(120 * sec)
	l.expect("it runs on")
	l.statusIs("deployed")
	l.step(SnapshotEnd{})
	l.expect("a second snapshot changes nothing")
	t.Run("nor without a run record: what runs is an orphan, and left alone", func(t *testing.T) {
		l := newLab(t, "N1")
		l.hosts["N1"].runs[webKey] = asOurs(1)
		l.begin()
		l.wait(120 * sec)
		l.expect("nobody knows of it")
		if runs := l.e.View().Hosts[0].Runs; len(runs) != 1 || !runs[0].Orphan {
			t.Errorf("%+v", runs)
		}
	})
}

// Two applications want one id: the one whose instances run keeps it, else the lower name.
func TestWhoKeepsAnID(t *testing.T) {
	sharing := func(name string) *oam.Manifest {
		return webOf("v1", 1, func(m *oam.Manifest) { m.Metadata.Name, m.Spec.Components[0].Properties.ID = name, "one-id" })
	}
	t.Run("the lower name, when neither runs", func(t *testing.T) {
		l := newLab(t, "N1").begin(wish(Deploy, sharing("b")), wish(Deploy, sharing("a")))
		l.wait(5 * sec)
		l.expect("only a", "scale N1 web:1 0→1 (too-few)")
		if l.status("a") != "deployed" || l.status("b") != "failed Component identifier 'one-id' is already deployed in a different application 'a'." {
			t.Errorf("a: %q, b: %q", l.status("a"), l.status("b"))
		}
	})
	t.Run("the one that runs, whatever its name", func(t *testing.T) {
		l := newLab(t, "N1", "N2").begin(wish(Deploy, sharing("b")))
		l.step(wish(Deploy, sharing("a")))
		l.wait(5 * sec)
		l.expect("only b", "scale N1 web:1 0→1 (too-few)")
		if l.status("b") != "deployed" || l.status("a") != "failed Component identifier 'one-id' is already deployed in a different application 'b'." {
			t.Errorf("a: %q, b: %q", l.status("a"), l.status("b"))
		}
		l.sent = nil
		l.step(wish(Undeploy, sharing("b")))
		l.wait(5 * sec)
		l.expect("when b goes, a gets it", "scale N1 web:1 1→0 (undeployed)", "scale N1 web:1 0→1 (too-few)")
	})
}

func TestTheDialectIsFoundOut(t *testing.T) {
	l := newLab(t).begin(wish(Deploy, webOf("v1", 1)))
	l.wait(sec)
	l.join("N1")
	l.step(l.beats()...)
	l.expect("a 1.x host has come", "scale N1 web:1 0→1 (too-few)")
	l.step(Observed{Events: []lattice.Event{lattice.HostSeen{Host: "N9", Dialect: lattice.OTP, Can: lattice.Can{Relative: true, StopAll: true}}}})
	l.wait(5 * sec)
	l.statusIs("failed The lattice has hosts of both dialects; start wadm with --lattice-dialect v1 or otp to say which of them count")
	l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: "N9"}}})
	l.wait(5 * sec)
	l.statusIs("deployed")
	l.expect("nothing was touched meanwhile")
}
