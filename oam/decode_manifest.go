package oam

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// decoder turns nodes into a manifest. Its methods take a value and its path
// and report what is wrong with it.
type decoder struct {
	*sink
	root *node
	// typed: a number is never text, wherever it stands (JSON).
	typed bool
	// form03: the content says it is a 0.3 manifest, whose envelope may be bare.
	form03 bool
	doc    *Document
}

func (d *decoder) manifest(n *node) *Manifest {
	d.form03 = looksLike03(n)
	m := &Manifest{}
	d.known(n, "", true, "apiVersion", "kind", "metadata", "spec")
	m.APIVersion = d.envelope(n, "apiVersion", apiVersion)
	m.Kind = d.envelope(n, "kind", kindApplication)
	if v := d.required(n, "", "metadata"); v != nil {
		m.Metadata = d.metadata(v, "metadata")
	}
	if m.Metadata.Annotations == nil {
		m.Metadata.Annotations = map[string]string{}
	}
	if v := d.required(n, "", "spec"); v != nil {
		m.Spec = d.spec(v, "spec")
	}
	return m
}

// What apiVersion and kind should read; nobody has ever checked.
const (
	apiVersion      = "core.oam.dev/v1beta1"
	kindApplication = "Application"
)

// envelope is apiVersion or kind; 0.3 never looked at them, so there they may
// be missing.
func (d *decoder) envelope(n *node, key, standard string) string {
	if d.form03 && n.get(key).isNull() {
		return standard
	}
	if v := d.required(n, "", key); v != nil {
		return d.word(v, key, true)
	}
	return ""
}

// looksLike03 finds what makes a manifest a 0.3 one: a contract, a link_name,
// or a linkdef with values.
func looksLike03(n *node) bool {
	components := n.get("spec").get("components")
	if components == nil {
		return false
	}
	for _, c := range components.vals {
		p := c.get("properties")
		if p.get("contract") != nil || p.get("link_name") != nil {
			return true
		}
		traits := c.get("traits")
		if traits == nil {
			continue
		}
		for _, t := range traits.vals {
			if kind := t.get("type"); kind != nil && kind.text == TraitLinkDef && t.get("properties").get("values") != nil {
				return true
			}
		}
	}
	return false
}

func (d *decoder) metadata(n *node, path string) Metadata {
	var m Metadata
	if !d.isMap(n, path) {
		return m
	}
	d.known(n, path, false, "name", "annotations", "labels")
	if v := d.required(n, path, "name"); v != nil {
		m.Name = d.word(v, field(path, "name"), true)
	}
	if v := n.get("annotations"); v.isNull() && d.form03 {
		m.Annotations = map[string]string{}
	} else if v = d.required(n, path, "annotations"); v != nil {
		m.Annotations = d.strings(v, field(path, "annotations"), true)
	}
	if v := n.get("labels"); !v.isNull() {
		if m.Labels = d.strings(v, field(path, "labels"), true); len(m.Labels) == 0 {
			m.Labels = nil
		}
	}
	return m
}

func (d *decoder) spec(n *node, path string) Spec {
	var s Spec
	if !d.isMap(n, path) {
		return s
	}
	d.known(n, path, false, "components", "policies")
	if v := d.required(n, path, "components"); v != nil {
		at := field(path, "components")
		d.each(v, at, func(c *node, at string) { s.Components = append(s.Components, d.component(c, at)) })
	}
	d.each(n.get("policies"), field(path, "policies"), func(c *node, at string) {
		s.Policies = append(s.Policies, d.policy(c, at))
	})
	return s
}

func (d *decoder) policy(n *node, path string) Policy {
	var p Policy
	if !d.isMap(n, path) {
		return p
	}
	d.known(n, path, false, "name", "type", "properties")
	p.Name = d.requiredWord(n, path, "name", true)
	p.Type = d.requiredWord(n, path, "type", true)
	if v := d.required(n, path, "properties"); v != nil {
		p.Properties = d.strings(v, field(path, "properties"), true)
	}
	return p
}

func (d *decoder) component(n *node, path string) Component {
	var c Component
	if !d.isMap(n, path) {
		return c
	}
	d.known(n, path, false, "name", "type", "properties", "traits")
	c.Name = d.requiredWord(n, path, "name", false)
	if v := d.required(n, path, "type"); v != nil {
		c.Type = d.componentType(v, field(path, "type"))
	}
	if v := d.required(n, path, "properties"); v != nil {
		c.Properties = d.properties(v, field(path, "properties"))
	}
	if v := n.get("traits"); !v.isNull() {
		c.Traits = []Trait{}
		d.each(v, field(path, "traits"), func(t *node, at string) { c.Traits = append(c.Traits, d.trait(t, at)) })
	}
	return c
}

func (d *decoder) componentType(n *node, path string) ComponentType {
	switch word := d.word(n, path, false); word {
	case "component", "actor":
		return ComponentKind
	case "capability":
		return CapabilityKind
	case "":
	default:
		hint := suggest(word, []string{"component", "capability"})
		if word == "provider" {
			hint = "capability"
		}
		d.failHint(n.place(), path, fmt.Sprintf("unknown component type %q%s: it is component or capability", clip(word, 40), in(strings.TrimSuffix(path, ".type"))), hint)
	}
	return ""
}

func (d *decoder) properties(n *node, path string) Properties {
	var p Properties
	if !d.isMap(n, path) {
		return p
	}
	names := []string{"image", "application", "id", "config", "secrets"}
	if d.form03 {
		names = append(names, "contract", "link_name")
	}
	d.known(n, path, true, names...)
	p.Image = d.optionalWord(n, path, "image")
	p.ID = d.optionalWord(n, path, "id")
	p.Contract = d.optionalWord(n, path, "contract")
	p.LinkName = d.optionalWord(n, path, "link_name")
	if v := n.get("application"); !v.isNull() {
		p.Application = d.application(v, field(path, "application"))
	}
	p.Config = d.configs(n.get("config"), field(path, "config"))
	p.Secrets = d.secrets(n.get("secrets"), field(path, "secrets"))
	return p
}

func (d *decoder) application(n *node, path string) *SharedApplication {
	if !d.isMap(n, path) {
		return nil
	}
	d.known(n, path, false, "name", "component")
	return &SharedApplication{
		Name:      d.requiredWord(n, path, "name", false),
		Component: d.requiredWord(n, path, "component", false),
	}
}

func (d *decoder) configs(n *node, path string) []Config {
	var out []Config
	d.each(n, path, func(c *node, at string) {
		if !d.isMap(c, at) {
			return
		}
		d.known(c, at, true, "name", "properties")
		config := Config{Name: d.requiredWord(c, at, "name", false)}
		if v := c.get("properties"); !v.isNull() {
			config.Properties = d.strings(v, field(at, "properties"), false)
		}
		out = append(out, config)
	})
	return out
}

func (d *decoder) secrets(n *node, path string) []Secret {
	var out []Secret
	d.each(n, path, func(s *node, at string) {
		if !d.isMap(s, at) {
			return
		}
		d.known(s, at, false, "name", "properties")
		secret := Secret{Name: d.requiredWord(s, at, "name", false)}
		if v := d.required(s, at, "properties"); v != nil {
			at := field(at, "properties")
			if d.isMap(v, at) {
				d.known(v, at, false, "policy", "key", "field", "version")
				secret.Properties = SecretProperties{
					Policy:  d.requiredWord(v, at, "policy", false),
					Key:     d.requiredWord(v, at, "key", false),
					Field:   d.optionalWord(v, at, "field"),
					Version: d.optionalWord(v, at, "version"),
				}
			}
		}
		out = append(out, secret)
	})
	return out
}

// known reports keys that do not belong in a map: as errors where wadm 0.21.1
// refuses them, as warnings where it silently drops them.
func (d *decoder) known(n *node, path string, strict bool, names ...string) {
	for _, k := range n.keys {
		if slices.Contains(names, k.text) {
			continue
		}
		hint := ""
		if !d.full(Error) && !d.full(Warning) {
			hint = suggest(k.text, names)
		}
		where := in(path)
		if path == "" {
			where = " at the top level"
		}
		message := fmt.Sprintf("unknown field %q%s", clip(k.text, 40), where)
		if strict {
			d.failHint(k.place(), field(path, k.text), message, hint)
			continue
		}
		w := k.place().diagnostic(Warning, field(path, k.text), message+": it is ignored")
		w.Suggestion = hint
		d.add(w)
	}
}

func (d *decoder) failHint(at place, path, message, hint string) {
	d.fail(at, path, message)
	if last := &d.list[len(d.list)-1]; last.Message == message {
		last.Suggestion = hint
	}
}

// required is the value of a key that must be there; null is not.
func (d *decoder) required(n *node, path, key string) *node {
	k, v := n.entry(key)
	if v.isNull() && (k == nil || d.typed || v.text != "~") {
		at := n.place()
		if k != nil {
			at = k.place()
		}
		d.fail(at, field(path, key), "missing field `"+key+"`"+in(path))
		return nil
	}
	return v
}

func (d *decoder) requiredWord(n *node, path, key string, loose bool) string {
	if v := d.required(n, path, key); v != nil {
		return d.word(v, field(path, key), loose)
	}
	return ""
}

func (d *decoder) optionalWord(n *node, path, key string) string {
	if v := n.get(key); !v.isNull() {
		return d.word(v, field(path, key), false)
	}
	return ""
}

// word is text on one line.
func (d *decoder) word(n *node, path string, loose bool) string {
	s := d.text(n, path, loose)
	if strings.ContainsAny(s, "\n\r\t") {
		d.fail(n.place(), path, "line break or tab in "+short(path))
		return ""
	}
	return s
}

// text is a string; loose takes other scalars by their source text.
func (d *decoder) text(n *node, path string, loose bool) string {
	switch {
	case n.kind == textKind:
		return n.text
	case n.kind < textKind && loose && !d.typed:
		return n.text
	case n.kind < textKind && n.kind != nullKind:
		d.fail(n.place(), path, fmt.Sprintf("invalid type: %s, expected a string%s: quote it, %s",
			n.describe(), in(path), strconv.Quote(clip(n.text, 40))))
	default:
		d.fail(n.place(), path, "invalid type: "+n.describe()+", expected a string"+in(path))
	}
	return ""
}

// strings is a map of strings, never nil.
func (d *decoder) strings(n *node, path string, loose bool) map[string]string {
	out := map[string]string{}
	if !d.isMap(n, path) {
		return out
	}
	for i, k := range n.keys {
		out[k.text] = d.text(n.vals[i], field(path, k.text), loose)
	}
	return out
}

func (d *decoder) isMap(n *node, path string) bool {
	if n.kind == mapKind {
		return true
	}
	d.fail(n.place(), path, "invalid type: "+n.describe()+", expected a map"+in(path))
	return false
}

// each visits the elements of a list; a missing or null list has none.
func (d *decoder) each(n *node, path string, visit func(n *node, path string)) {
	if n.isNull() {
		return
	}
	if n.kind != listKind {
		d.fail(n.place(), path, "invalid type: "+n.describe()+", expected a sequence"+in(path))
		return
	}
	for i, v := range n.vals {
		visit(v, item(path, i))
	}
}
