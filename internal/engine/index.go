package engine

import (
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
)

// index says which applications an event concerns, so that the work for one does not grow with the lattice.
type index struct {
	keys     map[lattice.Key][]ledger.Work // that the component runs under
	refs     map[string][]ledger.Work      // normalised references whose id only a host can tell
	configs  map[string][]string           // applications that name the config
	daemons  map[ledger.Work]bool
	removing map[string]bool // applications with something to take away
	of       map[string][]lattice.Key
	names    map[string][]string       // configs by application
	slots    map[lattice.Slot][]string // applications that want a link there
	fills    map[string][]lattice.Slot
	sources  map[string][]string // applications with a link from there
}

func newIndex() index {
	return index{
		keys: map[lattice.Key][]ledger.Work{}, refs: map[string][]ledger.Work{}, configs: map[string][]string{},
		daemons: map[ledger.Work]bool{}, removing: map[string]bool{}, of: map[string][]lattice.Key{}, names: map[string][]string{},
		slots: map[lattice.Slot][]string{}, fills: map[string][]lattice.Slot{}, sources: map[string][]string{},
	}
}

func (x *index) add(a *app, s *lattice.State) {
	for _, w := range []*plan.Wanted{a.wanted, a.from} {
		if w == nil {
			continue
		}
		for _, c := range w.Configs {
			if !slices.Contains(x.configs[c.Name], a.name) {
				x.configs[c.Name] = append(x.configs[c.Name], a.name)
				x.names[a.name] = append(x.names[a.name], c.Name)
			}
		}
		for i := range w.Links {
			for _, ref := range []string{w.Links[i].SourceRef, w.Links[i].TargetRef} {
				if ref != "" {
					x.addRef(ref, ledger.Work{App: a.name})
				}
			}
		}
	}
	for _, name := range a.run.Configs {
		if !slices.Contains(x.configs[name], a.name) {
			x.configs[name] = append(x.configs[name], a.name)
			x.names[a.name] = append(x.names[a.name], name)
		}
	}
	x.resolve(a, s)
	if a.wanted == nil {
		return
	}
	for i := range a.wanted.Resources {
		r := &a.wanted.Resources[i]
		work := ledger.Work{App: a.name, Component: r.Name}
		if r.Scaler == plan.Daemon {
			x.daemons[work] = true
		}
		if r.ID != "" {
			x.addKey(lattice.Key{Kind: r.Kind, ID: r.ID, Link: r.LinkName}, work)
		} else {
			x.addRef(r.Ref, work)
		}
	}
}

func (x *index) addKey(k lattice.Key, w ledger.Work) {
	if !slices.Contains(x.keys[k], w) {
		x.keys[k] = append(x.keys[k], w)
		x.of[w.App] = append(x.of[w.App], k)
	}
}

func (x *index) addRef(ref string, w ledger.Work) {
	ref = lattice.NormaliseRef(ref)
	if !slices.Contains(x.refs[ref], w) {
		x.refs[ref] = append(x.refs[ref], w)
	}
}

// resolve enters the ids of references that have become known, and the links between them.
func (x *index) resolve(a *app, s *lattice.State) {
	for _, w := range []*plan.Wanted{a.wanted, a.from} {
		if w == nil {
			continue
		}
		for i := range w.Links {
			l, ok := w.Links[i].Resolved(s)
			if slot := l.Slot(); ok && !slices.Contains(x.slots[slot], a.name) {
				x.slots[slot] = append(x.slots[slot], a.name)
				x.fills[a.name] = append(x.fills[a.name], slot)
				if !slices.Contains(x.sources[slot.Source], a.name) {
					x.sources[slot.Source] = append(x.sources[slot.Source], a.name)
				}
			}
		}
		for i := range w.Resources {
			r := &w.Resources[i]
			if r.ID != "" || a.wanted == nil || a.wanted.Resource(r.Name) == nil {
				continue
			}
			if id, ok := s.Resolve(r.Kind, r.Ref); ok {
				x.addKey(lattice.Key{Kind: r.Kind, ID: id, Link: r.LinkName}, ledger.Work{App: a.name, Component: r.Name})
			}
		}
	}
}

// drop forgets what the application wanted.
func (x *index) drop(a *app) {
	mine := func(w ledger.Work) bool { return w.App == a.name }
	for _, k := range x.of[a.name] {
		if x.keys[k] = slices.DeleteFunc(x.keys[k], mine); len(x.keys[k]) == 0 {
			delete(x.keys, k)
		}
	}
	delete(x.of, a.name)
	for _, n := range x.names[a.name] {
		if x.configs[n] = slices.DeleteFunc(x.configs[n], func(s string) bool { return s == a.name }); len(x.configs[n]) == 0 {
			delete(x.configs, n)
		}
	}
	delete(x.names, a.name)
	for _, slot := range x.fills[a.name] {
		if x.slots[slot] = slices.DeleteFunc(x.slots[slot], func(s string) bool { return s == a.name }); len(x.slots[slot]) == 0 {
			delete(x.slots, slot)
		}
		if x.sources[slot.Source] = slices.DeleteFunc(x.sources[slot.Source], func(s string) bool { return s == a.name }); len(x.sources[slot.Source]) == 0 {
			delete(x.sources, slot.Source)
		}
	}
	delete(x.fills, a.name)
	for _, w := range []*plan.Wanted{a.wanted, a.from} {
		if w == nil {
			continue
		}
		for i := range w.Resources {
			r := &w.Resources[i]
			delete(x.daemons, ledger.Work{App: a.name, Component: r.Name})
			x.dropRef(r.Ref, mine)
		}
		for i := range w.Links {
			x.dropRef(w.Links[i].SourceRef, mine)
			x.dropRef(w.Links[i].TargetRef, mine)
		}
	}
}

func (x *index) dropRef(ref string, mine func(ledger.Work) bool) {
	ref = lattice.NormaliseRef(ref)
	if x.refs[ref] = slices.DeleteFunc(x.refs[ref], mine); len(x.refs[ref]) == 0 {
		delete(x.refs, ref)
	}
}

// wants says that a component of the application is known to be the key.
func (x *index) wants(k lattice.Key, app string) bool {
	return slices.ContainsFunc(x.keys[k], func(w ledger.Work) bool { return w.App == app })
}
