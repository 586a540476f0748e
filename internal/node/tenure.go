package node

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/wadm-go/wadm/internal/store"
)

// tenure is one lattice in one process: it renews the lease and runs an owner while it holds it, or watches somebody else do so. It
// carries out what store.StepLease decides and decides nothing itself.
type tenure struct {
	p       *process
	lattice string
	log     *slog.Logger

	grant atomic.Pointer[grant] // read by the owner before each command
	owner atomic.Pointer[owner] // the running one

	// Of the run goroutine alone.
	answers chan store.LeaseInput
	busy    bool // a read or a write is under way
	life    *life
}

// grant is the right to act as far as it is known.
type grant struct {
	view  store.LeaseView
	epoch uint64
}

func newTenure(p *process, name string) *tenure {
	return &tenure{p: p, lattice: name, log: p.log.With("lattice", name), answers: make(chan store.LeaseInput, 1)}
}

// holds says whether an owner of that epoch may act now. It is asked before each command, by both clocks: the process may have slept.
func (t *tenure) holds(epoch uint64) bool {
	g := t.grant.Load()
	return g != nil && g.epoch == epoch && g.view.Holds(t.p.clock.instant())
}

// run is the tenure until ctx ends and the lease is given up.
func (t *tenure) run(ctx context.Context) {
	var view store.LeaseView
	var in store.LeaseInput
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	done := ctx.Done()
	ending := false
	for {
		in.Now, in.Rules, in.Want = t.p.clock.instant(), t.p.cfg.Lease, !ending || t.life != nil
		var d store.LeaseDecision
		view, d = store.StepLease(view, in)
		in = store.LeaseInput{}
		t.grant.Store(&grant{view: view, epoch: d.Epoch})
		t.follow(d, ending)
		t.carryOut(d)
		if ending && t.life == nil && !t.busy {
			return
		}
		timer.Reset(t.pause(d.Wake))
		var over <-chan struct{}
		if t.life != nil {
			over = t.life.done
		}
		select {
		case <-done:
			done, ending = nil, true
			if t.life != nil {
				t.life.stop()
			}
		case <-over:
			t.life = nil
		case in = <-t.answers:
			t.busy = false
			t.p.statuses.note(t.lattice, in)
		case <-timer.C:
		}
	}
}

// follow starts the owner of a new ownership and stops that of an old one. The new one waits until the old one is gone.
func (t *tenure) follow(d store.LeaseDecision, ending bool) {
	if t.life != nil {
		if !d.Owner || d.Epoch != t.life.epoch {
			t.life.stop()
		}
		return
	}
	if d.Owner && !ending {
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
	limit := t.p.cfg.Lease.Renew
	if limit <= 0 {
		limit = store.LeaseRenew
	}
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
