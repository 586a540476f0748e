package node

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

const (
	firstPause = time.Second      // before an owner that failed is started again
	longPause  = 30 * time.Second // at most
	goodLife   = time.Minute      // an owner that lived so long is forgiven
)

// life is one ownership: owners one after another, should they fail, from the winning of a lease to its end.
type life struct {
	epoch uint64
	stop  context.CancelFunc
	done  chan struct{} // closed when nothing of it acts any more
	lane  *lane         // the lattice's connection, which owners inherit; nil before the first
}

func startLife(t *tenure, epoch uint64) *life {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.p.ctx)) // the tenure stops it; the end of the process does so through it
	l := &life{epoch: epoch, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.run(ctx, t)
	}()
	return l
}

// run starts an owner again and again. Each one builds its state anew: what made the last one fail may stand in that state.
func (l *life) run(ctx context.Context, t *tenure) {
	pause := firstPause
	defer l.closeLane(t)
	for ctx.Err() == nil {
		began := t.p.clock.now()
		err := l.once(ctx, t)
		if ctx.Err() != nil || err == nil {
			return
		}
		if t.p.clock.now()-began > goodLife {
			pause = firstPause
		}
		t.log.Error("the owner failed and is started again", "epoch", l.epoch, "pause", pause, "error", err)
		t.p.tellFailure(t.lattice, fmt.Sprintf("the owner of the lattice failed and is started again in %s: %s", pause, reasonOf(err)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// panicked is the end of an owner by a panic. Its stack is for the log alone.
type panicked struct {
	value any
	stack string
}

// Error names what was thrown, with the stack.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// reasonOf is an error in one line, for a status.
func reasonOf(err error) string {
	var p *panicked
	if errors.As(err, &p) {
		return fmt.Sprintf("panic: %v", p.value)
	}
	return err.Error()
}

// once is one owner. A panic ends it alone.
func (l *life) once(ctx context.Context, t *tenure) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, string(debug.Stack())}
		}
	}()
	if l.lane == nil {
		if l.lane, err = openLane(ctx, t.p, t.lattice, t.log); err != nil {
			return err
		}
		t.hosts.Store(l.lane)
	}
	o, err := newOwner(t, l.epoch, l.lane)
	if err != nil {
		return err
	}
	t.owner.Store(o)
	l.lane.attach(o)
	defer func() {
		t.owner.Store(nil)
		l.lane.detach()
		o.close()
	}()
	return o.run(ctx)
}

func (l *life) closeLane(t *tenure) {
	if l.lane != nil {
		t.hosts.Store(nil)
		l.lane.close(t.p.cfg.Drain)
	}
}
