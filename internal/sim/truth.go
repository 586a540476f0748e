package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// Truth is what really runs at one moment, whatever hosts report. It is a copy, in a fixed order.
type Truth struct {
	At       time.Duration
	Hosts    []HostTruth // those that live, the cut-off ones too, by id
	Links    []LinkTruth // 1.x, by source, then as stored
	Linkdefs []wasmbus.OTPLinkdef
	Configs  map[string]map[string]string // 1.x
}

// HostTruth is one living host.
type HostTruth struct {
	ID, Name   string
	Dialect    wasmbus.Dialect
	Labels     map[string]string
	Cut        bool // off the network
	Components []ComponentTruth
	Providers  []ProviderTruth
	Starting   []Start // taken up, not done: what may still appear
}

// ComponentTruth is the instances of one id (1.x) or of one key with equal annotations (OTP).
type ComponentTruth struct {
	ID          string // component id, or public key
	Ref         string // the reference of the code that runs
	Reported    string // the reference that the host reports, which a scale may have changed without the code
	Annotations map[string]string
	Count       int
	Instances   []string          // OTP: instance ids, oldest first
	Deaf        bool              // OTP: no call reaches them
	Config      []string          // 1.x: names, later ones win
	Values      map[string]string // 1.x: what they give now
}

// ProviderTruth is one provider process.
type ProviderTruth struct {
	ID          string // provider id, or public key
	Link        string // OTP: link name
	Ref         string
	Annotations map[string]string
	Instance    string // OTP
	Config      []string
	Values      map[string]string
}

// LinkTruth is a stored link with the configuration that its ends work with, which is older than the stored one if that
// was changed later.
type LinkTruth struct {
	wasmbus.V1Link
	SourceValues, TargetValues map[string]string
}

// Start is a start that a host has taken up.
type Start struct {
	Verb  string // "component.scale", "component.update", "provider.start", "cmd.la", "cmd.lp"
	ID    string // component or provider id (1.x), link name of an OTP provider
	Ref   string
	App   string // the application that its annotations name, "" if they name none
	Since time.Duration
}

// Truth returns what runs now.
func (c *Cluster) Truth() Truth {
	t := Truth{At: c.now, Configs: map[string]map[string]string{}}
	for _, h := range c.hosts {
		if h.alive {
			t.Hosts = append(t.Hosts, h.truth())
		}
	}
	slices.SortFunc(t.Hosts, func(a, b HostTruth) int { return cmp.Compare(a.ID, b.ID) })
	for _, source := range slices.Sorted(maps.Keys(c.v1.specs)) {
		for _, l := range c.v1.specs[source].links {
			t.Links = append(t.Links, LinkTruth{V1Link: l.V1Link, SourceValues: maps.Clone(l.source), TargetValues: maps.Clone(l.target)})
		}
	}
	for _, l := range c.otp.sorted() {
		t.Linkdefs = append(t.Linkdefs, *l)
	}
	for name, values := range c.v1.configs {
		t.Configs[name] = maps.Clone(values)
	}
	return t
}

func (h *host) truth() HostTruth {
	t := HostTruth{ID: h.id, Name: h.name, Dialect: h.spec.Dialect, Labels: h.allLabels(), Cut: h.cut != whole}
	for _, s := range h.starting {
		t.Starting = append(t.Starting, *s)
	}
	for _, id := range slices.Sorted(maps.Keys(h.v1.components)) {
		c := h.v1.components[id]
		t.Components = append(t.Components, ComponentTruth{ID: id, Ref: c.code, Reported: c.ref, Annotations: maps.Clone(orEmpty(c.annotations)),
			Count: int(c.count), Config: slices.Clone(c.config), Values: h.c.v1.merged(c.config)})
	}
	for _, id := range slices.Sorted(maps.Keys(h.v1.providers)) {
		p := h.v1.providers[id]
		t.Providers = append(t.Providers, ProviderTruth{ID: id, Ref: p.ref, Annotations: maps.Clone(orEmpty(p.annotations)),
			Config: slices.Clone(p.config), Values: h.c.v1.merged(p.config)})
	}
	for _, a := range h.otp.actors {
		notes := maps.Clone(orEmpty(a.annotations))
		i := slices.IndexFunc(t.Components, func(o ComponentTruth) bool {
			return o.ID == a.key && o.Ref == a.code && o.Reported == a.ref && maps.Equal(o.Annotations, notes)
		})
		if i < 0 {
			i = len(t.Components)
			t.Components = append(t.Components, ComponentTruth{ID: a.key, Ref: a.code, Reported: a.ref, Annotations: notes, Deaf: !h.otp.called[a.key]})
		}
		t.Components[i].Count++
		t.Components[i].Instances = append(t.Components[i].Instances, a.id)
	}
	for _, p := range h.otp.processes {
		t.Providers = append(t.Providers, ProviderTruth{ID: p.key, Link: p.link, Ref: p.ref, Annotations: maps.Clone(orEmpty(p.annotations)), Instance: p.id})
	}
	return t
}

// String is the truth as a person reads it: one line for each thing.
func (c *Cluster) String() string { return c.Truth().String() }

// String returns one line for each host, what runs on it, each link and each config.
func (t Truth) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "at %s\n", t.At)
	for _, h := range t.Hosts {
		labels := maps.Clone(h.Labels)
		maps.DeleteFunc(labels, func(k, _ string) bool { return strings.HasPrefix(k, "hostcore.") })
		fmt.Fprintf(&b, "host %s %s %s%s", h.Name, h.Dialect, short(h.ID), pairs(" ", labels))
		if h.Cut {
			b.WriteString(" cut off")
		}
		b.WriteByte('\n')
		for _, c := range h.Components {
			fmt.Fprintf(&b, "  component %s %s x%d%s", short(c.ID), c.Ref, c.Count, pairs(" ", c.Annotations))
			if c.Reported != c.Ref {
				fmt.Fprintf(&b, " (reports %s)", c.Reported)
			}
			if len(c.Config) > 0 {
				fmt.Fprintf(&b, " config %s%s", strings.Join(c.Config, ","), pairs(" ", c.Values))
			}
			if c.Deaf {
				b.WriteString(" (gets no calls)")
			}
			b.WriteByte('\n')
		}
		for _, p := range h.Providers {
			fmt.Fprintf(&b, "  provider %s %s", short(p.ID), p.Ref)
			if p.Link != "" {
				fmt.Fprintf(&b, " as %s", p.Link)
			}
			b.WriteString(pairs(" ", p.Annotations))
			if len(p.Config) > 0 {
				fmt.Fprintf(&b, " config %s%s", strings.Join(p.Config, ","), pairs(" ", p.Values))
			}
			b.WriteByte('\n')
		}
		for _, s := range h.Starting {
			fmt.Fprintf(&b, "  starting %s %s %s\n", s.Verb, s.ID, s.Ref)
		}
	}
	for _, l := range t.Links {
		fmt.Fprintf(&b, "link %s -> %s %s %s:%s/%s%s%s\n", l.SourceID, l.Target, l.Name, l.WITNamespace, l.WITPackage, strings.Join(l.Interfaces, ","),
			pairs(" source ", l.SourceValues), pairs(" target ", l.TargetValues))
	}
	for _, l := range t.Linkdefs {
		values, err := json.Marshal(l.Values)
		if err != nil {
			values = []byte(err.Error())
		}
		fmt.Fprintf(&b, "link %s -> %s %s %s %s\n", short(l.ActorID), short(l.ProviderID), l.LinkName, l.ContractID, values)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Configs)) {
		fmt.Fprintf(&b, "config %s%s\n", name, pairs(" ", t.Configs[name]))
	}
	return b.String()
}

// pairs prints a map as {k=v l=w} behind a head, nothing if it is empty.
func pairs(head string, m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return head + "{" + strings.Join(parts, " ") + "}"
}

// short cuts a key to what a person compares.
func short(id string) string {
	if len(id) == keyLength {
		return id[:5] + "…"
	}
	return id
}
