package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/lattice"
)

// Reach is how the hosts of one lattice are reached.
type Reach struct {
	URL     string
	Options []nats.Option // as Config.Options
	Dialect lattice.Dialect

	// Prepare is called before each try to connect, to have the credentials ready that the options hand over; nil = nothing to prepare. An error
	// is told, and the try made all the same: the options say what stands in for them. It may take as long as ctx lasts.
	Prepare func(ctx context.Context) error
}

const (
	prepareWithin = 10 * time.Second
	longestWait   = 30 * time.Second
	evenTries     = 5 // so many tries at the same distance; a longer outage has growing ones
)

// lane is a lattice's own connection, from the winning of its lease to the end of it: whatever befalls it, or its server, is the matter of
// this lattice alone. It is tried for ever.
type lane struct {
	lattice string
	log     *slog.Logger
	reach   Reach
	ctx     context.Context // ends before the connection is closed
	cancel  context.CancelFunc
	wait    time.Duration // between two tries
	nc      *nats.Conn

	mu    sync.Mutex
	state laneState
	since time.Time // of being down
	why   string    // told last; "" = nothing was
	said  string    // the error that was logged last
	ready error     // of the last Prepare: what comes of a try after a bad one tells nothing more
	owner *owner    // at work; nil between two
}

type laneState uint8

const (
	laneNew laneState = iota
	laneUp
	laneDown
)

// openLane makes the connection. Where nobody answers it goes on trying and is returned all the same; an error is one of the options.
func openLane(ctx context.Context, p *process, name string, log *slog.Logger) (*lane, error) {
	l := &lane{lattice: name, log: log, reach: Reach{URL: p.cfg.URL, Options: p.cfg.Options, Dialect: p.cfg.Dialect}}
	if p.cfg.Reach != nil {
		l.reach = p.cfg.Reach(name)
	}
	l.ctx, l.cancel = context.WithCancel(ctx)
	o := nats.GetDefaultOptions()
	for _, set := range append([]nats.Option{nats.PingInterval(10 * time.Second)}, l.reach.Options...) {
		if err := set(&o); err != nil {
			l.cancel()
			return nil, fmt.Errorf("connecting to the hosts: %w", err)
		}
	}
	l.wait = o.ReconnectWait
	o.Url, o.Name = l.reach.URL, "wadm "+name
	o.RetryOnFailedConnect, o.MaxReconnect, o.IgnoreAuthErrorAbort = true, -1, true
	o.ReconnectBufSize = -1 // a command of before must not go out after
	o.CustomReconnectDelayCB = l.before
	o.ConnectedCB, o.ReconnectedCB = l.up, l.up
	o.DisconnectedErrCB = func(_ *nats.Conn, err error) { l.down(err, false) }
	o.ReconnectErrCB = func(_ *nats.Conn, err error) { l.failed(err) }
	o.AsyncErrorCB = func(_ *nats.Conn, sub *nats.Subscription, err error) {
		if !refusedLogin(err) { // that is told by who tries again
			p.trouble(log, sub, err)
		}
	}
	l.prepare()
	nc, err := o.Connect()
	if err != nil {
		l.cancel()
		return nil, fmt.Errorf("connecting to the hosts at %s: %w", place(l.reach.URL), err)
	}
	l.mu.Lock()
	l.nc = nc
	l.mu.Unlock()
	if !nc.IsConnected() {
		l.down(nc.LastError(), true)
	}
	return l, nil
}

// refusedLogin says that the server is there and does not let us in.
func refusedLogin(err error) bool {
	for _, refusal := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

func (l *lane) prepare() {
	if l.reach.Prepare == nil {
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, prepareWithin)
	defer cancel()
	err := l.reach.Prepare(ctx)
	l.mu.Lock()
	l.ready = err
	l.mu.Unlock()
}

// before is called by the client before its nth try, without its lock: what came of the last one is told, the next is made ready, and put off.
func (l *lane) before(n int) time.Duration {
	l.mu.Lock()
	nc := l.nc
	l.mu.Unlock()
	if nc == nil || l.ctx.Err() != nil {
		return time.Millisecond // the first try has just failed, or we are ending
	}
	if err := nc.LastError(); err != nil && n > 1 {
		l.failed(err) // the server was there and did not take us: no callback tells of that
	}
	wait := pauseBefore(n, l.wait)
	select {
	case <-time.After(wait): // before it is made ready, for it may be out of date by then
	case <-l.ctx.Done():
		return 0
	}
	l.prepare()
	return 0
}

// pauseBefore is the pause before the nth try: a server that is restarted is found soon, one that is gone is not asked for all the time. Many
// lattices do not try at once.
func pauseBefore(n int, wait time.Duration) time.Duration {
	for i := evenTries; i < n && wait < longestWait; i++ {
		wait = min(2*wait, longestWait)
	}
	return wait + rand.N(wait/5+1)
}

// isUp says whether the hosts can be reached.
func (l *lane) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state == laneUp
}

func (l *lane) up(nc *nats.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == laneUp || l.ctx.Err() != nil {
		return
	}
	again := l.state == laneDown
	l.state, l.why, l.said = laneUp, "", ""
	if again {
		l.log.Info("the hosts can be reached again", "server", nc.ConnectedUrlRedacted())
	} else {
		l.log.Debug("connected to the hosts", "server", nc.ConnectedUrlRedacted())
	}
	if l.owner != nil {
		l.owner.reconnected()
	}
}

// down is the loss of a connection, or that there never was one. A loss is told in statuses when the first try to mend it has failed.
func (l *lane) down(err error, told bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == laneDown || l.ctx.Err() != nil || told && l.state == laneUp {
		return
	}
	l.state, l.since = laneDown, time.Now()
	if told {
		l.tell(err)
		return
	}
	l.log.Warn("the connection to the hosts was lost, trying again", "error", err)
	if l.owner != nil {
		l.owner.disconnected("")
	}
}

// failed is a try that came to nothing.
func (l *lane) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == laneDown && l.ctx.Err() == nil {
		l.tell(err)
	}
}

// tell logs and hands on why there is no connection, once per change. It is called with the lock.
func (l *lane) tell(err error) {
	switch {
	case l.ready != nil:
		err = l.ready
	case err == nil:
		err = nats.ErrNoServers
	}
	text := err.Error()
	if errors.Is(err, nats.ErrNoServers) {
		text += refusal(err)
	}
	if l.said == text {
		return
	}
	l.said = text
	l.log.Warn("the hosts cannot be reached, trying again", "server", place(l.reach.URL), "error", text)
	l.why = fmt.Sprintf("lattice %s cannot be reached since %s: %s", l.lattice, l.since.UTC().Format(time.RFC3339), text)
	if l.owner != nil {
		l.owner.disconnected(l.why)
	}
}

// attach has the owner told how the connection stands, and of every change from then on.
func (l *lane) attach(o *owner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owner = o
	switch l.state {
	case laneUp:
		o.reconnected()
	case laneDown:
		o.disconnected(l.why)
	}
}

func (l *lane) detach() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owner = nil
}

// close sends what is left and ends the connection.
func (l *lane) close(within time.Duration) {
	if l.nc.IsConnected() {
		if err := l.nc.FlushTimeout(within); err != nil {
			l.log.Warn("the last commands may not have been sent", "error", err)
		}
	}
	l.cancel()
	l.nc.Close()
}
