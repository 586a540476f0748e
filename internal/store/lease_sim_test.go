package store

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The simulator: one record, some processes that follow StepLease, and a network between them that delays, loses and answers late. It
// knows the true time; each process has clocks of its own. Who owns the lattice is judged by asking every process that is awake.

var errNoAnswer = errors.New("no answer in time")

type leaseFaults struct {
	lost     float64 // chance that a request or an answer is lost
	late     float64 // chance that a request travels for up to 6 s
	stale    float64 // chance that a read shows an old state
	pause    float64 // chance, per process and second, of a pause
	suspend  bool    // monotonic clocks stand still in a pause
	drift    float64 // clocks run this much too fast or too slow
	wallJump bool    // wall clocks are set, by up to 10 s either way
	wipe     bool    // the store is emptied once
	moody    bool    // patience and hints are whatever they are
}

type leaseSim struct {
	rnd    *rand.Rand
	faults leaseFaults
	now    time.Duration // true time
	seq    int
	events []leaseEvent

	rev     Revision
	record  *Lease
	history []leaseState

	procs  []*leaseProc
	epochs map[uint64]string // who owned under it
	owner  string            // who owned last
	wiped  bool
	log    []string
}

type leaseState struct {
	lease *Lease
	rev   Revision
}

type leaseEvent struct {
	at  time.Duration
	seq int
	do  func()
}

type leaseProc struct {
	id     string
	sim    *leaseSim
	view   LeaseView
	want   bool
	dead   bool
	asleep bool
	rate   float64
	mono   time.Duration // at true time `at`
	at     time.Duration
	jump   time.Duration // wall against mono
	inbox  []LeaseInput  // answers that wait for the end of a pause
	timer  int           // number of the wake-up that counts
	op     int           // number of the operation that counts
	began  time.Time
}

func newLeaseSim(seed uint64, n int, f leaseFaults) *leaseSim {
	s := &leaseSim{rnd: rand.New(rand.NewPCG(seed, 1)), faults: f, epochs: map[uint64]string{}}
	for i := range n {
		p := &leaseProc{id: string(rune('A' + i)), sim: s, want: true, began: time.Unix(1e9, 0).Add(s.upTo(time.Hour)),
			rate: 1 + f.drift*(2*s.rnd.Float64()-1), mono: s.upTo(time.Hour)}
		s.procs = append(s.procs, p)
		s.after(s.upTo(3*time.Second), p.tick(0))
	}
	return s
}

func (s *leaseSim) upTo(d time.Duration) time.Duration { return time.Duration(s.rnd.Int64N(int64(d))) }
func (s *leaseSim) chance(p float64) bool              { return s.rnd.Float64() < p }

func (s *leaseSim) after(d time.Duration, do func()) {
	s.seq++
	e := leaseEvent{at: s.now + d, seq: s.seq, do: do}
	i, _ := slices.BinarySearchFunc(s.events, e, func(a, b leaseEvent) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq))
	})
	s.events = slices.Insert(s.events, i, e)
}

// run goes on to a true time and checks the laws after each event and, in between, each time somebody's ownership may have run out.
func (s *leaseSim) run(to time.Duration) error {
	for len(s.events) > 0 && s.events[0].at <= to {
		e := s.events[0]
		s.events = s.events[1:]
		s.now = e.at
		e.do()
		if err := s.check(); err != nil {
			return err
		}
	}
	s.now = to
	return s.check()
}

func (s *leaseSim) check() error {
	var owner *leaseProc
	for _, p := range s.procs {
		if p.dead || p.asleep || !p.view.Holds(p.clock()) {
			continue
		}
		if owner != nil {
			return fmt.Errorf("at %s both %s and %s own the lattice\n%s", s.now, owner.id, p.id, s.tail())
		}
		owner = p
	}
	if owner == nil || s.wiped {
		return nil // who did not see the last epoch cannot go above it once the record is gone
	}
	epoch := owner.view.seen.Epoch
	if before, ok := s.epochs[epoch]; ok && before != owner.id {
		return fmt.Errorf("at %s %s owns under epoch %d, which was %s's\n%s", s.now, owner.id, epoch, before, s.tail())
	}
	if s.owner != owner.id {
		for e := range s.epochs {
			if e >= epoch {
				return fmt.Errorf("at %s the owner changes to %s, but epoch %d is not above %d\n%s", s.now, owner.id, epoch, e, s.tail())
			}
		}
	}
	s.epochs[epoch], s.owner = owner.id, owner.id
	return nil
}

func (s *leaseSim) holder() *leaseProc {
	for _, p := range s.procs {
		if !p.dead && !p.asleep && p.view.Holds(p.clock()) {
			return p
		}
	}
	return nil
}

func (s *leaseSim) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf("%10s  ", s.now)+fmt.Sprintf(format, args...))
}

func (s *leaseSim) tail() string {
	out := ""
	for _, l := range s.log[max(0, len(s.log)-60):] {
		out += l + "\n"
	}
	return out
}

// clock reads both clocks of a process.
func (p *leaseProc) clock() Instant {
	p.advance(!p.asleep || !p.sim.faults.suspend)
	return Instant{Mono: p.mono, Wall: p.began.Add(p.jump + p.mono)}
}

// advance moves the clocks to the present; in a suspended machine only the wall clock goes on.
func (p *leaseProc) advance(mono bool) {
	d := time.Duration(float64(p.sim.now-p.at) * p.rate)
	p.at = p.sim.now
	if mono {
		p.mono += d
	} else {
		p.jump += d
	}
}

func (p *leaseProc) tick(n int) func() {
	return func() {
		if n == p.timer && !p.dead && !p.asleep {
			p.step(LeaseInput{})
		}
	}
}

func (p *leaseProc) step(in LeaseInput) {
	in.Now, in.Rules, in.Want = p.clock(), LeaseRules{ID: p.id}, p.want
	if f := p.sim; f.faults.moody {
		in.Patience, in.Poll, in.Look = f.upTo(5*time.Second), f.upTo(2*time.Second), f.chance(0.2)
	}
	var d LeaseDecision
	p.view, d = StepLease(p.view, in)
	if d.Put != nil || d.Read {
		p.op++
		p.call(d)
	}
	if d.Wake >= 0 {
		p.timer++
		wait := max(time.Duration(float64(d.Wake-in.Now.Mono)/p.rate), time.Millisecond)
		p.sim.after(wait+p.sim.upTo(2*time.Millisecond), p.tick(p.timer))
	}
}

// call carries an operation out over the network. After a second the process goes on without the answer.
func (p *leaseProc) call(d LeaseDecision) {
	s, op := p.sim, p.op
	answer := func(in LeaseInput) {
		if op != p.op || p.dead {
			return
		}
		if p.asleep {
			p.inbox = append(p.inbox, in)
			return
		}
		p.op++ // the first answer counts
		p.step(in)
	}
	travel := func() time.Duration {
		if s.chance(s.faults.late) {
			return s.upTo(6 * time.Second)
		}
		return s.upTo(25*time.Millisecond) + time.Millisecond
	}
	s.after(time.Second, func() {
		in := LeaseInput{Written: &LeaseWritten{Err: errNoAnswer}}
		if d.Read {
			in = LeaseInput{Read: &LeaseRead{Err: errNoAnswer}}
		}
		answer(in)
	})
	if s.chance(s.faults.lost) {
		return
	}
	s.after(travel(), func() {
		in := s.serve(p.id, d)
		if !s.chance(s.faults.lost) {
			s.after(travel(), func() { answer(in) })
		}
	})
}

// serve is the store: linearizable writes, reads that may lag.
func (s *leaseSim) serve(id string, d LeaseDecision) LeaseInput {
	if d.Read {
		st := leaseState{s.record, s.rev}
		if len(s.history) > 0 && s.chance(s.faults.stale) {
			st = s.history[max(0, len(s.history)-1-s.rnd.IntN(4))]
		}
		if st.lease == nil {
			return LeaseInput{Read: &LeaseRead{Err: ErrNotFound}}
		}
		return LeaseInput{Read: &LeaseRead{Lease: *st.lease, Revision: st.rev}}
	}
	held := s.rev
	if s.record == nil {
		held = 0
	}
	if held != d.Expect {
		s.note("%s puts %+v on %d: conflict, it is at %d", id, *d.Put, d.Expect, held)
		return LeaseInput{Written: &LeaseWritten{Err: fmt.Errorf("putting: %w", ErrConflict)}}
	}
	l := *d.Put
	s.rev++
	s.record = &l
	s.history = append(s.history, leaseState{s.record, s.rev})
	s.note("%s puts %+v on %d: now %d", id, l, d.Expect, s.rev)
	return LeaseInput{Written: &LeaseWritten{Revision: s.rev}}
}

// chaos plans pauses, set wall clocks and wipes for a stretch of true time.
func (s *leaseSim) chaos(until time.Duration) {
	for _, p := range s.procs {
		for t := time.Duration(0); t < until; t += time.Second {
			if s.chance(s.faults.pause) {
				s.after(t+s.upTo(time.Second), func() { p.sleep(s.upTo(7 * time.Second)) })
			}
			if s.faults.wallJump && s.chance(0.05) {
				s.after(t, func() { p.clock(); p.jump += s.upTo(20*time.Second) - 10*time.Second })
			}
			if s.chance(0.03) {
				s.after(t, func() { p.want = !p.want || s.chance(0.7) })
			}
		}
	}
	if s.faults.wipe {
		// Once: an absent record has no revision, so one that comes and goes between two looks leaves no trace.
		s.after(s.upTo(until), func() {
			s.note("the store is wiped")
			s.record, s.wiped = nil, true
			s.history = append(s.history, leaseState{nil, 0})
		})
	}
}

func (p *leaseProc) sleep(d time.Duration) {
	if p.asleep || p.dead {
		return
	}
	p.clock()
	p.asleep = true
	p.sim.note("%s sleeps for %s", p.id, d)
	p.sim.after(d, func() {
		p.clock()
		p.asleep = false
		inbox := p.inbox
		p.inbox = nil
		if len(inbox) == 0 {
			p.step(LeaseInput{})
			return
		}
		p.op++
		p.step(inbox[0]) // whatever came first; the rest belongs to the same operation
	})
}
