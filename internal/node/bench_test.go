package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wasmbus"
)

const (
	benchHosts      = 50
	benchComponents = 100
	benchInstances  = 10
)

// bareHosts answers for many hosts of 1.x that do nothing, and tells when the wanted number of commands has come. What they were sent is kept.
type bareHosts struct {
	nc *nats.Conn

	mu   sync.Mutex
	want int
	got  []*nats.Msg
	full chan struct{}

	first time.Time // when the first command came
}

func startBareHosts(b *testing.B, nc *nats.Conn) *bareHosts {
	b.Helper()
	h := &bareHosts{nc: nc}
	reply := func(m *nats.Msg, response any) {
		body, err := wasmbus.EncodeV1Reply(true, "", response)
		if err != nil {
			b.Error(err)
		}
		m.Respond(body)
	}
	id := func(i int) string { return fmt.Sprintf("NHOST%051d", i) }
	on := func(subject string, f nats.MsgHandler) {
		if _, err := nc.Subscribe("wasmbus.ctl.v1.*."+subject, f); err != nil {
			b.Fatal(err)
		}
	}
	on("host.ping", func(m *nats.Msg) {
		for i := range benchHosts {
			reply(m, wasmbus.V1HostSummary{ID: id(i), FriendlyName: id(i), Labels: map[string]string{}, Version: "1.9.2", Lattice: strings.Split(m.Subject, ".")[3], UptimeSeconds: 9})
		}
	})
	on("host.get.*", func(m *nats.Msg) {
		host := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
		reply(m, wasmbus.V1Inventory{HostID: host, FriendlyName: host, Version: "1.9.2", Labels: map[string]string{}, UptimeSeconds: 9,
			Components: []wasmbus.V1InventoryComponent{}, Providers: []wasmbus.V1InventoryProvider{}})
	})
	on("link.get", func(m *nats.Msg) { reply(m, []wasmbus.V1Link{}) })
	on("component.scale.*", func(m *nats.Msg) {
		m.Respond([]byte(`{"success":true,"message":""}`))
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.got) == 0 {
			h.first = time.Now()
		}
		h.got = append(h.got, m)
		if len(h.got) == h.want {
			close(h.full)
		}
	})
	nc.Flush()
	return h
}

func (h *bareHosts) expect(n int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.want, h.got, h.full = n, nil, make(chan struct{})
	return h.full
}

func benchManifest(app string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: %s\n  annotations: {version: v1}\nspec:\n  components:\n", app)
	for i := range benchComponents {
		fmt.Fprintf(&s, "    - name: c%d\n      type: component\n      properties: {image: \"ghcr.io/acme/c%d:1\"}\n      traits:\n        - type: spreadscaler\n          properties: {instances: %d}\n", i, i, benchInstances)
	}
	return s.String()
}

// floor sends the very messages of the last deploy again, from prepared bytes and in the same window, after two compare-and-sets in
// sequence: what no control plane can be faster than.
func (h *bareHosts) floor(b *testing.B, nc *nats.Conn, kv jetstream.KeyValue, round int) time.Duration {
	b.Helper()
	h.mu.Lock()
	messages := slices.Clone(h.got)
	h.mu.Unlock()
	full := h.expect(len(messages))
	window := make(chan struct{}, 64*benchHosts)
	inbox := nc.NewInbox()
	sub, err := nc.Subscribe(inbox+".*", func(*nats.Msg) { <-window })
	if err != nil {
		b.Fatal(err)
	}
	defer sub.Unsubscribe()
	nc.Flush()
	began := time.Now()
	for i := range 2 {
		if _, err := kv.Create(context.Background(), fmt.Sprint("k", round, "-", i), make([]byte, 2000)); err != nil {
			b.Fatal(err)
		}
	}
	for i, m := range messages {
		window <- struct{}{}
		if err := nc.PublishRequest(m.Subject, fmt.Sprint(inbox, ".", i), m.Data); err != nil {
			b.Fatal(err)
		}
	}
	<-full
	return time.Since(began)
}

// BenchmarkDeploy1000 is the time from a deploy request to the arrival of its last command: 100 components × 10 instances on 50 hosts, over a
// real server with models in JetStream files, beside its floor taken in the same round.
func BenchmarkDeploy1000(b *testing.B) {
	srv := natstest.Start(b)
	hosts := startBareHosts(b, natstest.Connect(b, srv))
	client := natstest.Connect(b, srv)
	js, err := jetstream.New(client)
	if err != nil {
		b.Fatal(err)
	}
	kv, err := js.CreateKeyValue(context.Background(), jetstream.KeyValueConfig{Bucket: "floor"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{URL: srv.ClientURL(), Streams: true, Relist: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler), Ready: func(*nats.Conn) { close(ready) },
			Open: func(ctx context.Context, nc *nats.Conn) (Stores, error) {
				s, err := kvstore.Open(ctx, nc, kvstore.Options{})
				if err != nil {
					return Stores{}, err
				}
				return Stores{Models: s, Wishes: s, Runs: s, Leases: s, Close: s.Close}, nil
			}})
	}()
	<-ready
	w := &world{nc: client}

	var values, floors, replied, firsts []float64
	for round := range max(b.N, 7) {
		lattice := fmt.Sprint("l", round) // a new one each round: what the last one left open must not be measured
		ask(b, client, "wadm.api."+lattice+".model.put", benchManifest("app"))
		waitForHosts(b, w, lattice)
		<-time.After(500 * time.Millisecond) // until the ping window has closed: before it, a deploy has to wait
		full := hosts.expect(benchComponents * benchInstances)
		began := time.Now()
		ask(b, client, "wadm.api."+lattice+".model.deploy.app", "{}")
		replied = append(replied, time.Since(began).Seconds()*1000)
		select {
		case <-full:
		case <-time.After(20 * time.Second):
			b.Fatalf("%d commands came", len(hosts.got))
		}
		values = append(values, time.Since(began).Seconds()*1000)
		firsts = append(firsts, hosts.first.Sub(began).Seconds()*1000)
		floors = append(floors, hosts.floor(b, client, kv, round).Seconds()*1000)
	}
	cancel()
	<-done
	slices.Sort(values)
	slices.Sort(floors)
	value, floor := values[len(values)/2], floors[len(floors)/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(value, "ms/deploy")
	b.ReportMetric(floor, "ms/floor")
	slices.Sort(replied)
	slices.Sort(firsts)
	b.ReportMetric(firsts[len(firsts)/2], "ms/first")
	b.ReportMetric(replied[len(replied)/2], "ms/reply")
	b.ReportMetric(value/floor, "×floor")
}

func ask(b *testing.B, nc *nats.Conn, subject, body string) map[string]any {
	b.Helper()
	m, err := nc.Request(subject, []byte(body), 10*time.Second)
	if err != nil {
		b.Fatalf("asking %s: %v", subject, err)
	}
	var reply map[string]any
	if err := json.Unmarshal(m.Data, &reply); err != nil || reply["result"] == "error" {
		b.Fatalf("asking %s: %s", subject, m.Data)
	}
	return reply
}

func try(nc *nats.Conn, subject string) map[string]any {
	var reply map[string]any
	if m, err := nc.Request(subject, nil, time.Second); err == nil {
		_ = json.Unmarshal(m.Data, &reply) // a broken reply is tried again
	}
	return reply
}

func waitForHosts(b *testing.B, w *world, lattice string) {
	b.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		if hosts, _ := try(w.nc, "wadm.api."+lattice+".host.list")["hosts"].([]any); len(hosts) == benchHosts {
			return
		}
		<-tick.C
	}
	b.Fatal("the hosts were not found")
}
