package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// Timing is how long things take (lattice-protocol D4). A host's Slow factor multiplies Pull, Warm, Start and Spawn.
type Timing struct {
	Handle       time.Duration // from the arrival of a request to its work
	PullActor    time.Duration // cold fetch of a component
	PullProvider time.Duration // cold fetch of a provider
	Warm         time.Duration // fetch of what the host has fetched before
	Start        time.Duration // instantiation of a component; 1.x holds its component table for so long
	Rebuild      time.Duration // the same from code that is compiled already (1.x: other count or config list)
	Spawn        time.Duration // of a provider process
	Shutdown     time.Duration // what a provider needs to end in good order
	KVWrite      time.Duration // between reading and writing a stored link: two puts in it lose one (1.x)
	KVMin, KVMax time.Duration // until a host sees what another wrote: drawn for each host at its start
	Heartbeat    time.Duration
	FirstProbe   time.Duration
	Probe        time.Duration
}

// RealTiming is what lattice-protocol D4 gives for real hosts and an ordinary network.
func RealTiming() Timing {
	return Timing{
		Handle: time.Millisecond, PullActor: 1500 * time.Millisecond, PullProvider: 4 * time.Second, Warm: 20 * time.Millisecond,
		Start: 150 * time.Millisecond, Rebuild: 3 * time.Millisecond, Spawn: 50 * time.Millisecond, Shutdown: 2 * time.Millisecond,
		KVWrite: 2 * time.Millisecond, KVMin: time.Millisecond, KVMax: 4 * time.Millisecond,
		Heartbeat: 30 * time.Second, FirstProbe: 5 * time.Second, Probe: 30 * time.Second,
	}
}

// FastTiming is RealTiming with fetches and starts that take milliseconds: what a person watching wadm dev wants to see.
func FastTiming() Timing {
	t := RealTiming()
	t.PullActor, t.PullProvider, t.Warm, t.Start = 120*time.Millisecond, 250*time.Millisecond, 5*time.Millisecond, 40*time.Millisecond
	return t
}

// Version is a host version taken apart; what is no number counts as 0.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads "0.58.2".
func ParseVersion(s string) Version {
	var v Version
	for i, part := range strings.SplitN(s, ".", 3) {
		n, _ := strconv.Atoi(part)
		switch i {
		case 0:
			v.Major = n
		case 1:
			v.Minor = n
		case 2:
			v.Patch = n
		}
	}
	return v
}

// from reports whether v is 0.minor.patch or later.
func (v Version) from(minor, patch int) bool {
	return v.Major > 0 || v.Minor > minor || v.Minor == minor && v.Patch >= patch
}

// Switches are the peculiarities of real hosts (lattice-protocol D6). [RealSwitches] gives what a real host of a version
// does; a test that wants a tamer or wilder host changes one.
type Switches struct {
	// 1.x
	DoubleScaled        bool // component_scaled twice on a first start
	UpdateTrailingZero  bool // component_scaled 0 after a successful update
	AuctionIDBug        bool // component.auction confuses id and reference
	ScaledOldAnnotation bool // component_scaled of a change bears what was before
	ComponentAuction    bool // auctions are answered at all
	ProviderAuction     bool
	LostLinkPut         bool // two link.put of one source at once lose one

	// OTP
	HeartbeatAtStart  bool // to 0.59
	HeartbeatCounts   bool // from 0.60
	LinkFanOut        bool // from 0.60: link events of every host process, source n/a
	DoubleStopped     bool // to 0.59: host_stopped twice
	PluralEvents      bool // from 0.63
	BlindPingBreaks   bool // from 0.60
	SharedShutdown    bool // sp ends the provider on every host
	SecondStartSilent bool // from 0.63: lp of a running provider by another reference
	ColdImageRace     bool // off: a start while the same image is being stored fails
	CrashWipesActors  bool // the fourth crash in five seconds takes all
	Traceparent       bool
	StopAnnotations   bool // from 0.62.1
	LateSubscription  bool // one start in 25 is deaf for 2.1 s
	AlwaysLate        bool // off: every start is

	ReplyDelay time.Duration // added to every answer
}

// RealSwitches returns what a real host of the version does.
func RealSwitches(d wasmbus.Dialect, v Version) Switches {
	if d == wasmbus.DialectV1 {
		return Switches{DoubleScaled: true, UpdateTrailingZero: true, AuctionIDBug: true, ScaledOldAnnotation: true,
			ComponentAuction: true, ProviderAuction: true, LostLinkPut: true}
	}
	return Switches{
		HeartbeatAtStart: !v.from(60, 0), HeartbeatCounts: v.from(60, 0), LinkFanOut: v.from(60, 0), DoubleStopped: !v.from(60, 0),
		PluralEvents: v.from(63, 0), BlindPingBreaks: v.from(60, 0), SharedShutdown: true, SecondStartSilent: v.from(63, 0),
		CrashWipesActors: true, Traceparent: true, StopAnnotations: v.from(62, 1), LateSubscription: true,
	}
}

// Options make a cluster. The zero value is a lattice "default" of 1.x hosts with the timing of real ones.
type Options struct {
	Lattice string
	Dialect wasmbus.Dialect // of hosts that do not say theirs
	Version string          // of hosts that do not say theirs; "" = 1.9.2 or 0.58.2
	Seed    uint64
	Base    time.Time // wall clock at time 0, as events tell it; zero = the real one with StartHosts, else 1 January 2026
	Timing  Timing    // zero = RealTiming
	Images  map[string]Image
}

func (o Options) filled() Options {
	if o.Lattice == "" {
		o.Lattice = "default"
	}
	if o.Dialect == 0 {
		o.Dialect = wasmbus.DialectV1
	}
	if o.Timing == (Timing{}) {
		o.Timing = RealTiming()
	}
	return o
}

// HostSpec describes one host.
type HostSpec struct {
	Name     string            // friendly name, kept over restarts; "" = a new random one at each start
	ID       string            // "" = derived from the seed
	Labels   map[string]string // beside hostcore.arch, .os and .osfamily
	Dialect  wasmbus.Dialect   // 0 = the cluster's
	Version  string            // "" = the cluster's
	Switches *Switches         // nil = RealSwitches
	Slow     float64           // 0 = 1
	Builtins []string          // 1.x; nil = http-server, http-client, messaging-nats
	Skew     time.Duration     // of its wall clock, which only events show
	Latest   bool              // OTP: images tagged latest are allowed
}

func defaultVersion(d wasmbus.Dialect) string {
	if d == wasmbus.DialectOTP {
		return "0.58.2"
	}
	return "1.9.2"
}
