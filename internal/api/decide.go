package api

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// Found is what the stores hold when a request is decided.
type Found struct {
	Model    *store.Model // nil: there is no such application
	Revision store.Revision
	Others   []store.Model // the other applications of the lattice, for those requests that look at them

	// Facts reads a stored manifest; nil: readFacts. It may remember what it has read before.
	Facts func(json.RawMessage) facts
}

// Event is a manifest event to publish once everything is written.
type Event struct {
	Name string
	Data any
}

// Decision is all that a request leads to, in the order in which it is carried out: wish, record, event, reply.
type Decision struct {
	Wish   *engine.Wish // what is asked of the owner; nil: nothing new
	Record *store.Model // what the store shall hold; nil: nothing to write
	Remove bool         // the record goes
	Event  *Event
	Reply  any
	News   News // set by whoever has written the decision
}

// Decide says what a request leads to. It is pure: the same record and request give the same decision, and neither is changed.
//
// Whenever there is a wish, the record is written too, even if it stays the same: two processes that decide at once then meet at the
// record's revision, so that the last wish and the last record always belong to the same request.
func Decide(f Found, r Request) Decision {
	if unreadable(f.Model) && r.Op != wadmapi.OpDelete {
		return Decision{Reply: storageError(r)} // to write it would lose what it holds
	}
	switch r.Op {
	case wadmapi.OpPut:
		return decidePut(f, r)
	case wadmapi.OpDeploy:
		return decideDeploy(f, r)
	case wadmapi.OpUndeploy:
		return decideUndeploy(f, r)
	case wadmapi.OpDelete:
		return decideDelete(f, r)
	}
	return Decision{Reply: wadmapi.NewError("Internal error")}
}

func decidePut(f Found, r Request) Decision {
	version := *r.Version
	next := store.Model{Name: r.App}
	if f.Model != nil {
		if find(f.Model, version) != nil {
			return Decision{Reply: wadmapi.NewError(fmt.Sprintf("Manifest version %s already exists", version))}
		}
		next = *f.Model
		next.Versions = slices.Clone(f.Model.Versions)
	}
	next.Versions = append(next.Versions, store.Version{Version: version, Manifest: r.Canonical})

	result := wadmapi.ResultNewVersion
	if len(next.Versions) == 1 {
		result = wadmapi.ResultCreated
	}
	message := fmt.Sprintf("Successfully put manifest %s %s", r.App, version)
	if missing := missingShared(r.Put, f); len(missing) > 0 {
		message += fmt.Sprintf(", but some shared components are not deployed: %s", quoted(missing))
	}
	return Decision{Record: &next, Reply: wadmapi.PutReply{
		Result: result, TotalVersions: len(next.Versions), CurrentVersion: version, Message: message, Name: r.App,
	}}
}

func decideDeploy(f Found, r Request) Decision {
	if f.Model == nil {
		return Decision{Reply: wadmapi.DeployReply{Result: wadmapi.ResultNotFound, Message: unknownApp(r.App), Name: r.App, Version: r.Version}}
	}
	refuse := func(version, message string) Decision {
		return Decision{Reply: wadmapi.DeployReply{Result: wadmapi.ResultError, Message: message, Name: r.App, Version: &version}}
	}
	v := current(f.Model)
	if r.Version != nil && *r.Version != wadmapi.Latest {
		if v = find(f.Model, *r.Version); v == nil {
			return refuse(*r.Version, fmt.Sprintf("Application with the name '%s' does not have a version '%s' to deploy", r.App, *r.Version))
		}
	}
	known := f.factsOf(v)
	if problem := cannotDeploy(r.App, v, known); problem != "" {
		return refuse(v.Version, problem)
	}
	if id, other := takenID(r.App, known.ids, f); id != "" {
		return Decision{Reply: wadmapi.NewError(fmt.Sprintf("Component identifier '%s' is already deployed in a different application '%s'.", id, other))}
	}
	if known.later != "" {
		return refuse(v.Version, fmt.Sprintf("Application %s %s cannot be deployed: %s", r.App, v.Version, known.later))
	}
	next := *f.Model
	next.Deployed = v.Version
	version := v.Version
	return Decision{
		Wish:   wish(f, r, engine.Deploy, v),
		Record: &next,
		Event:  &Event{wadmapi.EventManifestPublished, v.Manifest},
		Reply: wadmapi.DeployReply{Result: wadmapi.ResultAcknowledged,
			Message: fmt.Sprintf("Successfully deployed application %s %s", r.App, version), Name: r.App, Version: &version},
	}
}

func decideUndeploy(f Found, r Request) Decision {
	if f.Model == nil {
		return Decision{Reply: wadmapi.DeployReply{Result: wadmapi.ResultNotFound, Message: unknownApp(r.App), Name: r.App}}
	}
	message := fmt.Sprintf("Successfully undeployed application %s", r.App)
	if deployed(f.Model) == nil {
		message = fmt.Sprintf("Application %s was already undeployed", r.App)
	}
	next := *f.Model
	next.Deployed = ""
	return Decision{
		Wish:   wish(f, r, engine.Undeploy, lastRun(f.Model)),
		Record: &next,
		Event:  unpublished(r.App),
		Reply:  wadmapi.DeployReply{Result: wadmapi.ResultAcknowledged, Message: message, Name: r.App},
	}
}

func decideDelete(f Found, r Request) Decision {
	if f.Model == nil {
		// 0.21.1 tells the world all the same, and what listens may have missed an earlier delete.
		return Decision{Event: unpublished(r.App), Reply: wadmapi.DeleteReply{Result: wadmapi.ResultNoop,
			Message: fmt.Sprintf("Application %s doesn't exist or was already deleted", r.App)}}
	}
	all := Decision{Wish: wish(f, r, engine.Delete, lastRun(f.Model)), Remove: true, Event: unpublished(r.App)}
	if r.Version == nil {
		all.Reply = wadmapi.DeleteReply{Result: wadmapi.ResultDeleted, Message: fmt.Sprintf("Successfully deleted application %s", r.App), Undeploy: true}
		return all
	}
	version := *r.Version
	v := find(f.Model, version)
	if v == nil {
		// No event: 0.21.1 sends one, and takes down what runs because somebody named a version that is not there.
		return Decision{Reply: wadmapi.DeleteReply{Result: wadmapi.ResultNoop, Message: fmt.Sprintf("Application version %s doesn't exist", version)}}
	}
	if len(f.Model.Versions) == 1 {
		all.Reply = wadmapi.DeleteReply{Result: wadmapi.ResultDeleted, Message: fmt.Sprintf("Successfully deleted last version of application %s", r.App), Undeploy: true}
		return all
	}
	next := *f.Model
	next.Versions = slices.DeleteFunc(slices.Clone(f.Model.Versions), func(o store.Version) bool { return o.Version == version })
	running := deployed(f.Model) == v
	d := Decision{Record: &next, Reply: wadmapi.DeleteReply{Result: wadmapi.ResultDeleted,
		Message: fmt.Sprintf("Successfully deleted version %s of application %s", version, r.App), Undeploy: running}}
	if running {
		next.Deployed = ""
		d.Wish, d.Event = wish(f, r, engine.Undeploy, v), unpublished(r.App)
	}
	return d
}

// settled is the wish that says what the record says. It takes the place of a wish that was written for a request which was then
// refused or could not be stored.
func settled(f Found, app string, s Stamp) engine.Wish {
	r := Request{App: app, Stamp: s}
	if f.Model == nil {
		return *wish(f, r, engine.Delete, nil)
	}
	if v := deployed(f.Model); v != nil {
		return *wish(f, r, engine.Deploy, v)
	}
	return *wish(f, r, engine.Undeploy, lastRun(f.Model))
}

func wish(f Found, r Request, op engine.Operation, v *store.Version) *engine.Wish {
	w := engine.Wish{ID: r.Stamp.ID, App: r.App, Operation: op, BasedOn: f.Revision, At: r.Stamp.At}
	if v != nil {
		w.Version, w.Manifest = v.Version, v.Manifest
	}
	return &w
}

func unpublished(app string) *Event {
	return &Event{wadmapi.EventManifestUnpublished, wadmapi.Unpublished{Name: app}}
}

func unknownApp(app string) string { return fmt.Sprintf("Application with the name %s not found", app) }

// find is the stored version of that name, or nil.
func find(m *store.Model, version string) *store.Version {
	for i := range m.Versions {
		if m.Versions[i].Version == version {
			return &m.Versions[i]
		}
	}
	return nil
}

// unreadable tells whether the record exists and could not be read: one that can be read has a version.
func unreadable(m *store.Model) bool { return m != nil && len(m.Versions) == 0 }

// current is the version put last; nil when the record could not be read.
func current(m *store.Model) *store.Version {
	if len(m.Versions) == 0 {
		return nil
	}
	return &m.Versions[len(m.Versions)-1]
}

// deployed is the version that shall run, nil when there is none. The record may name one that it no longer holds.
func deployed(m *store.Model) *store.Version {
	if m.Deployed == "" {
		return nil
	}
	return find(m, m.Deployed)
}

// lastRun is what an undeploy or delete hands to the owner as the last manifest, for an owner that has no memory of its own.
func lastRun(m *store.Model) *store.Version {
	if v := deployed(m); v != nil {
		return v
	}
	return current(m)
}

// quoted writes names the way 0.21.1's messages do.
func quoted(names []string) string {
	b, err := json.Marshal(names)
	if err != nil {
		return "[]" // strings always encode
	}
	return string(b)
}
