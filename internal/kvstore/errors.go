package kvstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/store"
)

// Refusals tells the store what the server does not permit. A refused request has no answer: it shows as a time-out, and as an error on
// the connection. Give every such error to Note, from the connection's nats.ErrorHandler; then the call fails at once and says why.
type Refusals struct {
	mu      sync.Mutex
	waiting map[*func(subject string)]struct{}
}

var refusedSubject = regexp.MustCompile(`(?i)permissions violation for (?:publish|subscription) to "([^"]+)"`)

// Note takes an asynchronous error of the connection. What is no refusal is ignored. It does not block.
func (r *Refusals) Note(err error) {
	if err == nil {
		return
	}
	m := refusedSubject.FindStringSubmatch(err.Error())
	if m == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for told := range r.waiting {
		(*told)(m[1])
	}
}

// listen calls told for each refusal until the returned function is called.
func (r *Refusals) listen(told func(subject string)) (stop func()) {
	if r == nil {
		return func() {}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[*func(string)]struct{}{}
	}
	r.waiting[&told] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.waiting, &told)
	}
}

// refusedError is a subject that the server does not let us use.
type refusedError struct{ subject string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("the NATS server does not permit subject %q: allow it for the user that wadm connects as", e.subject)
}

// lateError is an exchange that had no answer in time. Whether it was carried out is not known.
type lateError struct {
	after time.Duration
	cause error
}

func (e *lateError) Error() string {
	return fmt.Sprintf("no answer from JetStream within %s (%v)", e.after, e.cause)
}

func (e *lateError) Unwrap() error { return e.cause }

// permitted returns a context that ends as soon as the server refuses a subject that contains part.
func (s *Store) permitted(ctx context.Context, part string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := s.opts.Refusals.listen(func(subject string) {
		if strings.Contains(subject, part) {
			cancel(&refusedError{subject})
		}
	})
	return ctx, stop
}

// call runs one exchange with the server within the time-out. part is what the subjects of that exchange contain.
func (s *Store) call(ctx context.Context, doing, part string, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	limited, stop := s.permitted(limited, part)
	defer stop()
	err := do(limited)
	if err == nil {
		return nil
	}
	var refused *refusedError
	if errors.As(context.Cause(limited), &refused) {
		err = refused
	} else if ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)) {
		err = &lateError{s.opts.Timeout, err}
	}
	return fmt.Errorf("%s: %w", doing, explain(err, s.opts.Domain))
}

// subjects are those on which JetStream is asked.
func subjects(domain string) string {
	if domain != "" {
		return "$JS." + domain + ".API.>"
	}
	return "$JS.API.>"
}

// explain adds what whoever runs the server can do about it.
func explain(err error, domain string) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return store.ErrNotFound
	case errors.Is(err, jetstream.ErrKeyRevisionMismatch), errors.Is(err, jetstream.ErrKeyExists):
		return store.ErrConflict
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("JetStream is not enabled for this account of the NATS server: enable it there, or use another user (nobody answers on %s): %w", subjects(domain), err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled) && domain != "":
		return fmt.Errorf("nobody serves the JetStream domain %q: check its name and the leaf connection (nobody answers on %s): %w", domain, subjects(domain), err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return fmt.Errorf("JetStream is not enabled on the NATS server: start it with -js, or with jetstream{} in its file (nobody answers on %s): %w", subjects(domain), err)
	case errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum), errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	case errors.As(err, &api) && api.ErrorCode == 10077:
		return fmt.Errorf("the bucket is full: raise its max_bytes or delete old versions: %w", err)
	}
	return err
}
