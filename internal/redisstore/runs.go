package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
)

// record is one field of a hash of records: a revision, a line end, JSON. A value without a revision counts as revision 1.
func record(value string) (store.Revision, []byte) {
	head, body, ok := strings.Cut(value, "\n")
	rev, err := strconv.ParseUint(head, 10, 64)
	if !ok || err != nil {
		return 1, nil
	}
	return rev, []byte(body)
}

func decodeRecord[T any](value string) (T, store.Revision, error) {
	var t T
	rev, body := record(value)
	if err := json.Unmarshal(body, &t); err != nil {
		var none T
		return none, rev, fmt.Errorf("%w: %w", store.ErrUnreadable, err)
	}
	return t, rev, nil
}

// fetch reads one record.
func fetch[T any](ctx context.Context, s *Store, doing, key, name string) (T, store.Revision, error) {
	var none T
	var value string
	err := s.read(ctx, doing, func(ctx context.Context) error {
		var err error
		if value, err = s.rdb.HGet(ctx, key, name).Result(); errors.Is(err, redis.Nil) {
			err = store.ErrNotFound
		}
		return ofKey(err, key)
	})
	if err != nil {
		return none, 0, err
	}
	t, rev, err := decodeRecord[T](value)
	if err != nil {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	return t, rev, err
}

// ofKey names the key that holds something else.
func ofKey(err error, key string) error {
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return fmt.Errorf("the key %q is not a hash, where wadm keeps records: somebody else uses it: %w", key, err)
	}
	return err
}

// write puts or removes one record by compare-and-set. what is published, if it is not empty.
func (s *Store) write(ctx context.Context, doing, key, lattice, name, operation, what string, body []byte, expect store.Revision) (store.Revision, error) {
	var rev store.Revision
	err := s.call(ctx, doing, func(ctx context.Context) error {
		v, err := s.run(ctx, recordScript, []string{key, key, key, revisionKey, changesKey, key}, recordKinds,
			"", lattice, name, strconv.FormatUint(expect, 10), operation, what, body)
		if err == nil {
			rev, err = outcome(v)
		}
		return err
	})
	return rev, err
}

func (s *Store) save(ctx context.Context, doing, key, lattice, name, what string, r any, expect store.Revision) (store.Revision, error) {
	body, err := json.Marshal(r)
	if err == nil {
		err = s.fits(len(body))
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	return s.write(ctx, doing, key, lattice, name, "put", what, body, expect)
}

// Wish returns what was asked last of an application.
func (s *Store) Wish(ctx context.Context, lattice, app string) (engine.Wish, store.Revision, error) {
	w, rev, err := fetch[engine.Wish](ctx, s, fmt.Sprintf("reading the wish of app %q", app), wishKey(lattice), app)
	if rev != 0 {
		w.App = app // the field says so
	}
	return w, rev, err
}

// PutWish writes what is asked of an application.
func (s *Store) PutWish(ctx context.Context, lattice string, w engine.Wish, expect store.Revision) (store.Revision, error) {
	rev, err := s.save(ctx, fmt.Sprintf("saving the wish of app %q", w.App), wishKey(lattice), lattice, w.App, changeWish, w, expect)
	if err == nil {
		s.follower.wished(lattice, w, rev)
	}
	return rev, err
}

// Run returns the run record of an application.
func (s *Store) Run(ctx context.Context, lattice, app string) (engine.Run, store.Revision, error) {
	r, rev, err := fetch[engine.Run](ctx, s, fmt.Sprintf("reading the run record of app %q", app), runKey(lattice), app)
	if rev != 0 {
		r.App = app
	}
	return r, rev, err
}

// PutRun writes the run record of an application.
func (s *Store) PutRun(ctx context.Context, lattice string, r engine.Run, expect store.Revision) (store.Revision, error) {
	return s.save(ctx, fmt.Sprintf("saving the run record of app %q", r.App), runKey(lattice), lattice, r.App, "", r, expect)
}

// DeleteRun removes the run record of an application; that it is gone already is no error.
func (s *Store) DeleteRun(ctx context.Context, lattice, app string, expect store.Revision) error {
	_, err := s.write(ctx, fmt.Sprintf("deleting the run record of app %q", app), runKey(lattice), lattice, app, "remove", "", nil, expect)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Runs lists the run records of a lattice by ascending name.
func (s *Store) Runs(ctx context.Context, lattice string) ([]store.Stored, error) {
	all, err := s.fields(ctx, fmt.Sprintf("listing the run records of lattice %q", lattice), runKey(lattice))
	if err != nil {
		return nil, err
	}
	var runs []store.Stored
	for _, app := range slices.Sorted(maps.Keys(all)) {
		r, rev, err := decodeRecord[engine.Run](all[app])
		if r.App = app; err != nil {
			r = engine.Run{App: app} // listed so that the owner can replace it
		}
		runs = append(runs, store.Stored{Run: r, Revision: rev})
	}
	return runs, nil
}

func (s *Store) fields(ctx context.Context, doing, key string) (map[string]string, error) {
	var all map[string]string
	err := s.read(ctx, doing, func(ctx context.Context) error {
		var err error
		all, err = s.rdb.HGetAll(ctx, key).Result()
		return ofKey(err, key)
	})
	return all, err
}

// Lease returns the lease of a lattice. One that cannot be read is nobody's: it is waited for and then replaced like any other.
func (s *Store) Lease(ctx context.Context, lattice string) (store.Lease, store.Revision, error) {
	l, rev, err := fetch[store.Lease](ctx, s, fmt.Sprintf("reading the lease of lattice %q", lattice), leaseKey, lattice)
	if errors.Is(err, store.ErrUnreadable) {
		return store.Lease{}, rev, nil
	}
	return l, rev, err
}

// PutLease writes the lease of a lattice.
func (s *Store) PutLease(ctx context.Context, lattice string, l store.Lease, expect store.Revision) (store.Revision, error) {
	return s.save(ctx, fmt.Sprintf("saving the lease of lattice %q", lattice), leaseKey, lattice, lattice, "", l, expect)
}
