package kvstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/store"
)

// setTries bounds the loop on the set of names, which all applications of a lattice share.
const setTries = 50

// overhead is what the headers of a write take from the server's largest message.
const overhead = 128

// get reads one key.
func (b *bucket) get(ctx context.Context, doing string, k key) (jetstream.KeyValueEntry, error) {
	var entry jetstream.KeyValueEntry
	err := b.use(ctx, doing, b.stream(), func(ctx context.Context, kv jetstream.KeyValue) error {
		e, err := kv.Get(ctx, string(k))
		entry = e
		return err
	})
	return entry, err
}

// put writes one key by compare-and-set; expect 0 only creates.
func (b *bucket) put(ctx context.Context, doing string, k key, value []byte, expect store.Revision) (store.Revision, error) {
	if limit := b.s.nc.MaxPayload() - overhead; limit > 0 && int64(len(value)) > limit {
		return 0, fmt.Errorf("%s: %w: %d bytes, the limit of this NATS server is %d (max_payload)", doing, store.ErrTooLarge, len(value), limit)
	}
	var rev store.Revision
	err := b.use(ctx, doing, b.subject(k), func(ctx context.Context, kv jetstream.KeyValue) error {
		var err error
		if expect == 0 {
			rev, err = kv.Create(ctx, string(k), value)
		} else {
			rev, err = kv.Update(ctx, string(k), value, expect)
		}
		return err
	})
	return rev, err
}

// remove purges one key, if it still is at expect.
func (b *bucket) remove(ctx context.Context, doing string, k key, expect store.Revision) error {
	return b.use(ctx, doing, b.subject(k), func(ctx context.Context, kv jetstream.KeyValue) error {
		return kv.Purge(ctx, string(k), jetstream.LastRevision(expect))
	})
}

func (b *bucket) subject(k key) string { return "$KV." + b.name + "." + string(k) }

// Model returns the record of an application.
func (s *Store) Model(ctx context.Context, lattice, app string) (store.Model, store.Revision, error) {
	doing := fmt.Sprintf("reading app %q", app)
	k, err := recordKey(lattice, app)
	if err != nil {
		return store.Model{}, 0, fmt.Errorf("%s: %w", doing, err)
	}
	e, err := s.manifests.get(ctx, doing, k)
	if err != nil {
		return store.Model{}, 0, err
	}
	h := readHeld(string(k), e.Value())
	switch {
	case h.bad:
		return store.Model{Name: app}, e.Revision(), fmt.Errorf("%s: %w", doing, store.ErrUnreadable)
	case h.isSet || h.lattice != lattice:
		return store.Model{}, 0, fmt.Errorf("%s: %w", doing, store.ErrNotFound)
	}
	m := h.model
	s.tell(ctx, lattice, &m)
	return m, e.Revision(), nil
}

// PutModel writes the record of an application, then the set of names: a name without a record would be worse than the other way round,
// which a list mends.
func (s *Store) PutModel(ctx context.Context, lattice string, m store.Model, expect store.Revision) (store.Revision, error) {
	doing := fmt.Sprintf("saving app %q", m.Name)
	value, err := encodeChecked(m)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	k, err := recordKey(lattice, m.Name)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	if lat, app, ok := place(string(k), m); !ok || lat != lattice || app != m.Name {
		return 0, fmt.Errorf("%s: no manifest bears the name %q, so nobody could tell whose record it is", doing, m.Name)
	}
	if expect == 0 {
		if _, _, err := s.readSet(ctx, doing, lattice); err != nil {
			return 0, err
		}
	}
	rev, err := s.manifests.put(ctx, doing, k, value, expect)
	if errors.Is(err, store.ErrConflict) {
		if taken := s.taken(ctx, doing, k, lattice); taken != nil {
			return 0, taken
		}
	}
	if err != nil {
		return 0, err
	}
	if err := s.editSet(ctx, doing, lattice, m.Name, true); err != nil {
		return rev, fmt.Errorf("the record of app %q is saved at revision %d, but it is not in the list yet: %w", m.Name, rev, err)
	}
	s.note(ctx, lattice, m)
	return rev, nil
}

func encodeChecked(m store.Model) ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	return encodeRecord(m)
}

// taken says whose key it is, if it is not this lattice's: without that a writer would try for ever.
func (s *Store) taken(ctx context.Context, doing string, k key, lattice string) error {
	e, err := s.manifests.get(ctx, doing, k)
	if err != nil {
		return nil // gone again, or not to be had: it remains a conflict
	}
	h := readHeld(string(k), e.Value())
	switch {
	case h.isSet:
		return fmt.Errorf("%s: the key %q holds the list of names of lattice %q: use another name", doing, k, k)
	case !h.bad && h.lattice != lattice:
		return fmt.Errorf("%s: the key %q holds app %q of lattice %q: use another name", doing, k, h.model.Name, h.lattice)
	}
	return nil
}

// DeleteModel takes the name from the set, then purges the record.
func (s *Store) DeleteModel(ctx context.Context, lattice, app string, expect store.Revision) error {
	doing := fmt.Sprintf("deleting app %q", app)
	_, rev, err := s.Model(ctx, lattice, app)
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if rev != expect {
		return fmt.Errorf("%s: %w", doing, store.ErrConflict)
	}
	k, err := recordKey(lattice, app)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := s.editSet(ctx, doing, lattice, app, false); err != nil {
		return err
	}
	if err := s.manifests.remove(ctx, doing, k, expect); err != nil {
		if errors.Is(err, store.ErrConflict) {
			err = errors.Join(err, s.mendSet(ctx, lattice, app))
		}
		return err
	}
	if s.actsCurrent(ctx) == nil {
		s.forgetVersions(ctx, lattice, app, s.acts.facts.of(spot{lattice, app}))
	}
	// Whoever listed between the two steps may have put the name back.
	return s.mendSet(ctx, lattice, app)
}

// Models lists the records of a lattice by ascending name, and adds names that are missing to the set.
func (s *Store) Models(ctx context.Context, lattice string) ([]store.Model, error) {
	// The server is asked for both buckets at once. Without the second one the list is right, only poorer.
	if err, _ := s.bothCurrent(ctx); err != nil {
		return nil, fmt.Errorf("listing lattice %q: %w", lattice, err)
	}
	var models []store.Model
	for _, e := range s.models.board.List(lattice) {
		s.acts.facts.fill(spot{lattice, e.Name}, &e.Record)
		models = append(models, e.Record)
		if !s.opts.ReadOnly && !s.models.listed(lattice, e.Name) {
			// Best effort: the list is right without it, and the next one tries again.
			_ = s.mendSet(ctx, lattice, e.Name)
		}
	}
	return models, nil
}

// Lattices names every lattice that has a model, a wish or a run record.
func (s *Store) Lattices(ctx context.Context) ([]string, error) {
	models, acts := s.bothCurrent(ctx)
	if err := errors.Join(models, acts); err != nil {
		return nil, fmt.Errorf("listing the lattices: %w", err)
	}
	all := slices.Concat(s.models.board.Lattices(), s.acts.wishes.Lattices(), s.acts.runs.Lattices())
	slices.Sort(all)
	return slices.Compact(all), nil
}

// WatchModels sends a snapshot and then changes.
func (s *Store) WatchModels(ctx context.Context, lattice string) (<-chan store.Change[store.Model], error) {
	if err := s.copies.manifests.current(ctx); err != nil {
		return nil, fmt.Errorf("watching lattice %q: %w", lattice, err)
	}
	return s.models.board.Watch(ctx, lattice), nil
}

// readSet returns the names of a lattice. None is no error; a record under the lattice's key is.
func (s *Store) readSet(ctx context.Context, doing, lattice string) ([]string, store.Revision, error) {
	k, err := setKey(lattice)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", doing, err)
	}
	e, err := s.manifests.get(ctx, doing, k)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	}
	h := readHeld(string(k), e.Value())
	if !h.isSet && !h.bad {
		return nil, 0, fmt.Errorf("%s: the key %q, for the list of names of lattice %q, holds app %q of lattice %q", doing, k, lattice, h.model.Name, h.lattice)
	}
	return h.names, e.Revision(), nil
}

// editSet puts a name into the set of a lattice, or takes it out.
func (s *Store) editSet(ctx context.Context, doing, lattice, app string, in bool) error {
	k, err := setKey(lattice)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	for range setTries {
		names, rev, err := s.readSet(ctx, doing, lattice)
		if err != nil {
			return err
		}
		if slices.Contains(names, app) == in {
			return nil
		}
		if in {
			names = append(names, app)
		} else {
			names = slices.DeleteFunc(names, func(n string) bool { return n == app })
		}
		_, err = s.manifests.put(ctx, doing, k, encodeSet(names), rev)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%s: the list of names of lattice %q keeps changing", doing, lattice)
}

// mendSet makes the set say whether there is a record. The record is read again after each edit, so that of two processes, one mending
// and one deleting, the later one leaves the truth.
func (s *Store) mendSet(ctx context.Context, lattice, app string) error {
	doing := fmt.Sprintf("listing app %q", app)
	there := func() (bool, error) {
		_, _, err := s.Model(ctx, lattice, app)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return false, nil
		case errors.Is(err, store.ErrUnreadable):
			return true, nil
		}
		return err == nil, err
	}
	for range setTries {
		was, err := there()
		if err != nil {
			return err
		}
		if err := s.editSet(ctx, doing, lattice, app, was); err != nil {
			return err
		}
		is, err := there()
		if err != nil || is == was {
			return err
		}
	}
	return fmt.Errorf("%s: it keeps coming and going", doing)
}
