package lattice

import (
	"maps"
	"slices"
)

// Clone returns a copy for readers in other goroutines, and for whoever wants to go on from here by itself. The two share what
// neither modifies. Only the owner of s may call it.
func (s *State) Clone() *State {
	s.Links() // so that no reader has to build the list
	c := *s
	c.scratch = scratch{}
	c.hosts = make(map[HostID]*Host, len(s.hosts))
	c.sorted = make([]*Host, len(s.sorted))
	for i, h := range s.sorted {
		h.shared, h.rank = true, i
		copied := *h
		copied.gone, copied.born = maps.Clone(h.gone), maps.Clone(h.born)
		c.hosts[h.ID], c.sorted[i] = &copied, &copied
	}
	c.places = make(map[Key][]*Host, len(s.places))
	room := make([]*Host, 0, s.items)
	// order: each key has its own entry; the order in which they share memory does not show
	for k, at := range s.places {
		from := len(room)
		for _, h := range at {
			room = append(room, c.sorted[h.rank])
		}
		c.places[k] = room[from:len(room):len(room)]
	}
	c.owned = make(map[string]*owned, len(s.owned))
	// order: each application has its own entry
	for app, o := range s.owned {
		at := make([]*Host, len(o.at))
		for i, h := range o.at {
			at[i] = c.sorted[h.rank]
		}
		c.owned[app] = &owned{keys: slices.Clone(o.keys), hosts: slices.Clone(o.hosts), at: at, items: slices.Clone(o.items)}
	}
	c.dead, c.stopped, c.dialects = maps.Clone(s.dead), maps.Clone(s.stopped), maps.Clone(s.dialects)
	c.notes, c.texts.entries = s.notes.clone(), maps.Clone(s.texts.entries)
	c.refs, c.links, c.configs = s.refs.clone(), s.links.clone(), s.configs.clone()
	c.claims, c.tallies = s.claims.clone(), s.tallies.clone()
	return &c
}
