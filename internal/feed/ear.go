package feed

import (
	"errors"
	"fmt"

	"github.com/wadm-go/wadm/internal/tongue"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// ear is what one subscription hears. The client calls it from one goroutine, so the fingerprinter needs no lock.
type ear struct {
	feed    *Feed
	dialect lattice.Dialect
	prints  *wasmbus.Fingerprinter
	calls   bool // takes invocations and nothing else
}

// Ear is a way in for a bus that is no NATS: it takes the messages of one dialect's subjects, from one goroutine.
func (f *Feed) Ear(d lattice.Dialect, seed [16]byte) func(subject string, data []byte) {
	e := &ear{feed: f, dialect: d, prints: wasmbus.NewFingerprinter(seed)}
	return e.hear
}

var errPanic = errors.New("our own code failed on it")

// hear does what must be done at once: recognise or decode, and queue. Everything else happens in the owner's goroutine.
func (e *ear) hear(subject string, data []byte) {
	heard, known, err := e.listen(subject, data)
	f := e.feed
	f.mu.Lock()
	f.stats.Messages++
	n := uint64(0)
	switch {
	case errors.Is(err, errPanic):
		f.stats.Panics++
		n = f.stats.Panics
	case err != nil:
		f.stats.Broken++
		n = f.stats.Broken
	case known:
		f.stats.Unchanged++
	case !heard.Beat && f.twice.again(heard.ID):
		f.stats.Again++
		heard.Events = nil
	case !heard.Known:
		f.stats.Unknown++
		n = f.stats.Unknown
	}
	waiting := e.queue(heard, len(data))
	f.mu.Unlock()

	if powerOfTen(n) {
		f.cfg.Log.Warn("a host event was left out", "subject", subject, "bytes", len(data),
			"event", heard.Name, "error", err, "count", n)
	}
	if waiting {
		f.signal()
	}
}

// listen recognises or decodes one message. A panic in our own code is counted like a broken message: the next host is none the worse.
func (e *ear) listen(subject string, data []byte) (heard tongue.Heard, known bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			heard, known, err = tongue.Heard{}, false, fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	now := e.feed.cfg.Now()
	got, ok := wasmbus.Fingerprint{}, false
	if !e.calls && len(data) <= wasmbus.MaxMessageBytes {
		got, ok = e.prints.Heartbeat(data)
	}
	if ok {
		host, again := e.feed.recognise(got, e.dialect, now)
		if again {
			seen := tongue.Seen(e.dialect, host, got.UptimeSeconds)
			return tongue.Heard{Host: host, Beat: true, Known: true, Events: []lattice.Event{seen}}, true, nil
		}
	}
	heard, err = tongue.Event(e.dialect, subject, data, now)
	if err != nil {
		return tongue.Heard{}, false, err
	}
	if ok && heard.Beat && string(heard.Host) == string(got.Host) {
		e.feed.remember(heard.Host, got.Hash, e.dialect, now)
	}
	return heard, false, nil
}

// recognise tells whether this very heartbeat was the last thing that we believed of its host.
func (f *Feed) recognise(got wasmbus.Fingerprint, d lattice.Dialect, now timestamp) (lattice.HostID, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.beats.again(got, d, now)
}

func (f *Feed) remember(host lattice.HostID, hash [16]byte, d lattice.Dialect, now timestamp) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beats.remember(host, hash, d, now)
}

// queue hands over what was heard, with the lock held, and tells whether anything waits now.
func (e *ear) queue(heard tongue.Heard, size int) bool {
	f := e.feed
	waiting := false
	for _, event := range heard.Events {
		if invoked, ok := event.(lattice.Invoked); ok {
			f.tallies.add(invoked)
			continue
		}
		if e.calls {
			continue
		}
		waiting = true
		if !heard.Beat {
			f.beats.note(event)
		}
		if !f.queue.put(event, heard.Host, size) {
			f.lost()
			return true
		}
		size = 0 // the bytes of one message count once
	}
	return waiting
}

// powerOfTen thins a log that a hostile host could fill.
func powerOfTen(n uint64) bool {
	for n >= 10 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}
