package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/store"
)

// Short enough for a store that cannot live in virtual time. The test never waits for a time, only for what follows from it.
const (
	leaseTTL    = 400 * time.Millisecond
	leaseRenew  = 100 * time.Millisecond
	leaseMargin = 100 * time.Millisecond
)

// claim is one process that wants to own a lattice, on a real store.
type claim struct {
	id    string
	store store.Leases
	owned chan uint64 // each epoch under which it owned, once
	quit  chan bool   // true: give the lease up first; false: die
	done  chan struct{}
}

func claims(t *testing.T, s store.Leases, id string) *claim {
	c := &claim{id: id, store: s, owned: make(chan uint64, 100), quit: make(chan bool), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.run(t.Context())
	}()
	return c
}

func (c *claim) run(ctx context.Context) {
	began, last := time.Now(), uint64(0)
	var view store.LeaseView
	in := store.LeaseInput{Rules: store.LeaseRules{ID: c.id, TTL: leaseTTL, Renew: leaseRenew, Margin: leaseMargin}, Want: true}
	for ctx.Err() == nil {
		in.Now = store.Instant{Mono: time.Since(began), Wall: time.Now()}
		var d store.LeaseDecision
		view, d = store.StepLease(view, in)
		in.Read, in.Written = nil, nil
		if d.Owner && d.Epoch != last {
			last = d.Epoch
			c.owned <- d.Epoch
		}
		limited, cancel := context.WithTimeout(ctx, leaseRenew)
		switch {
		case d.Read:
			l, rev, err := c.store.Lease(limited, "default")
			in.Read = &store.LeaseRead{Lease: l, Revision: rev, Err: err}
		case d.Put != nil:
			rev, err := c.store.PutLease(limited, "default", *d.Put, d.Expect)
			in.Written = &store.LeaseWritten{Revision: rev, Err: err}
		case !in.Want:
			cancel()
			return // it has said so
		default:
			select {
			case <-time.After(d.Wake - in.Now.Mono):
			case free := <-c.quit:
				if !free {
					cancel()
					return
				}
				in.Want = false
			case <-ctx.Done():
			}
		}
		cancel()
	}
}

func (c *claim) end(free bool) {
	c.quit <- free
	<-c.done
}

func (c *claim) wantOwner(t *testing.T) uint64 {
	t.Helper()
	select {
	case epoch := <-c.owned:
		return epoch
	case <-time.After(time.Minute):
		t.Fatalf("%s does not become the owner", c.id)
		return 0
	}
}

func ownership(t *testing.T, b Backend) {
	a := claims(t, b.Store, "a")
	first := a.wantOwner(t)
	other := claims(t, b.Again(), "b")
	a.end(true)
	second := other.wantOwner(t)
	third := claims(t, b.Store, "c")
	other.end(false)
	last := third.wantOwner(t)
	third.end(true)
	if first >= second || second >= last {
		t.Fatalf("the epochs are %d, %d, %d; want them to grow", first, second, last)
	}
	if l, _, err := b.Store.Lease(t.Context(), "default"); err != nil || l.Owner != "c" {
		t.Fatalf("the lease at the end is %+v (%v), want c's", l, err)
	}
}
