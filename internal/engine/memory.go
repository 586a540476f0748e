package engine

import (
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
)

// memory is what an owner remembers of an application beside what the lattice shows; it implements plan.Memory.
type memory struct {
	*app
	e *Engine
}

// stranger is a host that came with things on it that no record tells of: it was declared dead and has returned, or nobody knew it. What it runs may be
// of a revision before the last ones.
type stranger struct {
	at     time.Duration // when it appeared, Never while it is dead
	before bool          // this owner has known it before, or it came later than hosts do that live
}

// meet keeps the strangers.
func (e *Engine) meet(ev lattice.Event, eff *lattice.Effect) {
	_, begins := ev.(lattice.HostStarted)
	switch {
	case eff.Vanished, eff.Restarted, eff.Appeared && begins:
		delete(e.strangers, eff.Host) // nothing is left on it
	case eff.Appeared:
		e.strangers[eff.Host] = stranger{at: e.now, before: e.closed || e.strangers[eff.Host].before}
	}
}

// trusts says that the lists of the run record hold for what runs on the host, too.
func (m memory) trusts(id lattice.HostID) bool {
	s, ok := m.e.strangers[id]
	switch {
	case !ok, m.listedAt != lattice.Never && m.listedAt > s.at:
		return true
	case s.before:
		return false
	}
	_, heir := slices.BinarySearch(m.heirs, string(id))
	return heir
}

// List is the list in force: as brought in by this owner, else as the run record has it.
func (m memory) List(id string, host lattice.HostID) ([]string, bool) {
	if names, ok := m.lists[id][host]; ok {
		return names, true
	}
	if !m.trusts(host) {
		return nil, false
	}
	for _, l := range m.run.Lists {
		if _, but := slices.BinarySearch(l.But, string(host)); l.ID == id && !but {
			return l.Names, true
		}
	}
	return nil, false
}

// unlisted are the hosts of the record that are gone and may hold the component with another list than the one that is now in force.
func (e *Engine) unlisted(a *app, r *plan.Resource) []string {
	hosts := a.run.Hosts
	for i := range a.run.Lists {
		if l := &a.run.Lists[i]; l.ID == r.ID && slices.Equal(l.Names, r.Config) {
			hosts = l.But // the others have it
		}
	}
	var gone []string
	for _, id := range hosts {
		if e.state.Host(lattice.HostID(id)) == nil {
			gone = append(gone, id)
		}
	}
	return gone
}

// Applied is the hash of the values that a link carried when we put it.
func (a *app) Applied(l lattice.Link) (string, bool) {
	for _, have := range a.run.Links {
		if have.Link.Slot() == l.Slot() && have.Link.Target == l.Target {
			return have.Values, true
		}
	}
	return "", false
}

// PutConfig says that we put that config at some time.
func (a *app) PutConfig(name string) bool {
	_, ok := slices.BinarySearch(a.run.Configs, name)
	return ok
}

// Missed is how many answers in a row lacked a link that we put.
func (a *app) Missed(l lattice.Link) int { return a.missed[linkKey{l.Slot(), l.Target}] }

// unlist forgets the recorded list of a component to which a command brings another one. Until it is in force on every host the record would be wrong about
// some, and an owner that follows would believe it; the annotations of each host are the better witness.
func (a *app) unlist(c *ledger.Command) {
	if c.Action != ledger.Scale || c.To < c.From || c.Component == "" || c.Target.ID == "" {
		return
	}
	another := func(l AppliedList) bool { return l.ID == c.Target.ID && !slices.Equal(l.Names, c.Config) }
	if slices.ContainsFunc(a.run.Lists, another) { // rarely: nothing is copied for each command of a burst
		a.run.Lists = slices.DeleteFunc(slices.Clone(a.run.Lists), another)
		a.runDirty, a.mustSave = true, true
	}
}
