package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// Hosts that begin under a new id each time, as they do by default, leave nothing behind.
func TestHostsThatComeAndGoLeaveNothingBehind(t *testing.T) {
	l := newLab(t, "N1").begin(wish(Deploy, webOf("v1", 1)))
	for i := range 2000 {
		id := lattice.HostID(fmt.Sprintf("M%d", i))
		l.join(id)
		l.step(l.beats()...)
		delete(l.hosts, id)
		l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: id}}})
	}
	l.wait(5 * time.Minute)
	e := l.e
	for name, n := range map[string]int{
		"proven": len(e.proven), "doubts": len(e.doubts), "echoes": len(e.echoes), "doubles": len(e.doubles), "strangers": len(e.strangers),
		"asked": len(e.asked), "pending": len(e.pending), "again": len(e.again), "due": len(e.watch.due), "in": len(e.watch.in),
		"unheard": len(e.watch.unheard), "suspect": len(e.watch.suspect), "losses": len(e.losses), "alarms": len(e.look.alarms),
	} {
		if n > 100 {
			t.Errorf("%s holds %d after 2,000 hosts that are gone", name, n)
		}
	}
}
