package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/feed"
	"github.com/wadm-go/wadm/wasmbus"
)

const (
	period    = 30 * time.Second // of the hosts' heartbeats, in made-up time
	perTurn   = 20 * crowdHosts  // heartbeats of one turn
	window    = 512              // heartbeats that were published and not heard yet
	perCredit = 64

	// Bytes, about what a listener with the whole crowd has. A subscriber that does nothing has so little memory that the payloads have it
	// collect garbage all the time; one that also keeps this, without a pointer in it, collects as rarely as ours and looks at nothing then.
	sameMemory = 64 << 20
)

// heard is what a listener tells of one turn.
type heard struct {
	Beats    int     `json:"beats"`
	Seconds  float64 `json:"seconds"` // from the first to the last
	CPU      float64 `json:"cpu"`     // seconds of this process, in user and in system
	Decoded  int     `json:"decoded"` // heartbeats that were not recognised as unchanged
	Saves    int     `json:"saves"`   // store operations that were asked for
	Commands int     `json:"commands"`
	Asked    int     `json:"asked"` // questions
	Deployed int     `json:"deployed"`
}

// heartbeats is a crowd at rest that goes on to say so. The floor is a subscriber that does nothing.
func heartbeats(pairs int) ([]*row, error) {
	r, err := newRig()
	if err != nil {
		return nil, err
	}
	defer r.close()
	for _, one := range [][]string{{"publish"}, {"listen", "nothing"}, {"listen", "ballast"}, {"listen", "wadm"}} {
		if _, err := r.start(one[0], one[1:]...); err != nil {
			return nil, err
		}
	}
	rate := &row{Name: "heartbeat-steady", What: "rate", Unit: "1/s",
		Work: "1,000 hosts x 100 components (100 deployed applications), heartbeats of 35 KB that say nothing new, through feed and engine, as fast as they are heard, in made-up time (30 s between two of one host); publisher and server in processes of their own; floor: a subscriber that does nothing"}
	cpu := &row{Name: "heartbeat-steady", What: "CPU per event", Unit: "us"}
	var total heard
	var rates, loads []float64
	for turn := range pairs + 1 {
		ours, err := r.turn("wadm")
		if err != nil {
			return nil, err
		}
		none, err := r.turn("nothing")
		if err != nil {
			return nil, err
		}
		idle, err := r.turn("ballast")
		if err != nil {
			return nil, err
		}
		if ours.Saves+ours.Commands > 0 {
			return nil, fmt.Errorf("heartbeat-steady: %d store operations and %d commands for heartbeats that say nothing new", ours.Saves, ours.Commands)
		}
		if turn == 0 { // warms up
			continue
		}
		rate.Pairs = append(rate.Pairs, pair{float64(ours.Beats) / ours.Seconds, float64(none.Beats) / none.Seconds})
		cpu.Pairs = append(cpu.Pairs, pair{ours.CPU * 1e6 / float64(ours.Beats), none.CPU * 1e6 / float64(none.Beats)})
		rates = append(rates, float64(ours.Beats)/ours.Seconds*idle.Seconds/float64(idle.Beats))
		loads = append(loads, ours.CPU/float64(ours.Beats)/idle.CPU*float64(idle.Beats))
		total.Beats += ours.Beats
		total.Decoded += ours.Decoded
		total.Asked += ours.Asked
		total.Deployed = ours.Deployed
	}
	rate.sum(atLeast(0.8))
	cpu.sum(atMost(1.5))
	rate.Notes = append(rate.Notes, fmt.Sprintf("%d heartbeats, %d of them decoded, 0 store operations, 0 commands, %d questions; %d applications deployed throughout",
		total.Beats, total.Decoded, total.Asked, total.Deployed))
	rate.Notes = append(rate.Notes, fmt.Sprintf("against a subscriber that does nothing and keeps %d MB without a pointer, so that it collects garbage as rarely as ours: rate %.2f x, CPU %.2f x",
		sameMemory>>20, median(rates), median(loads)))
	return []*row{rate, cpu}, nil
}

// turn has one listener hear as many heartbeats as make a turn.
func (r *rig) turn(who string) (heard, error) {
	var out heard
	over, err := r.nc.SubscribeSync("bench.listen." + who + ".over")
	if err != nil {
		return out, fmt.Errorf("listening to a listener: %w", err)
	}
	defer func() { _ = over.Unsubscribe() }() // fails only when the connection is gone
	if err := r.ask("bench.listen."+who+".begin", perTurn, nil); err != nil {
		return out, err
	}
	if err := r.ask("bench.publish", who, nil); err != nil {
		return out, err
	}
	m, err := over.NextMsg(2 * time.Minute)
	if err != nil {
		return out, fmt.Errorf("waiting for a listener to hear everything: %w", err)
	}
	if err := json.Unmarshal(m.Data, &out); err != nil {
		return out, fmt.Errorf("reading what was heard: %w", err)
	}
	return out, nil
}

// publisher is the hosts: every heartbeat differs from the one before in its uptime alone.
type publisher struct {
	nc     *nats.Conn
	beats  [crowdHosts][]byte
	places [crowdHosts][]int // of the uptime in a heartbeat
	uptime uint64            // seconds
	credit chan struct{}
	jobs   chan string
}

// firstUptime has so many digits that a heartbeat never changes its length.
const firstUptime = 10_000_000

func publishRole(ctx context.Context, url string, _ []string) error {
	nc, err := nats.Connect(url, nats.Name("bench publisher"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer nc.Close()
	p := &publisher{nc: nc, uptime: firstUptime, credit: make(chan struct{}, window), jobs: make(chan string, 1)}
	if err := p.write(); err != nil {
		return err
	}
	if err := p.listen(); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	ready("")
	for {
		select {
		case <-ctx.Done():
			return nil
		case who := <-p.jobs:
			if err := p.turn(who); err != nil {
				return fmt.Errorf("publishing: %w", err)
			}
		}
	}
}

// write prepares one heartbeat of each host.
func (p *publisher) write() error {
	c, err := newCrowd(usualMix)
	if err != nil {
		return err
	}
	uptime := []byte(fmt.Sprint(firstUptime))
	for i := range p.beats {
		if p.beats[i], err = c.beat(i, firstUptime); err != nil {
			return err
		}
		for at := 0; ; at++ {
			n := bytes.Index(p.beats[i][at:], uptime)
			if n < 0 {
				break
			}
			at += n
			p.places[i] = append(p.places[i], at)
		}
	}
	return nil
}

func (p *publisher) listen() error {
	if _, err := p.nc.Subscribe("bench.publish", func(m *nats.Msg) {
		reply(m, true)
		p.jobs <- string(m.Data)
	}); err != nil {
		return err
	}
	if _, err := p.nc.Subscribe("bench.credit", func(*nats.Msg) {
		for range perCredit {
			<-p.credit
		}
	}); err != nil {
		return err
	}
	return p.nc.Flush()
}

// turn has the hosts of one lattice beat in turn, as fast as they are heard.
func (p *publisher) turn(who string) error {
	subject := wasmbus.V1EventSubject(who, "host_heartbeat")
	for n := range perTurn {
		host := n % crowdHosts
		if host == 0 {
			p.uptime += uint64(period / time.Second)
		}
		for _, at := range p.places[host] {
			copy(p.beats[host][at:], fmt.Sprint(p.uptime))
		}
		p.credit <- struct{}{}
		if err := p.nc.Publish(subject, p.beats[host]); err != nil {
			return err
		}
	}
	return nil
}

// listener counts what is heard, pays for it, and tells when a turn is over.
type listener struct {
	nc   *nats.Conn
	who  string
	want atomic.Int64

	// Of the goroutine that hears.
	now    heard
	unpaid int
	began  time.Time
	cpu    time.Duration
	fill   func(*heard)
}

// add counts beats. The first of a turn starts the clock.
func (l *listener) add(n int) {
	if n == 0 {
		return
	}
	if l.now.Beats == 0 {
		l.began, l.cpu = time.Now(), cpuTime()
	}
	l.now.Beats += n
	for l.unpaid += n; l.unpaid >= perCredit; l.unpaid -= perCredit {
		_ = l.nc.Publish("bench.credit", nil) // without it the turn never ends, which is told then
	}
	if int64(l.now.Beats) < l.want.Load() {
		return
	}
	l.now.Seconds = time.Since(l.began).Seconds()
	l.now.CPU = (cpuTime() - l.cpu).Seconds()
	l.fill(&l.now)
	data, err := json.Marshal(l.now)
	if err == nil {
		_ = l.nc.Publish("bench.listen."+l.who+".over", data) // as above
	}
	l.now = heard{}
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// listenRole is one of the two subscribers.
func listenRole(ctx context.Context, url string, args []string) error {
	if len(args) != 1 {
		return errors.New("who listens?")
	}
	if stop, err := profile("listen-" + args[0]); err != nil {
		return err
	} else if stop != nil {
		defer stop()
	}
	nc, err := nats.Connect(url, nats.Name("bench listener"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer nc.Close()
	l := &listener{nc: nc, who: args[0], fill: func(*heard) {}}
	_, err = nc.Subscribe("bench.listen."+l.who+".begin", func(m *nats.Msg) {
		var n int64
		_ = json.Unmarshal(m.Data, &n) // 0 ends a turn that has not begun, and the run fails
		l.want.Store(n)
		reply(m, true)
	})
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if l.who == "wadm" {
		return l.wadm(ctx)
	}
	if l.who == "ballast" {
		ballast := make([]byte, sameMemory)
		defer runtime.KeepAlive(ballast)
	}
	_, err = nc.Subscribe(wasmbus.V1Events(l.who), func(*nats.Msg) { l.add(1) })
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if err := nc.Flush(); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	ready("")
	<-ctx.Done()
	return nil
}

// wadm is feed and engine as an owner has them. Its time goes on by a thousandth of a period with each heartbeat, so that a thousand hosts
// beat as regularly as they do in life.
func (l *listener) wadm(ctx context.Context) error {
	c, err := newCrowd(usualMix)
	if err != nil {
		return err
	}
	d := newDriver(c, crowdHosts)
	d.settle()
	if n := d.deployed(); n != crowdApps {
		return fmt.Errorf("%d of %d applications deployed", n, crowdApps)
	}
	var now atomic.Int64
	now.Store(int64(d.now))
	f, err := feed.Start(l.nc, feed.Config{Lattice: l.who, Now: func() time.Duration { return time.Duration(now.Add(int64(period / crowdHosts))) }})
	if err != nil {
		return err
	}
	defer f.Close()
	var known feed.Stats // at the begin of a turn
	d.saves, d.asked = 0, 0
	l.fill = func(h *heard) {
		s := f.Stats()
		h.Decoded = int(s.Messages - known.Messages - (s.Unchanged - known.Unchanged))
		h.Saves, h.Commands, h.Asked, h.Deployed = d.saves, len(d.sent), d.asked, d.deployed()
		known, d.saves, d.sent, d.asked = s, 0, nil, 0
	}
	ready("")
	messages := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.Ready():
		}
		batch := f.Take()
		if batch.Resync {
			return errors.New("the listener fell behind")
		}
		d.now = max(d.now, time.Duration(now.Load()))
		d.drive(engine.Observed{Events: batch.Events})
		s := f.Stats()
		l.add(int(s.Messages - messages))
		messages = s.Messages
	}
}
