package kvstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/internal/store/watch"
)

// acts is the copy of the run bucket.
type acts struct {
	wishes *watch.Board[engine.Wish]
	runs   *watch.Board[json.RawMessage] // as stored: decoded for each reader
	facts  *facts

	own   sync.Mutex
	whole bool // the copy is one; false while the bucket is read anew
}

func newActs() *acts {
	return &acts{
		wishes: watch.New(func(w engine.Wish) engine.Wish { return w }),
		runs:   watch.New(func(r json.RawMessage) json.RawMessage { return r }),
		facts:  newFacts(),
	}
}

func (a *acts) begin() {
	a.own.Lock()
	defer a.own.Unlock()
	a.whole = false // what is written from here on comes with what is read, or after it
}

// wished takes in a wish that we wrote ourselves: hosts wait for its owner, who is in this process as a rule.
func (a *acts) wished(lattice string, w engine.Wish, rev store.Revision) {
	w.Read = nil // as whoever reads it from the bucket gets it
	a.own.Lock()
	defer a.own.Unlock()
	if a.whole {
		a.wishes.Advance(lattice, watch.Entry[engine.Wish]{Name: w.App, Record: w, Revision: rev})
	}
}

func (a *acts) load(entries []jetstream.KeyValueEntry) {
	wishes, runs := map[string][]watch.Entry[engine.Wish]{}, map[string][]watch.Entry[json.RawMessage]{}
	a.facts.clear()
	for _, e := range entries {
		k, ok := splitRunKey(e.Key())
		if !ok || e.Operation() != jetstream.KeyValuePut {
			continue
		}
		lattice, app := k.at.lattice, k.at.app
		switch k.kind {
		case "wish":
			if w, err := decodeWish(app, e.Value()); err == nil {
				wishes[lattice] = append(wishes[lattice], watch.Entry[engine.Wish]{Name: app, Record: w, Revision: e.Revision()})
			}
		case "run":
			runs[lattice] = append(runs[lattice], watch.Entry[json.RawMessage]{Name: app, Record: e.Value(), Revision: e.Revision()})
		case "version":
			a.facts.put(k.at, k.version, e.Value(), e.Revision())
		}
	}
	a.wishes.Load(wishes)
	a.runs.Load(runs)
	a.own.Lock()
	defer a.own.Unlock()
	a.whole = true
}

func (a *acts) apply(e jetstream.KeyValueEntry) {
	k, ok := splitRunKey(e.Key())
	if !ok {
		return
	}
	lattice, app := k.at.lattice, k.at.app
	stored := e.Operation() == jetstream.KeyValuePut
	switch k.kind {
	case "wish":
		if !stored {
			a.wishes.Drop(lattice, app, e.Revision())
			return
		}
		if known, ok := a.wishes.Get(lattice, app); ok && known.Revision == e.Revision() {
			return // ours
		}
		if w, err := decodeWish(app, e.Value()); err == nil {
			a.wishes.Advance(lattice, watch.Entry[engine.Wish]{Name: app, Record: w, Revision: e.Revision()})
		}
	case "run":
		if !stored {
			a.runs.Drop(lattice, app, e.Revision())
			return
		}
		a.runs.Put(lattice, watch.Entry[json.RawMessage]{Name: app, Record: e.Value(), Revision: e.Revision()})
	case "version":
		if !stored {
			a.facts.drop(k.at, k.version)
			return
		}
		a.facts.put(k.at, k.version, e.Value(), e.Revision())
	}
}

func decodeWish(app string, data []byte) (engine.Wish, error) {
	var w engine.Wish
	if err := json.Unmarshal(data, &w); err != nil {
		return engine.Wish{App: app}, err
	}
	w.App = app // the key says so
	return w, nil
}

func decodeRun(app string, data []byte) (engine.Run, error) {
	var r engine.Run
	if err := json.Unmarshal(data, &r); err != nil {
		return engine.Run{App: app}, err
	}
	r.App = app
	return r, nil
}

// fetch reads one record that is JSON.
func fetch[T any](ctx context.Context, b *bucket, doing string, k key, err error, decode func([]byte) (T, error)) (T, store.Revision, error) {
	var none T
	if err != nil {
		return none, 0, fmt.Errorf("%s: %w", doing, err)
	}
	e, err := b.get(ctx, doing, k)
	if err != nil {
		return none, 0, err
	}
	record, err := decode(e.Value())
	if err != nil {
		err = fmt.Errorf("%s: %w: %w", doing, store.ErrUnreadable, err)
	}
	return record, e.Revision(), err
}

// save writes one record as JSON.
func save(ctx context.Context, b *bucket, doing string, k key, err error, record any, expect store.Revision) (store.Revision, error) {
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	value, err := json.Marshal(record)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	return b.put(ctx, doing, k, value, expect)
}

// Wish returns what was asked last of an application.
func (s *Store) Wish(ctx context.Context, lattice, app string) (engine.Wish, store.Revision, error) {
	k, err := wishKey(lattice, app)
	return fetch(ctx, s.runs, fmt.Sprintf("reading the wish of app %q", app), k, err, func(data []byte) (engine.Wish, error) { return decodeWish(app, data) })
}

// PutWish writes what is asked of an application.
func (s *Store) PutWish(ctx context.Context, lattice string, w engine.Wish, expect store.Revision) (store.Revision, error) {
	k, err := wishKey(lattice, w.App)
	rev, err := save(ctx, s.runs, fmt.Sprintf("saving the wish of app %q", w.App), k, err, w, expect)
	if err == nil {
		s.acts.wished(lattice, w, rev)
	}
	return rev, err
}

// WatchWishes sends a snapshot and then changes.
func (s *Store) WatchWishes(ctx context.Context, lattice string) (<-chan store.Change[engine.Wish], error) {
	if err := s.copies.runs.current(ctx); err != nil {
		return nil, fmt.Errorf("watching the wishes of lattice %q: %w", lattice, err)
	}
	return s.acts.wishes.Watch(ctx, lattice), nil
}

// Run returns the run record of an application.
func (s *Store) Run(ctx context.Context, lattice, app string) (engine.Run, store.Revision, error) {
	k, err := runKey(lattice, app)
	return fetch(ctx, s.runs, fmt.Sprintf("reading the run record of app %q", app), k, err, func(data []byte) (engine.Run, error) { return decodeRun(app, data) })
}

// PutRun writes the run record of an application.
func (s *Store) PutRun(ctx context.Context, lattice string, r engine.Run, expect store.Revision) (store.Revision, error) {
	k, err := runKey(lattice, r.App)
	return save(ctx, s.runs, fmt.Sprintf("saving the run record of app %q", r.App), k, err, r, expect)
}

// DeleteRun removes the run record of an application; that it is gone already is no error.
func (s *Store) DeleteRun(ctx context.Context, lattice, app string, expect store.Revision) error {
	doing := fmt.Sprintf("deleting the run record of app %q", app)
	k, err := runKey(lattice, app)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	e, err := s.runs.get(ctx, doing, k)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case e.Revision() != expect:
		return fmt.Errorf("%s: %w", doing, store.ErrConflict)
	}
	return s.runs.remove(ctx, doing, k, expect)
}

// Runs lists the run records of a lattice by ascending name.
func (s *Store) Runs(ctx context.Context, lattice string) ([]store.Stored, error) {
	if err := s.copies.runs.current(ctx); err != nil {
		return nil, fmt.Errorf("listing the run records of lattice %q: %w", lattice, err)
	}
	var runs []store.Stored
	for _, e := range s.acts.runs.List(lattice) {
		r, err := decodeRun(e.Name, e.Record)
		if err != nil {
			r = engine.Run{App: e.Name} // listed so that the owner can replace it
		}
		runs = append(runs, store.Stored{Run: r, Revision: e.Revision})
	}
	return runs, nil
}

// Lease returns the lease of a lattice. One that cannot be read is nobody's: it is waited for and then replaced like any other.
func (s *Store) Lease(ctx context.Context, lattice string) (store.Lease, store.Revision, error) {
	k, err := leaseKey(lattice)
	return fetch(ctx, s.leases, fmt.Sprintf("reading the lease of lattice %q", lattice), k, err, func(data []byte) (store.Lease, error) {
		var l store.Lease
		if json.Unmarshal(data, &l) != nil {
			return store.Lease{}, nil
		}
		return l, nil
	})
}

// PutLease writes the lease of a lattice.
func (s *Store) PutLease(ctx context.Context, lattice string, l store.Lease, expect store.Revision) (store.Revision, error) {
	k, err := leaseKey(lattice)
	return save(ctx, s.leases, fmt.Sprintf("saving the lease of lattice %q", lattice), k, err, l, expect)
}
