package lattice

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// inventory folds all that runs on a host. What was asked for before the host began, or before an inventory that is known already,
// tells only that the host lives. A terminal event newer than the question wins for its key: the answer may have been put together
// before it.
func (s *State) inventory(ev Inventory, now time.Duration, eff *Effect) {
	asked := min(ev.Asked, now)
	if ev.Beat || ev.Bare {
		asked = now
	}
	if f, ok := s.stopped[ev.Host]; ok && asked <= f.at && !ev.Beat {
		return // put together by a life that has ended
	}
	s.reborn(ev.Host, ev.Uptime)
	h := s.alive(ev.Host, now, eff)
	if h == nil {
		return
	}
	s.introduce(h, &ev, asked, now, eff)
	if ev.Beat {
		h.beats.beat(h.LastBeat, now)
		h.LastBeat = now
	}
	switch {
	case ev.Bare:
		if !s.countsAgree(h, ev.Resources) {
			s.doubt(h, now, eff)
		}
	case asked >= h.floor && asked >= h.InventoryAsked:
		s.replace(h, ev.Resources, asked, now, eff)
	}
}

// introduce takes over what an inventory says of the host itself.
func (s *State) introduce(h *Host, ev *Inventory, asked, now time.Duration, eff *Effect) {
	s.identify(h, ev.Dialect, ev.Can, ev.Version, eff)
	if asked >= h.uptimeAt && (ev.Uptime > 0 || ev.Beat) { // no OTP inventory tells the uptime
		s.hearUptime(h, ev.Uptime, asked, now, eff)
	}
	s.describe(h, ev.Name, ev.Version, eff)
	if ev.Labels != nil && asked >= h.labelsAt {
		s.label(h, ev.Labels, asked, eff)
	}
}

// replace makes the host's contents those of the inventory.
func (s *State) replace(h *Host, resources []Resource, asked, now time.Duration, eff *Effect) {
	overtaken := false
	if !s.unchanged(h, resources, asked) {
		told, ok := s.orderly(resources)
		if ok {
			overtaken, ok = s.mergeContents(h, told, asked, eff)
		}
		if !ok {
			s.dropped++
			s.doubt(h, now, eff)
			return
		}
	}
	s.learnRefs(h, eff)
	h.InventoryAsked = asked
	// order: each one is looked at by itself
	for k, at := range h.gone {
		if at <= asked {
			s.back(h, k)
		}
	}
	if h.Doubtful && asked >= h.doubtAt && !overtaken {
		h.Doubtful, eff.Doubtful = false, false
		eff.Changed = true
	}
}

// unchanged tells whether the resources are what is known already. It is the path of nearly every heartbeat, so it allocates nothing,
// writes nothing and takes the resources as they come.
func (s *State) unchanged(h *Host, resources []Resource, asked time.Duration) bool {
	if len(resources) != len(h.items) || h.lastTerminal > asked {
		return false
	}
	seen := s.unseen(len(h.items))
	for i := range resources {
		r := &resources[i]
		j, ok := i, h.items[i].Key == r.Key
		if !ok {
			j, ok = h.find(r.Key)
		}
		if !ok || seen[j] || h.items[j].Ref != r.Ref || !sameGroups(h.items[j].Groups, r.Groups) {
			return false
		}
		seen[j] = true
	}
	return true
}

func (s *State) unseen(n int) []bool {
	if cap(s.scratch.seen) < n {
		s.scratch.seen = make([]bool, n)
	}
	seen := s.scratch.seen[:n]
	clear(seen)
	return seen
}

// countsAgree compares a heartbeat that lists no more than counts.
func (s *State) countsAgree(h *Host, resources []Resource) bool {
	counts := make(map[Key]int, len(resources))
	for i := range resources {
		r := &resources[i]
		n := min(countOf(r.Groups), maxCount)
		if r.Key.ID == "" || n <= 0 {
			continue
		}
		if r.Key.Kind == Provider {
			counts[r.Key] = 1
		} else {
			counts[r.Key] += n
		}
	}
	if len(counts) != len(h.items) {
		return false
	}
	for i := range h.items {
		if counts[h.items[i].Key] != h.items[i].Count() {
			return false
		}
	}
	return true
}

// orderly brings the resources of an inventory into the form in which they are kept. What is beyond a bound is left out; ok is false
// when there is too much of it all.
func (s *State) orderly(resources []Resource) (kept []Resource, ok bool) {
	if len(resources) > maxHostItems {
		return nil, false
	}
	kept = make([]Resource, 0, len(resources))
	for i := range resources {
		r := resources[i]
		if r.Key.ID == "" {
			continue
		}
		if !legible(r.Key.ID, r.Key.Link, r.Ref) {
			s.dropped++
			continue
		}
		kept = append(kept, r)
	}
	slices.SortStableFunc(kept, func(a, b Resource) int { return a.Key.Compare(b.Key) })
	merged := kept[:0]
	for _, r := range kept {
		if n := len(merged); n > 0 && merged[n-1].Key == r.Key {
			merged[n-1].Groups = slices.Concat(merged[n-1].Groups, r.Groups)
			continue
		}
		merged = append(merged, r)
	}
	usable := merged[:0]
	for _, r := range merged {
		groups, ok := s.canonical(r.Key, r.Groups)
		if !ok {
			s.dropped++
			continue
		}
		if len(groups) > 0 {
			r.Groups = groups
			usable = append(usable, r)
		}
	}
	return usable, true
}

// mergeContents walks what is known and what is told side by side. Nothing is changed when the result would be beyond a bound. overtaken: of a key that is told
// otherwise an event has come since it was asked for, and nobody knows which of the two is newer.
func (s *State) mergeContents(h *Host, told []Resource, asked time.Duration, eff *Effect) (overtaken, ok bool) {
	ids := 0
	for i := range told {
		ids += idsOf(told[i].Groups)
	}
	if s.items-len(h.items)+len(told) > maxItems || ids > maxHostIDs || s.ids-h.instances+ids > maxInstances {
		return false, false
	}
	h.unshare()
	items := make([]Item, 0, len(told))
	i, j := 0, 0
	for i < len(h.items) || j < len(told) {
		order := 0
		switch {
		case i == len(h.items):
			order = 1
		case j == len(told):
			order = -1
		default:
			order = h.items[i].Key.Compare(told[j].Key)
		}
		switch {
		case order < 0: // not told
			it := &h.items[i]
			if it.Terminal > asked {
				items = append(items, *it)
			} else {
				eff.note(it)
				s.leave(h, it)
				s.give(it)
			}
			i++
		case order > 0: // not known
			if it, ok := s.found(h, &told[j], asked, eff); ok {
				items = append(items, it)
			}
			j++
		default:
			overtaken = s.retell(h, &h.items[i], &told[j], asked, eff) || overtaken
			items = append(items, h.items[i])
			i, j = i+1, j+1
		}
	}
	h.items = slices.Clip(items)
	return overtaken, true
}

// found makes the item of a key that an inventory tells of for the first time.
func (s *State) found(h *Host, r *Resource, asked time.Duration, eff *Effect) (Item, bool) {
	if h.gone[r.Key] > asked {
		return Item{}, false
	}
	it, ok := s.make(r.Key, r.Ref, ownIDs(r.Groups))
	if !ok {
		s.dropped++
		return Item{}, false
	}
	it.At = asked
	s.bear(h, &it, nil)
	s.back(h, r.Key)
	s.enter(h, &it)
	eff.note(&it)
	return it, true
}

// showsNewest says that an inventory shows the instance whose start is the newest event of the item: it was put together after that, whenever it was asked for.
func (h *Host) showsNewest(it *Item, told *Resource) bool {
	born := h.born[it.Key]
	n := 0
	for i := range it.Groups {
		for j, id := range it.Groups[i].Instances {
			if n+j < len(born) && born[n+j] == it.Terminal && holds(told.Groups, id) {
				return true
			}
		}
		n += len(it.Groups[i].Instances)
	}
	return false
}

// retell makes a known item what the inventory tells, unless that is overtaken.
func (s *State) retell(h *Host, it *Item, r *Resource, asked time.Duration, eff *Effect) (overtaken bool) {
	switch {
	case it.Ref == r.Ref && sameGroups(it.Groups, r.Groups):
		return false
	case it.Terminal > asked && !h.showsNewest(it, r):
		return true
	}
	next, ok := s.make(r.Key, r.Ref, ownIDs(r.Groups))
	if !ok {
		s.dropped++
		return false
	}
	s.swap(h, it, next, eff)
	it.At = max(it.At, asked)
	return false
}

// ownIDs copies instance ids, so that the payload that they came in is not kept alive.
func ownIDs(groups []Group) []Group {
	if idsOf(groups) == 0 {
		return groups
	}
	groups = slices.Clone(groups)
	for i := range groups {
		ids := make([]string, len(groups[i].Instances))
		for j, id := range groups[i].Instances {
			ids[j] = strings.Clone(id)
		}
		groups[i].Instances = ids
	}
	return groups
}

func (s *State) learnRefs(h *Host, eff *Effect) {
	if h.Dialect == V1 {
		return
	}
	for i := range h.items {
		s.learn(h.items[i].Key.Kind, h.items[i].Ref, h.items[i].Key.ID, false, eff)
	}
}

// label replaces the host's labels.
func (s *State) label(h *Host, labels map[string]string, at time.Duration, eff *Effect) {
	if maps.Equal(h.Labels, labels) {
		h.labelsAt = max(h.labelsAt, at)
		return
	}
	if !keepable(labels, maxLabels, maxLabelsBytes) {
		s.dropped++
		return
	}
	h.Labels, h.labelsAt = keep(labels), max(h.labelsAt, at)
	eff.Relabelled, eff.Changed = true, true
}
