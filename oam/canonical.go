package oam

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Canonical is the normalised JSON of a manifest, as wadm 0.21.1 stores and
// returns it: aliases rewritten to the new names, defaults left out, its order
// of keys, maps sorted. It differs in one thing: `requirements` is written even
// when empty, because 0.21.1 cannot read back what it stored without it. Of the
// 0.3 form it keeps contract, link_name and linkdef.
//
// The same manifest always gives the same bytes, and Decode of them gives the
// same manifest.
func Canonical(m *Manifest) []byte {
	w := &writer{}
	w.open('{')
	w.str("apiVersion", m.APIVersion)
	w.str("kind", m.Kind)
	w.key("metadata")
	w.open('{')
	w.str("name", m.Metadata.Name)
	w.strings("annotations", m.Metadata.Annotations)
	if len(m.Metadata.Labels) > 0 {
		w.strings("labels", m.Metadata.Labels)
	}
	w.close('}')
	w.key("spec")
	w.open('{')
	w.key("components")
	list(w, m.Spec.Components, (*writer).component)
	if len(m.Spec.Policies) > 0 {
		w.key("policies")
		list(w, m.Spec.Policies, func(w *writer, p *Policy) {
			w.str("name", p.Name)
			w.strings("properties", p.Properties)
			w.str("type", p.Type)
		})
	}
	w.close('}')
	w.close('}')
	return w.b
}

// Hash is the lower-case hex SHA-256 of Canonical: it tells revisions apart.
func Hash(m *Manifest) string {
	sum := sha256.Sum256(Canonical(m))
	return hex.EncodeToString(sum[:])
}

// writer appends JSON; a comma goes before every value but the first.
type writer struct{ b []byte }

func (w *writer) comma() {
	if n := len(w.b); n > 0 && w.b[n-1] != '{' && w.b[n-1] != '[' && w.b[n-1] != ':' {
		w.b = append(w.b, ',')
	}
}

func (w *writer) open(c byte) {
	w.comma()
	w.b = append(w.b, c)
}

func (w *writer) close(c byte) { w.b = append(w.b, c) }

func (w *writer) key(k string) {
	w.comma()
	w.b = append(appendString(w.b, k), ':')
}

func (w *writer) str(key, value string) {
	w.key(key)
	w.b = appendString(w.b, value)
}

// opt writes a string that is left out when empty.
func (w *writer) opt(key, value string) {
	if value != "" {
		w.str(key, value)
	}
}

func (w *writer) int(key string, value int) {
	w.key(key)
	w.b = strconv.AppendInt(w.b, int64(value), 10)
}

func (w *writer) strings(key string, m map[string]string) {
	w.key(key)
	w.open('{')
	for _, k := range slices.Sorted(maps.Keys(m)) {
		w.str(k, m[k])
	}
	w.close('}')
}

func (w *writer) raw(key string, value json.RawMessage) {
	w.key(key)
	if len(value) == 0 {
		value = json.RawMessage("{}")
	}
	w.b = append(w.b, value...)
}

// list writes a list of objects.
func list[T any](w *writer, items []T, write func(*writer, *T)) {
	w.open('[')
	for i := range items {
		w.open('{')
		write(w, &items[i])
		w.close('}')
	}
	w.close(']')
}

func (w *writer) component(c *Component) {
	w.str("name", c.Name)
	w.str("type", string(c.Type))
	w.key("properties")
	w.open('{')
	p := &c.Properties
	w.opt("image", p.Image)
	w.opt("contract", p.Contract)
	w.opt("link_name", p.LinkName)
	if a := p.Application; a != nil {
		w.key("application")
		w.open('{')
		w.str("name", a.Name)
		w.str("component", a.Component)
		w.close('}')
	}
	w.opt("id", p.ID)
	w.configs(p.Config, p.Secrets)
	w.close('}')
	if c.Traits != nil {
		w.key("traits")
		list(w, c.Traits, (*writer).trait)
	}
}

func (w *writer) configs(configs []Config, secrets []Secret) {
	if len(configs) > 0 {
		w.key("config")
		list(w, configs, func(w *writer, c *Config) {
			w.str("name", c.Name)
			if c.Properties != nil {
				w.strings("properties", c.Properties)
			}
		})
	}
	if len(secrets) > 0 {
		w.key("secrets")
		list(w, secrets, func(w *writer, s *Secret) {
			w.str("name", s.Name)
			w.key("properties")
			w.open('{')
			w.str("policy", s.Properties.Policy)
			w.str("key", s.Properties.Key)
			w.opt("field", s.Properties.Field)
			w.opt("version", s.Properties.Version)
			w.close('}')
		})
	}
}

func (w *writer) trait(t *Trait) {
	w.str("type", t.Type)
	switch {
	case t.Link != nil:
		w.key("properties")
		w.link(t.Link)
	case t.Scaler != nil:
		w.key("properties")
		w.scaler(t.Scaler)
	case t.LinkDef != nil:
		w.key("properties")
		w.open('{')
		w.str("target", t.LinkDef.Target)
		w.raw("values", t.LinkDef.Values)
		w.close('}')
	default:
		w.raw("properties", t.Custom)
	}
}

func (w *writer) link(l *Link) {
	w.open('{')
	w.str("namespace", l.Namespace)
	w.str("package", l.Package)
	w.key("interfaces")
	w.open('[')
	for _, i := range l.Interfaces {
		w.comma()
		w.b = appendString(w.b, i)
	}
	w.close(']')
	if l.Source != nil {
		w.key("source")
		w.open('{')
		w.configs(l.Source.Config, l.Source.Secrets)
		w.close('}')
	}
	w.key("target")
	w.open('{')
	w.str("name", l.Target.Name)
	w.configs(l.Target.Config, l.Target.Secrets)
	w.close('}')
	w.opt("name", l.Name)
	w.close('}')
}

func (w *writer) scaler(s *Scaler) {
	w.open('{')
	w.int("instances", s.Instances)
	if len(s.Spread) > 0 {
		w.key("spread")
		list(w, s.Spread, func(w *writer, sp *Spread) {
			w.str("name", sp.Name)
			w.strings("requirements", sp.Requirements)
			if sp.Weight != nil {
				w.int("weight", *sp.Weight)
			}
		})
	}
	w.close('}')
}

// appendString writes a JSON string with no more escapes than JSON demands:
// the standard encoder's "<" as an escape would change what others hash.
func appendString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\b':
			b = append(b, '\\', 'b')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
