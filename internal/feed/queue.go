package feed

import "github.com/wadm-go/wadm/lattice"

// queue holds events in order until the owner takes them. Of heartbeats only the latest of a host is kept, so that a stalled owner
// costs memory in proportion to the hosts and not to the time; other events are kept up to the bounds.
type queue struct {
	maxEvents, maxBytes int

	items  []waiting
	live   int // items that are not given up
	bytes  int
	beats  map[lattice.HostID]latest
	resync bool
}

type waiting struct {
	event lattice.Event // nil: given up for a later one
	bytes int
}

// latest is where the last heartbeat of a host waits, as index + 1: the full one, and an unchanged one after it.
type latest struct{ full, seen int }

func newQueue(maxEvents, maxBytes int) queue {
	return queue{maxEvents: maxEvents, maxBytes: maxBytes, beats: make(map[lattice.HostID]latest)}
}

// put appends an event. False means that the bounds are reached: the queue must be given up.
func (q *queue) put(event lattice.Event, host lattice.HostID, size int) bool {
	switch e := event.(type) {
	case lattice.Inventory:
		if e.Beat {
			// The old one is given up rather than replaced: an event that came between them must not move behind the new one.
			last := q.beats[host]
			q.drop(last.full)
			q.drop(last.seen)
			q.beats[host] = latest{full: len(q.items) + 1}
		}
	case lattice.HostSeen:
		if e.Beat {
			last := q.beats[host]
			q.drop(last.seen)
			q.beats[host] = latest{full: last.full, seen: len(q.items) + 1}
		}
	}
	q.items = append(q.items, waiting{event, size})
	q.live++
	q.bytes += size
	q.compact()
	return q.live <= q.maxEvents && q.bytes <= q.maxBytes
}

func (q *queue) drop(place int) {
	if place == 0 {
		return
	}
	item := &q.items[place-1]
	if item.event == nil {
		return
	}
	q.live--
	q.bytes -= item.bytes
	*item = waiting{}
}

// compact closes the gaps once they are most of the queue.
func (q *queue) compact() {
	if len(q.items) < 1024 || q.live > len(q.items)/2 {
		return
	}
	place := make(map[int]int, q.live)
	kept := make([]waiting, 0, q.live*2)
	for i, item := range q.items {
		if item.event != nil {
			kept = append(kept, item)
			place[i+1] = len(kept)
		}
	}
	q.items = kept
	for host, l := range q.beats {
		q.beats[host] = latest{full: place[l.full], seen: place[l.seen]}
	}
}

// take returns what waits and begins anew.
func (q *queue) take() Batch {
	batch := Batch{Resync: q.resync}
	if q.live > 0 {
		batch.Events = make([]lattice.Event, 0, q.live)
	}
	for _, item := range q.items {
		if item.event != nil {
			batch.Events = append(batch.Events, item.event)
		}
	}
	q.clear()
	q.resync = false
	return batch
}

func (q *queue) clear() {
	clear(q.items)
	q.items = q.items[:0]
	q.live, q.bytes = 0, 0
	clear(q.beats)
}
