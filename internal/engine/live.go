package engine

import (
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// This file remembers updates in place by hosts that report the old reference ever after (OTP upd). Nothing shows them but the record: it names the very
// instances, so that one that was started since, by a crash or by somebody else, is not taken for updated.

// unknownCode stands for the image of instances that an earlier owner had updated, or not: nobody can tell, so they are stopped and started where that matters.
const unknownCode = "an image that nobody can tell"

// updated notes an update that is confirmed, or given up after the host's word on some of the instances came: of those that it changed, those that still run.
func (e *Engine) updated(a *app, o *ledger.Outcome) {
	en := &o.Entry
	if en.Instances == nil || o.Verdict != ledger.Settled && !o.Unsure {
		return
	}
	u := LiveUpdate{ID: en.Target.ID, Host: string(en.Host), From: en.Target.Ref}
	var changed []string
	if changed, u.To = swapped(en); len(changed) == 0 {
		return
	}
	running := instances(e.state, en.Host, keyOfComponent(u.ID))
	for _, id := range changed {
		if slices.Contains(running, id) {
			u.Instances = append(u.Instances, id)
		}
	}
	slices.Sort(u.Instances)
	u.Instances = slices.Compact(u.Instances)
	var kept []LiveUpdate
	for _, old := range a.run.Updates {
		if old.ID != u.ID || old.Host != u.Host {
			kept = append(kept, old)
		}
	}
	if len(u.Instances) > 0 && !lattice.SameRef(u.From, u.To) {
		kept = append(kept, u)
	}
	a.run.Updates = kept
	a.runDirty, a.mustSave = true, true
	e.teach(a)
}

// swapped are the instances that run another code now, and which.
func swapped(en *ledger.Entry) (ids []string, code string) {
	switch {
	case en.Acked:
		return slices.Concat(en.Swapped, en.Instances), en.Update
	case len(en.Swapped) > 0:
		return en.Swapped, en.Update
	case en.Restored:
		return en.Instances, unknownCode // the host's word may have come while nobody listened
	}
	return nil, ""
}

// teach ties the references of updates to their ids, which no host may ever tell again.
func (e *Engine) teach(a *app) {
	for _, u := range a.run.Updates {
		if u.To == unknownCode {
			continue
		}
		e.touched(e.state.Apply(lattice.RefLearned{Ref: u.To, ID: u.ID}, e.now))
	}
}

func keyOfComponent(id string) lattice.Key { return lattice.Key{Kind: lattice.Component, ID: id} }

// instances are the ids of all instances of a key on a host.
func instances(s *lattice.State, host lattice.HostID, key lattice.Key) []string {
	h := s.Host(host)
	if h == nil {
		return nil
	}
	it := h.Item(key)
	if it == nil {
		return nil
	}
	var ids []string
	for _, g := range it.Groups {
		ids = append(ids, g.Instances...)
	}
	return ids
}

// Runs is the reference of the code that so many of the application's instances of an item run, 0 where the host reports it truly as far as is known.
func (a *app) Runs(host lattice.HostID, it *lattice.Item) (ref string, n int) {
	for i := range a.run.Updates {
		u := &a.run.Updates[i]
		if u.Host != string(host) || it.Key != keyOfComponent(u.ID) || !lattice.SameRef(u.From, it.Ref) {
			continue
		}
		for _, g := range it.Groups {
			if g.Annotations[lattice.AppAnnotation] == a.name {
				n += u.among(g.Instances)
			}
		}
		return u.To, n
	}
	return "", 0
}

// among is how many of the instances the update has changed.
func (u *LiveUpdate) among(ids []string) (n int) {
	for _, id := range ids {
		if _, ok := slices.BinarySearch(u.Instances, id); ok {
			n++
		}
	}
	return n
}

// standing are the updates of which something may still run: the host has not said otherwise.
func (e *Engine) standing(a *app) []LiveUpdate {
	var out []LiveUpdate
	for _, u := range a.run.Updates {
		h := e.state.Host(lattice.HostID(u.Host))
		if h == nil && !e.proven[lattice.HostID(u.Host)] || h != nil && (h.InventoryAsked == lattice.Never || slices.ContainsFunc(instances(e.state, h.ID, keyOfComponent(u.ID)), func(id string) bool {
			return slices.Contains(u.Instances, id)
		})) {
			out = append(out, u)
		}
	}
	return out
}

// refused is an update in place that a host would not do: it is stopped and started instead.
type refused struct {
	at  interrupted
	ref string
}

// refuse notes it.
func (a *app) refuse(en *ledger.Entry) {
	if en.Action == ledger.Update && en.Instances != nil {
		a.refusals[refused{interrupted{en.Component, en.Host}, en.Update}] = true
	}
}

func (a *app) unchanged(component string, host lattice.HostID, ref string) bool {
	return a.refusals[refused{interrupted{component, host}, ref}]
}

// unchanged notes the updates that a host says to have failed.
func (e *Engine) unchanged(ev lattice.Event, outs []ledger.Outcome) {
	if _, ok := ev.(lattice.Updated); !ok {
		return
	}
	for i := range outs {
		if a := e.apps[outs[i].Entry.App]; a != nil && outs[i].Verdict == ledger.Failed {
			a.refuse(&outs[i].Entry)
		}
	}
}
