package engine

import (
	"container/heap"
	"maps"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// watch knows when each host must be looked at: a heap that is put right lazily, so that a heartbeat costs nothing here.
type watch struct {
	due     dues
	in      map[lattice.HostID]bool
	unheard map[lattice.HostID]time.Duration // seen, but its contents are not known; since when
	suspect map[lattice.HostID]bool          // silent, and asked
}

type due struct {
	host lattice.HostID
	at   time.Duration
}

type dues []due

func (d dues) Len() int { return len(d) }
func (d dues) Less(a, b int) bool {
	return d[a].at < d[b].at || d[a].at == d[b].at && d[a].host < d[b].host
}
func (d dues) Swap(a, b int) { d[a], d[b] = d[b], d[a] }

// Push belongs to heap.Interface.
func (d *dues) Push(x any) { *d = append(*d, x.(due)) }

// Pop belongs to heap.Interface.
func (d *dues) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// isSuspect says that the host has missed two heartbeats.
func (e *Engine) isSuspect(h *lattice.Host) (at time.Duration, yes bool) {
	slack := min(e.cfg.Settings.Grace, h.Period()/2)
	at = h.LastSeen + 2*h.Period() + slack
	return at, e.now >= at
}

// missedBeat says that a heartbeat of the host is overdue.
func (e *Engine) missedBeat(h *lattice.Host) bool {
	return e.now >= h.LastSeen+h.Period()+min(e.cfg.Settings.Grace, h.Period()/2)
}

// isDead judges a suspect that did not answer: nobody listens on its subject any more, or it has been silent for the clean-up interval and owes
// no start that could keep it busy. A host that answers a ping is seen, and so never gets here.
func (e *Engine) isDead(h *lattice.Host, nobodyListens bool) bool {
	if _, suspect := e.isSuspect(h); !suspect {
		return false
	}
	return nobodyListens || e.now >= h.LastSeen+e.cfg.Settings.Cleanup && !e.ledger.Owes(h.ID, e.now)
}

// appeared starts the watch over a host that is new or begins anew, and asks what it runs. One that says that it begins with nothing is asked too:
// it may not listen yet, and a command would be lost.
func (e *Engine) appeared(id lattice.HostID) {
	h := e.state.Host(id)
	if h == nil {
		return
	}
	if e.watch.in == nil {
		e.watch.in, e.watch.unheard, e.watch.suspect = map[lattice.HostID]bool{}, map[lattice.HostID]time.Duration{}, map[lattice.HostID]bool{}
	}
	delete(e.proven, id)
	if !e.watch.in[id] {
		e.watch.in[id] = true
		at, _ := e.isSuspect(h)
		heap.Push(&e.watch.due, due{id, at})
	}
	e.watch.unheard[id] = e.now
	e.ask(Question{Topic: AskInventory, Host: id})
	if len(e.state.Hosts()) == 1 {
		e.resync() // nobody could answer before
	}
}

// checkHosts looks at the hosts whose time has come.
func (e *Engine) checkHosts() {
	for len(e.watch.due) > 0 && e.watch.due[0].at <= e.now {
		id := e.watch.due[0].host
		h := e.state.Host(id)
		if h == nil {
			heap.Pop(&e.watch.due)
			delete(e.watch.in, id)
			delete(e.watch.suspect, id)
			continue
		}
		at, suspect := e.isSuspect(h)
		if suspect {
			at = e.now + e.cfg.Settings.Repeat
			if e.connected {
				e.watch.suspect[id] = true
				e.ask(Question{Topic: AskInventory, Host: id})
				e.ask(Question{Topic: AskHosts})
			}
		} else if e.watch.suspect[id] {
			delete(e.watch.suspect, id)
			e.hostsMoved(id) // what fell to it has waited
		}
		e.watch.due[0].at = at
		heap.Fix(&e.watch.due, 0)
	}
}

// unanswered judges a host that did not answer for its inventory.
func (e *Engine) unanswered(id lattice.HostID, nobodyListens bool) {
	h := e.state.Host(id)
	if h == nil {
		if nobodyListens {
			e.provenDead(id)
		}
		return
	}
	if !e.isDead(h, nobodyListens) {
		wait := e.cfg.Settings.Repeat
		if _, begins := e.watch.unheard[id]; begins && nobodyListens {
			wait /= 50
		}
		e.repeatAt(Question{Topic: AskInventory, Host: id}, e.now+wait)
		return
	}
	eff := e.state.Bury(id, e.now)
	e.hearing(id)
	e.settled(e.ledger.HostGone(id, e.now))
	e.lostHost()
	e.tellLost(h, "silent", eff.Apps)
	e.touched(eff)
	e.strangers[id] = stranger{at: lattice.Never, before: true}
}

// provenDead notes that a host of a run record is nowhere.
func (e *Engine) provenDead(id lattice.HostID) {
	e.proven[id] = true
	e.look.helped = true
}

// lostHost books the loss of a host, and brakes when too many go at once: then it is more likely that we are the ones who are cut off.
func (e *Engine) lostHost() {
	kept := e.losses[:0]
	for _, at := range e.losses {
		if e.now-at < e.cfg.Settings.BrakeWithin {
			kept = append(kept, at)
		}
	}
	e.losses = append(kept, e.now)
	total := len(e.losses) + len(e.state.Hosts())
	vanishing := len(e.losses)
	for _, h := range e.state.Hosts() {
		if e.missedBeat(h) {
			vanishing++ // not yet judged; hosts that die together miss their beats one after the other
		}
	}
	if vanishing >= e.cfg.Settings.BrakeHosts && float64(vanishing) > e.cfg.Settings.BrakeShare*float64(total) {
		e.brake = e.now
		e.repeatAt(Question{Topic: AskHosts}, e.now+1)
	}
}

// elapse does what time alone brings.
func (e *Engine) elapse() {
	if next := e.ledger.NextDeadline(); next != lattice.Never && e.now >= next {
		e.expired(e.ledger.Expire(e.now))
	}
	if !e.connected {
		return
	}
	if !e.closed && e.now >= e.pinged+e.cfg.Settings.Window {
		e.windowClosed(e.pinged)
	}
	e.checkHosts()
	e.askAgain()
	if e.synced != lattice.Never && e.now >= e.synced+e.cfg.Settings.Resync {
		e.resync()
		e.ledger.Forget(func(id lattice.HostID) time.Duration {
			if h := e.state.Host(id); h != nil {
				return h.InventoryAsked
			}
			return e.now
		})
		e.prune()
	}
	due := e.look.due(e.now)
	for _, a := range due {
		if a.wakeAt != lattice.Never && e.now >= a.wakeAt {
			a.wakeAt = lattice.Never
			a.mark().all = true
		}
	}
	e.retrySaves(due)
}

// prune forgets what nothing can come of any more, so that hosts that come and go under new ids leave nothing behind.
func (e *Engine) prune() {
	gone := func(id lattice.HostID) bool { return e.state.Host(id) == nil && !e.state.Dead(id) }
	maps.DeleteFunc(e.echoes, func(_ place, x echo) bool { return e.now > x.until })
	maps.DeleteFunc(e.doubles, func(_ place, until time.Duration) bool { return e.now > until })
	maps.DeleteFunc(e.strangers, func(id lattice.HostID, _ stranger) bool { return gone(id) })
	maps.DeleteFunc(e.watch.unheard, func(id lattice.HostID, _ time.Duration) bool { return gone(id) })
	e.losses = slices.DeleteFunc(e.losses, func(at time.Duration) bool { return e.now-at >= e.cfg.Settings.BrakeWithin })
	e.ledger.Prune(gone, e.now)
	named := map[lattice.HostID]bool{}
	// order: each application by itself.
	for _, a := range e.apps {
		for _, id := range a.run.Hosts {
			named[lattice.HostID(id)] = true
		}
		// order: each component by itself.
		for _, hosts := range a.lists {
			maps.DeleteFunc(hosts, func(id lattice.HostID, _ []string) bool { return gone(id) })
		}
	}
	maps.DeleteFunc(e.proven, func(id lattice.HostID, _ bool) bool { return !named[id] })
}

// expired takes the commands of which nothing was heard until their deadline. The word of their effect may have been lost, so the host is asked before an
// absence there is believed; one that has been silent for long enough is declared dead first, now that it owes nothing. What a config holds is read again, too.
func (e *Engine) expired(outs []ledger.Outcome) {
	e.settled(outs)
	for i := range outs {
		c := &outs[i].Entry.Command
		if c.ConfigName != "" {
			e.touched(e.state.Apply(lattice.ConfigSet{Name: c.ConfigName}, e.now))
		}
		if !outs[i].Entry.Starting() {
			continue
		}
		if a := e.apps[c.App]; a != nil {
			a.overdue = e.now
		}
		h := e.state.Host(c.Host)
		if h == nil {
			continue
		}
		if e.watch.suspect[h.ID] && e.isDead(h, false) {
			e.unanswered(h.ID, false)
			continue
		}
		key := e.keyOf(c)
		if key.ID == "" {
			key = byRef(key, c.Target.Ref)
		}
		e.touched(e.state.CastDoubt(h.ID, key, e.now))
	}
}

// byRef stands for a key of which only the reference is known. No id looks like one.
func byRef(k lattice.Key, ref string) lattice.Key {
	k.ID = lattice.NormaliseRef(ref)
	return k
}

// doubted says that an absence of the key somewhere is not proven yet, or one of the reference from before it led to a key.
func (e *Engine) doubted(k lattice.Key, ref string) bool {
	return len(e.doubts) > 0 && (len(e.doubts[k]) > 0 || len(e.doubts[byRef(k, ref)]) > 0)
}

// keyOf is what the command is about. Where its reference was not known to lead to an id yet, that may have been learned since, from another host.
func (e *Engine) keyOf(c *ledger.Command) lattice.Key {
	key := lattice.Key{Kind: c.Target.Kind, ID: c.Target.ID, Link: c.Target.Link}
	if key.ID == "" {
		key.ID, _ = e.state.Resolve(key.Kind, c.Target.Ref)
	}
	return key
}

// unseen casts doubt where an inventory settled a start that the state does not show in full: it was older than what the state knows of that key, say than
// somebody else's start under the same id, or than the event of the first of several instances. What runs there now the host must tell.
func (e *Engine) unseen(outs []ledger.Outcome) {
	for i := range outs {
		entry := &outs[i].Entry
		h := e.state.Host(entry.Host)
		if outs[i].Verdict != ledger.Settled || !entry.Starting() || h == nil {
			continue
		}
		key := e.keyOf(&entry.Command)
		if it := h.Item(key); it == nil || it.CountOf(entry.App) < entry.To {
			e.touched(e.state.CastDoubt(h.ID, key, e.now))
		}
	}
}

// windowClosed ends the time in which hosts answer a ping.
func (e *Engine) windowClosed(asked time.Duration) {
	if !e.closed {
		e.closed = true
		e.askAbsent()
		e.allDirty()
	}
	for _, h := range e.state.Hosts() {
		if h.LastSeen < asked && e.missedBeat(h) {
			e.watch.suspect[h.ID] = true // no beat, and no answer though busy hosts answer: nothing new is given to it
		}
	}
	switch {
	case e.brake == lattice.Never:
	case asked > e.brake:
		e.brake = lattice.Never
		e.allDirty()
	default:
		e.ask(Question{Topic: AskHosts}) // this one was asked before the loss
	}
}

// askAbsent asks for the hosts of run records that have not shown themselves: nobody listening proves them dead.
func (e *Engine) askAbsent() {
	// order: questions are put in order by their ids, which follow the sorted names.
	for _, name := range e.names() {
		for _, id := range e.apps[name].run.Hosts {
			if e.state.Host(lattice.HostID(id)) == nil {
				e.ask(Question{Topic: AskInventory, Host: lattice.HostID(id)})
			}
		}
	}
}

// wake is when the next thing happens by time alone.
func (e *Engine) wake() time.Duration {
	next := lattice.Never
	at := func(t time.Duration) {
		if t != lattice.Never && (next == lattice.Never || t < next) {
			next = t
		}
	}
	at(e.ledger.NextDeadline())
	if !e.connected {
		return next // the rest waits until we are
	}
	at(e.look.next())
	if !e.closed {
		at(e.pinged + e.cfg.Settings.Window)
	}
	if len(e.watch.due) > 0 {
		at(e.watch.due[0].at)
	}
	// order: a minimum does not depend on it.
	for _, t := range e.again {
		at(t)
	}
	if e.synced != lattice.Never {
		at(e.synced + e.cfg.Settings.Resync)
	}
	return next
}
