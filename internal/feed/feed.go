package feed

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// Defaults of the bounds in Config.
const (
	defaultMaxEvents = 1 << 16
	defaultMaxBytes  = 128 << 20
	defaultMaxHosts  = 20_000
)

// Config says what to listen to. The zero values of the bounds mean the defaults.
type Config struct {
	Lattice   string
	Dialect   lattice.Dialect      // Auto: both
	Now       func() time.Duration // monotonic time of the process
	Log       *slog.Logger
	MaxEvents int // waiting events; more than that and everything waiting is given up for a resync
	MaxBytes  int // the same, in bytes of the messages they came in
	MaxHosts  int // hosts whose last heartbeat is remembered
}

// Batch is everything that waited. Resync means that something was lost before these events, so what was heard until now proves no
// absence any more (engine.Connected).
type Batch struct {
	Resync bool
	Events []lattice.Event
}

// Stats counts messages since the start.
type Stats struct {
	Messages  uint64 // all of them
	Unchanged uint64 // heartbeats that said nothing new
	Again     uint64 // messages that were delivered before
	Unknown   uint64 // events that are not in the protocol
	Broken    uint64 // messages that break it
	Panics    uint64 // messages on which our own code failed
	Resyncs   uint64 // times that something was lost
	Uncounted uint64 // invocations that could not be counted, for there were too many different ones at once
}

// Feed is one lattice's ear. Take, Ready, Touch, Lost and Stats may be called from any goroutine.
type Feed struct {
	cfg    Config
	subs   []*nats.Subscription
	ready  chan struct{}
	quit   chan struct{}
	closed sync.WaitGroup

	mu    sync.Mutex
	queue queue
	beats beats
	twice twice
	stats Stats

	tallies tallies
}

// Start subscribes to the host events of the lattice: wasmbus.evt.{lattice}.> for 1.x, wasmbus.evt.{lattice},
// *.wasmbus.evt.{lattice} and, for invocations, wasmbus.rpcevt.{lattice} for OTP hosts. It returns when the server has the
// subscriptions, so what happens afterwards is heard. On a connection that waits for its server they are made when it comes.
func Start(nc *nats.Conn, cfg Config) (*Feed, error) {
	f := New(cfg)
	for _, one := range subjects(cfg.Lattice, cfg.Dialect) {
		var seed [16]byte
		rand.Read(seed[:])
		ear := &ear{feed: f, dialect: one.dialect, prints: wasmbus.NewFingerprinter(seed), calls: one.calls}
		hear := func(m *nats.Msg) { ear.hear(m.Subject, m.Data) }
		if one.calls {
			hear = func(m *nats.Msg) { ear.hear(wasmbus.OTPEventSubject(cfg.Lattice), m.Data) } // the codec knows events by this subject
		}
		sub, err := nc.Subscribe(one.subject, hear)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("listening to the hosts on %s: %w", one.subject, err)
		}
		f.subs = append(f.subs, sub)
		if !one.calls { // of invocations the client may drop what it cannot keep up with
			f.watch(sub)
		}
	}
	if !nc.IsConnected() {
		return f, nil
	}
	if err := nc.Flush(); err != nil {
		f.Close()
		return nil, fmt.Errorf("listening to the hosts of lattice %q: %w", cfg.Lattice, err)
	}
	return f, nil
}

// New makes a feed without subscriptions; Hear is its only way in. For tests and for buses that are no NATS.
func New(cfg Config) *Feed {
	if cfg.MaxEvents == 0 {
		cfg.MaxEvents = defaultMaxEvents
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.MaxHosts == 0 {
		cfg.MaxHosts = defaultMaxHosts
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Feed{cfg: cfg, ready: make(chan struct{}, 1), quit: make(chan struct{}), beats: newBeats(cfg.MaxHosts),
		queue: newQueue(cfg.MaxEvents, cfg.MaxBytes)}
}

type listening struct {
	subject string
	dialect lattice.Dialect
	calls   bool // invocations
}

func subjects(name string, d lattice.Dialect) []listening {
	v1 := []listening{{subject: wasmbus.V1Events(name), dialect: lattice.V1}}
	otp := []listening{{subject: wasmbus.OTPEventSubject(name), dialect: lattice.OTP}, {subject: "*." + wasmbus.OTPEventSubject(name), dialect: lattice.OTP},
		{subject: wasmbus.OTPInvocationSubject(name), dialect: lattice.OTP, calls: true}}
	switch d {
	case lattice.V1:
		return v1
	case lattice.OTP:
		return otp
	}
	return append(v1, otp...)
}

// watch turns a slow consumer into a resync: the client has dropped messages that we shall never see.
func (f *Feed) watch(sub *nats.Subscription) {
	slow := sub.StatusChanged(nats.SubscriptionSlowConsumer)
	f.closed.Go(func() {
		for {
			select {
			case <-f.quit: // a connection that is closed does not close the channel
				return
			case _, open := <-slow:
				if !open {
					return
				}
				f.Lost("slow consumer: messages were dropped")
			}
		}
	})
}

// Ready receives when there is something to take.
func (f *Feed) Ready() <-chan struct{} { return f.ready }

// Take returns what waits, in order, and empties the feed.
func (f *Feed) Take() Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch := f.queue.take()
	batch.Events = f.tallies.take(batch.Events)
	return batch
}

// Touch says that something other than a host event has changed what is believed of a host: a command was sent to it, or an
// inventory of it was read. Its next heartbeat is decoded even if it equals the last one, for it may say something new to us.
func (f *Feed) Touch(host lattice.HostID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beats.touch(host)
}

// Forget gives up everything that waits, without asking for a resync: whoever calls it begins a new time of listening by itself.
func (f *Feed) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue.clear()
	f.beats.clear()
}

// Lost gives up everything that waits and asks for a resync.
func (f *Feed) Lost(why string) {
	f.mu.Lock()
	first := !f.queue.resync
	f.lost()
	f.mu.Unlock()
	if first {
		f.cfg.Log.Warn("host events were lost, asking all hosts again", "reason", why)
	}
	f.signal()
}

// lost is Lost with the lock held. Heartbeats that were remembered as known may have waited in the queue, so they are forgotten too.
func (f *Feed) lost() {
	f.stats.Resyncs++
	f.queue.clear()
	f.queue.resync = true
	f.beats.clear()
}

// Stats returns the counts until now.
func (f *Feed) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	stats := f.stats
	stats.Uncounted = f.tallies.lost
	return stats
}

// Close ends the subscriptions. Call it once.
func (f *Feed) Close() {
	close(f.quit)
	for _, sub := range f.subs {
		_ = sub.Unsubscribe() // fails only when the connection is gone, and the subscription with it
	}
	f.closed.Wait()
}

func (f *Feed) signal() {
	select {
	case f.ready <- struct{}{}:
	default:
	}
}
