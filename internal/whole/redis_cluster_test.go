package whole

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/cluster"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/redisstore"
	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// A real Redis lives in real time, so everything is a few times shorter here.
var (
	shortLease   = store.LeaseRules{TTL: 600 * time.Millisecond, Renew: 200 * time.Millisecond, Margin: 100 * time.Millisecond}
	shortMembers = cluster.Rules{Beat: 200 * time.Millisecond, Silent: 600 * time.Millisecond, Settle: 400 * time.Millisecond, Stagger: 100 * time.Millisecond, Hold: time.Second}
)

// startOnRedis runs a process whose records are in Redis, in real time.
func startOnRedis(t *testing.T, natsURL, redisURL, name string, log *natstest.Logbook, change ...func(*node.Config)) *process {
	t.Helper()
	p := &process{done: make(chan struct{})}
	ready := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	cfg := node.Config{
		URL: natsURL, Name: name, Cluster: "redis", Lease: shortLease, Members: shortMembers, Log: slog.New(slog.NewTextHandler(log, nil)),
		Open: func(ctx context.Context, nc *nats.Conn) (node.Stores, error) {
			p.nc = nc
			s, err := redisstore.Open(ctx, redisURL, redisstore.Options{})
			if err != nil {
				return node.Stores{}, err
			}
			p.cut = s.Close
			return node.Stores{Models: s, Wishes: s, Runs: s, Leases: s, Statuses: s, Close: s.Close}, nil
		},
		Ready: func(*nats.Conn) { close(ready) },
	}
	for _, c := range change {
		c(&cfg)
	}
	go func() {
		defer close(p.done)
		p.err = node.Run(ctx, cfg)
	}()
	t.Cleanup(func() {
		cancel()
		<-p.done
	})
	select {
	case <-ready:
	case <-p.done:
		t.Fatalf("starting a process: %v", p.err)
	}
	return p
}

// TestProcessesShareLatticesOnRedis: the rightful owner joins and takes over, leaves and hands over, and is killed while somebody deploys. Of the two,
// host-a is the rightful owner of the lattice default.
func TestProcessesShareLatticesOnRedis(t *testing.T) {
	srv, redis, log := natstest.Start(t), redistest.Start(t), &natstest.Logbook{}
	timing := sim.FastTiming()
	timing.Heartbeat = time.Second
	hosts := startHosts(t, natstest.Connect(t, srv), sim.Options{Dialect: wasmbus.DialectOTP, Timing: timing}, 2)
	nc := natstest.Connect(t, srv)
	c := newClient(t, nc, "default")
	commands := listen(t, nc)
	within := func(what string, limit time.Duration, ok func() bool) {
		t.Helper()
		began := time.Now()
		waitFor(t, what, limit, &program{log: log}, ok)
		t.Logf("%s: after %s", what, time.Since(began))
	}

	startOnRedis(t, srv.ClientURL(), redis.URL(), "host-b", log)
	deploy(t, c, shop(wasmbus.DialectOTP, oldImage))
	within("shop is deployed", 30*time.Second, func() bool { return status(t, c, "shop").Type == wadmapi.StatusDeployed })
	before := commands.all() // with the link, which names keys alone
	commands.forget()

	first := startOnRedis(t, srv.ClientURL(), redis.URL(), "host-a", log)
	within("the rightful owner has taken over", 5*time.Second, func() bool { return ownerOf(t, c) == "host-a" })
	first.cancel()
	<-first.done
	within("the other one owns it again", 2*time.Second, func() bool { return ownerOf(t, c) == "host-b" })
	first = startOnRedis(t, srv.ClientURL(), redis.URL(), "host-a", log)
	within("the rightful owner has taken over again", 10*time.Second, func() bool { return ownerOf(t, c) == "host-a" })

	extra := app(wasmbus.DialectOTP, "extra", newImage, "registry.example/acme/http-next:1", 3)
	if _, err := c.Put(context.Background(), []byte(extra), ""); err != nil {
		t.Fatal(err)
	}
	first.cut()
	first.kill()
	if _, err := c.Deploy(context.Background(), "extra", ""); err != nil {
		t.Errorf("deploying while the owner dies: %v", err)
	}
	within("the next one acts", shortLease.TTL+2*time.Second, func() bool { return len(commands.all()) > 0 })
	within("what was deployed runs", 20*time.Second, func() bool { return status(t, c, "extra").Type == wadmapi.StatusDeployed })
	<-time.After(3 * time.Second)
	for _, command := range commands.all() {
		if strings.Contains(command, oldImage) || slices.Contains(before, command) {
			t.Errorf("something that ran got a command: %s", command)
		}
	}
	if components, providers := runs(hosts); components[oldImage] != 6 || components[newImage] != 3 || providers != 2 {
		t.Errorf("there run %v and %d providers\n%s\n%s", components, providers, truth(hosts), log)
	}
}

// ownerOf is who owns the lattice of a client by what the processes say.
func ownerOf(t *testing.T, c *client.Client) string {
	t.Helper()
	all, err := c.Cluster(t.Context())
	if err != nil {
		t.Fatalf("asking the cluster: %v", err)
	}
	for _, l := range all.Lattices {
		if l.Lattice == c.Lattice() {
			return l.Owner
		}
	}
	return ""
}
