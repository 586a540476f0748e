package sim

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// Never is the time of a timer that is not set.
const Never = time.Duration(math.MaxInt64)

// Cluster is the hosts of one lattice and what they share. Times are durations since its birth. It is not safe for use by
// two goroutines at once: a driver owns it.
type Cluster struct {
	Registry Registry

	opts   Options
	rng    *rand.Rand
	now    time.Duration
	timers timerHeap
	seq    uint64
	hosts  []*host // in the order they were added, the dead too
	index  map[string]*host
	out    []Msg  // not handed over yet
	subs   uint64 // rises whenever a host begins or ceases to listen

	v1  v1Data
	otp otpData

	journal []Command

	onEvent func(*host, any) // for tests: each event at the moment when it is made
}

// Command is one command that a host took up: questions (pings, inventories, link.get, …) are not in the journal.
type Command struct {
	At   time.Duration
	Host string // id
	Verb string // "component.scale", "cmd.la", …: the operation as wasmbus names it
	Name string // of a config, "" otherwise
	Body []byte
}

// NewCluster makes an empty lattice.
func NewCluster(opts Options) *Cluster {
	opts = opts.filled()
	c := &Cluster{opts: opts, rng: rand.New(rand.NewPCG(opts.Seed, opts.Seed^0x5be0cd19137e2179))}
	for ref, img := range opts.Images {
		c.Registry.Put(ref, img)
	}
	c.index = map[string]*host{}
	c.v1 = newV1Data()
	c.otp = newOTPData()
	return c
}

// Lattice returns the id of the lattice.
func (c *Cluster) Lattice() string { return c.opts.Lattice }

// Now returns the time up to which the cluster has been run.
func (c *Cluster) Now() time.Duration { return c.now }

// Deliver runs the cluster up to now and hands it a message: to every host that listens on its subject, and of each queue
// group to one that the seed chooses. A subject without listeners is no error: see [Cluster.Responders]. The answer is
// what hosts published meanwhile, in order; most of what a request causes comes later, from [Cluster.Advance].
func (c *Cluster) Deliver(now time.Duration, m Msg) []Msg {
	c.run(now)
	for _, id := range c.Route(m.Subject) {
		c.accept(id, m)
	}
	return c.take()
}

// DeliverTo is [Cluster.Deliver] to one host, for a server that has already chosen among the listeners.
func (c *Cluster) DeliverTo(now time.Duration, hostID string, m Msg) []Msg {
	c.run(now)
	c.accept(hostID, m)
	return c.take()
}

// Advance runs the cluster up to now and returns what hosts published meanwhile. Messages of different times come in one
// list, so a driver that wants each at its time stops at every [Cluster.Next].
func (c *Cluster) Advance(now time.Duration) []Msg {
	c.run(now)
	return c.take()
}

// Next returns when something will happen by itself, [Never] if nothing will.
func (c *Cluster) Next() time.Duration {
	if len(c.out) > 0 {
		return c.now
	}
	if len(c.timers) == 0 {
		return Never
	}
	return max(c.timers[0].at, c.now)
}

// Subscription is what a host listens to; Queue is "" for a plain subscription.
type Subscription struct{ Subject, Queue string }

// Listening returns what each listening host subscribes, by host id. The number rises with every change.
func (c *Cluster) Listening() (map[string][]Subscription, uint64) {
	all := map[string][]Subscription{}
	for _, h := range c.hosts {
		if h.listening() {
			all[h.id] = h.subscriptions()
		}
	}
	return all, c.subs
}

// Responders reports whether any host listens on the subject: where not, a server answers a request with "no responders".
func (c *Cluster) Responders(subject string) bool {
	for _, h := range c.hosts {
		if h.listening() && slices.ContainsFunc(h.subscriptions(), func(s Subscription) bool { return matches(s.Subject, subject) }) {
			return true
		}
	}
	return false
}

// Route returns the ids of the hosts that get a message, once for each of their subscriptions that matches.
func (c *Cluster) Route(subject string) []string {
	if !strings.HasPrefix(subject, wasmbus.DefaultCtlPrefix) {
		return nil // most of the traffic: events and answers
	}
	var to []string
	var groups []Subscription
	members := map[Subscription][]string{}
	for _, h := range c.addressed(subject) {
		if !h.listening() {
			continue
		}
		for _, s := range h.subscriptions() {
			switch {
			case !matches(s.Subject, subject):
			case s.Queue == "":
				to = append(to, h.id)
			default:
				if members[s] == nil {
					groups = append(groups, s)
				}
				members[s] = append(members[s], h.id)
			}
		}
	}
	for _, g := range groups {
		to = append(to, members[g][c.rng.IntN(len(members[g]))])
	}
	return to
}

// addressed narrows the hosts that may listen on a subject: a subject that names a host is heard by nobody else.
func (c *Cluster) addressed(subject string) []*host {
	if strings.Contains(subject, ".config.") {
		return c.hosts // a config may be called anything
	}
	tokens := strings.Split(subject, ".")
	for _, token := range tokens[max(0, len(tokens)-2):] { // …host.get.{host}, …cmd.{host}.la
		if h := c.index[token]; h != nil {
			return []*host{h}
		}
	}
	return c.hosts
}

// accept hands a message to one host, after its handling latency.
func (c *Cluster) accept(hostID string, m Msg) {
	h := c.byID(hostID)
	if h == nil || !h.listening() || h.cut == cutSilent {
		return
	}
	h.after(c.opts.Timing.Handle, func() { h.handle(m) })
}

func (c *Cluster) run(now time.Duration) {
	for len(c.timers) > 0 && c.timers[0].at <= now {
		t := heap.Pop(&c.timers).(timer)
		c.now = max(c.now, t.at)
		if t.host == nil || t.host.life == t.life {
			t.run()
		}
	}
	c.now = max(c.now, now)
}

func (c *Cluster) take() []Msg {
	out := c.out
	c.out = nil
	return out
}

func (c *Cluster) schedule(at time.Duration, h *host, run func()) {
	t := timer{at: at, seq: c.seq, host: h, run: run}
	if h != nil {
		t.life = h.life
	}
	c.seq++
	heap.Push(&c.timers, t)
}

func (c *Cluster) record(h *host, verb, name string, body []byte) {
	c.journal = append(c.journal, Command{At: c.now, Host: h.id, Verb: verb, Name: name, Body: slices.Clone(body)})
}

// Journal returns every command that hosts took up so far, in order. The slice is the cluster's own: do not change it.
func (c *Cluster) Journal() []Command { return c.journal }

func (c *Cluster) byID(id string) *host { return c.index[id] }

// find returns a host by its id, its friendly name or its label "name", one that lives before one that does not.
func (c *Cluster) find(key string) (*host, error) {
	var found *host
	for _, h := range c.hosts {
		if h.id != key && h.name != key && h.spec.Labels["name"] != key {
			continue
		}
		if found == nil || h.alive && !found.alive {
			found = h
		}
	}
	if found == nil {
		return nil, fmt.Errorf("finding host %q: no host has this id or name", key)
	}
	return found, nil
}

// AddHost starts a host and returns its id.
func (c *Cluster) AddHost(spec HostSpec) string {
	if spec.Dialect == 0 {
		spec.Dialect = c.opts.Dialect
	}
	if spec.Version == "" && spec.Dialect == c.opts.Dialect {
		spec.Version = c.opts.Version
	}
	if spec.Version == "" {
		spec.Version = defaultVersion(spec.Dialect)
	}
	if spec.ID == "" {
		spec.ID = publicKey(keyHost, fmt.Sprintf("host %d of seed %d", len(c.hosts), c.opts.Seed))
	}
	if spec.Slow <= 0 {
		spec.Slow = 1
	}
	if spec.Builtins == nil {
		spec.Builtins = []string{"http-server", "http-client", "messaging-nats"}
	}
	h := &host{c: c, id: spec.ID, spec: spec, version: ParseVersion(spec.Version), slow: spec.Slow}
	h.sw = RealSwitches(spec.Dialect, h.version)
	if spec.Switches != nil {
		h.sw = *spec.Switches
	}
	h.t = c.opts.Timing
	c.hosts = append(c.hosts, h)
	c.index[h.id] = h
	h.boot()
	return h.id
}

// HostInfo names a host for people and drivers.
type HostInfo struct {
	ID, Name string
	Dialect  wasmbus.Dialect
	Alive    bool
	Labels   map[string]string
}

// Hosts lists all hosts, the dead too, in the order they were added.
func (c *Cluster) Hosts() []HostInfo {
	var all []HostInfo
	for _, h := range c.hosts {
		all = append(all, HostInfo{ID: h.id, Name: h.name, Dialect: h.spec.Dialect, Alive: h.alive, Labels: h.allLabels()})
	}
	return all
}

type timer struct {
	at   time.Duration
	seq  uint64 // equal times run in the order they were set
	host *host
	life int
	run  func()
}

type timerHeap []timer

func (t timerHeap) Len() int { return len(t) }
func (t timerHeap) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].seq < t[j].seq
}
func (t timerHeap) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timerHeap) Push(x any)   { *t = append(*t, x.(timer)) }
func (t *timerHeap) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*t = old[:len(old)-1]
	return last
}
