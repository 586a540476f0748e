package wasmbus

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
)

// eventWire is a CloudEvent in the key order of 1.x hosts, otpEventWire in
// that of OTP hosts (alphabetical).
type eventWire[T any] struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Type            string `json:"type"`
	Source          string `json:"source"`
	DataContentType string `json:"datacontenttype"`
	Time            string `json:"time"`
	Data            *T     `json:"data"`
}

type otpEventWire struct {
	Data            any    `json:"data"`
	DataContentType string `json:"datacontenttype"`
	ID              string `json:"id"`
	Source          string `json:"source"`
	SpecVersion     string `json:"specversion"`
	Time            string `json:"time"`
	Type            string `json:"type"`
}

func (w *eventWire[T]) envelope() Envelope {
	return Envelope{
		SpecVersion: w.SpecVersion, ID: w.ID, Type: w.Type, Source: w.Source,
		DataContentType: w.DataContentType, Time: w.Time,
	}
}

// eventDecoder decodes a whole CloudEvent whose name is known.
type eventDecoder func(msg []byte) (Envelope, any, error)

var errNoData = errors.New("event without data")

// decodeAs builds the decoder of one event: one pass into T, which start (if
// any) fills in before and finish checks and turns into the public struct.
func decodeAs[T any](start func(*T), finish func(*T) (any, error)) eventDecoder {
	return func(msg []byte) (Envelope, any, error) {
		w := eventWire[T]{Data: new(T)}
		if start != nil {
			start(w.Data)
		}
		started := w.Data
		if err := json.Unmarshal(msg, &w, decodeOptions); err != nil {
			return Envelope{}, nil, err
		}
		// null and then an object under the same name: start was lost.
		if w.Data != started {
			return Envelope{}, nil, errNoData
		}
		data, err := finish(w.Data)
		return w.envelope(), data, err
	}
}

// plain is the finish of events with nothing to check.
func plain[T any](d *T) (any, error) { return *d, nil }

// checked is the finish of events with identifiers, listed as validIDs takes them.
func checked[T any](ids func(*T) []string) func(*T) (any, error) {
	return func(d *T) (any, error) { return *d, validIDs(ids(d)...) }
}

// decodeEvent decodes one event whose name the caller knows from the subject
// or from the type.
func decodeEvent(name string, out outline, msg []byte, decoders map[string]eventDecoder) (Event, error) {
	decode, known := decoders[name]
	if !known {
		decode = decodeAs(nil, func(*struct{}) (any, error) { return Unknown{Name: name}, nil })
	}
	if out.data == nil {
		return Event{}, errNoData
	}
	env, data, err := decode(msg)
	if err != nil {
		return Event{}, err
	}
	if env.Type != EventTypePrefix+name {
		return Event{}, fmt.Errorf("type is %q", clip(env.Type))
	}
	return Event{Envelope: env, Host: env.Source, Data: data}, nil
}

// outlineOf bounds a message and finds its outline.
func outlineOf(msg []byte) (outline, error) {
	if len(msg) > MaxMessageBytes {
		return outline{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(msg), MaxMessageBytes)
	}
	out, tooDeep, ok := scanOutline(msg)
	switch {
	case tooDeep:
		return outline{}, fmt.Errorf("%w: at most %d", ErrTooDeep, MaxDepth)
	case !ok:
		return outline{}, errNoObject
	}
	return out, nil
}

// DecodeV1Event decodes an event of a 1.x host in one pass; the subject
// (wasmbus.evt.{lattice}.{event}, with or without account) tells its kind.
// Unknown keys, any order of keys and missing optional keys are accepted; an
// error is a message that nothing may be learned from.
func DecodeV1Event(subject string, data []byte) (Event, error) {
	at, ok := ParseEventSubject(subject)
	if !ok || at.Dialect != DialectV1 {
		return Event{}, fmt.Errorf("decoding event on %q: not an event subject of 1.x hosts", clip(subject))
	}
	out, err := outlineOf(data)
	if err != nil {
		return Event{}, fmt.Errorf("decoding event %s: %w", at.Name, err)
	}
	ev, err := decodeEvent(at.Name, out, data, v1Events)
	if err == nil {
		err = validIDs("source", ev.Source)
	}
	if err != nil {
		return Event{}, fmt.Errorf("decoding event %s: %w", at.Name, err)
	}
	return ev, nil
}

// noSource stands in link events of OTP hosts from 0.60 instead of a host id.
const noSource = "n/a"

// DecodeOTPEvent decodes an event of an OTP host; all its events come on one
// subject (wasmbus.evt.{lattice}, with or without account), so a scan of the
// bytes finds the type first.
func DecodeOTPEvent(subject string, data []byte) (Event, error) {
	if at, ok := ParseEventSubject(subject); !ok || at.Dialect != DialectOTP {
		return Event{}, fmt.Errorf("decoding event on %q: not an event subject of OTP hosts", clip(subject))
	}
	out, err := outlineOf(data)
	if err != nil {
		return Event{}, fmt.Errorf("decoding event: %w", err)
	}
	name, ok := strings.CutPrefix(string(out.kind), EventTypePrefix)
	if !ok {
		return Event{}, fmt.Errorf("decoding event: type is %q", clip(string(out.kind)))
	}
	ev, err := decodeEvent(name, out, data, otpEvents)
	if err != nil {
		return Event{}, fmt.Errorf("decoding event %s: %w", clip(name), err)
	}
	switch ev.Data.(type) {
	case OTPLinkdefSet, OTPLinkdefDeleted:
		if ev.Source == noSource {
			ev.Host = ""
			return ev, nil
		}
	}
	if err := validIDs("source", ev.Source); err != nil {
		return Event{}, fmt.Errorf("decoding event %s: %w", clip(name), err)
	}
	return ev, nil
}

// EventName returns the name of an event struct ("host_started"), "" if it is none.
func EventName(data any) string {
	if u, ok := data.(Unknown); ok {
		return u.Name
	}
	kind := reflect.TypeOf(data)
	if name := v1EventNames[kind]; name != "" {
		return name
	}
	return otpEventNames[kind]
}

// namesByType turns a table of events around.
func namesByType(events map[string]any) map[reflect.Type]string {
	out := make(map[reflect.Type]string, len(events))
	for name, data := range events {
		out[reflect.TypeOf(data)] = name
	}
	return out
}

// EncodeEvent returns the CloudEvent of a host: data is one of the event
// structs by value. Type, SpecVersion and DataContentType are filled in if
// empty; ID, Source and Time come from the caller.
func EncodeEvent(env Envelope, data any) ([]byte, error) {
	name := EventName(data)
	if name == "" {
		return nil, fmt.Errorf("encoding event: %T is not an event", data)
	}
	if env.Type == "" {
		env.Type = EventTypePrefix + name
	}
	if env.SpecVersion == "" {
		env.SpecVersion = specVersion
	}
	if env.DataContentType == "" {
		env.DataContentType = contentType
	}
	if otpEventNames[reflect.TypeOf(data)] != "" {
		return Encode(otpEventWire{
			SpecVersion: env.SpecVersion, ID: env.ID, Type: env.Type, Source: env.Source,
			DataContentType: env.DataContentType, Time: env.Time, Data: data,
		})
	}
	return Encode(eventWire[any]{
		SpecVersion: env.SpecVersion, ID: env.ID, Type: env.Type, Source: env.Source,
		DataContentType: env.DataContentType, Time: env.Time, Data: &data,
	})
}
