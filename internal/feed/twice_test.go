package feed

import (
	"fmt"
	"testing"
)

// SRV-15.
func TestWhatIsDeliveredAgainIsHeardOnce(t *testing.T) {
	b := newBench(t, Config{})
	one, other := scaled(t, hostA, 1), scaled(t, hostA, 1)
	for _, body := range [][]byte{one, one, other, one, other} {
		b.v1(onScaled, body)
	}
	if got := told(b.Take()); got != "C1 C1" {
		t.Errorf("took %q, want the two messages once each: equal words under another id are said anew", got)
	}
	if s := b.Stats(); s.Again != 3 {
		t.Errorf("stats %+v, want three delivered again", s)
	}
}

func TestTheMemoryOfMessagesIsBounded(t *testing.T) {
	var m twice
	for i := range 3 * maxTwice {
		if m.again(fmt.Sprint("host ", i)) {
			t.Fatalf("message %d is taken for an earlier one", i)
		}
	}
	if len(m.seen) != maxTwice || len(m.ring) != maxTwice {
		t.Errorf("%d and %d are remembered, want %d", len(m.seen), len(m.ring), maxTwice)
	}
	if !m.again(fmt.Sprint("host ", 3*maxTwice-1)) || !m.again(fmt.Sprint("host ", 2*maxTwice)) {
		t.Error("one of the newest is forgotten")
	}
	for range 2 {
		if m.again("") {
			t.Error("a message without an id is never the same")
		}
	}
}
