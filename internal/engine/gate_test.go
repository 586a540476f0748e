package engine

import (
	"strings"
	"testing"

	"github.com/wadm-go/wadm/lattice"
)

// The cases of the gate of 0.21.1, which holds back commands between a command and what comes of it. Here that is the ledger's work.
func TestTheGate(t *testing.T) {
	const start = "scale N1 web:1 0→2 (too-few)"
	begun := func(t *testing.T) *lab {
		l := newLab(t, "N1")
		l.hosts["N1"].slow = true
		l.begin(wish(Deploy, webOf("v1", 2)))
		l.expect("the start", start)
		return l
	}
	scaled := func(n int) Observed {
		return Observed{Events: []lattice.Event{lattice.Scaled{Host: "N1", Key: webKey, Ref: "web:1", Annotations: asOurs(1).Groups[0].Annotations, Count: n}}}
	}
	t.Run("GATE-01 a heartbeat in between commands nothing", func(t *testing.T) {
		l := begun(t)
		l.step(l.beats()...)
		l.expect("nothing")
	})
	t.Run("GATE-02 the host's event ends the wait, and commands nothing", func(t *testing.T) {
		l := begun(t)
		l.hosts["N1"].runs[webKey] = asOurs(2)
		l.step(scaled(2))
		l.expect("nothing")
		l.statusIs("deployed")
	})
	t.Run("GATE-03 V3-12 (changed) without a word it is asked for again after minutes, not seconds: a host that compiles may be silent for long", func(t *testing.T) {
		l := begun(t)
		l.wait(Defaults().Ledger.ComponentStart - sec)
		l.expect("nothing before the deadline")
		l.wait(10 * sec)
		l.expect("once after it", start)
	})
	t.Run("GATE-04 (changed) a failure is told, and tried again by itself after a pause that grows", func(t *testing.T) {
		l := begun(t)
		fail := Observed{Events: []lattice.Event{lattice.StartFailed{Host: "N1", Key: webKey, Ref: "web:1", Error: "boom"}}}
		l.step(fail)
		l.expect("not at once")
		if got := l.status("shop"); !strings.HasPrefix(got, "failed boom (retry 1 on host N1 ") {
			t.Errorf("the status is %q", got)
		}
		l.wait(2 * sec)
		l.expect("without any event", start)
		l.step(fail)
		l.wait(3 * sec / 2)
		l.expect("the second pause is longer")
		l.wait(sec)
		l.expect("and ends", start)
	})
	t.Run("GATE-06 (changed) another count is the end of another command: what is missing is still under way", func(t *testing.T) {
		l := begun(t)
		l.step(scaled(1))
		l.expect("nothing")
		if l.e.ledger.Len() != 1 {
			t.Errorf("%d commands are open, want the one", l.e.ledger.Len())
		}
	})
	t.Run("GATE-09 all hosts gone: told without any further event", func(t *testing.T) {
		l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
		l.statusIs("deployed")
		for _, p := range l.hosts {
			p.gone = true
		}
		l.wait(120 * sec)
		l.statusIs("failed Could not satisfy spread default for web:1, 0/2 eligible hosts found: there is no host")
	})
}
