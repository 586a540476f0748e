package engine

import (
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// awaitDouble expects the second of the two equal events with which a 1.x host ends the start of a component.
func (e *Engine) awaitDouble(ev lattice.Event, outs []ledger.Outcome) {
	s, ok := ev.(lattice.Scaled)
	if !ok {
		return
	}
	for i := range outs {
		if outs[i].Entry.Starting() && outs[i].Entry.From == 0 {
			e.doubles[place{s.Host, s.Key.ID}] = e.now + e.cfg.Settings.Repeat
		}
	}
}

// doubled says that an event is such a second one: it settles nothing, least of all the next command for the component. Should it have been that one's own,
// the inventory tells.
func (e *Engine) doubled(ev lattice.Event) bool {
	s, ok := ev.(lattice.Scaled)
	if !ok || len(e.doubles) == 0 {
		return false
	}
	at := place{s.Host, s.Key.ID}
	until, ok := e.doubles[at]
	if !ok || s.Count == 0 {
		return false
	}
	delete(e.doubles, at)
	if e.now > until {
		return false
	}
	for _, en := range e.ledger.OpenOn(s.Host) {
		if en.Target.ID == s.Key.ID {
			e.ask(Question{Topic: AskInventory, Host: s.Host})
		}
	}
	return true
}
