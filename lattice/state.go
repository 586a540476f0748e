package lattice

import (
	"slices"
	"time"
)

// State is the observed state of one lattice. It is not safe for concurrent use. What its methods return is good until the next
// Apply, Bury or Reset and must not be modified.
type State struct {
	id      string
	now     time.Duration // of the last event
	since   time.Duration // begin of this time of listening
	period  time.Duration // of heartbeats, until learned
	hosts   map[HostID]*Host
	sorted  []*Host // hosts by id; replaced, never modified, so a slice handed out stays what it was
	dead    map[HostID]time.Duration
	stopped map[HostID]farewell

	places map[Key][]*Host // live hosts of each key, sorted by id
	owned  map[string]*owned
	notes  noteBook
	texts  textPool // references, and what annotations consist of
	items  int      // over all hosts
	ids    int      // instance ids over all hosts
	ends   int      // remembered ends of what is gone, over all hosts

	refs    refs
	links   links
	configs configs
	claims  claimBook
	tallies tallies

	dialects map[Dialect]int
	dropped  uint64
	scratch  scratch
}

// farewell is a host that said it stops. What is still on its way from it must not bring it back.
type farewell struct {
	at     time.Duration
	uptime uint64
}

// New returns a State that knows nothing and has listened since 0.
func New() *State {
	return &State{
		period:   defaultPeriod,
		hosts:    map[HostID]*Host{},
		dead:     map[HostID]time.Duration{},
		stopped:  map[HostID]farewell{},
		places:   map[Key][]*Host{},
		owned:    map[string]*owned{},
		notes:    newNoteBook(),
		texts:    newTextPool(maxTextsBytes),
		refs:     newRefs(),
		links:    newLinks(),
		configs:  newConfigs(),
		claims:   newClaimBook(),
		tallies:  newTallies(),
		dialects: map[Dialect]int{},
	}
}

// SetID names the lattice; a State that was never told has the id "".
func (s *State) SetID(id string) { s.id = id }

// ID is the name of the lattice.
func (s *State) ID() string { return s.id }

// SetDefaultPeriod sets the heartbeat period that is assumed of a host until two intervals were seen; 30 s if never called.
func (s *State) SetDefaultPeriod(d time.Duration) {
	s.period = min(max(d, minPeriod), maxPeriod)
	for _, h := range s.sorted {
		h.beats.fallback = s.period
	}
}

// Reset begins a new time of listening (start, reconnect). All that is known stays as presence, but no inventory, list of links or
// config answer of before counts as fresh any more.
func (s *State) Reset(now time.Duration) {
	now = max(now, 0)
	s.since = now
	s.forget(now)
	clear(s.stopped)
	for _, h := range s.sorted {
		h.unshare()
		for i := range h.items {
			h.items[i].Terminal = Never
		}
		s.unmark(h)
		h.InventoryAsked, h.Doubtful, h.doubtAt, h.floor = Never, true, now, now
		h.beats.ticking = false
	}
	s.links.reset()
	s.configs.reset()
}

// ListeningSince is when the last Reset was.
func (s *State) ListeningSince() time.Duration { return s.since }

// Host is the live host of that id; nil if unknown, stopped or buried.
func (s *State) Host(id HostID) *Host { return s.hosts[id] }

// Hosts is the live hosts, sorted by id. The slice itself never changes.
func (s *State) Hosts() []*Host { return s.sorted }

// HostsOf is the live hosts where the key runs, sorted by id.
func (s *State) HostsOf(k Key) []*Host { return s.places[k] }

// KeysOf is the keys of which at least one instance on a live host bears the application's annotation, sorted.
func (s *State) KeysOf(app string) []Key {
	if o := s.owned[app]; o != nil {
		return o.keys
	}
	return nil
}

// HostsWith is the live hosts where at least one instance bears the application's annotation, sorted by id.
func (s *State) HostsWith(app string) []*Host {
	if o := s.owned[app]; o != nil {
		return o.at
	}
	return nil
}

// Evidence is when the newest thing of this time of listening was asked for, or came, that tells how many of the key run on the host:
// its inventory, or a terminal event of this key (also when nothing of it is left). Never if there is none.
func (s *State) Evidence(id HostID, k Key) time.Duration {
	h := s.hosts[id]
	if h == nil {
		return Never
	}
	return max(h.InventoryAsked, h.terminal(k))
}

// Dialect is what the live hosts speak: Auto while no host has shown it, and when they differ, which mixed tells.
func (s *State) Dialect() (d Dialect, mixed bool) {
	if len(s.dialects) > 1 {
		return Auto, true
	}
	// order: there is one entry at most
	for d := range s.dialects {
		return d, false
	}
	return Auto, false
}

// Dropped is the number of events, or parts of them, that were left out because a bound (limits.go) was reached.
func (s *State) Dropped() uint64 { return s.dropped }

// Size is the number of live hosts and of (key, host) pairs.
func (s *State) Size() (hosts, items int) { return len(s.hosts), s.items }

// Dead tells whether the host was buried and has not come back.
func (s *State) Dead(id HostID) bool {
	_, ok := s.dead[id]
	return ok
}

// Bury declares a live host dead. What ran there does not count any more. The id is remembered until the host returns, but at most
// for seven days, and of more than 10,000 the latest.
func (s *State) Bury(id HostID, now time.Duration) Effect {
	h := s.hosts[id]
	if h == nil {
		return Effect{}
	}
	eff := Effect{Changed: true, Host: id, Vanished: true}
	s.remove(h, &eff)
	s.dead[id] = now
	s.forget(now)
	eff.tidy()
	return eff
}

// forget keeps the memory of the dead bounded.
func (s *State) forget(now time.Duration) {
	// order: each one is looked at by itself
	for id, at := range s.dead {
		if now-at > deadAge {
			delete(s.dead, id)
		}
	}
	if len(s.dead) <= maxDead {
		return
	}
	type buried struct {
		id HostID
		at time.Duration
	}
	all := make([]buried, 0, len(s.dead))
	// order: sorted below
	for id, at := range s.dead {
		all = append(all, buried{id, at})
	}
	slices.SortFunc(all, func(a, b buried) int {
		if a.at != b.at {
			return int(max(min(a.at-b.at, 1), -1))
		}
		return compareIDs(a.id, b.id)
	})
	for _, b := range all[:len(all)-maxDead] {
		delete(s.dead, b.id)
	}
}
