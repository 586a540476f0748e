package engine

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// syncRun brings the run record up to date, saves it if something must be remembered before commands go out or if the application is quiet, and
// sends what waits for no save.
func (e *Engine) syncRun(a *app) {
	quiet := e.ledger.OpenOf(a.name) == 0
	if a.runDirty && a.saving == 0 && (a.mustSave || quiet) && e.now >= a.retryAt {
		e.save(a)
	}
	if a.saving == 0 && !a.mustSave {
		e.release(a)
	}
}

func (e *Engine) save(a *app) {
	run := a.run
	run.App, run.Epoch = a.name, e.cfg.Epoch
	run.Hosts = e.hostsUsed(a)
	run.Intents = e.intents(a, run.Hosts)
	run.Updates = e.standing(a)
	a.retryAt = lattice.Never
	a.run = run
	if !a.mustSave && a.stored != nil && sameRun(&run, a.stored) && a.revise != 0 {
		a.runDirty = false
		return
	}
	a.runDirty, a.mustSave, a.written = false, false, &run
	e.nextSave++
	a.saving = e.nextSave
	e.saves[e.nextSave] = a.name
	e.out.Save = append(e.out.Save, Save{ID: e.nextSave, App: a.name, Run: run, Expect: a.revise})
}

// sameRun says that nothing would change in the store. What hangs on a record is never written to, so the one that was stored can be kept.
func sameRun(a, b *Run) bool {
	return a.App == b.App && a.Epoch == b.Epoch && a.Acted == b.Acted && a.Operation == b.Operation && a.Version == b.Version &&
		a.Deleting == b.Deleting && a.Released == b.Released && a.Since == b.Since && bytes.Equal(a.Manifest, b.Manifest) && bytes.Equal(a.From, b.From) &&
		sameTraces(a, b)
}

// sameTraces says that two records tell the same of what was put and started.
func sameTraces(a, b *Run) bool {
	return slices.Equal(a.Hosts, b.Hosts) && slices.Equal(a.Configs, b.Configs) && slices.EqualFunc(a.Links, b.Links, AppliedLink.equal) &&
		slices.EqualFunc(a.Lists, b.Lists, AppliedList.equal) && slices.EqualFunc(a.Updates, b.Updates, LiveUpdate.equal) && slices.EqualFunc(a.Intents, b.Intents, Intent.equal)
}

func (l AppliedLink) equal(o AppliedLink) bool { return l.Values == o.Values && l.Link.Equal(o.Link) }

func (l AppliedList) equal(o AppliedList) bool {
	return l.ID == o.ID && slices.Equal(l.Names, o.Names) && slices.Equal(l.But, o.But)
}

func (u LiveUpdate) equal(o LiveUpdate) bool {
	return u.ID == o.ID && u.Host == o.Host && u.From == o.From && u.To == o.To && slices.Equal(u.Instances, o.Instances)
}

func (in Intent) equal(o Intent) bool {
	return in.Component == o.Component && in.Target == o.Target && in.Update == o.Update && slices.Equal(in.Instances, o.Instances) && slices.Equal(in.At, o.At)
}

// hostsUsed are the hosts on which something of the application runs, was started, or ran when they died.
func (e *Engine) hostsUsed(a *app) []string {
	with := e.state.HostsWith(a.name)
	out := make([]string, 0, len(with)+16)
	for _, h := range with {
		out = append(out, string(h.ID))
	}
	more := map[string]bool{}
	e.ledger.Starts(a.name, func(en *ledger.Entry) { more[string(en.Host)] = true })
	at := 0
	for _, id := range a.run.Hosts { // both are sorted
		for at < len(out) && out[at] < id {
			at++
		}
		if (at == len(out) || out[at] != id) && e.mayHold(a, lattice.HostID(id)) {
			more[id] = true
		}
	}
	return joined(out, slices.Sorted(maps.Keys(more)))
}

// joined makes one sorted list of two, the second of which is short as a rule.
func joined(out, more []string) []string {
	if len(more) > 64 {
		out = append(out, more...)
		slices.Sort(out)
		return slices.Compact(out)
	}
	for _, id := range more {
		if at, ok := slices.BinarySearch(out, id); !ok {
			out = slices.Insert(out, at, id)
		}
	}
	return out
}

// mayHold says that a host of the run record is not known to be empty of the application: it is gone and may return, or it has not said so.
func (e *Engine) mayHold(a *app, id lattice.HostID) bool {
	h := e.state.Host(id)
	if h == nil {
		return a.run.Operation != Deploy || !e.proven[id]
	}
	return h.InventoryAsked == lattice.Never || a.run.Deleting && h.InventoryAsked <= a.began
}

// intents are the starts, and the updates in place, that may be under way.
func (e *Engine) intents(a *app, hosts []string) []Intent {
	type what struct{ component, id, ref string }
	var out []Intent
	where := map[what]int{}
	e.ledger.Starts(a.name, func(en *ledger.Entry) {
		at, ok := slices.BinarySearch(hosts, string(en.Host))
		if !ok {
			return // the host is gone, and the command with it
		}
		k := what{en.Component, en.Target.ID, en.Target.Ref}
		i, known := where[k]
		if !known {
			i = len(out)
			where[k] = i
			out = append(out, Intent{Component: en.Component, Target: en.Target})
		}
		out[i].At = append(out[i].At, [3]int{at, en.From, en.To})
	})
	e.ledger.LiveUpdates(a.name, func(en *ledger.Entry) {
		if at, ok := slices.BinarySearch(hosts, string(en.Host)); ok {
			out = append(out, Intent{Component: en.Component, Target: en.Target, At: [][3]int{{at, en.From, en.To}}, Update: en.Update, Instances: en.Instances})
		}
	})
	return out
}

// release sends the commands that wait.
func (e *Engine) release(a *app) {
	e.out.Send = slices.Grow(e.out.Send, len(a.held))
	e.out.Notice = slices.Grow(e.out.Notice, len(a.held))
	for _, id := range a.held {
		if en := e.ledger.Entry(id); en != nil {
			e.out.Send = append(e.out.Send, en.Command)
			e.notice("command_sent", &en.Command, "")
		}
	}
	a.held = nil
}

// saved takes the result of a save.
func (e *Engine) saved(in Saved) {
	a := e.apps[e.saves[in.ID]]
	delete(e.saves, in.ID)
	if a == nil || a.saving != in.ID {
		return
	}
	a.saving = 0
	switch {
	case in.Lost:
		e.lost = true
	case in.Err != "":
		a.runDirty, a.mustSave = true, true
		a.retry(e.now + time.Second)
	default:
		a.revise, a.stored = in.Revision, a.written
		e.syncRun(a)
	}
}

// retrySaves tries again what the store refused.
func (e *Engine) retrySaves(due []*app) {
	for _, a := range due {
		if a.retryAt != lattice.Never && e.now >= a.retryAt && a.saving == 0 {
			e.save(a)
		}
	}
}
