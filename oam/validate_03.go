package oam

import "slices"

// Validate03 applies every rule to a document of Decode03: first those of wadm
// 0.3.0 with its texts (Compat), the last found first, as its reply strings them
// together; then all of Validate's save that of the version "latest", which
// 0.3.0 took like any other. None of those is Compat here.
func Validate03(d *Document) Diagnostics {
	if d == nil || d.Manifest == nil {
		return nil
	}
	rest := ValidateStored(d)
	for i := range rest {
		rest[i].Compat = false // 0.21.1's words, if any
	}
	if !d.grammar03 {
		return rest
	}
	v := &validator{sink: &sink{}, d: d, m: d.Manifest, form: Form03}
	v.compat03()
	if !v.list.HasErrors() {
		v.list = append(v.list, rest...) // else they would be said twice
	}
	return v.list
}

// ValidateStored is Validate of a manifest that a store holds already. It may
// have the version "latest", if generation 0.3 stored it.
func ValidateStored(d *Document) Diagnostics {
	return slices.DeleteFunc(Validate(d), func(e Diagnostic) bool { return e.Message == latestRefused })
}

// rules03 is what wadm 0.3.0 checks, and what else a manifest of its form must
// fulfil.
func (v *validator) rules03() {
	capabilities := v.compat03()
	v.linkdefs(capabilities)
	v.mixed()
}

// compat03 is what wadm 0.3.0 checks, with its texts, in its order: the last
// found comes first. It returns how often each capability's name is used.
func (v *validator) compat03() map[string]int {
	capabilities := map[string]int{}
	v.components(func(c *Component, _ string) {
		if c.Type == CapabilityKind {
			capabilities[c.Name]++
		}
	})
	found := &validator{sink: &sink{}, d: v.d, m: v.m}
	v.traits(func(_ *Component, t *Trait, path string) {
		switch {
		case t.LinkDef != nil:
			at := under(path, "properties.target")
			switch capabilities[t.LinkDef.Target] {
			case 0:
				found.compat(Error, at, "No matching targets found for link definition target "+t.LinkDef.Target)
				found.cover()
			case 1:
			default:
				found.compat(Error, at, "Too many targets matching link definition target "+t.LinkDef.Target)
			}
		case t.Scaler != nil && t.Type == TraitSpreadScaler:
			sum := 0
			for i := range t.Scaler.Spread {
				sum += t.Scaler.Spread[i].EffectiveWeight()
			}
			if t.Scaler.Spread != nil && sum != 100 {
				found.compat(Error, under(path, "properties.spread"), "Spread scaler weight does not add up to 100")
			}
		}
	})
	slices.Reverse(found.list)
	for _, d := range found.list {
		v.add(d)
	}
	return capabilities
}

func isCapability(c *Component) bool { return c.Type == CapabilityKind }

// linkdefs is ours: what 0.3.0 took and then crashed on or fought over.
func (v *validator) linkdefs(capabilities map[string]int) {
	v.components(func(c *Component, path string) {
		seen := map[[2]string]bool{}
		for i := range c.Traits {
			t := &c.Traits[i]
			if t.LinkDef == nil {
				continue
			}
			at := under(item(field(path, "traits"), i), "properties.target")
			if c.Type == CapabilityKind {
				v.err(at, "linkdef on the capability %q: only a component links to a provider", c.Name)
			}
			target := v.m.Component(t.LinkDef.Target)
			if capabilities[t.LinkDef.Target] == 0 {
				v.noTarget(t.LinkDef.Target, at, "linkdef target %q is not a capability of this manifest", isCapability)
			}
			if target == nil || capabilities[t.LinkDef.Target] != 1 || c.Type == CapabilityKind {
				continue
			}
			name := target.Properties.LinkName
			if name == "" {
				name = DefaultName
			}
			key := [2]string{target.Properties.Contract, name}
			if seen[key] {
				v.err(at, "component %q has two linkdefs for contract %q and link name %q: a host keeps one", c.Name, key[0], key[1])
			}
			seen[key] = true
		}
	})
}

// mixed is ours: a manifest is of one form, for no lattice can carry both.
func (v *validator) mixed() {
	v.components(func(c *Component, path string) {
		p, at := &c.Properties, field(path, "properties")
		if c.Type == CapabilityKind && p.Contract == "" && !v.d.isBroken(at) {
			v.err(at, "capability %q has no contract: in a manifest of the 0.3 form every capability needs one", c.Name)
		}
		if c.Type == ComponentKind && p.Contract != "" {
			v.err(field(at, "contract"), "a contract belongs to a capability, and %q is a component", c.Name)
		}
		if c.Type == ComponentKind && p.LinkName != "" {
			v.err(field(at, "link_name"), "a link_name belongs to a capability, and %q is a component", c.Name)
		}
		const only = "%s in %s belongs to the 1.x form, and the rest of the manifest is of the 0.3 form (contract, link_name, linkdef)"
		for _, f := range []struct {
			name string
			set  bool
		}{
			{"application", p.Application != nil}, {"id", p.ID != ""},
			{"config", len(p.Config) > 0}, {"secrets", len(p.Secrets) > 0},
		} {
			if f.set {
				v.err(field(at, f.name), only, f.name, short(at))
			}
		}
		for i := range c.Traits {
			if t := &c.Traits[i]; t.Type == TraitLink {
				v.err(field(item(field(path, "traits"), i), "type"), only, "a link trait", short(path))
			}
		}
	})
}
