package wasmbus

import "errors"

var errStub = errors.New("not written yet")

// DecodeV1Event decodes an event of a 1.x host in one pass; the subject
// (wasmbus.evt.{lattice}.{event}, with or without account) tells its kind.
func DecodeV1Event(subject string, data []byte) (Event, error) { return Event{}, errStub }

// DecodeV1Ack decodes any answer of a 1.x host, a failure too.
func DecodeV1Ack(data []byte) (V1Ack, error) { return V1Ack{}, errStub }

// DecodeV1HostSummary decodes one answer to host.ping. Here and below a failure
// answer is a *RefusedError.
func DecodeV1HostSummary(data []byte) (V1HostSummary, error) { return V1HostSummary{}, errStub }

// DecodeV1Inventory decodes the answer to host.get.
func DecodeV1Inventory(data []byte) (V1Inventory, error) { return V1Inventory{}, errStub }

// DecodeV1Links decodes the answer to link.get.
func DecodeV1Links(data []byte) ([]V1Link, error) { return nil, errStub }

// DecodeV1Config decodes the answer to config.get; false where there is none.
func DecodeV1Config(data []byte) (V1Config, bool, error) { return nil, false, errStub }

// DecodeV1Claims decodes the answer to claims.get.
func DecodeV1Claims(data []byte) ([]map[string]string, error) { return nil, errStub }

// DecodeV1ComponentAuction decodes a bid on component.auction.
func DecodeV1ComponentAuction(data []byte) (V1ComponentAuction, error) {
	return V1ComponentAuction{}, errStub
}

// DecodeV1ProviderAuction decodes a bid on provider.auction.
func DecodeV1ProviderAuction(data []byte) (V1ProviderAuction, error) {
	return V1ProviderAuction{}, errStub
}

// DecodeV1Request decodes the body of a request as a host does: the result is
// the struct of the operation by value (V1Scale, V1Link, …), nil for
// operations without a body. An error is what a host answers with
// success:false.
func DecodeV1Request(op V1Op, body []byte) (any, error) { return nil, errStub }

// DecodeOTPEvent decodes an event of an OTP host.
func DecodeOTPEvent(subject string, data []byte) (Event, error) { return Event{}, errStub }

// DecodeOTPAck decodes the answer to a command, accepted:false too.
func DecodeOTPAck(data []byte) (OTPAck, error) { return OTPAck{}, errStub }

// DecodeOTPHostSummary decodes one reply to ping.hosts. Here and below an
// accepted:false is a *RefusedError.
func DecodeOTPHostSummary(data []byte) (OTPHostSummary, error) { return OTPHostSummary{}, errStub }

// DecodeOTPInventory decodes the reply to get.{host}.inv.
func DecodeOTPInventory(data []byte) (OTPInventory, error) { return OTPInventory{}, errStub }

// DecodeOTPLinks decodes the reply to get.links.
func DecodeOTPLinks(data []byte) ([]OTPLinkdef, error) { return nil, errStub }

// DecodeOTPClaims decodes the reply to get.claims.
func DecodeOTPClaims(data []byte) ([]OTPClaims, error) { return nil, errStub }

// DecodeOTPActorAuction decodes a bid on auction.actor.
func DecodeOTPActorAuction(data []byte) (OTPActorAuction, error) { return OTPActorAuction{}, errStub }

// DecodeOTPProviderAuction decodes a bid on auction.provider.
func DecodeOTPProviderAuction(data []byte) (OTPProviderAuction, error) {
	return OTPProviderAuction{}, errStub
}

// DecodeOTPRequest decodes the body of a request as a host does: the result is
// the struct of the operation by value (OTPLaunchActor, OTPLinkdef, …), nil for
// operations without a body. An error is what a host refuses, does not answer,
// or accepts and drops (protocol B1, D3).
func DecodeOTPRequest(op OTPOp, body []byte) (any, error) { return nil, errStub }

// Encode returns the JSON of any request or reply of this package, keys in the
// order real programs send them, maps sorted.
func Encode(body any) ([]byte, error) { return nil, errStub }

// EncodeV1Reply returns an answer of a 1.x host; response nil is left out.
func EncodeV1Reply(success bool, message string, response any) ([]byte, error) { return nil, errStub }

// EncodeEvent returns the CloudEvent of a host: data is one of the event
// structs by value. Type, SpecVersion and DataContentType are filled in if
// empty; ID, Source and Time come from the caller.
func EncodeEvent(env Envelope, data any) ([]byte, error) { return nil, errStub }

// EventName returns the name of an event struct ("host_started"), "" if it is none.
func EventName(data any) string { return "" }

// OTPSameKeyRefusal reports whether the error text of an actor_start_failed or
// actors_start_failed says that the public key already runs on the host from
// another reference, and which key that is.
func OTPSameKeyRefusal(errText string) (key string, ok bool) { return "", false }

// OTPErrorText returns an error text of an OTP host without the quotes and
// escapes of its inspected form.
func OTPErrorText(errText string) string { return errText }

// Fingerprint is what HeartbeatFingerprint found in a heartbeat.
type Fingerprint struct {
	Hash          [16]byte // of the data object without uptime_seconds and uptime_human
	UptimeSeconds uint64
	Host          []byte // the source; aliases the message
}

// Fingerprinter recognises heartbeats that say nothing new, of both dialects.
// Not for use by two goroutines at once.
type Fingerprinter struct{}

// NewFingerprinter takes a secret seed, so that nobody outside the process can
// make two different heartbeats look alike.
func NewFingerprinter(seed [16]byte) *Fingerprinter { return &Fingerprinter{} }

// Heartbeat returns the fingerprint of a host_heartbeat CloudEvent without
// decoding or allocating. Not ok means: decode it.
func (f *Fingerprinter) Heartbeat(data []byte) (Fingerprint, bool) { return Fingerprint{}, false }
