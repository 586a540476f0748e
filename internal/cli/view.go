package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// Part is one line of an application: a component, a provider, a link or a config, as far as it is there.
type Part struct {
	Kind    string             `json:"kind"` // component, provider, link, config
	Name    string             `json:"name"` // of a link: source → target
	About   string             `json:"about,omitempty"`
	Want    int                `json:"want"` // instances; 1 for links and configs
	Have    int                `json:"have"` // of the wanted image
	Old     int                `json:"old,omitempty"`
	Unknown bool               `json:"unknown,omitempty"` // nobody tells: have is what the status implies
	Where   []Placed           `json:"where,omitempty"`   // by host name
	Status  wadmapi.StatusType `json:"status,omitempty"`
	Message string             `json:"message,omitempty"`
}

// Placed is how many instances a host runs.
type Placed struct {
	Host  string `json:"host"` // name, or id where it has none
	Count int    `json:"count"`
}

// View is an application at one moment: the server's status laid over the manifest, with what the hosts run.
type View struct {
	App     string
	Version string
	Status  wadmapi.StatusInfo
	Parts   []Part
}

// done tells whether a part is as the manifest says.
func (p *Part) done() bool {
	return p.Have >= p.Want && (p.Status == "" || p.Status == wadmapi.StatusDeployed)
}

// progress counts instances and links that are there, and all of them. Configs are counted with what uses them.
func (v *View) progress() (have, want int) {
	for i := range v.Parts {
		p := &v.Parts[i]
		if p.Kind == "config" {
			continue
		}
		want += p.Want
		have += min(p.Have, p.Want)
	}
	return have, want
}

// old counts the instances of another image than the wanted one.
func (v *View) old() int {
	n := 0
	for i := range v.Parts {
		n += v.Parts[i].Old
	}
	return n
}

// look lays together what is wanted, what the server says of it, and what the hosts run. hosts may be nil: older servers do not tell.
func look(m *oam.Manifest, s wadmapi.Status, hosts []wadmapi.Host) View {
	names := hostNames(hosts)
	v := View{App: m.Metadata.Name, Version: s.Version, Status: s.Status}
	v.Status.Message = names.Replace(v.Status.Message)
	if v.Version == "" {
		v.Version = m.Version()
	}
	told := map[string]wadmapi.StatusInfo{}
	for _, sc := range s.Scalers {
		sc.Status.Message = names.Replace(sc.Status.Message)
		told[sc.Name] = sc.Status
	}
	var links, configs []Part
	seen := map[string]bool{}
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		part := lookAt(m, c, hosts)
		if st, ok := told[m.EffectiveID(c)]; ok {
			part.Status, part.Message = st.Type, st.Message
		}
		if part.Unknown = hosts == nil; part.Unknown && part.Status == wadmapi.StatusDeployed {
			part.Have = part.Want
		}
		v.Parts = append(v.Parts, part)
		links = append(links, linksOf(m, c, told)...)
		for _, name := range configsOf(c) {
			if !seen[name] {
				seen[name] = true
				configs = append(configs, Part{Kind: "config", Name: name, Want: 1, Have: setWith(v.Status.Type)})
			}
		}
	}
	links = append(links, configs...)
	for i := range links {
		links[i].Unknown = released(v.App, hosts) // the server looks after them no more, and has left them in place
	}
	v.Parts = append(v.Parts, links...)
	return v
}

// released tells whether something of the application runs on that was let go.
func released(app string, hosts []wadmapi.Host) bool {
	return slices.ContainsFunc(hosts, func(h wadmapi.Host) bool {
		return slices.ContainsFunc(h.Runs, func(r wadmapi.Running) bool { return r.App == app && r.Released })
	})
}

// setWith tells whether configs are set: the server has no line of its own for them, but "deployed" includes them.
func setWith(t wadmapi.StatusType) int {
	if t == wadmapi.StatusDeployed {
		return 1
	}
	return 0
}

// lookAt counts what the hosts run of one component.
func lookAt(m *oam.Manifest, c *oam.Component, hosts []wadmapi.Host) Part {
	p := Part{Kind: "component", Name: c.Name, Want: wanted(m, c, hosts), About: c.Properties.Image}
	if c.Type == oam.CapabilityKind {
		p.Kind = "provider"
	}
	if c.Properties.Application != nil {
		p.About, p.Want = "of "+c.Properties.Application.Name, 0 // another application runs it
		return p
	}
	id, image := m.EffectiveID(c), bareReference(c.Properties.Image)
	for _, h := range hosts {
		n := 0
		for _, r := range h.Runs {
			if r.App != m.Metadata.Name || r.Kind != p.Kind || !isOf(&r, c.Name, id, image) {
				continue
			}
			if ref := cmp.Or(r.Updated, r.Reference); bareReference(ref) == image || ref == "" { // after an update in place hosts go on reporting the old one
				n += r.Count
			} else {
				p.Old += r.Count
			}
		}
		if n > 0 {
			p.Have += n
			p.Where = append(p.Where, Placed{Host: hostName(&h), Count: n})
		}
	}
	slices.SortFunc(p.Where, func(a, b Placed) int { return strings.Compare(a.Host, b.Host) })
	return p
}

// isOf tells whether what runs is of a component. An id on an OTP lattice is a public key: there the owner says the name, or the image does.
func isOf(r *wadmapi.Running, name, id, image string) bool {
	if r.Component != "" {
		return r.Component == name
	}
	return r.ID == id || bareReference(r.Reference) == image
}

// bareReference cuts off what hosts do not report of a reference.
func bareReference(ref string) string {
	for _, scheme := range []string{"oci://", "file://", "wasmcloud+builtin://"} {
		if rest, ok := strings.CutPrefix(ref, scheme); ok {
			return rest
		}
	}
	return ref
}

// wanted is how many instances a component should have. Without a scaler only a provider of the 1.x form is started.
func wanted(m *oam.Manifest, c *oam.Component, hosts []wadmapi.Host) int {
	scaler, daemon := c.Scaler()
	switch {
	case scaler == nil && c.Type == oam.CapabilityKind && m.Form() == oam.Form1x:
		return 1
	case scaler == nil:
		return 0
	case !daemon:
		return scaler.Instances
	}
	n := 0
	for i := range hosts {
		if len(scaler.Spread) == 0 {
			n += scaler.Instances
		}
		for _, sp := range scaler.Spread {
			if matches(hosts[i].Labels, sp.Requirements) {
				n += scaler.Instances
			}
		}
	}
	return n
}

func matches(labels, requirements map[string]string) bool {
	for k, v := range requirements {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// linksOf are the links that begin at a component, in both forms of manifests.
func linksOf(m *oam.Manifest, c *oam.Component, told map[string]wadmapi.StatusInfo) []Part {
	var parts []Part
	add := func(target, name, about, interfaceName string) {
		p := Part{Kind: "link", Name: c.Name + " → " + target, Want: 1, About: about}
		if name != "" && name != oam.DefaultName {
			p.Name += " (" + name + ")"
		}
		dest := m.Component(target)
		if dest == nil {
			return
		}
		if st, ok := told[m.EffectiveID(c)+" -("+interfaceName+")-> "+m.EffectiveID(dest)]; ok {
			p.Status, p.Message = st.Type, st.Message
			if st.Type == wadmapi.StatusDeployed {
				p.Have = 1
			}
		}
		parts = append(parts, p)
	}
	for _, l := range c.Links() {
		pkg := l.Namespace + ":" + l.Package
		add(l.Target.Name, l.Name, pkg+"/"+strings.Join(l.Interfaces, ","), pkg)
	}
	for _, l := range c.LinkDefs() {
		if dest := m.Component(l.Target); dest != nil {
			add(l.Target, dest.Properties.LinkName, dest.Properties.Contract, dest.Properties.Contract)
		}
	}
	return parts
}

// configsOf names the configs that a component and its links use, as the manifest calls them.
func configsOf(c *oam.Component) []string {
	var names []string
	add := func(list []oam.Config) {
		for _, cfg := range list {
			names = append(names, cfg.Name)
		}
	}
	add(c.Properties.Config)
	for _, l := range c.Links() {
		if l.Source != nil {
			add(l.Source.Config)
		}
		add(l.Target.Config)
	}
	return names
}

func hostName(h *wadmapi.Host) string {
	if h.Name != "" {
		return h.Name
	}
	return shortID(h.ID)
}

// hostNames replaces the ids of hosts in messages by their names.
func hostNames(hosts []wadmapi.Host) *strings.Replacer {
	var pairs []string
	for i := range hosts {
		name := hostName(&hosts[i])
		pairs = append(pairs, "on host "+hosts[i].ID, "on "+name, hosts[i].ID, name) // a name says by itself what it is
	}
	return strings.NewReplacer(pairs...)
}

// shortID is enough of a long id to tell it from its neighbours.
func shortID(id string) string {
	if len(id) <= 30 {
		return id
	}
	return id[:6] + "…" + id[len(id)-4:]
}

// shortVersion cuts versions that wadm made itself, and other long ones, for lines that are looked at and not copied.
func shortVersion(v string) string {
	runes := []rune(v)
	switch {
	case len(runes) == 26 && strings.ToUpper(v) == v:
		return string(runes[:6]) + "…"
	case len(runes) > 30:
		return string(runes[:29]) + "…"
	}
	return v
}

func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}
