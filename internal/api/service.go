package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// StatusSource knows the last status told of an application: a cache, never a question to anybody. When the lattice has no valid owner, the
// status's message says so.
type StatusSource interface {
	Status(lattice, app string) (wadmapi.Status, bool)
}

// Handler answers an operation of a category of ours (wadm.api.{lattice}.host.…, wadm.api.{lattice}.lattice.…). name is empty where the
// subject has none, and may be any token. false means that there is no such operation.
type Handler func(ctx context.Context, lattice, op, name string, body []byte) ([]byte, bool)

// Options are what a Service works with. Models, Wishes and Status must be set.
type Options struct {
	Models   store.Models
	Wishes   store.Wishes
	Status   StatusSource
	Handlers map[wadmapi.Category]Handler

	// Flat is told what a request has changed, in the events of generation 0.3, before the reply. nil: nobody.
	Flat func(wadmapi.FlatEvent)

	Generation wadmapi.Generation // what clients expect to hear; the queue group follows it
	Undeploy   UndeployDefault    // what becomes of what runs where an undeploy or a delete does not say it

	Log     *slog.Logger     // default slog.Default()
	Now     func() time.Time // default time.Now
	Entropy io.Reader        // for versions that we make, default crypto/rand; called from several goroutines
	Workers int              // requests carried out at once, default 64
	Timeout time.Duration    // for one request from its arrival, default 9 s: clients wait 10 s, and are to hear why
}

// UndeployDefault is what an undeploy or a delete does with what runs where the request does not say it.
type UndeployDefault int

// The defaults.
const (
	ByGeneration UndeployDefault = iota // 0.21: stop it; 0.3: let it go, as 0.3.0 always did
	Stop
	LetGo
)

// ParseUndeployDefault reads "stop", "release" or nothing.
func ParseUndeployDefault(name string) (UndeployDefault, error) {
	switch name {
	case "":
		return ByGeneration, nil
	case "stop":
		return Stop, nil
	case "release":
		return LetGo, nil
	}
	return ByGeneration, fmt.Errorf("what an undeploy does with what runs is stop or release, not %q", name)
}

func (o *Options) letGo() bool {
	return o.Undeploy == LetGo || o.Undeploy == ByGeneration && o.Generation == wadmapi.Generation03
}

// Service answers wadm.api.> in the queue group of its generation. Requests on one application are carried out in the order in which
// they came, others side by side.
type Service struct {
	o      Options
	nc     *nats.Conn
	tongue tongue
	writer writer
	notify *notifier
	sub    *nats.Subscription
	closed chan struct{} // closed when the subscription has handed over its last message

	intake *lanes        // by lattice: keeps the order while manifests are read
	work   *lanes        // by application
	room   chan struct{} // requests in the house, waiting or worked on
	open   sync.WaitGroup
}

// New makes a service; Start begins to answer.
func New(nc *nats.Conn, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Entropy == nil {
		o.Entropy = rand.Reader
	}
	if o.Workers <= 0 {
		o.Workers = 64
	}
	if o.Timeout <= 0 {
		o.Timeout = 9 * time.Second
	}
	return &Service{
		o: o, nc: nc, tongue: tongueOf(o.Generation),
		writer: writer{models: o.Models, wishes: o.Wishes, known: &memory{}},
		notify: &notifier{nc: nc, now: o.Now, log: o.Log},
		closed: make(chan struct{}),
		intake: newLanes(0), work: newLanes(o.Workers),
		room: make(chan struct{}, 4*o.Workers),
	}
}

// Start subscribes. When it returns, the server knows of it.
func (s *Service) Start() error {
	sub, err := s.nc.QueueSubscribe(wadmapi.APIWildcard, s.o.Generation.QueueGroup(), s.receive)
	if err != nil {
		return fmt.Errorf("subscribing to %s: %w", wadmapi.APIWildcard, err)
	}
	sub.SetClosedHandler(func(string) { close(s.closed) })
	s.sub = sub
	s.notify.streamKnown() // looks for the stream before the first deploy needs it
	if err := s.nc.Flush(); err != nil {
		return fmt.Errorf("subscribing to %s: %w", wadmapi.APIWildcard, err)
	}
	return nil
}

// Listening says that the server hands requests to us: Start has returned, Stop was not called, and the subscription was not taken away.
func (s *Service) Listening() bool { return s.sub != nil && s.sub.IsValid() }

// Stop takes no more requests, lets those in the house be answered, and returns; or gives up when ctx ends.
func (s *Service) Stop(ctx context.Context) error {
	if s.sub == nil {
		return nil
	}
	if err := s.sub.Drain(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("draining %s: %w", wadmapi.APIWildcard, err)
	}
	done := make(chan struct{})
	go func() {
		if !s.nc.IsClosed() {
			<-s.closed
		}
		s.open.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopping the API with requests under way: %w", ctx.Err())
	}
}

// receive is called for one message after another; it only sorts them. When the house is full it waits, and NATS keeps what comes.
func (s *Service) receive(m *nats.Msg) {
	subject, err := s.o.Generation.ParseSubject(m.Subject)
	if err != nil {
		s.answer(m, wadmapi.NewError(err.Error()))
		return
	}
	until := time.Now().Add(s.o.Timeout)
	s.room <- struct{}{}
	s.open.Add(1)
	leave := func() { <-s.room; s.open.Done() }

	switch {
	case subject.Category != wadmapi.CategoryModel:
		s.work.run(unordered(), s.guard(m, func() { s.extension(m, subject, until) }, leave))
	case subject.Op == wadmapi.OpPut:
		s.receivePut(m, subject.Lattice, until, leave)
	default:
		key := subject.Lattice + "." + subject.Name
		if subject.Name == "" {
			key = unordered()
		}
		job := s.guard(m, func() { s.model(m, subject, until) }, leave)
		s.intake.run(subject.Lattice, func() { s.work.run(key, job) })
	}
}

// receivePut reads manifests side by side, for that is the long part of a put, and holds back what came later for the same lattice
// until it is known which application the put is about.
func (s *Service) receivePut(m *nats.Msg, lattice string, until time.Time, leave func()) {
	type read struct {
		request Request
		refusal any
	}
	ready := make(chan read, 1)
	s.work.run(unordered(), func() {
		r := read{refusal: wadmapi.NewError(internalError)} // what stands when reading panics
		defer func() { ready <- r }()
		s.guard(m, func() {
			contentType, typed := header(m, "Content-Type")
			r.request, r.refusal = s.tongue.put(message{m.Data, contentType, typed}, s.stamp())
			r.request.Generation, r.request.Lattice = s.o.Generation, lattice
		}, nil)()
	})
	s.intake.run(lattice, func() {
		r := <-ready
		if r.refusal != nil {
			s.answer(m, r.refusal)
			leave()
			return
		}
		s.work.run(lattice+"."+r.request.App, s.guard(m, func() { s.change(m, lattice, r.request, until) }, leave))
	})
}

// unordered is a key that no other job has.
func unordered() string { return " " + uuid.NewString() }

// guard makes a job that answers a panic instead of ending the process: one request must not stop the others.
func (s *Service) guard(m *nats.Msg, job, leave func()) func() {
	return func() {
		if leave != nil {
			defer leave()
		}
		defer func() {
			if p := recover(); p != nil {
				s.o.Log.Error("a request panicked", "subject", m.Subject, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if leave != nil { // else whoever waits for the result answers
					s.answer(m, wadmapi.NewError(internalError))
				}
			}
		}()
		job()
	}
}

func (s *Service) extension(m *nats.Msg, subject wadmapi.Subject, until time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	if reply, ok := s.beyond(ctx, subject); ok {
		s.answer(m, reply)
		return
	}
	if handle := s.o.Handlers[subject.Category]; handle != nil {
		if body, ok := handle(ctx, subject.Lattice, string(subject.Op), subject.Name, m.Data); ok {
			s.send(m, body)
			return
		}
	}
	s.answer(m, wadmapi.NewError(s.o.Generation.Unsupported(m.Subject).Error()))
}

// beyond answers, in the words of generation 0.21, what generation 0.3 has no words for: why an application is not as it should be.
func (s *Service) beyond(ctx context.Context, subject wadmapi.Subject) (any, bool) {
	if subject.Category != wadmapi.CategoryLattice {
		return nil, false
	}
	switch named := subject.Name != ""; {
	case subject.Op == wadmapi.OpStatus && named:
	case subject.Op == wadmapi.OpList && !named:
		subject.Op = wadmapi.OpGet // the newer form of the list
	default:
		return nil, false
	}
	subject.Category = wadmapi.CategoryModel
	return tongue021{}.show(subject, Request{Op: subject.Op, App: subject.Name}, s.find(ctx, subject)), true
}

// model carries out a model operation other than put.
func (s *Service) model(m *nats.Msg, subject wadmapi.Subject, until time.Time) {
	r, refusal := s.tongue.body(subject, m.Data)
	if refusal != nil {
		s.answer(m, refusal)
		return
	}
	switch subject.Op {
	case wadmapi.OpDeploy, wadmapi.OpUndeploy, wadmapi.OpDelete:
		r.Generation, r.Lattice, r.LetGo, r.Stamp = s.o.Generation, subject.Lattice, s.o.letGo(), s.stamp()
		s.change(m, subject.Lattice, r, until)
	default:
		ctx, cancel := context.WithDeadline(context.Background(), until)
		defer cancel()
		s.answer(m, s.tongue.show(subject, r, s.find(ctx, subject)))
	}
}

// errTooLate is the end of a request whose turn came when its client had almost given up. It is not carried out: the client will think that it failed.
var errTooLate = errors.New("those before it took too long, so nothing was done: try again")

// change carries out a request that writes: decide and store, then the events, then the reply.
func (s *Service) change(m *nats.Msg, lattice string, r Request, until time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	d, err := Decision{}, errTooLate
	if ctx.Err() == nil {
		d, err = s.writer.change(ctx, lattice, r)
	}
	if err != nil {
		s.o.Log.Error("an API request failed in the store", "op", r.Op, "lattice", lattice, "application", r.App, "err", err)
		s.answer(m, s.tongue.reply(r, Outcome{Kind: Failed, Err: err}))
		return
	}
	for _, e := range d.Events {
		s.notify.publish(ctx, lattice, e)
	}
	if s.o.Flat != nil {
		for _, e := range d.News.flat(lattice, r.App) {
			s.o.Flat(e)
		}
	}
	s.answer(m, d.Reply)
}

// find asks the store what a question is about: one application, or all of the lattice where none is named.
func (s *Service) find(ctx context.Context, subject wadmapi.Subject) answer {
	a := answer{told: func(app string) told { return s.told(subject.Lattice, app) }}
	if subject.Name == "" {
		a.models, a.err = s.o.Models.Models(ctx, subject.Lattice)
	} else if subject.Op != wadmapi.OpHistory {
		var f Found
		f, a.err = s.writer.record(ctx, subject.Lattice, subject.Name)
		a.model, a.unread = f.Model, f.Unread
	}
	if a.err != nil {
		s.o.Log.Error("reading applications", "lattice", subject.Lattice, "application", subject.Name, "err", a.err)
	}
	return a
}

func (s *Service) told(lattice, app string) told {
	status, known := s.o.Status.Status(lattice, app)
	return told{status, known}
}

func (s *Service) stamp() Stamp {
	now := s.o.Now().UTC()
	version, err := ulid.New(ulid.Timestamp(now), s.o.Entropy)
	if err != nil {
		version = ulid.Make() // the source of randomness failed; ulid has one of its own
	}
	return Stamp{ID: uuid.NewString(), ULID: version.String(), At: now.Format(time.RFC3339Nano), Time: now.Truncate(time.Millisecond)}
}

// answer replies with an object. A request without a reply subject was carried out all the same.
func (s *Service) answer(m *nats.Msg, reply any) {
	if m.Reply == "" {
		return
	}
	body, err := wadmapi.Encode(reply)
	if err != nil {
		s.o.Log.Error("encoding a reply", "subject", m.Subject, "err", err)
		body, _ = wadmapi.Encode(wadmapi.NewError(storageFailed)) // only a stored manifest can be what does not encode
	}
	s.send(m, body)
}

func (s *Service) send(m *nats.Msg, body []byte) {
	if m.Reply == "" {
		return
	}
	err := m.Respond(body)
	if errors.Is(err, nats.ErrMaxPayload) {
		text := fmt.Sprintf("The reply is %d bytes long, the NATS server allows %d", len(body), s.nc.MaxPayload())
		body, _ = wadmapi.Encode(wadmapi.NewError(text)) // two strings always encode
		err = m.Respond(body)
	}
	if err != nil {
		s.o.Log.Warn("replying", "subject", m.Subject, "err", err)
	}
}

// header finds a header whatever the case of its name.
func header(m *nats.Msg, name string) (string, bool) {
	for key, values := range m.Header {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
}
