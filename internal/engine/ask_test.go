package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// TestHostsAreAskedForUntilOneAnswers: a host may start at the very moment of the first ping, and be deaf to it.
func TestHostsAreAskedForUntilOneAnswers(t *testing.T) {
	e := New(Config{Lattice: "default", Dialect: lattice.OTP, Epoch: 1})
	now := time.Duration(0)
	var asked []time.Duration
	step := func(ins ...Input) {
		for {
			now++
			out := e.Step(now, ins...)
			ins = nil
			for _, q := range out.Ask {
				if q.Topic == AskHosts {
					asked = append(asked, now)
					ins = append(ins, Learned{ID: q.ID, Asked: now, Err: "timeout"})
				}
			}
			if len(ins) == 0 {
				return
			}
		}
	}
	step(Connected{}, SnapshotEnd{})
	for range 20 {
		now += time.Second
		step(Tick{})
	}
	if n := len(asked); n < 3 || n > 6 {
		t.Fatalf("without a host, it asked %d times in twenty seconds: %v", n, asked)
	}
	step(Observed{Events: []lattice.Event{lattice.HostSeen{Host: hostA, Dialect: lattice.OTP}}})
	now += 10 * time.Second
	step(Tick{})
	asked = nil
	for range 20 {
		now += time.Second
		step(Tick{})
	}
	if len(asked) > 0 {
		t.Errorf("it goes on asking though a host is known: %v", asked)
	}
}
