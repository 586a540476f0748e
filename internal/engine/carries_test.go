package engine

import (
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// A host reads the configs of a link when it puts it, so what it carries is what was stored then, and not what was read before.
func TestALinkCarriesWhatIsStoredWhenItIsPut(t *testing.T) {
	const config, del, put = "put_config shop-url", "delete_link shop-web -> shop-kv", "put_link shop-web -> shop-kv"
	deployed := func(t *testing.T) *lab {
		l := newLab(t, "N1").begin(wish(Deploy, linkedWeb("v1", "1")))
		l.wait(sec)
		l.statusIs("deployed")
		l.sent = nil
		return l
	}
	lose := func(l *lab) {
		l.links = nil
		slot := lattice.Slot{Source: "shop-web", Name: "default", Namespace: "wasi", Package: "keyvalue"}
		l.step(Observed{Events: []lattice.Event{lattice.LinkDeleted{Slot: slot, Target: "shop-kv"}}})
	}
	// held keeps back the answer to the commands of that action, the last of which it returns.
	held := func(l *lab, action ledger.Action) *ledger.Command {
		last := &ledger.Command{}
		l.hold = func(c *ledger.Command) bool {
			if c.Action == action {
				*last = *c
			}
			return c.Action == action
		}
		return last
	}
	t.Run("while a revision before is still having another value stored, no link is put", func(t *testing.T) {
		l := deployed(t)
		last := held(l, ledger.PutConfig)
		l.step(wish(Deploy, linkedWeb("v2", "2")))
		l.expect("the value of v2", config)
		l.step(wish(Deploy, linkedWeb("v3", "1")))
		lose(l)
		l.expect("what was read is right, and soon will not be")
		l.hold, l.configs["shop-url"] = nil, last.Values
		l.step(Answered{ID: last.ID, Outcome: ledger.Accepted})
		l.wait(sec)
		l.expect("the value of v3", config, put)
		l.statusIs("deployed")
	})
	t.Run("where the value has changed and changed back while the link was being put, it is put again", func(t *testing.T) {
		l := deployed(t)
		last := held(l, ledger.PutLink)
		lose(l)
		l.expect("it is missing", put)
		first := *last
		l.step(wish(Deploy, linkedWeb("v2", "2")))
		l.step(wish(Deploy, linkedWeb("v3", "1")))
		l.expect("both values", config, config)
		l.hold, l.links = nil, []lattice.Link{first.Link}
		l.step(Answered{ID: first.ID, Outcome: ledger.Accepted})
		l.expect("nobody knows which of them it carries", del, put)
		l.statusIs("deployed")
	})
}

// A put of which nothing is heard until its deadline may have had its effect.
func TestALinkWhosePutWasGivenUpMayBeThere(t *testing.T) {
	m := linkedWeb("v1", "1")
	l := newLab(t, "N1")
	l.hold = func(c *ledger.Command) bool { return c.Action == ledger.PutLink }
	l.begin(wish(Deploy, m))
	l.wait(sec)
	l.step(wish(Undeploy, m))
	l.hold = func(c *ledger.Command) bool {
		if c.ConfigName == "shop-url" && c.Action == ledger.DeleteConfig && len(l.links) > 0 {
			t.Errorf("%s is deleted, and the link is there: %+v", c.ConfigName, l.links)
		}
		return false
	}
	l.links = []lattice.Link{{
		Source: "shop-web", Target: "shop-kv", Name: "default", Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store"}, TargetConfig: []string{"shop-url"},
	}}
	l.sent = nil
	l.wait(20 * sec)
	l.expect("it is looked for, and taken away", "delete_config shop-limits", "delete_link shop-web -> shop-kv", "delete_config shop-url")
	l.statusIs("undeployed Manifest has been undeployed")
}

// A list of links may lag behind, so that one which lacks a link proves nothing.
func TestALinkThatOneListLacksMayBeThere(t *testing.T) {
	m := linkedWeb("v1", "1")
	l := newLab(t, "N1").begin(wish(Deploy, m))
	l.wait(sec)
	l.statusIs("deployed")
	l.sent = nil
	lagging := true
	l.question = func(q Question) Input {
		if q.Topic != AskLinks || !lagging {
			return nil
		}
		lagging = false
		return Learned{ID: q.ID, Asked: l.now, Events: []lattice.Event{lattice.Links{Asked: l.now}}}
	}
	for i := 0; lagging && i < 1000; i++ {
		l.wait(sec / 10) // the undeploy comes before the second list
	}
	l.step(wish(Undeploy, m))
	l.wait(5 * sec)
	l.expect("it is looked for once more", "scale N1 web:1 1→0 (undeployed)", "scale N1 kv:1 1→0 (undeployed)", "delete_config shop-limits", "delete_link shop-web -> shop-kv", "delete_config shop-url")
	l.statusIs("undeployed Manifest has been undeployed")
}

// So it is with the value of a config.
func TestAConfigWhosePutWasGivenUpIsReadAgain(t *testing.T) {
	l := newLab(t, "N1").begin(wish(Deploy, linkedWeb("v1", "1")))
	l.wait(sec)
	l.hold = func(c *ledger.Command) bool { return c.Action == ledger.PutConfig }
	l.step(wish(Deploy, linkedWeb("v2", "2")))
	l.hold, l.configs["shop-url"] = nil, map[string]string{"u": "2"}
	l.step(wish(Deploy, linkedWeb("v3", "1")))
	l.sent = nil
	l.wait(20 * sec)
	l.expect("it has the value of v2", "put_config shop-url", "delete_link shop-web -> shop-kv", "put_link shop-web -> shop-kv")
	l.statusIs("deployed")
}

// What an owner without a record finds in the lattice may be linked already, with the value of then.
func TestAConfigThatLinksCarryWaitsForTheListOfThem(t *testing.T) {
	l := newLab(t, "N1").begin(wish(Deploy, linkedWeb("v1", "1")))
	l.wait(sec)
	l.statusIs("deployed")
	l.saves = nil
	var late []Question
	l.question = func(q Question) Input {
		if q.Topic != AskLinks {
			return nil
		}
		late = append(late, q)
		return Answered{} // of nothing: the question stays open
	}
	l.follow(wish(Deploy, linkedWeb("v2", "2")))
	l.wait(sec / 2)
	l.expect("the value of before may be in use")
	l.question = nil
	for _, q := range late {
		l.step(Learned{ID: q.ID, Asked: l.now, Events: []lattice.Event{lattice.Links{Asked: l.now, Links: l.links}}})
	}
	l.wait(40 * sec)
	l.expect("it is", "put_config shop-url", "delete_link shop-web -> shop-kv", "put_link shop-web -> shop-kv")
	l.statusIs("deployed")
}
