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
	Unread   error         // why the record cannot be read; Model has no versions then
	Others   []store.Model // the other applications of the lattice, for those requests that look at them
	Last     Last          // what was asked last of the application

	// Facts reads a stored manifest; nil: readFacts. It may remember what it has read before.
	Facts func(json.RawMessage) facts
}

// Last is what of the last wish a decision depends on. The zero value: nothing was ever asked.
type Last struct {
	Operation engine.Operation
	Release   bool
}

// Event is a manifest event to publish once everything is written.
type Event struct {
	Name string
	Data any
}

// Decision is all that a request leads to, in the order in which it is carried out: wish, record, events, reply.
type Decision struct {
	Wish    *engine.Wish // what is asked of the owner; nil: nothing new
	Record  *store.Model // what the store shall hold; nil: nothing to write
	Remove  bool         // the record goes
	Events  []Event
	Outcome Outcome
	Reply   any  // Outcome in the words of the request's generation
	News    News // set by whoever has written the decision
}

// Kind is what became of a request that changes something.
type Kind int

// The kinds.
const (
	Failed            Kind = iota // a store failed: Err
	Unreadable                    // the stored record cannot be read, so nothing was written over it
	NoApp                         // there is no such application
	NoVersion                     // it has no such version
	Duplicate                     // put: it has that version already
	Stored                        // put
	Refused                       // deploy: it cannot be deployed, Why
	Taken                         // deploy: an id is another application's, Why
	Deployed                      // deploy
	Undeployed                    // undeploy
	AlreadyUndeployed             // undeploy: it was not deployed, and is not
	DeletedVersion                // delete: others remain
	DeletedLast                   // delete: it was the only one
	DeletedAll                    // delete: all there were
)

// Outcome is what became of a request, in no generation's words.
type Outcome struct {
	Kind    Kind
	Version string   // that it was about
	Total   int      // Stored: versions that there are now
	Stops   bool     // Deleted…: what runs of it is stopped
	Why     string   // Refused, Taken: in words
	Missing []string // Stored: components of other applications that are not there
	Err     error    // Failed, Unreadable
}

// Decide says what a request leads to. It is pure: the same record and request give the same decision, and neither is changed.
//
// Whenever there is a wish, the record is written too, even if it stays the same: two processes that decide at once then meet at the
// record's revision, so that the last wish and the last record always belong to the same request.
func Decide(f Found, r Request) Decision {
	d := decide(f, r)
	d.Reply = tongueOf(r.Generation).reply(r, d.Outcome)
	return d
}

func decide(f Found, r Request) Decision {
	if unreadable(f.Model) && r.Op != wadmapi.OpDelete {
		return unchanged(Outcome{Kind: Unreadable, Err: f.Unread}) // to write it would lose what it holds
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
	return unchanged(Outcome{Kind: Failed, Err: fmt.Errorf("operation %q changes nothing", r.Op)})
}

// unchanged is a decision that changes nothing.
func unchanged(o Outcome) Decision { return Decision{Outcome: o} }

func decidePut(f Found, r Request) Decision {
	version := *r.Version
	next := store.Model{Name: r.App}
	if f.Model != nil {
		if find(f.Model, version) != nil {
			return unchanged(Outcome{Kind: Duplicate, Version: version})
		}
		next = *f.Model
		next.Versions = slices.Clone(f.Model.Versions)
	}
	next.Versions = append(next.Versions, store.Version{Version: version, Manifest: r.Canonical, Created: r.Stamp.Time, Raw: r.Raw})
	return Decision{Record: &next, Outcome: Outcome{
		Kind: Stored, Version: version, Total: len(next.Versions), Missing: missingShared(r.Put, f),
	}}
}

func decideDeploy(f Found, r Request) Decision {
	if f.Model == nil {
		return unchanged(Outcome{Kind: NoApp})
	}
	v := current(f.Model)
	if r.Version != nil && (*r.Version != wadmapi.Latest || r.Generation == wadmapi.Generation03) {
		if v = named(f.Model, r); v == nil {
			return unchanged(Outcome{Kind: NoVersion, Version: *r.Version})
		}
	}
	known := f.factsOf(v)
	if problem := cannotDeploy(r.App, v, known); problem != "" {
		return unchanged(Outcome{Kind: Refused, Version: v.Version, Why: problem})
	}
	if id, other := takenID(r.App, known.ids, f); id != "" {
		why := fmt.Sprintf("Component identifier '%s' is already deployed in a different application '%s'.", id, other)
		return unchanged(Outcome{Kind: Taken, Version: v.Version, Why: why})
	}
	if known.later != "" {
		why := fmt.Sprintf("Application %s %s cannot be deployed: %s", r.App, v.Version, known.later)
		return unchanged(Outcome{Kind: Refused, Version: v.Version, Why: why})
	}
	next := *f.Model
	next.Deployed = v.Version
	return Decision{
		Wish:    wish(f, r, engine.Deploy, v),
		Record:  &next,
		Events:  []Event{{wadmapi.EventManifestPublished, v.Manifest}},
		Outcome: Outcome{Kind: Deployed, Version: v.Version},
	}
}

func decideUndeploy(f Found, r Request) Decision {
	if f.Model == nil {
		return unchanged(Outcome{Kind: NoApp})
	}
	o := Outcome{Kind: Undeployed}
	if deployed(f.Model) == nil {
		o.Kind = AlreadyUndeployed
	}
	next := *f.Model
	next.Deployed = ""
	return Decision{Wish: wish(f, r, engine.Undeploy, lastRun(f.Model)), Record: &next, Events: unpublished(r.App), Outcome: o}
}

func decideDelete(f Found, r Request) Decision {
	if f.Model == nil {
		d := unchanged(Outcome{Kind: NoApp})
		if r.Generation == wadmapi.Generation021 {
			// 0.21.1 tells the world all the same, and what listens may have missed an earlier delete.
			d.Events = unpublished(r.App)
		}
		return d
	}
	o := Outcome{Kind: DeletedAll}
	if r.Version != nil {
		o.Version = *r.Version
	}
	var v *store.Version
	if r.Version != nil && !r.All {
		if v = named(f.Model, r); v == nil {
			// No event: 0.21.1 sends one, and takes down what runs because somebody named a version that is not there.
			return unchanged(Outcome{Kind: NoVersion, Version: *r.Version})
		}
		o.Kind, o.Version = DeletedVersion, v.Version
		if len(f.Model.Versions) == 1 {
			o.Kind = DeletedLast
		}
	}
	if o.Kind != DeletedVersion {
		o.Stops = !releases(f, r)
		return Decision{Wish: wish(f, r, engine.Delete, lastRun(f.Model)), Remove: true, Events: unpublished(r.App), Outcome: o}
	}
	next := *f.Model
	next.Versions = slices.DeleteFunc(slices.Clone(f.Model.Versions), func(other store.Version) bool { return other.Version == v.Version })
	d := Decision{Record: &next}
	if deployed(f.Model) == v {
		next.Deployed = ""
		o.Stops = !releases(f, r)
		d.Wish, d.Events = wish(f, r, engine.Undeploy, v), unpublished(r.App)
	}
	d.Outcome = o
	return d
}

// releases tells whether an undeploy or a delete lets what runs go on. Where the request does not say it and nothing is deployed, what was
// asked last stands: what was let go then is not stopped now, and a stop under way is not broken off.
func releases(f Found, r Request) bool {
	switch {
	case r.Release != nil:
		return *r.Release
	case f.Model != nil && deployed(f.Model) == nil && f.Last.Operation != "" && f.Last.Operation != engine.Deploy:
		return f.Last.Release
	}
	return r.LetGo
}

// settled is the wish that says what the record says. It takes the place of a wish that was written for a request which was then
// refused or could not be stored; last is the one before that.
func settled(f Found, app string, s Stamp, last Last) engine.Wish {
	r := Request{App: app, Stamp: s, Release: &last.Release}
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
	if op != engine.Deploy {
		w.Release = releases(f, r)
	}
	return &w
}

func unpublished(app string) []Event {
	return []Event{{wadmapi.EventManifestUnpublished, wadmapi.Unpublished{Name: app}}}
}

// named is the version that a request names. One that has been stored by generation 0.21 keeps its v, and is found by its whole name too.
func named(m *store.Model, r Request) *store.Version {
	v := find(m, *r.Version)
	if v == nil && r.Given != "" {
		v = find(m, r.Given)
	}
	return v
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
