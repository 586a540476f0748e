package client

import (
	"errors"

	"github.com/wadm-go/wadm/wadmapi"
)

// Errors that callers branch on, with errors.Is.
var (
	ErrNotFound = errors.New("not found")                    // no such application, or version
	ErrExists   = errors.New("the version already exists")   // put
	ErrNoServer = errors.New("no wadm server was listening") // NATS is there, wadm is not
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
