package engine

import "github.com/wadm-go/wadm/lattice"

// whose adds to an event of an instance what the lattice knows of it, before the event changes that.
func (e *Engine) whose(ev lattice.Event) lattice.Event {
	switch ev := ev.(type) {
	case lattice.Started:
		return e.shown(ev)
	case lattice.Stopped:
		return e.ended(ev)
	}
	return ev
}

// shown adds to the start of an instance since when it is known: one that ran before a command was sent is not its doing.
func (e *Engine) shown(s lattice.Started) lattice.Event {
	if h := e.state.Host(s.Host); h != nil && s.Instance != "" {
		if at, known := h.Since(s.Key, s.Instance); known {
			s.Shown = at
		}
	}
	return s
}

// ended adds to the end of an instance the annotations that it bore, where the host does not say them: what ends for somebody else ends no stop of ours.
func (e *Engine) ended(s lattice.Stopped) lattice.Event {
	var ev lattice.Event = s
	if s.Annotations != nil || s.Instance == "" {
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
