package lattice

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// links is the links of the lattice. Within a slot they keep the order in which the lattice has them, for a delete without a target
// takes the first.
type links struct {
	of    map[string][]Link      // by source: sorted by slot, then in the lattice's order
	told  map[Slot]time.Duration // newest event of each slot that no answer has overtaken
	asked time.Duration
	count int
	all   []Link // built when asked for; nil when stale
}

func newLinks() links {
	return links{of: map[string][]Link{}, told: map[Slot]time.Duration{}, asked: Never}
}

func (l *links) reset() {
	l.asked = Never
	clear(l.told)
}

func (l *links) changed(eff *Effect) {
	l.all = nil
	eff.Links, eff.Changed = true, true
}

func (s Slot) compare(o Slot) int {
	return cmp.Or(strings.Compare(s.Source, o.Source), strings.Compare(s.Name, o.Name),
		strings.Compare(s.Namespace, o.Namespace), strings.Compare(s.Package, o.Package), strings.Compare(s.Contract, o.Contract))
}

// Links is all links, sorted by slot, and within a slot in the order in which the lattice has them.
func (s *State) Links() []Link {
	l := &s.links
	if l.all == nil {
		l.all = make([]Link, 0, l.count)
		for _, source := range slices.Sorted(maps.Keys(l.of)) {
			l.all = append(l.all, l.of[source]...)
		}
	}
	return l.all
}

// LinksFrom is the links of one source, in the order of Links.
func (s *State) LinksFrom(source string) []Link { return s.links.of[source] }

// LinksAsked is when the newest full list of this time of listening was asked for, Never if there is none.
func (s *State) LinksAsked() time.Duration { return s.links.asked }

// LinkAt is when the newest thing of this time of listening came, or was asked for, that tells what is in the link's slot: an event
// of that slot or the full list. Never if there is none.
func (s *State) LinkAt(l Link) time.Duration {
	if at, ok := s.links.told[l.Slot()]; ok {
		return max(at, s.links.asked)
	}
	return s.links.asked
}

// usable tells whether a link can be kept.
func usable(l *Link) bool {
	if !legible(l.Source, l.Target, l.Name, l.Namespace, l.Package, l.Contract) || len(l.Values) > maxValue ||
		len(l.Interfaces)+len(l.SourceConfig)+len(l.TargetConfig) > maxLinkNames {
		return false
	}
	return legible(l.Interfaces...) && legible(l.SourceConfig...) && legible(l.TargetConfig...)
}

// own copies a link. Interfaces are a set and come in any order; the order of config names has a meaning.
func own(l Link) Link {
	for _, text := range []*string{&l.Source, &l.Target, &l.Name, &l.Namespace, &l.Package, &l.Contract, &l.Values} {
		*text = strings.Clone(*text)
	}
	for _, list := range []*[]string{&l.Interfaces, &l.SourceConfig, &l.TargetConfig} {
		if len(*list) == 0 {
			*list = nil
			continue
		}
		copied := make([]string, len(*list))
		for i, text := range *list {
			copied[i] = strings.Clone(text)
		}
		*list = copied
	}
	slices.Sort(l.Interfaces)
	l.Interfaces = slices.Compact(l.Interfaces)
	return l
}

// slotRange is where the links of a slot stand in the sorted links of a source.
func slotRange(all []Link, slot Slot) (from, to int) {
	from, _ = slices.BinarySearchFunc(all, slot, func(l Link, s Slot) int { return l.Slot().compare(s) })
	to = from
	for to < len(all) && all[to].Slot() == slot {
		to++
	}
	return from, to
}

// upsert puts a link in its place among the links of its source; an equal target in the slot is replaced. An OTP slot holds one link, whatever its
// target.
func upsert(all []Link, l Link) (changed []Link, added, differs bool) {
	from, to := slotRange(all, l.Slot())
	for i := from; i < to; i++ {
		if all[i].Target == l.Target || l.Contract != "" {
			if all[i].Equal(l) {
				return all, false, false
			}
			all = slices.Clone(all)
			all[i] = l
			return all, false, true
		}
	}
	return slices.Insert(slices.Clone(all), to, l), true, true
}

func (s *State) heardOf(slot Slot, now time.Duration) {
	l := &s.links
	if _, known := l.told[slot]; !known && len(l.told) >= maxLinks {
		s.dropped++
		return
	}
	l.told[slot] = now
}

func (s *State) linkSet(given Link, now time.Duration, eff *Effect) {
	l := &s.links
	if given.Source == "" || given.Target == "" {
		return
	}
	if !usable(&given) {
		s.dropped++
		return
	}
	link := own(given)
	s.heardOf(link.Slot(), now)
	all, added, differs := upsert(l.of[link.Source], link)
	if !differs {
		return
	}
	if added {
		if l.count >= maxLinks {
			s.dropped++
			return
		}
		l.count++
	}
	l.of[link.Source] = all
	eff.Source = link.Source
	l.changed(eff)
}

func (s *State) linkDeleted(slot Slot, target string, now time.Duration, eff *Effect) {
	l := &s.links
	if slot.Source == "" {
		return
	}
	if !legible(slot.Source, slot.Name, slot.Namespace, slot.Package, slot.Contract) {
		s.dropped++
		return
	}
	all := l.of[slot.Source]
	from, to := slotRange(all, slot)
	if from < to {
		slot = all[from].Slot()
	} else {
		slot = own(Link{Source: slot.Source, Name: slot.Name, Namespace: slot.Namespace, Package: slot.Package, Contract: slot.Contract}).Slot()
	}
	s.heardOf(slot, now)
	for i := from; i < to; i++ {
		if target != "" && all[i].Target != target {
			continue
		}
		l.count--
		if len(all) == 1 {
			delete(l.of, slot.Source)
		} else {
			l.of[slot.Source] = slices.Delete(slices.Clone(all), i, i+1)
		}
		eff.Source = slot.Source
		l.changed(eff)
		return
	}
}

// linksTold replaces the links by a full list, except in slots of which an event was heard after it was asked for.
func (s *State) linksTold(ev Links, now time.Duration, eff *Effect) {
	l := &s.links
	asked := min(ev.Asked, now)
	if asked < s.since || asked <= l.asked {
		return
	}
	next := links{of: map[string][]Link{}, told: map[Slot]time.Duration{}, asked: asked}
	for i := range ev.Links {
		given := &ev.Links[i]
		if given.Source == "" || given.Target == "" || l.told[given.Slot()] > asked {
			continue
		}
		if !usable(given) || next.count >= maxLinks {
			s.dropped++
			continue
		}
		link := own(*given)
		all, added := upsertOwn(next.of[link.Source], link)
		next.of[link.Source] = all
		if added {
			next.count++
		}
	}
	// order: each slot has its own place
	for slot, at := range l.told {
		if at <= asked {
			continue
		}
		next.told[slot] = at
		from, to := slotRange(l.of[slot.Source], slot)
		for _, kept := range l.of[slot.Source][from:to] {
			next.of[slot.Source], _ = upsertOwn(next.of[slot.Source], kept)
			next.count++
		}
	}
	first := l.asked == Never
	if !maps.EqualFunc(l.of, next.of, func(a, b []Link) bool { return slices.EqualFunc(a, b, Link.Equal) }) {
		*l = next
		l.changed(eff)
		return
	}
	l.asked, l.told = asked, next.told
	if first {
		eff.Links, eff.Changed = true, true
	}
}

// upsertOwn is upsert into a slice that nobody else sees yet.
func upsertOwn(all []Link, l Link) (changed []Link, added bool) {
	from, to := slotRange(all, l.Slot())
	for i := from; i < to; i++ {
		if all[i].Target == l.Target {
			all[i] = l
			return all, false
		}
	}
	return slices.Insert(all, to, l), true
}

func (l *links) clone() links {
	return links{of: maps.Clone(l.of), told: maps.Clone(l.told), asked: l.asked, count: l.count, all: l.all}
}
