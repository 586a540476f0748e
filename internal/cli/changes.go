package cli

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/wadm-go/wadm/oam"
)

// changes says what a deployment changes, a line for each component: nothing if nothing ran before.
func changes(before, after *oam.Manifest) []string {
	if before == nil || before.Version() == after.Version() {
		return nil
	}
	from, to := shortVersion(before.Version()), shortVersion(after.Version())
	if from == to { // versions that wadm made begin with the time
		from, to = before.Version(), after.Version()
	}
	lines := []string{fmt.Sprintf("%s %s → %s", after.Metadata.Name, from, to)}
	widest := 0
	for _, m := range []*oam.Manifest{before, after} {
		for i := range m.Spec.Components {
			widest = max(widest, width(m.Spec.Components[i].Name))
		}
	}
	say := func(name, what string) { lines = append(lines, "  "+pad(name, widest+2)+what) }
	for i := range after.Spec.Components {
		c := &after.Spec.Components[i]
		old := before.Component(c.Name)
		if old == nil {
			say(c.Name, "new")
			continue
		}
		for _, what := range changesOf(old, c) {
			say(c.Name, what)
		}
	}
	for i := range before.Spec.Components {
		if name := before.Spec.Components[i].Name; after.Component(name) == nil {
			say(name, "goes")
		}
	}
	return lines
}

func changesOf(old, c *oam.Component) []string {
	var out []string
	if old.Properties.Image != c.Properties.Image {
		out = append(out, fmt.Sprintf("image %s → %s", old.Properties.Image, c.Properties.Image))
	}
	a, _ := old.Scaler()
	b, daemon := c.Scaler()
	switch {
	case a == nil && b == nil:
	case a == nil || b == nil:
		out = append(out, "another scaler")
	case a.Instances != b.Instances && daemon:
		out = append(out, fmt.Sprintf("%d → %d instances on each host", a.Instances, b.Instances))
	case a.Instances != b.Instances:
		out = append(out, fmt.Sprintf("%d → %d instances", a.Instances, b.Instances))
	}
	// What else differs is found in the normalised form: all but the image and the count made equal.
	x, y := *old, *c
	x.Properties.Image, y.Properties.Image = "", ""
	if !bytes.Equal(normal(x, false), normal(y, false)) {
		out = append(out, "config changed")
	}
	if !bytes.Equal(normal(x, true), normal(y, true)) {
		out = append(out, "links or placement changed")
	}
	if len(out) == 0 {
		return []string{"unchanged"}
	}
	return out
}

// normal is one component in normalised form: its traits without counts, or all but its traits.
func normal(c oam.Component, traits bool) []byte {
	if traits {
		c.Properties = oam.Properties{}
		c.Traits = slices.Clone(c.Traits)
		for i := range c.Traits {
			if s := c.Traits[i].Scaler; s != nil {
				even := *s
				even.Instances = 0
				c.Traits[i].Scaler = &even
			}
		}
	} else {
		c.Traits = nil
	}
	return oam.Canonical(&oam.Manifest{Spec: oam.Spec{Components: []oam.Component{c}}})
}
