package whole

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

func TestMain(m *testing.M) { natstest.Main(m) }

// world is a NATS server with JetStream, hosts on it, and a user with a client, in the bubble of one test.
type world struct {
	t      *testing.T
	srv    *server.Server
	nc     *nats.Conn // of the user
	client *client.Client
	hosts  *sim.Hosts
	log    *natstest.Logbook
}

func newWorld(t *testing.T, d wasmbus.Dialect, hosts int) *world {
	t.Helper()
	srv := natstest.InProcess(t)
	w := &world{t: t, srv: srv, nc: natstest.Connect(t, srv), log: &natstest.Logbook{}}
	w.client = newClient(t, w.nc, "default")
	if hosts > 0 {
		w.hosts = startHosts(t, natstest.Connect(t, srv), sim.Options{Dialect: d, Timing: sim.FastTiming()}, hosts)
	}
	return w
}

func newClient(t *testing.T, nc *nats.Conn, lattice string) *client.Client {
	t.Helper()
	c, err := client.New(nc, lattice)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func startHosts(t *testing.T, nc *nats.Conn, o sim.Options, n int) *sim.Hosts {
	t.Helper()
	cluster := sim.NewCluster(o)
	for i := range n {
		cluster.AddHost(sim.HostSpec{Name: fmt.Sprintf("host-%d", i), Labels: map[string]string{"zone": fmt.Sprint(i)}})
	}
	h, err := sim.StartHosts(nc, cluster)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// process is one wadm: node.Run with the store that the program uses by default.
type process struct {
	nc     *nats.Conn
	cut    func() // ends its way to a store that is not NATS
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done is closed
}

// start runs a process and returns when its API answers.
func (w *world) start(change ...func(*node.Config)) *process {
	w.t.Helper()
	p := &process{done: make(chan struct{})}
	ready := make(chan struct{})
	cfg := node.Config{
		Options: []nats.Option{nats.InProcessServer(w.srv)}, Streams: true,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Open: func(ctx context.Context, nc *nats.Conn) (node.Stores, error) {
			p.nc = nc
			s, err := kvstore.Open(ctx, nc, kvstore.Options{})
			if err != nil {
				return node.Stores{}, err
			}
			return node.Stores{Models: s, Wishes: s, Runs: s, Leases: s, Close: s.Close}, nil
		},
		Ready: func(*nats.Conn) { close(ready) },
	}
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		p.err = node.Run(ctx, cfg)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-p.done
	})
	select {
	case <-ready:
	case <-p.done:
		w.t.Fatalf("starting a process: %v", p.err)
	}
	return p
}

// kill ends a process as kill -9 does, as far as anyone else can tell: from here on the bus and the store hear nothing of it, not even that
// it gives up its leases.
func (p *process) kill() {
	p.nc.Close()
	p.cancel()
	<-p.done
}

// deploy puts a manifest and deploys what was put.
func deploy(t *testing.T, c *client.Client, manifest string) {
	t.Helper()
	put, err := c.Put(context.Background(), []byte(manifest), "application/yaml")
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	if _, err := c.Deploy(context.Background(), put.Name, put.CurrentVersion); err != nil {
		t.Fatalf("deploy: %v", err)
	}
}

func status(t *testing.T, c *client.Client, app string) wadmapi.StatusInfo {
	t.Helper()
	s, err := c.Status(context.Background(), app)
	if err != nil {
		t.Fatalf("status of %s: %v", app, err)
	}
	return s.Status
}

// until passes virtual time until the condition holds.
func (w *world) until(what string, within time.Duration, ok func() bool) {
	w.t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		synctest.Wait()
		if ok() {
			return
		}
		if time.Since(began) > within {
			w.t.Fatalf("%s: not after %s\n%s\n%s", what, within, w.truth(), w.log)
		}
	}
}

func (w *world) untilStatus(app string, want wadmapi.StatusType, within time.Duration) {
	w.t.Helper()
	var last wadmapi.StatusInfo
	w.until(fmt.Sprintf("%s is %s", app, want), within, func() bool {
		last = status(w.t, w.client, app)
		return last.Type == want
	})
}

func (w *world) truth() string { return truth(w.hosts) }

func truth(hosts *sim.Hosts) string {
	if hosts == nil {
		return ""
	}
	var s string
	hosts.Do(func(c *sim.Cluster) { s = c.Truth().String() })
	return s
}

// runs is what really runs on all hosts: instances of components by image, and processes of providers.
func runs(hosts *sim.Hosts) (components map[string]int, providers int) {
	components = map[string]int{}
	hosts.Do(func(c *sim.Cluster) {
		for _, h := range c.Truth().Hosts {
			for _, one := range h.Components {
				components[one.Ref] += one.Count
			}
			providers += len(h.Providers)
		}
	})
	return components, providers
}

func total(m map[string]int) int {
	n := 0
	for _, one := range m {
		n += one
	}
	return n
}

// heard is what somebody who listens has heard of the hosts' control subjects.
type heard struct {
	mu       sync.Mutex
	commands []*nats.Msg
}

// listen notes every command from now on. Who listens keeps the server from saying that nobody does, so a test whose hosts die must not.
func listen(t *testing.T, nc *nats.Conn) *heard {
	t.Helper()
	h := &heard{}
	if _, err := nc.Subscribe("wasmbus.ctl.>", func(m *nats.Msg) {
		if !question(m.Subject) {
			h.mu.Lock()
			h.commands = append(h.commands, m)
			h.mu.Unlock()
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := flush(nc); err != nil {
		t.Fatal(err)
	}
	return h
}

// flush is not nc.Flush, whose pooled timer must not be shared by two bubbles.
func flush(nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return nc.FlushWithContext(ctx)
}

// all gives the commands that were heard since the last forget, as text.
func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, m := range h.commands {
		all = append(all, m.Subject+" "+string(m.Data))
	}
	return all
}

// forget begins anew and says how many commands had been heard.
func (h *heard) forget() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.commands)
	h.commands = nil
	return n
}

// question says that a control subject of either dialect changes nothing: pings, auctions, inventories, links, configs, claims.
func question(subject string) bool {
	tokens := strings.Split(strings.TrimPrefix(strings.TrimPrefix(subject, "wasmbus.ctl."), "v1."), ".")
	if len(tokens) < 3 {
		return false
	}
	switch {
	case tokens[1] == "ping", tokens[1] == "get", tokens[1] == "auction":
		return true
	}
	return tokens[2] == "ping" || tokens[2] == "get" || tokens[2] == "auction"
}

// ownerStands asks for the hosts, which the owner of the lattice alone knows.
func ownerStands(t *testing.T, c *client.Client) bool {
	t.Helper()
	_, err := c.Hosts(context.Background())
	var refused *client.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("asking for the hosts: %v", err)
	}
	return err == nil
}
