package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/internal/web"
)

// health is what the probes of a process are answered from. Its fields are set by the process and read by whoever asks.
type health struct {
	server    *web.Server
	turned    atomic.Int64 // when the process's loop last turned, in its monotonic time; 0 before it begins
	connected atomic.Bool  // p.nc is set
	opened    atomic.Bool  // p.stores are open
	serving   atomic.Bool  // p.api has been started
}

// The loop turns once each Relist, and one turn may take as long for each of the two things that it does.
const lateTurns = 6

// answerProbes begins to answer /livez and /readyz, before anything else of the process works.
func (p *process) answerProbes() error {
	if p.cfg.Admin == "" {
		return nil
	}
	var err error
	p.health.server, err = web.Listen(web.Options{Address: p.cfg.Admin, Alive: p.alive, Log: p.log, Parts: []web.Part{
		{Name: "nats", Ready: p.natsReady}, {Name: "store", Ready: p.storeReady}, {Name: "api", Ready: p.apiReady},
	}})
	if err == nil {
		p.log.Info("answering /livez and /readyz", "address", p.health.server.Addr())
	}
	return err
}

// closeProbes is the last thing that a process does.
func (p *process) closeProbes() {
	if p.health.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Drain)
	defer cancel()
	if err := p.health.server.Close(ctx); err != nil {
		p.log.Warn("health checks were cut off", "error", err)
	}
}

// turn notes that the loop of the process turns.
func (p *process) turn() { p.health.turned.Store(int64(p.clock.now())) }

// alive says whether the loop of the process turns. A process that starts or ends is bounded by other things.
func (p *process) alive() error {
	last := time.Duration(p.health.turned.Load())
	if last == 0 || p.stopping() {
		return nil
	}
	if age := p.clock.now() - last; age > lateTurns*p.cfg.Relist {
		return fmt.Errorf("the loop of this process has not turned for %s", age.Round(time.Second))
	}
	return nil
}

var (
	errStarting = errors.New("not there yet: the process is starting")
	errStopping = errors.New("the process is stopping")
)

func (p *process) natsReady(context.Context) error {
	switch {
	case !p.health.connected.Load():
		return errStarting
	case !p.nc.IsConnected():
		return errors.New("not connected")
	}
	return nil
}

// storeReady reads one key of the store, the lease of a lattice, whether there is one or not: a list of lattices may be a walk through a whole database.
// What is wrong with it stands in the log: a health check shows no texts of others.
func (p *process) storeReady(ctx context.Context) error {
	if !p.health.opened.Load() {
		return errStarting
	}
	if p.stopping() {
		return errStopping // the store may be closed under our hands
	}
	if _, _, err := p.stores.Leases.Lease(ctx, p.cfg.Lattices[0]); err != nil && !errors.Is(err, store.ErrNotFound) {
		p.log.Debug("the store was not ready", "error", err)
		return errors.New("it cannot be read")
	}
	return nil
}

func (p *process) apiReady(context.Context) error {
	switch {
	case p.stopping():
		return errStopping
	case !p.health.serving.Load():
		return errStarting
	case !p.api.Listening():
		return errors.New("requests do not reach this process")
	}
	return nil
}
