package lattice

import (
	"maps"
	"slices"
	"strings"
)

// canonical brings groups into the one form in which they are kept: none empty, equal annotations merged, sorted by annotations,
// instance ids sorted and each one once. A provider is one instance. The groups given are left alone; ok is false when they are beyond
// a bound.
func (s *State) canonical(k Key, groups []Group) (kept []Group, ok bool) {
	if len(groups) > maxGroups {
		return nil, false
	}
	kept = make([]Group, 0, len(groups))
	for i := range groups {
		g := Group{Annotations: groups[i].Annotations, Count: min(max(groups[i].Count, len(groups[i].Instances)), maxCount)}
		if g.Count <= 0 {
			continue
		}
		if !keepable(g.Annotations, maxNotes, maxNotes*maxText) {
			return nil, false
		}
		for _, id := range groups[i].Instances {
			switch {
			case !legible(id):
				return nil, false
			case id != "":
				g.Instances = append(g.Instances, id)
			}
		}
		if n := len(g.Instances); n > 1 {
			slices.Sort(g.Instances)
			g.Instances = slices.Compact(g.Instances)
			g.Count -= n - len(g.Instances)
		}
		kept = append(kept, g)
	}
	if len(kept) > 1 {
		kept = s.merged(kept)
	}
	if k.Kind == Provider && len(kept) > 0 {
		kept = kept[:1:1]
		kept[0].Count = 1
		if len(kept[0].Instances) > 1 {
			kept[0].Instances = kept[0].Instances[:1:1]
		}
	}
	return kept, true
}

// merged sorts groups by their annotations and makes one of those that bear equal ones.
func (s *State) merged(groups []Group) []Group {
	type named struct {
		name string
		Group
	}
	all := make([]named, len(groups))
	for i, g := range groups {
		all[i] = named{string(s.scratch.nameOf(g.Annotations)), g}
	}
	slices.SortStableFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	kept := groups[:0]
	for i, g := range all {
		if i == 0 || all[i-1].name != g.name {
			kept = append(kept, g.Group)
			continue
		}
		last := &kept[len(kept)-1]
		n := len(last.Instances) + len(g.Instances)
		last.Instances = append(slices.Clone(last.Instances), g.Instances...)
		slices.Sort(last.Instances)
		last.Instances = slices.Compact(last.Instances)
		last.Count = min(last.Count+g.Count-(n-len(last.Instances)), maxCount)
	}
	return kept
}

func sameGroups(a, b []Group) bool {
	return slices.EqualFunc(a, b, func(a, b Group) bool {
		return a.Count == b.Count && slices.Equal(a.Instances, b.Instances) && maps.Equal(a.Annotations, b.Annotations)
	})
}

func countOf(groups []Group) int {
	n := 0
	for i := range groups {
		n += groups[i].Count
	}
	return n
}

func idsOf(groups []Group) int {
	n := 0
	for i := range groups {
		n += len(groups[i].Instances)
	}
	return n
}

func holds(groups []Group, instance string) bool {
	for i := range groups {
		if _, ok := slices.BinarySearch(groups[i].Instances, instance); ok {
			return true
		}
	}
	return false
}
