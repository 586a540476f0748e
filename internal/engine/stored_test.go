package engine

import (
	"testing"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// linkedWeb is shop with a provider, a link to it with a config, and a config of web.
func linkedWeb(version, value string) *oam.Manifest {
	return webOf(version, 1, withConfig("limits", "1"), func(m *oam.Manifest) {
		m.Spec.Components = append(m.Spec.Components, oam.Component{Name: "kv", Type: oam.CapabilityKind, Properties: oam.Properties{Image: "kv:1"}})
		m.Spec.Components[0].Traits = append(m.Spec.Components[0].Traits, oam.Trait{Type: oam.TraitLink, Link: &oam.Link{
			Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store"},
			Target: oam.LinkTarget{Name: "kv", Config: []oam.Config{{Name: "url", Properties: map[string]string{"u": value}}}},
		}})
	})
}

func TestLinksAndConfigsAreKeptAsWanted(t *testing.T) {
	deployed := func(t *testing.T) *lab {
		l := newLab(t, "N1").begin(wish(Deploy, linkedWeb("v1", "1")))
		l.wait(sec)
		l.expect("configs come before what needs them", "scale N1 kv:1 0→1 (too-few)", "put_config shop-limits", "put_config shop-url",
			"scale N1 web:1 0→1 (too-few)", "put_link shop-web -> shop-kv")
		l.statusIs("deployed")
		return l
	}
	event := func(l *lab, ev lattice.Event) { l.step(Observed{Events: []lattice.Event{ev}}) }
	slot := lattice.Slot{Source: "shop-web", Name: "default", Namespace: "wasi", Package: "keyvalue"}
	t.Run("a link that somebody deletes is put again at once", func(t *testing.T) {
		l := deployed(t)
		l.links = nil
		event(l, lattice.LinkDeleted{Slot: slot, Target: "shop-kv"})
		l.expect("at once", "put_link shop-web -> shop-kv")
	})
	t.Run("one that is missing from one list is asked for once more", func(t *testing.T) {
		l := deployed(t)
		whole := l.links
		l.question = func(q Question) Input {
			if q.Topic == AskLinks && whole != nil {
				whole = nil
				return Learned{ID: q.ID, Asked: l.now, Events: []lattice.Event{lattice.Links{Asked: l.now}}}
			}
			return nil
		}
		l.wait(70 * sec)
		l.expect("the second list has it")
		l.statusIs("deployed")
	})
	t.Run("and put again when it is missing from two", func(t *testing.T) {
		l := deployed(t)
		l.links = nil
		l.wait(70 * sec)
		l.expect("after the next look, and one more", "put_link shop-web -> shop-kv")
	})
	t.Run("a config that somebody changes is put back, and the link that carries it is put anew", func(t *testing.T) {
		l := deployed(t)
		l.configs["shop-url"] = map[string]string{"u": "hacked"}
		event(l, lattice.ConfigSet{Name: "shop-url"})
		l.wait(sec)
		if got := l.configs["shop-url"]["u"]; got != "1" {
			t.Errorf("the value is %q", got)
		}
		l.statusIs("deployed")
	})
	t.Run("a config that somebody deletes comes back without any event, by the next look", func(t *testing.T) {
		l := deployed(t)
		delete(l.configs, "shop-limits")
		l.wait(70 * sec)
		l.expect("after a minute", "put_config shop-limits")
	})
	t.Run("a new value of a link's config: config, deletion, put", func(t *testing.T) {
		l := deployed(t)
		l.step(wish(Deploy, linkedWeb("v2", "2")))
		l.wait(sec)
		l.expect("in this order", "put_config shop-url", "delete_link shop-web -> shop-kv", "put_link shop-web -> shop-kv")
		l.statusIs("deployed")
	})
	t.Run("a next owner sends nothing for what stands", func(t *testing.T) {
		l := deployed(t)
		l.follow()
		l.wait(100 * sec)
		l.expect("nothing")
		l.statusIs("deployed")
	})
}

func TestAnExternalConfigIsWaitedFor(t *testing.T) {
	m := webOf("v1", 1, func(m *oam.Manifest) { m.Spec.Components[0].Properties.Config = []oam.Config{{Name: "flags"}} })
	l := newLab(t, "N1").begin(wish(Deploy, m))
	l.wait(sec)
	l.expect("it is not there")
	l.statusIs("failed Specified configuration flags does not exist")
	l.configs["flags"] = map[string]string{"a": "1"}
	l.step(Observed{Events: []lattice.Event{lattice.ConfigSet{Name: "flags"}}})
	l.expect("now it is", "scale N1 web:1 0→1 (too-few)")
	l.statusIs("deployed")
	l.step(wish(Undeploy, m))
	l.wait(sec)
	l.expect("somebody else's config stays", "scale N1 web:1 1→0 (undeployed)")
	if _, there := l.configs["flags"]; !there {
		t.Error("it was deleted")
	}
}

// A component that is updated in place never counts as lost, whatever its host says in between.
func TestAnUpdateInPlaceIsOneCommand(t *testing.T) {
	l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
	l.sent = nil
	l.step(wish(Deploy, webOf("v2", 2, imageOf("web:2"))))
	l.wait(100 * sec)
	l.expect("one for each host, and nothing after", "update N1 web:1 => web:2 (image-changed)", "update N2 web:1 => web:2 (image-changed)")
	l.statusIs("deployed")
	t.Run("one that fails is told and tried again", func(t *testing.T) {
		l.hosts["N1"].refuse = "no such image"
		l.step(wish(Deploy, webOf("v3", 2, imageOf("web:3"))))
		l.wait(sec / 10)
		if got := l.status("shop"); len(got) < 21 || got[:21] != "failed no such image " {
			t.Errorf("the status is %q", got)
		}
		l.hosts["N1"].refuse = ""
		l.wait(10 * sec)
		l.statusIs("deployed")
	})
}

// Two applications name one external config, or put one together: it goes with the last of them.
func TestAConfigGoesWithItsLastUser(t *testing.T) {
	other := func(name string) *oam.Manifest {
		return webOf("v1", 1, withConfig("limits", "1"), func(m *oam.Manifest) { m.Metadata.Name = name })
	}
	// "a-b" and "a_b" become one name after sanitising: both put a_b-limits with equal values, each with an id of its own.
	x, y := other("a-b"), other("a_b")
	x.Spec.Components[0].Properties.ID, y.Spec.Components[0].Properties.ID = "one", "two"
	l := newLab(t, "N1").begin(wish(Deploy, x), wish(Deploy, y))
	l.wait(5 * sec)
	if l.status("a-b") != "deployed" || l.status("a_b") != "deployed" {
		t.Fatalf("%q, %q", l.status("a-b"), l.status("a_b"))
	}
	l.step(wish(Undeploy, x))
	l.wait(5 * sec)
	if _, there := l.configs["a_b-limits"]; !there || l.status("a-b") != "undeployed Manifest has been undeployed" {
		t.Errorf("there: %t, %q", there, l.status("a-b"))
	}
	l.step(wish(Undeploy, y))
	l.wait(5 * sec)
	if _, there := l.configs["a_b-limits"]; there {
		t.Error("it is still there")
	}
}

func TestAComponentIsRenamedWhileItStarts(t *testing.T) {
	named := func(version, name string) *oam.Manifest {
		return webOf(version, 1, func(m *oam.Manifest) { m.Spec.Components[0].Name, m.Spec.Components[0].Properties.ID = name, "one-id" })
	}
	l := newLab(t, "N1")
	l.hosts["N1"].slow = true
	l.begin(wish(Deploy, named("v1", "web")))
	l.expect("it starts", "scale N1 web:1 0→1 (too-few)")
	l.step(wish(Deploy, named("v2", "site")))
	l.wait(10 * sec)
	l.expect("it is starting already")
	l.hosts["N1"].slow = false
	l.step(Observed{Events: []lattice.Event{lattice.StartFailed{Host: "N1", Key: lattice.Key{ID: "one-id"}, Ref: "web:1", Error: "boom"}}})
	l.wait(2 * sec)
	l.expect("it failed under its old name", "scale N1 web:1 0→1 (too-few)")
	l.statusIs("deployed")
}
