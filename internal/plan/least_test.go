package plan

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// crowd is a job over random hosts: some run the component, some other things, some are silent, and some owe or failed a start.
func crowd(t *rapid.T) *job {
	state, led := lattice.New(), ledger.New(ledger.Defaults())
	silent := map[lattice.HostID]bool{}
	j := &job{r: &Resource{Name: "web", Kind: lattice.Kind(rapid.IntRange(0, 1).Draw(t, "kind"))}, key: lattice.Key{ID: "shop-web"}}
	j.key.Kind = j.r.Kind
	for i := range rapid.IntRange(0, 12).Draw(t, "hosts") {
		id := lattice.HostID(fmt.Sprintf("N%02d", i))
		inv := lattice.Inventory{Host: id, Dialect: lattice.V1, Labels: map[string]string{"zone": fmt.Sprint(i % 2)}}
		for _, what := range []lattice.Key{j.key, {ID: "other"}} {
			if n := rapid.IntRange(0, 2).Draw(t, "runs"); n > 0 {
				inv.Resources = append(inv.Resources, lattice.Resource{Key: what, Ref: "r:1",
					Groups: []lattice.Group{{Count: n, Annotations: lattice.Annotations{lattice.AppAnnotation: "shop"}}}})
			}
		}
		state.Apply(inv, 0)
		silent[id] = rapid.IntRange(0, 4).Draw(t, "silent") == 0
		if n := rapid.IntRange(0, 2).Draw(t, "under way"); n > 0 {
			led.Add(ledger.Command{App: "blog", Component: "x", Host: id, To: n})
		}
		if rapid.IntRange(0, 4).Draw(t, "failed") == 0 {
			led.Add(ledger.Command{App: "shop", Component: "web", Host: id, To: 1})
			led.Answer(led.All()[led.Len()-1].ID, ledger.Refused, "no", time.Duration(i)*time.Millisecond)
		}
	}
	j.pass = &pass{Input: &Input{App: "shop", View: View{State: state, Ledger: led, Now: time.Duration(rapid.IntRange(0, 1500).Draw(t, "now")) * time.Millisecond,
		Belief: Belief{MayStart: true, Silent: func(id lattice.HostID) bool { return silent[id] }}}}, extra: map[lattice.HostID]int{}}
	j.collect()
	return j
}

func TestLawTheLeastCandidateComesBeforeAllOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := crowd(t)
		need := map[string]string{}
		if rapid.Bool().Draw(t, "picky") {
			need["zone"] = "1"
		}
		for range 3 { // what is placed counts for the next one
			got, found := j.least(need)
			all := j.candidates(func(h *lattice.Host) bool { return h.Fits(need) })
			if found != (len(all) > 0) {
				t.Fatalf("found: %v, of %d candidates", found, len(all))
			}
			for _, c := range all {
				if c.before(got) {
					t.Fatalf("%+v was found, but %+v comes before it", got, c)
				}
			}
			if !found {
				return
			}
			j.extra[got.host.ID]++
		}
	})
}
