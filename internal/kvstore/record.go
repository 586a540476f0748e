package kvstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wadm-go/wadm/internal/store"
)

// The members of a stored record, in the order in which 0.21.1 writes them.
const (
	memberManifests = "manifests"
	memberDeployed  = "deployed_version"
)

// decodeRecord reads a stored record. The order of its versions is the order in which they were put, which a Go map would lose; the
// bytes of each manifest are kept. The name is left to place.
func decodeRecord(data []byte) (store.Model, error) {
	var m store.Model
	var manifests json.RawMessage
	err := eachMember(data, func(name string, value json.RawMessage) error {
		switch name {
		case memberManifests:
			manifests = value
		case memberDeployed:
			var deployed *string
			if err := json.Unmarshal(value, &deployed); err != nil {
				return fmt.Errorf("reading %s: %w", memberDeployed, err)
			}
			m.Deployed = ""
			if deployed != nil {
				m.Deployed = *deployed
			}
		default:
			if m.Unknown == nil {
				m.Unknown = map[string]json.RawMessage{}
			}
			m.Unknown[name] = value
		}
		return nil
	})
	if err != nil {
		return store.Model{}, err
	}
	at := map[string]int{}
	err = eachMember(manifests, func(version string, manifest json.RawMessage) error {
		if i, twice := at[version]; twice {
			m.Versions[i].Manifest = manifest // as every reader of JSON does
			return nil
		}
		at[version] = len(m.Versions)
		m.Versions = append(m.Versions, store.Version{Version: version, Manifest: manifest})
		return nil
	})
	if err != nil {
		return store.Model{}, fmt.Errorf("reading %s: %w", memberManifests, err)
	}
	return m, nil
}

// encodeRecord writes what decodeRecord reads. The manifests have been checked to be JSON.
func encodeRecord(m store.Model) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"` + memberManifests + `":{`)
	for i, v := range m.Versions {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := quote(v.Version)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(v.Manifest)
	}
	b.WriteString(`},"` + memberDeployed + `":`)
	deployed := []byte("null")
	if m.Deployed != "" {
		var err error
		if deployed, err = quote(m.Deployed); err != nil {
			return nil, err
		}
	}
	b.Write(deployed)
	for _, k := range slices.Sorted(maps.Keys(m.Unknown)) {
		name, err := quote(k)
		if err != nil {
			return nil, err
		}
		if k == memberManifests || k == memberDeployed || !json.Valid(m.Unknown[k]) {
			return nil, fmt.Errorf("the unknown member %q cannot be kept", k)
		}
		b.WriteByte(',')
		b.Write(name)
		b.WriteByte(':')
		b.Write(m.Unknown[k])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// quote writes a JSON string as other programs do: without escaping <, > and &.
func quote(s string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// eachMember goes through the members of a JSON object in their order. The value's bytes are a copy.
func eachMember(data []byte, f func(name string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return errors.New("not a JSON object")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := f(name, value); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// held is what one key of the manifest bucket holds: a set of names (an array), a record (an object whose name fits the key), or
// something that cannot be read.
type held struct {
	isSet   bool
	names   []string
	bad     bool
	lattice string // of a record
	model   store.Model
}

func readHeld(k string, data []byte) held {
	if data = bytes.TrimLeft(data, " \t\r\n"); len(data) > 0 && data[0] == '[' {
		h := held{isSet: true}
		if json.Unmarshal(data, &h.names) != nil {
			h.names = nil // the records are the truth; a list brings their names back
		}
		return h
	}
	m, err := decodeRecord(data)
	if err != nil {
		return held{bad: true}
	}
	lattice, app, ok := place(k, m)
	if !ok {
		return held{bad: true}
	}
	m.Name = app
	return held{lattice: lattice, model: m}
}

// place tells lattice and name of a record: the key does not, for both may contain the - between them, but the manifests bear the name.
func place(k string, m store.Model) (lattice, app string, ok bool) {
	for _, v := range slices.Backward(m.Versions) {
		var manifest struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if json.Unmarshal(v.Manifest, &manifest) != nil || manifest.Metadata.Name == "" {
			continue
		}
		if l, found := strings.CutSuffix(k, "-"+manifest.Metadata.Name); found && l != "" {
			return l, manifest.Metadata.Name, true
		}
	}
	return "", "", false
}

// encodeSet writes a set of names.
func encodeSet(names []string) []byte {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if names == nil {
		names = []string{}
	}
	data, err := json.Marshal(names)
	if err != nil {
		panic(err) // strings always marshal
	}
	return data
}
