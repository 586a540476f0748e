package oam

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// trait decodes one trait. What its properties are is told by their shape, and
// what does not fit the shape that the type needs is kept as custom, with the
// reasons remembered for Validate.
func (d *decoder) trait(n *node, path string) Trait {
	var t Trait
	if !d.isMap(n, path) {
		return t
	}
	d.known(n, path, true, "type", "properties")
	t.Type = d.requiredWord(n, path, "type", false)
	v := d.required(n, path, "properties")
	if v == nil {
		return t
	}
	at := field(path, "properties")
	fits, why := d.traitShape(&t, v, at)
	if fits {
		return t
	}
	t.Custom = d.json(v, at)
	if len(why) > 0 {
		d.doc.shape[path] = why
	}
	return t
}

// traitShape finds the shape of a trait's properties, or why they have not the one that its type needs. Each shape is tried only where it
// can count: what does not fit is told with suggestions, which take longer than all the rest.
func (d *decoder) traitShape(t *Trait, v *node, at string) (fits bool, why Diagnostics) {
	if t.Type == TraitLinkDef {
		linkdef, problems := attempt(d, v, at, (*decoder).linkdef)
		if !problems.HasErrors() {
			t.LinkDef = linkdef
			return true, nil
		}
		why = problems
	}
	if t.Type == TraitLink || v.kind == mapKind && !v.get("namespace").isNull() { // a link has one
		link, problems := attempt(d, v, at, (*decoder).link)
		if !problems.HasErrors() {
			t.Link = link
			for _, w := range problems { // only warnings
				d.add(w)
			}
			return true, nil
		}
		if t.Type == TraitLink {
			why = problems
		}
	}
	if t.Type != TraitLink && t.Type != TraitLinkDef {
		scaler, problems := attempt(d, v, at, (*decoder).scaler)
		if !problems.HasErrors() {
			t.Scaler = scaler
			return true, nil
		}
		if t.Type == TraitSpreadScaler || t.Type == TraitDaemonScaler {
			why = problems
		}
	}
	return false, why
}

// attempt tries one shape without reporting what does not fit it.
func attempt[T any](d *decoder, n *node, path string, shape func(*decoder, *node, string) T) (T, Diagnostics) {
	try := *d
	try.sink = &sink{}
	v := shape(&try, n, path)
	return v, try.list
}

func (d *decoder) link(n *node, path string) *Link {
	l := &Link{}
	if !d.isMap(n, path) {
		return l
	}
	d.known(n, path, false, "namespace", "package", "interfaces", "source", "target", "name", "source_config", "target_config")
	l.Namespace = d.requiredWord(n, path, "namespace", false)
	l.Package = d.requiredWord(n, path, "package", false)
	if v := d.required(n, path, "interfaces"); v != nil {
		l.Interfaces = []string{}
		d.each(v, field(path, "interfaces"), func(i *node, at string) {
			l.Interfaces = append(l.Interfaces, d.word(i, at, false))
		})
	}
	if _, v := n.entry("name"); v != nil {
		if l.Name = d.word(v, field(path, "name"), false); l.Name == "" && v.kind == textKind {
			d.fail(v.place(), field(path, "name"), "the link's name is empty"+in(path)+": leave it out for the default")
		}
	}
	if v := n.get("source"); !v.isNull() {
		l.Source = d.source(v, field(path, "source"))
	} else if v := n.get("source_config"); !v.isNull() {
		l.Source = &LinkEnd{Config: d.configs(v, field(path, "source_config"))}
	}
	l.Target = d.target(n, path)
	if n.get("target").isNull() && d.list.HasErrors() {
		d.required(n, path, "target") // one more while we are at it; see target
	}
	return l
}

func (d *decoder) source(n *node, path string) *LinkEnd {
	if !d.isMap(n, path) {
		return nil
	}
	d.known(n, path, false, "config", "secrets")
	return &LinkEnd{
		Config:  d.configs(n.get("config"), field(path, "config")),
		Secrets: d.secrets(n.get("secrets"), field(path, "secrets")),
	}
}

// target is a map, or the old form: a name, with target_config beside it. A
// link without a target is still a link; Validate says that it leads nowhere.
func (d *decoder) target(link *node, path string) LinkTarget {
	n, at := link.get("target"), field(path, "target")
	switch {
	case n.isNull():
		return LinkTarget{}
	case n.kind == mapKind:
		d.known(n, at, false, "name", "config", "secrets")
		return LinkTarget{
			Name:    d.requiredWord(n, at, "name", false),
			Config:  d.configs(n.get("config"), field(at, "config")),
			Secrets: d.secrets(n.get("secrets"), field(at, "secrets")),
		}
	}
	return LinkTarget{
		Name:   d.word(n, at, false),
		Config: d.configs(link.get("target_config"), field(path, "target_config")),
	}
}

func (d *decoder) scaler(n *node, path string) *Scaler {
	s := &Scaler{}
	if !d.isMap(n, path) {
		return s
	}
	d.known(n, path, true, "instances", "replicas", "spread")
	key := "instances"
	if k, _ := n.entry("replicas"); k != nil {
		if n.get("instances") != nil {
			d.fail(k.place(), path, "instances and replicas are the same"+in(path)+": give one of them")
		}
		key = "replicas"
	}
	if v := d.required(n, path, key); v != nil {
		s.Instances = d.count(v, field(path, key))
	}
	d.each(n.get("spread"), field(path, "spread"), func(v *node, at string) {
		s.Spread = append(s.Spread, d.spread(v, at))
	})
	return s
}

func (d *decoder) spread(n *node, path string) Spread {
	s := Spread{Requirements: map[string]string{}}
	if !d.isMap(n, path) {
		return s
	}
	d.known(n, path, true, "name", "requirements", "weight")
	s.Name = d.requiredWord(n, path, "name", false)
	if v := n.get("requirements"); !v.isNull() {
		s.Requirements = d.strings(v, field(path, "requirements"), false)
	}
	if v := n.get("weight"); !v.isNull() {
		w := d.count(v, field(path, "weight"))
		s.Weight = &w
	}
	return s
}

func (d *decoder) linkdef(n *node, path string) *LinkDef {
	l := &LinkDef{}
	if !d.isMap(n, path) {
		return l
	}
	d.known(n, path, true, "target", "values")
	l.Target = d.requiredWord(n, path, "target", false)
	if v := d.required(n, path, "values"); v != nil {
		if at := field(path, "values"); d.isMap(v, at) {
			l.Values = d.json(v, at)
		}
	}
	return l
}

// count is a whole number of 0 or more that fits in 32 bits.
func (d *decoder) count(n *node, path string) int {
	if n.kind != intKind {
		d.fail(n.place(), path, "invalid type: "+n.describe()+", expected a whole number"+in(path))
		return 0
	}
	v, err := strconv.ParseInt(n.text, 0, 64)
	if err != nil || v > math.MaxInt32 {
		d.fail(n.place(), path, "invalid value: integer `"+clip(n.text, 40)+"` is too large"+in(path))
		return 0
	}
	if v < 0 {
		d.fail(n.place(), path, "invalid value: integer `"+n.text+"`, expected 0 or more"+in(path))
		return 0
	}
	return int(v)
}

// json is a value as compact JSON with sorted keys.
func (d *decoder) json(n *node, path string) json.RawMessage {
	return d.appendJSON(nil, n, path)
}

func (d *decoder) appendJSON(b []byte, n *node, path string) []byte {
	switch n.kind {
	case nullKind:
		return append(b, "null"...)
	case boolKind:
		return append(b, strings.ToLower(n.text)...)
	case textKind:
		return appendString(b, n.text)
	case intKind, floatKind:
		return d.appendNumber(b, n, path)
	case listKind:
		b = append(b, '[')
		for i, v := range n.vals {
			if i > 0 {
				b = append(b, ',')
			}
			b = d.appendJSON(b, v, path)
		}
		return append(b, ']')
	}
	order := make([]int, len(n.keys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(n.keys[i].text, n.keys[j].text) })
	b = append(b, '{')
	for i, at := range order {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, n.keys[at].text), ':')
		b = d.appendJSON(b, n.vals[at], path)
	}
	return append(b, '}')
}

// appendNumber keeps a number's own digits where JSON can read them.
func (d *decoder) appendNumber(b []byte, n *node, path string) []byte {
	f, err := strconv.ParseFloat(n.text, 64)
	text := strings.TrimPrefix(n.text, "+")
	if json.Valid([]byte(text)) {
		if err != nil {
			d.fail(n.place(), path, fmt.Sprintf("number `%s` is out of range%s", clip(text, 40), in(path)))
			return append(b, '0')
		}
		return append(b, text...)
	}
	if n.kind == intKind {
		if v, err := strconv.ParseInt(text, 0, 64); err == nil {
			return strconv.AppendInt(b, v, 10)
		}
	} else if err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	d.fail(n.place(), path, fmt.Sprintf("`%s` is no number that JSON can hold%s", clip(text, 40), in(path)))
	return append(b, '0')
}
