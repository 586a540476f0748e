package engine

import (
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
)

// silenced keeps which instances get no calls any more. No host tells it: it follows from what was stopped there, and ends with the next start of the key
// there or with the host's life. It is not stored, so an owner that follows does not know it.
func (e *Engine) silenced(o *ledger.Outcome) {
	c := &o.Entry.Command
	if c.Action != ledger.Scale || c.Target.Kind != lattice.Component {
		return
	}
	key := e.keyOf(c)
	at := place{c.Host, key.ID}
	if o.Entry.Starting() && e.isDeaf(at) {
		e.keyTouched(c.Host, key) // whoever is deaf there has waited for it
	}
	if o.Verdict != ledger.Settled {
		return
	}
	switch {
	case c.To < c.From:
		v := plan.View{State: e.state, Ledger: e.ledger, Now: e.now}
		if !plan.Silences(&v, c) && !e.crosses(c) {
			return
		}
		e.deaf[at] = o.Entry.SentAt
	case c.To > c.From && e.isDeaf(at) && o.Entry.SentAt > e.deaf[at]: // one that was sent before may have begun while the calls were being taken down
		delete(e.deaf, at)
	default:
		return
	}
	e.keyTouched(c.Host, key)
}

func (e *Engine) isDeaf(at place) bool {
	_, deaf := e.deaf[at]
	return deaf
}

// crosses says that a start of the image is under way on the host where the last instances of an owner have just ended: it may begin while the calls are
// being taken down.
func (e *Engine) crosses(c *ledger.Command) bool {
	h := e.state.Host(c.Host)
	if h == nil || !h.Can.Relative || c.To != 0 {
		return false
	}
	return slices.ContainsFunc(e.ledger.OpenOn(c.Host), func(en *ledger.Entry) bool {
		return en.Starting() && en.SentAt != lattice.Never && en.Target.Kind == lattice.Component &&
			(en.Target.ID != "" && en.Target.ID == c.Target.ID || plan.SameRepository(en.Target.Ref, c.Target.Ref))
	})
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
