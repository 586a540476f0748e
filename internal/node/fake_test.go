package node

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/lattice"
)

// fakeMachine is a machine that does what a test says.
type fakeMachine struct {
	cfg  engine.Config
	step func(m *fakeMachine, now time.Duration, ins []engine.Input) engine.Output

	mu    sync.Mutex
	ins   []engine.Input
	next  ledger.CommandID
	due   time.Duration
	times []time.Duration
}

func (m *fakeMachine) Step(now time.Duration, ins ...engine.Input) engine.Output {
	m.mu.Lock()
	m.ins = append(m.ins, ins...)
	m.times = append(m.times, now)
	m.mu.Unlock()
	if m.step == nil {
		return engine.Output{Wake: -1}
	}
	return m.step(m, now, ins)
}

func (m *fakeMachine) MaySend(*ledger.Command, time.Duration) bool { return true }
func (m *fakeMachine) View() engine.View                           { return engine.View{} }
func (m *fakeMachine) Snapshot(time.Duration, int) lattice.Snapshot {
	return lattice.Snapshot{ID: m.cfg.Lattice}
}

// seen counts the inputs that a test looks for.
func (m *fakeMachine) seen(is func(engine.Input) bool) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, in := range m.ins {
		if is(in) {
			n++
		}
	}
	return n
}

func is[T engine.Input](in engine.Input) bool { _, ok := in.(T); return ok }

// command is a scale whose count tells the epoch of who sent it.
func (m *fakeMachine) command(host lattice.HostID) ledger.Command {
	m.next++
	return ledger.Command{ID: m.next, App: "hello", Epoch: m.cfg.Epoch, Action: ledger.Scale, Host: host, To: int(m.cfg.Epoch),
		Target: ledger.Target{ID: "hello-web", Ref: "r/web:1"}}
}

// factory makes fakes and remembers them.
type factory struct {
	step func(m *fakeMachine, now time.Duration, ins []engine.Input) engine.Output
	mu   sync.Mutex
	made []*fakeMachine
}

func (f *factory) machine(cfg engine.Config) Machine {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := &fakeMachine{cfg: cfg, step: f.step}
	f.made = append(f.made, m)
	return m
}

func (f *factory) all(lattice string) []*fakeMachine {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*fakeMachine
	for _, m := range f.made {
		if m.cfg.Lattice == lattice {
			out = append(out, m)
		}
	}
	return out
}

func (f *factory) last() *fakeMachine {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.made) == 0 {
		return nil
	}
	return f.made[len(f.made)-1]
}

var errOff = errors.New("the store is cut off")

// cutStore is a process's way to the store, which a test can cut or slow down.
type cutStore struct {
	Stores
	off  atomic.Bool
	slow atomic.Int64 // ns, for run records
}

func (s *cutStore) stores() Stores {
	return Stores{Models: s.Stores.Models, Wishes: s.Stores.Wishes, Runs: cutRuns{s.Stores.Runs, s}, Leases: cutLeases{s.Stores.Leases, s}}
}

func (s *cutStore) err() error {
	if s.off.Load() {
		return errOff
	}
	return nil
}

type cutLeases struct {
	store.Leases
	s *cutStore
}

func (c cutLeases) Lease(ctx context.Context, lattice string) (store.Lease, store.Revision, error) {
	if err := c.s.err(); err != nil {
		return store.Lease{}, 0, err
	}
	return c.Leases.Lease(ctx, lattice)
}

func (c cutLeases) PutLease(ctx context.Context, lattice string, l store.Lease, expect store.Revision) (store.Revision, error) {
	if err := c.s.err(); err != nil {
		return 0, err
	}
	return c.Leases.PutLease(ctx, lattice, l, expect)
}

type cutRuns struct {
	inner store.Runs
	s     *cutStore
}

func (c cutRuns) Run(ctx context.Context, lattice, app string) (engine.Run, store.Revision, error) {
	return c.inner.Run(ctx, lattice, app)
}

func (c cutRuns) Runs(ctx context.Context, lattice string) ([]store.Stored, error) {
	if err := c.s.err(); err != nil {
		return nil, err
	}
	return c.inner.Runs(ctx, lattice)
}

func (c cutRuns) PutRun(ctx context.Context, lattice string, r engine.Run, expect store.Revision) (store.Revision, error) {
	if d := time.Duration(c.s.slow.Load()); d > 0 {
		time.Sleep(d) // a slow store, in virtual time
	}
	if err := c.s.err(); err != nil {
		return 0, err
	}
	return c.inner.PutRun(ctx, lattice, r, expect)
}

func (c cutRuns) DeleteRun(ctx context.Context, lattice, app string, expect store.Revision) error {
	return c.inner.DeleteRun(ctx, lattice, app, expect)
}
