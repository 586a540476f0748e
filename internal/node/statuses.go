package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// statuses is what every process remembers of what owners told: it answers status and list, whoever owns the lattice. What it says of a
// lattice that nobody looks after bears its age.
type statuses struct {
	clock *clock
	sub   *nats.Subscription

	mu     sync.Mutex
	of     map[string]map[string]told
	leases map[string]*seenLease
}

// told is the last status of an application.
type told struct {
	status wadmapi.Status
	at     time.Time // when it was told, by the wall clock
	stored bool      // it is from the stream: told before this process listened
}

// seenLease is what this process has seen of a lattice's lease, by its own clock.
type seenLease struct {
	lease   store.Lease
	rev     store.Revision
	changed time.Duration // monotonic
	at      time.Time     // of the same moment
	renewed bool          // a change was seen: somebody is there
	none    bool          // there is no lease
}

func newStatuses(c *clock) *statuses {
	return &statuses{clock: c, of: make(map[string]map[string]told), leases: make(map[string]*seenLease)}
}

// follow listens to what is told from now on.
func (s *statuses) follow(nc *nats.Conn) error {
	sub, err := nc.Subscribe(wadmapi.StatusPrefix+".*.*", func(m *nats.Msg) { s.take(m.Subject, m.Data, time.Now(), false) })
	if err != nil {
		return fmt.Errorf("listening to statuses: %w", err)
	}
	s.sub = sub
	return nil
}

// load reads the last status of each application from the stream, where there is one.
func (s *statuses) load(ctx context.Context, js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, wadmapi.StatusStream, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy})
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading stream %s: %w", wadmapi.StatusStream, err)
	}
	waiting := consumer.CachedInfo().NumPending
	if waiting == 0 {
		return nil
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("reading stream %s: %w", wadmapi.StatusStream, err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("reading stream %s: %w", wadmapi.StatusStream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("reading stream %s: %w", wadmapi.StatusStream, err)
		}
		s.take(m.Subject(), m.Data(), meta.Timestamp, true)
		if meta.NumPending == 0 {
			return nil
		}
	}
}

// loadKept reads the last status of each application from a store that keeps them.
func (s *statuses) loadKept(ctx context.Context, models store.Models, kept store.Statuses) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	lattices, err := models.Lattices(ctx)
	if err != nil {
		return err
	}
	for _, lattice := range lattices {
		all, err := kept.KeptStatuses(ctx, lattice)
		if err != nil {
			return err
		}
		for _, k := range all {
			if wadmapi.ValidName(lattice) == nil && wadmapi.ValidName(k.App) == nil {
				s.take(wadmapi.StatusSubject(lattice, k.App), k.Status, k.At, true)
			}
		}
	}
	return nil
}

func (s *statuses) close() {
	if s.sub != nil {
		_ = s.sub.Unsubscribe() // fails only when the connection is gone, and the subscription with it
	}
}

// take keeps one status. What was heard goes before what is read from the stream, which may be older.
func (s *statuses) take(subject string, body []byte, at time.Time, stored bool) {
	tail, ok := strings.CutPrefix(subject, wadmapi.StatusPrefix+".")
	lattice, app, ok2 := strings.Cut(tail, ".")
	if !ok || !ok2 {
		return
	}
	var status wadmapi.Status
	if json.Unmarshal(body, &status) != nil || status.Status.Type == "" {
		return // somebody else's message
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[lattice] == nil {
		s.of[lattice] = make(map[string]told)
	}
	if have, ok := s.of[lattice][app]; ok && stored && !have.stored {
		return
	}
	s.of[lattice][app] = told{status, at, stored}
}

// note takes in what a tenure read or wrote of its lease.
func (s *statuses) note(lattice string, in store.LeaseInput) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.instant()
	switch {
	case in.Written != nil && in.Written.Err == nil:
		// Our own renewal; what it said is read back only by others.
		s.leases[lattice] = &seenLease{rev: in.Written.Revision, changed: now.Mono, at: now.Wall, renewed: true, lease: store.Lease{TTL: store.LeaseTTL}}
	case in.Read != nil && errors.Is(in.Read.Err, store.ErrNotFound):
		if l := s.leases[lattice]; l == nil || !l.none {
			s.leases[lattice] = &seenLease{none: true, changed: now.Mono, at: now.Wall}
		}
	case in.Read != nil && in.Read.Err == nil:
		last := s.leases[lattice]
		if last != nil && !last.none && last.rev == in.Read.Revision {
			last.lease = in.Read.Lease
			return
		}
		s.leases[lattice] = &seenLease{lease: in.Read.Lease, rev: in.Read.Revision, changed: now.Mono, at: now.Wall, renewed: last != nil}
	}
}

// Status is the last status of an application, with the mark of its age where nobody is known to look after it. It is called by the API.
func (s *statuses) Status(lattice, app string) (wadmapi.Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.of[lattice][app]
	if !ok {
		if note := s.ownerless(lattice); note != "" {
			return wadmapi.NewStatus(wadmapi.StatusWaiting, note), true
		}
		return wadmapi.Status{}, false
	}
	age := time.Since(t.at).Truncate(time.Second)
	if note := s.ownerless(lattice); note != "" {
		t.status.Status.Message = joined(fmt.Sprintf("%s; told %s ago", note, max(age, 0)), t.status.Status.Message)
	} else if l := s.leases[lattice]; t.stored && (l == nil || !l.renewed) {
		t.status.Status.Message = joined(fmt.Sprintf("told %s ago", max(age, 0)), t.status.Status.Message)
	}
	return t.status, true
}

func joined(note, message string) string {
	if message == "" {
		return note
	}
	return note + ": " + message
}

// ownerless says since when a lattice has had no owner; "" when it has one, or when that is not known yet.
func (s *statuses) ownerless(lattice string) string {
	l := s.leases[lattice]
	switch {
	case l == nil:
		return ""
	case l.none:
		return "no owner yet"
	case l.lease.Freed, s.clock.now()-l.changed > max(l.lease.TTL, store.LeaseTTL)+store.LeaseRenew:
		return "no owner since " + l.at.UTC().Format(time.RFC3339)
	}
	return ""
}

// noOwner tells in words why a lattice has no owner, or "".
func (s *statuses) noOwner(lattice string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ownerless(lattice)
}

// all are the last statuses of a lattice.
func (s *statuses) all(lattice string) map[string]wadmapi.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]wadmapi.Status, len(s.of[lattice]))
	for app, t := range maps.All(s.of[lattice]) {
		out[app] = t.status
	}
	return out
}
