package node

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
)

// tryAgain is the pause after a store that failed.
const tryAgain = time.Second

// loader hands the records of the stores to an owner: run records first, then models and wishes as they are and as they change, and one
// SnapshotEnd when all that was stored has been handed over.
type loader struct {
	o     *owner
	tasks sync.WaitGroup

	mu   sync.Mutex
	open int // snapshots that have not ended
	read manifests
}

func newLoader(o *owner) *loader { return &loader{o: o, open: 2} }

func (l *loader) start(ctx context.Context) {
	l.task(func() {
		if !l.loadRuns(ctx) {
			return
		}
		stores := l.o.t.p.stores
		l.task(func() { follow(ctx, l, "models", stores.Models.WatchModels, l.model) })
		l.task(func() { follow(ctx, l, "wishes", stores.Wishes.WatchWishes, l.wish) })
	})
}

// task runs beside the loop. A panic in it is the owner's.
func (l *loader) task(f func()) {
	l.tasks.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				l.o.fail(&panicked{v, string(debug.Stack())})
			}
		}()
		f()
	})
}

func (l *loader) wait() { l.tasks.Wait() }

// loadRuns tries until the store answers: without its run records an owner cannot know what it has promised.
func (l *loader) loadRuns(ctx context.Context) bool {
	for {
		runs, err := l.o.t.p.stores.Runs.Runs(ctx, l.o.lattice)
		if err == nil {
			ins := make([]engine.Input, 0, len(runs))
			for _, r := range runs {
				ins = append(ins, engine.RunLoaded{Run: r.Run, Revision: r.Revision})
			}
			l.o.inbox.put(ins...)
			return true
		}
		if !l.pause(ctx, "run records", err) {
			return false
		}
	}
}

// follow watches one kind of record, again and again if the store gives up.
func follow[T any](ctx context.Context, l *loader, what string, watch func(context.Context, string) (<-chan store.Change[T], error), take func(store.Change[T])) {
	for first := true; ; {
		changes, err := watch(ctx, l.o.lattice)
		if err == nil {
			for c := range changes {
				switch {
				case c.Restart: // a snapshot follows; absence in it means nothing, so nothing has to be forgotten
				case c.End && first:
					first = false
					l.ended()
				case c.End:
				default:
					take(c)
				}
			}
			err = fmt.Errorf("the watch has ended")
		}
		if !l.pause(ctx, what, err) {
			return
		}
	}
}

// pause waits before the next try; false: the owner is ending.
func (l *loader) pause(ctx context.Context, what string, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	l.o.log.Warn("the store does not hand over its records, trying again", "records", what, "error", err)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(tryAgain):
		return true
	}
}

func (l *loader) ended() {
	l.mu.Lock()
	l.open--
	last := l.open == 0
	l.mu.Unlock()
	if last {
		l.o.inbox.put(engine.SnapshotEnd{})
	}
}

func (l *loader) wish(c store.Change[engine.Wish]) {
	if c.Gone {
		return
	}
	if c.Record.Operation == engine.Deploy {
		c.Record.Read, _ = l.decode(c.Record.Manifest) // one that cannot be read is the engine's to judge
	}
	l.o.inbox.put(engine.WishSeen{Wish: c.Record})
}

// model hands over what is deployed. A record that cannot be read is not handed over: it proves nothing, least of all an undeploy.
func (l *loader) model(c store.Change[store.Model]) {
	if c.Gone {
		l.o.inbox.put(engine.ModelSeen{App: c.Name, Revision: c.Revision, Gone: true})
		return
	}
	if c.Record.Name == "" || c.Record.Versions == nil {
		l.o.log.Warn("a model cannot be read and is left as it is", "app", c.Name)
		return
	}
	seen := engine.ModelSeen{App: c.Name, Revision: c.Revision, Deployed: c.Record.Deployed}
	if seen.Deployed != "" {
		seen.Manifest = l.manifest(c.Name, c.Record)
	}
	l.o.inbox.put(seen)
	if n := len(c.Record.Versions); n > 0 && l.loaded() {
		_, _ = l.decode(c.Record.Versions[n-1].Manifest) // it may be deployed next, and somebody waits then; the error comes again
	}
}

// manifest reads the deployed version, nil if it cannot be read; the engine leaves what runs as it is then.
func (l *loader) manifest(app string, m store.Model) *oam.Manifest {
	at := slices.IndexFunc(m.Versions, func(v store.Version) bool { return v.Version == m.Deployed })
	if at < 0 {
		l.o.log.Warn("the deployed version is not among those stored", "app", app, "version", m.Deployed)
		return nil
	}
	manifest, err := l.decode(m.Versions[at].Manifest)
	if err != nil {
		l.o.log.Warn("the deployed manifest cannot be read", "app", app, "version", m.Deployed, "error", err)
	}
	return manifest
}

// loaded says that all that was stored at the begin has been handed over.
func (l *loader) loaded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open == 0
}

// decode reads a manifest, or returns what came of the same bytes before: a deploy shows them twice, in the wish and in the model.
func (l *loader) decode(raw json.RawMessage) (*oam.Manifest, error) {
	key := sha256.Sum256(raw)
	l.mu.Lock()
	known := l.read.of[key]
	l.mu.Unlock()
	if known != nil {
		return known, nil
	}
	m, err := readManifest(raw)
	if err == nil {
		l.mu.Lock()
		l.read.keep(key, m)
		l.mu.Unlock()
	}
	return m, err
}

// manifests are those that were decoded last. Nobody changes one.
type manifests struct {
	of   map[[sha256.Size]byte]*oam.Manifest
	keys [][sha256.Size]byte // by age
}

// keptManifests is how many: those that are being put and deployed now, not all that there are.
const keptManifests = 32

func (m *manifests) keep(key [sha256.Size]byte, one *oam.Manifest) {
	if m.of == nil {
		m.of = make(map[[sha256.Size]byte]*oam.Manifest)
	}
	if m.of[key] != nil {
		return
	}
	if len(m.keys) >= keptManifests {
		delete(m.of, m.keys[0])
		m.keys = append(m.keys[:0], m.keys[1:]...)
	}
	m.of[key] = one
	m.keys = append(m.keys, key)
}

func readManifest(raw json.RawMessage) (*oam.Manifest, error) {
	doc, found := oam.Decode(raw, oam.FormatJSON)
	if doc == nil || doc.Manifest == nil {
		return nil, fmt.Errorf("%v", found)
	}
	return doc.Manifest, nil
}
