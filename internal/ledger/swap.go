package ledger

import (
	"slices"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// This file settles an update in place under the old reference (OTP upd): no inventory ever shows the new one. It is done when the host has said so, by its
// acknowledgement, which comes after the work, or of each instance, and an inventory asked for after that has come: by it one knows which instances there are.

// swapped books the host's word on one instance, also on one that took the place of another since the command was planned: it was changed with the others.
func (e *Entry) swapped(ev *lattice.Updated, now time.Duration) (evidence, string, bool) {
	switch {
	case e.SentAt == Never || !e.live() || !names(e, ev.Key, ""):
		return 0, "", false
	case ev.Error != "":
		return failed, ev.Error, true
	case !slices.Contains(e.Swapped, ev.Instance):
		e.Swapped = append(e.Swapped, ev.Instance)
	}
	e.heardAt = now
	return done, "", true
}

// live says that the command updates in place under the old reference.
func (e *Entry) live() bool { return e.Action == Update && e.Instances != nil }

// confirms says that an inventory asked for then comes after the host's word that all is done.
func (e *Entry) confirms(asked time.Duration) bool {
	missing := func(id string) bool { return !slices.Contains(e.Swapped, id) }
	return e.Acked && asked >= e.ackedAt || !slices.ContainsFunc(e.Instances, missing) && asked >= e.heardAt
}
