// Package plane runs the whole control plane of one lattice on a simulated bus, single-threaded and in virtual time: the real feed, control and
// engine, with a store that is a map. The same seed gives the same run, byte for byte.
//
// It knows how an owner is wired (package node does the same against real servers) and keeps a journal for the judges: scenario transcripts
// and laws. It never decides anything itself. Only tests and package cmd use it.
package plane

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/wadm-go/wadm/internal/control"
	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/feed"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// Options make a plane.
type Options struct {
	Cluster  sim.Options
	Bus      sim.BusOptions
	Dialect  lattice.Dialect // what the owner is told; Auto: it finds out
	Settings engine.Settings // zero = Defaults
	SaveWait time.Duration   // how long a save takes
}

// Sent is a command at the moment when it went out.
type Sent struct {
	At      time.Duration
	Epoch   uint64
	Command ledger.Command
}

// Plane is one lattice with its hosts, its store and its owner.
type Plane struct {
	Bus     *sim.Bus
	Cluster *sim.Cluster
	Engine  *engine.Engine // of the present owner; nil while there is none
	Sent    []Sent
	Notices []engine.Notice
	Status  map[string]wadmapi.Status // last told
	Told    []string                  // every status told, one line each
	OnSend  func(Sent)                // called at each sending, before the command reaches the bus
	OnTell  func(engine.StatusChange) // called when a status is told, the engine being as it was when it said so

	opts    Options
	last    time.Duration
	epoch   uint64
	stores  stores
	owner   *owner
	serial  int
	crashed bool // and nobody is to follow by itself
	Saves   int  // run records written
	Asked   int  // questions
}

type stores struct {
	models map[string]engine.ModelSeen
	wishes map[string]engine.Wish
	runs   map[string]engine.RunLoaded
	seq    uint64
}

type owner struct {
	p       *Plane
	eng     *engine.Engine
	feed    *feed.Feed
	control *control.Client
	inputs  []engine.Input
	cancel  []func()
	woken   time.Duration
	gone    bool
	pumping bool

	expiring time.Duration // when control is asked next for what has waited too long; < 0 = not set
}

// New makes a plane without hosts and without an owner.
func New(opts Options) *Plane {
	if opts.Bus.Delay == 0 {
		opts.Bus.Delay = time.Millisecond
	}
	if opts.SaveWait == 0 {
		opts.SaveWait = time.Millisecond
	}
	p := &Plane{
		Bus: sim.NewBus(opts.Bus), Cluster: sim.NewCluster(opts.Cluster), opts: opts, Status: map[string]wadmapi.Status{},
		stores: stores{models: map[string]engine.ModelSeen{}, wishes: map[string]engine.Wish{}, runs: map[string]engine.RunLoaded{}},
	}
	p.Bus.Attach(p.Cluster)
	return p
}

// now is the owner's monotonic clock: it grows with each reading, so that any two things can be put in order.
func (p *Plane) now() time.Duration {
	p.last = max(p.Bus.Now(), p.last+1)
	return p.last
}

// Start makes a new owner, which takes up what an earlier one left in the store.
func (p *Plane) Start() {
	p.epoch++
	o := &owner{p: p, woken: lattice.Never, expiring: -1}
	o.eng = engine.New(engine.Config{Lattice: p.Cluster.Lattice(), Dialect: p.opts.Dialect, Epoch: p.epoch, Settings: p.opts.Settings})
	p.Engine, p.owner = o.eng, o
	name := p.Cluster.Lattice()
	o.feed = feed.New(feed.Config{Lattice: name, Dialect: p.opts.Dialect, Now: p.now})
	v1, otp := o.feed.Ear(lattice.V1, [16]byte{1}), o.feed.Ear(lattice.OTP, [16]byte{2})
	o.listen(wasmbus.V1Events(name), func(m sim.Msg) { v1(m.Subject, m.Data) })
	o.listen(wasmbus.OTPEventSubject(name), func(m sim.Msg) { otp(m.Subject, m.Data) })
	o.listen("*."+wasmbus.OTPEventSubject(name), func(m sim.Msg) { otp(m.Subject, m.Data) })
	inbox := "_INBOX.owner" + strconv.FormatUint(p.epoch, 10) + "."
	o.control = control.NewOn(o, inbox, control.Config{Lattice: name, Dialect: p.opts.Dialect, Now: p.now}, o.push)
	o.listen(inbox+"*", func(m sim.Msg) { o.control.Receive(m.Subject, m.Data, m.NoResponders()) })
	for _, app := range sortedKeys(p.stores.runs) {
		o.push(p.stores.runs[app])
	}
	for _, app := range sortedKeys(p.stores.models) {
		o.push(p.stores.models[app])
	}
	for _, app := range sortedKeys(p.stores.wishes) {
		o.push(engine.WishSeen{Wish: p.stores.wishes[app]})
	}
	o.push(engine.SnapshotEnd{})
	o.push(engine.Connected{})
	o.pump()
}

func sortedKeys[T any](m map[string]T) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Crash ends the owner as kill -9 would: nothing is handed over.
func (p *Plane) Crash() {
	p.crashed = true
	if p.owner == nil {
		return
	}
	p.owner.gone = true
	for _, cancel := range p.owner.cancel {
		cancel()
	}
	p.owner, p.Engine = nil, nil
}

func (o *owner) listen(pattern string, fn func(sim.Msg)) {
	o.cancel = append(o.cancel, o.p.Bus.Subscribe(pattern, func(m sim.Msg) {
		if !o.gone {
			fn(m)
			o.pump()
		}
	}))
}

// PublishRequest implements control.Bus.
func (o *owner) PublishRequest(subject, reply string, data []byte) error {
	o.p.Bus.Publish(sim.Msg{Subject: subject, Reply: reply, Data: data})
	return nil
}

func (o *owner) push(in engine.Input) { o.inputs = append(o.inputs, in) }

// pump hands everything that waits to the engine, in one step, and carries out what it says.
func (o *owner) pump() {
	if o.pumping || o.gone {
		return
	}
	o.pumping = true
	defer func() { o.pumping = false }()
	for {
		batch := o.feed.Take()
		if batch.Resync {
			o.push(engine.Connected{})
		}
		if len(batch.Events) > 0 {
			o.control.Heard(batch.Events)
			o.push(engine.Observed{Events: batch.Events})
		}
		if len(o.inputs) == 0 {
			return
		}
		ins := o.inputs
		o.inputs = nil
		for _, in := range ins {
			o.note(in)
		}
		o.carryOut(o.eng.Step(o.p.now(), ins...))
		if o.eng.Lost() {
			o.p.again()
			return
		}
	}
}

// again replaces an owner that met a record of somebody else's, for instance what one that was killed had under way.
func (p *Plane) again() {
	p.Crash()
	epoch := p.epoch
	p.Bus.At(p.Bus.Now()+time.Second, func() {
		if p.epoch == epoch && p.owner == nil && !p.crashed {
			p.Start()
		}
	})
	p.crashed = false
}

// note tells feed and control what answers have taught.
func (o *owner) note(in engine.Input) {
	var events []lattice.Event
	switch in := in.(type) {
	case engine.Learned:
		events = in.Events
	case engine.Observed:
		events = in.Events
	}
	o.control.Heard(events)
	if _, ok := in.(engine.Learned); ok {
		for _, ev := range events {
			if inv, ok := ev.(lattice.Inventory); ok {
				o.feed.Touch(inv.Host)
			}
		}
	}
}

func (o *owner) carryOut(out engine.Output) {
	p := o.p
	for _, s := range out.Save {
		p.save(o, s)
	}
	if len(out.Send) > 0 {
		for i := range out.Send {
			o.feed.Touch(out.Send[i].Host)
		}
		o.control.Queue(out.Send)
	}
	o.control.Flush(func(c *ledger.Command) bool {
		at := p.now()
		if !o.eng.MaySend(c, at) {
			return false
		}
		s := Sent{At: at, Epoch: p.epoch, Command: *c}
		p.Sent = append(p.Sent, s)
		if p.OnSend != nil {
			p.OnSend(s)
		}
		return true
	})
	if len(out.Ask) > 0 {
		p.Asked += len(out.Ask)
		o.control.Ask(out.Ask)
	}
	for _, t := range out.Tell {
		if p.OnTell != nil {
			p.OnTell(t)
		}
		p.Status[t.App] = t.Status
		p.Told = append(p.Told, fmt.Sprintf("%s %s %s: %s", t.App, t.Status.Version, t.Status.Status.Type, t.Status.Status.Message))
	}
	p.Notices = append(p.Notices, out.Notice...)
	o.sleep(out.Wake)
	o.expire()
}

// expire ends what has waited for too long, and comes again when the next thing will have. A wait may be shortened or put off meanwhile.
func (o *owner) expire() {
	at := o.control.Expire()
	if at < 0 || o.expiring > o.p.Bus.Now() && o.expiring <= at {
		return
	}
	o.expiring = at
	o.wakeAt(at, func() {
		if o.expiring == at {
			o.expiring = -1
			o.expire()
		}
	})
}

// sleep has the machine step again at a time, and at no time that it asked for before.
func (o *owner) sleep(until time.Duration) {
	if o.woken == until {
		return
	}
	o.woken = until
	o.wakeAt(until, func() {
		if o.woken == until {
			o.woken = lattice.Never
			o.push(engine.Tick{})
		}
	})
}

// wakeAt lets the owner go on when the bus has come to a time.
func (o *owner) wakeAt(at time.Duration, then func()) {
	if at < 0 {
		return
	}
	o.p.Bus.At(at, func() {
		if !o.gone {
			then()
			o.pump()
		}
	})
}

// save is the store: compare-and-set, a moment later.
func (p *Plane) save(o *owner, s engine.Save) {
	p.Bus.At(p.Bus.Now()+p.opts.SaveWait, func() {
		have := p.stores.runs[s.App].Revision
		in := engine.Saved{ID: s.ID}
		if have != s.Expect {
			in.Lost, in.Err = true, "conflict"
		} else {
			p.Saves++
			p.stores.seq++
			in.Revision = p.stores.seq
			p.stores.runs[s.App] = engine.RunLoaded{Run: s.Run, Revision: in.Revision}
		}
		if !o.gone {
			o.push(in)
			o.pump()
		}
	})
}

func (p *Plane) tell(ins ...engine.Input) {
	if p.owner != nil {
		for _, in := range ins {
			p.owner.push(in)
		}
		p.owner.pump()
	}
}

// Deploy does what the API does: the wish first, then the model record.
func (p *Plane) Deploy(m *oam.Manifest) {
	name := m.Metadata.Name
	before := p.stores.models[name]
	p.serial++
	w := engine.Wish{ID: "wish-" + strconv.Itoa(p.serial), App: name, Operation: engine.Deploy, Version: m.Version(), Manifest: oam.Canonical(m), BasedOn: before.Revision}
	p.stores.seq++
	seen := engine.ModelSeen{App: name, Revision: p.stores.seq, Deployed: m.Version(), Manifest: m}
	p.stores.wishes[name], p.stores.models[name] = w, seen
	p.tell(engine.WishSeen{Wish: w}, seen, engine.Nudged{App: name})
}

// Undeploy and Delete likewise.
func (p *Plane) Undeploy(name string) { p.withdraw(name, engine.Undeploy, false) }

// Delete see Undeploy.
func (p *Plane) Delete(name string) { p.withdraw(name, engine.Delete, false) }

// Release undeploys, or deletes, and lets go of what runs.
func (p *Plane) Release(name string, op engine.Operation) { p.withdraw(name, op, true) }

func (p *Plane) withdraw(name string, op engine.Operation, release bool) {
	before := p.stores.models[name]
	p.serial++
	w := engine.Wish{ID: "wish-" + strconv.Itoa(p.serial), App: name, Operation: op, BasedOn: before.Revision, Release: release}
	if before.Manifest != nil {
		w.Manifest = oam.Canonical(before.Manifest)
	}
	p.stores.seq++
	seen := engine.ModelSeen{App: name, Revision: p.stores.seq, Gone: op == engine.Delete}
	p.stores.wishes[name], p.stores.models[name] = w, seen
	p.tell(engine.WishSeen{Wish: w}, seen)
}

// Adopt puts a model record into the store as an older program would have left it: deployed, without a wish.
func (p *Plane) Adopt(m *oam.Manifest) {
	p.stores.seq++
	seen := engine.ModelSeen{App: m.Metadata.Name, Revision: p.stores.seq, Deployed: m.Version(), Manifest: m}
	p.stores.models[m.Metadata.Name] = seen
	p.tell(seen)
}

// Forget drops every wish and run record: what remains is what an older program knows. There must be no owner.
func (p *Plane) Forget() {
	clear(p.stores.wishes)
	clear(p.stores.runs)
}

// Withdraw makes the model records such as a program leaves that does not store what is deployed: nothing is. There must be no owner.
func (p *Plane) Withdraw() {
	for name, m := range p.stores.models {
		m.Deployed, m.Manifest = "", nil
		p.stores.models[name] = m
	}
}

// Run lets so much virtual time pass.
func (p *Plane) Run(d time.Duration) { p.Bus.RunUntil(p.Bus.Now() + d) }
