package oam

import "encoding/json"

// Annotation keys that wadm itself reads.
const (
	AnnotationVersion     = "version"
	AnnotationDescription = "description"
	AnnotationLiveUpdate  = "wadm.dev/live-update" // "true": an OTP host changes an actor's code while it runs
	AnnotationShared      = "experimental.wasmcloud.dev/shared"
)

// Trait types that do something. Any other type is kept and does nothing.
const (
	TraitSpreadScaler = "spreadscaler"
	TraitDaemonScaler = "daemonscaler"
	TraitLink         = "link"
	TraitLinkDef      = "linkdef" // 0.3 form only
)

// SecretPolicyType is the type of a policy that secrets may refer to.
const SecretPolicyType = "policy.secret.wasmcloud.dev/v1alpha1"

// DefaultName is the name of a link without one and of the spread that stands
// for "no spread given".
const DefaultName = "default"

// DefaultWeight is the weight of a spread that gives none.
const DefaultWeight = 100

// MaxInstances is the largest count one scaler may ask for.
const MaxInstances = 100_000

// MaxNameLength is the largest number of bytes in a name or a version.
const MaxNameLength = 255

// Form tells which of the two manifest grammars a manifest uses.
type Form int

const (
	// Form1x is the grammar of wadm 0.11 to 0.21: configs and interface links.
	Form1x Form = iota
	// Form03 is the grammar of wadm 0.3: contract, link_name, linkdef.
	Form03
)

// String gives the form's name as messages show it.
func (f Form) String() string {
	if f == Form03 {
		return "0.3"
	}
	return "1.x"
}

// Manifest is one version of an application.
type Manifest struct {
	APIVersion string
	Kind       string
	Metadata   Metadata
	Spec       Spec
}

// Metadata names the application.
type Metadata struct {
	Name string
	// Annotations hold the version and the description too. Never nil after
	// Decode.
	Annotations map[string]string
	// Labels are nil when there are none.
	Labels map[string]string
}

// Spec is what the application consists of.
type Spec struct {
	Components []Component
	Policies   []Policy
}

// Policy is a named set of properties; only SecretPolicyType has a meaning.
type Policy struct {
	Name       string
	Type       string
	Properties map[string]string
}

// ComponentType tells a component from a provider.
type ComponentType string

const (
	// ComponentKind is a WebAssembly component. The input word "actor" is read
	// as it and never written.
	ComponentKind ComponentType = "component"
	// CapabilityKind is a provider.
	CapabilityKind ComponentType = "capability"
)

// Component is one entry of the manifest: a component or a provider.
type Component struct {
	Name       string
	Type       ComponentType
	Properties Properties
	// Traits are nil when the manifest has no such key; an empty list is kept
	// as an empty list.
	Traits []Trait
}

// Properties say what a component is made of.
type Properties struct {
	// Image is the reference to fetch; empty when Application is set.
	Image string
	// Application refers to a component of another application.
	Application *SharedApplication
	// ID is the explicit id; empty means derived (see Manifest.EffectiveID).
	ID      string
	Config  []Config
	Secrets []Secret
	// Contract and LinkName exist in the 0.3 form only, for providers.
	Contract string
	LinkName string
}

// SharedApplication names a component that another application runs.
type SharedApplication struct {
	Name      string
	Component string
}

// Config is a named map of strings that a host gives to a component, a
// provider or one end of a link.
type Config struct {
	Name string
	// Properties are the values wadm puts. Nil means the config is external:
	// somebody else put it under exactly this name. An empty map is managed.
	Properties map[string]string
}

// Secret is a value that a secrets backend holds.
type Secret struct {
	Name       string
	Properties SecretProperties
}

// SecretProperties say where to find a secret. Field and Version may be empty.
type SecretProperties struct {
	Policy  string
	Key     string
	Field   string
	Version string
}

// Trait is one behaviour of a component. Exactly one of Link, Scaler, LinkDef
// and Custom is set: which one is told by the shape of the trait's properties,
// not by its type, as wadm 0.21.1 does it.
type Trait struct {
	Type    string
	Link    *Link
	Scaler  *Scaler
	LinkDef *LinkDef
	// Custom keeps properties of any other shape as compact JSON.
	Custom json.RawMessage
}

// Link lets one component call another over interfaces.
type Link struct {
	// Name is empty for the link called "default".
	Name       string
	Namespace  string
	Package    string
	Interfaces []string
	// Source is nil when the manifest gives none.
	Source *LinkEnd
	Target LinkTarget
}

// LinkName is the link's name with the default filled in.
func (l *Link) LinkName() string {
	if l.Name == "" {
		return DefaultName
	}
	return l.Name
}

// LinkEnd is what the source side of a link is configured with.
type LinkEnd struct {
	Config  []Config
	Secrets []Secret
}

// LinkTarget is the component a link leads to, and its configuration there.
type LinkTarget struct {
	Name    string
	Config  []Config
	Secrets []Secret
}

// Scaler says how many instances run and where. A spreadscaler divides
// Instances over its spreads; a daemonscaler runs Instances on each matching
// host.
type Scaler struct {
	Instances int
	// Spread is empty for "anywhere".
	Spread []Spread
}

// Spread is one weighted placement rule.
type Spread struct {
	Name string
	// Requirements are host labels that must be present with equal values. Never
	// nil after Decode; empty means any host.
	Requirements map[string]string
	// Weight is nil when not given (see DefaultWeight).
	Weight *int
}

// EffectiveWeight is the weight with the default filled in.
func (s *Spread) EffectiveWeight() int {
	if s.Weight == nil {
		return DefaultWeight
	}
	return *s.Weight
}

// LinkDef is a link of the 0.3 form: from a component to a provider, with
// values of any JSON type.
type LinkDef struct {
	Target string
	// Values is a compact JSON object with sorted keys.
	Values json.RawMessage
}

// Version is the version annotation, empty when there is none.
func (m *Manifest) Version() string { return m.Metadata.Annotations[AnnotationVersion] }

// Description is the description annotation and whether there is one.
func (m *Manifest) Description() (string, bool) {
	d, ok := m.Metadata.Annotations[AnnotationDescription]
	return d, ok
}

// Shared tells whether other applications may refer to this one's components:
// the annotation AnnotationShared reads "true".
func (m *Manifest) Shared() bool { return m.Metadata.Annotations[AnnotationShared] == "true" }

// LiveUpdate reports whether hosts that can only change the code of a component under its old reference shall do so: whether the annotation
// AnnotationLiveUpdate reads "true".
func (m *Manifest) LiveUpdate() bool { return m.Metadata.Annotations[AnnotationLiveUpdate] == "true" }

// Form tells which grammar the manifest uses, by its content: a contract, a
// link_name, or a linkdef with values make it the 0.3 form.
func (m *Manifest) Form() Form {
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		if c.Properties.Contract != "" || c.Properties.LinkName != "" {
			return Form03
		}
		for j := range c.Traits {
			if c.Traits[j].LinkDef != nil {
				return Form03
			}
		}
	}
	return Form1x
}

// Component finds a component of the manifest by its name; nil when there is
// none.
func (m *Manifest) Component(name string) *Component {
	for i := range m.Spec.Components {
		if m.Spec.Components[i].Name == name {
			return &m.Spec.Components[i]
		}
	}
	return nil
}

// Scaler is the first scaler trait of the component and whether it is a
// daemonscaler; nil when there is none.
func (c *Component) Scaler() (s *Scaler, daemon bool) {
	for i := range c.Traits {
		t := &c.Traits[i]
		if t.Scaler == nil {
			continue
		}
		switch t.Type {
		case TraitSpreadScaler:
			return t.Scaler, false
		case TraitDaemonScaler:
			return t.Scaler, true
		}
	}
	return nil, false
}

// Links are the component's links in manifest order (traits of type "link").
func (c *Component) Links() []*Link {
	var links []*Link
	for i := range c.Traits {
		if t := &c.Traits[i]; t.Type == TraitLink && t.Link != nil {
			links = append(links, t.Link)
		}
	}
	return links
}

// LinkDefs are the component's 0.3-form links in manifest order.
func (c *Component) LinkDefs() []*LinkDef {
	var defs []*LinkDef
	for i := range c.Traits {
		if t := &c.Traits[i]; t.Type == TraitLinkDef && t.LinkDef != nil {
			defs = append(defs, t.LinkDef)
		}
	}
	return defs
}
