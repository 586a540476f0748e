package engine

import "testing"

// What a command has brought about is stored once the application is quiet, though no command follows that would have to wait for it.
func TestTheRecordHoldsWhatWasBroughtAbout(t *testing.T) {
	l := newLab(t, "N1").begin(wish(Deploy, webOf("v1", 1)))
	l.statusIs("deployed")
	stored := l.saves[len(l.saves)-1].Run
	if len(stored.Lists) != 1 || len(stored.Intents) != 0 {
		t.Errorf("stored: lists %v, intents %v; want the list that is in force and no intent", stored.Lists, stored.Intents)
	}
	before := len(l.saves)
	l.wait(600 * sec)
	if n := len(l.saves) - before; n > 0 {
		t.Errorf("%d saves of what is stored already", n)
	}
}
