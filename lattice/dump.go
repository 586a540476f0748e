package lattice

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// String tells the state in lines that are the same for the same state, for transcripts and for people: hosts by name with what runs on
// them, the dead, links, and configs without their values.
func (s *State) String() string {
	var b strings.Builder
	byName := slices.Clone(s.sorted)
	slices.SortStableFunc(byName, func(a, c *Host) int { return strings.Compare(a.label(), c.label()) })
	for _, h := range byName {
		h.describe(&b)
	}
	for _, id := range slices.Sorted(maps.Keys(s.dead)) {
		fmt.Fprintf(&b, "dead %s\n", id)
	}
	for _, l := range s.Links() {
		l.describe(&b)
	}
	for _, name := range slices.Sorted(maps.Keys(s.configs.by)) {
		c := s.configs.by[name]
		switch {
		case c.Asked == Never:
			fmt.Fprintf(&b, "config %s: unknown\n", name)
		case !c.Found:
			fmt.Fprintf(&b, "config %s: none\n", name)
		default:
			fmt.Fprintf(&b, "config %s: %s\n", name, strings.Join(slices.Sorted(maps.Keys(c.Values)), ", "))
		}
	}
	return b.String()
}

// label is the friendly name, or the id of a host that has told none.
func (h *Host) label() string {
	if h.Name != "" {
		return h.Name
	}
	return string(h.ID)
}

func (h *Host) describe(b *strings.Builder) {
	fmt.Fprintf(b, "host %s", h.label())
	if h.Dialect != Auto {
		fmt.Fprintf(b, " %s", h.Dialect)
	}
	if len(h.Labels) > 0 {
		fmt.Fprintf(b, " {%s}", pairs(h.Labels))
	}
	if h.Doubtful {
		b.WriteString(" doubtful")
	}
	b.WriteByte('\n')
	for i := range h.items {
		it := &h.items[i]
		for _, g := range it.Groups {
			fmt.Fprintf(b, "  %s %s", it.Key.Kind, it.Key.ID)
			if it.Key.Link != "" {
				fmt.Fprintf(b, "/%s", it.Key.Link)
			}
			if it.Ref != "" {
				fmt.Fprintf(b, " %s", it.Ref)
			}
			fmt.Fprintf(b, " x%d", g.Count)
			if len(g.Annotations) > 0 {
				fmt.Fprintf(b, " {%s}", pairs(g.Annotations))
			}
			if it.Healthy != HealthUnknown {
				fmt.Fprintf(b, " %s", it.Healthy)
			}
			b.WriteByte('\n')
		}
	}
}

func (l *Link) describe(b *strings.Builder) {
	fmt.Fprintf(b, "link %s -> %s", l.Source, l.Target)
	if l.Name != "" {
		fmt.Fprintf(b, " %s", l.Name)
	}
	if l.Contract != "" {
		fmt.Fprintf(b, " %s", l.Contract)
	}
	if l.Namespace != "" || l.Package != "" {
		fmt.Fprintf(b, " %s:%s/%s", l.Namespace, l.Package, strings.Join(l.Interfaces, ","))
	}
	if len(l.SourceConfig)+len(l.TargetConfig) > 0 {
		fmt.Fprintf(b, " config [%s] [%s]", strings.Join(l.SourceConfig, " "), strings.Join(l.TargetConfig, " "))
	}
	b.WriteByte('\n')
}

func pairs(m map[string]string) string {
	all := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, k+"="+m[k])
	}
	return strings.Join(all, " ")
}
