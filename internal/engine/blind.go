package engine

import "github.com/wadm-go/wadm/internal/status"

// This file tells that the lattice cannot be reached. What was told before is not forgotten: it is told again when the lattice is back.

// tellBlind tells of each application that is looked after, once for each reason.
func (e *Engine) tellBlind() {
	if e.connected || e.blind == "" || !e.loaded || e.lost {
		return
	}
	for _, name := range e.names() {
		a := e.apps[name]
		if !a.active() || a.veil == e.blind {
			continue
		}
		a.veil = e.blind
		e.out.Tell = append(e.out.Tell, StatusChange{App: name, Status: status.Unreachable(a.told, a.run.Version, e.blind)})
	}
}

// unveil tells again what was told before the lattice was lost.
func (e *Engine) unveil() {
	e.blind = ""
	for _, name := range e.names() {
		a := e.apps[name]
		if a.veil == "" {
			continue
		}
		a.veil = ""
		s := status.Asking(a.run.Version)
		if a.told != nil {
			s = *a.told
		}
		e.out.Tell = append(e.out.Tell, StatusChange{App: name, Status: s})
	}
}
