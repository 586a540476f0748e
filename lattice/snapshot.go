package lattice

import (
	"maps"
	"slices"
	"time"
)

// Snapshot is all that is known of a lattice, copied: whoever has it may read it in any goroutine and as long as it likes. The lists are sorted.
// Only labels and annotations are shared with the State, which replaces them and never changes them.
type Snapshot struct {
	ID    string
	At    time.Duration // the time that the ages are counted to
	Since time.Duration // begin of this time of listening
	Decay time.Duration // that the statuses of hosts were computed with

	Hosts       []HostSnapshot // by id
	Components  []Running      // by id
	Providers   []Running      // by id and link name
	Links       []Link
	Refs        []RefID    // by reference
	Claims      []ClaimsOf // by id
	Invocations []Count    // by caller, called and operation

	// Left is what was left out of the lists because of the bound of the copy; Dropped and InvocationsLost are what the State itself could not keep.
	Left            Left
	Dropped         uint64
	InvocationsLost uint64
}

// Left counts what a Snapshot leaves out. Instances are those of components and providers that are in it.
type Left struct{ Hosts, Components, Providers, Instances, Links, Refs, Claims, Invocations int }

// HostSnapshot is one live host without what it runs.
type HostSnapshot struct {
	ID        HostID
	Name      string
	Version   string
	Dialect   Dialect
	Labels    map[string]string
	Uptime    uint64 // seconds, as last heard
	Status    HostStatus
	FirstSeen time.Duration
	LastSeen  time.Duration
	LastBeat  time.Duration // Never if none was heard
	Doubtful  bool
}

// Running is one component, or one provider under one link name, on all hosts.
type Running struct {
	Key       Key
	Count     int // instances on all hosts, also of those left out below
	Instances []Instance
}

// Instance is one instance with an id, or, where the host gives none, all instances of one group.
type Instance struct {
	Host        HostID
	ID          string // "" where the host gives none
	Ref         string
	Annotations Annotations
	Count       int           // 1 for one with an id
	FirstSeen   time.Duration // of the instance; without an id, since when the key is known to run on the host
	Healthy     Healthiness
}

// RefID ties a reference, without its scheme, to the id that it leads to.
type RefID struct{ Ref, ID string }

// ClaimsOf is the claims of one id.
type ClaimsOf struct {
	ID string
	Claims
}

// Count is how often one thing was invoked.
type Count struct {
	Invocation
	Tally
}

// Snapshot copies the state for readers. No list, nor all instances together, is longer than limit, so the work and the size are bounded; what is
// left out is counted. decay is that of Host.Status.
func (s *State) Snapshot(now, decay time.Duration, limit int) Snapshot {
	if decay <= 0 {
		decay = DefaultDecay
	}
	snap := Snapshot{ID: s.id, At: now, Since: s.since, Decay: decay, Dropped: s.dropped, InvocationsLost: s.tallies.lost}
	for _, h := range upTo(s.sorted, limit, &snap.Left.Hosts) {
		snap.Hosts = append(snap.Hosts, HostSnapshot{
			ID: h.ID, Name: h.Name, Version: h.Version, Dialect: h.Dialect, Labels: h.Labels, Uptime: h.Uptime, Status: h.Status(now, decay),
			FirstSeen: h.FirstSeen, LastSeen: h.LastSeen, LastBeat: h.LastBeat, Doubtful: h.Doubtful,
		})
	}
	s.copyRunning(&snap, limit)
	for _, l := range upTo(s.Links(), limit, &snap.Left.Links) {
		snap.Links = append(snap.Links, own(l))
	}
	for _, ref := range upTo(slices.Sorted(maps.Keys(s.refs.to)), limit, &snap.Left.Refs) {
		snap.Refs = append(snap.Refs, RefID{ref, s.refs.to[ref].id})
	}
	for _, id := range upTo(slices.Sorted(maps.Keys(s.claims.by)), limit, &snap.Left.Claims) {
		snap.Claims = append(snap.Claims, ClaimsOf{id, s.claims.by[id].own()})
	}
	for _, i := range upTo(slices.SortedFunc(maps.Keys(s.tallies.by), Invocation.Compare), limit, &snap.Left.Invocations) {
		snap.Invocations = append(snap.Invocations, Count{i, *s.tallies.by[i]})
	}
	return snap
}

// upTo is the first of all, and counts the others.
func upTo[T any](all []T, limit int, left *int) []T {
	if len(all) > limit {
		*left += len(all) - limit
		return all[:limit]
	}
	return all
}

// copyRunning copies what runs, key after key.
func (s *State) copyRunning(snap *Snapshot, limit int) {
	room := limit
	for _, k := range slices.SortedFunc(maps.Keys(s.places), Key.Compare) {
		list, left := &snap.Components, &snap.Left.Components
		if k.Kind == Provider {
			list, left = &snap.Providers, &snap.Left.Providers
		}
		if len(*list) >= limit {
			*left++
			continue
		}
		r := Running{Key: k}
		for _, h := range s.places[k] {
			it := h.Item(k)
			r.Count += it.Count()
			before := len(r.Instances)
			r.Instances = it.instances(r.Instances, h, room, &snap.Left.Instances)
			room -= len(r.Instances) - before
		}
		*list = append(*list, r)
	}
}

// instances appends the instances of an item, at most room of them.
func (it *Item) instances(to []Instance, h *Host, room int, left *int) []Instance {
	full := len(to) + room
	n, born := 0, h.born[it.Key]
	for i := range it.Groups {
		g := &it.Groups[i]
		one := Instance{Host: h.ID, Ref: it.Ref, Annotations: g.Annotations, Count: 1, FirstSeen: it.First(), Healthy: it.Healthy}
		for j, id := range g.Instances {
			if len(to) >= full {
				*left += len(g.Instances) - j
				break
			}
			one.ID, one.FirstSeen = id, born[n+j]
			to = append(to, one)
		}
		n += len(g.Instances)
		nameless := g.Count - len(g.Instances)
		switch {
		case nameless <= 0:
		case len(to) >= full:
			*left += nameless
		default:
			one.ID, one.FirstSeen, one.Count = "", it.First(), nameless
			to = append(to, one)
		}
	}
	return to
}

// Cut shortens every list, and all instances together, to limit, and counts what it leaves out: for whoever finds the whole too large.
func (s Snapshot) Cut(limit int) Snapshot {
	s.Hosts = upTo(s.Hosts, limit, &s.Left.Hosts)
	s.Links = upTo(s.Links, limit, &s.Left.Links)
	s.Refs = upTo(s.Refs, limit, &s.Left.Refs)
	s.Claims = upTo(s.Claims, limit, &s.Left.Claims)
	s.Invocations = upTo(s.Invocations, limit, &s.Left.Invocations)
	room := limit
	for _, list := range []struct {
		all  *[]Running
		left *int
	}{{&s.Components, &s.Left.Components}, {&s.Providers, &s.Left.Providers}} {
		kept := slices.Clone(upTo(*list.all, limit, list.left))
		for i := range kept {
			kept[i].Instances = upTo(kept[i].Instances, room, &s.Left.Instances)
			room -= len(kept[i].Instances)
		}
		*list.all = kept
	}
	return s
}
