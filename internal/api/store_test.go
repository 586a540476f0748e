package api

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// tinyStore is the contract's Models and Wishes in two maps, with a hook before each call: it may fail, or let somebody else write first.
type tinyStore struct {
	restOfModels // the methods that the API never calls
	restOfWishes

	mu     sync.Mutex
	seq    store.Revision
	models map[string]kept[store.Model]
	wishes map[string]kept[engine.Wish]
	log    []string
	before func(call, app string) error
}

type (
	restOfModels interface{ store.Models }
	restOfWishes interface{ store.Wishes }
)

type kept[T any] struct {
	record T
	rev    store.Revision
}

func newTinyStore(*testing.T) *tinyStore {
	return &tinyStore{models: map[string]kept[store.Model]{}, wishes: map[string]kept[engine.Wish]{}}
}

func (s *tinyStore) enter(call, app string) error {
	s.mu.Lock()
	s.log = append(s.log, call+" "+app)
	hook := s.before
	s.mu.Unlock()
	if hook != nil {
		return hook(call, app)
	}
	return nil
}

func (s *tinyStore) Model(_ context.Context, lattice, app string) (store.Model, store.Revision, error) {
	if err := s.enter("Model", app); err != nil {
		return store.Model{}, 0, err
	}
	return read(s, s.models, lattice, app)
}

func (s *tinyStore) PutModel(_ context.Context, lattice string, m store.Model, expect store.Revision) (store.Revision, error) {
	if err := s.enter("PutModel", m.Name); err != nil {
		return 0, err
	}
	return write(s, s.models, lattice, m.Name, m, expect)
}

func (s *tinyStore) DeleteModel(_ context.Context, lattice, app string, expect store.Revision) error {
	if err := s.enter("DeleteModel", app); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.models[lattice+"."+app].rev != expect {
		return store.ErrConflict
	}
	delete(s.models, lattice+"."+app)
	return nil
}

func (s *tinyStore) Models(_ context.Context, lattice string) ([]store.Model, error) {
	if err := s.enter("Models", ""); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []store.Model
	for _, key := range slices.Sorted(maps.Keys(s.models)) {
		if m := s.models[key].record; key == lattice+"."+m.Name {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b store.Model) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func (s *tinyStore) Wish(_ context.Context, lattice, app string) (engine.Wish, store.Revision, error) {
	if err := s.enter("Wish", app); err != nil {
		return engine.Wish{}, 0, err
	}
	return read(s, s.wishes, lattice, app)
}

func (s *tinyStore) PutWish(_ context.Context, lattice string, w engine.Wish, expect store.Revision) (store.Revision, error) {
	if err := s.enter("PutWish", w.App); err != nil {
		return 0, err
	}
	return write(s, s.wishes, lattice, w.App, w, expect)
}

func read[T any](s *tinyStore, in map[string]kept[T], lattice, app string) (T, store.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := in[lattice+"."+app]
	if !ok {
		return k.record, 0, store.ErrNotFound
	}
	return k.record, k.rev, nil
}

func write[T any](s *tinyStore, in map[string]kept[T], lattice, app string, record T, expect store.Revision) (store.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in[lattice+"."+app].rev != expect {
		return 0, store.ErrConflict
	}
	s.seq++
	in[lattice+"."+app] = kept[T]{record, s.seq}
	return s.seq, nil
}

// calls returns what was called since the last time, reads left out.
func (s *tinyStore) writes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.DeleteFunc(slices.Clone(s.log), func(c string) bool {
		return c == "Models " || c[:5] == "Wish " || c[:6] == "Model "
	})
	s.log = nil
	return out
}

func (s *tinyStore) wish(lattice, app string) engine.Wish {
	w, _, _ := s.Wish(context.Background(), lattice, app)
	return w
}

var errBroken = errors.New("the disk is gone")

// noStatus is a source that never heard of anything.
type noStatus struct{}

func (noStatus) Status(string, string) (wadmapi.Status, bool) { return wadmapi.Status{}, false }
