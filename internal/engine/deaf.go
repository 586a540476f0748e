package engine

import (
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
)

// silenced keeps which instances get no calls any more. No host tells it: it follows from what was stopped there, and ends with the next start of the key
// there or with the host's life. It is not stored, so an owner that follows does not know it.
func (e *Engine) silenced(o *ledger.Outcome) {
	c := &o.Entry.Command
	if c.Action != ledger.Scale || c.Target.Kind != lattice.Component || o.Verdict != ledger.Settled {
		return
	}
	key := e.keyOf(c)
	at := place{c.Host, key.ID}
	switch {
	case c.To < c.From:
		v := plan.View{State: e.state, Ledger: e.ledger, Now: e.now}
		if !plan.Silences(&v, c) || e.deaf[at] {
			return
		}
		e.deaf[at] = true
	case e.deaf[at]:
		delete(e.deaf, at)
	default:
		return
	}
	e.keyTouched(c.Host, key)
}

// hearing ends what was known of a host's calls with the host's life.
func (e *Engine) hearing(host lattice.HostID) {
	// order: each one by itself.
	for at := range e.deaf {
		if at.host == host {
			delete(e.deaf, at)
		}
	}
}
