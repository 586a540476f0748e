package api

import (
	"fmt"
	"strings"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// cannotDeploy says why a stored version is not deployed; empty when it can be. A store may hold what an older program took and we would
// refuse: that is kept, and not deployed.
func cannotDeploy(app string, v *store.Version, f facts) string {
	why := f.problem
	if err := wadmapi.ValidName(app); err != nil {
		why = err.Error()
	} else if err := wadmapi.ValidVersion(v.Version); err != nil {
		why = err.Error()
	} else if v.Version == "" {
		why = "its version is empty; put it again with a version"
	}
	if why == "" {
		return ""
	}
	return fmt.Sprintf("Application %s %s cannot be deployed: %s", app, v.Version, why)
}

func firstError(found oam.Diagnostics) string {
	errs := found.Errors()
	if len(errs) == 0 {
		return "it is empty"
	}
	if errs[0].Path == "" {
		return errs[0].Text()
	}
	return errs[0].Text() + " (" + errs[0].Path + ")"
}

// running is what is known of the deployed manifest of another application; empty when none is deployed.
func (f Found) running(m *store.Model) facts {
	v := deployed(m)
	if v == nil {
		return facts{}
	}
	return f.factsOf(v)
}

func (f Found) factsOf(v *store.Version) facts {
	if f.Facts == nil {
		return readFacts(v.Manifest)
	}
	return f.Facts(v.Manifest)
}

// takenID is the first id that another deployed application has too, and whose it is. Ids that are derived from names count as well as
// written ones: "a-b" and "a_b" lead to the same id, and a host keeps one resource for each.
func takenID(self string, ids []string, f Found) (id, app string) {
	mine := map[string]bool{}
	for _, id := range ids {
		mine[id] = true
	}
	for i := range f.Others {
		if f.Others[i].Name == self {
			continue
		}
		other := f.running(&f.Others[i])
		for _, id := range other.ids {
			if mine[id] {
				return id, f.Others[i].Name
			}
		}
	}
	return "", ""
}

// ownIDs are the ids of what the manifest itself runs, in its order.
func ownIDs(m *oam.Manifest) []string {
	var ids []string
	for i := range m.Spec.Components {
		if c := &m.Spec.Components[i]; c.Properties.Application == nil {
			ids = append(ids, m.EffectiveID(c))
		}
	}
	return ids
}

// missingShared names the components that refer to another application's and find nothing there that is deployed and shared.
func missingShared(m *oam.Manifest, f Found) []string {
	var missing []string
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		if c.Properties.Application != nil && !isShared(c, f) {
			missing = append(missing, c.Name)
		}
	}
	return missing
}

func isShared(c *oam.Component, f Found) bool {
	for i := range f.Others {
		if f.Others[i].Name == c.Properties.Application.Name {
			other := f.running(&f.Others[i])
			return other.shared && other.kinds[c.Properties.Application.Component] == c.Type
		}
	}
	return false
}

// refersElsewhere tells whether the manifest has a component of another application.
func refersElsewhere(m *oam.Manifest) bool {
	for i := range m.Spec.Components {
		if m.Spec.Components[i].Properties.Application != nil {
			return true
		}
	}
	return false
}

// notYet names each field of the manifest that asks for something which the control plane cannot do yet; empty when there is none.
// To run the rest of the application without them would be a lie about its state.
func notYet(m *oam.Manifest) string {
	var found []string
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		at := fmt.Sprintf("spec.components[%d].", i)
		if c.Properties.Application != nil {
			found = append(found, at+"properties.application")
		}
		if len(c.Properties.Secrets) > 0 {
			found = append(found, at+"properties.secrets")
		}
		for j := range c.Traits {
			l := c.Traits[j].Link
			if l == nil {
				continue
			}
			if l.Source != nil && len(l.Source.Secrets) > 0 {
				found = append(found, fmt.Sprintf("%straits[%d].properties.source.secrets", at, j))
			}
			if len(l.Target.Secrets) > 0 {
				found = append(found, fmt.Sprintf("%straits[%d].properties.target.secrets", at, j))
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	return "secrets and components of other applications are not supported yet: " + strings.Join(found, ", ")
}
