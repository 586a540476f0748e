package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/wadmapi"
)

// ErrNoEventsKept says that the NATS server has no stream of events: none are kept, and they can only be listened to.
var ErrNoEventsKept = errors.New("no events are kept: there is no stream " + wadmapi.EventStream)

// Told is one event of the lattice.
type Told struct {
	Subject string
	Event   wadmapi.Event
	Flat    *wadmapi.FlatData // the data, if it is an event of generation 0.3; nil otherwise
	Raw     json.RawMessage   // the whole event in one line, as it came
}

// Name is the event's type without what all types begin with, e.g. status_changed.
func (t *Told) Name() string {
	if name, ok := strings.CutPrefix(t.Event.Type, wadmapi.FlatTypePrefix); ok {
		return name
	}
	return strings.TrimPrefix(t.Event.Type, wadmapi.TypePrefix)
}

// EventForm says which of the two forms of events are wanted.
type EventForm int

// The forms. A server of ours tells most things in both.
const (
	EventsOnce EventForm = iota // each thing once: in the form of 0.21 where there is one, else in that of 0.3
	EventsFlat                  // those of 0.3 alone, also from a server of ours
)

// waitingEvents is how many events may wait for a slow reader. What comes then is lost, and the connection's error handler hears of it.
const waitingEvents = 64 << 10

// SubscribeEvents sends each event of the lattice from now on, from servers of both generations, until ctx ends or the connection is closed; the channel
// is closed then. Whether the server permits to listen is told to the connection's error handler.
func (c *Client) SubscribeEvents(ctx context.Context, form EventForm) (<-chan Told, error) {
	sieve := newSieve(c.lattice, form)
	msgs := make(chan *nats.Msg, waitingEvents)
	var subs []*nats.Subscription
	leave := func() {
		for _, sub := range subs {
			_ = sub.Unsubscribe() // fails only when the connection is closed
		}
	}
	for _, subject := range sieve.subjects() {
		sub, err := c.nc.ChanSubscribe(subject, msgs) // one channel: the order of arrival stays
		if err == nil {
			subs = append(subs, sub)
			err = flush(ctx, c)
		}
		if err != nil {
			leave()
			return nil, fmt.Errorf("subscribing to %s: %w", subject, err)
		}
	}
	closed := c.nc.StatusChanged(nats.CLOSED)
	out := make(chan Told)
	go func() {
		defer close(out)
		defer leave()
		for {
			select {
			case <-ctx.Done():
				return
			case <-closed:
				return
			case m := <-msgs:
				if told, ok := sieve.take(m.Subject, m.Data); ok {
					select {
					case out <- told:
					case <-ctx.Done():
						return
					}
				}
			}
		}
	}()
	return out, nil
}

// KeptEvents hands the events of the lattice that the stream wadm_events still holds to each, oldest first, and returns when it has handed over the last
// one, or what each returned. Flat events are never kept. domain is that of JetStream, "" the server's own. Errors: ErrNoEventsKept.
func (c *Client) KeptEvents(ctx context.Context, domain string, each func(Told) error) error {
	js, err := jetstream.New(c.nc)
	if domain != "" {
		js, err = jetstream.NewWithDomain(c.nc, domain)
	}
	if err != nil {
		return fmt.Errorf("reading the kept events: %w", err)
	}
	asking, cancel := c.bounded(ctx)
	defer cancel()
	consumer, err := js.OrderedConsumer(asking, wadmapi.EventStream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{wadmapi.EventSubject(c.lattice, ">")}})
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return ErrNoEventsKept
	case err != nil:
		return fmt.Errorf("reading stream %s: %w", wadmapi.EventStream, err)
	}
	if consumer.CachedInfo().NumPending == 0 {
		return nil
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("reading stream %s: %w", wadmapi.EventStream, err)
	}
	defer messages.Stop()
	sieve := newSieve(c.lattice, EventsOnce)
	for {
		m, err := messages.Next(jetstream.NextContext(asking))
		if err != nil {
			return fmt.Errorf("reading stream %s: %w", wadmapi.EventStream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("reading stream %s: %w", wadmapi.EventStream, err)
		}
		if told, ok := sieve.take(m.Subject(), m.Data()); ok {
			if err := each(told); err != nil {
				return err
			}
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}

// sieve picks the events of one lattice out of what is published on three subjects: wadm.evt.{lattice}.{event} has those of 0.21, wadm.evt.{lattice} the
// flat ones of servers of ours, and bare wadm.evt the same once more, those of other lattices, and all that the real 0.3.0 tells.
type sieve struct {
	lattice string
	form    EventForm
	seen    map[string]bool // ids of flat events
	order   []string        // the same, oldest first
}

// rememberedIDs is how many ids are kept: the two copies of an event follow each other closely.
const rememberedIDs = 4096

func newSieve(lattice string, form EventForm) *sieve {
	return &sieve{lattice: lattice, form: form, seen: map[string]bool{}}
}

func (s *sieve) subjects() []string {
	subjects := []string{wadmapi.FlatSubject(s.lattice), wadmapi.EventPrefix}
	if s.form == EventsFlat {
		return subjects
	}
	return append([]string{wadmapi.EventSubject(s.lattice, ">")}, subjects...)
}

// take reads a message. false: it is no event, not of this lattice, or was told already.
func (s *sieve) take(subject string, body []byte) (Told, bool) {
	t := Told{Subject: subject}
	var line bytes.Buffer
	if json.Unmarshal(body, &t.Event) != nil || t.Event.Type == "" || json.Compact(&line, body) != nil {
		return t, false
	}
	t.Raw = line.Bytes()
	name, flat := strings.CutPrefix(t.Event.Type, wadmapi.FlatTypePrefix)
	if !flat {
		return t, subject != wadmapi.EventPrefix && subject != wadmapi.FlatSubject(s.lattice)
	}
	t.Flat = &wadmapi.FlatData{}
	if json.Unmarshal(t.Event.Data, t.Flat) != nil || t.Flat.Lattice != s.lattice || s.again(t.Event.ID) {
		return t, false
	}
	ours := subject != wadmapi.EventPrefix // the real 0.3.0 tells nothing anywhere else
	return t, s.form == EventsFlat || !ours || flatAlone[name]
}

// flatAlone are the flat events of which those of 0.21 have none alike.
var flatAlone = map[string]bool{wadmapi.FlatVersionCreated: true, wadmapi.FlatVersionDeleted: true}

// again notes the id of an event, and says whether it was there.
func (s *sieve) again(id string) bool {
	if id == "" {
		return false
	}
	if s.seen[id] {
		return true
	}
	s.seen[id] = true
	s.order = append(s.order, id)
	if len(s.order) > rememberedIDs {
		delete(s.seen, s.order[0])
		s.order = s.order[1:]
	}
	return false
}
