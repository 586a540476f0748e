// Package dev is wadm dev: NATS, the control plane and simulated hosts in one process, for a first look and for tests of manifests.
//
// It knows how these parts are started in order, shown while they work, and taken down. It decides nothing that the control plane decides, and
// its hosts run nothing real. Only cmd/wadm calls it; it lies below cmd because the embedded server belongs to no other part of the program.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// Options are what wadm dev is told.
type Options struct {
	Manifests []string // files, URLs or "-"; none = the example of the dialect
	Hosts     HostOptions
	Store     string // nats, redis or memory
	Redis     string // URL, "" = one of its own, with Store redis
	Clients   wadmapi.Generation
	Persist   string // directory, "" = nothing is kept
	Port      int    // of NATS; 0 = any
	Once      bool   // end when everything is deployed and stays so
	Timeout   time.Duration
	Log       bool // show the control plane's log on Err
	Version   string
	Records   func(place string) string // names the records there to the other processes: a server beside this one may share the lattice
	In        io.Reader
	Out, Err  io.Writer
}

// stack is everything that runs.
type stack struct {
	o      Options
	nats   *embedded
	redis  *redis     // nil with another store
	nc     *nats.Conn // of the hosts and of our own questions
	hosts  *sim.Hosts
	client *client.Client

	stopNode context.CancelFunc
	nodeDone chan error
}

// Run is wadm dev until ctx ends or, with Once, until everything is deployed. Errors carry the exit codes of package cli.
func Run(ctx context.Context, o Options) error {
	manifests, err := o.load(ctx) // mistakes are shown before anything is started
	if err != nil {
		return err
	}
	s, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	s.head()
	if !o.Once {
		remove, err := cli.WriteDevFile(s.address())
		if err != nil {
			fmt.Fprintf(o.Err, "client commands will not find this wadm dev by themselves: %v\n", err)
		} else {
			defer func() {
				if err := remove(); err != nil {
					fmt.Fprintln(o.Err, err)
				}
			}()
		}
	}
	events, err := s.listen()
	if err != nil {
		return err
	}
	if err := s.deployAll(ctx, manifests); err != nil {
		switch {
		case o.Once:
			return err
		case ctx.Err() != nil:
			return nil
		}
		fmt.Fprintln(o.Err, err) // the rest goes on: whoever tries things out mends the manifest and deploys again
	}
	if o.Once {
		return s.stays(ctx, manifests)
	}
	s.hints(manifests)
	return s.tell(ctx, events)
}

// settings make the control plane expect hosts that beat each second.
func settings() engine.Settings {
	set := engine.Defaults()
	set.Period, set.Grace, set.Window, set.Cleanup = beat, beat/2, 500*time.Millisecond, 10*beat
	set.Resync, set.Repeat = 2*beat, beat/2
	return set
}

// start brings everything up, or nothing.
func start(ctx context.Context, o Options) (*stack, error) {
	s := &stack{o: o, nodeDone: make(chan error, 1), stopNode: func() {}}
	var err error
	if s.nats, err = startNATS(o.Port, o.Persist); err != nil {
		return nil, err
	}
	if o.Store == "redis" {
		s.redis, err = useRedis(ctx, &o)
	}
	if err == nil {
		err = s.bringUp(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stack) bringUp(ctx context.Context) error {
	var err error
	if s.nc, err = nats.Connect(s.nats.ClientURL(), nats.Name("wadm dev"), nats.InProcessServer(s.nats.Server)); err != nil {
		return fmt.Errorf("connecting to the embedded NATS: %w", err)
	}
	if s.hosts, err = StartHosts(s.nc, s.o.Hosts); err != nil {
		return err
	}
	if s.client, err = client.New(s.nc, s.o.Hosts.Lattice); err != nil {
		return cli.WithCode(cli.ExitUsage, err)
	}
	log := slog.New(slog.DiscardHandler)
	if s.o.Log {
		log = slog.New(slog.NewTextHandler(s.o.Err, nil))
	}
	ready := make(chan struct{})
	nodeCtx, stop := context.WithCancel(context.WithoutCancel(ctx)) // ends in close, before the hosts do
	s.stopNode = stop
	go func() {
		s.nodeDone <- node.Run(nodeCtx, node.Config{
			URL: s.nats.ClientURL(), Options: []nats.Option{nats.InProcessServer(s.nats.Server)},
			Open: s.opener(), Generation: s.o.Clients, Lattices: []string{s.o.Hosts.Lattice}, Dialect: lattice.Dialect(s.o.Hosts.Dialect),
			Settings: settings(), Log: log, Version: s.o.Version, Cluster: s.o.Records(s.place()), Streams: true, Ready: func(*nats.Conn) { close(ready) },
		})
	}()
	select {
	case <-ready:
		return s.waitForHosts(ctx)
	case err := <-s.nodeDone:
		s.nodeDone <- err
		return fmt.Errorf("starting the control plane: %w", err)
	case <-ctx.Done():
		return errors.New("interrupted while starting")
	}
}

// place is where the records are.
func (s *stack) place() string {
	switch s.o.Store {
	case "redis":
		return "redis:" + s.redis.target.Records()
	case "memory":
		return "memory:" + uuid.NewString() // nobody else can reach them
	}
	return "nats:/wadm_manifests"
}

// opener opens the store that was asked for.
func (s *stack) opener() func(context.Context, *nats.Conn) (node.Stores, error) {
	switch s.o.Store {
	case "redis":
		return s.redis.open
	case "memory":
		return func(context.Context, *nats.Conn) (node.Stores, error) {
			m := memstore.New()
			return node.Stores{Models: m, Wishes: m, Runs: m, Leases: m}, nil
		}
	}
	return openNATS
}

func openNATS(ctx context.Context, nc *nats.Conn) (node.Stores, error) {
	st, err := kvstore.Open(ctx, nc, kvstore.Options{})
	if err != nil {
		return node.Stores{}, err
	}
	return node.Stores{Models: st, Wishes: st, Runs: st, Leases: st}, nil
}

// waitForHosts waits until the control plane sees them all, so that what is deployed next has where to go.
func (s *stack) waitForHosts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		hosts, err := s.client.Hosts(ctx)
		if err == nil && len(hosts) >= s.o.Hosts.Count {
			return nil
		}
		select {
		case <-ctx.Done():
			return cli.WithCode(cli.ExitTimeout, fmt.Errorf("the control plane sees %d of %d hosts: %w", len(hosts), s.o.Hosts.Count, ctx.Err()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// close takes everything down: first the control plane, in good order, then what it stands on.
func (s *stack) close() {
	s.stopNode()
	if s.client != nil {
		<-s.nodeDone
	}
	if s.hosts != nil {
		s.hosts.Close()
	}
	if s.nc != nil {
		s.nc.Close()
	}
	s.nats.stop()
	s.redis.stop()
}
