package oam

import (
	"fmt"
	"slices"
)

// Texts of wadm 0.3.0 for what it could not make a manifest of. Its reply puts
// those of several components behind one another.
const (
	NoComponents   = "No components to extract from application specification"
	badActor       = "Cannot extract actor component from map"
	badCapability  = "Cannot extract capability component from map"
	badTraits      = "Failed to extract traits"
	pathComponents = "spec.components"
)

// Decode03 reads a manifest as a server of generation 0.3 does: a body that
// begins with "{" is JSON, any other YAML. What it finds wrong in the words of
// 0.3.0 is Compat; where 0.3.0 crashed, the words and the place are ours.
//
// By the grammar of 0.3.0 nothing is required but the components, unknown fields
// are ignored, the last of several YAML documents and the first of doubled keys
// count. Aliases are resolved, which 0.3.0 did not. The version is always there
// and has lost one leading v. A manifest with anything that only the 1.x form has
// (the type "component", a link, a daemonscaler, an id, a config, …) is read as
// Decode does it.
func Decode03(src []byte) (*Document, Diagnostics) {
	ds := &sink{}
	root, typed := parse03(src, ds)
	if root == nil {
		return nil, ds.list
	}
	if root.kind != mapKind {
		ds.fail(root.place(), "", "invalid type: "+root.describe()+", expected a manifest")
		return nil, ds.list
	}
	modern := has1x(root)
	inspect(root, ds, map[*node]bool{}, modern)
	d := &decoder{sink: ds, root: root, typed: typed, doc: &Document{root: root, shape: map[string]Diagnostics{}, grammar03: !modern}}
	if modern {
		d.doc.Manifest = d.manifest(root)
	} else {
		d.doc.Manifest = d.manifest03(root)
	}
	d.doc.broken = ds.broken
	annotations := d.doc.Manifest.Metadata.Annotations
	version, ok := annotations[AnnotationVersion]
	if !ok {
		version = UnnamedVersion
	}
	annotations[AnnotationVersion] = StripV(version)
	return d.doc, ds.list
}

func parse03(src []byte, ds *sink) (root *node, typed bool) {
	if len(src) > 0 && src[0] == '{' {
		return parse(src, FormatJSON, ds)
	}
	if len(src) > MaxSource {
		return parse(src, FormatYAML, ds) // which says so
	}
	if !checkCharacters(src, ds) {
		return nil, false
	}
	return parseYAML(src, ds, true), false
}

// has1x finds what 0.3.0 never had.
func has1x(n *node) bool {
	return slices.ContainsFunc(n.get("spec").get("components").items(), func(c *node) bool {
		if t := c.get("type"); t != nil && t.kind == textKind && t.text == string(ComponentKind) {
			return true
		}
		for _, key := range []string{"application", "id", "config", "secrets"} {
			if c.get("properties").get(key) != nil {
				return true
			}
		}
		return slices.ContainsFunc(c.get("traits").items(), func(t *node) bool {
			kind := t.get("type")
			return kind != nil && (kind.text == TraitLink || kind.text == TraitDaemonScaler) || t.get("properties").get("instances") != nil
		})
	})
}

// items are the elements of a list; none of anything else.
func (n *node) items() []*node {
	if n == nil || n.kind != listKind {
		return nil
	}
	return n.vals
}

func (d *decoder) manifest03(n *node) *Manifest {
	m := &Manifest{APIVersion: apiVersion, Kind: kindApplication, Metadata: Metadata{Name: UnnamedName, Annotations: map[string]string{}}}
	if v := n.get("metadata"); !v.isNull() && d.isMap(v, "metadata") {
		d.metadata03(&m.Metadata, v)
	}
	spec := n.get("spec")
	if !spec.isNull() && !d.isMap(spec, "spec") {
		return m
	}
	components := spec.get("components")
	if components.isNull() {
		d.compat(n, "spec", NoComponents)
		return m
	}
	d.each(components, pathComponents, func(c *node, at string) { m.Spec.Components = append(m.Spec.Components, d.component03(c, at)) })
	return m
}

func (d *decoder) metadata03(m *Metadata, n *node) {
	if v := n.get("name"); !v.isNull() {
		m.Name = d.word(v, "metadata.name", true)
	}
	const at = "metadata.annotations"
	annotations := n.get("annotations")
	if annotations.isNull() || !d.isMap(annotations, at) {
		return
	}
	for i, k := range annotations.keys {
		v := annotations.vals[i]
		_, known := m.Annotations[k.text]
		switch {
		case known || v.kind == nullKind:
		case k.text == AnnotationVersion:
			m.Annotations[k.text] = d.text(v, field(at, k.text), true)
		case v.kind < listKind:
			m.Annotations[k.text] = v.text // 0.3.0 looked at none but the description, which it took as it was
		case k.text == AnnotationDescription:
			d.text(v, field(at, k.text), true) // says what is wrong
		}
	}
}

func (d *decoder) component03(n *node, path string) Component {
	c := Component{Traits: []Trait{}}
	if !d.isMap(n, path) {
		return c
	}
	refused := badActor
	kind := d.required(n, path, "type")
	if kind == nil {
		return c
	}
	switch word := d.word(kind, field(path, "type"), false); word {
	case "actor":
		c.Type = ComponentKind
	case "capability":
		c.Type, refused = CapabilityKind, badCapability
	case "":
		return c
	default:
		d.failHint(kind.place(), field(path, "type"), fmt.Sprintf("unknown component type %q%s: it is actor or capability", clip(word, 40), in(path)),
			suggest(word, []string{"actor", "capability"}))
		return c
	}
	p, at := n.get("properties"), field(path, "properties")
	if n.get("name").isNull() || p.get("image").isNull() || c.Type == CapabilityKind && p.get("contract").isNull() {
		d.compat(n, path, refused)
		return c
	}
	c.Name = d.word(n.get("name"), field(path, "name"), false)
	c.Properties.Image = d.word(p.get("image"), field(at, "image"), false)
	if c.Type == CapabilityKind {
		c.Properties.Contract = d.word(p.get("contract"), field(at, "contract"), false)
		c.Properties.LinkName = d.optionalWord(p, at, "link_name")
	}
	d.traits03(&c, n, path)
	return c
}

func (d *decoder) traits03(c *Component, n *node, path string) {
	whole := true
	d.each(n.get("traits"), field(path, "traits"), func(t *node, at string) {
		trait, ok := d.trait03(t, at)
		whole = whole && ok
		c.Traits = append(c.Traits, trait)
	})
	if !whole {
		d.compat(n, path, badTraits)
	}
}

// trait03 is false where 0.3.0 said that it cannot extract the traits.
func (d *decoder) trait03(n *node, path string) (t Trait, ok bool) {
	if !d.isMap(n, path) {
		return t, true
	}
	kind, p, at := n.get("type"), n.get("properties"), field(path, "properties")
	if kind == nil || kind.kind != textKind || p == nil || p.kind != mapKind {
		return t, false
	}
	switch t.Type = kind.text; t.Type {
	case TraitSpreadScaler:
		t.Scaler, ok = d.scaler03(p, at)
	case TraitLinkDef:
		if ok = !p.get("target").isNull() && p.get("values") != nil; !ok {
			return t, false
		}
		t.LinkDef = &LinkDef{Target: d.word(p.get("target"), field(at, "target"), false)}
		if v, at := p.get("values"), field(at, "values"); d.isMap(v, at) {
			t.LinkDef.Values = d.json(v, at)
		}
	}
	return t, ok
}

func (d *decoder) scaler03(n *node, path string) (*Scaler, bool) {
	s := &Scaler{}
	v := n.get("replicas")
	if v.isNull() {
		return s, false
	}
	s.Instances = d.count(v, field(path, "replicas"))
	spread := n.get("spread")
	if spread.isNull() {
		return s, true
	}
	s.Spread = []Spread{} // an empty list is told from none
	named := true
	d.each(spread, field(path, "spread"), func(v *node, at string) {
		if v.kind == mapKind && v.get("name").isNull() {
			named = false
			return
		}
		s.Spread = append(s.Spread, d.spread03(v, at))
	})
	return s, named
}

func (d *decoder) spread03(n *node, path string) Spread {
	s := Spread{Requirements: map[string]string{}}
	if !d.isMap(n, path) {
		return s
	}
	s.Name = d.word(n.get("name"), field(path, "name"), false)
	if v := n.get("requirements"); !v.isNull() {
		s.Requirements = d.strings(v, field(path, "requirements"), true)
	}
	if v := n.get("weight"); v != nil && v.kind == intKind { // any other is 100
		w := d.count(v, field(path, "weight"))
		s.Weight = &w
	}
	return s
}

// compat reports a text of 0.3.0.
func (d *decoder) compat(n *node, path, message string) {
	e := n.place().diagnostic(Error, path, message)
	e.Compat = true
	d.add(e)
	d.broken = append(d.broken, path)
}
