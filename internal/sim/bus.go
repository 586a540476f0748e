package sim

import (
	"container/heap"
	"math/rand/v2"
	"strconv"
	"time"
)

// BusOptions say how bad the network is.
type BusOptions struct {
	Seed      uint64
	Delay     time.Duration // of every delivery
	Jitter    time.Duration // at most so much more, drawn for each delivery; messages of one sender stay in order
	Loss      float64       // probability that a delivery does not happen
	Duplicate float64       // probability that it happens twice

	// Doubles, if set, is asked about each delivery that Duplicate would repeat: false spares it.
	Doubles func(Msg) bool

	// Drop, if set, is asked about each delivery that Loss spared: true loses it. It is for scripts ("the third ack").
	Drop func(Msg) bool
}

// Bus is a NATS server that does not exist, in virtual time and on one thread: what is published arrives when the bus is
// stepped. Messages of one sender reach one subscriber in the order they were sent; what comes from different senders may
// overtake. Everything that is by chance comes from the seed.
type Bus struct {
	opts     BusOptions
	rng      *rand.Rand
	now      time.Duration
	queue    deliveries
	seq      uint64
	subs     []*busSub
	inboxes  int
	clusters []*Cluster
	last     map[string]time.Duration // sender and receiver → the latest delivery between them
	log      func(time.Duration, Msg)
}

// NewBus makes a bus at time 0 with nobody on it.
func NewBus(opts BusOptions) *Bus {
	return &Bus{opts: opts, rng: rand.New(rand.NewPCG(opts.Seed, opts.Seed^0x1f83d9abfb41bd6b)), last: map[string]time.Duration{}}
}

// Attach puts the hosts of a lattice on the bus. The cluster is driven by the bus from now on.
func (b *Bus) Attach(c *Cluster) { b.clusters = append(b.clusters, c) }

// Now returns the time of the bus.
func (b *Bus) Now() time.Duration { return b.now }

// Watch calls log with every message at the moment when it is published, before anything can happen to it.
func (b *Bus) Watch(log func(time.Duration, Msg)) { b.log = log }

// Subscribe calls fn with every message on subjects that the pattern matches, until cancel is called.
func (b *Bus) Subscribe(pattern string, fn func(Msg)) (cancel func()) {
	return b.SubscribeQueue(pattern, "", fn)
}

// SubscribeQueue is Subscribe as one of a queue group: each message goes to one of the group.
func (b *Bus) SubscribeQueue(pattern, group string, fn func(Msg)) (cancel func()) {
	s := &busSub{pattern: pattern, group: group, fn: fn, id: "client " + strconv.FormatUint(b.seq, 10)}
	b.seq++
	b.subs = append(b.subs, s)
	return func() { s.gone = true }
}

// Publish sends a message. A request (one with a Reply) that nobody listens to is answered with [Msg.NoResponders].
func (b *Bus) Publish(m Msg) {
	if b.log != nil {
		b.log(b.now, m)
	}
	heard := false
	groups := map[string][]*busSub{}
	var order []string
	for _, s := range b.live() {
		switch {
		case !matches(s.pattern, m.Subject):
		case s.group == "":
			heard = true
			b.send(m, s.id, func(m Msg) { s.take(m) })
		default:
			key := s.pattern + " " + s.group
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], s)
		}
	}
	for _, key := range order {
		heard = true
		s := groups[key][b.rng.IntN(len(groups[key]))]
		b.send(m, s.id, func(m Msg) { s.take(m) })
	}
	for _, c := range b.clusters {
		for _, id := range c.Route(m.Subject) {
			heard = true
			b.send(m, id, func(m Msg) { b.publishAll(c.DeliverTo(b.now, id, m)) })
		}
	}
	if !heard && m.Reply != "" {
		b.Publish(Msg{Subject: m.Reply, Header: map[string][]string{statusHeader: {noResponders}}})
	}
}

// Request sends a request and calls fn with the first answer, once; after timeout without one it calls fn with ok false.
// An answer may be [Msg.NoResponders].
func (b *Bus) Request(m Msg, timeout time.Duration, fn func(answer Msg, ok bool)) {
	b.inboxes++
	m.Reply = "_INBOX.sim." + strconv.Itoa(b.inboxes)
	done := false
	var cancel func()
	finish := func(answer Msg, ok bool) {
		if !done {
			done = true
			cancel()
			fn(answer, ok)
		}
	}
	cancel = b.Subscribe(m.Reply, func(answer Msg) { finish(answer, true) })
	b.At(b.now+timeout, func() { finish(Msg{}, false) })
	b.Publish(m)
}

// Collect sends a request and calls fn after the window with every answer that came within it.
func (b *Bus) Collect(m Msg, window time.Duration, fn func([]Msg)) {
	b.inboxes++
	m.Reply = "_INBOX.sim." + strconv.Itoa(b.inboxes)
	var answers []Msg
	cancel := b.Subscribe(m.Reply, func(answer Msg) {
		if !answer.NoResponders() {
			answers = append(answers, answer)
		}
	})
	b.At(b.now+window, func() {
		cancel()
		fn(answers)
	})
	b.Publish(m)
}

// At calls fn when the bus has come to t, at once if it is there already (then from the next step).
func (b *Bus) At(t time.Duration, fn func()) { b.push(max(t, b.now), fn) }

// Next returns when something will happen by itself, [Never] if nothing will.
func (b *Bus) Next() time.Duration {
	next := Never
	if len(b.queue) > 0 {
		next = b.queue[0].at
	}
	for _, c := range b.clusters {
		next = min(next, c.Next())
	}
	return max(next, b.now)
}

// Step does the next thing: one delivery, one callback, or one moment of the hosts. It reports false if nothing is left
// to happen, which with heartbeats is never.
func (b *Bus) Step() bool {
	next := b.Next()
	if next == Never {
		return false
	}
	b.now = next
	for _, c := range b.clusters {
		if c.Next() <= next {
			b.publishAll(c.Advance(next))
			return true
		}
	}
	for _, c := range b.clusters {
		b.publishAll(c.Advance(next)) // nothing is due, but a callback may break a host, and that happens now
	}
	heap.Pop(&b.queue).(delivery).run()
	return true
}

// RunUntil steps until everything up to t has happened, and leaves the bus at t.
func (b *Bus) RunUntil(t time.Duration) {
	for b.Next() <= t && b.Step() {
	}
	b.now = max(b.now, t)
	for _, c := range b.clusters { // so that what is done to a host now happens now, not when the last thing happened to it
		b.publishAll(c.Advance(b.now))
	}
}

func (b *Bus) publishAll(out []Msg) {
	for _, m := range out {
		b.Publish(m)
	}
}

// send sets one delivery to one receiver.
func (b *Bus) send(m Msg, to string, run func(Msg)) {
	// One draw for each chance, always: what one message suffers must not shift what befalls the next.
	loss, double, jitter := b.rng.Float64(), b.rng.Float64(), b.rng.Float64()
	if loss < b.opts.Loss || b.opts.Drop != nil && b.opts.Drop(m) {
		return
	}
	path := m.From + " " + to
	at := max(b.now+b.opts.Delay+time.Duration(jitter*float64(b.opts.Jitter)), b.last[path])
	b.last[path] = at
	b.push(at, func() { run(m) })
	if double < b.opts.Duplicate && (b.opts.Doubles == nil || b.opts.Doubles(m)) {
		b.push(at, func() { run(m) })
	}
}

func (b *Bus) push(at time.Duration, run func()) {
	heap.Push(&b.queue, delivery{at: at, seq: b.seq, run: run})
	b.seq++
}

// live forgets the subscriptions that were cancelled.
func (b *Bus) live() []*busSub {
	kept := b.subs[:0]
	for _, s := range b.subs {
		if !s.gone {
			kept = append(kept, s)
		}
	}
	clear(b.subs[len(kept):])
	b.subs = kept
	return kept
}

type busSub struct {
	pattern, group, id string
	fn                 func(Msg)
	gone               bool
}

func (s *busSub) take(m Msg) {
	if !s.gone {
		s.fn(m)
	}
}

type delivery struct {
	at  time.Duration
	seq uint64
	run func()
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].seq < d[j].seq
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	old := *d
	last := old[len(old)-1]
	old[len(old)-1] = delivery{}
	*d = old[:len(old)-1]
	return last
}
