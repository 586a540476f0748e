package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func drawFaults(t *rapid.T) leaseFaults {
	f := leaseFaults{
		lost:     rapid.SampledFrom([]float64{0, 0.02, 0.2, 0.5}).Draw(t, "lost"),
		late:     rapid.SampledFrom([]float64{0, 0.02, 0.2}).Draw(t, "late"),
		stale:    rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "stale"),
		pause:    rapid.SampledFrom([]float64{0, 0.05, 0.2}).Draw(t, "pause"),
		suspend:  rapid.Bool().Draw(t, "suspend"),
		drift:    rapid.SampledFrom([]float64{0, 0.01, 0.05}).Draw(t, "drift"),
		wallJump: rapid.Bool().Draw(t, "wall clocks are set"),
		moody:    rapid.Bool().Draw(t, "what the processes know of each other changes and is wrong"),
	}
	if f.suspend {
		f.wallJump = false // a suspended machine whose wall clock is set back as well has no honest clock left
	}
	if f.wipe = rapid.Bool().Draw(t, "the store is wiped"); f.wipe {
		// A wipe makes revisions start anew, so a write from before it, still under way, could hit a later record. Real stores have
		// nothing against that, and we promise nothing for it.
		f.late = 0
	}
	return f
}

func TestNeverTwoOwnersAndEpochsGrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFaults(t)
		n := rapid.IntRange(2, 3).Draw(t, "processes")
		seed := rapid.Uint64().Draw(t, "seed")
		for range 4 { // a run costs less than what rapid does around it
			if err := twoMinutes(seed, n, f); err != nil {
				t.Fatalf("with seed %d: %v", seed, err)
			}
			seed++
		}
	})
}

func twoMinutes(seed uint64, n int, f leaseFaults) error {
	s := newLeaseSim(seed, n, f)
	if f.wipe {
		// Who joins within a TTL of a wipe cannot know that somebody may still act; so all have met the record before.
		s.faults.stale = 0
		if err := s.run(8 * time.Second); err != nil {
			return err
		}
		for _, p := range s.procs {
			if !p.view.met {
				s.faults.wipe = false
			}
		}
	}
	s.chaos(2 * time.Minute)
	return s.run(s.now + 2*time.Minute)
}

func TestAnOwnerThatDiesIsReplacedWithinTTLPlusTwoSeconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newLeaseSim(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(2, 3).Draw(t, "processes"), leaseFaults{})
		alive := time.Duration(rapid.IntRange(5_000, 20_000).Draw(t, "dies after ms")) * time.Millisecond
		if err := s.run(alive); err != nil {
			t.Fatal(err)
		}
		dying := s.holder()
		if dying == nil {
			t.Fatalf("nobody owns the lattice after %s\n%s", alive, s.tail())
		}
		dying.dead = true
		if err := s.run(s.now + LeaseTTL + 2*time.Second); err != nil {
			t.Fatal(err)
		}
		if s.holder() == nil {
			t.Fatalf("%s died at %s and nobody followed\n%s", dying.id, alive, s.tail())
		}
	})
}

func TestAfterTheFaultsEndThereIsAnOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFaults(t)
		s := newLeaseSim(rapid.Uint64().Draw(t, "seed"), 3, f)
		s.faults.wipe = false // the law above has those
		s.chaos(30 * time.Second)
		if err := s.run(40 * time.Second); err != nil {
			t.Fatal(err)
		}
		s.faults = leaseFaults{drift: f.drift}
		for _, p := range s.procs {
			p.want = true
			p.timer++
			s.after(0, p.tick(p.timer))
		}
		// What was under way may still arrive, and disturb, for 7 s.
		if err := s.run(s.now + 7*time.Second + LeaseTTL + 2*time.Second); err != nil {
			t.Fatal(err)
		}
		if s.holder() == nil {
			t.Fatalf("nobody owns the lattice long after the last fault\n%s", s.tail())
		}
	})
}

// script drives one machine by hand; times are monotonic and the wall clock goes with them.
type script struct {
	t    *testing.T
	view LeaseView
	skew time.Duration
}

func (s *script) at(ms int) Instant {
	mono := time.Duration(ms) * time.Millisecond
	return Instant{Mono: mono, Wall: time.Unix(1000, 0).Add(mono + s.skew)}
}

func (s *script) step(ms int, in LeaseInput) LeaseDecision {
	in.Now, in.Rules = s.at(ms), LeaseRules{ID: "me"}
	var d LeaseDecision
	s.view, d = StepLease(s.view, in)
	return d
}

func (s *script) want(name string, d LeaseDecision, want string) {
	s.t.Helper()
	got := ""
	switch {
	case d.Read:
		got = "read"
	case d.Put != nil:
		got = fmt.Sprintf("put epoch %d on %d", d.Put.Epoch, d.Expect)
		if d.Put.Freed {
			got = fmt.Sprintf("free epoch %d on %d", d.Put.Epoch, d.Expect)
		}
	default:
		got = fmt.Sprintf("wait until %d", d.Wake.Milliseconds())
	}
	if d.Owner {
		got += fmt.Sprintf(", owner of epoch %d until %d", d.Epoch, d.Until.Milliseconds())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Fatalf("%s (-want +got):\n%s", name, diff)
	}
}

func found(l Lease, rev Revision) LeaseInput {
	return LeaseInput{Want: true, Read: &LeaseRead{Lease: l, Revision: rev}}
}

func wrote(rev Revision) LeaseInput {
	return LeaseInput{Want: true, Written: &LeaseWritten{Revision: rev}}
}

var (
	passed   = LeaseInput{Want: true}
	nothing  = LeaseInput{Want: true, Read: &LeaseRead{Err: ErrNotFound}}
	conflict = LeaseInput{Want: true, Written: &LeaseWritten{Err: fmt.Errorf("putting: %w", ErrConflict)}}
	silence  = LeaseInput{Want: true, Written: &LeaseWritten{Err: errors.New("no answer")}}
)

func TestAFirstOwnerTakesRenewsAndFrees(t *testing.T) {
	s := &script{t: t}
	s.want("knows nothing, so it looks", s.step(0, passed), "read")
	s.want("there never was a lease", s.step(10, nothing), "put epoch 1 on 0")
	s.want("owner from the sending, not from the answer", s.step(400, wrote(1)), "wait until 1010, owner of epoch 1 until 2510")
	s.want("a renewal is due", s.step(1010, passed), "put epoch 1 on 1, owner of epoch 1 until 2510")
	s.want("while it is under way", s.step(1500, passed), "wait until 2500, owner of epoch 1 until 2510")
	s.want("renewed", s.step(1600, wrote(2)), "wait until 2010, owner of epoch 1 until 3510")
	s.want("no longer wanted: it stops before it says so", s.step(1700, LeaseInput{}), "free epoch 1 on 2")
	s.want("and is quiet", s.step(1800, LeaseInput{Written: &LeaseWritten{Revision: 3}}), "wait until 0")
}

func TestAChallengerWaitsForTheTTLByItsOwnClock(t *testing.T) {
	other := Lease{Owner: "other", Epoch: 7, TTL: 3 * time.Second}
	s := &script{t: t}
	s.step(0, passed)
	s.want("somebody owns it", s.step(10, found(other, 4)), "wait until 1010")
	s.want("looks again", s.step(1010, passed), "read")
	s.want("a renewal starts the wait anew", s.step(1020, found(other, 5)), "wait until 2020")
	s.want("looks", s.step(2020, passed), "read")
	s.want("no change", s.step(2030, found(other, 5)), "wait until 3030")
	s.step(3030, passed)
	s.want("no change for a while", s.step(3040, found(other, 5)), "wait until 4020")
	s.want("no change for the TTL", s.step(4020, passed), "put epoch 8 on 5")
	s.want("the other one was faster", s.step(4030, conflict), "read")
	s.want("and is waited for again", s.step(4040, found(other, 6)), "wait until 5040")
	other.Freed = true
	s.step(5040, passed)
	s.want("a freed lease is taken at once", s.step(5050, found(other, 7)), "put epoch 8 on 7")
}

func TestAChallengerThatIsNotTheRightfulOwnerWaitsLonger(t *testing.T) {
	patient := func(in LeaseInput) LeaseInput { in.Patience = 4 * time.Second; return in }
	other := Lease{Owner: "other", Epoch: 7, TTL: 3 * time.Second}
	t.Run("for a lease that never was", func(t *testing.T) {
		s := &script{t: t}
		s.step(0, patient(passed))
		s.want("not yet", s.step(10, patient(nothing)), "wait until 1010")
		s.want("for it has become the rightful one", s.step(500, nothing), "put epoch 1 on 0")
	})
	t.Run("for a freed one", func(t *testing.T) {
		freed := other
		freed.Freed = true
		s := &script{t: t}
		s.step(0, patient(passed))
		s.want("not yet", s.step(10, patient(found(freed, 4))), "wait until 1010")
		s.want("looks", s.step(1010, patient(passed)), "read")
		s.want("not yet", s.step(3900, patient(found(freed, 4))), "wait until 4010")
		s.want("nobody has taken it", s.step(4010, patient(passed)), "put epoch 8 on 4")
	})
	t.Run("for one that runs out", func(t *testing.T) {
		s := &script{t: t}
		s.step(0, patient(passed))
		s.step(10, patient(found(other, 4)))
		s.step(1010, patient(passed))
		s.step(3000, patient(found(other, 4)))
		s.want("not yet", s.step(3010, patient(passed)), "wait until 4000")
		s.want("now", s.step(7010, patient(passed)), "put epoch 8 on 4")
	})
	t.Run("but not for its own", func(t *testing.T) {
		s := &script{t: t}
		s.step(0, patient(passed))
		s.want("at once", s.step(10, patient(found(Lease{Owner: "me", Epoch: 3}, 4))), "put epoch 4 on 4")
	})
	t.Run("and for one that it has given up itself", func(t *testing.T) {
		s := &script{t: t}
		s.step(0, passed)
		s.step(0, nothing)
		s.step(0, wrote(1))
		s.want("given up", s.step(100, LeaseInput{}), "free epoch 1 on 1")
		s.step(110, LeaseInput{Written: &LeaseWritten{Revision: 2}})
		s.want("it waits", s.step(120, patient(passed)), "wait until 1000")
	})
}

func TestAHintThatTheLeaseHasChangedIsLookedUp(t *testing.T) {
	other := Lease{Owner: "other", Epoch: 7, TTL: 3 * time.Second}
	s := &script{t: t}
	s.step(0, passed)
	s.want("the next look is in a while", s.step(10, found(other, 4)), "wait until 1010")
	s.want("or sooner, where it matters", s.step(20, LeaseInput{Want: true, Poll: 500 * time.Millisecond}), "wait until 510")
	s.want("a hint", s.step(30, LeaseInput{Want: true, Look: true}), "read")
	s.want("while it is under way another hint is none", s.step(40, LeaseInput{Want: true, Look: true}), "wait until 1040")
	other.Freed = true
	s.want("free", s.step(50, found(other, 5)), "put epoch 8 on 5")
	s.step(60, wrote(6))
	s.want("an owner needs no hint", s.step(70, LeaseInput{Want: true, Look: true}), "wait until 1050, owner of epoch 8 until 2550")
}

func TestALongerTTLOfTheOwnerIsRespectedWithinReason(t *testing.T) {
	for _, c := range []struct {
		name string
		ttl  time.Duration
		want time.Duration
	}{
		{"shorter than ours", time.Second, LeaseTTL},
		{"longer than ours", 10 * time.Second, 10 * time.Second},
		{"absurd", 1000 * time.Hour, LeaseMaxTTL},
		{"negative", -time.Hour, LeaseTTL},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := LeaseView{}.saw(Lease{Owner: "other", Epoch: 1, TTL: c.ttl}, 1, Instant{})
			if got := v.freeAt(0); got != c.want {
				t.Fatalf("free at %s, want %s", got, c.want)
			}
		})
	}
}

func TestALostAnswerIsLookedUp(t *testing.T) {
	mine := Lease{Owner: "me", Epoch: 1, TTL: 3 * time.Second}
	begin := func(t *testing.T) *script {
		s := &script{t: t}
		s.step(0, passed)
		s.step(0, nothing)
		s.step(0, wrote(1))
		s.want("the renewal", s.step(1000, passed), "put epoch 1 on 1, owner of epoch 1 until 2500")
		s.want("has no answer", s.step(1800, silence), "read, owner of epoch 1 until 2500")
		return s
	}
	t.Run("it was stored", func(t *testing.T) {
		s := begin(t)
		s.want("so it counts from its sending", s.step(1900, found(mine, 2)), "wait until 2000, owner of epoch 1 until 3500")
	})
	t.Run("it was not stored", func(t *testing.T) {
		s := begin(t)
		s.want("so nothing is gained; a little later it tries again", s.step(1900, found(mine, 1)), "wait until 2050, owner of epoch 1 until 2500")
		s.want("on the same revision", s.step(2050, passed), "put epoch 1 on 1, owner of epoch 1 until 2500")
		s.want("and counts from that", s.step(2100, wrote(2)), "wait until 3050, owner of epoch 1 until 4550")
	})
	t.Run("the store does not answer reads either", func(t *testing.T) {
		s := begin(t)
		s.want("a pause", s.step(1900, LeaseInput{Want: true, Read: &LeaseRead{Err: errors.New("no answer")}}), "wait until 2150, owner of epoch 1 until 2500")
		s.want("again", s.step(2150, passed), "read, owner of epoch 1 until 2500")
		s.want("too late: no owner any more", s.step(2600, passed), "wait until 3600")
	})
	t.Run("another one has taken it", func(t *testing.T) {
		s := begin(t)
		s.want("lost", s.step(1900, found(Lease{Owner: "other", Epoch: 2}, 3)), "wait until 2900")
	})
	t.Run("a replica that lags shows an older owner", func(t *testing.T) {
		s := begin(t)
		s.view.rev, s.view.unsure.expect = 5, 5
		s.want("which says nothing", s.step(1900, found(Lease{Owner: "other", Epoch: 2}, 3)), "wait until 2050, owner of epoch 1 until 2500")
	})
}

func TestWhatEndsOwnership(t *testing.T) {
	begin := func(t *testing.T) *script {
		s := &script{t: t}
		s.step(0, passed)
		s.step(0, nothing)
		s.want("owner", s.step(0, wrote(1)), "wait until 1000, owner of epoch 1 until 2500")
		return s
	}
	t.Run("a conflict", func(t *testing.T) {
		s := begin(t)
		s.step(1000, passed)
		s.want("lost at once", s.step(1010, conflict), "read")
	})
	t.Run("a pause of the process", func(t *testing.T) {
		s := begin(t)
		s.want("its own lease is taken anew, under a new epoch", s.step(2500, passed), "put epoch 2 on 1")
	})
	t.Run("a sleep of the machine, in which the monotonic clock stood still", func(t *testing.T) {
		s := begin(t)
		s.skew = time.Hour
		if s.view.Holds(s.at(100)) {
			t.Fatal("still owner an hour later")
		}
	})
	t.Run("a wall clock that is set back does not prolong it", func(t *testing.T) {
		s := begin(t)
		s.skew = -time.Hour
		if s.view.Holds(s.at(2500)) || !s.view.Holds(s.at(2499)) {
			t.Fatal("want ownership until 2.5 s by the monotonic clock")
		}
	})
	t.Run("a wiped store, and the new one waits like everybody", func(t *testing.T) {
		s := begin(t)
		s.step(1000, passed)
		s.step(1010, conflict)
		s.want("gone", s.step(1020, nothing), "wait until 2020")
		s.want("looks", s.step(2020, passed), "read")
		s.want("still gone", s.step(2030, nothing), "wait until 3030")
		s.step(3030, passed)
		s.want("still gone", s.step(3040, nothing), "wait until 4020")
		s.want("a TTL after it was seen missing", s.step(4020, passed), "put epoch 2 on 0")
	})
}
