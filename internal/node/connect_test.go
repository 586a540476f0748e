package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/lattice"
)

func inMemory(context.Context, *nats.Conn) (Stores, error) {
	s := memstore.New()
	return Stores{Models: s, Wishes: s, Runs: s, Leases: s}, nil
}

func TestNoServerAtStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	err = Run(context.Background(), Config{URL: "nats://user:secret@" + addr, Open: inMemory, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("it started without a server")
	}
	if runtime.GOOS == "linux" && !strings.Contains(err.Error(), "Connection refused (os error 111)") {
		t.Errorf("the error is %q", err)
	}
	if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), addr) {
		t.Errorf("the error is %q, want the address and no secret", err)
	}
}

func TestAStoreThatDoesNotOpenEndsTheStart(t *testing.T) {
	srv := natstest.Start(t)
	err := Run(context.Background(), Config{URL: srv.ClientURL(), Log: slog.New(slog.DiscardHandler),
		Open: func(context.Context, *nats.Conn) (Stores, error) { return Stores{}, fmt.Errorf("no JetStream") }})
	if err == nil || !strings.Contains(err.Error(), "no JetStream") {
		t.Errorf("the error is %v", err)
	}
}

func TestALatticeNameThatIsNoneEndsTheStart(t *testing.T) {
	srv := natstest.Start(t)
	err := Run(context.Background(), Config{URL: srv.ClientURL(), Open: inMemory, Lattices: []string{"a.b"}, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "a.b") {
		t.Errorf("the error is %v", err)
	}
}

// within waits in real time, by asking again and again, for what other goroutines bring about.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within %s", what, limit)
		case <-tick.C:
		}
	}
}

func TestALostConnection(t *testing.T) {
	srv := natstest.Start(t)
	port := srv.Addr().(*net.TCPAddr).Port
	f := &factory{step: func(m *fakeMachine, _ time.Duration, ins []engine.Input) engine.Output {
		out := engine.Output{Wake: -1}
		if is[engine.Connected](ins[0]) || is[engine.Disconnected](ins[0]) {
			out.Ask = []engine.Question{{ID: 1, Topic: engine.AskHosts}}
		}
		return out
	}}
	log := &natstest.Logbook{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{URL: srv.ClientURL(), Open: inMemory, Machine: f.machine, Dialect: lattice.V1,
			Options: []nats.Option{nats.ReconnectWait(10 * time.Millisecond)}, Log: slog.New(slog.NewTextHandler(log, nil))})
	}()
	seen := func(want func(engine.Input) bool) func() bool {
		return func() bool { m := f.last(); return m != nil && m.seen(want) > 0 }
	}
	within(t, 10*time.Second, "an owner is connected", seen(is[engine.Connected]))
	srv.Shutdown()
	srv.WaitForShutdown()
	within(t, 10*time.Second, "the machine is told of the loss", seen(is[engine.Disconnected]))
	within(t, 10*time.Second, "the question has its end", seen(func(in engine.Input) bool {
		l, ok := in.(engine.Learned)
		return ok && l.Err == "timeout"
	}))

	natstest.Start(t, func(o *server.Options) { o.Port = port })
	within(t, 10*time.Second, "the machine is told of the return", func() bool { return f.last().seen(is[engine.Connected]) == 2 })
	within(t, 10*time.Second, "the log tells of it", func() bool { return log.Count("connected to NATS again") == 1 })
	if n := log.Count("the connection to NATS was lost"); n != 1 {
		t.Errorf("the loss is told %d times", n)
	}
	if n := len(f.all("default")); n != 1 {
		t.Errorf("%d owners: the loss of a connection is no failure", n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopping: %v", err)
	}
}

func TestOnJetStreamInRealTime(t *testing.T) {
	srv := natstest.Start(t)
	hosts := sim.NewCluster(sim.Options{Timing: sim.FastTiming()})
	for i := range 2 {
		hosts.AddHost(sim.HostSpec{Name: fmt.Sprint("host-", i)})
	}
	h, err := sim.StartHosts(natstest.Connect(t, srv), hosts)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	w := &world{t: t, srv: srv, nc: natstest.Connect(t, srv), hosts: h, log: &natstest.Logbook{}}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{URL: srv.ClientURL(), Streams: true, Log: slog.New(slog.NewTextHandler(w.log, nil)),
			Open: func(ctx context.Context, nc *nats.Conn) (Stores, error) {
				s, err := kvstore.Open(ctx, nc, kvstore.Options{})
				if err != nil {
					return Stores{}, err
				}
				return Stores{Models: s, Wishes: s, Runs: s, Leases: s, Close: s.Close}, nil
			},
			Ready: func(*nats.Conn) { close(ready) }})
	}()
	<-ready
	w.deploy("default", helloV1)
	within(t, 20*time.Second, "deployed", func() bool { kind, _ := w.status("default"); return kind == "deployed" })
	if components, providers := w.running(); components != 4 || providers != 1 {
		t.Errorf("%d instances and %d providers run", components, providers)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopping: %v", err)
	}
	js, err := w.nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if m, err := js.GetLastMsg("wadm_status", "wadm.status.default.hello"); err != nil || !strings.Contains(string(m.Data), "deployed") {
		t.Errorf("the stream keeps %+v, %v", m, err)
	}
}
