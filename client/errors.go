package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wadm-go/wadm/wadmapi"
)

// Errors that callers branch on, with errors.Is.
var (
	ErrNotFound = errors.New("not found")                    // no such application, or version
	ErrExists   = errors.New("the version already exists")   // put
	ErrNoServer = errors.New("no wadm server was listening") // NATS is there, wadm is not

	ErrUnsupported = errors.New("this wadm server cannot do that") // it is an older one; the message says what to do instead
)

// Error is the server's refusal, in its words.
type Error struct {
	Op       string             // subject of the request
	Message  string             // the server's words, fit for a person
	Mistakes []wadmapi.PutError // put: all that is wrong with the manifest, with places; nil otherwise and from older servers

	sentinel error
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives one of the errors above, or nil.
func (e *Error) Unwrap() error { return e.sentinel }

// lateError is a question without an answer in time: whether it was carried out is not known. It is a [context.DeadlineExceeded].
type lateError struct {
	subject string
	after   time.Duration
}

func (e *lateError) Error() string {
	return fmt.Sprintf("asking %s: no answer within %s", e.subject, e.after.Round(time.Millisecond))
}

func (e *lateError) Unwrap() error { return context.DeadlineExceeded }
