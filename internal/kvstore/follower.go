package kvstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// view is a copy of what a bucket holds. One goroutine at a time calls it, in the order of the bucket.
type view interface {
	begin()                                 // the bucket is about to be read anew
	load(entries []jetstream.KeyValueEntry) // the whole bucket, after a gap
	apply(e jetstream.KeyValueEntry)        // one change
}

// follower keeps a view like its bucket, from the first use until the store is closed.
type follower struct {
	b    *bucket
	view view
	kick chan struct{} // holds at most one request to begin again

	mu      sync.Mutex
	started bool
	moved   chan struct{} // closed and replaced at each change of what follows
	loads   int           // snapshots so far
	created time.Time     // of the stream that the copy is of
	seq     uint64        // the copy holds everything up to here
	keys    map[string]struct{}
	err     error // why there is no new snapshot
}

func newFollower(b *bucket, v view) *follower {
	return &follower{b: b, view: v, kick: make(chan struct{}, 1), moved: make(chan struct{})}
}

// Pauses between tries while the bucket cannot be followed.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	// catchUp is how long a copy may stay behind what the server says before it begins again.
	catchUp = 2 * time.Second
)

func (f *follower) running() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.started
}

func (f *follower) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.started || f.b.s.ctx.Err() != nil {
		return
	}
	f.started = true
	f.b.s.wg.Go(f.run)
}

// restart makes the copy begin again, if there is one.
func (f *follower) restart() {
	f.update(func() { f.err = nil })
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// update changes what readers wait for, and wakes them.
func (f *follower) update(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *follower) run() {
	ctx := f.b.s.ctx
	pause := firstPause
	for ctx.Err() == nil {
		before := f.snapshots()
		err := f.follow(ctx)
		if err == nil {
			continue // asked to begin again
		}
		if f.snapshots() > before {
			pause = firstPause
		}
		f.update(func() { f.err = err })
		select {
		case <-ctx.Done():
		case <-f.kick:
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

func (f *follower) snapshots() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loads
}

// follow reads the bucket and then its changes until that ends. nil means that it was asked to begin again.
func (f *follower) follow(ctx context.Context) error {
	f.view.begin()
	// A request from before this point is met by this very reading.
	select {
	case <-f.kick:
	default:
	}
	kv, info, err := f.b.info(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	permitted, stop := f.b.s.permitted(ctx, f.b.stream())
	w, err := kv.WatchAll(permitted)
	stop()
	if err != nil {
		if cause := context.Cause(permitted); cause != nil {
			err = cause
		}
		return fmt.Errorf("watching bucket %q: %w", f.b.name, explain(err, f.b.s.opts.Domain))
	}
	defer func() {
		_ = w.Stop() // fails only when the connection is gone, and the watch with it
		for range w.Updates() {
			continue // its sender may be waiting
		}
	}()

	var entries []jetstream.KeyValueEntry
	loaded := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.kick:
			return nil
		case e, ok := <-w.Updates():
			switch {
			case !ok:
				return errors.New("the watch of bucket " + f.b.name + " has ended")
			case e == nil && !loaded:
				loaded = true
				f.loadAll(info, entries)
				entries = nil
			case e == nil:
			case loaded:
				f.view.apply(e)
				f.update(func() { f.seq, f.keys[e.Key()] = max(f.seq, e.Revision()), struct{}{} })
			default:
				entries = append(entries, e)
			}
		}
	}
}

func (f *follower) loadAll(info *jetstream.StreamInfo, entries []jetstream.KeyValueEntry) {
	f.view.load(entries)
	seq, keys := info.State.LastSeq, make(map[string]struct{}, len(entries))
	for _, e := range entries {
		seq, keys[e.Key()] = max(seq, e.Revision()), struct{}{}
	}
	f.update(func() {
		f.loads++
		f.created, f.seq, f.keys, f.err = info.Created, seq, keys, nil
	})
}

// current returns when the copy holds everything that the bucket held at the time of the call. A copy that cannot get there, because
// its bucket was deleted or emptied, begins again: its watchers get a new snapshot.
func (f *follower) current(ctx context.Context) error {
	f.start()
	for range 4 {
		if err := f.wait(ctx, 0, func() bool { return f.loads > 0 }); err != nil {
			return err
		}
		before := f.snapshots()
		_, info, err := f.b.info(ctx)
		if err != nil {
			return err
		}
		err = f.wait(ctx, catchUp, func() bool { return f.loads > before || f.covers(info) })
		if err != nil && !errors.Is(err, errBehind) {
			return err
		}
		f.mu.Lock()
		good, loads := f.covers(info) && (f.seq > info.State.LastSeq || len(f.keys) == int(info.State.NumSubjects)), f.loads
		f.mu.Unlock()
		if good {
			return nil
		}
		if loads == before {
			f.restart()
			if err := f.wait(ctx, 0, func() bool { return f.loads > before }); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("reading bucket %q: it changes faster than it can be followed", f.b.name)
}

// covers needs the lock. Another time of creation is another stream of the same name.
func (f *follower) covers(info *jetstream.StreamInfo) bool {
	return f.created.Equal(info.Created) && f.seq >= info.State.LastSeq
}

var errBehind = errors.New("the copy stays behind its bucket")

// wait returns when the condition, which is called with the lock, holds; or with the reason why it cannot. limit 0 means none.
func (f *follower) wait(ctx context.Context, limit time.Duration, holds func() bool) error {
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	for {
		f.mu.Lock()
		ok, err, moved := holds(), f.err, f.moved
		f.mu.Unlock()
		switch {
		case ok:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-moved:
		case <-late:
			return errBehind
		case <-ctx.Done():
			return ctx.Err()
		case <-f.b.s.ctx.Done():
			return fmt.Errorf("reading bucket %q: the store is closed", f.b.name)
		}
	}
}

// info asks the server for the state of the bucket's stream, and makes the bucket if it is missing.
func (b *bucket) info(ctx context.Context) (jetstream.KeyValue, *jetstream.StreamInfo, error) {
	var bound jetstream.KeyValue
	var info *jetstream.StreamInfo
	err := b.use(ctx, fmt.Sprintf("asking for bucket %q", b.name), b.stream(), func(ctx context.Context, kv jetstream.KeyValue) error {
		status, err := kv.Status(ctx)
		if err != nil {
			return err
		}
		s, ok := status.(*jetstream.KeyValueBucketStatus)
		if !ok {
			return fmt.Errorf("the client gives no stream information")
		}
		bound, info = kv, s.StreamInfo()
		return nil
	})
	return bound, info, err
}
