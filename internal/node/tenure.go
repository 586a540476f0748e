package node

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/wadm-go/wadm/internal/cluster"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// tenure is one lattice in one process: it renews the lease and runs an owner while it holds it, or watches somebody else do so. It
// carries out what store.StepLease decides and decides nothing itself.
type tenure struct {
	p       *process
	lattice string
	log     *slog.Logger

	grant atomic.Pointer[grant] // read by the owner before each command
	owner atomic.Pointer[owner] // the running one
	hosts atomic.Pointer[lane]  // its connection

	look chan struct{} // another process should own the lattice now
	read atomic.Bool   // beside that: somebody may have let go of the lease

	// Of the run goroutine alone.
	answers chan store.LeaseInput
	busy    bool // a read or a write is under way
	life    *life
	ending  bool
	giving  time.Duration // since when the lattice is being handed over; 0 = it is not
	known   time.Duration // since when the lattice is known to this process
	heard   time.Duration // when the store answered last; 0 = never
	trouble error         // of the last write of the lease
	sight   sight
}

// grant is the right to act as far as it is known.
type grant struct {
	view  store.LeaseView
	epoch uint64
}

func newTenure(p *process, name string) *tenure {
	return &tenure{p: p, lattice: name, log: p.log.With("lattice", name), look: make(chan struct{}, 1),
		answers: make(chan store.LeaseInput, 1), known: p.clock.now()}
}

// holds says whether an owner of that epoch may act now. It is asked before each command, by both clocks: the process may have slept.
func (t *tenure) holds(epoch uint64) bool {
	g := t.grant.Load()
	return g != nil && g.epoch == epoch && g.view.Holds(t.p.clock.instant())
}

// lookAgain wakes the tenure.
func (t *tenure) lookAgain(read bool) {
	if read {
		t.read.Store(true)
	}
	select {
	case t.look <- struct{}{}:
	default:
	}
}

// run is the tenure until ctx ends and the lease is given up.
func (t *tenure) run(ctx context.Context) {
	var view store.LeaseView
	var in store.LeaseInput
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	done := ctx.Done()
	for {
		wake := t.consider(view, &in)
		var d store.LeaseDecision
		view, d = store.StepLease(view, in)
		in = store.LeaseInput{Look: in.Look && !d.Read && !d.Owner}
		t.grant.Store(&grant{view: view, epoch: d.Epoch})
		t.follow(d)
		t.carryOut(d)
		t.tellStand(view, d)
		free := t.life == nil && !t.busy
		switch {
		case free && t.ending:
			t.p.peers.stand(wadmapi.BeatLattice{Name: t.lattice}, store.Lease{})
			return
		case free && t.giving > 0:
			t.giving, wake = 0, 0
		}
		timer.Reset(min(t.pause(d.Wake), t.pause(wake)))
		select {
		case <-done:
			done = nil
			t.end()
		case <-t.over():
			t.ended()
		case answer := <-t.answers:
			answer.Look = in.Look
			in, t.busy = answer, false
			t.took(answer)
		case <-t.look:
			in.Look = t.read.Swap(false) || in.Look
		case <-timer.C:
		}
	}
}

// over is closed when the owner is gone.
func (t *tenure) over() <-chan struct{} {
	if t.life == nil {
		return nil
	}
	return t.life.done
}

// end stops the owner; the lease is given up when it is gone.
func (t *tenure) end() {
	t.ending = true
	if t.life != nil {
		t.life.stop()
	}
}

// ended notes that the owner is gone. That it was not meant to go is worth a warning: nobody acts on the lattice until somebody has the lease.
func (t *tenure) ended() {
	if !t.ending && t.giving == 0 {
		t.log.Warn("this process does not own the lattice any more: its lease could not be renewed", "epoch", t.life.epoch, "error", t.trouble)
	}
	t.life = nil
}

// took notes that the store has answered.
func (t *tenure) took(in store.LeaseInput) {
	t.p.statuses.note(t.lattice, in)
	if in.Written != nil {
		t.trouble = in.Written.Err
	}
	switch {
	case in.Written != nil && (in.Written.Err == nil || errors.Is(in.Written.Err, store.ErrConflict)),
		in.Read != nil && (in.Read.Err == nil || errors.Is(in.Read.Err, store.ErrNotFound)):
		t.heard = t.p.clock.now()
	}
}

// consider completes the next input with what is known of the other processes, and begins or goes on with a hand-over. It returns when to
// do so again; < 0 = not by itself.
func (t *tenure) consider(view store.LeaseView, in *store.LeaseInput) time.Duration {
	rules := t.p.cfg.Lease.WithDefaults()
	hosts := t.hosts.Load()
	t.sight.look(t.p.clock.now(), t.life != nil, hosts != nil && hosts.isUp())
	s := t.stance(view)
	if s.Give != "" && t.giving == 0 && !t.ending {
		t.log.Info("handing the lattice over to the process that should own it", "to", s.Give)
		t.giving = t.p.clock.now()
		t.p.peers.handed(t.lattice)
	}
	wake := s.Wake
	if t.giving > 0 && t.life != nil {
		wake = t.drain()
	}
	in.Now, in.Rules = t.p.clock.instant(), t.p.cfg.Lease
	in.Want = (!t.ending && t.giving == 0) || t.life != nil
	if s.Rank > 0 {
		in.Patience = rules.TTL + time.Duration(s.Rank)*min(grace, rules.TTL)
	} else {
		in.Poll = rules.Renew / 2 // who is the next one sees the end of a lease soon
	}
	return wake
}

// stance asks how this process stands to the lattice by what is known of the others.
func (t *tenure) stance(view store.LeaseView) cluster.Stance {
	self := cluster.Self{Known: t.known, Owns: t.life != nil, Blind: t.sight.blind(t.p.clock.now())}
	if lease, ok := view.Seen(); ok && !lease.Freed && lease.Owner != t.p.cfg.ID {
		self.Holder = lease.Owner
	}
	return t.p.peers.stance(t.lattice, self)
}

const (
	drainFor  = 2 * time.Second // how long a hand-over waits for a moment in which nothing is under way
	drainLook = 20 * time.Millisecond
)

// drain ends the owner for a hand-over, at a moment in which no command waits for its answer and no record is being written, if there is one.
func (t *tenure) drain() time.Duration {
	now := t.p.clock.now()
	if o := t.owner.Load(); o != nil && !o.idle() && now < t.giving+drainFor {
		return now + drainLook
	}
	t.life.stop()
	return -1
}

// tellStand tells the others how this process stands to the lattice now.
func (t *tenure) tellStand(view store.LeaseView, d store.LeaseDecision) {
	if t.busy && t.life == nil && t.giving > 0 {
		return // until the lease is free: who hears of it looks at once
	}
	lease, _ := view.Seen()
	l := wadmapi.BeatLattice{Name: t.lattice, Blind: t.sight.blind(t.p.clock.now())}
	rules := t.p.cfg.Lease.WithDefaults()
	switch {
	case d.Owner:
		l.Stand, l.Epoch, l.Since = wadmapi.StandOwns, d.Epoch, lease.Since
	case t.heard == 0 || t.p.clock.now()-t.heard > rules.TTL+rules.Renew:
		// Who cannot reach the store will not own the lattice, whoever should.
	case t.life == nil && t.giving == 0 && t.stance(view).First:
		l.Stand = wadmapi.StandClaims
	default:
		l.Stand = wadmapi.StandWaits
	}
	t.p.peers.stand(l, lease)
}

// follow starts the owner of a new ownership and stops that of an old one. The new one waits until the old one is gone.
func (t *tenure) follow(d store.LeaseDecision) {
	if t.life != nil {
		if !d.Owner || d.Epoch != t.life.epoch {
			t.life.stop()
		}
		return
	}
	if d.Owner && !t.ending && t.giving == 0 {
		t.log.Info("this process owns the lattice", "epoch", d.Epoch)
		t.life = startLife(t, d.Epoch)
	}
}

// carryOut starts what was decided. An answer that takes longer than a renewal is worth no more than none.
func (t *tenure) carryOut(d store.LeaseDecision) {
	if !d.Read && d.Put == nil {
		return
	}
	t.busy = true
	limit := t.p.cfg.Lease.WithDefaults().Renew
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.p.ctx), limit)
		defer cancel()
		if d.Put != nil {
			rev, err := t.p.stores.Leases.PutLease(ctx, t.lattice, *d.Put, d.Expect)
			t.answers <- store.LeaseInput{Written: &store.LeaseWritten{Revision: rev, Err: err}}
			return
		}
		l, rev, err := t.p.stores.Leases.Lease(ctx, t.lattice)
		t.answers <- store.LeaseInput{Read: &store.LeaseRead{Lease: l, Revision: rev, Err: err}}
	}()
}

// pause is the time until a wake; without one an hour will do, for everything else comes over a channel.
func (t *tenure) pause(wake time.Duration) time.Duration {
	if wake < 0 {
		return time.Hour
	}
	return max(wake-t.p.clock.now(), 0)
}
