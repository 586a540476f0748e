package lattice

import (
	"slices"
	"strings"
	"time"
)

// applyContents folds the events that tell of one key on one host.
func (s *State) applyContents(ev Event, now time.Duration, eff *Effect) {
	switch ev := ev.(type) {
	case Scaled:
		if ev.Key.ID == "" {
			return
		}
		if h := s.alive(ev.Host, now, eff); h != nil {
			s.scaled(h, ev, now, eff)
		}
	case Started:
		if ev.Key.ID == "" {
			return
		}
		if h := s.alive(ev.Host, now, eff); h != nil {
			s.started(h, ev, now, eff)
		}
	case Stopped:
		// A host that stops may go on to list what stopped with it: that brings nobody to life.
		if h := s.hosts[ev.Host]; ev.Key.ID == "" || h == nil && !s.Dead(ev.Host) {
			return
		}
		if h := s.alive(ev.Host, now, eff); h != nil {
			s.endedInstance(h, ev, now, eff)
		}
	case StartFailed:
		h := s.alive(ev.Host, now, eff)
		if h != nil && ev.SameKey != "" {
			s.learn(ev.Key.Kind, true, ev.Ref, ev.SameKey, true, eff)
		}
	case Health:
		if ev.Key.ID == "" {
			return
		}
		if h := s.alive(ev.Host, now, eff); h != nil {
			s.health(h, ev, now, eff)
		}
	}
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
	if _, ok := s.put(h, ev.Key, ev.Ref, groups, eff); !ok {
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
	sure := true
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
	if _, ok := s.put(h, ev.Key, ev.Ref, groups, eff); !ok {
		s.lost(h, now, eff)
		return
	}
	s.ended(h, ev.Key, now)
	if h.Dialect != V1 {
		s.learn(ev.Key.Kind, true, ev.Ref, ev.Key.ID, true, eff)
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
	} else if _, ok := s.put(h, k, ref, groups, eff); !ok {
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
