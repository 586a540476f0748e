package whole

import (
	"context"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// broken is an owner's mind that fails on whatever it hears.
type broken struct{ node.Machine }

func (broken) Step(time.Duration, ...engine.Input) engine.Output { panic("a test") }

// TestAFailingLatticeHindersNoOther: while the owner of one lattice fails again and again, the other lattice of the same process is deployed,
// healed and cleared as ever, and the API answers for both.
func TestAFailingLatticeHindersNoOther(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 3)
		w.start(func(c *node.Config) {
			c.Lattices = []string{"default", "broken"}
			c.Machine = func(ec engine.Config) node.Machine {
				if ec.Lattice == "broken" {
					return broken{engine.New(ec)}
				}
				return engine.New(ec)
			}
		})
		deploy(t, newClient(t, w.nc, "broken"), shop(wasmbus.DialectV1, oldImage))
		deploy(t, w.client, shop(wasmbus.DialectV1, oldImage))
		w.untilStatus("shop", wadmapi.StatusDeployed, 30*time.Second)

		failures := w.log.Count("the owner failed")
		w.hosts.Do(func(c *sim.Cluster) {
			if err := c.Kill("host-1"); err != nil {
				t.Fatal(err)
			}
		})
		w.until("the lost host is made up for", 3*time.Minute, func() bool {
			components, providers := runs(w.hosts)
			return components[oldImage] == 6 && providers == 1
		})
		if _, err := w.client.Undeploy(context.Background(), "shop"); err != nil {
			t.Fatal(err)
		}
		w.untilStatus("shop", wadmapi.StatusUndeployed, 30*time.Second)
		w.wantRuns(map[string]int{}, 0)

		if n := w.log.Count("the owner failed") - failures; failures == 0 || n == 0 {
			t.Errorf("the broken owner failed %d times before and %d times meanwhile: nothing is shown", failures, n)
		}
		if _, err := newClient(t, w.nc, "broken").Versions(context.Background(), "shop"); err != nil {
			t.Errorf("the API for the broken lattice: %v", err)
		}
	})
}
