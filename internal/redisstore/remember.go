package redisstore

import (
	"sync"

	"github.com/wadm-go/wadm/internal/store"
)

// bounded remembers what a process would otherwise read again. When it is full it forgets everything: what is needed is soon back.
type bounded[K comparable, V any] struct {
	mu    sync.Mutex
	held  map[K]sized[V]
	bytes int
}

type sized[V any] struct {
	value V
	bytes int
}

// What may be remembered: so many things, and so many bytes of manifests and texts.
const (
	mostRemembered = 4096
	mostBytes      = 128 << 20
)

func (b *bounded[K, V]) get(key K) (V, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.held[key]
	return e.value, ok
}

func (b *bounded[K, V]) put(key K, value V, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= b.held[key].bytes
	delete(b.held, key)
	if bytes > mostBytes {
		return
	}
	if b.held == nil || len(b.held) >= mostRemembered || b.bytes+bytes > mostBytes {
		b.held, b.bytes = map[K]sized[V]{}, 0
	}
	b.held[key] = sized[V]{value, bytes}
	b.bytes += bytes
}

// recent keeps the last models that went through this process, for a write that follows a read needs to know what is stored already.
type recent struct{ bounded[[2]string, listed] }

func (r *recent) put(lattice string, m store.Model, rev store.Revision) {
	bytes := 0
	for _, v := range m.Versions {
		bytes += len(v.Version) + len(v.Manifest) + len(v.Raw)
	}
	r.bounded.put([2]string{lattice, m.Name}, listed{m.Clone(), rev}, bytes)
}

func (r *recent) get(lattice, app string, rev store.Revision) (store.Model, bool) {
	l, _ := r.bounded.get([2]string{lattice, app})
	return l.model, rev != 0 && l.rev == rev
}

// foreign keeps what was read from terms that 0.3.0 wrote, for reading them takes longer than all the rest of a list.
type foreign struct {
	bounded[string, foreignVersion]
} // by key

type foreignVersion struct {
	data    string
	version store.Version
	err     error
}

func (f *foreign) version(lattice, app, version, data string) (store.Version, error) {
	key := versionPrefix(lattice, app) + version
	if known, ok := f.get(key); ok && known.data == data && known.version.Version == version {
		return known.version, known.err
	}
	v, err := decodeVersion(app, version, []byte(data))
	v.Version = version
	f.put(key, foreignVersion{data, v, err}, len(data)+len(v.Manifest)+len(v.Raw))
	return v, err
}
