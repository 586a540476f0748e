package wasmbus

import "errors"

const (
	// EventTypePrefix begins the CloudEvents type of every host event.
	EventTypePrefix = "com.wasmcloud.lattice."

	// MaxMessageBytes is the largest message that is decoded. NATS servers
	// allow 1 MiB by default and 64 MiB at most; no host comes near this.
	MaxMessageBytes = 8 << 20

	// MaxDepth is the deepest nesting of JSON objects and arrays that is decoded.
	MaxDepth = 64

	// specVersion and contentType are the only values any host sends.
	specVersion = "1.0"
	contentType = "application/json"
)

// ErrTooLarge marks a message over MaxMessageBytes, ErrTooDeep one nested
// deeper than MaxDepth.
var (
	ErrTooLarge = errors.New("message too large")
	ErrTooDeep  = errors.New("message nested too deep")
)

// Dialect tells which generation of hosts a message belongs to.
type Dialect uint8

// The dialects: wasmCloud 1.x, and the Elixir hosts 0.55 to 0.63.
const (
	DialectV1 Dialect = iota + 1
	DialectOTP
)

// String returns "v1" or "otp", the words of the command line flags.
func (d Dialect) String() string {
	switch d {
	case DialectV1:
		return "v1"
	case DialectOTP:
		return "otp"
	}
	return "unknown"
}

// Envelope holds the six CloudEvents 1.0 attributes that hosts set beside
// data. Time is RFC 3339 in the clock of the host: shown, never reckoned with.
type Envelope struct {
	SpecVersion     string
	ID              string
	Type            string // EventTypePrefix + the name of the event
	Source          string // id of the host; "n/a" in link events of OTP hosts from 0.60
	DataContentType string
	Time            string
}

// Event is one decoded host event. Data is one of the event structs of its
// dialect (by value: V1HostStarted, OTPActorStarted, …) or Unknown.
type Event struct {
	Envelope
	Host string // the id of the host that sent it, "" where Source is "n/a"
	Data any
}

// Unknown is the Data of an event whose name is not in the protocol; the rest
// of it was not looked at.
type Unknown struct{ Name string }

// RefusedError is the failure answer of a host to a question. Its text is for
// people: hosts change their wording, so nothing may branch on it.
type RefusedError struct{ Message string }

// Error returns the words of the host.
func (e *RefusedError) Error() string {
	if e.Message == "" {
		return "refused by the host without a reason"
	}
	return "refused by the host: " + e.Message
}
