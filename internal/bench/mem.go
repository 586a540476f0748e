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

// memory is what the whole crowd costs an owner: its 100 applications and its hosts, which come in as heartbeats off the wire. The floor is the
// same pairs as numbers in one list, beside the names.
func memory(pairs int) ([]*row, error) {
	c, err := newCrowd(usualMix)
	if err != nil {
		return nil, err
	}
	r := &row{Name: "mem", What: "heap growth", Unit: "MB",
		Work: "100,000 (component, host) pairs: 10,000 component ids on 10 hosts each, of 100 deployed applications; everything that feed and engine keep, after a collection; floor: three numbers per pair and the names"}
	for range pairs {
		value, err := grown(func() (any, error) { return owner(c) })
		if err != nil {
			return nil, err
		}
		floor, err := grown(func() (any, error) { return plainPairs(c), nil })
		if err != nil {
			return nil, err
		}
		r.Pairs = append(r.Pairs, pair{value / 1e6, floor / 1e6})
	}
	r.sum(below(25, "MB"))
	r.Notes = append(r.Notes, fmt.Sprintf("%.0f bytes a pair", r.Value*1e6/crowdPairs))
	return []*row{r}, nil
}

func grown(f func() (any, error)) (float64, error) {
	before := heap()
	kept, err := f()
	if err != nil {
		return 0, err
	}
	after := heap()
	runtime.KeepAlive(kept)
	return float64(after) - float64(before), nil
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
	feed    *feed.Feed
	machine *engine.Engine
}

// owner takes in the applications, then one heartbeat of each host.
func owner(c *crowd) (*owned, error) {
	d := newDriver(c, crowdHosts)
	var now time.Duration
	f := feed.New(feed.Config{Lattice: "default", Now: func() time.Duration { return now }})
	hear := f.Ear(lattice.V1, [16]byte{1})
	var wishes []engine.Input
	for _, w := range c.wishes {
		w.Manifest = slices.Clone(w.Manifest) // it would come out of a store
		wishes = append(wishes, engine.WishSeen{Wish: w})
	}
	out := d.step(engine.Connected{})
	d.step(append(wishes, engine.SnapshotEnd{})...)
	subject := wasmbus.V1EventSubject("default", "host_heartbeat")
	for host := range crowdHosts {
		data, err := c.beat(host, 1000)
		if err != nil {
			return nil, err
		}
		now = d.now
		hear(subject, data)
		if asked := d.step(engine.Observed{Events: f.Take().Events}); len(asked.Ask) > 0 {
			d.drive(d.answers(asked)...)
		}
	}
	d.drive(d.answers(out)...)
	if n := d.deployed(); n != crowdApps || len(d.sent) > 0 {
		return nil, fmt.Errorf("mem: %d of %d applications deployed, %d commands sent", n, crowdApps, len(d.sent))
	}
	return &owned{f, d.machine}, nil
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
