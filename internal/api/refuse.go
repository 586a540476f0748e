package api

import (
	"fmt"
	"strings"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// deployable reads a stored version. A store may hold what an older program took and we would refuse: that is kept, and not deployed.
func deployable(app string, v *store.Version) (m *oam.Manifest, problem string) {
	cannot := func(why string) (*oam.Manifest, string) {
		return nil, fmt.Sprintf("Application %s %s cannot be deployed: %s", app, v.Version, why)
	}
	if err := wadmapi.ValidName(app); err != nil {
		return cannot(err.Error())
	}
	if err := wadmapi.ValidVersion(v.Version); err != nil {
		return cannot(err.Error())
	}
	if v.Version == "" {
		return cannot("its version is empty; put it again with a version")
	}
	doc, found := oam.Decode(v.Manifest, oam.FormatJSON)
	if doc == nil || doc.Manifest == nil || found.HasErrors() {
		return cannot("the stored manifest cannot be read: " + firstError(found))
	}
	if found := oam.Validate(doc); found.HasErrors() {
		return cannot(firstError(found))
	}
	return doc.Manifest, ""
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

// running reads the deployed manifest of another application; nil when there is none or it cannot be read.
func running(m *store.Model) *oam.Manifest {
	v := deployed(m)
	if v == nil {
		return nil
	}
	doc, _ := oam.Decode(v.Manifest, oam.FormatJSON)
	if doc == nil {
		return nil
	}
	return doc.Manifest
}

// takenID is the first id of the manifest that another deployed application has too, and whose it is. Ids that are derived from names count as well as
// written ones: "a-b" and "a_b" lead to the same id, and a host keeps one resource for each.
func takenID(m *oam.Manifest, others []store.Model) (id, app string) {
	mine := map[string]bool{}
	for _, id := range ownIDs(m) {
		mine[id] = true
	}
	for i := range others {
		other := running(&others[i])
		if other == nil || others[i].Name == m.Metadata.Name {
			continue
		}
		for _, id := range ownIDs(other) {
			if mine[id] {
				return id, others[i].Name
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
func missingShared(m *oam.Manifest, others []store.Model) []string {
	var missing []string
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		if c.Properties.Application != nil && !isShared(c, others) {
			missing = append(missing, c.Name)
		}
	}
	return missing
}

func isShared(c *oam.Component, others []store.Model) bool {
	for i := range others {
		if others[i].Name != c.Properties.Application.Name {
			continue
		}
		other := running(&others[i])
		if other == nil || !other.Shared() {
			return false
		}
		found := other.Component(c.Properties.Application.Component)
		return found != nil && found.Type == c.Type
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
