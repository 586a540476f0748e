package engine

import (
	"maps"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// This file writes the notices about hosts and statuses. Those about commands are with the commands.

// tellFound tells of a host that came, or began anew. Those that answer the ping with which the owner begins to listen were there already.
func (e *Engine) tellFound(eff *lattice.Effect) {
	h := e.state.Host(eff.Host)
	switch {
	case h == nil:
	case eff.Restarted:
		e.hostNotice(wadmapi.EventHostFound, h, "restarted", eff.Apps)
	case eff.Appeared && e.closed:
		e.hostNotice(wadmapi.EventHostFound, h, "", nil)
	}
}

// parting is the host that says that it stops, as long as it is known. Only its own word is believed at once.
func (e *Engine) parting(ev lattice.Event) *lattice.Host {
	if s, ok := ev.(lattice.HostStopped); ok {
		return e.state.Host(s.Host)
	}
	return nil
}

func (e *Engine) tellLost(h *lattice.Host, reason string, apps []string) {
	if h != nil {
		e.hostNotice(wadmapi.EventHostLost, h, reason, apps)
	}
}

// hostNotice tells of a host. apps are those that ran something there, and had to be placed elsewhere or again.
func (e *Engine) hostNotice(name string, h *lattice.Host, reason string, apps []string) {
	e.out.Notice = append(e.out.Notice, Notice{Name: name, Data: wadmapi.HostEvent{
		Host: string(h.ID), Name: h.Name, Labels: maps.Clone(h.Labels), Reason: reason, Apps: apps,
	}})
}

// tellChange tells that a status differs from the one told before. What an owner that follows tells first is nothing new.
func (e *Engine) tellChange(a *app, s wadmapi.Status) {
	var from wadmapi.StatusType
	switch {
	case a.told != nil:
		from = a.told.Status.Type
	case a.inherited:
		return
	}
	e.out.Notice = append(e.out.Notice, Notice{Name: wadmapi.EventStatusChanged, Data: wadmapi.StatusEvent{
		App: a.name, Version: a.run.Version, From: from, To: s.Status.Type, Message: s.Status.Message,
		Errors: failures(&s), Undeploys: a.wanted == nil,
	}})
}

// failures counts what has failed of an application. One that cannot be carried at all has no scalers.
func failures(s *wadmapi.Status) int {
	if s.Status.Type != wadmapi.StatusFailed {
		return 0
	}
	n := 0
	for i := range s.Scalers {
		if s.Scalers[i].Status.Type == wadmapi.StatusFailed {
			n++
		}
	}
	return max(n, 1)
}
