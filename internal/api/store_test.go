package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// watchedStore is the store of wadm dev with a hook before each call: it may fail, or let somebody else write first.
type watchedStore struct {
	*memstore.Store
	mu     sync.Mutex
	log    []string
	before func(call, app string) error
}

func newStore(*testing.T) *watchedStore { return &watchedStore{Store: memstore.New()} }

func (s *watchedStore) enter(call, app string) error {
	s.mu.Lock()
	s.log = append(s.log, call+" "+app)
	hook := s.before
	s.mu.Unlock()
	if hook != nil {
		return hook(call, app)
	}
	return nil
}

func (s *watchedStore) Model(ctx context.Context, lattice, app string) (store.Model, store.Revision, error) {
	if err := s.enter("Model", app); err != nil {
		return store.Model{}, 0, err
	}
	return s.Store.Model(ctx, lattice, app)
}

func (s *watchedStore) PutModel(ctx context.Context, lattice string, m store.Model, expect store.Revision) (store.Revision, error) {
	if err := s.enter("PutModel", m.Name); err != nil {
		return 0, err
	}
	return s.Store.PutModel(ctx, lattice, m, expect)
}

func (s *watchedStore) DeleteModel(ctx context.Context, lattice, app string, expect store.Revision) error {
	if err := s.enter("DeleteModel", app); err != nil {
		return err
	}
	return s.Store.DeleteModel(ctx, lattice, app, expect)
}

func (s *watchedStore) Models(ctx context.Context, lattice string) ([]store.Model, error) {
	if err := s.enter("Models", ""); err != nil {
		return nil, err
	}
	return s.Store.Models(ctx, lattice)
}

func (s *watchedStore) Wish(ctx context.Context, lattice, app string) (engine.Wish, store.Revision, error) {
	if err := s.enter("Wish", app); err != nil {
		return engine.Wish{}, 0, err
	}
	return s.Store.Wish(ctx, lattice, app)
}

func (s *watchedStore) PutWish(ctx context.Context, lattice string, w engine.Wish, expect store.Revision) (store.Revision, error) {
	if err := s.enter("PutWish", w.App); err != nil {
		return 0, err
	}
	return s.Store.PutWish(ctx, lattice, w, expect)
}

// writes returns what was written since the last time.
func (s *watchedStore) writes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.DeleteFunc(slices.Clone(s.log), func(c string) bool {
		return !strings.HasPrefix(c, "Put") && !strings.HasPrefix(c, "Delete")
	})
	s.log = nil
	return out
}

func (s *watchedStore) wish(app string) engine.Wish {
	w, _, _ := s.Store.Wish(context.Background(), "default", app)
	return w
}

var errBroken = errors.New("the disk is gone")

// noStatus is a source that never heard of anything.
type noStatus struct{}

func (noStatus) Status(string, string) (wadmapi.Status, bool) { return wadmapi.Status{}, false }
