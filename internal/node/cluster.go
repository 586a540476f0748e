package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/cluster"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

const (
	beatSoon    = 20 * time.Millisecond  // news of several lattices make one beat
	answersIn   = 500 * time.Millisecond // for the others to answer at the start
	grace       = time.Second            // for each process that should take a lattice before us, after the lease
	namesakeFor = 5 * time.Second        // how long after its start a process gives way to an older one of its name
)

// ErrNameTaken ends a process at its start: a live one bears its name.
var ErrNameTaken = errors.New("the name of this process is taken")

// peers is what this process says to the others of its cluster and hears of them. It only hurries and delays: the lease alone decides.
type peers struct {
	p   *process
	log *slog.Logger

	mu      sync.Mutex
	members *cluster.Members
	stands  map[string]wadmapi.BeatLattice
	leases  map[string]store.Lease // as last seen
	beat    wadmapi.Beat           // without its lattices
	alone   bool                   // NATS does not permit us to speak, or to hear
	warned  bool                   // of a namesake

	subs  []*nats.Subscription
	soon  chan struct{}
	taken chan error // a namesake was there before us
	quit  chan struct{}
	done  chan struct{}
}

func newPeers(p *process) *peers {
	beat := wadmapi.Beat{Name: p.cfg.Name, ID: p.cfg.ID, Version: p.cfg.Version, Store: p.cfg.Cluster, State: wadmapi.BeatLive,
		Started: time.Now().UTC().Format(time.RFC3339Nano)}
	return &peers{p: p, log: p.log, members: cluster.New(beat, p.cfg.Members), beat: beat, stands: map[string]wadmapi.BeatLattice{}, leases: map[string]store.Lease{},
		soon: make(chan struct{}, 1), taken: make(chan error, 1), quit: make(chan struct{}), done: make(chan struct{})}
}

// join asks who is there, refuses to be a second one of its name, and begins to speak and to hear. Without permission it goes on alone.
func (g *peers) join(ctx context.Context) error {
	if err := wadmapi.ValidProcessName(g.beat.Name); err != nil {
		return err
	}
	there, err := g.ask(ctx)
	if err != nil {
		return err
	}
	for _, b := range there {
		if b.Name == g.beat.Name && b.Store == g.beat.Store && b.State != wadmapi.BeatGone {
			return g.nameTaken(b)
		}
		g.members.Hear(b, g.p.clock.now())
	}
	for subject, hear := range map[string]nats.MsgHandler{wadmapi.ClusterBeatSubject: g.heard, wadmapi.ClusterStatusSubject: g.asked} {
		sub, err := g.p.nc.Subscribe(subject, hear)
		if err != nil {
			return fmt.Errorf("listening to the other processes: %w", err)
		}
		g.subs = append(g.subs, sub)
	}
	g.log.Info("this process is one of a cluster", "name", g.beat.Name, "others", len(there))
	go g.run()
	return nil
}

func (g *peers) nameTaken(b wadmapi.Beat) error {
	return fmt.Errorf("%w: a live process is called %q since %s (version %s)", ErrNameTaken, b.Name, b.Started, b.Version)
}

// ask gives those that answer at once, and all of whom they tell; who is dead but not yet forgotten is waited for in vain, so not for long.
func (g *peers) ask(ctx context.Context) ([]wadmapi.Beat, error) {
	inbox := g.p.nc.NewInbox()
	sub, err := g.p.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("asking for the other processes: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is gone
	if err := g.p.nc.PublishRequest(wadmapi.ClusterStatusSubject, inbox, nil); err != nil {
		return nil, fmt.Errorf("asking for the other processes: %w", err)
	}
	limit, cancel := context.WithTimeout(ctx, answersIn)
	defer cancel()
	var there []wadmapi.Beat
	missing := map[string]bool{}
	for {
		m, err := sub.NextMsgWithContext(limit)
		switch {
		case errors.Is(err, nats.ErrNoResponders), err == nil && len(m.Data) == 0 && m.Header.Get("Status") == "503":
			return nil, nil // nobody
		case err != nil && ctx.Err() != nil:
			return nil, fmt.Errorf("asking for the other processes: %w", ctx.Err())
		case err != nil:
			return there, nil
		}
		var reply wadmapi.ClusterReply
		if json.Unmarshal(m.Data, &reply) != nil || reply.Process.Check() != nil {
			continue // somebody else's message
		}
		there = append(there, reply.Process)
		for _, o := range reply.Others {
			if _, known := missing[o.ID]; !known {
				missing[o.ID] = true
			}
		}
		missing[reply.Process.ID] = false
		if !slices.Contains(slices.Collect(maps.Values(missing)), true) {
			return there, nil
		}
	}
}

// run says once a second, and whenever there is news, that this process lives, and notices who does not any more.
func (g *peers) run() {
	defer close(g.done)
	tick := time.NewTicker(g.p.cfg.Members.WithDefaults().Beat)
	defer tick.Stop()
	g.say()
	for {
		select {
		case <-g.quit:
			return
		case <-tick.C:
			g.mu.Lock()
			change := g.members.Pass(g.p.clock.now())
			g.mu.Unlock()
			g.changed(change)
		case <-g.soon:
			time.Sleep(beatSoon) // not to wait for anything: to say much at once
		}
		g.say()
	}
}

// say publishes one beat.
func (g *peers) say() {
	g.mu.Lock()
	beat, alone := g.beatNow(), g.alone
	g.mu.Unlock()
	if alone {
		return
	}
	body, err := wadmapi.Encode(beat)
	if err == nil {
		err = g.p.nc.Publish(wadmapi.ClusterBeatSubject, body)
	}
	if err != nil {
		g.log.Debug("a beat was not sent", "error", err)
	}
}

// beatNow is what to say now, with the lock held.
func (g *peers) beatNow() wadmapi.Beat {
	beat := g.beat
	beat.Lattices = []wadmapi.BeatLattice{}
	for _, name := range slices.Sorted(maps.Keys(g.stands)) {
		if len(beat.Lattices) < wadmapi.MaxBeatLattices {
			beat.Lattices = append(beat.Lattices, g.stands[name])
		}
	}
	return beat
}

func (g *peers) news() {
	select {
	case g.soon <- struct{}{}:
	default:
	}
}

// heard takes in a beat.
func (g *peers) heard(m *nats.Msg) {
	var b wadmapi.Beat
	if err := json.Unmarshal(m.Data, &b); err != nil {
		g.log.Debug("a beat that cannot be read was left out", "error", err)
		return
	}
	g.mu.Lock()
	var change cluster.Change
	if !g.alone { // else it would hand over to others who know nothing of it
		change = g.members.Hear(b, g.p.clock.now())
	}
	g.mu.Unlock()
	g.changed(change)
}

// changed has those lattices look again that a change may mean something for.
func (g *peers) changed(c cluster.Change) {
	for _, b := range c.Came {
		g.log.Info("a process has come", "name", b.Name, "version", b.Version)
		g.news() // it shall know us at once
	}
	for _, b := range c.Left {
		g.log.Info("a process is gone", "name", b.Name)
	}
	if c.Namesake != nil {
		g.namesake(*c.Namesake)
	}
	switch {
	case len(c.Left) > 0:
		g.p.lookAgain(true)
	case len(c.Came) > 0:
		g.p.lookAgain(false)
	case len(c.Lattices) > 0:
		g.p.lookAgain(true, c.Lattices...)
	}
}

// namesake ends this process if it has just begun and the other one was there before; at any later time it only says so.
func (g *peers) namesake(b wadmapi.Beat) {
	g.mu.Lock()
	first := !g.warned
	g.warned = true
	g.mu.Unlock()
	if !first {
		return
	}
	older := b.Started+" "+b.ID < g.beat.Started+" "+g.beat.ID
	if older && g.p.clock.now() < namesakeFor {
		g.taken <- g.nameTaken(b)
		return
	}
	g.log.Error("two live processes bear this name: give one of them another with --name", "name", b.Name, "older", older)
}

// refused hears that NATS does not permit a subject of ours. Said once; from then on this process is alone.
func (g *peers) refused(text string) bool {
	if !strings.Contains(text, wadmapi.ClusterBeatSubject) && !strings.Contains(text, wadmapi.ClusterStatusSubject) {
		return false
	}
	g.mu.Lock()
	first := !g.alone
	g.alone = true
	g.members.Forget()
	g.mu.Unlock()
	if first {
		g.log.Warn("this NATS user may not speak with the other wadm processes, so this one works as if it were alone: whoever comes first owns a lattice",
			"subjects", []string{wadmapi.ClusterBeatSubject, wadmapi.ClusterStatusSubject}, "error", text)
		g.p.lookAgain(false)
	}
	return true
}

// reconnected begins anew: whoever lives will be heard within a second, and permissions may be others now.
func (g *peers) reconnected() {
	g.mu.Lock()
	g.alone = false
	g.mu.Unlock()
	g.news()
}

// stance says what to do about a lattice.
func (g *peers) stance(lattice string, self cluster.Self) cluster.Stance {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members.Stance(lattice, self, g.p.clock.now())
}

// handed notes that a lattice is being handed over.
func (g *peers) handed(lattice string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members.Handed(lattice, g.p.clock.now())
}

// stands tells the others how this process stands to a lattice, at once if that is new. Without a stand it does not tend the lattice.
func (g *peers) stand(l wadmapi.BeatLattice, lease store.Lease) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leases[l.Name] = lease
	if have, ok := g.stands[l.Name]; have == l || (!ok && l.Stand == "") {
		return
	}
	if l.Stand == "" {
		delete(g.stands, l.Name)
	} else {
		g.stands[l.Name] = l
	}
	g.news()
}

// leave says that this process takes no lattice any more. It may be called without join having been, like gone.
func (g *peers) leave() {
	if len(g.subs) == 0 {
		return
	}
	g.mu.Lock()
	g.beat.State = wadmapi.BeatLeaving
	g.members.Leave()
	g.mu.Unlock()
	g.say()
}

// gone says goodbye.
func (g *peers) gone() {
	if len(g.subs) == 0 {
		return
	}
	close(g.quit)
	<-g.done
	for _, sub := range g.subs {
		_ = sub.Unsubscribe() // fails only when the connection is gone, and the subscription with it
	}
	g.mu.Lock()
	g.beat.State = wadmapi.BeatGone
	clear(g.stands)
	g.mu.Unlock()
	g.say()
}

// asked answers somebody who wants to know who owns what.
func (g *peers) asked(m *nats.Msg) {
	body, err := wadmapi.Encode(g.report())
	if err == nil {
		err = m.Respond(body)
	}
	if err != nil {
		g.log.Debug("a question was not answered", "subject", m.Subject, "error", err)
	}
}

// report is what this process knows of all.
func (g *peers) report() wadmapi.ClusterReply {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.p.clock.now()
	reply := wadmapi.ClusterReply{Result: wadmapi.ResultSuccess, Process: g.beatNow(), Others: g.members.Others(now), Lattices: []wadmapi.Ownership{}}
	if reply.Others == nil {
		reply.Others = []wadmapi.Heard{}
	}
	for _, name := range slices.Sorted(maps.Keys(g.leases)) {
		lease := g.leases[name]
		o := wadmapi.Ownership{Lattice: name, Epoch: lease.Epoch, Since: lease.Since, Should: g.members.Should(name, g.stands[name].Blind)}
		if o.Note = g.p.statuses.noOwner(name); o.Note != "" || lease.Owner == "" {
			o.Since = ""
		} else {
			o.ID, o.Owner = lease.Owner, g.members.Name(lease.Owner)
			if o.Owner == "" {
				o.Owner, _, _ = strings.Cut(lease.Owner, "/") // it is not heard, and has the lease all the same
			}
			if have := g.stands[name]; have.Stand == wadmapi.StandOwns && have.Blind {
				o.Note = "cannot reach the hosts"
			}
		}
		reply.Lattices = append(reply.Lattices, o)
	}
	reply.Message = fmt.Sprintf("%d processes, %d lattices", len(reply.Others)+1, len(reply.Lattices))
	return reply
}
