package plan

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/wadm-go/wadm/oam"
)

// maxSpreads bounds the spreads of one component: a host's fit is a set of bits.
const maxSpreads = 64

// fit is the set of spreads whose requirements a host meets.
type fit uint64

func (f fit) has(i int) bool { return f&(1<<i) != 0 }

// flow is how the instances that run are credited to spreads. Which spread an instance satisfies follows from its host's labels alone.
//
// Hosts that fit the same spreads are one class; what runs in a class is poured into the spreads it fits, and where a spread is full while
// another class could make room, the instances credited so far are moved over (augmenting paths). So as many stay as can stay, and
// overlapping spreads come to rest.
type flow struct {
	classes []fit
	supply  map[fit]int
	credit  map[fit][]int // per spread
	need    []int         // per spread: what is still missing
}

// pour credits the supply of each class to spreads that want the given counts.
func pour(supply map[fit]int, want []int) *flow {
	f := &flow{supply: supply, credit: map[fit][]int{}, need: slices.Clone(want)}
	// order: sorted on the next line.
	for c := range supply {
		f.classes = append(f.classes, c)
		f.credit[c] = make([]int, len(want))
	}
	// The pickiest classes choose first, so that few instances must move afterwards.
	slices.SortFunc(f.classes, func(a, b fit) int {
		return cmp.Or(cmp.Compare(bits.OnesCount64(uint64(a)), bits.OnesCount64(uint64(b))), cmp.Compare(a, b))
	})
	for _, c := range f.classes {
		left := supply[c]
		for i := range want {
			if !c.has(i) || left == 0 {
				continue
			}
			n := min(left, f.need[i])
			f.credit[c][i] += n
			f.need[i] -= n
			left -= n
		}
		for left > 0 {
			n := f.augment(c, left)
			if n == 0 {
				break
			}
			left -= n
		}
	}
	return f
}

// augment finds a way to credit more of class c by moving what other classes hold, and returns how many it moved.
func (f *flow) augment(c fit, most int) int {
	type step struct {
		class  fit
		spread int // the spread that class gives to
		prev   int
	}
	var queue []step
	seen := make([]bool, len(f.need))
	for i := range f.need {
		if c.has(i) {
			seen[i] = true
			queue = append(queue, step{c, i, -1})
		}
	}
	for at := 0; at < len(queue); at++ {
		s := queue[at]
		if f.need[s.spread] > 0 {
			n := min(most, f.need[s.spread])
			for k := at; queue[k].prev >= 0; k = queue[k].prev {
				n = min(n, f.credit[queue[k].class][queue[queue[k].prev].spread])
			}
			f.need[s.spread] -= n
			for k := at; k >= 0; k = queue[k].prev {
				f.credit[queue[k].class][queue[k].spread] += n
				if p := queue[k].prev; p >= 0 {
					f.credit[queue[k].class][queue[p].spread] -= n
				}
			}
			return n
		}
		for _, d := range f.classes {
			if f.credit[d][s.spread] == 0 {
				continue
			}
			for i := range f.need {
				if d.has(i) && !seen[i] {
					seen[i] = true
					queue = append(queue, step{d, i, at})
				}
			}
		}
	}
	return 0
}

// admit credits one more of class c, if any spread is helped by it.
func (f *flow) admit(c fit) bool {
	if f.credit[c] == nil {
		f.classes = append(f.classes, c)
		f.credit[c] = make([]int, len(f.need))
	}
	return f.augment(c, 1) == 1
}

// credits is a copy of what is credited.
func (f *flow) credits() map[fit][]int {
	out := map[fit][]int{}
	// order: each class by itself.
	for c, of := range f.credit {
		out[c] = slices.Clone(of)
	}
	return out
}

// kept is how many instances of the class are credited to any spread.
func (f *flow) kept(c fit) int {
	n := 0
	for _, v := range f.credit[c] {
		n += v
	}
	return n
}

// counts are the wanted numbers in the order of the shares.
func counts(shares []oam.Share) []int {
	out := make([]int, len(shares))
	for i := range shares {
		out[i] = shares[i].Count
	}
	return out
}
