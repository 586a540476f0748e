package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
)

func TestANudgeLooksAtEverythingUnlessItIsTheWishesOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		after  time.Duration // the wish was acted on
		failed bool
		want   bool
	}{
		"the event right behind the wish repeats what is being done": {after: 10 * time.Millisecond},
		"a push a second later": {after: time.Second, want: true},
		"the event right behind the wish, after something failed already": {after: 10 * time.Millisecond, failed: true, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(Config{})
			a := e.app("shop")
			a.wanted, a.began = &plan.Wanted{}, time.Hour
			e.now = a.began + tt.after
			if tt.failed {
				entry := e.ledger.Add(ledger.Command{App: "shop", Component: "web", Host: "N1", To: 1})
				e.ledger.Answer(entry.ID, ledger.Refused, "no", e.now)
			}
			e.nudged("shop")
			if a.dirt.all != tt.want || e.ledger.Blames("shop") {
				t.Errorf("all is looked at: %v, want %v; blamed: %v", a.dirt.all, tt.want, e.ledger.Blames("shop"))
			}
		})
	}
}
