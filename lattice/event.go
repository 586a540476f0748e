package lattice

import "time"

// HostID is a host's public key: 56 characters, first letter N. It is the `source` of the host's events and a token of its subjects.
type HostID string

// Dialect is how the hosts of a lattice talk. The core only passes it on; the codecs know what it means.
type Dialect string

// The dialects. Auto means "not known yet".
const (
	Auto Dialect = ""
	V1   Dialect = "v1"
	OTP  Dialect = "otp"
)

// Kind tells components from providers.
type Kind uint8

// The two kinds of things that a host runs.
const (
	Component Kind = iota
	Provider
)

func (k Kind) String() string {
	if k == Provider {
		return "provider"
	}
	return "component"
}

// Key names one thing that can run on a host. In the 1.x dialect ID is chosen by whoever deploys and Link is empty; in the OTP
// dialect ID is a public key that nobody knows before the image was once seen, and a provider is told apart by its link name too.
type Key struct {
	Kind Kind
	ID   string
	Link string // OTP providers only
}

// Annotations are shared between instances: never change a map that was handed to the lattice.
type Annotations map[string]string

// Group is the instances of one key on one host that bear equal annotations. A 1.x host has one group for each id.
type Group struct {
	Annotations Annotations
	Count       int
	Instances   []string // instance ids, where the dialect has them; else nil
}

// Resource is one key on one host as an inventory shows it.
type Resource struct {
	Key    Key
	Ref    string // image reference, as the host reports it: compare with SameRef
	Groups []Group
}

// Count is the number of instances over all groups.
func (r *Resource) Count() int {
	n := 0
	for i := range r.Groups {
		n += r.Groups[i].Count
	}
	return n
}

// Can is what a host is able to do, set by the codec of its dialect.
type Can struct {
	Update   bool // change a component's image in place (1.x component.update)
	Relative bool // its start and stop verbs are relative, so an intent is saved before one is sent (OTP)
	Beat     bool // its heartbeat is a full inventory (1.x)
	StopAll  bool // stopping a provider there ends it on every host of the lattice (OTP)
	Live     bool // change a component's code in place, and report the old reference ever after (OTP upd)
	ByAge    bool // its stop takes the oldest instances of all and looks only then whose they are: fewer may end than asked (OTP from 0.63)
	Claims   bool // it tells the claims of all that it knows by the ids that it uses (OTP)
}

// Link is a link as the lattice stores it, in either dialect. Namespace, Package, Interfaces and the config names are 1.x;
// Contract and Values are OTP, where Source is the component's and Target the provider's public key.
type Link struct {
	Source, Target, Name       string
	Namespace, Package         string
	Interfaces                 []string
	SourceConfig, TargetConfig []string
	Contract                   string
	Values                     string // canonical JSON object, "" where the dialect has none
}

// Slot is what a lattice tells links apart by when it deletes one. In 1.x two links may share a slot as long as they name different
// targets and no interface twice.
type Slot struct {
	Source, Name, Namespace, Package, Contract string
}

// Slot returns the slot of the link.
func (l Link) Slot() Slot {
	return Slot{Source: l.Source, Name: l.Name, Namespace: l.Namespace, Package: l.Package, Contract: l.Contract}
}

// An Event is one fact about a lattice, in neutral words. The feed makes them from what hosts publish, control from what hosts answer.
// Times are monotonic durations of the process that owns the lattice.
type Event interface{ latticeEvent() }

type (
	// HostStarted says that a host began with nothing on it, under an id that may be known from before.
	HostStarted struct {
		Host    HostID
		Dialect Dialect
		Can     Can
		Name    string
		Labels  map[string]string
		Version string
		Uptime  uint64 // seconds
	}

	// HostStopped says that a host ended in good order; everything on it is gone.
	HostStopped struct{ Host HostID }

	// HostSeen is a sign of life without contents: the answer to a ping, or a heartbeat whose contents did not change.
	// A zero Name, Labels or Version means "not said".
	HostSeen struct {
		Host    HostID
		Dialect Dialect
		Can     Can
		Name    string
		Labels  map[string]string
		Version string
		Uptime  uint64
		Beat    bool // a heartbeat, from which the period is learned
	}

	// Inventory is all that runs on a host. Asked is when it was asked for; a heartbeat has Beat set and Asked = the time it came.
	Inventory struct {
		Host      HostID
		Dialect   Dialect
		Can       Can
		Name      string
		Labels    map[string]string
		Version   string
		Uptime    uint64
		Asked     time.Duration
		Beat      bool
		Bare      bool // lists counts without annotations (OTP heartbeats): it confirms or casts doubt, it never replaces
		Resources []Resource
	}

	// Scaled is a 1.x host's word that a component now has this count (`component_scaled`).
	Scaled struct {
		Host        HostID
		Key         Key
		Ref         string
		Annotations Annotations
		Count       int
	}

	// Started is one more instance: a 1.x or OTP provider, or one instance of an OTP component.
	Started struct {
		Host        HostID
		Key         Key
		Ref         string
		Annotations Annotations
		Instance    string
		Shown       time.Duration // when an inventory showed the instance before this event came; 0: none did. The engine adds it
	}

	// Stopped is the end of an instance, or of a provider. Annotations are nil where the host does not say.
	Stopped struct {
		Host        HostID
		Key         Key
		Annotations Annotations
		Instance    string
	}

	// StartFailed is a host's word that a start or scale failed after it was acknowledged. Key.ID is empty where the host names
	// only the reference. SameKey is set when an OTP host refused a second reference of a key that it runs: it is that key.
	StartFailed struct {
		Host    HostID
		Key     Key
		Ref     string
		Count   int
		Error   string
		SameKey string
	}

	// Updated is an OTP host's word on one instance whose code it was told to change in place: that it did, or, with an Error, did not. Its reference stays,
	// so that only an inventory tells what there is.
	Updated struct {
		Host     HostID
		Key      Key
		Instance string
		Error    string
	}

	// LabelsChanged carries all labels of the host.
	LabelsChanged struct {
		Host   HostID
		Labels map[string]string
	}

	// Health is a change of a provider's health.
	Health struct {
		Host    HostID
		Key     Key
		Healthy bool
	}

	// Claimed is what the image behind an id says of itself.
	Claimed struct {
		ID     string
		Claims Claims
	}

	// ClaimsTold is the claims of every id that one host knows of, of what runs and of what ran.
	ClaimsTold struct {
		Asked time.Duration
		By    map[string]Claims
	}

	// Invoked says that something was invoked so often; nobody else is told of it.
	Invoked struct {
		Invocation
		Tally
	}

	// RefLearned ties an image reference to the id that it has (OTP `refmap_set`).
	RefLearned struct{ Ref, ID string }

	// LinkSet, LinkDeleted and LinkFailed follow the hosts' linkdef events.
	LinkSet struct{ Link Link }
	// LinkDeleted may lack the target (1.x, nothing was removed).
	LinkDeleted struct {
		Slot   Slot
		Target string
	}
	// LinkFailed is a refused put.
	LinkFailed struct {
		Link  Link
		Error string
	}

	// Links is every link of the lattice, as one host knows them: eventually consistent.
	Links struct {
		Asked time.Duration
		Links []Link
	}

	// ConfigSet and ConfigDeleted name a config whose value changed; the value must be asked for.
	ConfigSet struct{ Name string }
	// ConfigDeleted see ConfigSet.
	ConfigDeleted struct{ Name string }

	// Config is the answer to a question about one config.
	Config struct {
		Name   string
		Asked  time.Duration
		Found  bool
		Values map[string]string
	}
)

func (HostStarted) latticeEvent()   {}
func (HostStopped) latticeEvent()   {}
func (HostSeen) latticeEvent()      {}
func (Inventory) latticeEvent()     {}
func (Scaled) latticeEvent()        {}
func (Started) latticeEvent()       {}
func (Stopped) latticeEvent()       {}
func (StartFailed) latticeEvent()   {}
func (Updated) latticeEvent()       {}
func (LabelsChanged) latticeEvent() {}
func (Health) latticeEvent()        {}
func (Claimed) latticeEvent()       {}
func (ClaimsTold) latticeEvent()    {}
func (Invoked) latticeEvent()       {}
func (RefLearned) latticeEvent()    {}
func (LinkSet) latticeEvent()       {}
func (LinkDeleted) latticeEvent()   {}
func (LinkFailed) latticeEvent()    {}
func (Links) latticeEvent()         {}
func (ConfigSet) latticeEvent()     {}
func (ConfigDeleted) latticeEvent() {}
func (Config) latticeEvent()        {}
