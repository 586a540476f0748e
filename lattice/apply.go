package lattice

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Apply folds one event. It never fails, whatever the event holds: what cannot be true is ignored, what is beyond a bound is left out
// and counted. The State takes over nothing of the event but strings and maps that it copies or never changes.
func (s *State) Apply(ev Event, now time.Duration) Effect {
	now = max(now, 0)
	s.now = now
	var eff Effect
	switch ev := ev.(type) {
	case HostStarted, HostStopped, HostSeen, LabelsChanged, Updated, Inventory:
		s.applyHost(ev, now, &eff)
	case Scaled, Started, Stopped, StartFailed, Health:
		s.applyContents(ev, now, &eff)
	case Claimed:
		s.claim(ev.ID, ev.Claims, now, now)
	case ClaimsTold:
		s.claimsTold(ev, now)
	case Invoked:
		s.invoked(ev)
	case RefLearned:
		s.learn(kindOf(ev.ID), ev.Ref, ev.ID, true, &eff)
	case LinkSet:
		s.linkSet(ev.Link, now, &eff)
	case LinkDeleted:
		s.linkDeleted(ev.Slot, ev.Target, now, &eff)
	case Links:
		s.linksTold(ev, now, &eff)
	case ConfigSet:
		s.configNamed(ev.Name, now, &eff)
	case ConfigDeleted:
		s.configNamed(ev.Name, now, &eff)
	case Config:
		s.configTold(ev, now, &eff)
	}
	eff.tidy()
	return eff
}

func (s *State) applyHost(ev Event, now time.Duration, eff *Effect) {
	switch ev := ev.(type) {
	case HostStarted:
		s.hostStarted(ev, now, eff)
	case HostStopped:
		s.hostStopped(ev.Host, now, eff)
	case HostSeen:
		s.hostSeen(ev, now, eff)
	case LabelsChanged:
		if h := s.alive(ev.Host, now, eff); h != nil {
			s.label(h, ev.Labels, now, eff)
		}
	case Updated:
		if h := s.alive(ev.Host, now, eff); h != nil {
			s.doubt(h, now, eff)
		}
	case Inventory:
		s.inventory(ev, now, eff)
	}
}

// alive takes a sign of life: the host is made if it was unknown or buried. It returns nil for no host, for one that has just said
// that it stops, and beyond the bounds.
func (s *State) alive(id HostID, now time.Duration, eff *Effect) *Host {
	if id == "" {
		return nil
	}
	if h := s.hosts[id]; h != nil {
		eff.Host = h.ID
		h.LastSeen = max(h.LastSeen, now)
		return h
	}
	if f, ok := s.stopped[id]; ok && now-f.at < linger {
		return nil
	}
	h := s.add(id, now)
	if h == nil {
		return nil
	}
	eff.Host, eff.Appeared, eff.Changed, eff.Doubtful = h.ID, true, true, true
	return h
}

func (s *State) add(id HostID, now time.Duration) *Host {
	if len(s.hosts) >= maxHosts || !legible(string(id)) {
		s.dropped++
		return nil
	}
	id = HostID(strings.Clone(string(id)))
	h := &Host{
		ID: id, FirstSeen: now, LastSeen: now, LastBeat: Never, InventoryAsked: Never,
		Doubtful: true, doubtAt: s.since, floor: s.since,
		lastTerminal: Never, uptimeAt: Never, labelsAt: Never, beats: beats{fallback: s.period},
	}
	if at, ok := s.dead[id]; ok {
		// What ended here shortly before it was given up is not remembered, so an inventory asked for earlier may lack it.
		h.doubtAt = max(h.doubtAt, at)
		delete(s.dead, id)
	}
	delete(s.stopped, id)
	s.hosts[id] = h
	i, _ := slices.BinarySearchFunc(s.sorted, id, byID)
	s.sorted = slices.Insert(slices.Clip(s.sorted), i, h)
	return h
}

// remove takes a host and all that runs on it out of the state.
func (s *State) remove(h *Host, eff *Effect) {
	s.empty(h, eff)
	delete(s.hosts, h.ID)
	if i, ok := slices.BinarySearchFunc(s.sorted, h.ID, byID); ok {
		s.sorted = slices.Delete(slices.Clone(s.sorted), i, i+1)
	}
	s.speaks(h, Auto)
}

// speaks keeps count of the dialects of the live hosts.
func (s *State) speaks(h *Host, d Dialect) {
	if h.Dialect != Auto {
		if s.dialects[h.Dialect]--; s.dialects[h.Dialect] <= 0 {
			delete(s.dialects, h.Dialect)
		}
	}
	h.Dialect = d
	if d != Auto {
		s.dialects[d]++
	}
}

func (s *State) doubt(h *Host, now time.Duration, eff *Effect) {
	eff.Changed = eff.Changed || !h.Doubtful
	eff.Doubtful = true
	h.Doubtful, h.doubtAt = true, max(h.doubtAt, now)
}

// identify takes over what the host speaks and is able to do. An event without a dialect says neither, and one without a version does not know
// better than one that told it.
func (s *State) identify(h *Host, d Dialect, can Can, version string, eff *Effect) {
	if d != Auto && d != h.Dialect && legible(string(d)) {
		s.speaks(h, Dialect(strings.Clone(string(d))))
		eff.Changed = true
	} else if version == "" && h.Version != "" {
		return
	}
	if can != h.Can && (d != Auto || can != Can{}) {
		h.Can = can
		eff.Changed = true
	}
}

// describe takes over a name and a version, where they are told.
func (s *State) describe(h *Host, name, version string, eff *Effect) {
	if !legible(name, version) {
		s.dropped++
		return
	}
	if name != "" && name != h.Name {
		h.Name, eff.Changed = strings.Clone(name), true
	}
	if version != "" && version != h.Version {
		h.Version, eff.Changed = strings.Clone(version), true
	}
}

// hearUptime believes that the host began anew when its uptime fell by more than the second by which two counts may differ, and to what it can
// have been up since it was heard before. A message that has waited somewhere tells an older uptime, and is no new life.
// Asked is the earliest time at which the host may have said it.
func (s *State) hearUptime(h *Host, uptime uint64, asked, now time.Duration, eff *Effect) {
	fell := h.uptimeAt != Never && h.Uptime > 1 && uptime < h.Uptime-1
	if fell && (uptime > math.MaxInt32 || time.Duration(uptime)*time.Second > now-h.uptimeAt+stale) {
		return
	}
	if fell {
		s.again(h, now, eff)
		h.InventoryAsked, h.Doubtful = Never, true
		h.doubtAt, h.floor = asked, asked
		eff.Doubtful = true
	}
	h.Uptime, h.uptimeAt = uptime, now
}

// again drops all that belonged to an earlier life of the host.
func (s *State) again(h *Host, now time.Duration, eff *Effect) {
	s.empty(h, eff)
	eff.Restarted, eff.Changed = true, true
	h.beats.again()
	h.FirstSeen, h.LastBeat, h.uptimeAt = now, Never, Never
}

func (s *State) hostStarted(ev HostStarted, now time.Duration, eff *Effect) {
	if ev.Host == "" {
		return
	}
	delete(s.stopped, ev.Host)
	known := s.hosts[ev.Host] != nil
	h := s.alive(ev.Host, now, eff)
	if h == nil {
		return
	}
	if known {
		s.again(h, now, eff)
	}
	s.identify(h, ev.Dialect, ev.Can, ev.Version, eff)
	s.describe(h, ev.Name, ev.Version, eff)
	if ev.Labels != nil {
		s.label(h, ev.Labels, now, eff)
	}
	h.Uptime, h.uptimeAt = ev.Uptime, now
	h.InventoryAsked, h.floor = now, now
	h.Doubtful, eff.Doubtful = false, false // it has said that it begins with nothing
}

func (s *State) hostStopped(id HostID, now time.Duration, eff *Effect) {
	if _, dead := s.dead[id]; dead {
		delete(s.dead, id)
		eff.Host, eff.Changed = id, true // nothing can be left on it
	}
	h := s.hosts[id]
	if h == nil {
		return
	}
	eff.Host, eff.Vanished, eff.Changed = h.ID, true, true
	if len(s.stopped) >= maxStopped {
		// order: each one is looked at by itself
		for id, f := range s.stopped {
			if now-f.at > answerAge {
				delete(s.stopped, id)
			}
		}
	}
	if len(s.stopped) < maxStopped {
		s.stopped[h.ID] = farewell{at: now, uptime: h.Uptime}
	}
	s.remove(h, eff)
}

func (s *State) hostSeen(ev HostSeen, now time.Duration, eff *Effect) {
	s.reborn(ev.Host, ev.Uptime)
	h := s.alive(ev.Host, now, eff)
	if h == nil {
		return
	}
	s.identify(h, ev.Dialect, ev.Can, ev.Version, eff)
	// A zero uptime is a host's word only in a message that describes it.
	if ev.Uptime > 0 || ev.Beat || ev.Version != "" || ev.Labels != nil {
		s.hearUptime(h, ev.Uptime, now, now, eff)
	}
	s.describe(h, ev.Name, ev.Version, eff)
	if ev.Labels != nil {
		s.label(h, ev.Labels, now, eff)
	}
	if ev.Beat {
		h.beats.beat(h.LastBeat, now)
		h.LastBeat = now
		// "As before", of a host whose heartbeats are inventories: as good as one, unless what we know was doubted since.
		if h.Can.Beat && !h.Doubtful {
			h.InventoryAsked = max(h.InventoryAsked, now)
		}
	}
}

// reborn lets a host in again that begins anew soon after it stopped: its uptime shows it, should its first word be lost.
func (s *State) reborn(id HostID, uptime uint64) {
	if f, ok := s.stopped[id]; ok && uptime > 0 && f.uptime > 1 && uptime < f.uptime-1 {
		delete(s.stopped, id)
	}
}

// CastDoubt notes that something that the owner asked of a live host should have shown and did not: the host's inventory must be asked for before an
// absence of the key there is believed. It is no sign of life.
func (s *State) CastDoubt(id HostID, k Key, now time.Duration) Effect {
	var eff Effect
	if h := s.hosts[id]; h != nil {
		eff.Host = id
		s.doubt(h, max(now, 0), &eff)
		eff.Keys = []Key{k}
	}
	return eff
}
