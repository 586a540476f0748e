package control

import (
	"log/slog"
	"sync"
	"time"
)

// diary writes the log of a burst of commands beside the loop, once they are over: a line takes as long as a command, and the hosts come first.
type diary struct {
	log  *slog.Logger
	over func() // returns when what was sent is over; nil: it is

	mu     sync.Mutex
	lines  []*item
	busy   bool // a goroutine writes them, in the order in which they were sent
	writes sync.WaitGroup
}

// overWithin bounds how long the log waits for a connection that has commands to hand over.
const overWithin = time.Second

// sent notes commands that were sent. Few are written at once, unless there are others before them.
func (d *diary) sent(items []*item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.busy:
		d.lines = append(d.lines, items...)
	case d.over == nil || len(items) < sendAtOnce:
		d.write(items)
	default:
		d.lines, d.busy = items, true
		d.writes.Go(d.run)
	}
}

func (d *diary) run() {
	for {
		d.mu.Lock()
		items := d.lines
		d.lines, d.busy = nil, len(items) > 0
		d.mu.Unlock()
		if len(items) == 0 {
			return
		}
		d.over()
		d.write(items)
	}
}

// wait returns when all is written.
func (d *diary) wait() { d.writes.Wait() }

func (d *diary) write(items []*item) {
	for _, it := range items {
		cmd := it.cmd
		d.log.Info("command sent", "id", uint64(cmd.ID), "app", cmd.App, "component", cmd.Component,
			"host", string(cmd.Host), "action", cmd.Action.String(), "reason", string(cmd.Reason), "subject", it.msg.Subject)
	}
}
