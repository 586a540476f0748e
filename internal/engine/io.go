package engine

import (
	"encoding/json"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// An Input is one thing that the owner of a lattice learns. All of them come through one queue.
type Input interface{ engineInput() }

type (
	// Connected begins a new time of listening: nothing heard before proves an absence any more. It is the first input of a new
	// owner, and comes again after each reconnect and after a slow-consumer signal.
	Connected struct{}

	// Disconnected says that the connection to the lattice is down: the engine freezes until Connected. Why is told in the status of every
	// application; it may come again with another one. Empty: what was told stands.
	Disconnected struct{ Why string }

	// Observed carries host events, in the order in which they came.
	Observed struct{ Events []lattice.Event }

	// Learned ends a question. Events are what the answers said (ping answers come as Observed beforehand); Err is empty, "no responders", "timeout" or
	// the host's own words.
	Learned struct {
		ID     QuestionID
		Asked  time.Duration
		Events []lattice.Event
		Err    string
	}

	// Answered is the acknowledgement of a command. OK means accepted by the host, not done.
	Answered struct {
		ID      ledger.CommandID
		Outcome ledger.Answer
		Message string // the host's words
	}

	// Saved ends a save: the revision under which the record is now stored, or the reason why it is not.
	Saved struct {
		ID       SaveID
		Revision uint64
		Err      string
		Lost     bool // compare-and-set failed: another owner has written, so the lease is lost
	}

	// ModelSeen is the state of a stored application, from the store's watch or snapshot. Gone = there is no record any more.
	ModelSeen struct {
		App      string
		Revision uint64
		Gone     bool
		Deployed string        // version, "" = none
		Manifest *oam.Manifest // of the deployed version, nil when none
	}

	// WishSeen is what was asked last of an application.
	WishSeen struct{ Wish Wish }

	// SnapshotEnd says that every model, wish and run record that the stores held has been handed over.
	SnapshotEnd struct{}

	// RunLoaded hands over a run record of an earlier owner, before SnapshotEnd.
	RunLoaded struct {
		Run      Run
		Revision uint64
	}

	// Nudged is a user's push: back-off is forgotten, the hosts are asked again, and the application is looked at now.
	Nudged struct{ App string }

	// Tick says only that time has passed.
	Tick struct{}
)

func (Connected) engineInput()    {}
func (Disconnected) engineInput() {}
func (Observed) engineInput()     {}
func (Learned) engineInput()      {}
func (Answered) engineInput()     {}
func (Saved) engineInput()        {}
func (ModelSeen) engineInput()    {}
func (WishSeen) engineInput()     {}
func (SnapshotEnd) engineInput()  {}
func (RunLoaded) engineInput()    {}
func (Nudged) engineInput()       {}
func (Tick) engineInput()         {}

// QuestionID and SaveID name items of one owner's outputs; they grow.
type (
	QuestionID uint64
	SaveID     uint64
)

// Topic is what a question is about.
type Topic uint8

// The topics. AskHosts is a ping: every host may answer, each answer is an Observed{HostSeen}; its Learned comes when the window closes.
const (
	AskHosts Topic = iota
	AskInventory
	AskLinks
	AskConfig
	AskClaims
)

func (t Topic) String() string {
	return [...]string{"ping", "inventory", "links", "config", "claims"}[t]
}

// A Question changes nothing; it may be asked as often as need be.
type Question struct {
	ID    QuestionID
	Topic Topic
	Host  lattice.HostID // AskInventory
	Name  string         // AskConfig
}

// Save writes the run record of one application by compare-and-set. Delete removes it.
type Save struct {
	ID     SaveID
	App    string
	Run    Run
	Expect uint64 // revision that the store must hold; 0 = none
	Delete bool
}

// Notice is an event for people and clients, published on wadm.evt.{lattice}.{Name} with type com.wadm.{Name}.
type Notice struct {
	Name string // e.g. command_sent
	Data any    // a type of wadmapi
}

// StatusChange is a status that differs from the last one told.
type StatusChange struct {
	App    string
	Status wadmapi.Status
	Forget bool // the application is gone; nothing more will be told of it
}

// Output is what a step wants done: save, then send, then ask, then tell. A Send of an application waits until that application's unfinished
// Saves have come back; the engine sees to that by not putting it out earlier.
type Output struct {
	Save   []Save
	Send   []ledger.Command
	Ask    []Question
	Tell   []StatusChange
	Notice []Notice
	Wake   time.Duration // when to step again though nothing happened; < 0 = never
}

// Operation is what a wish asks for.
type Operation string

// The operations.
const (
	Deploy   Operation = "deploy"
	Undeploy Operation = "undeploy"
	Delete   Operation = "delete"
)

// Wish is what was asked last of an application. It is written by the API alone (key wish.{lattice}.{name}), before the model record.
type Wish struct {
	ID        string          `json:"id"` // one for each request: a repeated deploy is a new wish
	App       string          `json:"app"`
	Operation Operation       `json:"operation"`
	Version   string          `json:"version,omitempty"`
	Manifest  json.RawMessage `json:"manifest,omitempty"` // canonical, of the version to deploy, or the last one for undeploy and delete
	BasedOn   uint64          `json:"based_on"`           // revision of the model record that the API read
	At        string          `json:"at,omitempty"`       // RFC 3339, for people

	// Release, of an undeploy or a delete: what runs is let go, not stopped. It goes on running, and the next deploy adopts it.
	Release bool `json:"release,omitempty"`

	// Read is Manifest, decoded by whoever hands the wish over; nil: nobody has. It is never changed.
	Read *oam.Manifest `json:"-"`
}

// Run is what an owner must remember about an application. It is written by the owner alone (key run.{lattice}.{name}).
type Run struct {
	App       string          `json:"app"`
	Epoch     uint64          `json:"epoch"`
	Acted     string          `json:"acted,omitempty"` // ID of the wish acted on
	Operation Operation       `json:"operation"`
	Version   string          `json:"version,omitempty"`
	Manifest  json.RawMessage `json:"manifest,omitempty"` // of Version; the last one while it is deleting or released
	From      json.RawMessage `json:"from,omitempty"`     // manifest of the version before, until nothing of it is left
	Deleting  bool            `json:"deleting,omitempty"` // until nothing of the application is left on any host
	Released  bool            `json:"released,omitempty"` // undeployed without stopping anything: what runs goes on, until the next wish
	Since     string          `json:"since,omitempty"`    // for people
	Hosts     []string        `json:"hosts,omitempty"`    // where something of ours runs or was started, sorted
	Configs   []string        `json:"configs,omitempty"`  // config names that we put, sorted
	Links     []AppliedLink   `json:"links,omitempty"`    // links that we put
	Lists     []AppliedList   `json:"lists,omitempty"`    // config lists in force
	Updates   []LiveUpdate    `json:"updates,omitempty"`  // what was updated in place by hosts that report the reference from before
	Intents   []Intent        `json:"intents,omitempty"`  // starts and updates in place that may be under way
}

// AppliedLink is a link that we put, with a hash of the config values that it carried then.
type AppliedLink struct {
	Link   lattice.Link `json:"link"`
	Values string       `json:"values,omitempty"`
}

// AppliedList is the list of config names that a component was last started or rebuilt with, on every host but those that were gone when it
// came in force: such a host may return with the list before.
type AppliedList struct {
	ID    string   `json:"id"`
	Names []string `json:"names"`
	But   []string `json:"but,omitempty"` // sorted
}

// LiveUpdate is instances of one id on one host whose code was changed in place: the host reports the reference from before as long as they run, and starts
// no other.
type LiveUpdate struct {
	ID        string   `json:"id"`
	Host      string   `json:"host"`
	From      string   `json:"from"` // the reference that the host reports
	To        string   `json:"to"`   // that of the code that runs
	Instances []string `json:"instances"`
}

// Intent is starts of one component that were saved before they were sent: hosts acknowledge before they work, so an owner that follows cannot see
// them, and would start everything once more. So is an update in place under the reference that runs, which no inventory shows either.
type Intent struct {
	Component string        `json:"component"`
	Target    ledger.Target `json:"target"`
	At        [][3]int      `json:"at"`                  // index into Run.Hosts, instances before, instances wanted
	Update    string        `json:"update,omitempty"`    // of an update in place: the reference to change to
	Instances []string      `json:"instances,omitempty"` // … and the instances that it changes
}
