package lattice

import (
	"slices"
	"strings"
	"time"
)

// The annotations that tell what belongs to an application of ours, as both older programs write them.
const (
	AppAnnotation     = "wasmcloud.dev/appspec"    // value: the application's name
	ManagerAnnotation = "wasmcloud.dev/managed-by" // value: Manager
	Manager           = "wadm"
)

// Never is the time of what has not happened.
const Never time.Duration = -1

// Host is one live host. Its exported fields may be read until the next Apply; only the State writes them.
type Host struct {
	ID       HostID
	Dialect  Dialect
	Can      Can
	Name     string // friendly name
	Version  string
	Labels   map[string]string
	Uptime   uint64        // seconds, as last heard
	LastSeen time.Duration // last sign of life of any kind

	FirstSeen time.Duration // first sign of this life
	LastBeat  time.Duration // last heartbeat, Never if none was heard

	// InventoryAsked is when the newest full inventory of this time of listening was asked for. For a 1.x heartbeat (also one
	// that says no more than "as before") that is when it came, for a host that said it began empty when it said so. Never if there
	// is none.
	InventoryAsked time.Duration

	// Doubtful says that the inventory must be asked for before an absence here is believed. A host without an inventory of
	// this time of listening is always doubtful.
	Doubtful bool

	Load int // instances observed, of all applications and of none

	items        []Item // sorted by key
	shared       bool   // items is shared with a clone: copy before writing
	gone         map[Key]time.Duration
	born         map[Key]births // of items whose instances have ids
	lastTerminal time.Duration  // newest terminal event of any key
	doubtAt      time.Duration  // when the standing doubt arose
	floor        time.Duration  // inventories asked for earlier tell of an earlier life
	uptimeAt     time.Duration  // when Uptime was heard
	labelsAt     time.Duration  // when the labels were last told
	instances    int            // instance ids held
	beats        beats
	rank         int // place among the sorted hosts, used while cloning
}

// Period is the time between two heartbeats: the longest of the last three intervals, or the default until two were seen.
func (h *Host) Period() time.Duration { return h.beats.period() }

// Fits tells whether the host's labels hold every requirement.
func (h *Host) Fits(requirements map[string]string) bool {
	// order: every entry must hold, in whatever order they are looked at
	for k, v := range requirements {
		if got, ok := h.Labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// Item is what runs of the key here, nil if nothing is known to. The pointer is good until the next Apply.
func (h *Host) Item(k Key) *Item {
	if i, ok := h.find(k); ok {
		return &h.items[i]
	}
	return nil
}

// Items is everything that runs here, sorted by key; good until the next Apply, not to be modified.
func (h *Host) Items() []Item { return h.items }

// find is written out, for it is asked for every key on every host that runs it.
func (h *Host) find(k Key) (int, bool) {
	low, high := 0, len(h.items)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if h.items[mid].Key.before(&k) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(h.items) && h.items[low].Key == k
}

// before is Compare < 0.
func (k *Key) before(o *Key) bool {
	if k.Kind != o.Kind {
		return k.Kind < o.Kind
	}
	if c := strings.Compare(k.ID, o.ID); c != 0 {
		return c < 0
	}
	return k.Link < o.Link
}

// Healthiness is what a host said last about a provider.
type Healthiness uint8

// What is known about a provider's health. Only changes are told by hosts, so Unknown is common and is no complaint.
const (
	HealthUnknown Healthiness = iota
	HealthPassed
	HealthFailed
)

func (h Healthiness) String() string {
	return [...]string{"unknown", "healthy", "unhealthy"}[min(h, HealthFailed)]
}

// Item is what is known to run of one key on one host.
type Item struct {
	Key      Key
	Ref      string
	Groups   []Group       // sorted by annotations; never empty, never modified in place
	At       time.Duration // when an event last named it, or an inventory first showed it as it is
	Terminal time.Duration // last terminal event (scaled, started, stopped) of this time of listening, Never if none
	Healthy  Healthiness   // providers
	first    uint32        // seconds; beside Healthy it takes no room
}

// Count is the number of instances.
func (it *Item) Count() int {
	n := 0
	for i := range it.Groups {
		n += it.Groups[i].Count
	}
	return n
}

// CountOf is the number of instances that bear the application's annotation; of "" those that bear none.
func (it *Item) CountOf(app string) int {
	n := 0
	for i := range it.Groups {
		if it.Groups[i].Annotations[AppAnnotation] == app {
			n += it.Groups[i].Count
		}
	}
	return n
}

// Owners is the applications that the instances bear the annotation of, sorted, "" for none.
func (it *Item) Owners() []string {
	if len(it.Groups) == 1 {
		return []string{it.Groups[0].Annotations[AppAnnotation]}
	}
	owners := make([]string, 0, len(it.Groups))
	for i := range it.Groups {
		owners = append(owners, it.Groups[i].Annotations[AppAnnotation])
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}
