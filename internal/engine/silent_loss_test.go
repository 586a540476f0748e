package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// OTP hosts lose instances without a word: a crash that takes every actor of a host is shown by nothing but the next heartbeat, which tells counts and not
// whose they are. The host's inventory is asked for before anything is placed anew.
func TestASilentLossIsConfirmedByAnInventory(t *testing.T) {
	key := lattice.Key{ID: "Mweb"}
	// beat is a heartbeat of N1 that counts n instances.
	beat := func(l *lab, n int) Input {
		dialect, can := l.speaks()
		inv := lattice.Inventory{Host: "N1", Dialect: dialect, Can: can, Beat: true, Bare: true, Asked: l.now, Uptime: 1000 + uint64(l.now/time.Second)}
		if n > 0 {
			inv.Resources = []lattice.Resource{{Key: key, Groups: []lattice.Group{{Count: n}}}}
		}
		return Observed{Events: []lattice.Event{inv}}
	}
	begin := func(t *testing.T) (l *lab, asked func() []Question) {
		l = newLab(t, "N1")
		l.otp = true
		l.begin(wish(Deploy, webOf("v1", 2)))
		l.wait(sec)
		l.statusIs("deployed")
		l.sent, l.asked = nil, nil
		return l, func() []Question {
			var out []Question
			for _, q := range l.asked {
				if q.Topic == AskInventory {
					out = append(out, q)
				}
			}
			return out
		}
	}
	t.Run("nothing starts before the inventory has come, and what it lacks starts then", func(t *testing.T) {
		l, asked := begin(t)
		delete(l.hosts["N1"].runs, key)
		held := []Question{}
		l.question = func(q Question) Input {
			if q.Topic != AskInventory {
				return nil
			}
			held = append(held, q)
			return Answered{} // of nothing: the question stays open
		}
		l.step(beat(l, 0))
		l.wait(sec)
		l.expect("the host was only asked")
		if n := len(asked()); n != 1 {
			t.Fatalf("asked %d times", n)
		}
		l.question = nil
		l.step(Learned{ID: held[0].ID, Asked: l.now, Events: []lattice.Event{l.inventory("N1")}})
		l.expect("it says that they are gone", "scale N1 web:1 0→2 (too-few)")
	})
	t.Run("an inventory that shows them outweighs the heartbeat", func(t *testing.T) {
		l, asked := begin(t)
		l.step(beat(l, 1))
		l.wait(10 * time.Minute)
		l.expect("nothing is missing")
		if n := len(asked()); n == 0 {
			t.Error("the host was not asked")
		}
		l.statusIs("deployed")
	})
	t.Run("a heartbeat that counts as many as are known is no reason to ask", func(t *testing.T) {
		l, asked := begin(t)
		l.step(beat(l, 2))
		if n := len(asked()); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}
