package tongue

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// ErrNoSuchWord marks a command or question that the dialect has no words for.
var ErrNoSuchWord = errors.New("the dialect of these hosts has no words for it")

// How long an acknowledgement may take before it is called missing (protocol A4, B1): most come before the work, three of the OTP
// hosts come after it.
const (
	AckAtOnce       = 2 * time.Second
	AckAfterStop    = 5 * time.Second  // OTP sa: after the instances are gone
	AckAfterGoodbye = 10 * time.Second // OTP sp: after the provider has shut down
	AckAfterUpdate  = 2 * time.Minute  // OTP upd: after the image was fetched and swapped in
)

// Message is one request: where it goes, what it says, and what it must not overtake.
type Message struct {
	Subject string
	Body    []byte
	Ack     time.Duration // how long to wait for the acknowledgement
	Lane    string        // messages of one lane are sent one after another; "" = it hinders nobody
	Sets    string        // the config that it writes or deletes
	Needs   []string      // configs that it reads: it waits for what sets them
}

// Voice says things to the hosts of one lattice in one dialect. Prefix is "" for the hosts' default subject prefix.
type Voice struct {
	Lattice string
	Prefix  string
	Dialect lattice.Dialect
}

func (v Voice) v1() wasmbus.V1Subjects {
	return wasmbus.V1Subjects{Prefix: v.Prefix, Lattice: v.Lattice}
}

func (v Voice) otp() wasmbus.OTPSubjects {
	return wasmbus.OTPSubjects{Prefix: v.Prefix, Lattice: v.Lattice}
}

// Command encodes a command. An error means that it cannot be said at all: an id that is no subject token, an action that the
// dialect lacks (ErrNoSuchWord), or a command without effect.
func (v Voice) Command(c *ledger.Command) (Message, error) {
	if c.Action == ledger.Scale || c.Action == ledger.Update {
		if !wasmbus.ValidToken(string(c.Host)) {
			return Message{}, fmt.Errorf("encoding command %d: host %q is no subject token", c.ID, c.Host)
		}
	}
	var m Message
	var body any
	var err error
	switch v.Dialect {
	case lattice.V1:
		m, body, err = v.sayV1(c)
	case lattice.OTP:
		m, body, err = v.sayOTP(c)
	default:
		err = fmt.Errorf("no dialect %q", v.Dialect)
	}
	if err != nil {
		return Message{}, fmt.Errorf("encoding command %d (%s): %w", c.ID, c.Action, err)
	}
	if body != nil {
		if m.Body, err = wasmbus.Encode(body); err != nil {
			return Message{}, fmt.Errorf("encoding command %d (%s): %w", c.ID, c.Action, err)
		}
	}
	return m, nil
}

// configs never sends null for a list: hosts take that for a broken body.
func configs(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// needs joins the names of two lists.
func needs(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
