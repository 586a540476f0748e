package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/feed"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// memory is what the pairs cost an owner: its applications are known and wait, then its hosts come in as heartbeats off the wire, and all is
// deployed. The floor is the same pairs as numbers in one list, beside the names.
func memory(pairs int) ([]*row, error) {
	c, err := newCrowd(usualMix)
	if err != nil {
		return nil, err
	}
	r := &row{Name: "mem", What: "heap growth", Unit: "MB",
		Work: "100,000 (component, host) pairs: 10,000 component ids on 10 hosts each, all of deployed applications; what feed and engine keep more than before the first heartbeat, after a collection; floor: three numbers per pair and the names"}
	var whole float64
	for range pairs {
		before := heap()
		o, err := waiting(c)
		if err != nil {
			return nil, err
		}
		known := heap()
		if err := o.hear(c); err != nil {
			return nil, err
		}
		after := heap()
		runtime.KeepAlive(o)
		whole = float64(after - before)
		o = nil
		floor := heap()
		kept := plainPairs(c)
		r.Pairs = append(r.Pairs, pair{float64(after-known) / 1e6, float64(heap()-floor) / 1e6})
		runtime.KeepAlive(kept)
	}
	r.sum(below(25, "MB"))
	r.Notes = append(r.Notes, fmt.Sprintf("%.0f bytes a pair; with the 100 applications themselves (10,000 components in 100 manifests) %s MB", r.Value*1e6/crowdPairs, number(whole/1e6)))
	return []*row{r}, nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// owned is all that an owner of the crowd keeps.
type owned struct {
	d    *driver
	feed *feed.Feed
	ear  func(subject string, data []byte)
	now  time.Duration
	ping engine.Output // not answered yet: until then nothing is placed
}

// waiting is an owner that knows its applications and no host.
func waiting(c *crowd) (*owned, error) {
	o := &owned{d: newDriver(c, 0)}
	o.feed = feed.New(feed.Config{Lattice: "default", Now: func() time.Duration { return o.now }})
	o.ear = o.feed.Ear(lattice.V1, [16]byte{1})
	o.ping = o.d.step(engine.Connected{})
	var ins []engine.Input
	for _, w := range c.wishes {
		w.Manifest = slices.Clone(w.Manifest) // it would come out of a store
		ins = append(ins, engine.WishSeen{Wish: w})
	}
	o.d.drive(append(ins, engine.SnapshotEnd{})...)
	if n := len(o.d.machine.View().Apps); n != crowdApps {
		return nil, fmt.Errorf("mem: %d of %d applications are known", n, crowdApps)
	}
	return o, nil
}

// hear takes in one heartbeat of each host.
func (o *owned) hear(c *crowd) error {
	for i := range crowdHosts {
		o.d.index[hostID(i)] = i
	}
	o.d.hosts = crowdHosts
	subject := wasmbus.V1EventSubject("default", "host_heartbeat")
	for host := range crowdHosts {
		data, err := c.beat(host, 1000)
		if err != nil {
			return err
		}
		o.now = o.d.now
		o.ear(subject, data)
		o.d.drive(engine.Observed{Events: o.feed.Take().Events})
	}
	o.d.drive(o.d.answers(o.ping)...)
	if n := o.d.deployed(); n != crowdApps || len(o.d.sent) > 0 {
		return fmt.Errorf("mem: %d of %d applications deployed, %d commands sent", n, crowdApps, len(o.d.sent))
	}
	o.d.index, o.d.status, o.ping = nil, nil, engine.Output{} // of the driver, not of an owner
	return nil
}

// plainPairs is the least that could be kept.
func plainPairs(c *crowd) any {
	type one struct{ component, host, count int32 }
	kept := struct {
		names []string
		pairs []one
	}{}
	known := map[string]int32{}
	name := func(s string) int32 {
		at, ok := known[s]
		if !ok {
			at = int32(len(kept.names))
			known[s] = at
			kept.names = append(kept.names, string([]byte(s)))
		}
		return at
	}
	kept.pairs = make([]one, 0, crowdPairs)
	for host := range crowdHosts {
		h := name(hostID(host))
		for _, p := range c.runs[host] {
			kept.pairs = append(kept.pairs, one{name(p.id), h, 1})
		}
	}
	return kept
}
