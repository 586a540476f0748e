package ledger

import (
	"slices"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// This file settles an update in place under the old reference (OTP upd): no inventory ever shows the new one. It is done when the host has said so, by its
// acknowledgement, which comes after the work, or of each instance, and an inventory asked for after that has come: by it one knows which instances there are.

// swapped books the host's word on one instance.
func (e *Entry) swapped(ev *lattice.Updated, now time.Duration) (evidence, string, bool) {
	switch {
	case e.SentAt == Never || !names(e, ev.Key, "") || !slices.Contains(e.Instances, ev.Instance):
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
	return e.Acked && asked >= e.ackedAt || len(e.Swapped) == len(e.Instances) && asked >= e.heardAt
}
