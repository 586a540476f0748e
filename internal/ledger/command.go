package ledger

import "github.com/wadm-go/wadm/lattice"

// CommandID names a command within one owner's life; it grows with each command.
type CommandID uint64

// Action is what a command does. Which ones a host understands, and in what words, is the codec's business.
type Action uint8

// The actions.
const (
	Scale        Action = iota // bring (host, target) From → To instances; providers 0 or 1
	Update                     // change the image of a running component in place
	PutLink                    // store a link
	DeleteLink                 // delete a link
	PutConfig                  // store a config
	DeleteConfig               // delete a config
)

func (a Action) String() string {
	return [...]string{"scale", "update", "put_link", "delete_link", "put_config", "delete_config"}[a]
}

// Reason says why a command was made. It travels with the command to the log line, the event and the test.
type Reason string

// The reasons, named by fact.
const (
	ReasonTooFew        Reason = "too-few"            // fewer run than wanted
	ReasonNoCalls       Reason = "no-calls"           // what runs gets no calls until another one starts beside it
	ReasonTooMany       Reason = "too-many"           // more run than wanted
	ReasonIneligible    Reason = "host-not-eligible"  // runs where no spread allows it
	ReasonRemoved       Reason = "component-removed"  // the revision no longer has it
	ReasonUndeployed    Reason = "undeployed"         // nothing of the application is wanted
	ReasonImageChanged  Reason = "image-changed"      // another image is wanted
	ReasonOldReference  Reason = "only-old-reference" // after an update in place the host starts nothing but the image from before
	ReasonConfigList    Reason = "config-list"        // another list of config names is wanted
	ReasonConfigMissing Reason = "config-missing"     // the config does not exist yet
	ReasonConfigDiffers Reason = "config-differs"     // the stored value is another one
	ReasonConfigUnused  Reason = "config-unused"      // nothing uses it any more
	ReasonLinkMissing   Reason = "link-missing"       // the link does not exist
	ReasonLinkDiffers   Reason = "link-differs"       // interfaces or config names are other ones
	ReasonLinkTarget    Reason = "link-target"        // the link leads to another target
	ReasonLinkConfig    Reason = "link-config"        // a value that the link carries has changed
	ReasonLinkRemoved   Reason = "link-removed"       // the revision no longer has it
)

// Target is the thing that a Scale or Update is about. ID is empty while only the reference is known (OTP).
type Target struct {
	Kind     lattice.Kind
	ID       string
	Ref      string
	Link     string // OTP providers: link name
	Contract string // OTP providers
}

// Command is one thing that a host, or the lattice, shall do. Control encodes it; nothing in it depends on the dialect's words.
type Command struct {
	ID       CommandID
	App      string
	Revision string // of the application that it was planned for
	Epoch    uint64 // the owner's, from its lease
	Reason   Reason
	Action   Action

	// Scale and Update.
	Component   string // name in the manifest, "" for what no revision names
	Host        lattice.HostID
	Target      Target
	From, To    int
	Annotations lattice.Annotations
	Config      []string
	Update      string   // Update: the reference to change to (Target.Ref is the one that runs)
	Instances   []string // Update under the reference that runs: the instances that it changes; nil where the reference changes too
	Blind       bool     // same count, another config list, and the annotations stand already: no inventory can show the effect
	AckEnds     bool     // a stop that goes on after its event, and may end what is started meanwhile: the acknowledgement ends it
	ByAge       bool     // a stop that may end fewer than asked, because the host takes the oldest of all first: see Ledger.Ahead
	Ahead       int      // ByAge: so many older ones are known to be somebody else's, and are passed over

	// Links.
	Link    lattice.Link
	Carries string // PutLink: hash of the config values that the link is put with, as they were when it was planned

	// Configs.
	ConfigName string
	Values     map[string]string
}
