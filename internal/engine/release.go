package engine

import (
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/status"
	"github.com/wadm-go/wadm/lattice"
)

// This file lets go of what runs. A released application runs on: it is listed, never stopped, and adopted by the next deploy. Its links and configs stay,
// too, and its run record goes on to say which they are, so that an undeploy that stops can still take them away. One that was deleted leaves no such
// record: what runs of it is an orphan.

// letsGo says that the wish is to let go of what runs.
func (a *app) letsGo() bool { return a.wish.ID != "" && !a.other && a.wish.Release }

// toRelease ends all work on the application. What a host has taken up it may finish; nothing more is sent.
func (e *Engine) toRelease(a *app) {
	e.last(a)
	a.run.Deleting, a.run.From, a.fresh = false, nil, false
	a.run.Released = a.run.Operation == Undeploy
	for _, id := range a.held {
		_, _ = e.ledger.Answer(id, ledger.Dropped, "", e.now)
	}
	a.held = nil
	a.leftover, a.owed, a.lent = 0, 0, 0
	a.seesHosts(true)
	delete(e.users.removing, a.name)
	if a.run.Released {
		return
	}
	a.before = nil
	a.run.Version, a.run.Manifest, a.run.Configs, a.run.Links, a.run.Lists, a.run.Updates, a.run.Hosts = "", nil, nil, nil, nil, nil, nil
}

// letGo says that it was let go, and nothing was asked since.
func (a *app) letGo() bool { return a.run.Released || a.run.Operation == Delete && a.letsGo() }

// running is how many instances of the application hosts show.
func (e *Engine) running(a *app) int {
	n := 0
	for _, key := range e.state.KeysOf(a.name) {
		for _, h := range e.state.HostsOf(key) {
			n += h.Item(key).CountOf(a.name)
		}
	}
	return n
}

// tellReleased tells how much runs on, once every host that was seen has said what it runs.
func (e *Engine) tellReleased(a *app) {
	if until, unheard := e.unheard(); unheard || !e.closed {
		if until != lattice.Never {
			a.wake(until)
		}
		return
	}
	starting := 0
	e.ledger.Starts(a.name, func(en *ledger.Entry) { starting += max(0, en.To-en.From-en.Done) })
	e.publish(a, status.Released(e.running(a), starting))
}

// recognise looks, before the first command of a deploy without a record, whether something of the application runs: what a program before us started, which
// did not store it, or what was let go. Then hosts that have not shown themselves may run more of it.
func (e *Engine) recognise(a *app) {
	if _, unheard := e.unheard(); !a.unseen || unheard || e.frozen() || len(e.state.Hosts()) == 0 {
		return
	}
	a.unseen = false
	if len(e.state.KeysOf(a.name)) > 0 {
		a.fresh, a.unrecorded = false, true
	}
}
