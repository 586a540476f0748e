package kvstore

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/internal/store/watch"
)

// catalog is the copy of the manifest bucket: its records by lattice and name, and the sets of names.
type catalog struct {
	board *watch.Board[store.Model]

	mu     sync.Mutex
	sets   map[string][]string       // by lattice
	bad    map[string]store.Revision // keys of records that cannot be read
	placed map[string]spot           // where on the board the record of a key stands
}

type spot struct{ lattice, app string }

func newCatalog() *catalog {
	c := &catalog{board: watch.New(store.Model.Clone)}
	c.clear()
	return c
}

func (c *catalog) clear() {
	c.sets, c.bad, c.placed = map[string][]string{}, map[string]store.Revision{}, map[string]spot{}
}

// listed says whether the lattice's set holds the name.
func (c *catalog) listed(lattice, app string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.sets[lattice], app)
}

func (c *catalog) begin() {}

func (c *catalog) load(entries []jetstream.KeyValueEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	all := map[string][]watch.Entry[store.Model]{}
	for _, e := range entries {
		if e.Operation() != jetstream.KeyValuePut {
			continue
		}
		switch h := readHeld(e.Key(), e.Value()); {
		case h.isSet:
			c.sets[e.Key()] = h.names
		case h.bad:
			c.bad[e.Key()] = e.Revision()
		default:
			c.placed[e.Key()] = spot{h.lattice, h.model.Name}
			all[h.lattice] = append(all[h.lattice], watch.Entry[store.Model]{Name: h.model.Name, Record: h.model, Revision: e.Revision()})
		}
	}
	for k, rev := range c.bad {
		if at, ok := c.claimed(k); ok {
			c.placed[k] = at
			all[at.lattice] = append(all[at.lattice], unreadableEntry(at.app, rev))
		}
	}
	c.board.Load(all)
}

func (c *catalog) apply(e jetstream.KeyValueEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := e.Key()
	var h held
	if e.Operation() == jetstream.KeyValuePut {
		h = readHeld(k, e.Value())
	}
	_, wasSet := c.sets[k]
	delete(c.sets, k)
	delete(c.bad, k)
	switch {
	case h.isSet:
		c.sets[k] = h.names
		c.move(k, spot{}, e.Revision())
	case h.bad:
		c.bad[k] = e.Revision()
		at, ok := c.placed[k] // what stood there before says whose it is
		if !ok {
			at, _ = c.claimed(k)
		}
		c.move(k, at, e.Revision())
		if at != (spot{}) {
			c.board.Put(at.lattice, unreadableEntry(at.app, e.Revision()))
		}
	case h.lattice != "":
		at := spot{h.lattice, h.model.Name}
		c.move(k, at, e.Revision())
		c.board.Put(at.lattice, watch.Entry[store.Model]{Name: at.app, Record: h.model, Revision: e.Revision()})
	default:
		c.move(k, spot{}, e.Revision())
	}
	if wasSet || h.isSet {
		c.placeBad()
	}
}

// move notes where the record of a key stands now, and takes it from where it stood.
func (c *catalog) move(k string, to spot, rev store.Revision) {
	if from, ok := c.placed[k]; ok && from != to {
		c.board.Drop(from.lattice, from.app, rev)
		delete(c.placed, k)
	}
	if to != (spot{}) {
		c.placed[k] = to
	}
}

// placeBad finds places for the unreadable records that have none, after a set of names has changed.
func (c *catalog) placeBad() {
	for _, k := range slices.Sorted(maps.Keys(c.bad)) {
		if _, ok := c.placed[k]; ok {
			continue
		}
		if at, ok := c.claimed(k); ok {
			c.placed[k] = at
			c.board.Put(at.lattice, unreadableEntry(at.app, c.bad[k]))
		}
	}
}

// claimed finds the lattice whose set holds the name of an unreadable record: nothing else can tell.
func (c *catalog) claimed(k string) (spot, bool) {
	for _, lattice := range slices.Sorted(maps.Keys(c.sets)) {
		app, ok := strings.CutPrefix(k, lattice+"-")
		if ok && slices.Contains(c.sets[lattice], app) {
			return spot{lattice, app}, true
		}
	}
	return spot{}, false
}

func unreadableEntry(app string, rev store.Revision) watch.Entry[store.Model] {
	return watch.Entry[store.Model]{Name: app, Record: store.Model{Name: app}, Revision: rev}
}
