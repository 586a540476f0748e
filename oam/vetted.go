package oam

import "encoding/json"

// What wadm 0.3.0 put where a manifest said nothing.
const (
	UnnamedName        = "Unnamed"
	UnnamedVersion     = "0.0.0"
	UnnamedDescription = "Unnamed Application"
)

// Vetted is what wadm 0.3.0 made of a manifest: it stored it beside the text and
// gave it to whoever got a model. As JSON it is the `vetted` of its reply to
// model.get, keys in the order in which it wrote them.
type Vetted struct {
	// Components are never nil: a manifest without any is an empty list.
	Components  []VettedComponent `json:"components"`
	Description string            `json:"description"`
	Name        string            `json:"name"`
	// Version has lost one leading v or V.
	Version string `json:"version"`
}

// VettedComponent is a component, or a provider when Contract and LinkName are
// set; there is no other discriminator.
type VettedComponent struct {
	Contract *string       `json:"contract,omitempty"`
	Image    string        `json:"image"`
	LinkName *string       `json:"link_name,omitempty"`
	Name     string        `json:"name"`
	Traits   []VettedTrait `json:"traits"` // never nil
}

// Provider tells a provider from a component.
func (c *VettedComponent) Provider() bool { return c.Contract != nil }

// VettedTrait is a spread scaler, or a link definition when Link is set.
type VettedTrait struct {
	Scaler *VettedScaler
	Link   *VettedLink
}

// VettedScaler is a spread scaler. It always has a spread: the default one when
// the manifest gave none.
type VettedScaler struct {
	Instances int            `json:"replicas"`
	Spread    []VettedSpread `json:"spread"`
}

// VettedSpread is a weighted target. Requirements are nil, and null in JSON,
// when there are none.
type VettedSpread struct {
	Name         string            `json:"name"`
	Requirements map[string]string `json:"requirements"`
	Weight       int               `json:"weight"`
}

// VettedLink is a link definition. Values is a compact JSON object with sorted
// keys.
type VettedLink struct {
	Target string          `json:"target"`
	Values json.RawMessage `json:"values"`
}

// MarshalJSON writes the scaler or the link alone: which one it is shows by its
// members.
func (t VettedTrait) MarshalJSON() ([]byte, error) {
	if t.Link != nil {
		return json.Marshal(t.Link)
	}
	return json.Marshal(t.Scaler)
}

// Vet is what wadm 0.3.0 would have made of the manifest. A manifest with
// anything that its grammar cannot say (a config, an interface link, a
// daemonscaler, a provider without contract) has no components there: half of
// them would be another application.
func Vet(m *Manifest) Vetted {
	v := Vetted{Name: m.Metadata.Name, Version: UnnamedVersion, Description: UnnamedDescription, Components: []VettedComponent{}}
	if v.Name == "" {
		v.Name = UnnamedName
	}
	if version, ok := m.Metadata.Annotations[AnnotationVersion]; ok {
		v.Version = StripV(version)
	}
	if description, ok := m.Description(); ok {
		v.Description = description
	}
	for i := range m.Spec.Components {
		c, ok := vetComponent(&m.Spec.Components[i])
		if !ok {
			v.Components = []VettedComponent{}
			return v
		}
		v.Components = append(v.Components, c)
	}
	return v
}

// StripV is a version as wadm 0.3.0 stored it: without one leading v or V.
func StripV(version string) string {
	if version != "" && (version[0] == 'v' || version[0] == 'V') {
		return version[1:]
	}
	return version
}

func vetComponent(c *Component) (v VettedComponent, ok bool) {
	p := &c.Properties
	if p.Application != nil || p.ID != "" || len(p.Config) > 0 || len(p.Secrets) > 0 {
		return v, false
	}
	v = VettedComponent{Name: c.Name, Image: p.Image, Traits: []VettedTrait{}}
	if c.Type == CapabilityKind {
		if p.Contract == "" {
			return v, false
		}
		contract, name := p.Contract, p.LinkName
		if name == "" {
			name = DefaultName
		}
		v.Contract, v.LinkName = &contract, &name
	}
	for i := range c.Traits {
		switch t := &c.Traits[i]; {
		case t.LinkDef != nil:
			values := t.LinkDef.Values
			if len(values) == 0 {
				values = json.RawMessage("{}")
			}
			v.Traits = append(v.Traits, VettedTrait{Link: &VettedLink{Target: t.LinkDef.Target, Values: values}})
		case t.Scaler != nil && t.Type == TraitSpreadScaler:
			v.Traits = append(v.Traits, VettedTrait{Scaler: vetScaler(t.Scaler)})
		default:
			return v, false
		}
	}
	return v, true
}

func vetScaler(s *Scaler) *VettedScaler {
	v := &VettedScaler{Instances: s.Instances}
	for i := range s.Spread {
		sp := &s.Spread[i]
		spread := VettedSpread{Name: sp.Name, Weight: sp.EffectiveWeight()}
		if len(sp.Requirements) > 0 {
			spread.Requirements = sp.Requirements
		}
		v.Spread = append(v.Spread, spread)
	}
	if len(v.Spread) == 0 {
		v.Spread = []VettedSpread{{Name: DefaultName, Weight: DefaultWeight}}
	}
	return v
}
