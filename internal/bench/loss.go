package main

import (
	"fmt"
	"math"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/lattice"
)

// hostLoss is the loss of one host of the crowd: from the event to the commands that replace what it carried. The floor is a plain scan of the
// other hosts for each component that it carried: the least loaded one that does not run it and has the labels.
func hostLoss(pairs int) ([]*row, error) {
	r, err := lossOf(usualMix, pairs)
	if err != nil {
		return nil, err
	}
	r.Work = "one of 1,000 hosts x 100 components goes, with 10 components of each of 10 applications, each of which lies on 100 hosts; engine.Step from the event to its 100 commands, the store's time left out; floor: 100 scans of 999 hosts, by labels, own instances, load, id"
	for _, mix := range []int{1, crowdApps} {
		other, err := lossOf(mix, pairs)
		if err != nil {
			return nil, err
		}
		r.Notes = append(r.Notes, fmt.Sprintf("with components of %d application(s) on each host, each on %d hosts: %s ms, %.2f x floor", mix, mix*crowdInstances, number(other.Value), other.Ratio))
	}
	return []*row{r}, nil
}

func lossOf(mix, pairs int) (*row, error) {
	r := &row{Name: "hostloss", What: "planning", Unit: "ms"}
	c, err := newCrowd(mix)
	if err != nil {
		return nil, err
	}
	d := newDriver(c, crowdHosts)
	d.settle()
	if n := d.deployed(); n != crowdApps || len(d.sent) != 0 {
		return nil, fmt.Errorf("hostloss: %d of %d applications deployed, %d commands sent before anything happened", n, crowdApps, len(d.sent))
	}
	rest := newScan(c)
	for turn := range pairs + 1 {
		lost := crowdHosts - 1 - turn // the last ones: what is replaced goes to the first ones, which stay what they are
		carried := c.runs[lost]
		value, err := d.lose(lost)
		if err != nil {
			return nil, err
		}
		floor := rest.without(carried, lost)
		if turn > 0 { // the first one warms up
			r.Pairs = append(r.Pairs, pair{value.Seconds() * 1000, floor.Seconds() * 1000})
		}
	}
	r.sum(atMost(2))
	return r, nil
}

// lose ends a host and lets what replaces it come up.
func (d *driver) lose(host int) (time.Duration, error) {
	carried := len(d.crowd.runs[host])
	d.sent, d.spent = nil, 0
	out := d.step(engine.Observed{Events: []lattice.Event{lattice.HostStopped{Host: lattice.HostID(hostID(host))}}})
	ins := d.answers(out)
	for len(d.sent) < carried && len(ins) > 0 {
		ins = d.answers(d.step(ins...))
	}
	spent := d.spent
	if len(d.sent) != carried {
		return 0, fmt.Errorf("hostloss: %d commands for a host that carried %d", len(d.sent), carried)
	}
	d.drive(ins...)
	var came []lattice.Event
	for i := range d.sent {
		cmd := &d.sent[i]
		d.machine.MaySend(cmd, d.now)
		at := d.index[string(cmd.Host)]
		d.crowd.runs[at] = append(d.crowd.runs[at], piece{cmd.Target.ID, cmd.Target.Ref, cmd.Annotations})
		came = append(came, lattice.Scaled{Host: cmd.Host, Key: lattice.Key{ID: cmd.Target.ID}, Ref: cmd.Target.Ref, Annotations: cmd.Annotations, Count: cmd.To})
	}
	d.drive(engine.Observed{Events: came})
	d.crowd.runs[host] = nil
	if n := d.deployed(); n != crowdApps {
		return 0, fmt.Errorf("hostloss: %d of %d applications deployed after the replacement", n, crowdApps)
	}
	return spent, nil
}

// scan is the floor: hosts as a flat list.
type scan struct {
	hosts []scanned
	at    map[string][]int // component → hosts that run it
	need  map[string]string
	found int // so that no compiler leaves the work out
}

type scanned struct {
	id        string
	labels    map[string]string
	own, load int
}

func newScan(c *crowd) *scan {
	s := &scan{at: map[string][]int{}, need: map[string]string{}}
	for i := range crowdHosts {
		s.hosts = append(s.hosts, scanned{id: hostID(i), labels: labels(i), load: len(c.runs[i])})
		for _, p := range c.runs[i] {
			s.at[p.id] = append(s.at[p.id], i)
		}
	}
	return s
}

// without finds another host for everything that one host carried.
func (s *scan) without(carried []piece, lost int) time.Duration {
	began := time.Now()
	for _, p := range carried {
		for _, i := range s.at[p.id] {
			s.hosts[i].own++
		}
		s.hosts[lost].own = math.MaxInt
		best := s.least()
		s.hosts[best].load++
		s.found += best
		for _, i := range s.at[p.id] {
			s.hosts[i].own = 0
		}
	}
	return time.Since(began)
}

func (s *scan) least() int {
	best := -1
	for i := range s.hosts {
		h := &s.hosts[i]
		if !fits(h.labels, s.need) {
			continue
		}
		if best < 0 || before(h, &s.hosts[best]) {
			best = i
		}
	}
	return best
}

func fits(have, need map[string]string) bool {
	for k, v := range need {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func before(a, b *scanned) bool {
	switch {
	case a.own != b.own:
		return a.own < b.own
	case a.load != b.load:
		return a.load < b.load
	}
	return a.id < b.id
}
