package api

import (
	"errors"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// tongue is how requests are read and replies are written in one API generation. What is decided does not depend on it.
type tongue interface {
	// put reads a manifest. When it is refused, the second result is the reply.
	put(m message, stamp Stamp) (Request, any)
	// body reads what came with any other operation. When it is refused, the second result is the reply.
	body(s wadmapi.Subject, body []byte) (Request, any)
	// reply says what became of a request that changes something.
	reply(r Request, o Outcome) any
	// show answers a question.
	show(s wadmapi.Subject, r Request, a answer) any
}

func tongueOf(g wadmapi.Generation) tongue {
	if g == wadmapi.Generation03 {
		return tongue03{}
	}
	return tongue021{}
}

// message is the body of a put and its content type, if it has one.
type message struct {
	body        []byte
	contentType string
	typed       bool
}

// answer is what the stores and the owner know of what was asked.
type answer struct {
	model  *store.Model  // of the application that was named; nil: there is none
	models []store.Model // of a list
	told   func(app string) told
	unread error // why model has no versions
	err    error // a store failed; the rest is void
}

// told is what a StatusSource says of an application; known is false when it never heard of it.
type told struct {
	status wadmapi.Status
	known  bool
}

// Texts for what is not the client's fault. What really happened is in the log.
const (
	storageFailed = "Internal storage error"
	internalError = "Internal error"
	cannotBeRead  = "The stored record of this application cannot be read"
)

// tooLarge tells the one failure of a store that a client can do something about: all versions of an application share one record, and it is full.
func tooLarge(r Request, o Outcome) bool {
	return r.Op == wadmapi.OpPut && errors.Is(o.Err, store.ErrTooLarge)
}
