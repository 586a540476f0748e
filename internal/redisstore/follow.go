package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/internal/store/watch"
)

// What the stream of changes says happened.
const (
	changeModel = "model" // written
	changeGone  = "gone"  // deleted by one of us
	changeLost  = "lost"  // deleted by somebody else
	changeWish  = "wish"
)

// follower keeps copies of the lattices that somebody watches, from the first watch until the store is closed. It reads the stream of
// changes, and now and then looks itself for what 0.3.0 wrote, which tells nobody: giving it a revision puts it into the stream.
type follower struct {
	s      *Store
	models *watch.Board[store.Model]
	wishes *watch.Board[engine.Wish]

	mu      sync.Mutex // held while the copies are brought up to date, exchanges with the server included
	started bool
	watched map[string]struct{}
	last    string // the copies hold every change up to this one of the stream
	stale   bool   // changes may have been missed

	own   sync.Mutex          // never held during an exchange
	whole map[string]struct{} // lattices of which there is a copy; nil while the copies are read anew
}

func newFollower(s *Store) *follower {
	return &follower{
		s: s, watched: map[string]struct{}{}, whole: map[string]struct{}{},
		models: watch.New(store.Model.Clone), wishes: watch.New(func(w engine.Wish) engine.Wish { return w }),
	}
}

// WatchModels sends a snapshot and then changes. That somebody else deleted a model (0.3.0, or a wipe of the database) is not told:
// 0.3.0 left running what it deleted, and so nothing may be stopped for it.
func (s *Store) WatchModels(ctx context.Context, lattice string) (<-chan store.Change[store.Model], error) {
	if err := s.follower.watch(ctx, lattice); err != nil {
		return nil, fmt.Errorf("watching lattice %q: %w", lattice, err)
	}
	return s.follower.models.Watch(ctx, lattice), nil
}

// WatchWishes sends a snapshot and then changes.
func (s *Store) WatchWishes(ctx context.Context, lattice string) (<-chan store.Change[engine.Wish], error) {
	if err := s.follower.watch(ctx, lattice); err != nil {
		return nil, fmt.Errorf("watching the wishes of lattice %q: %w", lattice, err)
	}
	return s.follower.wishes.Watch(ctx, lattice), nil
}

// watch brings the copy of a lattice up to date, and makes one first if it is new.
func (f *follower) watch(ctx context.Context, lattice string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.s.ctx.Err() != nil {
		return errors.New("the store is closed")
	}
	if _, ok := f.watched[lattice]; ok {
		if err := f.adopt(ctx, lattice); err != nil {
			return err
		}
		return f.drain(ctx)
	}
	if !f.started {
		last, err := f.end(ctx)
		if err != nil {
			return err
		}
		f.last = last
	}
	models, wishes, err := f.all(ctx, lattice)
	if err != nil {
		return err
	}
	for _, m := range models {
		f.models.Put(lattice, m)
	}
	for _, w := range wishes {
		f.wishes.Put(lattice, w)
	}
	f.watched[lattice] = struct{}{}
	f.own.Lock()
	if f.whole != nil {
		f.whole[lattice] = struct{}{}
	}
	f.own.Unlock()
	if !f.started {
		f.started = true
		f.s.wg.Go(f.run)
	}
	return nil
}

// all reads a lattice whole.
func (f *follower) all(ctx context.Context, lattice string) (models []watch.Entry[store.Model], wishes []watch.Entry[engine.Wish], err error) {
	entries, err := f.s.list(ctx, "reading the models", lattice)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		models = append(models, watch.Entry[store.Model]{Name: e.model.Name, Record: e.model, Revision: e.rev})
	}
	fields, err := f.s.fields(ctx, "reading the wishes", wishKey(lattice))
	if err != nil {
		return nil, nil, err
	}
	for app, value := range fields {
		if w, rev, err := decodeRecord[engine.Wish](value); err == nil {
			w.App = app
			wishes = append(wishes, watch.Entry[engine.Wish]{Name: app, Record: w, Revision: rev})
		}
	}
	return models, wishes, nil
}

// end is the last change of the stream.
func (f *follower) end(ctx context.Context) (string, error) {
	last := "0-0"
	err := f.s.read(ctx, "reading the changes", func(ctx context.Context) error {
		entries, err := f.s.rdb.XRevRangeN(ctx, changesKey, "+", "-", 1).Result()
		if err == nil && len(entries) > 0 {
			last = entries[0].ID
		}
		return ofStream(err)
	})
	return last, err
}

func ofStream(err error) error {
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return fmt.Errorf("the key %q is not a stream, where wadm keeps its changes: somebody else uses it: %w", changesKey, err)
	}
	return err
}

// Pauses between tries while the server cannot be followed.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	mostAtOnce = 512 // changes read in one exchange
)

func (f *follower) run() {
	ctx := f.s.ctx
	pause, checked := firstPause, time.Now()
	for ctx.Err() == nil {
		err := f.step(ctx)
		if err == nil && time.Since(checked) >= f.s.opts.Check {
			checked, err = time.Now(), f.check(ctx)
		}
		if err == nil {
			pause = firstPause
			continue
		}
		f.mu.Lock()
		f.stale = true
		f.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// step waits for changes and takes them in.
func (f *follower) step(ctx context.Context) error {
	f.mu.Lock()
	stale, last := f.stale, f.last
	if stale {
		err := f.reload(ctx)
		f.mu.Unlock()
		return err
	}
	f.mu.Unlock()
	entries, err := f.next(ctx, last, f.s.opts.Check)
	if err != nil || len(entries) == 0 {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.apply(ctx, entries)
}

// next reads the changes after one, waiting for the first; wait < 0 does not wait.
func (f *follower) next(ctx context.Context, last string, wait time.Duration) ([]redis.XMessage, error) {
	streams, err := f.s.rdb.XRead(ctx, &redis.XReadArgs{Streams: []string{changesKey, last}, Count: mostAtOnce, Block: wait}).Result()
	switch {
	case errors.Is(err, redis.Nil), err == nil && len(streams) == 0:
		return nil, nil
	case err != nil:
		return nil, ofStream(err)
	}
	return streams[0].Messages, nil
}

// drain takes in what the stream holds now.
func (f *follower) drain(ctx context.Context) error {
	for {
		if f.stale {
			return f.reload(ctx)
		}
		entries, err := f.next(ctx, f.last, -1)
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := f.apply(ctx, entries); err != nil {
			return err
		}
	}
}

// reload reads everything that is watched anew after a gap. Watchers begin again, and what is missing is no delete.
func (f *follower) reload(ctx context.Context) error {
	f.own.Lock()
	f.whole = nil // what is written from here on comes with what is read, or by the stream
	f.own.Unlock()
	last, err := f.end(ctx)
	if err != nil {
		return err
	}
	models, wishes := map[string][]watch.Entry[store.Model]{}, map[string][]watch.Entry[engine.Wish]{}
	for lattice := range f.watched {
		if models[lattice], wishes[lattice], err = f.all(ctx, lattice); err != nil {
			return err
		}
	}
	f.models.Load(models)
	f.wishes.Load(wishes)
	f.last, f.stale = last, false
	f.own.Lock()
	f.whole = maps.Clone(f.watched)
	f.own.Unlock()
	return nil
}

// apply takes changes in: what they name is read as it is now. A change that does not follow the last one shows a gap.
func (f *follower) apply(ctx context.Context, entries []redis.XMessage) error {
	changed := map[string][]string{} // by lattice
	for _, e := range entries {
		field := func(name string) string { s, _ := e.Values[name].(string); return s }
		if !after(e.ID, f.last) {
			continue // somebody else took it in meanwhile
		}
		if field("prev") != f.last {
			f.stale = true
			return nil
		}
		f.last = e.ID
		lattice, app := field("lattice"), field("name")
		if _, ok := f.watched[lattice]; !ok {
			continue
		}
		head, _, _ := strings.Cut(e.ID, "-")
		rev, _ := strconv.ParseUint(head, 10, 64)
		switch field("what") {
		case changeGone:
			f.models.Drop(lattice, app, rev)
		case changeLost:
			f.models.Lose(lattice, app)
		case changeModel:
			if !slices.Contains(changed[lattice], app) {
				changed[lattice] = append(changed[lattice], app)
			}
		case changeWish:
			if known, _ := f.wishes.Get(lattice, app); known.Revision >= rev {
				continue // ours, or a later one
			}
			if err := f.takeWish(ctx, lattice, app); err != nil {
				return err
			}
		}
	}
	for lattice, apps := range changed {
		for some := range slices.Chunk(apps, batch) {
			if err := f.takeModels(ctx, lattice, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// after compares two places of the stream.
func after(id, than string) bool {
	a, _, _ := strings.Cut(id, "-")
	b, _, _ := strings.Cut(than, "-")
	x, _ := strconv.ParseUint(a, 10, 64)
	y, _ := strconv.ParseUint(b, 10, 64)
	return x > y
}

func (f *follower) takeModels(ctx context.Context, lattice string, apps []string) error {
	return f.s.read(ctx, "reading what has changed", func(ctx context.Context) error {
		answers, err := f.s.runMany(ctx, lattice, apps)
		if err != nil {
			return err
		}
		for i, app := range apps {
			h, err := readHeld(answers[i])
			if err != nil || !h.exists {
				continue // a later change tells that it is gone
			}
			m, err := f.s.model(lattice, app, h)
			if err != nil {
				m = store.Model{Name: app}
			}
			f.models.Advance(lattice, watch.Entry[store.Model]{Name: app, Record: m, Revision: h.rev})
		}
		return nil
	})
}

func (f *follower) takeWish(ctx context.Context, lattice, app string) error {
	w, rev, err := f.s.Wish(ctx, lattice, app)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnreadable):
		return nil
	case err != nil:
		return err
	}
	f.wishes.Advance(lattice, watch.Entry[engine.Wish]{Name: app, Record: w, Revision: rev})
	return nil
}

// wished takes in a wish that we wrote ourselves: hosts wait for its owner, who is in this process as a rule, and the stream only names it.
func (f *follower) wished(lattice string, w engine.Wish, rev store.Revision) {
	w.Read = nil // as whoever reads it from the server gets it
	f.own.Lock()
	defer f.own.Unlock()
	if _, ok := f.whole[lattice]; ok {
		f.wishes.Advance(lattice, watch.Entry[engine.Wish]{Name: w.App, Record: w, Revision: rev})
	}
}

// check compares the copies with the server. A stream that has lost what we read was wiped, or belongs to another server by now.
func (f *follower) check(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	last, err := f.end(ctx)
	if err != nil {
		return err
	}
	if after(f.last, last) {
		f.stale = true
		return nil
	}
	for lattice := range f.watched {
		if err := f.adopt(ctx, lattice); err != nil {
			return err
		}
	}
	return nil
}

// adopt gives revisions to what 0.3.0 wrote and deleted in a lattice, which puts it into the stream.
func (f *follower) adopt(ctx context.Context, lattice string) error {
	entries, err := f.s.list(ctx, "looking for changes", lattice)
	if err != nil {
		return err
	}
	there := make(map[string]struct{}, len(entries))
	for _, e := range entries {
		there[e.model.Name] = struct{}{}
	}
	var missing []string
	for _, e := range f.models.List(lattice) {
		if _, ok := there[e.Name]; !ok {
			missing = append(missing, e.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return f.s.read(ctx, "looking for what is gone", func(ctx context.Context) error {
		_, err := f.s.runMany(ctx, lattice, missing)
		return err
	})
}
