package lattice

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// End is one end of an invocation: a component, or a provider under a link name.
type End struct {
	ID       string
	Link     string // "" where the host names none
	Contract string // the same
}

// Invocation is who called whom for what.
type Invocation struct {
	From, To  End
	Operation string
}

// Compare orders invocations by caller, called and operation.
func (i Invocation) Compare(o Invocation) int {
	return slices.Compare(
		[]string{i.From.ID, i.From.Link, i.From.Contract, i.To.ID, i.To.Link, i.To.Contract, i.Operation},
		[]string{o.From.ID, o.From.Link, o.From.Contract, o.To.ID, o.To.Link, o.To.Contract, o.Operation})
}

// Tally is how often something was invoked, as far as events told: the host of the caller tells of a call, and that of a called component
// does so again.
type Tally struct {
	Succeeded uint64
	Failed    uint64
	Bytes     uint64
}

// Add sums up; what does not fit any more stays at the greatest number.
func (t Tally) Add(o Tally) Tally {
	sum := func(a, b uint64) uint64 {
		if a > math.MaxUint64-b {
			return math.MaxUint64
		}
		return a + b
	}
	return Tally{sum(t.Succeeded, o.Succeeded), sum(t.Failed, o.Failed), sum(t.Bytes, o.Bytes)}
}

// tallies keeps one Tally for each invocation ever heard of, up to a bound.
type tallies struct {
	by    map[Invocation]*Tally
	bytes int
	lost  uint64
}

func newTallies() tallies { return tallies{by: map[Invocation]*Tally{}} }

func (t tallies) clone() tallies {
	t.by = maps.Clone(t.by)
	// order: each one is copied by itself
	for i, sum := range t.by {
		own := *sum
		t.by[i] = &own
	}
	return t
}

// Invoked is how often this was invoked since the state began; ok is false if it was never heard of.
func (s *State) Invoked(i Invocation) (Tally, bool) {
	if t := s.tallies.by[i]; t != nil {
		return *t, true
	}
	return Tally{}, false
}

// InvocationsLost is how many invocations belong to none that is counted, because there were too many different ones.
func (s *State) InvocationsLost() uint64 { return s.tallies.lost }

// invoked counts. It is the path of every call that is made in the lattice: one look-up and an addition.
func (s *State) invoked(ev Invoked) {
	if t := s.tallies.by[ev.Invocation]; t != nil {
		*t = t.Add(ev.Tally)
		return
	}
	i := &ev.Invocation
	size := len(i.From.ID) + len(i.From.Link) + len(i.From.Contract) + len(i.To.ID) + len(i.To.Link) + len(i.To.Contract) + len(i.Operation)
	if len(s.tallies.by) >= maxInvocations || s.tallies.bytes+size > maxInvocationBytes ||
		!legible(i.From.ID, i.From.Link, i.From.Contract, i.To.ID, i.To.Link, i.To.Contract, i.Operation) {
		s.tallies.lost = Tally{Succeeded: s.tallies.lost}.Add(Tally{Succeeded: ev.Succeeded}).Add(Tally{Succeeded: ev.Failed}).Succeeded
		return
	}
	own := func(e End) End { return End{strings.Clone(e.ID), strings.Clone(e.Link), strings.Clone(e.Contract)} }
	t := ev.Tally
	s.tallies.by[Invocation{own(i.From), own(i.To), strings.Clone(i.Operation)}] = &t
	s.tallies.bytes += size
}
