package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/control"
	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/feed"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// owner acts for one lattice under one epoch. One goroutine takes everything that was learned, gives it to the machine in one step,
// and carries out what comes of it: saves and questions beside the loop, commands through control's windows.
type owner struct {
	t       *tenure
	lattice string
	epoch   uint64
	log     *slog.Logger

	machine Machine
	inbox   *inbox
	feed    *feed.Feed
	control *control.Client
	saver   *saver
	teller  *teller
	asks    *nats.Subscription // questions for the owner's mind
	reads   chan func(Machine) // carried out between two steps: a machine is read by its owner's goroutine alone
	failed  chan error         // what ends the owner from beside the loop
	done    chan struct{}      // closed when the loop has ended

	offline bool          // the connection is lost
	late    engine.Output // what was decided while this owner might not act
}

// errLost ends an owner whose run records somebody else has written.
var errLost = errors.New("somebody else has written a run record of this lattice")

// newOwner connects an owner to the hosts. Nothing acts before run.
func newOwner(t *tenure, epoch uint64, hosts *lane) (*owner, error) {
	p := t.p
	o := &owner{
		t: t, lattice: t.lattice, epoch: epoch, log: t.log.With("epoch", epoch), inbox: newInbox(),
		reads: make(chan func(Machine)), failed: make(chan error, 1), done: make(chan struct{}),
	}
	o.saver = newSaver(p.stores.Runs, t.lattice, func(in engine.Saved) { o.inbox.put(in) })
	o.machine = p.cfg.Machine(engine.Config{Lattice: t.lattice, Dialect: hosts.reach.Dialect, Epoch: epoch, Settings: p.cfg.Settings})
	var err error
	o.control, err = control.New(hosts.nc, control.Config{Lattice: t.lattice, Prefix: p.cfg.Prefix, Dialect: hosts.reach.Dialect, Now: p.clock.now, Log: o.log},
		func(in engine.Input) { o.inbox.put(in) })
	if err != nil {
		return nil, err
	}
	o.feed, err = feed.Start(hosts.nc, feed.Config{Lattice: t.lattice, Dialect: hosts.reach.Dialect, Now: p.clock.now, Log: o.log})
	if err != nil {
		o.control.Close()
		return nil, err
	}
	if o.asks, err = p.nc.Subscribe(ownerQuestion(t.lattice, "*", "*"), o.answer); err != nil {
		o.control.Close()
		o.feed.Close()
		return nil, fmt.Errorf("listening to questions for the owner: %w", err)
	}
	o.teller = newTeller(p.nc, t.lattice, p.flat, o.log)
	o.teller.behind(hosts.nc)
	if p.stores.Statuses != nil {
		o.teller.keepIn(p.stores.Statuses)
	}
	return o, nil
}

// close ends what newOwner began, in any state, and waits for saves under way: the next owner must not meet one of ours. They bound
// themselves.
func (o *owner) close() {
	_ = o.asks.Unsubscribe() // fails only when the connection is gone, and the subscription with it
	o.feed.Close()
	o.control.Close()
	o.saver.wait()
	o.teller.close()
}

// run is the loop, until ctx ends or the owner fails.
func (o *owner) run(ctx context.Context) error {
	defer close(o.done)
	ctx, cancel := context.WithCancel(ctx)
	loader := newLoader(o)
	defer loader.wait()
	defer cancel()
	loader.start(ctx)

	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	for {
		var ins []engine.Input
		var read func(Machine)
		select {
		case <-ctx.Done():
			return nil
		case err := <-o.failed:
			return err
		case read = <-o.reads:
		case <-wake.C:
			ins = append(ins, engine.Tick{})
		case <-o.inbox.ready:
		case <-o.feed.Ready():
		}
		if ins = o.gather(ins); len(ins) == 0 && read == nil {
			continue
		}
		out := o.machine.Step(o.t.p.clock.now(), ins...)
		if read != nil {
			read(o.machine) // after a step, for the machine's time is that of its last one, and ages are read off it
		}
		o.carryOut(out)
		if lost(ins) {
			return errLost
		}
		if out.Wake < 0 {
			wake.Stop()
		} else {
			wake.Reset(max(out.Wake-o.t.p.clock.now(), 0))
		}
	}
}

// gather takes all that waits, so that a burst makes one plan. Host events come before answers: an answer that was asked for later may
// already know what they tell.
func (o *owner) gather(ins []engine.Input) []engine.Input {
	batch := o.feed.Take()
	if batch.Resync && !o.offline {
		ins = append(ins, engine.Connected{}) // offline, one comes anyway, when it is true
	}
	if len(batch.Events) > 0 {
		ins = append(ins, engine.Observed{Events: batch.Events})
		o.control.Heard(batch.Events)
	}
	answers := o.inbox.take()
	for _, in := range answers {
		switch in := in.(type) {
		case engine.Connected:
			o.offline = false
		case engine.Disconnected:
			o.offline = true
		case engine.Learned:
			o.control.Heard(in.Events)
			for _, event := range in.Events {
				if inv, ok := event.(lattice.Inventory); ok {
					o.feed.Touch(inv.Host)
				}
			}
		}
	}
	return append(ins, answers...)
}

// carryOut does what a step wants done, and sends what the windows permit now: an answer among the inputs may have opened one.
func (o *owner) carryOut(out engine.Output) {
	if len(out.Ask) > 0 {
		o.control.Ask(out.Ask)
	}
	if !o.t.holds(o.epoch) {
		// Nothing is written, sent or told by who may not act. The tenure ends this owner, unless a renewal was only late: then it is made up for.
		o.late.Save, o.late.Tell, o.late.Notice = append(o.late.Save, out.Save...), append(o.late.Tell, out.Tell...), append(o.late.Notice, out.Notice...)
		o.control.Queue(out.Send)
		return
	}
	if late := o.late; len(late.Save)+len(late.Tell)+len(late.Notice) > 0 {
		out.Save, out.Tell, out.Notice = append(late.Save, out.Save...), append(late.Tell, out.Tell...), append(late.Notice, out.Notice...)
		o.late = engine.Output{}
	}
	for _, save := range out.Save {
		o.saver.put(save)
	}
	if len(out.Save) > 0 {
		runtime.Gosched() // commands wait for what is saved: it goes out before this goroutine tells what it has to tell
	}
	o.control.Send(out.Send, o.maySend)
	o.teller.tell(out.Tell, out.Notice)
}

// maySend is asked right before each command: the right to act, then the sense of it.
func (o *owner) maySend(c *ledger.Command) bool {
	if !o.t.holds(o.epoch) || !o.machine.MaySend(c, o.t.p.clock.now()) {
		return false
	}
	if c.Host != "" {
		o.feed.Touch(c.Host)
	}
	return true
}

// idle says that no command waits for its answer and no record is being written.
func (o *owner) idle() bool {
	commands, _ := o.control.Busy()
	return commands == 0 && o.saver.idle()
}

// lost says that a save met a record of somebody else's. What we believe of our own records is void then.
func lost(ins []engine.Input) bool {
	for _, in := range ins {
		if saved, ok := in.(engine.Saved); ok && saved.Lost {
			return true
		}
	}
	return false
}

// disconnected freezes the machine and gives up what is under way. It is called again for each other reason.
func (o *owner) disconnected(why string) {
	o.inbox.put(engine.Disconnected{Why: why})
	o.control.Disconnected()
}

// reconnected begins a new time of listening, the first one too. It goes through the inbox like disconnected, so that the two keep their order.
func (o *owner) reconnected() {
	o.feed.Forget()
	o.inbox.put(engine.Connected{})
}

// retell has what could not be told published: the process is connected again.
func (o *owner) retell() { o.inbox.put(engine.Tick{}) }

// fail ends the owner from beside its loop.
func (o *owner) fail(err error) {
	select {
	case o.failed <- err:
	default:
	}
}

// view is a copy of what the owner knows.
func (o *owner) view(ctx context.Context) (engine.View, error) {
	return readOf(ctx, o, Machine.View)
}

// readOf has the owner's goroutine copy something out of its machine.
func readOf[T any](ctx context.Context, o *owner, of func(Machine) T) (T, error) {
	var none T
	answer := make(chan T, 1)
	select {
	case o.reads <- func(m Machine) { answer <- of(m) }:
	case <-o.done:
		return none, errEnded
	case <-ctx.Done():
		return none, fmt.Errorf("asking the owner: %w", ctx.Err())
	}
	select {
	case v := <-answer:
		return v, nil
	case <-o.done:
		return none, errEnded
	}
}

var errEnded = errors.New("the owner has just ended")
