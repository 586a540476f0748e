package kvstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// The streams that clients and older programs know.
const (
	statusStream = "wadm_status"
	eventStream  = "wadm_events"
)

// eventAge is how long 0.21.1 keeps its events: two heartbeats and some time to spare. Its duplicate window is as long.
const eventAge = 70 * time.Second

// statusFetches bounds how many last statuses are read at once.
const statusFetches = 16

// StreamOptions are the settings of streams that are missing. Zero values mean files, one replica, no limit.
type StreamOptions struct {
	Memory         bool
	Replicas       int
	StatusMaxBytes int64
	EventMaxBytes  int64
}

// EnsureStreams makes the streams wadm_status (wadm.status.*.*, the last 10 of each application, for ever) and wadm_events
// (wadm.evt.*.>, 70 s) if they are missing; existing ones are kept as they are. An error says what fails and what to do, but need not
// stop anybody: applications are kept running without both.
func EnsureStreams(ctx context.Context, js jetstream.JetStream, o StreamOptions) error {
	return errors.Join(ensure(ctx, js, statusConfig(o)), ensure(ctx, js, eventConfig(o)))
}

func statusConfig(o StreamOptions) jetstream.StreamConfig {
	return withOptions(jetstream.StreamConfig{
		Name: statusStream, Description: "the last states of each application, by wadm", Subjects: []string{"wadm.status.*.*"},
		MaxMsgsPerSubject: 10, AllowDirect: true, Duplicates: 2 * time.Minute, MaxBytes: o.StatusMaxBytes,
	}, o)
}

func eventConfig(o StreamOptions) jetstream.StreamConfig {
	return withOptions(jetstream.StreamConfig{
		Name: eventStream, Description: "what wadm says about manifests and applications", Subjects: []string{"wadm.evt.*.>"},
		MaxMsgsPerSubject: -1, MaxAge: eventAge, Duplicates: eventAge, MaxBytes: o.EventMaxBytes,
	}, o)
}

func withOptions(c jetstream.StreamConfig, o StreamOptions) jetstream.StreamConfig {
	c.Retention, c.Discard = jetstream.LimitsPolicy, jetstream.DiscardOld
	c.MaxMsgs, c.MaxMsgSize, c.MaxConsumers = -1, -1, -1
	c.Replicas = max(o.Replicas, 1)
	if c.MaxBytes <= 0 {
		c.MaxBytes = -1
	}
	if o.Memory {
		c.Storage = jetstream.MemoryStorage
	}
	return c
}

func ensure(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) error {
	_, err := js.Stream(ctx, c.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, c)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			err = nil // another process was faster, with settings of its own
		}
	}
	if errors.Is(err, nats.ErrNoResponders) {
		err = jetstream.ErrJetStreamNotEnabled
	}
	if err != nil {
		return fmt.Errorf("making sure of stream %q: %w", c.Name, explain(err, ""))
	}
	return nil
}

// StatusLog is what was last told of each application, on wadm.status.{lattice}.{name} and in the stream wadm_status. It needs no
// Store: with models elsewhere the statuses are here all the same. It is safe for concurrent use.
type StatusLog struct {
	js      jetstream.JetStream
	opts    StreamOptions
	timeout time.Duration
}

// NewStatusLog makes a log on a JetStream (of a domain, where one is set); o is used if the stream has to be made again. timeout bounds
// each exchange with the server, 0 means 5 s.
func NewStatusLog(js jetstream.JetStream, o StreamOptions, timeout time.Duration) *StatusLog {
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	return &StatusLog{js: js, opts: o, timeout: timeout}
}

func statusSubject(lattice, app string) (string, error) {
	if !legal(lattice) || !legal(app) {
		return "", fmt.Errorf("lattice %q or app %q cannot be part of a NATS subject", lattice, app)
	}
	return "wadm.status." + lattice + "." + app, nil
}

// PublishStatus tells the status of an application. Subscribers get it although the stream may be missing; then the stream is made
// again, once, and the status published once more. The error is for a log: a status that cannot be kept must not stop a deploy.
func (l *StatusLog) PublishStatus(ctx context.Context, lattice, app string, st wadmapi.Status) error {
	subject, err := statusSubject(lattice, app)
	if err != nil {
		return fmt.Errorf("telling the status: %w", err)
	}
	data, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("telling the status of app %q: %w", app, err)
	}
	err = l.publish(ctx, subject, data)
	if l.vanished(ctx, err) {
		if err = l.make(ctx); err == nil {
			err = l.publish(ctx, subject, data)
		}
	}
	if err != nil {
		return fmt.Errorf("telling the status of app %q: %w", app, explain(err, ""))
	}
	return nil
}

func (l *StatusLog) publish(ctx context.Context, subject string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	_, err := l.js.Publish(ctx, subject, data, jetstream.WithRetryAttempts(0))
	return err
}

func (l *StatusLog) make(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return ensure(ctx, l.js, statusConfig(l.opts))
}

// vanished: a subscriber takes the place of the missing stream as far as the server knows, so a missing stream shows as silence.
func (l *StatusLog) vanished(ctx context.Context, err error) bool {
	switch {
	case gone(err):
		return true
	case ctx.Err() != nil || !(errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)):
		return false
	}
	_, err = l.stream(ctx)
	return gone(err)
}

func (l *StatusLog) stream(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return l.js.Stream(ctx, statusStream)
}

// ForgetStatus removes what the stream keeps of an application, for one that is deleted: its name may come back.
func (l *StatusLog) ForgetStatus(ctx context.Context, lattice, app string) error {
	subject, err := statusSubject(lattice, app)
	if err != nil {
		return fmt.Errorf("forgetting the status: %w", err)
	}
	s, err := l.stream(ctx)
	if gone(err) {
		return nil
	}
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, l.timeout)
		defer cancel()
		err = s.Purge(limited, jetstream.WithPurgeSubject(subject))
	}
	if err != nil {
		return fmt.Errorf("forgetting the status of app %q: %w", app, explain(err, ""))
	}
	return nil
}

// LastStatus returns what was last told of an application, or store.ErrNotFound: never, or in a way that cannot be read.
func (l *StatusLog) LastStatus(ctx context.Context, lattice, app string) (wadmapi.Status, error) {
	subject, err := statusSubject(lattice, app)
	if err != nil {
		return wadmapi.Status{}, fmt.Errorf("reading the status: %w", err)
	}
	s, err := l.stream(ctx)
	if err != nil {
		return wadmapi.Status{}, fmt.Errorf("reading the status of app %q: %w", app, missing(err))
	}
	st, err := l.last(ctx, s, subject)
	if err != nil {
		return wadmapi.Status{}, fmt.Errorf("reading the status of app %q: %w", app, err)
	}
	return st, nil
}

func (l *StatusLog) last(ctx context.Context, s jetstream.Stream, subject string) (wadmapi.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if err != nil {
		return wadmapi.Status{}, missing(err)
	}
	var st wadmapi.Status
	if json.Unmarshal(m.Data, &st) != nil {
		return wadmapi.Status{}, store.ErrNotFound
	}
	return st, nil
}

func missing(err error) error {
	if gone(err) || errors.Is(err, jetstream.ErrMsgNotFound) {
		return store.ErrNotFound
	}
	return explain(err, "")
}

// AllStatus returns what was last told of each application of a lattice, by name. A missing stream holds nothing.
func (l *StatusLog) AllStatus(ctx context.Context, lattice string) (map[string]wadmapi.Status, error) {
	doing := fmt.Sprintf("reading the statuses of lattice %q", lattice)
	if !legal(lattice) {
		return nil, fmt.Errorf("%s: the name cannot be part of a NATS subject", doing)
	}
	subjects, s, err := l.subjects(ctx, "wadm.status."+lattice+".*")
	if err != nil {
		if err = missing(err); errors.Is(err, store.ErrNotFound) {
			return map[string]wadmapi.Status{}, nil
		}
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	var (
		mu    sync.Mutex
		first error
		all   = make(map[string]wadmapi.Status, len(subjects))
		wg    sync.WaitGroup
		slots = make(chan struct{}, statusFetches)
	)
	for _, subject := range subjects {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			st, err := l.last(ctx, s, subject)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				all[subject[strings.LastIndexByte(subject, '.')+1:]] = st
			case first == nil && !errors.Is(err, store.ErrNotFound):
				first = err
			}
		})
	}
	wg.Wait()
	if first != nil {
		return nil, fmt.Errorf("%s: %w", doing, first)
	}
	return all, nil
}

func (l *StatusLog) subjects(ctx context.Context, filter string) ([]string, jetstream.Stream, error) {
	s, err := l.stream(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, nil, err
	}
	subjects := make([]string, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		subjects = append(subjects, subject)
	}
	return subjects, s, nil
}
