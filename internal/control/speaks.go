package control

import (
	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/tongue"
	"github.com/wadm-go/wadm/lattice"
)

// maxHosts bounds what is remembered of hosts that come and go; above it the memory begins anew.
const maxHosts = 1 << 16

// speaks knows which dialect to say things in.
type speaks struct {
	cfg   Config
	last  lattice.Dialect // of whoever was heard last
	hosts map[lattice.HostID]lattice.Dialect
}

func newSpeaks(cfg Config) speaks {
	return speaks{cfg: cfg, last: cfg.Dialect, hosts: make(map[lattice.HostID]lattice.Dialect)}
}

func (s *speaks) heard(event lattice.Event) {
	if s.cfg.Dialect != lattice.Auto {
		return
	}
	switch e := event.(type) {
	case lattice.HostStarted:
		s.learn(e.Host, e.Dialect)
	case lattice.HostSeen:
		s.learn(e.Host, e.Dialect)
	case lattice.Inventory:
		s.learn(e.Host, e.Dialect)
	case lattice.HostStopped:
		delete(s.hosts, e.Host)
	}
}

func (s *speaks) learn(host lattice.HostID, d lattice.Dialect) {
	if d == lattice.Auto {
		return
	}
	if len(s.hosts) >= maxHosts {
		clear(s.hosts)
	}
	s.hosts[host] = d
	s.last = d
}

func (s *speaks) voice(d lattice.Dialect) tongue.Voice {
	return tongue.Voice{Lattice: s.cfg.Lattice, Prefix: s.cfg.Prefix, Dialect: d}
}

// to is how to talk to one host, or with "" to the lattice. Not ok: nobody was heard yet.
func (s *speaks) to(host lattice.HostID) (tongue.Voice, bool) {
	d, ok := s.hosts[host]
	if !ok {
		d = s.last
	}
	return s.voice(d), d != lattice.Auto
}

// about is how to ask: a ping in every dialect that may be there, the rest in the dialect of the host or of the lattice, and in
// both while that is not known.
func (s *speaks) about(q engine.Question) []tongue.Voice {
	both := []tongue.Voice{s.voice(lattice.V1), s.voice(lattice.OTP)}
	if q.Topic == engine.AskHosts && s.cfg.Dialect == lattice.Auto {
		return both
	}
	if voice, known := s.to(q.Host); known {
		return []tongue.Voice{voice}
	}
	if q.Topic == engine.AskConfig {
		return both[:1]
	}
	return both
}
