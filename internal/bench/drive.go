package main

import (
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// driver runs an engine without a process around it: every save succeeds, every question is answered, and the time is made up.
type driver struct {
	machine *engine.Engine
	crowd   *crowd
	hosts   int
	index   map[string]int // host id → number
	now     time.Duration
	saves   int
	asked   int
	sent    []ledger.Command
	status  map[string]string // application → type of its last status
	spent   time.Duration     // in the machine
}

func newDriver(c *crowd, hosts int) *driver {
	d := &driver{machine: engine.New(engine.Config{Lattice: "default", Epoch: 1}), crowd: c, hosts: hosts, index: map[string]int{}, status: map[string]string{}}
	for i := range hosts {
		d.index[hostID(i)] = i
	}
	return d
}

// settle brings the engine to rest over the whole crowd.
func (d *driver) settle() {
	ins := []engine.Input{engine.Connected{}}
	for _, w := range d.crowd.wishes {
		ins = append(ins, engine.WishSeen{Wish: w})
	}
	d.drive(append(ins, engine.SnapshotEnd{})...)
	// The applications ran before they were deployed here, so what is missing counts after a heartbeat period and its grace; and every host beats in it.
	d.now += 30 * time.Second
	d.drive(engine.Observed{Events: d.beats()})
	d.now += 6 * time.Second
	d.drive(engine.Tick{})
}

// drive steps until nothing is to be answered any more.
func (d *driver) drive(ins ...engine.Input) {
	for len(ins) > 0 {
		ins = d.answers(d.step(ins...))
	}
}

func (d *driver) step(ins ...engine.Input) engine.Output {
	d.now += time.Microsecond // no two steps at one time
	began := time.Now()
	out := d.machine.Step(d.now, ins...)
	d.spent += time.Since(began)
	d.sent = append(d.sent, out.Send...)
	for _, s := range out.Tell {
		d.status[s.App] = string(s.Status.Status.Type)
	}
	return out
}

// beats are one sign of life of each host.
func (d *driver) beats() []lattice.Event {
	var seen []lattice.Event
	for i := range d.hosts {
		seen = append(seen, lattice.HostSeen{Host: lattice.HostID(hostID(i)), Dialect: lattice.V1, Can: lattice.Can{Beat: true, Update: true}, Uptime: 1000 + uint64(d.now/time.Second)})
	}
	return seen
}

// answers are what a store and the hosts have to say to an output. Commands are left without an answer.
func (d *driver) answers(out engine.Output) []engine.Input {
	var ins []engine.Input
	for _, s := range out.Save {
		d.saves++
		ins = append(ins, engine.Saved{ID: s.ID, Revision: s.Expect + 1})
	}
	for _, q := range out.Ask {
		d.asked++
		asked := d.now
		d.now += time.Nanosecond
		learned := engine.Learned{ID: q.ID, Asked: asked}
		switch q.Topic {
		case engine.AskHosts:
			ins = append(ins, engine.Observed{Events: d.beats()})
		case engine.AskInventory:
			learned.Events = []lattice.Event{d.crowd.inventory(d.index[string(q.Host)], asked)}
		case engine.AskLinks:
			learned.Events = []lattice.Event{lattice.Links{Asked: asked}}
		}
		ins = append(ins, learned)
	}
	return ins
}

// deployed counts the applications that are said to be deployed.
func (d *driver) deployed() int {
	n := 0
	for _, s := range d.status {
		if s == "deployed" {
			n++
		}
	}
	return n
}
