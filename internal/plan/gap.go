package plan

import (
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// Why says why something cannot be brought about now. It is a result, not an error: nobody erred, the lattice lacks something.
type Why string

// The causes, the weightiest first: the first of them is what status tells.
const (
	NotCarried   Why = "not-carried"   // the lattice's dialect has no words for it
	MixedLattice Why = "mixed-lattice" // hosts of both dialects, and nobody said which one counts
	Conflict     Why = "conflict"      // another application holds the id
	ConfigTaken  Why = "config-taken"  // another application gives the config other values
	LinkTaken    Why = "link-taken"    // another application fills the link's place otherwise
	NoHostFits   Why = "no-host-fits"  // no host has the labels
	TooFewHosts  Why = "too-few-hosts" // fewer hosts than providers wanted
	HeldByOther  Why = "held-by-other" // the host runs the id for somebody else
	ConfigAbsent Why = "config-absent" // an external config does not exist
	BackingOff   Why = "backing-off"   // it failed and is tried again later
	Retrying     Why = "retrying"      // it failed, and the next try is under way
	Unhealthy    Why = "unhealthy"     // a provider's host says so
	EndsUnknown  Why = "ends-unknown"  // a link's ends were never seen
	Unread       Why = "unread"        // no host tells the links or a config
)

// Gap is something wanted that no command can bring about now.
type Gap struct {
	Component string
	Spread    string
	Short     int // instances
	Why       Why
	Host      lattice.HostID
	Owner     string        // HeldByOther, Conflict, ConfigTaken, LinkTaken: whose it is, "" = nobody's
	Detail    string        // the host's words, a field, a config's name
	Tries     int           // BackingOff, Retrying: failures so far
	Until     time.Duration // BackingOff: when it is tried again
	Pause     time.Duration // BackingOff: how long it waits in all, which unlike the rest of it does not change
}

// PartID names what status tells of: a component by name, or the n-th link (from 1).
type PartID struct {
	Component string
	Link      int
}

// Part is how one component or link stands.
type Part struct {
	ID       PartID
	Want     int
	Have     int  // right image, right place
	Open     int  // commands under way
	Sent     int  // commands of this pass
	Starting bool // something is missing that will be started, is under way, or backs off: stops wait
	Held     bool // nothing may be concluded yet
	Evicting bool // commands of this pass take instances from hosts that no spread allows
	Changing bool // another image or config list is being brought in
	Gaps     []Gap
	Told     []string // what people should know beforehand

	Interruptions []Interruption // that are coming, or are under way
}

// Interruption is a time in which a host runs none of a component: what runs there must end before its successor may start.
type Interruption struct {
	Component string
	Host      lattice.HostID
	Key       lattice.Key
	Count     int    // instances that run there until then
	From, To  string // references
	Why       Because
}

// Because says why the old must end before the new may start.
type Because uint8

// What may be in the way.
const (
	OneReference Because = iota // the host runs one reference of a key at a time
	StopsAll                    // its stop ends the provider on every host of the lattice
	OneProvider                 // a host runs a provider once
	OldReference                // after an update in place the host starts nothing but the reference from before
)

// Unsettled says of a link that it is not as it should be, and may become so.
func (p *Part) Unsettled() bool {
	return p.Have == 0 && (len(p.Gaps) == 0 || p.Gaps[0].Why == Unread || p.Gaps[0].Why == Retrying)
}

// Done says that the part is as wanted, as far as anybody knows.
func (p *Part) Done() bool {
	return p.Have == p.Want && p.Open == 0 && p.Sent == 0 && !p.Starting && !p.Held && !p.Changing && len(p.Gaps) == 0
}
