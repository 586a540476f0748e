package api

import (
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// News is what a request has changed in the store, in versions: created and deleted in the order of the record. Pointers are nil where nothing changed.
type News struct {
	Created, Deleted []string
	Deployed         *string // shall run, and was not to run before
	Undeployed       *string // was to run, and nothing shall now
}

// newsOf compares the record before a decision with the one after it. A deploy of what is deployed is no news, and so it was in 0.3.0.
func newsOf(before *store.Model, d Decision) News {
	if d.Record == nil && !d.Remove {
		return News{}
	}
	was, is := store.Model{}, store.Model{}
	if before != nil {
		was = *before
	}
	if d.Record != nil {
		is = *d.Record
	}
	n := News{Created: missingIn(&was, &is), Deleted: missingIn(&is, &was)}
	ran, runs := deployed(&was), deployed(&is)
	switch {
	case runs != nil && (ran == nil || ran.Version != runs.Version):
		n.Deployed = &runs.Version
	case runs == nil && ran != nil:
		n.Undeployed = &ran.Version
	}
	return n
}

// missingIn are the versions of b that a does not have.
func missingIn(a, b *store.Model) []string {
	var out []string
	for i := range b.Versions {
		if find(a, b.Versions[i].Version) == nil {
			out = append(out, b.Versions[i].Version)
		}
	}
	return out
}

// flat words the news as events of generation 0.3.
func (n News) flat(lattice, app string) []wadmapi.FlatEvent {
	var out []wadmapi.FlatEvent
	tell := func(name, version string) {
		out = append(out, wadmapi.FlatEvent{Name: name, Data: wadmapi.FlatData{Lattice: lattice, Name: app, Version: version}})
	}
	for _, v := range n.Created {
		tell(wadmapi.FlatVersionCreated, v)
	}
	if n.Deployed != nil {
		tell(wadmapi.FlatDeployed, *n.Deployed)
	}
	if n.Undeployed != nil {
		tell(wadmapi.FlatUndeployed, *n.Undeployed)
	}
	for _, v := range n.Deleted {
		tell(wadmapi.FlatVersionDeleted, v)
	}
	return out
}
