package engine

import (
	"maps"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// acceptedStored folds what the lattice has stored: the acknowledgement comes after the writing.
func (e *Engine) acceptedStored(entry ledger.Entry) {
	switch entry.Action {
	case ledger.PutLink:
		e.touched(e.state.Apply(lattice.LinkSet{Link: entry.Link}, e.now))
	case ledger.DeleteLink:
		e.touched(e.state.Apply(lattice.LinkDeleted{Slot: entry.Link.Slot(), Target: entry.Link.Target}, e.now))
	case ledger.PutConfig:
		e.acceptedConfig(lattice.Config{Name: entry.ConfigName, Asked: entry.SentAt, Found: true, Values: entry.Values})
	case ledger.DeleteConfig:
		e.acceptedConfig(lattice.Config{Name: entry.ConfigName, Asked: entry.SentAt})
	}
}

// acceptedConfig folds a config as it was written. What was read meanwhile and says otherwise may have been read before the writing or after it: so it is
// read again.
func (e *Engine) acceptedConfig(c lattice.Config) {
	read, known := e.state.Config(c.Name)
	if known && read.Asked != lattice.Never && read.Asked >= c.Asked && (read.Found != c.Found || !maps.Equal(read.Values, c.Values)) {
		e.touched(e.state.Apply(lattice.ConfigSet{Name: c.Name}, e.now))
		return
	}
	e.touched(e.state.Apply(c, e.now))
}
