package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// inboxSize is how many messages may wait for the simulated hosts. Past it the client drops, as for any slow consumer.
const inboxSize = 1 << 16

// roundTripWithin bounds the wait for the server at the start and at the end.
const roundTripWithin = 5 * time.Second

// Hosts runs the hosts of a cluster on a NATS server, in real time (or in that of a synctest bubble). Each host has its
// own subscriptions, so queue groups, several answers to a ping and "no responders" are the server's own doing.
//
// It also answers wadm.sim.{lattice}.{kill|stop|slow|return}.{host}: see [ControlSubject].
type Hosts struct {
	nc      *nats.Conn
	cluster *Cluster
	born    time.Time
	in      chan *nats.Msg
	calls   chan func(*Cluster)
	quit    chan struct{}
	done    chan struct{}

	// Of the loop alone.
	subs    map[string][]*nats.Subscription // by host
	owner   map[*nats.Subscription]string
	control *nats.Subscription
	seen    uint64 // the cluster's number of the subscriptions that are made
}

// StartHosts begins to run a cluster, which belongs to the returned value from then on. The time of the cluster begins
// now, so its hosts may have been added before. The connection stays the caller's.
func StartHosts(nc *nats.Conn, c *Cluster) (*Hosts, error) {
	h := &Hosts{
		nc: nc, cluster: c, born: time.Now().Add(-c.Now()), in: make(chan *nats.Msg, inboxSize), calls: make(chan func(*Cluster)),
		quit: make(chan struct{}), done: make(chan struct{}), subs: map[string][]*nats.Subscription{}, owner: map[*nats.Subscription]string{},
	}
	if c.opts.Base.IsZero() {
		c.opts.Base = h.born
	}
	var err error
	if h.control, err = nc.ChanSubscribe(ControlSubject(c.Lattice(), "*", "*"), h.in); err != nil {
		return nil, fmt.Errorf("subscribing to the control of simulated hosts: %w", err)
	}
	if err := h.flush(); err != nil {
		h.unsubscribe()
		return nil, err
	}
	go h.loop()
	return h, nil
}

// Do runs fn with the cluster, between two of its moments, and returns when what fn caused is published. After Close it
// does nothing.
func (h *Hosts) Do(fn func(*Cluster)) {
	ran := make(chan struct{})
	call := func(c *Cluster) {
		defer close(ran)
		h.step() // up to now: what fn does happens at this moment, not at the last one
		fn(c)
		h.step()
	}
	select {
	case h.calls <- call:
		<-ran
	case <-h.done:
	}
}

// Close ends all hosts without a word, as if the machine lost power, and waits until nothing of them is left.
func (h *Hosts) Close() {
	close(h.quit)
	<-h.done
}

func (h *Hosts) loop() {
	defer close(h.done)
	defer h.unsubscribe()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-h.quit:
			return
		case m := <-h.in:
			h.take(m)
		case fn := <-h.calls:
			fn(h.cluster)
		case <-timer.C:
		}
		h.step()
		if next := h.cluster.Next(); next == Never {
			timer.Stop()
		} else {
			timer.Reset(max(next-h.now(), 0))
		}
	}
}

func (h *Hosts) now() time.Duration { return time.Since(h.born) }

// step does what is due and publishes it. What cannot be published is lost, as it is for a real host.
func (h *Hosts) step() {
	out := h.cluster.Advance(h.now())
	if err := h.sync(); err != nil {
		return // the connection is closing
	}
	for _, m := range out {
		h.publish(m)
	}
}

func (h *Hosts) flush() error {
	if err := h.sync(); err != nil {
		return err
	}
	if err := h.roundTrip(); err != nil {
		return fmt.Errorf("subscribing for simulated hosts: %w", err)
	}
	return nil
}

// roundTrip returns when the server has seen what was sent. It is not Flush, whose pooled timer must not be shared by two
// synctest bubbles.
func (h *Hosts) roundTrip() error {
	ctx, cancel := context.WithTimeout(context.Background(), roundTripWithin)
	defer cancel()
	return h.nc.FlushWithContext(ctx)
}

func (h *Hosts) publish(m Msg) {
	out := nats.NewMsg(m.Subject)
	out.Data = m.Data
	for k, v := range m.Header {
		out.Header[k] = v
	}
	// An error means that the connection is gone or the message too large; a host would log it and go on.
	_ = h.nc.PublishMsg(out)
}

func (h *Hosts) take(m *nats.Msg) {
	if m.Sub == h.control {
		h.command(m)
		return
	}
	host, ok := h.owner[m.Sub]
	if !ok {
		return
	}
	for _, out := range h.cluster.DeliverTo(h.now(), host, Msg{Subject: m.Subject, Reply: m.Reply, Header: m.Header, Data: m.Data}) {
		h.publish(out)
	}
}

// sync makes the subscriptions what the cluster says.
func (h *Hosts) sync() error {
	want, number := h.cluster.Listening()
	if number == h.seen {
		return nil
	}
	ended := false
	for host, subs := range h.subs {
		if _, ok := want[host]; !ok {
			ended = true
			for _, s := range subs {
				delete(h.owner, s)
				_ = s.Unsubscribe() // fails only if the connection is gone, and the subscription with it
			}
			delete(h.subs, host)
		}
	}
	for host, subs := range want {
		if _, ok := h.subs[host]; ok {
			continue
		}
		for _, s := range subs {
			sub, err := h.subscribe(s)
			if err != nil {
				return fmt.Errorf("subscribing for simulated host %s: %w", host, err)
			}
			h.owner[sub] = host
			h.subs[host] = append(h.subs[host], sub)
		}
	}
	h.seen = number
	if ended {
		return h.roundTrip() // from here on the server knows that nobody listens there
	}
	return nil
}

func (h *Hosts) subscribe(s Subscription) (*nats.Subscription, error) {
	if s.Queue == "" {
		return h.nc.ChanSubscribe(s.Subject, h.in)
	}
	return h.nc.ChanQueueSubscribe(s.Subject, s.Queue, h.in)
}

func (h *Hosts) unsubscribe() {
	for sub := range h.owner {
		_ = sub.Unsubscribe()
	}
	if h.control != nil {
		_ = h.control.Unsubscribe()
	}
	_ = h.roundTrip() // so that the server says "no responders" from now on; without a connection it does so anyway
}

// ControlSubject is where simulated hosts are broken and mended: wadm.sim.{lattice}.{verb}.{host}, the verb one of kill,
// stop, slow and return, the host an id, a friendly name or the value of a label "name". It is a request with a
// [ControlRequest] or nothing; the answer is a [ControlReply].
func ControlSubject(lattice, verb, host string) string {
	return "wadm.sim." + lattice + "." + verb + "." + host
}

// ControlRequest is the body of a control request.
type ControlRequest struct {
	Factor float64 `json:"factor,omitempty"` // of slow; 0 = 10, 1 = usual speed again
}

// ControlReply is the answer to a control request.
type ControlReply struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Host    string `json:"host,omitempty"` // id
	Name    string `json:"name,omitempty"`
}

const defaultSlow = 10

func (h *Hosts) command(m *nats.Msg) {
	h.step()
	reply := h.obey(m)
	body, err := json.Marshal(reply)
	if err != nil || m.Reply == "" {
		return
	}
	h.step() // what the command did is on the wire before its answer
	_ = m.Respond(body)
}

func (h *Hosts) obey(m *nats.Msg) ControlReply {
	tokens := strings.Split(strings.TrimPrefix(m.Subject, "wadm.sim."+h.cluster.Lattice()+"."), ".")
	if len(tokens) != 2 {
		return ControlReply{Message: "unsupported subject " + m.Subject}
	}
	verb, key := tokens[0], tokens[1]
	req := ControlRequest{Factor: defaultSlow}
	if len(m.Data) > 0 {
		if err := json.Unmarshal(m.Data, &req); err != nil {
			return ControlReply{Message: "reading the request: " + err.Error()}
		}
		if req.Factor == 0 {
			req.Factor = defaultSlow
		}
	}
	found, err := h.cluster.find(key)
	if err != nil {
		var names []string
		for _, info := range h.cluster.Hosts() {
			names = append(names, info.Name)
		}
		return ControlReply{Message: err.Error() + " (hosts: " + strings.Join(names, ", ") + ")"}
	}
	said := ""
	switch verb {
	case "kill":
		err, said = h.cluster.Kill(key), "killed: nothing was said, what ran is gone"
	case "stop":
		err, said = h.cluster.Stop(key), "stopping"
	case "slow":
		err, said = h.cluster.Slow(key, req.Factor), fmt.Sprintf("fetches and starts now take %g times as long", req.Factor)
	case "return":
		err, said = h.cluster.Return(key), "started again under the same id, empty"
	default:
		err = fmt.Errorf("no such verb %q: kill, stop, slow or return", verb)
	}
	if err != nil {
		return ControlReply{Message: err.Error(), Host: found.id, Name: found.name}
	}
	return ControlReply{Success: true, Message: said, Host: found.id, Name: found.name}
}
