// Package store is the contract between the control plane and whatever keeps its records: models, wishes, run records and leases.
//
// It knows the shapes of the records and what compare-and-set means, and how a lease is taken, kept and lost (StepLease, pure); it never
// talks to anything. The implementations are kvstore (JetStream), redisstore and memstore; package storetest is the one suite that
// all of them pass, and package watch below this one does for all of them what a watch promises. The API writes models and wishes,
// the owner of a lattice writes run records, the process that wants to own it writes its lease: each key has one writer.
//
// A write that ends with another error than those below (a time-out, a lost connection) may or may not have happened: read before
// writing again. Records are handed over, not shared: who got one may change it, save the bytes of a manifest.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("the record has changed meanwhile")
	// ErrUnreadable comes with a revision, so that such a record can still be deleted or replaced, and with the name.
	ErrUnreadable = errors.New("the stored record cannot be read")
	// ErrTooLarge: nothing was written; the message names the application, its size and the limit.
	ErrTooLarge = errors.New("the record is too large for the store")
)

// Revision is the store's number of a record's state. It only grows. 0 means "no record": Put with 0 creates and never overwrites.
type Revision = uint64

// Version is one stored version of a manifest. Created and Raw are set by whoever puts the version (the API) and come back from Model and
// Models; a caller that writes a model back leaves them as it got them. A watch may leave them out.
type Version struct {
	Version  string
	Manifest json.RawMessage // canonical JSON, as package oam writes it; kept byte for byte when it came from an older program
	Created  time.Time       // when it was put, UTC, to the millisecond; zero: the store does not know
	Raw      []byte          // the text as it was put; nil: the store does not know

	// Broken is why the version cannot be read, "" if it can. Manifest then is a stand-in without a spec that bears name, version and reason.
	// The store sets it; a version that comes back unchanged in a put stays stored as it is.
	Broken string
}

// Model is all versions of one application, in the order in which they were put (the last is the current one), and which is deployed.
type Model struct {
	Name     string
	Versions []Version
	Deployed string                     // "" = none
	Unknown  map[string]json.RawMessage // members that we do not know and keep
}

// Clone is a copy whose versions and unknown members may be changed. The bytes of the manifests are shared and never changed by anybody.
func (m Model) Clone() Model {
	m.Versions = slices.Clone(m.Versions)
	m.Unknown = maps.Clone(m.Unknown)
	return m
}

// Check says what no store can keep: no name, a version twice (versions are told apart by their text), a manifest that is no JSON.
func (m Model) Check() error {
	if m.Name == "" {
		return errors.New("the model has no name")
	}
	seen := make(map[string]bool, len(m.Versions))
	for _, v := range m.Versions {
		if seen[v.Version] {
			return fmt.Errorf("app %q has version %q twice", m.Name, v.Version)
		}
		seen[v.Version] = true
		if !json.Valid(v.Manifest) {
			return fmt.Errorf("the manifest of app %q version %q is not JSON", m.Name, v.Version)
		}
	}
	return nil
}

// Change is one step of a watch. A watch is a snapshot followed by changes: End marks the end of the snapshot. After a gap the store
// sends a whole snapshot again (Restart first), and absence in it is never an undeploy. End and Restart come alone, without a record.
// A watcher that does not keep up gets a Restart too, instead of a queue that grows. A record that cannot be read is sent with its name
// and revision only.
type Change[T any] struct {
	Name     string
	Record   T
	Revision Revision
	Gone     bool
	End      bool
	Restart  bool
}

// Models holds manifests by application. Written by the API alone.
type Models interface {
	// Model returns the record of an application, or ErrNotFound, or ErrUnreadable together with the name and the revision.
	Model(ctx context.Context, lattice, app string) (Model, Revision, error)
	// PutModel writes it if the store still holds expect (0: if there is none), else ErrConflict. It also puts the name into the lattice's set of names.
	// ErrTooLarge if it does not fit: all versions of an application are one record.
	PutModel(ctx context.Context, lattice string, m Model, expect Revision) (Revision, error)
	// DeleteModel takes the name from the set and removes the record, if it still is at expect, else ErrConflict. ErrNotFound if it is gone.
	DeleteModel(ctx context.Context, lattice, app string, expect Revision) error
	// Models lists all records of a lattice by ascending name, with everything that was written before the call. A record that cannot be
	// read is listed with nil Versions; it never silences the others. A record whose name is missing in the lattice's set is added back.
	Models(ctx context.Context, lattice string) ([]Model, error)
	// Lattices names every lattice that has a model, a wish or a run record, ascending.
	Lattices(ctx context.Context) ([]string, error)
	// WatchModels sends a snapshot, then changes, until ctx ends; the channel is closed then.
	WatchModels(ctx context.Context, lattice string) (<-chan Change[Model], error)
}

// Wishes holds what was asked last of each application. Written by the API alone. A wish is never removed: after a delete it is what
// tells the owner, whenever there is one, that nothing shall be left. Errors and watches as for Models; an unreadable wish is not sent.
type Wishes interface {
	Wish(ctx context.Context, lattice, app string) (engine.Wish, Revision, error)
	PutWish(ctx context.Context, lattice string, w engine.Wish, expect Revision) (Revision, error)
	WatchWishes(ctx context.Context, lattice string) (<-chan Change[engine.Wish], error)
}

// Runs holds run records. Written by the owner of the lattice alone: a conflict means that the lease is lost. Runs lists by ascending
// name; a record that cannot be read is listed with its name and revision only, so that the owner can replace it. DeleteRun of a record
// that is already gone is no error: the owner may not have got the answer of its first try.
type Runs interface {
	Run(ctx context.Context, lattice, app string) (engine.Run, Revision, error)
	PutRun(ctx context.Context, lattice string, r engine.Run, expect Revision) (Revision, error)
	DeleteRun(ctx context.Context, lattice, app string, expect Revision) error
	Runs(ctx context.Context, lattice string) ([]Stored, error)
}

// Stored is a run record with its revision.
type Stored struct {
	Run      engine.Run
	Revision Revision
}

// Lease says who owns a lattice. A challenger that saw one revision unchanged for TTL by its own clock may replace it.
type Lease struct {
	Owner string        `json:"owner"`
	Epoch uint64        `json:"epoch"` // grows with each change of owner
	TTL   time.Duration `json:"ttl"`
	Freed bool          `json:"freed,omitempty"` // given up by a clean stop: free at once
	Since string        `json:"since,omitempty"` // RFC 3339, for people
}

// Leases holds one lease for each lattice. Written by whoever holds it, by compare-and-set. What Lease returns may be old (a replica that
// lags): only a PutLease that succeeded proves anything. StepLease makes the decisions.
type Leases interface {
	Lease(ctx context.Context, lattice string) (Lease, Revision, error)
	PutLease(ctx context.Context, lattice string, l Lease, expect Revision) (Revision, error)
}

// Statuses keeps what was last told of each application, for a process that begins. A store beside a NATS that keeps statuses itself (the
// stream wadm_status) needs none. Written by the owner of the lattice; the last one written counts.
type Statuses interface {
	// KeepStatus keeps a status as it was published; nil takes it away.
	KeepStatus(ctx context.Context, lattice, app string, status []byte, at time.Time) error
	// KeptStatuses returns what is kept of a lattice, by ascending name.
	KeptStatuses(ctx context.Context, lattice string) ([]KeptStatus, error)
}

// KeptStatus is what was last told of an application.
type KeptStatus struct {
	App    string
	Status []byte    // as it was published
	At     time.Time // when, to the millisecond
}
