package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/wasmbus"
)

func TestMain(m *testing.M) { natstest.Main(m) }

const (
	helloV1 = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: hello
  annotations: {version: v1}
spec:
  components:
    - name: web
      type: component
      properties: {image: "ghcr.io/acme/web:1"}
      traits:
        - type: spreadscaler
          properties: {instances: 4}
    - name: http
      type: capability
      properties: {image: "ghcr.io/acme/http:1"}
      traits:
        - type: link
          properties:
            target: web
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            source_config: [{name: listen, properties: {address: "127.0.0.1:8080"}}]
`
	helloOTP = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: hello
  annotations: {version: v1}
spec:
  components:
    - name: web
      type: actor
      properties: {image: "ghcr.io/acme/web:1"}
      traits:
        - type: spreadscaler
          properties: {replicas: 4}
        - type: linkdef
          properties:
            target: http
            values: {address: "127.0.0.1:8080"}
    - name: http
      type: capability
      properties: {image: "ghcr.io/acme/http:1", contract: "wasmcloud:httpserver"}
      traits:
        - type: spreadscaler
          properties: {replicas: 1}
`
)

// world is a server, a store, simulated hosts and processes, in the bubble of one test.
type world struct {
	t     *testing.T
	srv   *server.Server
	nc    *nats.Conn // of the client
	store *memstore.Store
	hosts *sim.Hosts
	log   *natstest.Logbook
}

func newWorld(t *testing.T, d wasmbus.Dialect, hosts int) *world {
	t.Helper()
	srv := natstest.InProcess(t)
	w := &world{t: t, srv: srv, nc: natstest.Connect(t, srv), store: memstore.New(), log: &natstest.Logbook{}}
	w.startHosts("default", d, hosts)
	return w
}

func (w *world) startHosts(lattice string, d wasmbus.Dialect, n int) {
	w.t.Helper()
	cluster := sim.NewCluster(sim.Options{Lattice: lattice, Dialect: d, Timing: sim.FastTiming()})
	for i := range n {
		cluster.AddHost(sim.HostSpec{Name: fmt.Sprintf("host-%d", i), Labels: map[string]string{"zone": fmt.Sprint(i)}})
	}
	h, err := sim.StartHosts(natstest.Connect(w.t, w.srv), cluster)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(h.Close)
	w.hosts = h
}

// run is one process.
type run struct {
	p      *process
	cancel context.CancelFunc
	done   chan error
}

func (w *world) config() Config {
	return Config{
		Options: []nats.Option{nats.InProcessServer(w.srv)},
		Open: func(context.Context, *nats.Conn) (Stores, error) {
			return Stores{Models: w.store, Wishes: w.store, Runs: w.store, Leases: w.store}, nil
		},
		Streams: true, Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func (w *world) start(change ...func(*Config)) *run {
	w.t.Helper()
	cfg := w.config()
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p, err := open(ctx, cfg)
	if err != nil {
		cancel()
		w.t.Fatal(err)
	}
	r := &run{p: p, cancel: cancel, done: make(chan error, 1)}
	go func() {
		p.serve(ctx)
		r.done <- p.close()
	}()
	w.t.Cleanup(func() { r.stop(w.t) })
	return r
}

// stop ends a process in good order, once.
func (r *run) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err, ok := <-r.done; ok {
		close(r.done)
		if err != nil {
			t.Errorf("stopping: %v", err)
		}
	}
}

// ask sends an API request and returns the reply as loose JSON.
func (w *world) ask(subject, body string) map[string]any {
	w.t.Helper()
	m, err := w.nc.Request(subject, []byte(body), 5*time.Second)
	if err != nil {
		w.t.Fatalf("asking %s: %v", subject, err)
	}
	var reply map[string]any
	if err := json.Unmarshal(m.Data, &reply); err != nil {
		w.t.Fatalf("asking %s: %s", subject, m.Data)
	}
	return reply
}

func (w *world) deploy(lattice, manifest string) {
	w.t.Helper()
	if r := w.ask("wadm.api."+lattice+".model.put", manifest); r["result"] != "created" && r["result"] != "newversion" {
		w.t.Fatalf("put: %v", r)
	}
	if r := w.ask("wadm.api."+lattice+".model.deploy.hello", `{}`); r["result"] != "acknowledged" {
		w.t.Fatalf("deploy: %v", r)
	}
}

func (w *world) status(lattice string) (kind, message string) {
	w.t.Helper()
	r := w.ask("wadm.api."+lattice+".model.status.hello", "")
	status, _ := r["status"].(map[string]any)
	info, _ := status["status"].(map[string]any)
	kind, _ = info["type"].(string)
	message, _ = info["message"].(string)
	return kind, message
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
			kind, message := w.status("default")
			w.t.Fatalf("%s: not after %s; status %s: %s\n%s\n%s", what, within, kind, message, w.truth(), w.log)
		}
	}
}

func (w *world) untilStatus(lattice, want string, within time.Duration) {
	w.t.Helper()
	w.until("status "+want, within, func() bool { kind, _ := w.status(lattice); return kind == want })
}

func (w *world) truth() string {
	var s string
	w.hosts.Do(func(c *sim.Cluster) { s = c.Truth().String() })
	return s
}

// running counts the instances that really run.
func (w *world) running() (components, providers int) {
	w.hosts.Do(func(c *sim.Cluster) {
		for _, h := range c.Truth().Hosts {
			for _, one := range h.Components {
				components += one.Count
			}
			providers += len(h.Providers)
		}
	})
	return components, providers
}

// commands counts what the hosts were told to do.
func (w *world) commands() int {
	n := 0
	w.hosts.Do(func(c *sim.Cluster) { n = len(c.Journal()) })
	return n
}
