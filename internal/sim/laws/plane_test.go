package laws

import (
	"fmt"
	"time"

	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/sim/plane"
)

func newPlane(seed uint64) *plane.Plane {
	p := plane.New(plane.Options{
		Cluster: sim.Options{Timing: sim.FastTiming(), Seed: seed},
		Bus:     sim.BusOptions{Seed: seed, Delay: time.Millisecond, Jitter: 30 * time.Millisecond},
	})
	for i := range 3 {
		p.Cluster.AddHost(sim.HostSpec{Name: fmt.Sprintf("h%d", i)})
	}
	return p
}
