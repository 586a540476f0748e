package tongue

import (
	"fmt"
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// Heard is what one host event means.
type Heard struct {
	ID     string          // of the message, the same when it is delivered again; "" where there is none, or none worth keeping
	Host   lattice.HostID  // who sent it, "" where the dialect does not say (links of OTP hosts from 0.60)
	Beat   bool            // it is a heartbeat
	Known  bool            // the protocol has this event; a known one without Events says nothing about what runs
	Name   string          // of an unknown event
	Events []lattice.Event // in order
}

// Event decodes a host event of the given dialect and translates it. at is the monotonic time at which it came. An error means
// that the message breaks the protocol; it is for the log and for counting.
func Event(d lattice.Dialect, subject string, data []byte, at time.Duration) (Heard, error) {
	switch d {
	case lattice.V1:
		e, err := wasmbus.DecodeV1Event(subject, data)
		if err != nil {
			return Heard{}, fmt.Errorf("decoding a host event: %w", err)
		}
		return identified(hearV1(e, at), &e.Envelope), nil
	case lattice.OTP:
		e, err := wasmbus.DecodeOTPEvent(subject, data)
		if err != nil {
			return Heard{}, fmt.Errorf("decoding a host event: %w", err)
		}
		return identified(hearOTP(e, at), &e.Envelope), nil
	}
	return Heard{}, fmt.Errorf("decoding a host event: no dialect %q", d)
}

// maxID bounds what is taken for the id of a message; those of real hosts have less than 100 bytes with their source.
const maxID = 200

// identified adds the id of the message: unique for its source, and only for it. Those of invocations are not worth keeping: there are thousands of
// them a second, and one too many is nothing.
func identified(h Heard, e *wasmbus.Envelope) Heard {
	if len(h.Events) == 1 {
		if _, ok := h.Events[0].(lattice.Invoked); ok {
			return h
		}
	}
	if e.ID != "" && len(e.Source)+len(e.ID) <= maxID {
		h.ID = e.Source + " " + e.ID
	}
	return h
}

// heard makes the common case: a known event that means what it means.
func heard(host lattice.HostID, events ...lattice.Event) Heard {
	return Heard{Host: host, Known: true, Events: events}
}

// Seen is an unchanged heartbeat: life, and nothing else.
func Seen(d lattice.Dialect, host lattice.HostID, uptime uint64) lattice.HostSeen {
	can := canV1
	if d == lattice.OTP {
		can = canOTP("")
	}
	return lattice.HostSeen{Host: host, Dialect: d, Can: can, Uptime: uptime, Beat: true}
}
