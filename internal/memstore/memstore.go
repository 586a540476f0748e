// Package memstore keeps the records of the control plane in memory: for wadm dev, and for tests that want a real store without a server.
//
// It has the semantics of the others, compare-and-set and watches included, and forgets everything with the process. It never starts a
// goroutine of its own save for watches, so it may be used inside a synctest bubble. The process is wired to it by cmd; tests make one.
package memstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/internal/store/watch"
)

// Limit is how large one record may be, in bytes of JSON: what a nats-server takes by default, so that nobody gets used to more.
const Limit = 1 << 20

// Store holds models, wishes, runs and leases. It is safe for concurrent use. Make it with New.
type Store struct {
	mu     sync.Mutex // makes compare-and-set one step
	last   store.Revision
	models *watch.Board[store.Model]
	wishes *watch.Board[engine.Wish]
	runs   *watch.Board[json.RawMessage] // encoded: what is read is what another store would give back
	leases *watch.Board[store.Lease]
}

// New makes an empty store.
func New() *Store {
	return &Store{
		models: watch.New(store.Model.Clone),
		wishes: watch.New(same[engine.Wish]),
		runs:   watch.New(same[json.RawMessage]),
		leases: watch.New(same[store.Lease]),
	}
}

func same[T any](t T) T { return t }

// Model returns the record of an application.
func (s *Store) Model(_ context.Context, lattice, app string) (store.Model, store.Revision, error) {
	return get(s.models, lattice, app, "app")
}

// PutModel writes the record of an application.
func (s *Store) PutModel(_ context.Context, lattice string, m store.Model, expect store.Revision) (store.Revision, error) {
	if err := m.Check(); err != nil {
		return 0, fmt.Errorf("saving app %q: %w", m.Name, err)
	}
	size := 0
	for _, v := range m.Versions {
		size += len(v.Version) + len(v.Manifest)
	}
	for k, v := range m.Unknown {
		size += len(k) + len(v)
	}
	if err := fits(m.Name, size); err != nil {
		return 0, err
	}
	m = m.Clone()
	for i := range m.Versions {
		v := &m.Versions[i]
		if v.Created = v.Created.UTC().Truncate(time.Millisecond); len(v.Raw) > Limit {
			v.Raw = nil
		}
	}
	return put(s, s.models, lattice, m.Name, m, expect)
}

// DeleteModel removes the record of an application.
func (s *Store) DeleteModel(_ context.Context, lattice, app string, expect store.Revision) error {
	return drop(s, s.models, lattice, app, expect)
}

// Models lists the records of a lattice by ascending name.
func (s *Store) Models(_ context.Context, lattice string) ([]store.Model, error) {
	var models []store.Model
	for _, e := range s.models.List(lattice) {
		models = append(models, e.Record)
	}
	return models, nil
}

// Lattices names every lattice that has a model, a wish or a run record.
func (s *Store) Lattices(context.Context) ([]string, error) {
	all := slices.Concat(s.models.Lattices(), s.wishes.Lattices(), s.runs.Lattices())
	slices.Sort(all)
	return slices.Compact(all), nil
}

// WatchModels sends a snapshot and then changes.
func (s *Store) WatchModels(ctx context.Context, lattice string) (<-chan store.Change[store.Model], error) {
	return s.models.Watch(ctx, lattice), nil
}

// Wish returns what was asked last of an application.
func (s *Store) Wish(_ context.Context, lattice, app string) (engine.Wish, store.Revision, error) {
	return get(s.wishes, lattice, app, "the wish of app")
}

// PutWish writes what is asked of an application.
func (s *Store) PutWish(_ context.Context, lattice string, w engine.Wish, expect store.Revision) (store.Revision, error) {
	if err := fits(w.App, len(w.Manifest)); err != nil {
		return 0, err
	}
	return put(s, s.wishes, lattice, w.App, w, expect)
}

// WatchWishes sends a snapshot and then changes.
func (s *Store) WatchWishes(ctx context.Context, lattice string) (<-chan store.Change[engine.Wish], error) {
	return s.wishes.Watch(ctx, lattice), nil
}

// Run returns the run record of an application.
func (s *Store) Run(_ context.Context, lattice, app string) (engine.Run, store.Revision, error) {
	data, rev, err := get(s.runs, lattice, app, "the run record of app")
	if err != nil {
		return engine.Run{}, 0, err
	}
	var r engine.Run
	if err := json.Unmarshal(data, &r); err != nil {
		return engine.Run{App: app}, rev, fmt.Errorf("reading the run record of app %q: %w: %w", app, store.ErrUnreadable, err)
	}
	return r, rev, nil
}

// PutRun writes the run record of an application.
func (s *Store) PutRun(_ context.Context, lattice string, r engine.Run, expect store.Revision) (store.Revision, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("saving the run record of app %q: %w", r.App, err)
	}
	if err := fits(r.App, len(data)); err != nil {
		return 0, err
	}
	return put(s, s.runs, lattice, r.App, data, expect)
}

// DeleteRun removes the run record of an application; that it is gone already is no error.
func (s *Store) DeleteRun(_ context.Context, lattice, app string, expect store.Revision) error {
	s.mu.Lock()
	_, there := s.runs.Get(lattice, app)
	s.mu.Unlock()
	if !there {
		return nil
	}
	return drop(s, s.runs, lattice, app, expect)
}

// Runs lists the run records of a lattice by ascending name.
func (s *Store) Runs(_ context.Context, lattice string) ([]store.Stored, error) {
	var runs []store.Stored
	for _, e := range s.runs.List(lattice) {
		r := engine.Run{App: e.Name}
		if err := json.Unmarshal(e.Record, &r); err != nil {
			r = engine.Run{App: e.Name}
		}
		runs = append(runs, store.Stored{Run: r, Revision: e.Revision})
	}
	return runs, nil
}

// Lease returns the lease of a lattice.
func (s *Store) Lease(_ context.Context, lattice string) (store.Lease, store.Revision, error) {
	return get(s.leases, lattice, lattice, "the lease of lattice")
}

// PutLease writes the lease of a lattice.
func (s *Store) PutLease(_ context.Context, lattice string, l store.Lease, expect store.Revision) (store.Revision, error) {
	return put(s, s.leases, lattice, lattice, l, expect)
}

func get[T any](b *watch.Board[T], lattice, name, what string) (T, store.Revision, error) {
	e, ok := b.Get(lattice, name)
	if !ok {
		return e.Record, 0, fmt.Errorf("reading %s %q: %w", what, name, store.ErrNotFound)
	}
	return e.Record, e.Revision, nil
}

func put[T any](s *Store, b *watch.Board[T], lattice, name string, record T, expect store.Revision) (store.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, _ := b.Get(lattice, name); e.Revision != expect {
		return 0, fmt.Errorf("saving %q at revision %d, expected %d: %w", name, e.Revision, expect, store.ErrConflict)
	}
	s.last++
	b.Put(lattice, watch.Entry[T]{Name: name, Record: record, Revision: s.last})
	return s.last, nil
}

func drop[T any](s *Store, b *watch.Board[T], lattice, name string, expect store.Revision) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := b.Get(lattice, name)
	switch {
	case !ok:
		return fmt.Errorf("deleting %q: %w", name, store.ErrNotFound)
	case e.Revision != expect:
		return fmt.Errorf("deleting %q at revision %d, expected %d: %w", name, e.Revision, expect, store.ErrConflict)
	}
	s.last++
	b.Drop(lattice, name, s.last)
	return nil
}

func fits(app string, size int) error {
	if size > Limit {
		return fmt.Errorf("saving app %q: %w: %d bytes, the limit is %d", app, store.ErrTooLarge, size, Limit)
	}
	return nil
}
