package watch

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/store"
)

// heard reads all that is there to read and writes it down, one word a change.
func heard(ch <-chan store.Change[string]) []string {
	var words []string
	for {
		synctest.Wait()
		select {
		case c, ok := <-ch:
			switch {
			case !ok:
				return append(words, "closed")
			case c.Restart:
				words = append(words, "restart")
			case c.End:
				words = append(words, "end")
			case c.Gone:
				words = append(words, fmt.Sprintf("-%s@%d", c.Name, c.Revision))
			default:
				words = append(words, fmt.Sprintf("%s=%s@%d", c.Name, c.Record, c.Revision))
			}
		default:
			return words
		}
	}
}

func want(t *testing.T, ch <-chan store.Change[string], words ...string) {
	t.Helper()
	if diff := cmp.Diff(words, heard(ch)); diff != "" {
		t.Fatalf("heard (-want +got):\n%s", diff)
	}
}

func board() *Board[string] { return New(func(s string) string { return s }) }

func put(b *Board[string], lattice, name, record string, rev uint64) {
	b.Put(lattice, Entry[string]{Name: name, Record: record, Revision: rev})
}

func TestASnapshotThenChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := board()
		put(b, "l", "b", "two", 2)
		put(b, "l", "a", "one", 1)
		put(b, "other", "x", "far", 3)
		ch := b.Watch(ctx, "l")
		want(t, ch, "a=one@1", "b=two@2", "end")
		put(b, "l", "a", "new", 4)
		put(b, "other", "x", "away", 5)
		b.Drop("l", "b", 6)
		b.Drop("l", "never", 7)
		want(t, ch, "a=new@4", "-b@6")
		cancel()
		want(t, ch, "closed")
		if n := len(b.watchers); n != 0 {
			t.Fatalf("%d watchers are kept after the end", n)
		}
	})
}

func TestAGapMakesEveryWatcherBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := board()
		put(b, "l", "a", "one", 1)
		ch, empty := b.Watch(ctx, "l"), b.Watch(ctx, "nothing")
		want(t, ch, "a=one@1", "end")
		want(t, empty, "end")
		b.Load(map[string][]Entry[string]{"l": {{Name: "b", Record: "two", Revision: 2}}, "void": {}})
		want(t, ch, "restart", "b=two@2", "end")
		want(t, empty, "restart", "end")
		if diff := cmp.Diff([]string{"l"}, b.Lattices()); diff != "" {
			t.Fatal(diff)
		}
		b.Restart()
		want(t, ch, "restart", "b=two@2", "end")
	})
}

func TestASlowWatcherGetsASnapshotInsteadOfAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := board()
		put(b, "l", "a", "0", 1)
		ch := b.Watch(ctx, "l")
		want(t, ch, "a=0@1", "end")
		for i := range 10 * Behind {
			put(b, "l", "a", fmt.Sprint(i), uint64(i+2))
			b.mu.Lock()
			for w := range b.watchers["l"] {
				if len(w.queue) > Behind {
					t.Errorf("%d changes wait, the bound is %d", len(w.queue), Behind)
				}
			}
			b.mu.Unlock()
			if i == 0 {
				synctest.Wait() // the watcher now holds one change that nobody reads
			}
		}
		last := fmt.Sprintf("a=%d@%d", 10*Behind-1, 10*Behind+1)
		want(t, ch, "a=0@2", "restart", last, "end")
	})
}

func TestWhatIsHandedOutIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := New(store.Model.Clone)
		in := store.Model{Name: "a", Versions: []store.Version{{Version: "1"}}}
		b.Put("l", Entry[store.Model]{Name: "a", Record: in, Revision: 1})
		in.Versions[0].Version = "spoiled by the writer"
		listed := b.List("l")[0].Record
		listed.Versions[0].Version = "spoiled by a reader"
		watched := (<-b.Watch(ctx, "l")).Record
		watched.Versions[0].Version = "spoiled by a watcher"
		got, _ := b.Get("l", "a")
		if v := got.Record.Versions[0].Version; v != "1" {
			t.Fatalf("the board holds version %q", v)
		}
	})
}

func TestAnAdvanceNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := board()
		ch := b.Watch(t.Context(), "l")
		want(t, ch, "end")
		advance := func(record string, rev uint64) bool {
			return b.Advance("l", Entry[string]{Name: "a", Record: record, Revision: rev})
		}
		for _, step := range []struct {
			record string
			rev    uint64
			moved  bool
		}{{"first", 3, true}, {"the same again", 3, false}, {"late news", 2, false}, {"next", 5, true}} {
			if moved := advance(step.record, step.rev); moved != step.moved {
				t.Errorf("%s: moved is %v", step.record, moved)
			}
		}
		want(t, ch, "a=first@3", "a=next@5")
	})
}
