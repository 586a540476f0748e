package engine

import (
	"maps"
	"slices"

	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
)

// This file says who goes first where two applications want one thing differently: whoever has it keeps it, else the one whose name comes first. Two that
// both acted would undo each other's work for ever.

// before says that the other application goes before us.
func before(other, mine string, theirs, ours bool) bool {
	return theirs && !ours || theirs == ours && other < mine
}

// takenBy says which application holds an id that two want: the one whose instances run keeps it. OTP components of several owners may share a key.
func (e *Engine) takenBy(a *app) func(lattice.Key) string {
	return func(k lattice.Key) string {
		if other := e.leaving(a, k); other != "" {
			return other
		}
		works := e.users.keys[k]
		if len(works) < 2 {
			return ""
		}
		holder := a.name
		for _, w := range works {
			if w.App == a.name || e.apps[w.App].wanted == nil || e.apps[w.App].wanted.Dialect == lattice.OTP && k.Kind == lattice.Component {
				continue
			}
			if before(w.App, holder, e.runs(w.App, k), e.runs(holder, k)) {
				holder = w.App
			}
		}
		if holder == a.name {
			return ""
		}
		return holder
	}
}

// leaving says which application, though nothing of it is wanted any more, still runs the id. To stop an OTP provider there would take ours with it.
func (e *Engine) leaving(a *app, k lattice.Key) string {
	if e.runs(a.name, k) {
		return ""
	}
	for _, h := range e.state.HostsOf(k) {
		if h.Can.Relative && k.Kind == lattice.Component {
			return ""
		}
		for _, owner := range h.Item(k).Owners() {
			if o := e.apps[owner]; o != nil && o != a && o.run.Deleting {
				return owner
			}
		}
	}
	return e.ending(a, k)
}

// ending says which application's stop of a provider is not over on its host, though the provider is gone: what is started there meanwhile is lost.
func (e *Engine) ending(a *app, k lattice.Key) string {
	if k.Link == "" || len(e.users.removing) == 0 {
		return ""
	}
	for _, other := range slices.Sorted(maps.Keys(e.users.removing)) {
		for _, en := range e.ledger.OpenFor(other, "") {
			if other != a.name && en.AckEnds && en.Target.Kind == k.Kind && en.Target.ID == k.ID && en.Target.Link == k.Link {
				return other
			}
		}
	}
	return ""
}

// stands is the revision that an application stands for: the wanted one, or in an undeploy the one of which something still runs.
func (e *Engine) stands(a *app) *plan.Wanted {
	if a.wanted == nil && (len(e.state.KeysOf(a.name)) > 0 || e.ledger.OpenOf(a.name) > 0) {
		return a.from
	}
	return a.wanted
}

func (e *Engine) runs(app string, k lattice.Key) bool {
	return slices.Contains(e.state.KeysOf(app), k)
}

// configTakenBy says which application holds a config that two manage with different values: the one that has put it keeps it.
func (e *Engine) configTakenBy(a *app) func(string) string {
	return func(name string) string {
		if len(e.users.configs[name]) < 2 {
			return ""
		}
		ours, ok := a.wanted.Config(name)
		holder := a
		for _, other := range e.users.configs[name] {
			o := e.apps[other]
			theirs, wants := e.stands(o).Config(name)
			if o == a || !ok || !wants || !theirs.Managed || maps.Equal(ours.Values, theirs.Values) {
				continue
			}
			if before(o.name, holder.name, o.PutConfig(name), holder.PutConfig(name)) {
				holder = o
			}
		}
		if holder == a {
			return ""
		}
		return holder.name
	}
}

// linkTakenBy says which application holds a link's place that two want filled differently: the one that has put a link there keeps it.
func (e *Engine) linkTakenBy(a *app) func(lattice.Link) string {
	return func(l lattice.Link) string {
		holder := a
		e.otherLinks(a, l, func(o *app, have lattice.Link) {
			if !have.Clashes(l) {
				return
			}
			if before(o.name, holder.name, o.fills(l.Slot()), holder.fills(l.Slot())) {
				holder = o
			}
		})
		if holder == a {
			return ""
		}
		return holder.name
	}
}

// linkUsedElsewhere says whether another application wants the link, too.
func (e *Engine) linkUsedElsewhere(a *app) func(lattice.Link) bool {
	return func(l lattice.Link) bool {
		used := false
		e.otherLinks(a, l, func(_ *app, have lattice.Link) { used = used || have.Target == l.Target })
		return used
	}
}

// otherLinks visits the links that other applications want in the place of l.
func (e *Engine) otherLinks(a *app, l lattice.Link, visit func(*app, lattice.Link)) {
	for _, name := range e.users.slots[l.Slot()] {
		o := e.apps[name]
		w := e.stands(o)
		if o == a || w == nil {
			continue
		}
		for i := range w.Links {
			if have, ok := w.Links[i].Resolved(e.state); ok && have.Slot() == l.Slot() {
				visit(o, have)
			}
		}
	}
}

// fills says that we have put a link there.
func (a *app) fills(slot lattice.Slot) bool {
	return slices.ContainsFunc(a.run.Links, func(l AppliedLink) bool { return l.Link.Slot() == slot })
}

// usedElsewhere says which configs other applications use: those that want them, and those that wanted them and still run.
func (e *Engine) usedElsewhere(a *app) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(e.users.configs[name], func(other string) bool {
			o := e.apps[other]
			return o != a && (names(o.wanted, name) || names(o.from, name) && (len(e.state.KeysOf(other)) > 0 || e.ledger.OpenOf(other) > 0))
		})
	}
}

func names(w *plan.Wanted, config string) bool {
	_, ok := w.Config(config)
	return ok
}

// neighbours has the applications look again that share an id, a config or a link's place with this one: what it held may be free, or be taken.
func (e *Engine) neighbours(a *app) {
	for _, k := range e.users.of[a.name] {
		for _, w := range e.users.keys[k] {
			if w.App != a.name {
				e.apps[w.App].component(w.Component)
				e.apps[w.App].mark().links = true
			}
		}
	}
	for _, name := range e.users.names[a.name] {
		for _, other := range e.users.configs[name] {
			if other != a.name {
				e.apps[other].configMoved(name)
			}
		}
	}
	for _, slot := range e.users.fills[a.name] {
		for _, other := range e.users.slots[slot] {
			e.apps[other].mark().links = true
		}
	}
}
