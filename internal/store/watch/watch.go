// Package watch keeps the promise of store.Change for every store: a snapshot, then changes, and a new snapshot after a gap.
//
// A Board is the last known state of one kind of record. It knows who watches and how far behind each watcher is; it never talks to a
// store and never decides a compare-and-set. The stores write to it (memstore what it holds, kvstore and redisstore what their servers tell them) and
// hand its channels out.
package watch

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/wadm-go/wadm/internal/store"
)

// Behind is how many changes a watcher may be behind before they are dropped and it gets a snapshot instead. It is more than a busy
// lattice changes in the time that a planner needs, and bounds what one stuck reader costs.
const Behind = 256

// Entry is one record on a board.
type Entry[T any] struct {
	Name     string
	Record   T
	Revision store.Revision
}

// Board is safe for concurrent use. Make it with New.
type Board[T any] struct {
	clone func(T) T

	mu       sync.Mutex
	lattices map[string]map[string]Entry[T]
	watchers map[string]map[*watcher[T]]struct{}
}

type watcher[T any] struct {
	wake  chan struct{} // holds at most one signal
	queue []store.Change[T]
	stale bool // the queue is worth nothing: a snapshot is due
}

// New makes an empty board. clone makes what is handed out independent of what is kept.
func New[T any](clone func(T) T) *Board[T] {
	return &Board[T]{
		clone:    clone,
		lattices: map[string]map[string]Entry[T]{},
		watchers: map[string]map[*watcher[T]]struct{}{},
	}
}

// Put sets one record and tells the watchers of its lattice.
func (b *Board[T]) Put(lattice string, e Entry[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(lattice, e)
}

func (b *Board[T]) put(lattice string, e Entry[T]) {
	e.Record = b.clone(e.Record)
	if b.lattices[lattice] == nil {
		b.lattices[lattice] = map[string]Entry[T]{}
	}
	b.lattices[lattice][e.Name] = e
	b.tell(lattice, store.Change[T]{Name: e.Name, Record: e.Record, Revision: e.Revision})
}

// Advance is Put for a record that may be older than what is there, which then stays: what somebody has written himself he knows before the news of it
// comes. It is false where nothing has changed.
func (b *Board[T]) Advance(lattice string, e Entry[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.lattices[lattice][e.Name]; ok && known.Revision >= e.Revision {
		return false
	}
	b.put(lattice, e)
	return true
}

// Drop removes one record and tells the watchers that it is gone. What is not there is not told.
func (b *Board[T]) Drop(lattice, name string, rev store.Revision) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.lattices[lattice][name]; !ok {
		return
	}
	delete(b.lattices[lattice], name)
	if len(b.lattices[lattice]) == 0 {
		delete(b.lattices, lattice)
	}
	b.tell(lattice, store.Change[T]{Name: name, Revision: rev, Gone: true})
}

// Lose removes one record without telling anybody: its absence means nothing.
func (b *Board[T]) Lose(lattice, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.lattices[lattice], name)
	if len(b.lattices[lattice]) == 0 {
		delete(b.lattices, lattice)
	}
}

// Load replaces everything after a gap: what happened meanwhile is not known, so every watcher begins again.
func (b *Board[T]) Load(all map[string][]Entry[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lattices = make(map[string]map[string]Entry[T], len(all))
	for lattice, entries := range all {
		if len(entries) == 0 {
			continue
		}
		byName := make(map[string]Entry[T], len(entries))
		for _, e := range entries {
			e.Record = b.clone(e.Record)
			byName[e.Name] = e
		}
		b.lattices[lattice] = byName
	}
	for _, ws := range b.watchers {
		for w := range ws {
			w.restart()
		}
	}
}

// Restart makes every watcher begin again though nothing has changed.
func (b *Board[T]) Restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ws := range b.watchers {
		for w := range ws {
			w.restart()
		}
	}
}

// Get returns one record.
func (b *Board[T]) Get(lattice, name string) (Entry[T], bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.lattices[lattice][name]
	if ok {
		e.Record = b.clone(e.Record)
	}
	return e, ok
}

// List returns the records of a lattice by ascending name.
func (b *Board[T]) List(lattice string) []Entry[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.list(lattice)
}

// Lattices names the lattices that have a record, ascending.
func (b *Board[T]) Lattices() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.lattices))
}

// Watch sends the state of a lattice and then its changes until ctx ends; the channel is closed then.
func (b *Board[T]) Watch(ctx context.Context, lattice string) <-chan store.Change[T] {
	w := &watcher[T]{wake: make(chan struct{}, 1), stale: true}
	b.mu.Lock()
	if b.watchers[lattice] == nil {
		b.watchers[lattice] = map[*watcher[T]]struct{}{}
	}
	b.watchers[lattice][w] = struct{}{}
	b.mu.Unlock()

	out := make(chan store.Change[T])
	go func() {
		defer close(out)
		defer b.forget(lattice, w)
		b.serve(ctx, lattice, w, out)
	}()
	return out
}

func (b *Board[T]) serve(ctx context.Context, lattice string, w *watcher[T], out chan<- store.Change[T]) {
	for first := true; ; {
		changes, snapshot := b.take(lattice, w)
		if snapshot {
			if !first {
				changes = slices.Insert(changes, 0, store.Change[T]{Restart: true})
			}
			changes = append(changes, store.Change[T]{End: true})
			first = false
		}
		for _, c := range changes {
			if !c.Gone && !c.End && !c.Restart {
				c.Record = b.clone(c.Record)
			}
			select {
			case out <- c:
			case <-ctx.Done():
				return
			}
		}
		if len(changes) > 0 {
			continue
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
	}
}

// take hands over what a watcher has not seen: the queue, or everything. The records are those on the board, still to be cloned.
func (b *Board[T]) take(lattice string, w *watcher[T]) (changes []store.Change[T], snapshot bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !w.stale {
		changes, w.queue = w.queue, nil
		return changes, false
	}
	w.stale, w.queue = false, nil
	for _, e := range b.lattices[lattice] {
		changes = append(changes, store.Change[T]{Name: e.Name, Record: e.Record, Revision: e.Revision})
	}
	slices.SortFunc(changes, func(a, b store.Change[T]) int { return cmp.Compare(a.Name, b.Name) })
	return changes, true
}

func (b *Board[T]) forget(lattice string, w *watcher[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watchers[lattice], w)
	if len(b.watchers[lattice]) == 0 {
		delete(b.watchers, lattice)
	}
}

func (b *Board[T]) list(lattice string) []Entry[T] {
	entries := slices.Collect(maps.Values(b.lattices[lattice]))
	slices.SortFunc(entries, func(a, b Entry[T]) int { return cmp.Compare(a.Name, b.Name) })
	for i := range entries {
		entries[i].Record = b.clone(entries[i].Record)
	}
	return entries
}

func (b *Board[T]) tell(lattice string, c store.Change[T]) {
	for w := range b.watchers[lattice] {
		switch {
		case w.stale:
		case len(w.queue) >= Behind:
			w.restart()
		default:
			w.queue = append(w.queue, c)
			w.signal()
		}
	}
}

func (w *watcher[T]) restart() {
	w.stale, w.queue = true, nil
	w.signal()
}

func (w *watcher[T]) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
