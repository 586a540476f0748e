package engine

import (
	"testing"

	"github.com/wadm-go/wadm/lattice"
)

// Two instances are being started. The event of the first one comes, then an inventory from before that event, which shows both: it settles the start,
// but the state holds what is newer, one instance.
func TestAStartThatAnOlderInventoryShowsWholeIsNotSentAgain(t *testing.T) {
	l := newLab(t, "N1")
	l.otp = true
	l.hosts["N1"].slow = true
	l.begin(wish(Deploy, webOf("v1", 2)))
	l.wait(sec)
	l.expect("both at once", "scale N1 web:1 0→2 (too-few)")

	notes := lattice.Annotations{lattice.AppAnnotation: "shop"}
	key := lattice.Key{ID: "Mweb"}
	l.hosts["N1"].runs[key] = lattice.Resource{Key: key, Ref: "web:1", Groups: []lattice.Group{{Annotations: notes, Count: 2, Instances: []string{"i1", "i2"}}}}
	older := l.inventory("N1")
	l.step(Observed{Events: []lattice.Event{lattice.Started{Host: "N1", Key: key, Ref: "web:1", Annotations: notes, Instance: "i1"}}})
	l.step(Observed{Events: []lattice.Event{older}})
	l.expect("the host is asked instead")
	l.statusIs("deployed")
	l.step(Observed{Events: []lattice.Event{lattice.Started{Host: "N1", Key: key, Ref: "web:1", Annotations: notes, Instance: "i2"}}})
	l.wait(sec)
	l.expect("nothing more")
	l.statusIs("deployed")
}
