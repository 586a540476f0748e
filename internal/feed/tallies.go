package feed

import "github.com/wadm-go/wadm/lattice"

// maxTallies bounds how many different invocations are counted between two takes.
const maxTallies = 10_000

// tallies sums invocations up until the owner takes something anyway. A lattice makes thousands of them a second: they wake nobody, they take no
// place in the queue, and nothing is given up for them.
type tallies struct {
	at     map[lattice.Invocation]int
	events []lattice.Invoked
	lost   uint64
}

func (t *tallies) add(e lattice.Invoked) {
	if i, known := t.at[e.Invocation]; known {
		t.events[i].Tally = t.events[i].Add(e.Tally)
		return
	}
	if len(t.events) >= maxTallies {
		t.lost++
		return
	}
	if t.at == nil {
		t.at = make(map[lattice.Invocation]int)
	}
	t.at[e.Invocation] = len(t.events)
	t.events = append(t.events, e)
}

// take appends the sums and begins anew.
func (t *tallies) take(to []lattice.Event) []lattice.Event {
	for _, e := range t.events {
		to = append(to, e)
	}
	clear(t.at)
	t.events = nil
	return to
}
