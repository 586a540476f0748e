package wadmapi

import (
	"errors"
	"fmt"
)

// Subjects of the processes among themselves. Both are plain core NATS, in no queue group: everyone hears, everyone answers. A process whose NATS
// user may not publish or subscribe there works all the same, as if it were alone.
const (
	// ClusterBeatSubject is where every process says once a second that it lives: a Beat, without reply.
	ClusterBeatSubject = "wadm.cluster.beat"
	// ClusterStatusSubject is where anybody may ask; every process answers by itself, with a ClusterReply.
	ClusterStatusSubject = "wadm.cluster.status"
)

// BeatState says what its sender is about to do.
type BeatState string

// The states of a process.
const (
	BeatLive    BeatState = "live"
	BeatLeaving BeatState = "leaving" // a clean stop: it takes no lattice any more, and still holds those it lists as an owner
	BeatGone    BeatState = "gone"    // its last beat: it holds nothing
)

// Stand is how a process stands to a lattice.
type Stand string

// The stands. A lattice that a process does not know, or whose lease it cannot read, is not listed by it.
const (
	StandOwns   Stand = "owns"
	StandClaims Stand = "claims" // it would own the lattice if that were free: by its own reckoning it is the rightful one
	StandWaits  Stand = "waits"
)

// Beat is what a process says of itself. It is news, never a proof: the lease in the store alone decides who acts.
type Beat struct {
	Name     string        `json:"name"` // for people; unique among the live ones of a cluster
	ID       string        `json:"id"`   // of this run of the process and no other; the owner that stands in its leases
	Version  string        `json:"version,omitempty"`
	Started  string        `json:"started"`         // RFC 3339
	Store    string        `json:"store,omitempty"` // which records it shares; processes with other records are no cluster
	State    BeatState     `json:"state"`
	Lattices []BeatLattice `json:"lattices"` // ascending
}

// BeatLattice is one lattice in a beat.
type BeatLattice struct {
	Name  string `json:"name"`
	Stand Stand  `json:"stand"`
	Epoch uint64 `json:"epoch,omitempty"` // of its ownership
	Since string `json:"since,omitempty"` // RFC 3339; of its ownership
	Blind bool   `json:"blind,omitempty"` // it could not reach the hosts when it owned the lattice last, and does now or did so lately
}

// Bounds of a beat: what is beyond is not read. A cluster of more lattices than that works; those beyond are owned by whoever comes first.
const (
	MaxBeatLattices = 8000
	maxBeatText     = 255
)

// Check says whether a beat may be believed to be one.
func (b *Beat) Check() error {
	switch {
	case ValidProcessName(b.Name) != nil:
		return ValidProcessName(b.Name)
	case b.ID == "":
		return errors.New("a beat without id")
	case b.State != BeatLive && b.State != BeatLeaving && b.State != BeatGone:
		return fmt.Errorf("a beat in state %.40q", b.State)
	case len(b.Lattices) > MaxBeatLattices:
		return fmt.Errorf("a beat with %d lattices, at most %d are allowed", len(b.Lattices), MaxBeatLattices)
	}
	for _, text := range []string{b.ID, b.Version, b.Started, b.Store} {
		if len(text) > maxBeatText {
			return fmt.Errorf("a beat with a text of %d bytes, at most %d are allowed", len(text), maxBeatText)
		}
	}
	for _, l := range b.Lattices {
		if err := ValidName(l.Name); err != nil {
			return fmt.Errorf("a beat with a lattice whose %w", err)
		}
	}
	return nil
}

// ValidProcessName says whether a process may have this name: ^[-A-Za-z0-9_.]+$, at most MaxName bytes.
func ValidProcessName(name string) error {
	if name == "" {
		return errors.New("the name of the process is empty")
	}
	if len(name) > MaxName {
		return fmt.Errorf("the name of the process is %d characters long, at most %d are allowed", len(name), MaxName)
	}
	for i := range len(name) {
		if c := name[i]; c != '.' && ValidName(string(rune(c))) != nil {
			return fmt.Errorf("%q is no name for a process: only letters, digits, dots, dashes and underscores are allowed", name)
		}
	}
	return nil
}

// ClusterReply is the answer of one process on ClusterStatusSubject.
type ClusterReply struct {
	Result   Result      `json:"result"` // ResultSuccess
	Message  string      `json:"message"`
	Process  Beat        `json:"process"` // who answers
	Others   []Heard     `json:"others"`  // whom it hears, ascending by name
	Lattices []Ownership `json:"lattices"`
}

// Heard is a process that another one has heard within the last seconds.
type Heard struct {
	Name  string    `json:"name"`
	ID    string    `json:"id"`
	State BeatState `json:"state"`
	Age   float64   `json:"age_seconds"` // since its last beat
}

// Ownership is who owns a lattice, as one process sees it.
type Ownership struct {
	Lattice string `json:"lattice"`
	Owner   string `json:"owner,omitempty"`    // name of the process that owns it; absent while nobody does
	ID      string `json:"owner_id,omitempty"` // of that process
	Epoch   uint64 `json:"epoch,omitempty"`    // of the lease, also of one that has run out
	Since   string `json:"since,omitempty"`    // RFC 3339
	Should  string `json:"should,omitempty"`   // name of the process that should own it, by the live ones
	Note    string `json:"note,omitempty"`     // why nobody owns it, or what keeps its owner from acting
}

// Cluster is what the answers of all processes say together.
type Cluster struct {
	Processes []Beat      `json:"processes"` // those that answered, ascending by name
	Silent    []Heard     `json:"silent"`    // heard by others within the last seconds, and without an answer to this question
	Lattices  []Ownership `json:"lattices"`  // ascending by name
}
