package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// This file remembers of the links that we put what no list of them tells: with which values they were put, and which of them may be there unseen.

// unsure remembers a link whose put was failed by its deadline: it may be there all the same, with the values of then.
func (a *app) unsure(o *ledger.Outcome, now time.Duration) {
	if o.Unsure && o.Entry.Action == ledger.PutLink {
		a.applyLink(o.Entry.Link, o.Entry.Carries)
		a.perhaps[linkKey{o.Entry.Link.Slot(), o.Entry.Link.Target}] = now
		a.runDirty = true
	}
}

// mayStand says which links may be there though no list shows them: their put was given up by its deadline, and no list that was asked for since has come,
// or they were missing once, from a list that may have lagged behind.
func (e *Engine) mayStand(a *app) func(lattice.Link) bool {
	return func(l lattice.Link) bool {
		k := linkKey{l.Slot(), l.Target}
		at, ok := a.perhaps[k]
		return ok && e.state.LinksAsked() <= at || a.missed[k] > 0 && a.missed[k] < surely
	}
}

// applyLink remembers a link that was put, and with what values: the wanted ones may have changed while it was under way.
func (a *app) applyLink(l lattice.Link, values string) {
	a.run.Links = slices.Clone(a.run.Links)
	for i := range a.run.Links {
		if a.run.Links[i].Link.Slot() == l.Slot() && a.run.Links[i].Link.Target == l.Target {
			a.run.Links[i] = AppliedLink{Link: l, Values: values}
			return
		}
	}
	a.run.Links = append(a.run.Links, AppliedLink{Link: l, Values: values})
}

// surely is how often a link must be missing before it is put again: a list may lag behind, so once is not enough.
const surely = 2

// linksMissing counts, for those links that we put and which are about, that they were missing once more, or that they are there.
func (e *Engine) linksMissing(about func(lattice.Link) bool, times int) {
	// order: each application by itself.
	for _, a := range e.apps {
		maps.DeleteFunc(a.perhaps, func(_ linkKey, at time.Duration) bool { return e.state.LinksAsked() > at })
		for _, l := range a.run.Links {
			if !about(l.Link) {
				continue
			}
			k := linkKey{l.Link.Slot(), l.Link.Target}
			if slices.ContainsFunc(e.state.LinksFrom(l.Link.Source), func(h lattice.Link) bool { return h.Slot() == k.slot && h.Target == k.target }) {
				delete(a.missed, k)
			} else {
				a.missed[k] += times
				a.mark().links = true
			}
		}
	}
}

// noteCarriers remembers, before a config gets another value, the links that may carry the old one: those of which nobody knows with what value they were put,
// those that are being put, and those that were put with the wanted one, for a provider that has started since reads what was stored then. Once the new value
// is stored nothing shows that any more.
func (a *app) noteCarriers(s *lattice.State, open []*ledger.Entry, config string) {
	if a.wanted == nil {
		return
	}
	for _, en := range open {
		if en.App == a.name && en.Action == ledger.PutLink && (slices.Contains(en.Link.SourceConfig, config) || slices.Contains(en.Link.TargetConfig, config)) {
			en.Carries = "before " + config
		}
	}
	for i := range a.wanted.Links {
		w := &a.wanted.Links[i].Want
		if before, known := a.Applied(*w); known && before != a.wanted.Links[i].Values || !slices.Contains(w.SourceConfig, config) && !slices.Contains(w.TargetConfig, config) {
			continue
		}
		for _, have := range s.LinksFrom(w.Source) {
			if have.Slot() == w.Slot() && have.Target == w.Target {
				a.applyLink(have, "before "+config)
				a.runDirty, a.mustSave = true, true
			}
		}
	}
}
