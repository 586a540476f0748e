package control

import (
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/tongue"
	"github.com/wadm-go/wadm/lattice"
)

// item is one command from Queue until its answer.
type item struct {
	cmd     *ledger.Command
	msg     tongue.Message
	dialect lattice.Dialect
	seq     uint64 // order of queueing
	waits   int    // how many things it must not overtake
	sent    bool
}

// window holds the commands that wait or are in flight, and says which may go next: at most perHost per host, at most
// perLattice in all, one at a time in a lane, and none that reads a config before what sets that config was answered.
type window struct {
	perHost, perLattice int

	seq      uint64
	inFlight int
	waiting  int
	hosts    map[lattice.HostID]*line
	turn     []lattice.HostID // hosts that have a ready command, in turn
	lanes    map[string][]*item
	sets     map[string]int     // config → commands that set it and are not answered
	readers  map[string][]*item // config → commands that wait for them
}

// line is what one host has before it. Commands to the lattice stand in the line of host "".
type line struct {
	ready    []*item // by seq
	inFlight int
	inTurn   bool
}

func newWindow(cfg Config) window {
	return window{perHost: cfg.PerHost, perLattice: cfg.PerLattice, hosts: make(map[lattice.HostID]*line),
		lanes: make(map[string][]*item), sets: make(map[string]int), readers: make(map[string][]*item)}
}

func (w *window) add(it *item) {
	w.seq++
	it.seq = w.seq
	w.waiting++
	if lane := it.msg.Lane; lane != "" {
		w.lanes[lane] = append(w.lanes[lane], it)
		if len(w.lanes[lane]) > 1 {
			it.waits++
		}
	}
	for _, name := range it.msg.Needs {
		if w.sets[name] > 0 {
			w.readers[name] = append(w.readers[name], it)
			it.waits++
		}
	}
	if it.msg.Sets != "" {
		w.sets[it.msg.Sets]++
	}
	if it.waits == 0 {
		w.ready(it)
	}
}

func (w *window) line(host lattice.HostID) *line {
	l := w.hosts[host]
	if l == nil {
		l = &line{}
		w.hosts[host] = l
	}
	return l
}

// ready puts an item into its host's line, by its place in the order of queueing.
func (w *window) ready(it *item) {
	l := w.line(it.cmd.Host)
	at, _ := slices.BinarySearchFunc(l.ready, it, func(a, b *item) int { return int(a.seq) - int(b.seq) })
	l.ready = slices.Insert(l.ready, at, it)
	w.queueTurn(it.cmd.Host, l)
}

func (w *window) queueTurn(host lattice.HostID, l *line) {
	if !l.inTurn && len(l.ready) > 0 && l.inFlight < w.perHost {
		l.inTurn = true
		w.turn = append(w.turn, host)
	}
}

// next takes the command that may go now, nil if none may. The hosts come in turn, so none waits for another.
func (w *window) next() *item {
	if w.inFlight >= w.perLattice {
		return nil
	}
	for len(w.turn) > 0 {
		host := w.turn[0]
		w.turn = w.turn[1:]
		l := w.hosts[host]
		l.inTurn = false
		if len(l.ready) == 0 || l.inFlight >= w.perHost {
			continue
		}
		it := l.ready[0]
		l.ready = l.ready[1:]
		w.queueTurn(host, l)
		return it
	}
	return nil
}

// sent counts a command that next gave out and that is under way now.
func (w *window) sent(it *item) {
	it.sent = true
	w.waiting--
	w.inFlight++
	l := w.hosts[it.cmd.Host]
	l.inFlight++
}

// done ends a command that next gave out, sent or not, and lets go what waited for it.
func (w *window) done(it *item) {
	l := w.line(it.cmd.Host)
	if it.sent {
		w.inFlight--
		l.inFlight--
	} else {
		w.waiting--
	}
	if lane := it.msg.Lane; lane != "" {
		rest := w.lanes[lane][1:]
		if len(rest) == 0 {
			delete(w.lanes, lane)
		} else {
			w.lanes[lane] = rest
			w.release(rest[0])
		}
	}
	if name := it.msg.Sets; name != "" {
		w.sets[name]--
		if w.sets[name] == 0 {
			delete(w.sets, name)
			readers := w.readers[name]
			delete(w.readers, name)
			for _, reader := range readers {
				w.release(reader)
			}
		}
	}
	w.queueTurn(it.cmd.Host, l)
	if len(l.ready) == 0 && l.inFlight == 0 && !l.inTurn {
		delete(w.hosts, it.cmd.Host)
	}
}

func (w *window) release(it *item) {
	it.waits--
	if it.waits == 0 {
		w.ready(it)
	}
}

// size is how many commands wait or are in flight.
func (w *window) size() int { return w.waiting + w.inFlight }

// drain takes out everything that waits, in the order of queueing, and forgets what is in flight.
func (w *window) drain() []*item {
	var all []*item
	seen := make(map[*item]bool)
	take := func(items []*item) {
		for _, it := range items {
			if !it.sent && !seen[it] {
				seen[it] = true
				all = append(all, it)
			}
		}
	}
	for _, l := range w.hosts {
		take(l.ready)
	}
	for _, items := range w.lanes {
		take(items)
	}
	for _, items := range w.readers {
		take(items)
	}
	slices.SortFunc(all, func(a, b *item) int { return int(a.seq) - int(b.seq) })
	*w = newWindow(Config{PerHost: w.perHost, PerLattice: w.perLattice})
	return all
}
