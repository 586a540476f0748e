// Package transfer copies models from one store into another.
//
// It knows what may be written where something is already: nothing that differs. It never talks to a technology, never deletes, and moves
// neither wishes nor run records: who takes the models over adopts what runs. It is called by cmd.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
)

// Outcome is what came of one model.
type Outcome string

// The outcomes. After the last three something is left to do.
const (
	Copied     Outcome = "copied"     // it was not there
	Completed  Outcome = "completed"  // versions, or facts about them, were missing
	Same       Outcome = "same"       // it was there already
	Conflict   Outcome = "conflict"   // something else is there; it was left as it is
	Unreadable Outcome = "unreadable" // it cannot be read here or there; what can be was copied
	Failed     Outcome = "failed"     // the store there refused it
)

// Item is what came of one model.
type Item struct {
	Lattice  string  `json:"lattice"`
	Name     string  `json:"name"`
	Outcome  Outcome `json:"outcome"`
	Versions int     `json:"versions"` // that were written, or would be
	Why      string  `json:"why,omitempty"`
}

// Left says that something is left to do.
func (i Item) Left() bool {
	return i.Outcome == Conflict || i.Outcome == Unreadable || i.Outcome == Failed
}

// Options say what to copy. Tell, if there is one, hears of each model as it is done.
type Options struct {
	Lattices []string // none: all
	DryRun   bool     // compare alone
	Tell     func(Item)
}

// tries bounds the loop on a record that others write too.
const tries = 20

// Copy copies the models of each lattice, by ascending name, and tells what came of each. It does the same again when called again. The error
// is of the store that is read; what the other one refuses is an item.
func Copy(ctx context.Context, from, to store.Models, o Options) ([]Item, error) {
	lattices := o.Lattices
	if len(lattices) == 0 {
		var err error
		if lattices, err = from.Lattices(ctx); err != nil {
			return nil, err
		}
	}
	items := []Item{}
	for _, lattice := range lattices {
		models, err := from.Models(ctx, lattice)
		if err != nil {
			return items, err
		}
		for _, m := range models {
			item := copyOne(ctx, to, lattice, m, o.DryRun)
			item.Lattice, item.Name = lattice, m.Name
			items = append(items, item)
			if o.Tell != nil {
				o.Tell(item)
			}
			if err := ctx.Err(); err != nil {
				return items, err
			}
		}
	}
	return items, nil
}

func copyOne(ctx context.Context, to store.Models, lattice string, m store.Model, dry bool) Item {
	source, broken := readable(m)
	if len(source.Versions) == 0 {
		return Item{Outcome: Unreadable, Why: broken}
	}
	item := Item{Outcome: Failed, Why: "it keeps changing there"}
	for range tries {
		var again bool
		if item, again = attempt(ctx, to, lattice, source, dry); !again {
			break
		}
	}
	if broken != "" && !item.Left() {
		item.Outcome, item.Why = Unreadable, broken
	}
	return item
}

// readable is a model without the versions that cannot be read, and which these are.
func readable(m store.Model) (out store.Model, broken string) {
	if m.Versions == nil {
		return m, "no version of it can be read here"
	}
	out = m.Clone()
	out.Versions = nil
	for _, v := range m.Versions {
		if v.Broken != "" {
			broken = fmt.Sprintf("version %q cannot be read here: %s", v.Version, v.Broken)
			continue
		}
		out.Versions = append(out.Versions, v)
	}
	if !slices.ContainsFunc(out.Versions, func(v store.Version) bool { return v.Version == out.Deployed }) {
		out.Deployed = ""
	}
	return out, broken
}

func attempt(ctx context.Context, to store.Models, lattice string, source store.Model, dry bool) (item Item, again bool) {
	there, rev, err := to.Model(ctx, lattice, source.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		there, rev = store.Model{}, 0
	case errors.Is(err, store.ErrUnreadable):
		return Item{Outcome: Unreadable, Why: "what is there cannot be read: " + err.Error()}, false
	case err != nil:
		return Item{Outcome: Failed, Why: err.Error()}, false
	}
	next, written, changed, clash := merge(there, source)
	switch {
	case clash != "":
		return Item{Outcome: Conflict, Why: clash}, false
	case !changed:
		return Item{Outcome: Same}, false
	}
	item = Item{Outcome: Copied, Versions: written}
	if rev != 0 {
		item.Outcome = Completed
	}
	if dry {
		return item, false
	}
	_, err = to.PutModel(ctx, lattice, next, rev)
	switch {
	case errors.Is(err, store.ErrConflict):
		return Item{Outcome: Failed, Why: "it keeps changing there"}, true
	case err != nil:
		return Item{Outcome: Failed, Why: err.Error()}, false
	}
	return item, false
}

// merge adds to what is there what it lacks of the source. Versions keep the order of the source, save where there are others beside them.
func merge(there, source store.Model) (next store.Model, written int, changed bool, clash string) {
	if len(there.Versions) == 0 {
		return source, len(source.Versions), true, ""
	}
	next = there.Clone()
	place := map[string]int{}
	for i, v := range next.Versions {
		place[v.Version] = i
	}
	var missing []store.Version
	shared := 0
	for _, v := range source.Versions {
		i, ok := place[v.Version]
		if !ok {
			missing = append(missing, v)
			continue
		}
		shared++
		have := &next.Versions[i]
		if have.Broken != "" || !sameManifest(have.Manifest, v.Manifest) {
			return next, 0, false, fmt.Sprintf("version %q is another one there", v.Version)
		}
		if have.Created.IsZero() && !v.Created.IsZero() {
			have.Created, changed = v.Created, true
		}
		if have.Raw == nil && v.Raw != nil {
			have.Raw, changed = v.Raw, true
		}
	}
	if len(missing) > 0 {
		changed = true
		next.Versions = inOrder(next.Versions, source.Versions, missing, shared)
	}
	switch {
	case source.Deployed == "" || source.Deployed == next.Deployed:
	case next.Deployed != "":
		return next, 0, false, fmt.Sprintf("version %q is deployed there, and %q here", next.Deployed, source.Deployed)
	default:
		next.Deployed, changed = source.Deployed, true
	}
	return next, len(missing), changed, ""
}

// inOrder puts the versions in the order of the source, where all that is there comes from it; else what is new comes last.
func inOrder(there, source, missing []store.Version, shared int) []store.Version {
	if shared != len(there) {
		return append(there, missing...)
	}
	all := make([]store.Version, 0, len(source))
	for _, v := range source {
		if i := slices.IndexFunc(there, func(h store.Version) bool { return h.Version == v.Version }); i >= 0 {
			v = there[i]
		}
		all = append(all, v)
	}
	return all
}

func sameManifest(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	x, dx := oam.Decode03(a)
	y, dy := oam.Decode03(b)
	return x != nil && y != nil && !dx.HasErrors() && !dy.HasErrors() && oam.Hash(x.Manifest) == oam.Hash(y.Manifest)
}
