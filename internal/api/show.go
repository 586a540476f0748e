package api

import (
	"encoding/json"
	"fmt"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// notStarted is 0.21.1's text for an application that nothing has looked at yet.
const notStarted = "Waiting for status: Lattice contains no hosts, deployment not started."

// renderGet answers a get of one version, or of the newest.
func renderGet(m *store.Model, app string, version *string) wadmapi.GetReply {
	if m == nil {
		return wadmapi.GetReply{Result: wadmapi.ResultNotFound, Message: unknownApp(app)}
	}
	if unreadable(m) {
		return wadmapi.GetReply{Result: wadmapi.ResultError, Message: storageFailed}
	}
	v, message := current(m), "Successfully fetched application "+app
	if version != nil {
		message += " " + *version
		if v = find(m, *version); v == nil {
			return wadmapi.GetReply{Result: wadmapi.ResultNotFound, Message: fmt.Sprintf("Application %s with version %s doesn't exist", app, *version)}
		}
	}
	return wadmapi.GetReply{Result: wadmapi.ResultSuccess, Message: message, Manifest: v.Manifest}
}

// renderVersions answers versions, oldest first.
func renderVersions(m *store.Model, app string) wadmapi.VersionsReply {
	reply := wadmapi.VersionsReply{Result: wadmapi.ResultSuccess, Message: "Successfully fetched versions for application " + app, Versions: []wadmapi.VersionInfo{}}
	if m == nil {
		reply.Result, reply.Message = wadmapi.ResultNotFound, unknownApp(app)
		return reply
	}
	if unreadable(m) {
		reply.Result, reply.Message = wadmapi.ResultError, storageFailed
	}
	for i := range m.Versions {
		v := m.Versions[i].Version
		reply.Versions = append(reply.Versions, wadmapi.VersionInfo{Version: v, Deployed: v != "" && v == m.Deployed})
	}
	return reply
}

// statusOf is the status of an application as list and status both show it. "waiting" is said only of what is deployed and was not
// looked at yet, so the two agree and what never ran reads "undeployed".
func statusOf(m *store.Model, t told) wadmapi.Status {
	var v *store.Version
	if m != nil {
		v = deployed(m)
	}
	s := t.status
	switch {
	case t.known && (v != nil || s.Status.Type != wadmapi.StatusWaiting):
	case v != nil:
		s = wadmapi.NewStatus(wadmapi.StatusWaiting, notStarted)
	default:
		s = wadmapi.NewStatus(wadmapi.StatusUndeployed, "")
	}
	if s.Version == "" && v != nil {
		s.Version = v.Version
	}
	if s.Components == nil {
		s.Components = []struct{}{}
	}
	return s
}

// renderStatus answers status: ok whether the application exists or not, as clients of 0.21.1 expect.
func renderStatus(m *store.Model, app string, t told) wadmapi.StatusReply {
	s := statusOf(m, t)
	return wadmapi.StatusReply{Result: wadmapi.ResultOK, Message: "Successfully fetched status for application " + app, Status: &s}
}

// renderSummary is one application of a list. A record that cannot be read has no versions; it is listed, with its trouble as status.
func renderSummary(m *store.Model, t told) wadmapi.ModelSummary {
	s := statusOf(m, t)
	out := wadmapi.ModelSummary{Name: m.Name}
	if len(m.Versions) == 0 {
		s = wadmapi.NewStatus(wadmapi.StatusFailed, cannotBeRead)
	} else {
		out.Version = current(m).Version
		out.Description = description(current(m))
	}
	if v := deployed(m); v != nil {
		out.DeployedVersion = &v.Version
	}
	out.DetailedStatus, out.Status, out.StatusMessage = s, s.Status.Type.Legacy(), s.Status.Message
	return out
}

// description reads the annotation alone: a list must neither fail on a manifest that somebody else wrote nor check each one whole.
func description(v *store.Version) *string {
	var head struct {
		Metadata struct {
			Annotations struct {
				Description *string `json:"description"`
			} `json:"annotations"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(v.Manifest, &head); err != nil {
		return nil
	}
	return head.Metadata.Annotations.Description
}
