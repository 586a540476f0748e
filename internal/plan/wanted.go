package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// Annotations that 0.21.1 puts on what it starts, beside lattice.AppAnnotation and lattice.ManagerAnnotation.
const (
	ScalerAnnotation = "wasmcloud.dev/scaler"
	SpreadAnnotation = "wasmcloud.dev/spread_name"
)

// Scaler says how a component's instances are laid out.
type Scaler uint8

// The scalers. Unscaled things are never started by us: a 1.x component without a scaler trait, an OTP provider without one.
const (
	Unscaled Scaler = iota
	Spread
	Daemon
)

// Wanted is one revision of an application in the words of one dialect.
type Wanted struct {
	App      string
	Version  string
	Revision string // hash of the manifest
	Dialect  lattice.Dialect

	Resources []Resource // in manifest order
	Links     []Link
	Configs   []Config // by name
	Order     []PartID // in which status tells of them
	Refused   []Gap    // what the dialect cannot carry; nothing is done while there is one

	named map[string]int // places in Resources
}

// Resource is one component or provider with its scaler.
type Resource struct {
	Name        string // in the manifest
	Kind        lattice.Kind
	ID          string // empty where only a host can tell (OTP)
	Ref         string
	LinkName    string // OTP providers
	Contract    string // OTP providers
	Live        bool   // OTP: another image is to be brought in by an update in place
	Scaler      Scaler
	ScalerID    string
	Instances   int
	Shares      []oam.Share
	Config      []string              // names, in order
	Annotations lattice.Annotations   // without the spread's name
	Display     string                // what status calls it
	spreads     []lattice.Annotations // Annotations plus the name of each share, shared by all commands
}

// Config is a named config: put by us, or expected to be there.
type Config struct {
	Name    string
	Managed bool
	Values  map[string]string
}

// Link is a link trait.
type Link struct {
	Component string       // that bears the trait
	Want      lattice.Link // OTP: Source and Target are empty until both are known
	SourceRef string       // OTP
	TargetRef string       // OTP
	Values    string       // hash of the config values that it carries
	ScalerID  string
	Display   string
	Clash     bool // an earlier link of the manifest fills its place otherwise
	managed   []string
}

// Resolved returns the link with both ends filled in, as far as they are known.
func (l *Link) Resolved(s *lattice.State) (lattice.Link, bool) {
	want := l.Want
	if l.SourceRef == "" {
		return want, true
	}
	source, ok1 := s.Resolve(lattice.Component, l.SourceRef)
	target, ok2 := s.Resolve(lattice.Provider, l.TargetRef)
	want.Source, want.Target = source, target
	return want, ok1 && ok2
}

// Want derives what a manifest wants on a lattice of the given dialect.
func Want(m *oam.Manifest, d lattice.Dialect) *Wanted {
	w := &Wanted{App: m.Metadata.Name, Version: m.Version(), Revision: oam.Hash(m), Dialect: d, named: map[string]int{}}
	b := builder{m: m, w: w, configs: map[string]Config{}}
	for i := range m.Spec.Components {
		b.component(i)
	}
	for _, name := range slices.Sorted(maps.Keys(b.configs)) {
		w.Configs = append(w.Configs, b.configs[name])
	}
	w.shareSlots()
	for i := range w.Links {
		w.Links[i].Values = valuesHash(b.configs, w.Links[i].Want)
		w.Links[i].managed = managedOf(b.configs, append(slices.Clone(w.Links[i].Want.SourceConfig), w.Links[i].Want.TargetConfig...))
	}
	return w
}

type builder struct {
	m       *oam.Manifest
	w       *Wanted
	configs map[string]Config
}

func (b *builder) refuse(component, field, why string) {
	b.w.Refused = append(b.w.Refused, Gap{Component: component, Why: NotCarried, Detail: field + ": " + why})
}

func (b *builder) component(i int) {
	c := &b.m.Spec.Components[i]
	at := fmt.Sprintf("components[%d].properties", i)
	switch {
	case c.Properties.Application != nil:
		b.refuse(c.Name, at+".application", "shared components are not supported yet")
		return
	case len(c.Properties.Secrets) > 0:
		b.refuse(c.Name, at+".secrets", "secrets are not supported yet")
		return
	}
	if b.w.Dialect == lattice.OTP {
		b.otpFields(c, at)
	} else {
		b.v1Fields(c, i, at)
	}
	b.config(c.Properties.Config)
	r := b.resource(c)
	index := len(b.w.Resources)
	b.w.Resources = append(b.w.Resources, r)
	b.w.named[r.Name] = index
	told := false
	for j := range c.Traits {
		t := &c.Traits[j]
		switch {
		case (t.Type == oam.TraitSpreadScaler || t.Type == oam.TraitDaemonScaler) && t.Scaler != nil && !told:
			b.w.Order = append(b.w.Order, PartID{Component: r.Name})
			told = true
		case t.Type == oam.TraitLink && t.Link != nil:
			b.link(c, t.Link, fmt.Sprintf("components[%d].traits[%d].properties", i, j))
		case t.LinkDef != nil:
			b.contractLink(c, t.LinkDef, fmt.Sprintf("components[%d].traits[%d]", i, j))
		}
	}
	if !told && b.w.Resources[index].Scaler != Unscaled {
		b.w.Order = append(b.w.Order, PartID{Component: r.Name})
	}
}

// otpFields refuses what an OTP host cannot be told.
func (b *builder) otpFields(c *oam.Component, at string) {
	if c.Type == oam.CapabilityKind && c.Properties.Contract == "" {
		b.refuse(c.Name, at+".contract", "OTP hosts need the contract of a capability")
	}
	if len(c.Properties.Config) > 0 {
		b.refuse(c.Name, at+".config", "OTP hosts have no named configs")
	}
}

// v1Fields refuses what a 1.x host cannot be told.
func (b *builder) v1Fields(c *oam.Component, i int, at string) {
	if c.Properties.Contract != "" {
		b.refuse(c.Name, at+".contract", "1.x hosts know no contracts")
	}
	if c.Properties.LinkName != "" {
		b.refuse(c.Name, at+".link_name", "1.x hosts know no link names of providers")
	}
	for j := range c.Traits {
		if c.Traits[j].LinkDef != nil {
			b.refuse(c.Name, fmt.Sprintf("components[%d].traits[%d]", i, j), "1.x hosts know no linkdefs; use a link trait")
		}
	}
}

func (b *builder) resource(c *oam.Component) Resource {
	r := Resource{Name: c.Name, Ref: c.Properties.Image, Kind: lattice.Component, Config: b.m.ConfigNames(c), Display: b.m.EffectiveID(c)}
	if c.Type == oam.CapabilityKind {
		r.Kind = lattice.Provider
	}
	spec, daemon := c.Scaler()
	if spec == nil && r.Kind == lattice.Provider && b.w.Dialect != lattice.OTP {
		spec = &oam.Scaler{Instances: 1} // in 1.x a provider without a scaler runs once; in 0.3.0 it is somebody else's
	}
	if spec != nil {
		r.Scaler, r.Instances, r.Shares = Spread, spec.Instances, oam.Shares(spec)
		if daemon {
			r.Scaler = Daemon
		}
	}
	r.ScalerID = r.scalerIDWith(b.w.App, r.Ref, r.Config)
	if b.w.Dialect == lattice.OTP {
		b.otpNames(&r, c)
	} else {
		b.v1Names(&r)
	}
	return r
}

// otpNames gives the resource what an OTP host is told of it: an application, and for a provider its contract and link name.
func (b *builder) otpNames(r *Resource, c *oam.Component) {
	r.Annotations = lattice.Annotations{lattice.AppAnnotation: b.w.App}
	r.Live = r.Kind == lattice.Component && b.m.LiveUpdate()
	r.Contract, r.LinkName = c.Properties.Contract, c.Properties.LinkName
	if r.Kind == lattice.Provider && r.LinkName == "" {
		r.LinkName = oam.DefaultName
	}
	r.spreads = slices.Repeat([]lattice.Annotations{r.Annotations}, len(r.Shares))
}

// v1Names gives it the id and the annotations of 0.21.1.
func (b *builder) v1Names(r *Resource) {
	r.ID = r.Display
	r.Annotations = lattice.Annotations{lattice.AppAnnotation: b.w.App, lattice.ManagerAnnotation: lattice.Manager, ScalerAnnotation: r.ScalerID}
	for _, s := range r.Shares {
		a := maps.Clone(r.Annotations)
		a[SpreadAnnotation] = s.Spread.Name
		r.spreads = append(r.spreads, a)
	}
}

// scalerIDWith is the id that our scaler has for another image and config list.
func (r *Resource) scalerIDWith(app, ref string, config []string) string {
	if r.Scaler == Daemon {
		return oam.DaemonScalerID(app, r.Name, r.Display, ref, config)
	}
	return oam.SpreadScalerID(app, r.Name, r.Display, ref, config)
}

func (b *builder) config(cs []oam.Config) []string {
	var names []string
	for _, c := range cs {
		name := b.m.ConfigName(c)
		names = append(names, name)
		if c.Properties != nil {
			b.configs[name] = Config{Name: name, Managed: true, Values: c.Properties}
		} else if _, ok := b.configs[name]; !ok {
			b.configs[name] = Config{Name: name}
		}
	}
	return names
}

func (b *builder) find(name string) *oam.Component {
	for i := range b.m.Spec.Components {
		if b.m.Spec.Components[i].Name == name {
			return &b.m.Spec.Components[i]
		}
	}
	return nil
}

func (b *builder) link(c *oam.Component, l *oam.Link, at string) {
	target := b.find(l.Target.Name)
	if b.w.Dialect == lattice.OTP {
		b.refuse(c.Name, at, "OTP hosts know no interface links; use a linkdef trait")
		return
	}
	if target == nil || c.Type == oam.CapabilityKind && target.Type == oam.CapabilityKind {
		return // validation has said so
	}
	if len(l.Target.Secrets) > 0 || l.Source != nil && len(l.Source.Secrets) > 0 {
		b.refuse(c.Name, at+".secrets", "secrets are not supported yet")
		return
	}
	want := lattice.Link{
		Source: b.m.EffectiveID(c), Target: b.m.EffectiveID(target), Name: l.Name,
		Namespace: l.Namespace, Package: l.Package, Interfaces: l.Interfaces,
	}
	if want.Name == "" {
		want.Name = oam.DefaultName
	}
	if l.Source != nil {
		want.SourceConfig = b.config(l.Source.Config)
	}
	want.TargetConfig = b.config(l.Target.Config)
	out := Link{
		Component: c.Name, Want: want,
		ScalerID: oam.LinkScalerID(b.w.App, want.Name, want.Source, want.Target, want.Namespace, want.Package, want.Interfaces, want.SourceConfig, want.TargetConfig),
		Display:  want.Source + " -(" + want.Namespace + ":" + want.Package + ")-> " + want.Target,
	}
	b.add(out)
}

func (b *builder) add(l Link) {
	b.w.Order = append(b.w.Order, PartID{Link: len(b.w.Links) + 1})
	b.w.Links = append(b.w.Links, l)
}

func (b *builder) contractLink(c *oam.Component, l *oam.LinkDef, at string) {
	if b.w.Dialect != lattice.OTP {
		return // refused by v1Fields
	}
	target := b.find(l.Target)
	if target == nil || target.Type != oam.CapabilityKind || c.Type == oam.CapabilityKind {
		b.refuse(c.Name, at, "a linkdef leads from a component to a capability of this manifest")
		return
	}
	name := target.Properties.LinkName
	if name == "" {
		name = oam.DefaultName
	}
	want := lattice.Link{Name: name, Contract: target.Properties.Contract, Values: lattice.CanonicalJSON(l.Values)}
	source, dest := b.m.EffectiveID(c), b.m.EffectiveID(target)
	b.add(Link{
		Component: c.Name, Want: want, SourceRef: c.Properties.Image, TargetRef: target.Properties.Image,
		ScalerID: oam.LinkScalerID(b.w.App, name, source, dest, want.Contract, "", nil, nil, nil),
		Display:  source + " -(" + want.Contract + ")-> " + dest,
	})
}

// shareSlots makes one of links that a lattice keeps in one place: 1.x links of one name between the same two, with other interfaces, of which a host would
// keep the last one only. Those that cannot be one clash.
func (w *Wanted) shareSlots() {
	for i := range w.Links {
		b := &w.Links[i]
		for j := range i {
			a := &w.Links[j]
			if a.Clash || a.SourceRef != b.SourceRef || a.Want.Slot() != b.Want.Slot() {
				continue
			}
			switch {
			case a.Want.Contract != "":
				b.Clash = a.TargetRef != b.TargetRef || a.Want.Values != b.Want.Values
			case a.Want.Target != b.Want.Target:
			case !slices.Equal(a.Want.SourceConfig, b.Want.SourceConfig) || !slices.Equal(a.Want.TargetConfig, b.Want.TargetConfig):
				b.Clash = true
			default:
				all := slices.Clone(a.Want.Interfaces)
				for _, name := range b.Want.Interfaces {
					if !slices.Contains(all, name) {
						all = append(all, name)
					}
				}
				a.Want.Interfaces, b.Want.Interfaces = all, all
			}
		}
	}
}

func managedOf(configs map[string]Config, names []string) []string {
	var out []string
	for _, n := range names {
		if configs[n].Managed {
			out = append(out, n)
		}
	}
	return out
}

// valuesHash names the values that a link carries: hosts resolve them when the link is put, and never again.
func valuesHash(configs map[string]Config, l lattice.Link) string {
	names := append(slices.Clone(l.SourceConfig), l.TargetConfig...)
	if len(names) == 0 {
		return ""
	}
	h := sha256.New()
	for _, n := range names {
		fmt.Fprintf(h, "%q", n)
		values := configs[n].Values
		for _, k := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(h, "%q=%q", k, values[k])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Resource finds a component by its name in the manifest, nil if there is none.
func (w *Wanted) Resource(name string) *Resource {
	if i, ok := w.named[name]; ok {
		return &w.Resources[i]
	}
	return nil
}

// Config finds a config of the revision; there is none in a nil one.
func (w *Wanted) Config(name string) (Config, bool) {
	if w == nil {
		return Config{}, false
	}
	i, ok := slices.BinarySearchFunc(w.Configs, name, func(c Config, n string) int { return strings.Compare(c.Name, n) })
	if !ok {
		return Config{}, false
	}
	return w.Configs[i], true
}
