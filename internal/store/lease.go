package store

import (
	"errors"
	"time"
)

// Defaults of a lease. A challenger needs TTL to be sure that the owner has stopped; the owner stops Margin earlier, which covers clocks
// that run at different speeds and the time between a check and the command that follows it.
const (
	LeaseTTL    = 3 * time.Second
	LeaseRenew  = time.Second
	LeaseMargin = 500 * time.Millisecond
	// LeaseMaxTTL bounds what a stored lease can make us wait, whoever wrote it; a longer TTL of our own is cut to it.
	LeaseMaxTTL = time.Minute
)

// LeaseRules are what one process goes by. Zero durations mean the defaults.
type LeaseRules struct {
	ID     string // of this process and no other, also not of its next start
	TTL    time.Duration
	Renew  time.Duration // also how often a challenger looks
	Margin time.Duration
}

// WithDefaults is what the rules mean.
func (r LeaseRules) WithDefaults() LeaseRules {
	return LeaseRules{ID: r.ID, TTL: r.ttl(), Renew: r.renew(), Margin: r.margin()}
}

func (r LeaseRules) ttl() time.Duration    { return min(orDefault(r.TTL, LeaseTTL), LeaseMaxTTL) }
func (r LeaseRules) renew() time.Duration  { return orDefault(r.Renew, LeaseRenew) }
func (r LeaseRules) margin() time.Duration { return orDefault(r.Margin, LeaseMargin) }
func (r LeaseRules) retry() time.Duration  { return r.renew() / 4 }

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Instant is a moment by both clocks of a process. The monotonic one may stand still while the machine sleeps; the wall clock may be
// set. An owner that asks both is fooled by neither alone.
type Instant struct {
	Mono time.Duration
	Wall time.Time
}

// since is the time that surely has passed: the later of what the two clocks say.
func (t Instant) since(from Instant) time.Duration {
	// Round strips Go's own monotonic reading, or Sub would not look at the wall clock.
	return max(t.Mono-from.Mono, t.Wall.Round(0).Sub(from.Wall.Round(0)))
}

// LeaseView is all that one process knows about the lease of one lattice. The zero value knows nothing and owns nothing.
type LeaseView struct {
	rules LeaseRules

	// What was last read or written.
	known bool
	none  bool // there was no record
	seen  Lease
	rev   Revision
	since time.Duration // monotonic: when exactly this state was seen first
	read  time.Duration // monotonic: when the last read ended
	epoch uint64        // the highest ever seen
	met   bool          // a record was seen at some time

	// Ownership, counted from the sending of the last write that is known to have succeeded.
	held bool
	from Instant

	// The operation under way, and the writes without an answer: any of them may have happened, or may still happen.
	busy    operation
	put     Lease
	expect  Revision
	sent    Instant
	unsure  *unsureWrite
	pauseTo time.Duration // monotonic: no further try before, after one that failed
}

type operation uint8

const (
	idle operation = iota
	reading
	putting
)

type unsureWrite struct {
	lease  Lease
	expect Revision
	sent   Instant       // of the first of them
	failed time.Duration // monotonic: when the wait for the last of them ended
	looked bool          // a read since then found nothing new
}

// LeaseRead is the answer to a Read: what Leases.Lease returned.
type LeaseRead struct {
	Lease    Lease
	Revision Revision
	Err      error
}

// LeaseWritten is the answer to a Put: what Leases.PutLease returned. Any error but ErrConflict means "perhaps".
type LeaseWritten struct {
	Revision Revision
	Err      error
}

// LeaseInput is one call of the machine. At most one of Read and Written is set; neither means that only time has passed.
type LeaseInput struct {
	Now   Instant
	Rules LeaseRules
	Want  bool // false: this process shall not own the lattice, and gives it up if it does
	// Patience is how much longer than it must this process waits before it takes the lease, for another one had better have it. It makes nothing
	// safer: it only decides who is first. A lease that bears our own name and was not given up is not waited for.
	Patience time.Duration
	Look     bool          // the lease may just have changed: read it now
	Poll     time.Duration // how often to look at somebody else's lease; 0 = once in a renewal
	Read     *LeaseRead
	Written  *LeaseWritten
}

// LeaseDecision is what to do now. At most one of Read and Put is asked for; its answer is the next input. Give each at most the renewal
// period: an answer that comes later is worth no more than none.
type LeaseDecision struct {
	Read   bool
	Put    *Lease
	Expect Revision

	Owner bool          // this process owns the lattice
	Epoch uint64        // of its ownership; another epoch is another ownership, to be begun anew
	Until time.Duration // monotonic; by the clocks as they stand now. Ask Holds again before each command

	Wake time.Duration // monotonic: when to step again though no answer has come; < 0 = not needed
}

// Holds says whether this process owns the lattice at that moment: inside the TTL of its last successful renewal, less the margin.
// Ask it with a fresh Instant before each command is sent: the process may have slept since the last step.
func (v LeaseView) Holds(now Instant) bool {
	return v.held && now.since(v.from) < v.rules.ttl()-v.rules.margin()
}

// StepLease is the whole protocol of ownership, without clock and store.
//
// A challenger that saw one revision unchanged for its TTL replaces it by compare-and-set on that revision; a freed lease, one that
// bears our own name and one that never was are taken at once. A record that was there and is not (somebody wiped the store) is waited
// for like an owner: the process that wrote it may still act. (What a wipe costs all the same: a process that joins within a TTL of it,
// or that missed the last epoch, cannot know.) An owner renews by compare-and-set, is lost at the first conflict, and
// after a write without an answer reads what became of it: if it is stored, ownership counts from the sending of the first such write.
func StepLease(v LeaseView, in LeaseInput) (LeaseView, LeaseDecision) {
	v.rules = in.Rules
	if w := in.Written; w != nil && v.busy == putting {
		v = v.written(*w, in.Now)
	}
	if r := in.Read; r != nil && v.busy == reading {
		v = v.looked(*r, in.Now)
	}
	if v.held && !v.Holds(in.Now) {
		v.held = false
	}
	v, d := v.next(in)
	if v.Holds(in.Now) {
		d.Owner, d.Epoch = true, v.seen.Epoch
		d.Until = in.Now.Mono + v.rules.ttl() - v.rules.margin() - in.Now.since(v.from)
		d.Wake = min(d.Wake, d.Until)
	}
	return v, d
}

// written takes in the answer to a Put.
func (v LeaseView) written(w LeaseWritten, now Instant) LeaseView {
	v.busy = idle
	switch {
	case w.Err == nil:
		// The unsure writes before it expected the same revision, so they have failed.
		v.unsure = nil
		v = v.saw(v.put, w.Revision, now)
		v.held, v.from = !v.put.Freed, v.sent
	case errors.Is(w.Err, ErrConflict):
		// Perhaps one of our own unsure writes came first; then the record bears our name and is taken again under a new epoch.
		v.held, v.unsure, v.known = false, nil, false
	default:
		if v.unsure == nil {
			v.unsure = &unsureWrite{lease: v.put, expect: v.expect, sent: v.sent, failed: now.Mono}
		} else {
			again := *v.unsure
			again.looked, again.failed = false, now.Mono
			v.unsure = &again
		}
	}
	return v
}

// looked takes in the answer to a Read.
func (v LeaseView) looked(r LeaseRead, now Instant) LeaseView {
	v.busy = idle
	switch {
	case errors.Is(r.Err, ErrNotFound):
		if v.held || !v.none {
			v.since = now.Mono
		}
		v.known, v.none, v.held, v.unsure = true, true, false, nil
		v.seen, v.rev, v.read = Lease{}, 0, now.Mono
		return v
	case r.Err != nil:
		v.pauseTo = now.Mono + v.rules.retry()
		return v
	}
	v.read = now.Mono
	if u := v.unsure; u != nil {
		// Only one of our unsure writes can have made a later revision of that owner and epoch.
		if r.Lease.Owner == v.rules.ID && r.Lease.Epoch == u.lease.Epoch && r.Lease.Freed == u.lease.Freed && r.Revision > u.expect {
			v.held, v.from, v.unsure = !u.lease.Freed, u.sent, nil
			return v.saw(r.Lease, r.Revision, now)
		}
		again := *u
		again.looked = true
		v.unsure = &again
	}
	if v.held && r.Revision <= v.rev {
		return v // ours, or older than ours: a replica that lags. The next renewal will tell
	}
	v.held = false
	return v.saw(r.Lease, r.Revision, now)
}

// saw notes a state of the record; the time for which it has been unchanged begins anew when anything in it is new.
func (v LeaseView) saw(l Lease, rev Revision, now Instant) LeaseView {
	if !v.known || v.none || v.rev != rev || v.seen.Owner != l.Owner || v.seen.Epoch != l.Epoch || v.seen.Freed != l.Freed {
		v.since = now.Mono
	}
	if v.unsure != nil && rev > v.unsure.expect {
		v.unsure = nil // the revision that they expect is past: they can never happen
	}
	v.known, v.none, v.met = true, false, true
	v.seen, v.rev = l, rev
	v.epoch = max(v.epoch, l.Epoch)
	return v
}

// next decides what to ask of the store.
func (v LeaseView) next(in LeaseInput) (LeaseView, LeaseDecision) {
	now := in.Now.Mono
	switch {
	case v.busy != idle:
		return v, LeaseDecision{Wake: now + v.rules.renew()}
	case !in.Want && v.held:
		v.held = false // first stop, then say so
		freed := v.seen
		freed.Freed = true
		return v.send(freed, v.rev, in.Now)
	case !in.Want:
		return v, LeaseDecision{Wake: -1}
	case v.unsure != nil && !v.unsure.looked, !v.known:
		return v.look(now)
	case v.unsure != nil && now < v.unsure.failed+v.rules.retry():
		return v, LeaseDecision{Wake: v.unsure.failed + v.rules.retry()}
	case v.held && in.Now.since(v.from) < v.rules.renew():
		return v, LeaseDecision{Wake: now + v.rules.renew() - in.Now.since(v.from)}
	case v.held:
		return v.send(v.seen, v.rev, in.Now)
	}
	if in.Look {
		return v.look(now)
	}
	free := v.freeAt(in.Patience)
	if now >= free {
		mine := Lease{Owner: v.rules.ID, Epoch: v.epoch + 1, TTL: v.rules.ttl(), Since: in.Now.Wall.UTC().Format(time.RFC3339)}
		return v.send(mine, v.rev, in.Now)
	}
	if poll := v.read + orDefault(in.Poll, v.rules.renew()); now < poll {
		return v, LeaseDecision{Wake: min(poll, free)}
	}
	return v.look(now)
}

// freeAt is when the lease may be taken, by what is known now.
func (v LeaseView) freeAt(patience time.Duration) time.Duration {
	switch {
	case v.none && !v.met:
		return v.since + patience
	case !v.none && v.seen.Freed:
		return v.since + patience
	case !v.none && v.seen.Owner == v.rules.ID:
		return v.since
	}
	return v.since + max(v.rules.ttl(), min(v.seen.TTL, LeaseMaxTTL)) + patience
}

// Seen is the lease as it was last read or written; false while nothing is known of it, and while there is none.
func (v LeaseView) Seen() (Lease, bool) { return v.seen, v.known && !v.none }

func (v LeaseView) send(l Lease, expect Revision, now Instant) (LeaseView, LeaseDecision) {
	v.busy, v.put, v.expect, v.sent = putting, l, expect, now
	return v, LeaseDecision{Put: &l, Expect: expect, Wake: now.Mono + v.rules.renew()}
}

func (v LeaseView) look(now time.Duration) (LeaseView, LeaseDecision) {
	if now < v.pauseTo {
		return v, LeaseDecision{Wake: v.pauseTo}
	}
	v.busy = reading
	return v, LeaseDecision{Read: true, Wake: now + v.rules.renew()}
}
