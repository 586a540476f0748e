package lattice

import (
	"maps"
	"slices"
	"strings"
)

// anyKind is the kind of an id that does not show it.
const anyKind Kind = 255

// kindOf tells the kind of an OTP public key by its first letter.
func kindOf(id string) Kind {
	switch {
	case strings.HasPrefix(id, "M"):
		return Component
	case strings.HasPrefix(id, "V"):
		return Provider
	}
	return anyKind
}

// refs ties image references, without schemes, to ids. A lattice has one such table, and a reference leads to one id at a time.
type refs struct {
	to   map[string]meaning
	from map[string][]string // sorted; replaced, never modified
}

type meaning struct {
	id   string
	kind Kind // anyKind if nobody has told
}

func newRefs() refs { return refs{to: map[string]meaning{}, from: map[string][]string{}} }

// learn ties a reference to an id, of a kind that may be anyKind. An inventory is no reason to change what is known (fresh is false): it shows under which reference
// the first instance of an id was started, perhaps long ago.
func (s *State) learn(kind Kind, ref, id string, fresh bool, eff *Effect) {
	if ref = NormaliseRef(ref); ref == "" || id == "" {
		return
	}
	old, known := s.refs.to[ref]
	switch {
	case known && old.id == id:
		if old.kind == anyKind && kind != anyKind {
			s.refs.to[ref] = meaning{old.id, kind}
		}
		return
	case known && !fresh:
		return
	case !known && len(s.refs.to) >= maxRefs, !legible(ref, id):
		s.dropped++
		return
	}
	s.refs.tie(strings.Clone(ref), meaning{strings.Clone(id), kind})
	eff.Changed = true
	if eff.Ref == "" || ref < eff.Ref {
		eff.Ref = ref
	}
}

// tie replaces what a reference leads to.
func (r *refs) tie(ref string, to meaning) {
	if old, known := r.to[ref]; known {
		left := slices.DeleteFunc(slices.Clone(r.from[old.id]), func(other string) bool { return other == ref })
		if r.from[old.id] = left; len(left) == 0 {
			delete(r.from, old.id)
		}
	}
	r.to[ref] = to
	all := r.from[to.id]
	i, _ := slices.BinarySearch(all, ref)
	r.from[to.id] = slices.Insert(slices.Clone(all), i, ref)
}

// Resolve is the id that a reference leads to, as far as the lattice has told: by a RefLearned, by what started, by an inventory.
// In the 1.x dialect ids are chosen by whoever deploys, so nothing is learned there and nothing need be.
func (s *State) Resolve(kind Kind, ref string) (id string, ok bool) {
	m, ok := s.refs.to[NormaliseRef(ref)]
	if !ok || m.kind != anyKind && m.kind != kind {
		return "", false
	}
	return m.id, true
}

// RefsOf is the references that lead to the id, without schemes, sorted.
func (s *State) RefsOf(id string) []string { return s.refs.from[id] }

func (r refs) clone() refs { return refs{to: maps.Clone(r.to), from: maps.Clone(r.from)} }
