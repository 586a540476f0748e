package oam

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxWeight keeps sums and products of weights far from any overflow.
const maxWeight = 1_000_000_000

// own is every rule that neither older implementation has.
func (v *validator) own() {
	v.envelope()
	v.components(v.name)
	v.ids()
	v.configNames()
	v.configValues()
	v.scalers()
	v.shapes()
	v.useless()
}

// shapes says what is wrong in properties that fit no shape, where wadm 0.21.1
// has no text for it.
func (v *validator) shapes() {
	v.traits(func(_ *Component, t *Trait, path string) {
		if shapeWord(t.Type) == "" && !v.d.isBroken(path) {
			for _, d := range v.d.shape[path] {
				v.add(d)
			}
		}
	})
}

// envelope warns of what nobody checks, and bounds name and version.
func (v *validator) envelope() {
	if a := v.m.APIVersion; a != apiVersion && !v.d.isBroken("apiVersion") {
		v.warn("apiVersion", "apiVersion %q is not %s: it is read as that", clip(a, 40), apiVersion)
	}
	if k := v.m.Kind; k != kindApplication && !v.d.isBroken("kind") {
		v.warn("kind", "kind %q is not %s: it is read as that", clip(k, 40), kindApplication)
	}
	switch n := len(v.m.Metadata.Name); {
	case n > MaxNameLength:
		v.err("metadata.name", "the application's name has %d bytes, %d are the most", n, MaxNameLength)
	case n > 63:
		v.warn("metadata.name", "the application's name is longer than 63 characters: other tools may refuse it")
	}
	if version := v.m.Version(); len(version) > MaxNameLength {
		v.err("metadata.annotations.version", "the version has %d bytes, %d are the most", len(version), MaxNameLength)
	} else if strings.ContainsFunc(version, isControl) || !utf8.ValidString(version) {
		v.err("metadata.annotations.version", "the version holds a control character")
	}
}

func (v *validator) name(c *Component, path string) {
	at := field(path, "name")
	switch {
	case v.d.isBroken(at):
	case c.Name == "":
		v.err(at, "the name of a component is empty")
	case len(c.Name) > MaxNameLength:
		v.err(at, "the name of component %q has %d bytes, %d are the most", clip(c.Name, 40), len(c.Name), MaxNameLength)
	}
}

const tokenHint = "letters, digits, - _ = / only, at most 255 of them: it is part of a subject and a key"

// ids checks the ids that components get on the lattice: legal, and each once.
func (v *validator) ids() {
	owner := map[string]*Component{}
	v.components(func(c *Component, path string) {
		id, at := v.m.EffectiveID(c), under(path, "properties.id")
		if v.d.isBroken(path) || c.Name == "" {
			return
		}
		if !ValidToken(id) {
			if c.Properties.ID == "" {
				v.err(field(path, "name"), "the id of component %q would be %q, which is too long: give it one by properties.id", clip(c.Name, 40), clip(id, 80))
			} else {
				v.err(at, "id %q is not allowed: %s", clip(id, 80), tokenHint)
			}
		}
		other := owner[id]
		if other == nil {
			owner[id] = c
			return
		}
		explicit := c.Properties.ID != "" && other.Properties.ID != ""
		shared := c.Properties.Application != nil && other.Properties.Application != nil
		if explicit || shared || c.Name == other.Name {
			return // told by an earlier rule, or one resource by two names
		}
		v.err(field(path, "name"), "components %q and %q both get the id %q: rename one, or give it another by properties.id", other.Name, c.Name, id)
	})
}

// configNames checks names that go to a store as they stand: link names and
// external configs. Managed ones are derived and always legal.
func (v *validator) configNames() {
	v.links(func(_ *Component, l *Link, path string) {
		if !ValidToken(l.LinkName()) {
			v.err(field(path, "name"), "link name %q is not allowed: %s", clip(l.Name, 80), tokenHint)
		}
		if len(l.Interfaces) == 0 {
			v.warn(field(path, "interfaces"), "the link%s has no interfaces: it does nothing", in(path))
		}
	})
	v.configs(func(c Config, path string) {
		name := v.m.ConfigName(c)
		switch {
		case c.Name == "":
			v.err(field(path, "name"), "the name of a config is empty")
		case ValidToken(name):
		case c.Properties == nil:
			v.err(field(path, "name"), "config name %q is not allowed: %s", clip(name, 80), tokenHint)
		default:
			v.err(field(path, "name"), "config name %q is too long", clip(c.Name, 80))
		}
	}, func(s Secret, path string) {
		if !ValidToken(v.m.SecretName(s)) {
			v.err(field(path, "name"), "secret name %q is too long", clip(s.Name, 80))
		}
	})
}

// configs visits every config and secret of the manifest with its path.
func (v *validator) configs(config func(Config, string), secret func(Secret, string)) {
	visit := func(configs []Config, secrets []Secret, path string) {
		for i, c := range configs {
			if at := item(field(path, "config"), i); !v.d.isBroken(at) {
				config(c, at)
			}
		}
		for i, s := range secrets {
			if at := item(field(path, "secrets"), i); !v.d.isBroken(at) {
				secret(s, at)
			}
		}
	}
	v.components(func(c *Component, path string) {
		visit(c.Properties.Config, c.Properties.Secrets, field(path, "properties"))
		for i := range c.Traits {
			t, at := &c.Traits[i], field(item(field(path, "traits"), i), "properties")
			if t.Type != TraitLink || t.Link == nil {
				continue
			}
			if s := t.Link.Source; s != nil {
				visit(s.Config, s.Secrets, field(at, "source"))
			}
			visit(t.Link.Target.Config, t.Link.Target.Secrets, field(at, "target"))
		}
	})
}

// configValues: one name in the store has one set of values. Equal values under
// one name are fine.
func (v *validator) configValues() {
	type first struct {
		values map[string]string
		path   string
	}
	configs, secrets := map[string]first{}, map[string]Secret{}
	v.configs(func(c Config, path string) {
		if c.Properties == nil {
			return
		}
		name := v.m.ConfigName(c)
		before, ok := configs[name]
		if !ok {
			configs[name] = first{c.Properties, path}
		} else if !maps.Equal(before.values, c.Properties) {
			v.err(field(path, "name"), "config %q has other values in %s: both are kept as %q", clip(c.Name, 80), short(before.path), clip(name, 80))
		}
	}, func(s Secret, path string) {
		name := v.m.SecretName(s)
		if before, ok := secrets[name]; !ok {
			secrets[name] = s
		} else if before.Properties != s.Properties {
			v.err(field(path, "name"), "secret %q is another one elsewhere: both are kept as %q", clip(s.Name, 80), clip(name, 80))
		}
	})
}

// scalers: one per component, with numbers that can be carried out.
func (v *validator) scalers() {
	v.components(func(c *Component, path string) {
		count := 0
		for i := range c.Traits {
			t, at := &c.Traits[i], item(field(path, "traits"), i)
			if t.Scaler == nil || t.Type != TraitSpreadScaler && t.Type != TraitDaemonScaler {
				continue
			}
			if count++; count > 1 {
				v.err(field(at, "type"), "component %q has more than one scaler: they would undo each other's work; use one with several spreads", c.Name)
			}
			v.scaler(c, t, field(at, "properties"))
		}
	})
}

func (v *validator) scaler(c *Component, t *Trait, path string) {
	if n := t.Scaler.Instances; n > MaxInstances {
		v.err(field(path, "instances"), "component %q wants %d instances, %d are the most", c.Name, n, MaxInstances)
	}
	sum, seen := 0, map[string]bool{}
	for i := range t.Scaler.Spread {
		s, at := &t.Scaler.Spread[i], item(field(path, "spread"), i)
		if seen[s.Name] {
			v.err(field(at, "name"), "duplicate spread name %q in component %q", clip(s.Name, 80), c.Name)
		}
		seen[s.Name] = true
		if s.EffectiveWeight() > maxWeight {
			v.err(field(at, "weight"), "weight %d is above %d", s.EffectiveWeight(), maxWeight)
		}
		sum += min(s.EffectiveWeight(), maxWeight)
	}
	if len(t.Scaler.Spread) > 0 && sum == 0 && t.Type == TraitSpreadScaler {
		v.err(field(item(field(path, "spread"), 0), "weight"), "weights of component %q add up to 0: at least one spread must be above 0", c.Name)
	}
}

// useless warns of what is legal and does nothing.
func (v *validator) useless() {
	v.traits(func(c *Component, t *Trait, path string) {
		if !v.d.isBroken(path) {
			v.uselessTrait(c, t, field(path, "type"))
		}
	})
	v.components(func(c *Component, path string) {
		scaler, _ := c.Scaler()
		if scaler != nil || c.Type == CapabilityKind && v.form != Form03 || c.Properties.Application != nil || v.d.isBroken(path) || badScaler(c) {
			return
		}
		v.warn(field(path, "name"), "%s %q has no scaler: it is never started", c.Type, c.Name)
	})
}

func (v *validator) uselessTrait(c *Component, t *Trait, path string) {
	switch t.Type {
	case TraitLink:
		if t.Link == nil || c.Type != CapabilityKind {
			return
		}
		if target := v.m.Component(t.Link.Target.Name); target != nil && target.Type == CapabilityKind {
			v.warn(path, "link from provider %q to provider %q does nothing: hosts link a provider to a component only", c.Name, target.Name)
		}
	case TraitLinkDef:
		if t.Link != nil {
			v.warn(path, "trait linkdef with the properties of a link does nothing: its type is link now")
		}
	case TraitSpreadScaler, TraitDaemonScaler:
		if t.Link != nil {
			v.warn(path, "trait %s with the properties of a link does nothing", t.Type)
		}
	default:
		if v.full(Warning) {
			return
		}
		d := v.d.place(path).diagnostic(Warning, path, fmt.Sprintf("trait of type %q is not known: it does nothing", clip(t.Type, 40)))
		d.Suggestion = suggest(t.Type, []string{TraitSpreadScaler, TraitDaemonScaler, TraitLink})
		v.add(d)
	}
}

// badScaler tells whether the component has a scaler that could not be read,
// which is told already.
func badScaler(c *Component) bool {
	return slices.ContainsFunc(c.Traits, func(t Trait) bool {
		return t.Custom != nil && (t.Type == TraitSpreadScaler || t.Type == TraitDaemonScaler)
	})
}
