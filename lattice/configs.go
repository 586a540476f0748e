package lattice

import (
	"maps"
	"strings"
	"time"
)

// ConfigState is what is known of one config.
type ConfigState struct {
	Found  bool
	Values map[string]string
	Asked  time.Duration // when the answer was asked for; Never = what is here is old or nothing, it must be asked for
}

type config struct {
	ConfigState
	named time.Duration // newest event of this time of listening that named it, Never if none
	bytes int
}

type configs struct {
	by    map[string]config
	bytes int
}

func newConfigs() configs { return configs{by: map[string]config{}} }

func (c *configs) reset() {
	// order: each one is looked at by itself
	for name, known := range c.by {
		if known.Asked == Never && known.Values == nil {
			delete(c.by, name) // only guarded answers that are too old now anyway
			continue
		}
		known.Asked, known.named = Never, Never
		c.by[name] = known
	}
}

// Config is what is known of a config; ok is false if nothing was ever heard of it.
func (s *State) Config(name string) (known ConfigState, ok bool) {
	c, ok := s.configs.by[name]
	if !ok {
		return ConfigState{Asked: Never}, false
	}
	return c.ConfigState, true
}

// room makes sure that one more config may be remembered.
func (c *configs) room(name string, now time.Duration) bool {
	if !legible(name) {
		return false
	}
	if _, known := c.by[name]; known || len(c.by) < maxConfigs {
		return true
	}
	// order: each one is looked at by itself
	for name, known := range c.by {
		if known.Asked == Never && now-known.named > answerAge {
			c.bytes -= known.bytes
			delete(c.by, name)
		}
	}
	return len(c.by) < maxConfigs
}

// configNamed says that the value may be another one now.
func (s *State) configNamed(name string, now time.Duration, eff *Effect) {
	if name == "" {
		return
	}
	if !s.configs.room(name, now) {
		s.dropped++
		return
	}
	c, known := s.configs.by[name]
	if !known {
		c.Asked, name = Never, strings.Clone(name)
	}
	eff.Config = name
	eff.Changed = eff.Changed || c.Asked != Never
	c.Asked, c.named = Never, max(now, 0)
	s.configs.by[name] = c
}

// configTold takes an answer, unless the config was named after the question: then the answer may be the old value.
func (s *State) configTold(ev Config, now time.Duration, eff *Effect) {
	if ev.Name == "" {
		return
	}
	asked := min(ev.Asked, now)
	c, known := s.configs.by[ev.Name]
	if !known {
		c.Asked, c.named = Never, Never
	}
	if asked < s.since || asked < c.Asked || asked < c.named {
		return
	}
	size := 0
	// order: a sum
	for k, v := range ev.Values {
		size += len(k) + len(v)
	}
	if !s.configs.room(ev.Name, now) || s.configs.bytes-c.bytes+size > maxConfigBytes {
		s.dropped++
		return
	}
	same := c.Asked != Never && c.Found == ev.Found && maps.Equal(c.Values, ev.Values)
	c.Found, c.Asked = ev.Found, asked
	if !same {
		if !maps.Equal(c.Values, ev.Values) {
			c.Values = keep(ev.Values)
		}
		eff.Config, eff.Changed = ev.Name, true
	}
	s.configs.bytes += size - c.bytes
	c.bytes = size
	s.configs.by[strings.Clone(ev.Name)] = c
}

func (c configs) clone() configs { return configs{by: maps.Clone(c.by), bytes: c.bytes} }
