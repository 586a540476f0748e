package engine

import "github.com/wadm-go/wadm/lattice"

// whose adds to the end of an instance the annotations that it bore, where the host does not say them: what ends for somebody else ends no stop of ours.
func (e *Engine) whose(ev lattice.Event) lattice.Event {
	s, ok := ev.(lattice.Stopped)
	if !ok || s.Annotations != nil || s.Instance == "" {
		return ev
	}
	h := e.state.Host(s.Host)
	if h == nil {
		return ev
	}
	it := h.Item(s.Key)
	if it == nil {
		return ev
	}
	for i := range it.Groups {
		g := &it.Groups[i]
		for _, id := range g.Instances {
			if id == s.Instance {
				s.Annotations = g.Annotations
				return s
			}
		}
	}
	return ev
}
