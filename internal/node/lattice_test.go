package node

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// TestTheLatticeIsTold deploys on OTP hosts and asks a process that does not own the lattice.
func TestTheLatticeIsTold(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectOTP, 3)
		w.start(func(c *Config) { c.Streams = false })
		w.start(func(c *Config) { c.Streams = false })
		w.deploy("default", helloOTP)
		w.untilStatus("default", "deployed", time.Minute)
		event, err := wasmbus.EncodeEvent(wasmbus.Envelope{ID: "1", Source: "N1", Time: "2022-12-01T00:00:00Z"}, wasmbus.OTPInvocationSucceeded{
			Bytes: 412, Operation: "HttpServer.HandleRequest", Source: wasmbus.OTPEntity{PublicKey: "VHTTP"}, Dest: wasmbus.OTPEntity{PublicKey: "MWEB"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.nc.Publish("wasmbus.rpcevt.default", event); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		for range 20 { // whichever of the two answers
			var reply wadmapi.LatticeReply
			m, err := w.nc.Request(wadmapi.LatticeGetSubject("default"), nil, 5*time.Second)
			if err == nil {
				err = json.Unmarshal(m.Data, &reply)
			}
			if err != nil || reply.Result != wadmapi.ResultSuccess {
				t.Fatalf("%v %+v", err, reply)
			}
			judgeLattice(t, reply.Lattice)
		}
		for _, subject := range []string{"wadm.api.default.lattice.get.x", "wadm.api.default.lattice.put"} {
			if r := w.ask(subject, ""); r["result"] != "error" || !strings.Contains(fmt.Sprint(r["message"]), "Unsupported") {
				t.Errorf("%s: %v", subject, r)
			}
		}
		if r := w.ask("wadm.api.other.lattice.get", ""); r["result"] != "error" || !strings.Contains(fmt.Sprint(r["message"]), "lattice other") {
			t.Errorf("a lattice without an owner: %v", r)
		}
	})
}

// TestTheLatticeIsToldInBothGenerations asks a server of generation 0.3, to which nothing was deployed: it is no operation of 0.3.0, so the reply is the same.
func TestTheLatticeIsToldInBothGenerations(t *testing.T) {
	for _, g := range []wadmapi.Generation{wadmapi.Generation021, wadmapi.Generation03} {
		t.Run(g.String(), func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) {
				w := newWorld(t, wasmbus.DialectOTP, 2)
				w.start(func(c *Config) { c.Generation = g })
				time.Sleep(10 * time.Second)
				r := w.ask("wadm.api.default.lattice.get", "")
				seen, _ := r["lattice"].(map[string]any)
				if hosts, _ := seen["hosts"].([]any); r["result"] != "success" || len(hosts) != 2 {
					t.Errorf("%v", r)
				}
			})
		})
	}
}

func judgeLattice(t *testing.T, l *wadmapi.Lattice) {
	t.Helper()
	instances := 0
	for _, c := range append(l.Components, l.Providers...) {
		for _, i := range c.Instances {
			instances += i.Count
			if first, err := time.Parse(time.RFC3339, i.FirstSeen); err != nil || i.ID == "" || i.App != "hello" || time.Since(first) < time.Minute || i.Age < 60 {
				t.Errorf("%+v: %v", i, err)
			}
		}
		if l.Claims[c.ID].Issuer == "" || c.Issuer != l.Claims[c.ID].Issuer {
			t.Errorf("%s has the claims %+v", c.ID, l.Claims[c.ID])
		}
	}
	for _, h := range l.Hosts {
		if h.Status != "healthy" || h.BeatAge == nil || h.Age > 31 || h.Labels["zone"] == "" {
			t.Errorf("%+v", h)
		}
	}
	if instances != 5 || len(l.Hosts) != 3 || len(l.Components) != 1 || len(l.Providers) != 1 || len(l.Links) != 1 || len(l.RefMap) != 2 || len(l.LeftOut) != 0 {
		t.Errorf("%d instances in %+v", instances, l)
	}
	if len(l.Invocations) != 1 || l.Invocations[0].Succeeded != 1 || l.Invocations[0].Bytes != 412 || l.Invocations[0].Operation != "HttpServer.HandleRequest" {
		t.Errorf("%+v", l.Invocations)
	}
	if l.Parameters.HostStatusDecay != 35 || l.ID != "default" {
		t.Errorf("%+v of %s", l.Parameters, l.ID)
	}
}

// TestASilentHostGetsWorse lets a host fall silent that its machine still answers for: nothing is done, and the status tells the age.
func TestASilentHostGetsWorse(t *testing.T) {
	h := lattice.HostSnapshot{ID: "N1", FirstSeen: 0, LastSeen: time.Second, LastBeat: time.Second, Status: lattice.Fail}
	got := renderLattice(lattice.Snapshot{At: 71 * time.Second, Hosts: []lattice.HostSnapshot{h}}, time.Date(2022, 12, 1, 0, 1, 11, 0, time.UTC)).Lattice.Hosts[0]
	beat := 70.0
	want := wadmapi.LatticeHost{ID: "N1", Labels: map[string]string{}, Status: "fail", FirstSeen: "2022-12-01T00:00:00Z", LastSeen: "2022-12-01T00:00:01Z", Age: 70, BeatAge: &beat}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestALatticeFitsIntoAMessage(t *testing.T) {
	const many = 5000
	s := lattice.New()
	for i := range many {
		id := fmt.Sprintf("M%055d", i)
		s.Apply(lattice.Started{Host: lattice.HostID(fmt.Sprintf("N%055d", i%50)), Key: lattice.Key{ID: id}, Ref: fmt.Sprint("registry.example/x:", i), Instance: fmt.Sprint(i)}, 0)
		s.Apply(lattice.Claimed{ID: id, Claims: lattice.Claims{Name: strings.Repeat("<", 100)}}, 0)
	}
	for _, largest := range []int{1 << 20, 64 << 10, 4 << 10} {
		body := fitLattice(s.Snapshot(0, 0, latticeLimit), time.Now(), largest)
		var reply wadmapi.LatticeReply
		if err := json.Unmarshal(body, &reply); err != nil || len(body) > largest {
			t.Fatalf("%d bytes of at most %d: %v", len(body), largest, err)
		}
		l := reply.Lattice
		if n := len(l.Components); n == 0 || n+l.LeftOut["components"] != many || len(l.RefMap)+l.LeftOut["refmap"] != many || len(l.Claims)+l.LeftOut["claims"] != many ||
			!strings.Contains(reply.Message, "too large") {
			t.Errorf("%d components of %d, left out %v: %s", n, many, l.LeftOut, reply.Message)
		}
	}
}
