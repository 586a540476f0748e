package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// A dead host is waited for, and waiting costs nothing.
func TestWaitingForADeadHostIsNoWork(t *testing.T) {
	l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
	l.hosts["N2"].gone = true
	l.wait(5 * time.Minute)
	l.step(wish(Undeploy, webOf("v1", 2)))
	l.wait(5 * time.Minute)
	steps := 0
	for end := l.now + time.Hour; l.now < end; steps++ {
		wake := l.step(Tick{}).Wake
		if wake == lattice.Never {
			break
		}
		l.now = max(l.now, wake)
	}
	if steps > 200 {
		t.Errorf("%d steps in an hour", steps)
	}
}
