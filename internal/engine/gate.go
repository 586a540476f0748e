package engine

import (
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
)

// judged is what may be concluded about an application after a step. A burst of commands is judged by it: what it is drawn from changes in steps alone,
// save the time.
type judged struct {
	belief plan.Belief
	step   uint64
	until  time.Duration // from then on the time may have changed it, Never: it does not
}

// beliefBetween is belief for what is judged between two steps.
func (e *Engine) beliefBetween(a *app) plan.Belief {
	if j := &a.judged; j.step != e.steps || j.until != lattice.Never && e.now >= j.until {
		b := e.belief(a)
		*j = judged{belief: b, step: e.steps, until: b.StartAt}
	}
	return a.judged.belief
}

// MaySend judges a command at the moment when it goes out, and if it may go, notes the time: now must be later than at any call before. False:
// it is forgotten, and the driver answers it with Dropped, so that the application is looked at again.
func (e *Engine) MaySend(c *ledger.Command, now time.Duration) bool {
	e.now = max(now, e.now)
	a := e.apps[c.App]
	ok := !e.lost && e.connected && a != nil && a.active() && c.Epoch == e.cfg.Epoch && c.Revision == a.revision() && e.ledger.Entry(c.ID) != nil
	if ok {
		v := plan.View{State: e.state, Ledger: e.ledger, Now: e.now, Belief: e.beliefBetween(a)}
		ok = plan.MaySend(&v, c)
	}
	if !ok {
		if out, gone := e.ledger.Answer(c.ID, ledger.Dropped, "", e.now); gone {
			// Not looked at again at once: a plan that the rules keep refusing must not turn in a circle.
			e.apps[out.Entry.App].pause(e.now + e.cfg.Settings.Repeat/25)
		}
		return false
	}
	if c.Action == ledger.Update {
		e.echoes[place{c.Host, c.Target.ID}] = echo{count: true, zero: true, until: e.now + e.cfg.Settings.Ledger.ComponentStart}
	}
	return e.ledger.Sent(c.ID, e.now)
}
