package ledger

import "github.com/wadm-go/wadm/lattice"

// ahead is what a stop by age has taught: how many of the oldest instances of a key on a host are not the application's, while so many others run there.
type ahead struct{ older, others int }

// passOver learns from a stop by age that has ended fewer than asked: of the oldest instances that it looked at, all that it left are somebody else's.
func (l *Ledger) passOver(e *Entry, inv *lattice.Inventory) {
	p := l.entries[e.ID].byID
	if p == nil {
		return
	}
	ours, others := 0, 0
	for i := range inv.Resources {
		r := &inv.Resources[i]
		if !names(e, r.Key, r.Ref) {
			continue
		}
		for _, g := range r.Groups {
			if g.Annotations[lattice.AppAnnotation] == e.App {
				ours += g.Count
			} else {
				others += g.Count
			}
		}
	}
	looked, ended := e.From-e.To+e.Ahead, max(0, e.From-ours)
	p.ahead = ahead{older: max(0, looked-ended), others: others}
}

// Ahead is how many instances of others a stop by age of the application's has to pass over on the host, as far as earlier ones have shown. It is forgotten when
// the number of the others has changed, for too high a count would end more than asked.
func (l *Ledger) Ahead(app string, host lattice.HostID, t Target, others int) int {
	byID, _ := slotsOf(app, host, &t)
	p := l.bySlot[byID]
	if p == nil || p.ahead.others != others {
		return 0
	}
	return min(p.ahead.older, others)
}
