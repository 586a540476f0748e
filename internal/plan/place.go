package plan

import (
	"container/heap"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// candidate is a host that could take one more.
type candidate struct {
	host    *lattice.Host
	own     int // of this component, planned
	load    int // of all, planned
	waiting bool
	until   time.Duration // waiting: its back-off ends
	silent  bool          // it may be dead: what falls to it waits until that is known
	bound   bool          // starts only another reference of our key, because it was updated in place: a place only when all of ours there end first
	old     bool          // runs another reference of our key, which must end before ours can start there: a place, but later
}

func (a candidate) before(b candidate) bool {
	switch {
	case a.silent != b.silent:
		return b.silent
	case a.waiting != b.waiting:
		return b.waiting
	case a.until != b.until:
		return a.until < b.until
	case a.bound != b.bound:
		return b.bound
	case a.own != b.own:
		return a.own < b.own
	case a.old != b.old:
		return b.old
	case a.load != b.load:
		return a.load < b.load
	}
	return a.host.ID < b.host.ID
}

// placeAll finds hosts for what the spreads still need.
func (j *job) placeAll(f *flow) {
	if j.r.Kind == lattice.Provider {
		j.matchHosts(f)
	}
	for i, n := range f.need {
		if n > 0 {
			j.place(i, n)
		}
	}
}

// place gives n instances of a spread, one at a time, to the matching host that carries fewest of this component, then fewest of all, then has
// the lowest id. A host on which it failed lately comes last, the one whose back-off ends first before the others. What finds no place is a gap.
func (j *job) place(spread, n int) {
	need := j.r.Shares[spread].Spread.Requirements
	if n == 1 {
		if best, ok := j.least(need); ok {
			j.accept(spread, best, 1)
		} else {
			j.noPlace(spread, 1)
		}
		return
	}
	cs := j.candidates(func(h *lattice.Host) bool { return h.Fits(need) })
	if len(cs) == 0 {
		j.noPlace(spread, n)
		return
	}
	q := &queue[candidate]{less: candidate.before}
	q.fill(cs)
	for n > 0 && len(q.of) > 0 {
		c := q.of[0]
		if c.waiting || c.silent {
			j.accept(spread, c, n)
			return
		}
		j.accept(spread, c, 1)
		n--
		if j.r.Kind == lattice.Provider {
			q.drop()
			continue
		}
		q.of[0].own++
		q.of[0].load++
		q.fix()
	}
	if n > 0 {
		j.noPlace(spread, n)
	}
}

// matchHosts gives free hosts to the spreads of a provider, of which a host runs one only: the hosts that carry least take one each as long as that helps,
// and what is credited already moves to another spread where that leaves a picky one its only host.
func (j *job) matchHosts(f *flow) {
	cs := j.candidates(func(h *lattice.Host) bool { return j.fits(h) != 0 })
	slices.SortFunc(cs, func(a, b candidate) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	before := f.credits()
	var taken []candidate
	for _, c := range cs {
		if !c.waiting && !c.silent && f.admit(j.fits(c.host)) {
			taken = append(taken, c)
		}
	}
	for _, c := range taken {
		class := j.fits(c.host)
		had, has := before[class], f.credit[class]
		if had == nil {
			had = make([]int, len(has))
			before[class] = had
		}
		for i := range has {
			if has[i] > had[i] {
				had[i]++
				j.accept(i, c, 1)
				break
			}
		}
	}
}

// accept gives the host what was found for it, or, if it is backing off, says until when. What falls to a host whose old instances must end
// first is left missing until then.
func (j *job) accept(spread int, c candidate, n int) {
	if c.silent {
		j.part.Held = true
		return
	}
	if c.old || c.bound {
		return
	}
	if !c.waiting {
		j.give(j.site(c.host), spread, n)
		return
	}
	b, _ := j.Ledger.Backoff(j.App, ledger.Cause{Host: c.host.ID, What: j.r.Name})
	j.part.Gaps = append(j.part.Gaps, Gap{
		Component: j.r.Name, Spread: j.r.Shares[spread].Spread.Name, Short: n, Why: BackingOff,
		Host: c.host.ID, Detail: b.Last, Tries: b.Tries, Until: b.Until, Pause: b.Pause,
	})
	j.part.Starting = true
	j.wake(b.Until)
}

// candidates are the hosts that fit and could take one more, by id.
func (j *job) candidates(fits func(*lattice.Host) bool) []candidate {
	out := j.room[:0]
	at := 0
	for _, h := range j.State.Hosts() {
		s := j.next(&at, h)
		if !fits(h) {
			continue
		}
		if c, ok := j.candidate(h, s); ok {
			out = append(out, c)
		}
	}
	j.room = out
	return out
}

// least is the candidate that comes before all others. A host that cannot come before the best one so far is passed over by what is known of it
// without asking: the loss of one host of a thousand must not cost a thousand look-ups for each component.
func (j *job) least(need map[string]string) (best candidate, found bool) {
	at := 0
	for _, h := range j.State.Hosts() {
		s := j.next(&at, h)
		if found && best.leads(h) || !h.Fits(need) {
			continue
		}
		if c, ok := j.candidate(h, s); ok && (!found || c.before(best)) {
			best, found = c, true
		}
	}
	return best, found
}

// leads says that no later host that carries as much can come before the candidate: hosts come by id, and what is under way on them only adds.
func (a *candidate) leads(h *lattice.Host) bool {
	return !a.silent && !a.waiting && a.own == 0 && !a.old && !a.bound && h.Load >= a.load
}

// next is the site of a host, nil if it has none, in a walk over all hosts: both are in the order of the ids.
func (j *job) next(at *int, h *lattice.Host) *site {
	if *at < len(j.order) && j.order[*at].host == h {
		*at++
		return j.order[*at-1]
	}
	return nil
}

// candidate says how a host with the given site, if it has one, stands; false: it cannot take one more.
func (j *job) candidate(h *lattice.Host, s *site) (candidate, bool) {
	c := candidate{host: h}
	if s != nil {
		if s.held || s.old && j.r.Kind == lattice.Provider {
			return c, false
		}
		c.old, c.bound = s.old, s.swap || s.bound
		if !s.old {
			c.own = s.planned + s.added
		}
		if j.r.Kind == lattice.Provider && (c.own > 0 || s.have > 0) {
			return c, false
		}
	}
	if !mayUse(&j.View, h.ID) {
		return c, false
	}
	c.load, c.silent = h.Load+j.Ledger.Pending(h.ID)+j.extra[h.ID], j.silent(h)
	if b, ok := j.Ledger.Backoff(j.App, ledger.Cause{Host: h.ID, What: j.r.Name}); ok && j.Now < b.Until && !c.old && !c.bound {
		c.waiting, c.until = true, b.Until
	}
	return c, true
}

func (j *job) silent(h *lattice.Host) bool {
	return !hasSpoken(h) || j.Belief.Silent != nil && j.Belief.Silent(h.ID)
}

// noPlace says why n instances of the spread find no host.
func (j *job) noPlace(spread, n int) {
	sp := j.r.Shares[spread].Spread
	g := Gap{Component: j.r.Name, Spread: sp.Name, Short: n, Why: NoHostFits, Detail: requirements(sp.Requirements)}
	for _, s := range j.order {
		switch {
		case !s.fit.has(spread):
		case s.held:
			g.Why, g.Owner, g.Host, g.Detail = HeldByOther, s.owner, s.host.ID, j.key.ID
		case s.old:
			return // it ends first: see oldOnes
		case g.Why == NoHostFits:
			g.Why = TooFewHosts
		}
	}
	j.part.Gaps = append(j.part.Gaps, g)
}

// queue is a heap over values.
type queue[T any] struct {
	of   []T
	less func(a, b T) bool
}

func (q *queue[T]) Len() int           { return len(q.of) }
func (q *queue[T]) Less(a, b int) bool { return q.less(q.of[a], q.of[b]) }
func (q *queue[T]) Swap(a, b int)      { q.of[a], q.of[b] = q.of[b], q.of[a] }

// Push belongs to heap.Interface.
func (q *queue[T]) Push(x any) { q.of = append(q.of, x.(T)) }

// Pop belongs to heap.Interface.
func (q *queue[T]) Pop() any {
	last := q.of[len(q.of)-1]
	q.of = q.of[:len(q.of)-1]
	return last
}

func (q *queue[T]) fill(of []T) {
	q.of = of
	heap.Init(q)
}

// fix puts the first one in its place again after it changed; drop takes it away.
func (q *queue[T]) fix()  { heap.Fix(q, 0) }
func (q *queue[T]) drop() { heap.Pop(q) }
