package wasmbus

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeOptions: hosts may repeat a name (the last one wins) and add names we
// do not know; invalid UTF-8 is refused.
var decodeOptions = json.JoinOptions(
	jsontext.AllowDuplicateNames(true),
)

// encodeOptions: same value, same bytes.
var encodeOptions = json.JoinOptions(
	json.Deterministic(true),
)

// Encode returns the JSON of any request or reply of this package, keys in the
// order real programs send them, maps sorted. It fails only on strings that are
// no UTF-8.
func Encode(body any) ([]byte, error) {
	if s, ok := body.(V1Scale); ok {
		return appendScale(make([]byte, 0, 512), &s)
	}
	out, err := json.Marshal(body, encodeOptions)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", body, err)
	}
	return out, nil
}

// bounded checks the size and the depth of a message before it is decoded.
func bounded(msg []byte) error {
	if len(msg) > MaxMessageBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(msg), MaxMessageBytes)
	}
	s := scanner{b: msg}
	if !s.value(0) && s.tooDeep {
		return fmt.Errorf("%w: at most %d", ErrTooDeep, MaxDepth)
	}
	return nil
}

// unmarshal decodes a bounded message into out, which must be an object.
func unmarshal(msg []byte, out any) error {
	if err := bounded(msg); err != nil {
		return err
	}
	if err := notNull(msg); err != nil {
		return err
	}
	return json.Unmarshal(msg, out, decodeOptions)
}

var errNoObject = errors.New("not a JSON object")

// notNull refuses null (which would decode into anything) and no value at all.
func notNull(msg []byte) error {
	s := scanner{b: msg}
	s.space()
	if s.i == len(msg) || bytes.HasPrefix(msg[s.i:], []byte("null")) {
		return errNoObject
	}
	return nil
}

// require checks that a body is an object that has all the names, not null.
func require(body []byte, names ...string) error {
	var members map[string]jsontext.Value
	if err := unmarshal(body, &members); err != nil {
		return err
	}
	for _, name := range names {
		if raw := members[name]; len(raw) == 0 || raw.Kind() == 'n' {
			return fmt.Errorf("missing %q", name)
		}
	}
	return nil
}

// validIDs checks pairs of the name of a member and its value, an id.
func validIDs(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if !ValidToken(pairs[i+1]) {
			return fmt.Errorf("%s %q is not a valid identifier", pairs[i], clip(pairs[i+1]))
		}
	}
	return nil
}

// clip keeps hostile ids out of error texts.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// MarshalJSON sends a nil list as null.
func (l StringList) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("null"), nil
	}
	return json.Marshal([]string(l))
}

// MarshalJSON sends nil limits as null.
func (l V1Limits) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("null"), nil
	}
	return json.Marshal(map[string]string(l), encodeOptions)
}
