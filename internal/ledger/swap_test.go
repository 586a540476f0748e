package ledger

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// An update under the old reference: no inventory shows the new one, so the host's word counts, and an inventory that comes after it.
func TestWhatSettlesAnUpdateUnderTheOldReference(t *testing.T) {
	key := lattice.Key{ID: "M"}
	inventory := func(asked time.Duration) lattice.Event {
		return lattice.Inventory{Host: "N1", Asked: asked, Resources: []lattice.Resource{{Key: key, Ref: "web:1", Groups: []lattice.Group{{Count: 2, Instances: []string{"i1", "i2"}}}}}}
	}
	word := func(id, err string) lattice.Event {
		return lattice.Updated{Host: "N1", Key: key, Instance: id, Error: err}
	}
	const s = time.Second
	type heard struct {
		at  time.Duration
		ev  lattice.Event // nil: the acknowledgement
		ack Answer
	}
	for _, tc := range []struct {
		name  string
		heard []heard
		want  Verdict
	}{
		{"nothing but an inventory says nothing", []heard{{2 * s, inventory(2 * s), 0}, {20 * s, inventory(20 * s), 0}}, Open},
		{"the acknowledgement alone is not enough", []heard{{2 * s, nil, Accepted}}, Open},
		{"nor with an inventory that was asked for before", []heard{{2 * s, nil, Accepted}, {3 * s, inventory(1900 * time.Millisecond), 0}}, Open},
		{"with one after it", []heard{{2 * s, nil, Accepted}, {3 * s, inventory(2500 * time.Millisecond), 0}}, Settled},
		{"the word on every instance", []heard{{2 * s, word("i1", ""), 0}, {2 * s, word("i2", ""), 0}, {3 * s, inventory(2500 * time.Millisecond), 0}}, Settled},
		{"one told twice is one", []heard{{2 * s, word("i1", ""), 0}, {2 * s, word("i1", ""), 0}, {3 * s, inventory(2500 * time.Millisecond), 0}}, Open},
		{"somebody else's instance is none", []heard{{2 * s, word("i1", ""), 0}, {2 * s, word("i9", ""), 0}, {3 * s, inventory(2500 * time.Millisecond), 0}}, Open},
		{"one that failed", []heard{{2 * s, word("i1", ""), 0}, {2 * s, word("i2", "no"), 0}}, Failed},
		{"a refusal", []heard{{2 * s, nil, Refused}}, Failed},
		{"no answer leaves it open", []heard{{2 * s, nil, NoAnswer}}, Open},
		{"a host that keeps the image before is no failure here", []heard{{2 * s, nil, Accepted}, {10 * time.Minute, inventory(10 * time.Minute), 0}}, Settled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New(Defaults())
			e := l.Add(Command{App: "shop", Action: Update, Component: "web", Host: "N1", Target: Target{ID: "M", Ref: "web:1"}, From: 2, To: 2, Update: "web:2", Instances: []string{"i1", "i2"}})
			l.Sent(e.ID, s)
			got := Open
			for _, h := range tc.heard {
				if h.ev == nil {
					if out, ok := l.Answer(e.ID, h.ack, "", h.at); ok {
						got = out.Verdict
					}
					continue
				}
				for _, out := range l.Observe(h.ev, h.at) {
					got = out.Verdict
				}
			}
			if got != tc.want {
				t.Errorf("verdict %d, want %d", got, tc.want)
			}
		})
	}
}
