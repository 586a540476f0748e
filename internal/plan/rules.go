package plan

import (
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// View is what the rules of truth look at.
type View struct {
	State  *lattice.State
	Ledger *ledger.Ledger
	Now    time.Duration
	Belief Belief
}

// Belief is what the owner may conclude now. The engine writes it.
type Belief struct {
	MayStart bool                                 // what is missing is really missing: see design §5.2
	StartAt  time.Duration                        // when MayStart will be true by time alone; Never while nobody can say
	Doubted  func(k lattice.Key, ref string) bool // an absence of the key, or of the reference, somewhere is not proven yet
	Silent   func(lattice.HostID) bool            // it missed two heartbeats and is being asked: nothing new is given to it
	Deaf     func(lattice.HostID, string) bool    // what runs of the component's id there gets no calls
	Frozen   bool                                 // disconnected, or many hosts vanished at once: nothing is done
}

// isOurs says that an item bears the application's annotation. On a 1.x host it must bear the manager's as well: a foreign tool may have
// copied the other.
func isOurs(it *lattice.Item, app string) bool { return it != nil && it.CountOf(app) > 0 }

// heldByOther says whose a 1.x id or an OTP provider is that runs on the host without our annotation.
func heldByOther(it *lattice.Item, app string) (owner string, held bool) {
	if it == nil || it.Count() == 0 || it.CountOf(app) > 0 {
		return "", false
	}
	for _, o := range it.Owners() {
		if o != "" {
			return o, true
		}
	}
	return "", true
}

// isFresh says that something heard after the last command for the target tells how many of it run there. Nothing is stopped on older news.
// Where instances are counted one by one, a crash is told as a start alone: there an inventory must have counted them since.
func isFresh(v *View, app string, host lattice.HostID, key lattice.Key, t ledger.Target) bool {
	at := v.State.Evidence(host, key)
	if h := v.State.Host(host); h != nil && h.Can.Relative && key.Kind == lattice.Component {
		if it := h.Item(key); it != nil && it.Terminal > h.InventoryAsked {
			return false
		}
		at = h.InventoryAsked
	}
	return at != lattice.Never && at > v.Ledger.LastSent(app, host, t)
}

// mayStart says that a missing instance of the key may be taken for missing.
func mayStart(v *View, key lattice.Key, ref string) bool {
	return !v.Belief.Frozen && v.Belief.MayStart && (v.Belief.Doubted == nil || !v.Belief.Doubted(key, ref))
}

// mayUse says that the host can be sent anything at all: it lives, and what it understands is known.
func mayUse(v *View, host lattice.HostID) bool {
	h := v.State.Host(host)
	return h != nil && h.Dialect != lattice.Auto && !v.Belief.Frozen
}

// hasSpoken says that the host has told what it runs since it was met, or that it begins with nothing. Before that nothing is placed there: a host
// that returns may run what seems missing.
func hasSpoken(h *lattice.Host) bool { return h.InventoryAsked != lattice.Never || !h.Doubtful }

// mayStop says that instances may be taken from the host: it is ours, the news is fresh and nothing for it is under way.
func mayStop(v *View, app string, host lattice.HostID, key lattice.Key, t ledger.Target) bool {
	h := v.State.Host(host)
	return mayUse(v, host) && isOurs(h.Item(key), app) && isFresh(v, app, host, key, t)
}

// aheadOf is how many instances of others a stop by age passes over there, 0 where nothing is known of them.
func aheadOf(v *View, app string, host lattice.HostID, it *lattice.Item, t ledger.Target) int {
	if h := v.State.Host(host); h == nil || !h.Can.ByAge || it == nil || t.Kind != lattice.Component {
		return 0
	}
	return v.Ledger.Ahead(app, host, t, it.Count()-it.CountOf(app))
}

// MaySend judges a command again at the moment when it goes out: what was true when it was planned may be no longer. It does not look at
// revision and epoch, which the engine knows.
func MaySend(v *View, c *ledger.Command) bool {
	switch c.Action {
	case ledger.Scale, ledger.Update:
	case ledger.DeleteConfig:
		return mayDelete(v)
	default:
		return !v.Belief.Frozen
	}
	if !mayUse(v, c.Host) {
		return false
	}
	key := lattice.Key{Kind: c.Target.Kind, ID: c.Target.ID, Link: c.Target.Link}
	item := v.State.Host(c.Host).Item(key)
	have := 0
	if item != nil {
		have = item.CountOf(c.App)
		if _, held := heldByOther(item, c.App); held && !v.State.Host(c.Host).Can.Relative {
			return false
		}
	}
	return mayScale(v, c, key, item, have)
}

// mayScale says that the number that the command goes out from is the one that runs, and that it may be changed.
func mayScale(v *View, c *ledger.Command, key lattice.Key, item *lattice.Item, have int) bool {
	switch {
	case c.Reason == ledger.ReasonNoCalls:
		return have == c.From && mayAwaken(v, c.Host, c.Target)
	case c.Action == ledger.Update:
		return have > 0 && (c.Instances == nil || mayUpdate(v, item, c))
	case c.To < c.From:
		return have == c.From && mayStop(v, c.App, c.Host, key, c.Target) && c.Ahead == aheadOf(v, c.App, c.Host, item, c.Target)
	}
	if c.To > c.From && (!mayStart(v, key, c.Target.Ref) || !hasSpoken(v.State.Host(c.Host))) {
		return false
	}
	return have == c.From || key.ID == "" && c.From == 0
}

// mayDelete says that what nothing is seen to use may be taken for unused: every live host has said, to this owner and since it was last doubted, what
// it runs. One that brings up an update holds its inventory back, and ends it with the end of the old image alone.
func mayDelete(v *View) bool {
	return !v.Belief.Frozen && !slices.ContainsFunc(v.State.Hosts(), func(h *lattice.Host) bool { return h.InventoryAsked == lattice.Never || h.Doubtful })
}
