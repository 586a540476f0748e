package redisstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/wadm-go/wadm/internal/redisstore/term"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
)

// The structs of 0.3.0 that a stored term consists of.
const (
	keyStruct      term.Atom = "__struct__"
	structModel    term.Atom = "Elixir.Wadm.Model.Store.ModelMap"
	structSpec     term.Atom = "Elixir.Wadm.Model.AppSpec"
	structPart     term.Atom = "Elixir.Wadm.Model.ActorComponent"
	structProvider term.Atom = "Elixir.Wadm.Model.CapabilityComponent"
	structScaler   term.Atom = "Elixir.Wadm.Model.SpreadScaler"
	structSpread   term.Atom = "Elixir.Wadm.Model.WeightedTarget"
	structLink     term.Atom = "Elixir.Wadm.Model.LinkDefinition"
)

// encodeVersion writes the term that 0.3.0 reads. Where the text as put is not known, the manifest takes its place.
func encodeVersion(app string, v store.Version) ([]byte, error) {
	vetted := oam.Vetted{Name: app, Version: v.Version, Description: oam.UnnamedDescription}
	if d, ds := oam.Decode03(v.Manifest); d != nil && !ds.HasErrors() {
		vetted = oam.Vet(d.Manifest)
		vetted.Name, vetted.Version = app, v.Version // as the keys say
	}
	raw := v.Raw
	if raw == nil {
		raw = v.Manifest
	}
	spec, err := specTerm(vetted)
	if err != nil {
		return nil, err
	}
	return term.Encode(term.Map{{Key: keyStruct, Value: structModel}, {Key: term.Atom("raw"), Value: string(raw)}, {Key: term.Atom("vetted"), Value: spec}})
}

func structure(name term.Atom, fields ...term.Pair) term.Map {
	return append(term.Map{{Key: keyStruct, Value: name}}, fields...)
}

func pair(name term.Atom, value any) term.Pair { return term.Pair{Key: name, Value: value} }

// specTerm writes the fields of each struct by name, as Erlang orders them.
func specTerm(v oam.Vetted) (term.Map, error) {
	components := term.List{}
	for i := range v.Components {
		c := &v.Components[i]
		traits, err := traitTerms(c.Traits)
		if err != nil {
			return nil, fmt.Errorf("component %q: %w", c.Name, err)
		}
		if c.Provider() {
			components = append(components, structure(structProvider, pair("contract", *c.Contract), pair("image", c.Image),
				pair("link_name", *c.LinkName), pair("name", c.Name), pair("traits", traits)))
			continue
		}
		components = append(components, structure(structPart, pair("image", c.Image), pair("name", c.Name), pair("traits", traits)))
	}
	return structure(structSpec, pair("components", components), pair("description", v.Description), pair("name", v.Name), pair("version", v.Version)), nil
}

func traitTerms(traits []oam.VettedTrait) (term.List, error) {
	all := term.List{}
	for _, t := range traits {
		if t.Link != nil {
			values, err := jsonTerm(t.Link.Values)
			if err != nil {
				return nil, fmt.Errorf("the values of the link to %q: %w", t.Link.Target, err)
			}
			all = append(all, structure(structLink, pair("target", t.Link.Target), pair("values", values)))
			continue
		}
		spread := term.List{}
		for _, s := range t.Scaler.Spread {
			var requirements any = term.Nil
			if s.Requirements != nil {
				requirements = textMap(s.Requirements)
			}
			spread = append(spread, structure(structSpread, pair("name", s.Name), pair("requirements", requirements), pair("weight", int64(s.Weight))))
		}
		all = append(all, structure(structScaler, pair("replicas", int64(t.Scaler.Instances)), pair("spread", spread)))
	}
	return all, nil
}

func textMap(m map[string]string) term.Map {
	t := term.Map{}
	for k, v := range m {
		t = append(t, term.Pair{Key: k, Value: v})
	}
	slices.SortFunc(t, func(a, b term.Pair) int { return strings.Compare(a.Key.(string), b.Key.(string)) })
	return t
}

// jsonTerm is a JSON text as Elixir reads it: objects are maps with binary keys.
func jsonTerm(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return plainTerm(v)
}

func plainTerm(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return term.Nil, nil
	case bool:
		return term.Atom(strconv.FormatBool(v)), nil
	case json.Number:
		return numberTerm(string(v))
	case []any:
		all := make(term.List, len(v))
		for i := range v {
			var err error
			if all[i], err = plainTerm(v[i]); err != nil {
				return nil, err
			}
		}
		return all, nil
	case map[string]any:
		m := make(term.Map, 0, len(v))
		for k, value := range v {
			t, err := plainTerm(value)
			if err != nil {
				return nil, err
			}
			m = append(m, term.Pair{Key: k, Value: t})
		}
		slices.SortFunc(m, func(a, b term.Pair) int { return strings.Compare(a.Key.(string), b.Key.(string)) })
		return m, nil
	}
	return v, nil // text
}

func numberTerm(n string) (any, error) {
	if !strings.ContainsAny(n, ".eE") {
		i, ok := new(big.Int).SetString(n, 10)
		switch {
		case !ok:
			return nil, fmt.Errorf("the number %.20s", n)
		case i.IsInt64():
			return i.Int64(), nil
		case len(i.Bytes()) > term.MaxBig:
			return nil, fmt.Errorf("the number %.20s… is too long to be stored", n)
		}
		return i, nil
	}
	f, err := strconv.ParseFloat(n, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("the number %.20s does not fit what wadm 0.3.0 stores", n)
	}
	return f, nil
}

// decodeVersion reads a term of 0.3.0. The manifest comes from the text where we read it as 0.3.0 did, else from what 0.3.0 made of it.
func decodeVersion(app, version string, data []byte) (store.Version, error) {
	v, err := term.Decode(data)
	if err != nil {
		return store.Version{}, err
	}
	m, ok := v.(term.Map)
	if tag, _ := m.Get(keyStruct); !ok || tag != structModel {
		return store.Version{}, fmt.Errorf("it is not a %s", structModel)
	}
	held, _ := m.Get("raw")
	raw, ok := held.(string)
	if !ok {
		return store.Version{}, errors.New("its raw is not a binary")
	}
	out := store.Version{Version: version, Raw: []byte(raw)}
	if d, ds := oam.Decode03(out.Raw); d != nil && !ds.HasErrors() && d.Manifest.Metadata.Name == app && sameVersion(d.Manifest, version) {
		out.Manifest = oam.Canonical(d.Manifest)
		return out, nil
	}
	vetted, _ := m.Get("vetted")
	spec, ok := vetted.(term.Map)
	if tag, _ := spec.Get(keyStruct); !ok || tag != structSpec {
		return store.Version{}, fmt.Errorf("its vetted is not a %s", structSpec)
	}
	out.Manifest, err = manifestOf(app, version, spec)
	return out, err
}

func sameVersion(m *oam.Manifest, version string) bool {
	return m.Version() == version || m.Version() == oam.StripV(version)
}

// manifestOf writes the manifest that 0.3.0's reading stands for. It is not judged: what is wrong in it is said when it is deployed.
func manifestOf(app, version string, spec term.Map) (json.RawMessage, error) {
	annotations := map[string]any{"version": version}
	if d, ok := spec.Get("description"); ok && d != term.Nil {
		annotations["description"] = plainJSON(d)
	}
	held, _ := spec.Get("components")
	list, ok := held.(term.List)
	if !ok {
		return nil, errors.New("its components are not a list")
	}
	components := make([]any, len(list))
	for i, c := range list {
		m, ok := c.(term.Map)
		if !ok {
			return nil, fmt.Errorf("its component %d is not a map", i)
		}
		components[i] = componentJSON(m)
	}
	data, err := json.Marshal(map[string]any{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": map[string]any{"name": app, "annotations": annotations},
		"spec": map[string]any{"components": components},
	})
	if err != nil {
		return nil, err
	}
	if d, ds := oam.Decode(data, oam.FormatJSON); d != nil && !ds.HasErrors() {
		return oam.Canonical(d.Manifest), nil
	}
	return data, nil
}

func componentJSON(c term.Map) any {
	properties := map[string]any{}
	out := map[string]any{"type": "component", "properties": properties}
	for _, p := range c {
		switch p.Key {
		case keyStruct:
			if p.Value == structProvider {
				out["type"] = "capability"
			}
		case term.Atom("name"):
			out["name"] = plainJSON(p.Value)
		case term.Atom("traits"):
			traits, ok := p.Value.(term.List)
			if !ok {
				out["traits"] = plainJSON(p.Value)
				continue
			}
			all := make([]any, len(traits))
			for i, t := range traits {
				all[i] = traitJSON(t)
			}
			out["traits"] = all
		default:
			properties[keyText(p.Key)] = plainJSON(p.Value)
		}
	}
	return out
}

func traitJSON(t any) any {
	m, ok := t.(term.Map)
	if !ok {
		return plainJSON(t)
	}
	kind, _ := m.Get(keyStruct)
	properties := map[string]any{}
	for _, p := range m {
		if p.Key == keyStruct {
			continue
		}
		value := plainJSON(p.Value)
		if spreads, ok := value.([]any); ok && p.Key == term.Atom("spread") {
			for _, s := range spreads {
				if fields, ok := s.(map[string]any); ok && fields["requirements"] == nil {
					delete(fields, "requirements") // absent is how a manifest says it
				}
			}
		}
		properties[keyText(p.Key)] = value
	}
	name := "spreadscaler"
	if kind == structLink {
		name = "linkdef"
	}
	return map[string]any{"type": name, "properties": properties}
}

func keyText(k any) string {
	switch k := k.(type) {
	case term.Atom:
		return string(k)
	case string:
		return k
	}
	return fmt.Sprint(k)
}

// plainJSON is a term as JSON shows it; a struct loses its tag.
func plainJSON(v any) any {
	switch v := v.(type) {
	case term.Atom:
		switch v {
		case term.Nil:
			return nil
		case term.True, term.False:
			return v == term.True
		}
		return string(v)
	case *big.Int:
		return json.Number(v.String())
	case term.List:
		return allJSON(v)
	case term.Tuple:
		return allJSON(v)
	case term.Map:
		m := map[string]any{}
		for _, p := range v {
			if p.Key != keyStruct {
				m[keyText(p.Key)] = plainJSON(p.Value)
			}
		}
		return m
	}
	return v
}

func allJSON(all []any) any {
	out := make([]any, len(all))
	for i := range all {
		out[i] = plainJSON(all[i])
	}
	return out
}

// broken stands for a version that cannot be read, among others that can: its name and the reason, and no spec, so that it cannot be deployed.
func broken(app, version string, why error) store.Version {
	data, err := json.Marshal(map[string]any{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "Application",
		"metadata": map[string]any{"name": app, "annotations": map[string]any{
			"version": version, "description": fmt.Sprintf("the stored version cannot be read: %v", why),
		}},
	})
	if err != nil {
		data = []byte(`{}`) // strings always marshal
	}
	return store.Version{Version: version, Manifest: data, Broken: why.Error()}
}

// field is what we keep of a version beside the term: how to know that the term is still the one we wrote, when it was put, whether the
// text in the term is the one that was put, and the manifest byte for byte.
func field(data []byte, v store.Version) []byte {
	created, raw := "-", 0
	if !v.Created.IsZero() {
		created = strconv.FormatInt(v.Created.UnixMilli(), 10)
	}
	if v.Raw != nil {
		raw = 1
	}
	return append(fmt.Appendf(nil, "%s %s %d\n", checksum(data), created, raw), v.Manifest...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) string {
	sum := strconv.AppendUint(nil, uint64(crc32.Checksum(data, castagnoli)), 16)
	return string(strconv.AppendInt(append(sum, '-'), int64(len(data)), 10))
}

// ownVersion is a version of which we keep more than the term; ok is false if the term is not the one we wrote.
func ownVersion(version, field, data string) (v store.Version, ok bool) {
	head, manifest, found := strings.Cut(field, "\n")
	parts := strings.Split(head, " ")
	if !found || len(parts) != 3 || parts[0] != checksum(bytesOf(data)) {
		return v, false
	}
	v = store.Version{Version: version, Manifest: bytesOf(manifest)}
	if ms, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
		v.Created = time.UnixMilli(ms).UTC()
	}
	if parts[2] == "1" {
		raw, ok := rawOf(data)
		if !ok {
			return v, false
		}
		v.Raw = raw
	}
	return v, true
}

// bytesOf is a text as bytes, not copied: the bytes of manifests and texts are never changed by anybody, and a list has many of them.
func bytesOf(text string) []byte {
	if text == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(text), len(text)) //nolint:gosec // read only, see above
}

// rawOf takes the text out of a term that we wrote, without reading the rest of it: it stands first.
func rawOf(data string) ([]byte, bool) {
	rest, ok := strings.CutPrefix(data, termHead)
	if !ok || len(rest) < 4 {
		return nil, false
	}
	n := int(rest[0])<<24 | int(rest[1])<<16 | int(rest[2])<<8 | int(rest[3])
	if n > len(rest)-4 {
		return nil, false
	}
	return bytesOf(rest[4 : 4+n]), true
}

var termHead = func() string {
	data, err := term.Encode(term.Map{{Key: keyStruct, Value: structModel}, {Key: term.Atom("raw"), Value: ""}, {Key: term.Atom("vetted"), Value: ""}})
	if err != nil {
		panic(err) // these are terms
	}
	empty := "\x00\x00\x00\x00"
	return string(data[:len(data)-len(empty)-len("d\x00\x06vetted")-len("m"+empty)])
}()
