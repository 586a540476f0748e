package lattice

import (
	"slices"
	"strings"
	"time"
)

// applyContents folds the events that tell of one key on one host.
func (s *State) applyContents(ev Event, now time.Duration, eff *Effect) {
	host, known := about(ev)
	if _, stopped := ev.(Stopped); stopped && s.hosts[host] == nil && !s.Dead(host) {
		return // a host that stops may go on to list what stopped with it: that brings nobody to life
	}
	if !known {
		return
	}
	h := s.alive(host, now, eff)
	if h == nil {
		return
	}
	switch ev := ev.(type) {
	case Scaled:
		s.scaled(h, ev, now, eff)
	case Started:
		s.started(h, ev, now, eff)
	case Stopped:
		s.endedInstance(h, ev, now, eff)
	case Health:
		s.health(h, ev, now, eff)
	case StartFailed:
		if ev.SameKey != "" {
			s.learn(ev.Key.Kind, ev.Ref, ev.SameKey, true, eff)
		}
	}
}

// about is the host that an event tells of, and whether it names what it must name: a failed start may name a reference only.
func about(ev Event) (host HostID, ok bool) {
	switch ev := ev.(type) {
	case Scaled:
		return ev.Host, ev.Key.ID != ""
	case Started:
		return ev.Host, ev.Key.ID != ""
	case Stopped:
		return ev.Host, ev.Key.ID != ""
	case Health:
		return ev.Host, ev.Key.ID != ""
	case StartFailed:
		return ev.Host, true
	}
	return "", false
}

// scaled makes the count what the host says. A count of zero removes the item, but an update in place ends with a misleading zero of
// the old image, so the absence is not believed before an inventory.
func (s *State) scaled(h *Host, ev Scaled, now time.Duration, eff *Effect) {
	groups, ok := s.canonical(ev.Key, []Group{{Annotations: ev.Annotations, Count: ev.Count}})
	if !ok || !legible(ev.Key.ID, ev.Key.Link, ev.Ref) {
		s.lost(h, now, eff)
		return
	}
	if len(groups) == 0 {
		s.drop(h, ev.Key, eff)
		s.ended(h, ev.Key, now)
		s.doubt(h, now, eff)
		return
	}
	if !s.put(h, ev.Key, ev.Ref, groups, eff) {
		s.lost(h, now, eff)
		return
	}
	s.ended(h, ev.Key, now)
}

// lost counts an event that cannot be kept; the host is not as we know it any more.
func (s *State) lost(h *Host, now time.Duration, eff *Effect) {
	s.dropped++
	s.doubt(h, now, eff)
}

// started adds an instance, or makes a provider be there.
func (s *State) started(h *Host, ev Started, now time.Duration, eff *Effect) {
	it := h.Item(ev.Key)
	if it != nil && ev.Instance != "" && holds(it.Groups, ev.Instance) {
		return // told twice
	}
	one := Group{Annotations: ev.Annotations, Count: 1}
	if ev.Instance != "" {
		one.Instances = []string{strings.Clone(ev.Instance)}
	}
	groups := []Group{one}
	var sure bool
	switch {
	case it == nil:
		sure = ev.Instance != "" || ev.Key.Kind == Provider
	case ev.Key.Kind == Provider:
		had := instance(it)
		sure = len(had) == 0 || ev.Instance == "" || slices.Contains(had, ev.Instance)
	default:
		groups = append(slices.Clone(it.Groups), one)
		sure = ev.Instance != "" && it.Ref == ev.Ref
	}
	groups, ok := s.canonical(ev.Key, groups)
	if !ok {
		s.lost(h, now, eff)
		return
	}
	if !s.put(h, ev.Key, ev.Ref, groups, eff) {
		s.lost(h, now, eff)
		return
	}
	s.ended(h, ev.Key, now)
	if h.Dialect != V1 {
		s.learn(ev.Key.Kind, ev.Ref, ev.Key.ID, true, eff)
	}
	if !sure {
		s.doubt(h, now, eff)
	}
}

// endedInstance removes an instance, or a provider.
func (s *State) endedInstance(h *Host, ev Stopped, now time.Duration, eff *Effect) {
	it := h.Item(ev.Key)
	switch {
	case it == nil:
		if ev.Key.Kind == Provider {
			s.ended(h, ev.Key, now)
		}
		s.doubt(h, now, eff)
	case ev.Key.Kind == Provider:
		had := instance(it)
		if ev.Instance != "" && len(had) > 0 && !slices.Contains(had, ev.Instance) {
			s.doubt(h, now, eff) // the end of an instance before this one
			return
		}
		s.drop(h, ev.Key, eff)
		s.ended(h, ev.Key, now)
	case ev.Instance == "" || !holds(it.Groups, ev.Instance):
		s.doubt(h, now, eff)
	default:
		s.without(h, it, ev.Instance, now, eff)
	}
}

// without takes one instance away from an item.
func (s *State) without(h *Host, it *Item, id string, now time.Duration, eff *Effect) {
	groups := make([]Group, 0, len(it.Groups))
	for _, g := range it.Groups {
		if i, ok := slices.BinarySearch(g.Instances, id); ok {
			g.Instances = slices.Delete(slices.Clone(g.Instances), i, i+1)
			g.Count--
		}
		if g.Count > 0 {
			groups = append(groups, g)
		}
	}
	k, ref := it.Key, it.Ref
	if len(groups) == 0 {
		s.drop(h, k, eff)
	} else if !s.put(h, k, ref, groups, eff) {
		s.lost(h, now, eff)
		return
	}
	s.ended(h, k, now)
}

func (s *State) health(h *Host, ev Health, now time.Duration, eff *Effect) {
	i, ok := h.find(ev.Key)
	if !ok {
		s.doubt(h, now, eff) // something runs that we do not know
		return
	}
	told := HealthFailed
	if ev.Healthy {
		told = HealthPassed
	}
	if h.items[i].Healthy == told {
		return
	}
	h.unshare()
	h.items[i].Healthy = told
	eff.note(&h.items[i])
}
