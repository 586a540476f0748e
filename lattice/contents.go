package lattice

import (
	"slices"
	"time"
)

// This file keeps what runs where: the items of each host, and the two indexes over them.

// owned is the keys of one application, each with the number of live hosts where an instance of it bears the annotation, and those hosts, each
// with the number of such keys.
type owned struct {
	keys  []Key
	hosts []int32
	at    []*Host // by id
	items []int32
}

func compareIDs(a, b HostID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func byID(h *Host, id HostID) int { return compareIDs(h.ID, id) }

// note records in the effect that instances of the item changed.
func (e *Effect) note(it *Item) {
	e.Changed = true
	e.Keys = append(e.Keys, it.Key)
	for _, app := range it.Owners() {
		if app != "" {
			e.Apps = append(e.Apps, app)
		}
	}
}

// make builds an item out of canonical groups and takes what it needs from the pools. It fails beyond a bound, taking nothing.
func (s *State) make(k Key, ref string, groups []Group) (Item, bool) {
	kept, ok := s.takeText(ref)
	if !ok {
		return Item{}, false
	}
	it := Item{Key: s.keyOf(k), Ref: kept, Terminal: Never}
	if len(groups) == 1 && len(groups[0].Instances) == 0 && len(groups[0].Annotations) > 0 {
		n, ok := s.takeNotes(groups[0].Annotations)
		if !ok {
			s.give(&it)
			return Item{}, false
		}
		it.Groups = n.group(groups[0].Count)
		return it, true
	}
	it.Groups = make([]Group, len(groups))
	for i, g := range groups {
		n, ok := s.takeNotes(g.Annotations)
		if !ok {
			it.Groups = it.Groups[:i]
			s.give(&it)
			return Item{}, false
		}
		g.Annotations = nil
		if n != nil {
			g.Annotations = n.notes
		}
		it.Groups[i] = g
	}
	return it, true
}

// give hands back to the pools what an item used.
func (s *State) give(it *Item) {
	s.giveText(it.Ref)
	for i := range it.Groups {
		s.giveNotes(it.Groups[i].Annotations)
	}
}

// fits tells whether a host may hold so many more items and instance ids.
func (s *State) fits(h *Host, items, ids int) bool {
	return len(h.items)+items <= maxHostItems && s.items+items <= maxItems &&
		h.instances+ids <= maxHostIDs && s.ids+ids <= maxInstances
}

// enter adds an item to the indexes and sums; leave takes it out again.
func (s *State) enter(h *Host, it *Item) {
	s.items++
	at := s.places[it.Key]
	if i, ok := slices.BinarySearchFunc(at, h.ID, byID); !ok {
		s.places[it.Key] = insert(at, i, h)
	}
	s.own(h, it)
}

func (s *State) leave(h *Host, it *Item) {
	s.items--
	delete(h.born, it.Key)
	at := s.places[it.Key]
	if i, ok := slices.BinarySearchFunc(at, h.ID, byID); ok {
		if len(at) == 1 {
			delete(s.places, it.Key)
		} else {
			s.places[it.Key] = slices.Delete(at, i, i+1)
		}
	}
	s.disown(h, it)
}

func (s *State) own(h *Host, it *Item) {
	ids := idsOf(it.Groups)
	h.Load += it.Count()
	h.instances += ids
	s.ids += ids
	for _, app := range it.Owners() {
		if app == "" {
			continue
		}
		o := s.owned[app]
		if o == nil {
			o = &owned{}
			s.owned[app] = o
		}
		i, ok := slices.BinarySearchFunc(o.keys, it.Key, Key.Compare)
		if !ok {
			o.keys, o.hosts = insert(o.keys, i, it.Key), insert(o.hosts, i, 0)
		}
		o.hosts[i]++
		if i, ok = slices.BinarySearchFunc(o.at, h.ID, byID); !ok {
			o.at, o.items = insert(o.at, i, h), insert(o.items, i, 0)
		}
		o.items[i]++
	}
}

func (s *State) disown(h *Host, it *Item) {
	ids := idsOf(it.Groups)
	h.Load -= it.Count()
	h.instances -= ids
	s.ids -= ids
	for _, app := range it.Owners() {
		o := s.owned[app]
		if o == nil {
			continue
		}
		i, ok := slices.BinarySearchFunc(o.keys, it.Key, Key.Compare)
		if !ok {
			continue
		}
		if o.hosts[i]--; o.hosts[i] == 0 {
			o.keys, o.hosts = slices.Delete(o.keys, i, i+1), slices.Delete(o.hosts, i, i+1)
		}
		i, _ = slices.BinarySearchFunc(o.at, h.ID, byID)
		if o.items[i]--; o.items[i] == 0 {
			o.at, o.items = slices.Delete(o.at, i, i+1), slices.Delete(o.items, i, i+1)
		}
		if len(o.keys) == 0 {
			delete(s.owned, app)
		}
	}
}

// insert is slices.Insert that grows by an eighth: there are a hundred thousand items, and few of them come one by one.
func insert[T any](all []T, i int, v T) []T {
	if len(all) == cap(all) {
		grown := make([]T, len(all), len(all)+1+len(all)/8)
		copy(grown, all)
		all = grown
	}
	return slices.Insert(all, i, v)
}

// unshare makes the host's items its own before they are written.
func (h *Host) unshare() {
	if h.shared {
		h.items, h.shared = slices.Clone(h.items), false
	}
}

// put makes the item of a key what it is told to be, with canonical groups that are not empty. It fails beyond a bound.
func (s *State) put(h *Host, k Key, ref string, groups []Group, eff *Effect) bool {
	i, known := h.find(k)
	if known {
		old := &h.items[i]
		if old.Ref == ref && sameGroups(old.Groups, groups) {
			return true
		}
	}
	more, ids := 1, idsOf(groups)
	if known {
		more, ids = 0, ids-idsOf(h.items[i].Groups)
	}
	if !legible(k.ID, k.Link, ref) || !s.fits(h, more, ids) {
		return false
	}
	it, ok := s.make(k, ref, groups)
	if !ok {
		return false
	}
	h.unshare()
	if known {
		s.swap(h, &h.items[i], it, eff)
		return true
	}
	s.bear(h, &it, nil)
	h.items = insert(h.items, i, it)
	s.back(h, k)
	s.enter(h, &it)
	eff.note(&it)
	return true
}

// swap replaces an item by another one of the same key.
func (s *State) swap(h *Host, old *Item, it Item, eff *Effect) {
	it.At, it.Terminal = old.At, old.Terminal
	s.bear(h, &it, old)
	if slices.Equal(instance(old), instance(&it)) {
		it.Healthy = old.Healthy // another instance has shown nothing of its health yet
	}
	eff.note(old)
	eff.note(&it)
	s.disown(h, old)
	s.give(old)
	s.own(h, &it)
	*old = it
}

func instance(it *Item) []string {
	if len(it.Groups) == 0 {
		return nil
	}
	return it.Groups[0].Instances
}

// drop removes the item of a key.
func (s *State) drop(h *Host, k Key, eff *Effect) {
	i, ok := h.find(k)
	if !ok {
		return
	}
	h.unshare()
	it := h.items[i]
	eff.note(&it)
	s.leave(h, &it)
	s.give(&it)
	h.items = slices.Delete(h.items, i, i+1)
}

// empty removes everything from a host, and what was known of its commands' ends.
func (s *State) empty(h *Host, eff *Effect) {
	for i := range h.items {
		it := &h.items[i]
		eff.note(it)
		s.leave(h, it)
		s.give(it)
	}
	h.items, h.shared = nil, false
	s.unmark(h)
}

// unmark forgets the terminal events of what is gone.
func (s *State) unmark(h *Host) {
	s.ends -= len(h.gone)
	h.gone, h.lastTerminal = nil, Never
}

// back forgets the end of a key: it runs again, or an inventory has shown its absence.
func (s *State) back(h *Host, k Key) {
	if _, ok := h.gone[k]; ok {
		delete(h.gone, k)
		s.ends--
	}
}

// ended records a terminal event of a key: from now on the number that runs is what this event made it.
func (s *State) ended(h *Host, k Key, now time.Duration) {
	h.lastTerminal = max(h.lastTerminal, now)
	if i, ok := h.find(k); ok {
		h.unshare()
		it := &h.items[i]
		it.Terminal, it.At = max(it.Terminal, now), max(it.At, now)
		return
	}
	if h.gone == nil {
		h.gone = map[Key]time.Duration{}
	}
	if _, known := h.gone[k]; !known {
		if len(h.gone) >= maxHostItems || s.ends >= maxItems || !legible(k.ID, k.Link) {
			s.dropped++
			return
		}
		s.ends++
		k = s.keyOf(k)
	}
	h.gone[k] = now
}

func (h *Host) terminal(k Key) time.Duration {
	if it := h.Item(k); it != nil {
		return it.Terminal
	}
	if at, ok := h.gone[k]; ok {
		return at
	}
	return Never
}
