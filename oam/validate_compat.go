package oam

import (
	"encoding/json"
	"slices"
)

// knownInterfaces are those of the namespaces that are checked.
var knownInterfaces = map[string]map[string][]string{
	"wrpc": {
		"blobstore": {"blobstore"},
		"keyvalue":  {"atomics", "store"},
		"http":      {"incoming-handler", "outgoing-handler"},
	},
	"wasi": {
		"blobstore": {"blobstore"},
		"config":    {"runtime"},
		"keyvalue":  {"atomics", "store", "batch", "watch"},
		"http":      {"incoming-handler", "outgoing-handler"},
		"logging":   {"logging"},
	},
	"wasmcloud": {
		"messaging": {"consumer", "handler"},
	},
}

// interfaces is rule 8.
func (v *validator) interfaces() {
	v.links(func(_ *Component, l *Link, path string) {
		packages, ok := knownInterfaces[l.Namespace]
		if !ok {
			return
		}
		for i, name := range l.Interfaces {
			if !slices.Contains(packages[l.Package], name) {
				v.compat(Warning, item(field(path, "interfaces"), i), "unrecognized interface ["+l.Namespace+":"+l.Package+"/"+name+"]")
			}
		}
	})
}

// linkTargets is rule 9: links whose target is missing or unknown, link-shaped
// or not.
func (v *validator) linkTargets() {
	v.traits(func(_ *Component, t *Trait, path string) {
		if t.Type != TraitLink {
			return
		}
		at := field(path, "properties")
		switch {
		case t.Link == nil && !v.d.isBroken(path):
			if level, message := v.customTarget(t.Custom); message != "" {
				v.compat(level, at, message)
				if v.d.shape[path].HasErrors() {
					v.cover()
				}
			}
		case t.Link != nil && !v.names[t.Link.Target.Name]:
			target := t.Link.Target.Name
			id := "target [" + target + "]"
			if t.Link.Name != "" {
				id = "name [" + t.Link.Name + "]"
			}
			v.compat(Warning, under(at, "target.name"), "link ("+id+") target ["+target+"] is not a listed component")
			v.cover()
		}
	})
}

func (v *validator) customTarget(custom json.RawMessage) (Level, string) {
	var props struct {
		Target json.RawMessage `json:"target"`
	}
	if json.Unmarshal(custom, &props) != nil || props.Target == nil {
		return Error, "custom link is missing 'target' property"
	}
	var target struct {
		Name *string `json:"name"`
	}
	if json.Unmarshal(props.Target, &target) != nil || target.Name == nil {
		return Error, "custom link is missing 'target' name property"
	}
	if !v.names[*target.Name] {
		return Warning, "custom link target [" + *target.Name + "] is not a listed component"
	}
	return Warning, ""
}

// secrets is rule 10: every secret names a secret policy with a backend.
func (v *validator) secrets() {
	policies := map[string]*Policy{}
	for i := range v.m.Spec.Policies {
		policies[v.m.Spec.Policies[i].Name] = &v.m.Spec.Policies[i]
	}
	check := func(secrets []Secret, path string) {
		for i, s := range secrets {
			at := item(path, i)
			if v.d.isBroken(at) {
				continue
			}
			at = under(at, "properties.policy")
			p := policies[s.Properties.Policy]
			text := "secret '" + s.Name + "' is mapped to "
			switch {
			case p == nil:
				v.compat(Error, at, text+"unknown policy '"+s.Properties.Policy+"'")
			case p.Type != SecretPolicyType:
				v.compat(Error, at, text+"policy '"+p.Name+"' which is not a secret policy. Expected type '"+SecretPolicyType+"'")
			default:
				if _, ok := p.Properties["backend"]; !ok {
					v.compat(Error, at, text+"policy '"+p.Name+"' which does not include a 'backend' property")
				}
			}
		}
	}
	v.components(func(c *Component, path string) {
		check(c.Properties.Secrets, under(path, "properties.secrets"))
	})
	v.links(func(_ *Component, l *Link, path string) {
		if l.Source != nil {
			check(l.Source.Secrets, under(path, "source.secrets"))
		}
		check(l.Target.Secrets, under(path, "target.secrets"))
	})
}

// traitShapes is rule 11: a trait whose properties are not what its type needs.
// The texts of 0.21.1 only show the properties; ours say what is wrong in them.
func (v *validator) traitShapes() {
	v.traits(func(_ *Component, t *Trait, path string) {
		if t.Link != nil || t.Scaler != nil || t.LinkDef != nil || v.d.isBroken(path) {
			return
		}
		what := shapeWord(t.Type)
		if what == "" {
			return // ours, told later
		}
		why := v.d.shape[path]
		v.compat(Error, field(path, "properties"), what+" trait deserialized as custom trait, ensure fields are correct: "+string(t.Custom))
		if why.HasErrors() {
			v.cover()
		}
		for _, d := range why {
			v.add(d)
		}
	})
}

func shapeWord(traitType string) string {
	switch traitType {
	case TraitLink:
		return "Link"
	case TraitSpreadScaler, TraitDaemonScaler:
		return "Scaler"
	}
	return ""
}

// images is rule 12: image or application, and what a reference to another
// application's component may not carry.
func (v *validator) images() {
	v.components(func(c *Component, path string) {
		p, at := &c.Properties, field(path, "properties")
		switch {
		case p.Image != "" && p.Application != nil:
			v.compat(Error, at, "Component cannot have both 'image' and 'application' properties")
		case p.Image == "" && p.Application == nil && !v.d.isBroken(at):
			v.compat(Error, at, "Component must have either 'image' or 'application' property")
		}
	})
	v.components(func(c *Component, path string) {
		p, at := &c.Properties, field(path, "properties")
		if p.Application == nil {
			return
		}
		text := "Shared component '" + p.Application.Name + "' cannot "
		scaler, _ := c.Scaler()
		switch {
		case len(p.Config) > 0:
			v.compat(Error, field(at, "config"), text+"specify additional 'config'")
		case len(p.Secrets) > 0:
			v.compat(Error, field(at, "secrets"), text+"specify additional 'secrets'")
		case scaler != nil:
			v.compat(Error, at, text+"include a scaler trait")
		}
	})
}

// duplicateLinks is rule 13: one source component may use an interface once
// under one link name.
func (v *validator) duplicateLinks() {
	v.components(func(c *Component, path string) {
		seen := map[[4]string]bool{}
		for i := range c.Traits {
			t := &c.Traits[i]
			if t.Type != TraitLink || t.Link == nil {
				continue
			}
			at := under(item(field(path, "traits"), i), "properties.interfaces")
			for j, name := range t.Link.Interfaces {
				key := [4]string{t.Link.LinkName(), t.Link.Namespace, t.Link.Package, name}
				if seen[key] {
					v.compat(Error, item(at, j), "Duplicate link found inside component '"+c.Name+"': "+key[0]+" ("+key[1]+":"+key[2]+"/"+name+")")
				}
				seen[key] = true
			}
		}
	})
}

// duplicateLinkConfigs is rule 14: names of managed configs of links are unique
// in the manifest.
func (v *validator) duplicateLinkConfigs() {
	seen := map[string]bool{}
	check := func(configs []Config, path string) {
		for i, c := range configs {
			if c.Properties == nil {
				continue
			}
			if seen[c.Name] {
				v.compat(Error, field(item(path, i), "name"), "Duplicate link config name found: '"+c.Name+"'")
			}
			seen[c.Name] = true
		}
	}
	v.links(func(_ *Component, l *Link, path string) {
		check(l.Target.Config, under(path, "target.config"))
	})
	v.links(func(_ *Component, l *Link, path string) {
		if l.Source != nil {
			check(l.Source.Config, under(path, "source.config"))
		}
	})
}

// deprecated is rule 15: the old spelling of link configs, seen in the source.
func (v *validator) deprecated() {
	v.traits(func(_ *Component, t *Trait, path string) {
		if v.d.root == nil || t.Type != TraitLink && t.Type != "" {
			return
		}
		props := find(v.d.root, path).get("properties")
		for _, end := range []string{"source", "target"} {
			if k, _ := props.entry(end + "_config"); k != nil {
				d := k.place().diagnostic(Warning, under(path, "properties."+end+"_config"),
					"one of the components' link trait contains a "+end+"_config key, please use "+end+":config: rather")
				d.Compat = true
				v.add(d)
			}
		}
	})
}
