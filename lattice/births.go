package lattice

import (
	"slices"
	"time"
)

// This file keeps since when each instance is known.

// births is since when each instance id of an item is known, in the order of its groups; replaced, never modified.
type births []time.Duration

// Since is when an instance of a key was first heard of here; ok is false if it is not here. An instance that its host restarted after a
// crash has another id, hence another time.
func (h *Host) Since(k Key, instance string) (at time.Duration, ok bool) {
	it := h.Item(k)
	if it == nil {
		return Never, false
	}
	return h.born[k].of(it.Groups, instance)
}

func (b births) of(groups []Group, instance string) (time.Duration, bool) {
	n := 0
	for i := range groups {
		ids := groups[i].Instances
		if j, found := slices.BinarySearch(ids, instance); found && n+j < len(b) {
			return b[n+j], true
		}
		n += len(ids)
	}
	return Never, false
}

// First is since when the key is known to run here without a break, in whole seconds. Where a host gives its instances no ids (1.x) it is
// all that is known.
func (it *Item) First() time.Duration { return time.Duration(it.first) * time.Second }

// bear gives an item, and its instances, the time at which they were first heard of: what the item before it had, else now. It must be
// called before the old item is replaced.
func (s *State) bear(h *Host, it, old *Item) {
	it.first = uint32(s.now / time.Second)
	if old != nil {
		it.first = old.first
	}
	n := idsOf(it.Groups)
	if n == 0 {
		delete(h.born, it.Key)
		return
	}
	before, now := h.born[it.Key], make(births, 0, n)
	for i := range it.Groups {
		for _, id := range it.Groups[i].Instances {
			at := s.now
			if old != nil {
				if known, ok := before.of(old.Groups, id); ok {
					at = known
				}
			}
			now = append(now, at)
		}
	}
	if h.born == nil {
		h.born = map[Key]births{}
	}
	h.born[it.Key] = now
}
