package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// Lattices whose names begin with one of these have hosts of that dialect.
const (
	v1Lattice  = "v1-"
	otpLattice = "otp-"
)

const (
	deployHosts = 50 // of each 1.x lattice
	spreadHosts = 10 // of each OTP lattice

	spreadApp = "spread"
	spreadRef = "registry.example/acme/echo:1.0.0"
	spreadKey = "MAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// message is a command as a host got it.
type message struct {
	Subject string `json:"subject"`
	Body    []byte `json:"body"`
}

// arrivals is when the commands of one turn came, by the wall clock of the machine, which all processes share.
type arrivals struct {
	First int64 `json:"first"` // nanoseconds
	Last  int64 `json:"last"`
}

// bare is hosts that do nothing: they answer questions, acknowledge commands on one connection, and keep what they were sent.
type bare struct {
	nc *nats.Conn

	mu    sync.Mutex
	want  int
	first time.Time
	last  time.Time
	got   []*nats.Msg
}

// hostsRole answers for the hosts of all lattices.
func hostsRole(ctx context.Context, url string, _ []string) error {
	nc, err := nats.Connect(url, nats.Name("bench hosts"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer nc.Close()
	b := &bare{nc: nc}
	for subject, hear := range map[string]nats.MsgHandler{
		"wasmbus.ctl.v1.*.host.ping":         b.pingV1,
		"wasmbus.ctl.v1.*.host.get.*":        b.inventoryV1,
		"wasmbus.ctl.v1.*.link.get":          b.linksV1,
		"wasmbus.ctl.v1.*.component.scale.*": func(m *nats.Msg) { b.command(m, `{"success":true,"message":""}`) },
		"wasmbus.ctl.*.ping.hosts":           b.pingOTP,
		"wasmbus.ctl.*.get.*.inv":            b.inventoryOTP,
		"wasmbus.ctl.*.get.links":            b.linksOTP,
		"wasmbus.ctl.*.cmd.*.la":             func(m *nats.Msg) { b.command(m, `{"accepted":true,"error":""}`) },
		"bench.hosts.expect":                 b.expect,
		"bench.hosts.got":                    b.tell,
	} {
		if _, err := nc.Subscribe(subject, hear); err != nil {
			return fmt.Errorf("listening on %s: %w", subject, err)
		}
	}
	if err := nc.Flush(); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	ready("")
	<-ctx.Done()
	return nil
}

func (b *bare) replyV1(m *nats.Msg, response any) {
	if body, err := wasmbus.EncodeV1Reply(true, "", response); err == nil {
		_ = m.Respond(body) // without an answer the turn never ends, which is told then
	}
}

func token(subject string, n int) string {
	if all := strings.Split(subject, "."); n < len(all) {
		return all[n]
	}
	return ""
}

func numberOf(host string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(host, "N0")) // "" is 0
	return n
}

func (b *bare) pingV1(m *nats.Msg) {
	name := token(m.Subject, 3)
	if !strings.HasPrefix(name, v1Lattice) {
		return
	}
	for i := range deployHosts {
		b.replyV1(m, wasmbus.V1HostSummary{ID: hostID(i), FriendlyName: hostID(i), Labels: labels(i), Version: "1.9.2", Lattice: name, UptimeSeconds: 9})
	}
}

func (b *bare) inventoryV1(m *nats.Msg) {
	id := token(m.Subject, 6)
	b.replyV1(m, wasmbus.V1Inventory{HostID: id, FriendlyName: id, Version: "1.9.2", Labels: labels(numberOf(id)), UptimeSeconds: 9,
		Components: []wasmbus.V1InventoryComponent{}, Providers: []wasmbus.V1InventoryProvider{}})
}

func (b *bare) linksV1(m *nats.Msg) { b.replyV1(m, []wasmbus.V1Link{}) }

func (b *bare) pingOTP(m *nats.Msg) {
	name := token(m.Subject, 2)
	if !strings.HasPrefix(name, otpLattice) {
		return
	}
	for i := range spreadHosts {
		reply(m, wasmbus.OTPHostSummary{ID: hostID(i), FriendlyName: hostID(i), Labels: labels(i), Version: "0.63.1", LatticePrefix: name, UptimeSeconds: 9})
	}
}

// inventoryOTP shows one instance, on the first host.
func (b *bare) inventoryOTP(m *nats.Msg) {
	id := token(m.Subject, 4)
	inv := wasmbus.OTPInventory{HostID: id, FriendlyName: id, Labels: labels(numberOf(id)), Actors: []wasmbus.OTPInventoryActor{}, Providers: []wasmbus.OTPInventoryProvider{}}
	if id == hostID(0) {
		inv.Actors = append(inv.Actors, wasmbus.OTPInventoryActor{ID: spreadKey, ImageRef: spreadRef, Name: "echo", Instances: []wasmbus.OTPInventoryInstance{
			{Annotations: wasmbus.OTPAnnotations{lattice.AppAnnotation: spreadApp}, InstanceID: "00000000-0000-4000-8000-000000000000", Revision: 1}}})
	}
	reply(m, inv)
}

func (b *bare) linksOTP(m *nats.Msg) { reply(m, wasmbus.OTPLinksReply{Links: []wasmbus.OTPLinkdef{}}) }

// command acknowledges at once and notes the time.
func (b *bare) command(m *nats.Msg, ack string) {
	now := time.Now()
	_ = m.Respond([]byte(ack)) // without an answer the turn never ends, which is told then
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.got) == 0 {
		b.first = now
	}
	b.last = now
	b.got = append(b.got, m)
	if len(b.got) == b.want {
		data, err := json.Marshal(arrivals{b.first.UnixNano(), b.last.UnixNano()})
		if err == nil {
			_ = b.nc.Publish("bench.hosts.full", data) // as above
		}
	}
}

// expect begins a turn: bench.hosts.full follows when so many commands have come.
func (b *bare) expect(m *nats.Msg) {
	b.mu.Lock()
	b.got, b.want = nil, 0
	_ = json.Unmarshal(m.Data, &b.want) // 0 is never reached
	b.mu.Unlock()
	reply(m, true)
}

// tell hands over the commands of the turn, from the given place on, as many as fit into one answer.
func (b *bare) tell(m *nats.Msg) {
	var from int
	_ = json.Unmarshal(m.Data, &from) // 0 is where it begins
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []message{}
	for size := 0; from+len(out) < len(b.got) && size < 400_000; {
		one := b.got[from+len(out)]
		out = append(out, message{one.Subject, one.Data})
		size += len(one.Subject) + len(one.Data)
	}
	reply(m, out)
}
