package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/lattice"
)

// sentence is a command in one line.
func (w *world) sentence(c *ledger.Command) string {
	what := c.Component
	if what == "" {
		what = w.formerly(c.Target.ID, c.Target.Ref)
	}
	if len(w.order) > 1 && onHost(c) {
		what = c.App + "/" + what
	}
	if len(w.images[c.Component]) > 1 || c.Component == "" {
		what += " (" + c.Target.Ref + ")"
	}
	var line string
	switch c.Action {
	case ledger.Scale:
		line = fmt.Sprintf("scale %s %s %d→%d", what, c.Host, c.From, c.To)
		if c.From == c.To {
			line += " config=" + strings.Join(c.Config, ",")
		}
	case ledger.Update:
		line = fmt.Sprintf("update %s %s ×%d to %s", what, c.Host, c.To, c.Update)
	case ledger.PutLink, ledger.DeleteLink:
		line = strings.ReplaceAll(c.Action.String(), "_", "-") + " " + w.linkName(&c.Link)
	case ledger.PutConfig:
		line = "put-config " + c.ConfigName + values(c.Values)
	case ledger.DeleteConfig:
		line = "delete-config " + c.ConfigName
	}
	return line + " " + string(c.Reason)
}

func onHost(c *ledger.Command) bool { return c.Action == ledger.Scale || c.Action == ledger.Update }

func (w *world) linkName(l *lattice.Link) string {
	out := w.bare(l.Source) + "→" + w.bare(l.Target)
	if l.Name != "default" {
		out += " name=" + l.Name
	}
	return out
}

// formerly is the component that had the image, for what no revision names any more; else what the id says.
func (w *world) formerly(id, ref string) string {
	for _, name := range slices.Sorted(maps.Keys(w.images)) {
		if slices.Contains(w.images[name], strings.TrimPrefix(ref, registry)) {
			return name
		}
	}
	return w.bare(id)
}

// bare is a component's name behind an id: without the application (1.x), or from the key (OTP).
func (w *world) bare(id string) string {
	id = w.shorten(id)
	for _, app := range w.order {
		if rest, ok := strings.CutPrefix(id, app+"-"); ok {
			return rest
		}
	}
	if len(id) > 2 && (id[:2] == "M-" || id[:2] == "V-") {
		return id[2:]
	}
	return id
}

func values(m map[string]string) string {
	out := ""
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out += " " + k + "=" + m[k]
	}
	return out
}

// showHosts prints what really runs.
func (w *world) showHosts(*Command) error {
	living := map[string]*sim.HostTruth{}
	truth := w.cluster.Truth()
	for i := range truth.Hosts {
		living[truth.Hosts[i].ID] = &truth.Hosts[i]
	}
	for _, name := range w.hosts {
		h := living[w.ids[name]]
		if h == nil {
			w.printf("%s is gone", name)
			continue
		}
		labels := maps.Clone(h.Labels)
		maps.DeleteFunc(labels, func(k, _ string) bool { return strings.HasPrefix(k, "hostcore.") })
		line := name + values(labels)
		if h.Cut {
			line += " (cut off)"
		}
		w.printf("%s", line)
		for _, c := range h.Components {
			ref := c.Ref
			if c.Reported != c.Ref {
				ref += " (says " + c.Reported + ")"
			}
			w.printf("  %d %s %s%s", c.Count, ref, whose(c.Annotations), configured(c.Config, c.Values))
		}
		for _, p := range h.Providers {
			w.printf("  1 %s %s%s", p.Ref, whose(p.Annotations), configured(p.Config, p.Values))
		}
		for _, s := range h.Starting {
			w.printf("  … %s", s.Ref)
		}
		if len(h.Components)+len(h.Providers)+len(h.Starting) == 0 {
			w.printf("  nothing")
		}
	}
	return nil
}

// showListed prints what the owner lists for people: what it has seen, and how it stands to that.
func (w *world) showListed(*Command) error {
	if w.plane.Engine == nil {
		return errors.New("there is no owner")
	}
	for _, h := range w.plane.Engine.View().Hosts {
		for _, r := range h.Runs {
			how := "unmanaged"
			switch {
			case r.Orphan:
				how = "orphan of " + r.App
			case r.Released:
				how = "released by " + r.App
			case r.App != "":
				how = "of " + r.App
			}
			if r.Component != "" {
				how += " as " + r.Component
			}
			ref := r.Ref
			if r.Updated != "" {
				ref += " (updated to " + r.Updated + ")"
			}
			w.printf("%s: %d %s, %s", h.ID, r.Count, ref, how)
		}
	}
	return nil
}

// showAnnotations prints the spread that hosts have noted for each component.
func (w *world) showAnnotations(*Command) error {
	for _, h := range w.cluster.Truth().Hosts {
		for _, c := range h.Components {
			w.printf("%s %d %s spread_name=%s", h.ID, c.Count, w.bare(c.ID), c.Annotations[plan.SpreadAnnotation])
		}
	}
	return nil
}

func whose(a map[string]string) string {
	if app := a[lattice.AppAnnotation]; app != "" {
		return "of " + app
	}
	return "of nobody"
}

func configured(names []string, v map[string]string) string {
	if len(names) == 0 {
		return ""
	}
	return " with " + strings.Join(names, ",") + " {" + strings.TrimSpace(values(v)) + "}"
}

// showLinks prints the links that the lattice stores, with the values that their ends work with. "links full" adds interfaces and names.
func (w *world) showLinks(c *Command) error {
	full := len(c.Args) > 0 && c.Args[0] == "full"
	t := w.cluster.Truth()
	for _, l := range t.Links {
		line := w.linkName(&lattice.Link{Source: l.SourceID, Target: l.Target, Name: l.Name})
		if full {
			line += " " + l.WITNamespace + ":" + l.WITPackage + "/" + strings.Join(l.Interfaces, ",")
			line += listed(" source", l.SourceConfig) + listed(" target", l.TargetConfig)
		}
		w.printf("%s%s%s", line, values(l.SourceValues), values(l.TargetValues))
	}
	for _, l := range t.Linkdefs {
		line := w.linkName(&lattice.Link{Source: l.ActorID, Target: l.ProviderID, Name: l.LinkName})
		if full {
			line += " " + l.ContractID
		}
		for _, k := range slices.Sorted(maps.Keys(l.Values)) {
			var text string
			if json.Unmarshal(l.Values[k], &text) != nil {
				text = string(l.Values[k])
			}
			line += " " + k + "=" + text
		}
		w.printf("%s", line)
	}
	if len(t.Links)+len(t.Linkdefs) == 0 {
		w.printf("no link")
	}
	return nil
}

func listed(title string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return title + "=" + strings.Join(names, ",")
}

func (w *world) showConfigs(*Command) error {
	t := w.cluster.Truth()
	for _, name := range slices.Sorted(maps.Keys(t.Configs)) {
		w.printf("%s%s", name, values(t.Configs[name]))
	}
	if len(t.Configs) == 0 {
		w.printf("no config")
	}
	return nil
}

// showStatus prints the status that was told last, with each part.
func (w *world) showStatus(c *Command) error {
	names := c.Args
	if len(names) == 0 {
		names = w.order
	}
	if len(names) == 0 {
		return errors.New("there is no application")
	}
	for _, n := range names {
		s, ok := w.plane.Status[n]
		if !ok {
			w.printf("%s: nothing was told", n)
			continue
		}
		w.printf("%s: %s", strings.TrimSpace(n+" "+s.Version), said(string(s.Status.Type), s.Status.Message))
		for _, p := range s.Scalers {
			w.printf("  %s: %s", w.partName(p.Name), said(string(p.Status.Type), p.Status.Message))
		}
	}
	return nil
}

// partName is what status calls a component or link, without the application.
func (w *world) partName(name string) string {
	source, rest, ok := strings.Cut(name, " -(")
	if !ok {
		return w.bare(name)
	}
	_, target, _ := strings.Cut(rest, ")-> ")
	return w.bare(source) + "→" + w.bare(target)
}

func said(state, message string) string {
	if message == "" {
		return state
	}
	return state + ": " + message
}

// running is how many instances of a component really run, of any of its images, for any application of ours.
func (w *world) running(component string) int {
	n := 0
	mine := func(ref string, a map[string]string) bool {
		return w.apps[a[lattice.AppAnnotation]].name != "" && slices.Contains(w.images[component], strings.TrimPrefix(ref, registry))
	}
	for _, h := range w.cluster.Truth().Hosts {
		for _, c := range h.Components {
			if mine(c.Ref, c.Annotations) {
				n += c.Count
			}
		}
		for _, p := range h.Providers {
			if mine(p.Ref, p.Annotations) {
				n++
			}
		}
	}
	return n
}
