package oam

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// ValidName tells whether a text may name an application or a lattice: ASCII
// letters, digits, "-" and "_", at most MaxNameLength of them.
func ValidName(s string) bool { return nameRule.MatchString(s) && len(s) <= MaxNameLength }

// ValidToken tells whether a text may be an id, a link name or the name of a
// config in the store: one subject token and a legal key, at most MaxNameLength
// bytes.
func ValidToken(s string) bool { return tokenRule.MatchString(s) && len(s) <= MaxNameLength }

var (
	nameRule   = regexp.MustCompile(`^[-A-Za-z0-9_]+$`)
	tokenRule  = regexp.MustCompile(`^[-/_=A-Za-z0-9]+$`)
	prefixRule = regexp.MustCompile(`^[A-Za-z]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?(\.[A-Za-z]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*$`)
	keyRule    = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
)

// Validate applies every rule to a decoded manifest and reports all that is
// wrong. The order is that of the rules: first those of wadm 0.21.1 in its own
// order, with its texts (Compat), so that the first error is what it would have
// replied; then those of 0.3.0, for manifests of that form, likewise; then ours.
// Where one of ours says the same with a better place, the other is Covered.
func Validate(d *Document) Diagnostics {
	if d == nil || d.Manifest == nil {
		return nil
	}
	v := &validator{sink: &sink{}, d: d, m: d.Manifest, form: d.Manifest.Form(), names: map[string]bool{}}
	for i := range v.m.Spec.Components {
		v.names[v.m.Spec.Components[i].Name] = true
	}
	v.metadata()
	v.duplicateNames()
	v.danglingLinks()
	v.interfaces()
	v.linkTargets()
	v.secrets()
	v.traitShapes()
	v.images()
	v.duplicateLinks()
	v.duplicateLinkConfigs()
	v.deprecated()
	if v.form == Form03 {
		v.rules03()
	}
	v.own()
	return v.list
}

// ValidatePut is Validate as the server applies it to a put: the version and
// the trimmed name are judged first, with texts of their own, which then stand
// for the rules on the name and the version.
func ValidatePut(d *Document) Diagnostics {
	if d == nil || d.Manifest == nil {
		return nil
	}
	edge := &validator{sink: &sink{}, d: d, m: d.Manifest}
	if d.Manifest.Version() == reservedVersion {
		edge.compat(Error, "metadata.annotations.version", `invalid manifest version, errors: "latest is not allowed in wadm"`)
	}
	name := strings.TrimSpace(d.Manifest.Metadata.Name)
	if !nameRule.MatchString(name) && !d.isBroken("metadata.name") {
		edge.compat(Error, "metadata.name", "Manifest name "+name+" contains invalid characters. Manifest names can only contain alphanumeric characters, dashes, and underscores.")
	}
	rest := Validate(d)
	for i := range rest {
		for _, e := range edge.list {
			if rest[i].Path == e.Path && rest[i].Compat {
				rest[i].Covered = true
			}
		}
	}
	return append(edge.list, rest...)
}

// reservedVersion means the newest one in requests, so no version has it.
const reservedVersion = "latest"

const latestRefused = "latest is not allowed in wadm"

// validator walks one manifest; each rule is a method.
type validator struct {
	*sink
	d     *Document
	m     *Manifest
	form  Form
	names map[string]bool // of the components
}

// compat reports a text of the other implementations.
func (v *validator) compat(level Level, path, message string) {
	d := v.d.place(path).diagnostic(level, path, message)
	d.Compat = true
	v.add(d)
}

// cover marks the last diagnostic as said better by another one.
func (v *validator) cover() {
	if n := len(v.list); n > 0 && !v.full(Error) {
		v.list[n-1].Covered = true
	}
}

// err and warn report ours.
func (v *validator) err(path, format string, args ...any) {
	v.add(v.d.place(path).diagnostic(Error, path, fmt.Sprintf(format, args...)))
}

func (v *validator) warn(path, format string, args ...any) {
	v.add(v.d.place(path).diagnostic(Warning, path, fmt.Sprintf(format, args...)))
}

// components visits each component with its path.
func (v *validator) components(visit func(c *Component, path string)) {
	for i := range v.m.Spec.Components {
		visit(&v.m.Spec.Components[i], item("spec.components", i))
	}
}

// traits visits each trait with its component and the trait's path.
func (v *validator) traits(visit func(c *Component, t *Trait, path string)) {
	v.components(func(c *Component, path string) {
		for i := range c.Traits {
			visit(c, &c.Traits[i], item(field(path, "traits"), i))
		}
	})
}

// links visits each link-shaped trait of type link with the path of its
// properties.
func (v *validator) links(visit func(c *Component, l *Link, path string)) {
	v.traits(func(c *Component, t *Trait, path string) {
		if t.Type == TraitLink && t.Link != nil {
			visit(c, t.Link, field(path, "properties"))
		}
	})
}

// metadata is rules 1 to 4: name, version, label and annotation keys.
func (v *validator) metadata() {
	name := v.m.Metadata.Name
	if !nameRule.MatchString(name) && !v.d.isBroken("metadata.name") {
		v.compat(Error, "metadata.name", "manifest name ["+name+`] is not allowed (should match regex [^[-\w]+$])`)
	}
	if v.m.Version() == reservedVersion {
		v.compat(Error, "metadata.annotations.version", latestRefused)
	}
	v.keys("label", "metadata.labels", v.m.Metadata.Labels)
	v.keys("annotation", "metadata.annotations", v.m.Metadata.Annotations)
}

func (v *validator) keys(what, path string, m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !validKey(k) {
			v.compat(Error, field(path, k), fmt.Sprintf("Invalid OAM %s: (%q, %q)", what, k, m[k]))
		}
	}
}

// validKey is the rule for label and annotation keys: [prefix/]name.
func validKey(key string) bool {
	prefix, name, found := strings.Cut(key, "/")
	if !found {
		return keyRule.MatchString(key)
	}
	return len(prefix) <= 253 && prefixRule.MatchString(prefix) && keyRule.MatchString(name)
}

// duplicateNames is rules 5 and 6.
func (v *validator) duplicateNames() {
	names, ids := map[string]bool{}, map[string]bool{}
	v.components(func(c *Component, path string) {
		if at := field(path, "name"); names[c.Name] && !v.d.isBroken(at) {
			v.compat(Error, at, "Duplicate component name in manifest: "+c.Name)
		}
		names[c.Name] = true
	})
	v.components(func(c *Component, path string) {
		id := c.Properties.ID
		if id != "" && ids[id] {
			v.compat(Error, under(path, "properties.id"), "Duplicate component identifier in manifest: "+id)
		}
		ids[id] = true
	})
}

// danglingLinks is rule 7: one text for all targets that do not exist, with one
// of ours for each at its place.
func (v *validator) danglingLinks() {
	missing := map[string]bool{}
	var at []string
	v.traits(func(_ *Component, t *Trait, path string) {
		if t.Link != nil && !v.names[t.Link.Target.Name] {
			missing[t.Link.Target.Name] = true
			at = append(at, under(path, "properties.target.name"))
		}
	})
	if len(missing) == 0 {
		return
	}
	quoted := make([]string, 0, len(missing))
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	v.compat(Error, at[0], "The following capability component(s) are missing from the manifest: ["+strings.Join(quoted, ", ")+"]")
	v.cover()
	v.traits(func(_ *Component, t *Trait, path string) {
		if t.Link == nil || v.names[t.Link.Target.Name] {
			return
		}
		v.noTarget(t.Link.Target.Name, under(path, "properties.target.name"),
			"link target %q is not a component of this manifest", func(*Component) bool { return true })
	})
}

// noTarget says that a link leads nowhere, with the name that was meant.
func (v *validator) noTarget(name, path, format string, fits func(*Component) bool) {
	if v.full(Error) {
		return
	}
	if name == "" {
		v.err(path, "the link has no target%s", in(strings.TrimSuffix(path, ".target.name")))
		return
	}
	var candidates []string
	v.components(func(c *Component, _ string) {
		if fits(c) {
			candidates = append(candidates, c.Name)
		}
	})
	d := v.d.place(path).diagnostic(Error, path, fmt.Sprintf(format, clip(name, 80)))
	d.Suggestion = suggest(name, candidates)
	v.add(d)
}
