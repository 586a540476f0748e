package sim

import (
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wasmbus"
)

// steer sends a control request of the simulator and returns its answer.
func steer(t *testing.T, nc *nats.Conn, verb, host, body string) ControlReply {
	t.Helper()
	m, err := nc.Request(ControlSubject("default", verb, host), []byte(body), 5*time.Second)
	if err != nil {
		t.Fatalf("%s %s: %v", verb, host, err)
	}
	var r ControlReply
	if err := json.Unmarshal(m.Data, &r); err != nil {
		t.Fatalf("%s %s: %v\n%s", verb, host, err, m.Data)
	}
	return r
}

// In real time and over a socket: what wadm dev and wadm sim do.
func TestHostsAreSteeredOverNATS(t *testing.T) {
	srv := natstest.Start(t)
	c := NewCluster(Options{Timing: FastTiming()})
	a := c.AddHost(HostSpec{Name: "host-a"})
	c.AddHost(HostSpec{Name: "host-b", Labels: map[string]string{"name": "bee"}})
	hosts, err := StartHosts(natstest.Connect(t, srv), c)
	if err != nil {
		t.Fatal(err)
	}
	nc := natstest.Connect(t, srv)
	events, err := nc.SubscribeSync(wasmbus.V1Events("default"))
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	alive := func(id string) bool {
		_, err := nc.Request(ctlV1.HostGet(id), nil, 5*time.Second)
		if err != nil && !errors.Is(err, nats.ErrNoResponders) {
			t.Fatalf("asking %s: %v", id, err)
		}
		return err == nil
	}
	if !alive(a) {
		t.Error("host-a does not answer")
	}
	if r := steer(t, nc, "kill", "host-a", ""); !r.Success || r.Host != a || r.Name != "host-a" {
		t.Errorf("kill: %+v", r)
	}
	if alive(a) {
		t.Error("host-a answers after it was killed")
	}
	if r := steer(t, nc, "kill", a, ""); r.Success {
		t.Errorf("killing the dead: %+v", r)
	}
	if r := steer(t, nc, "return", a, ""); !r.Success || !alive(a) {
		t.Errorf("return: %+v", r)
	}
	if r := steer(t, nc, "slow", "bee", `{"factor":3}`); !r.Success || r.Name != "host-b" || !strings.Contains(r.Message, "3 times") {
		t.Errorf("slow: %+v", r)
	}
	if r := steer(t, nc, "stop", "host-b", ""); !r.Success {
		t.Errorf("stop: %+v", r)
	}
	for want := "host_stopped"; ; {
		m, err := events.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatalf("waiting for %s: %v", want, err)
		}
		if strings.HasSuffix(m.Subject, want) {
			e, err := wasmbus.DecodeV1Event(m.Subject, m.Data)
			if err != nil {
				t.Fatal(err)
			}
			if at, err := time.Parse(time.RFC3339Nano, e.Time); err != nil || time.Since(at).Abs() > time.Minute {
				t.Errorf("the event's time is %q (%v), not the real one", e.Time, err)
			}
			break
		}
	}
	for _, bad := range []struct{ verb, host, body string }{{"kill", "host-z", ""}, {"melt", "host-a", ""}, {"slow", "host-a", "{"}, {"slow", "host-a", `{"factor":-1}`}} {
		if r := steer(t, nc, bad.verb, bad.host, bad.body); r.Success || r.Message == "" {
			t.Errorf("%v: %+v", bad, r)
		}
	}
	hosts.Do(func(c *Cluster) {
		if n := len(c.Truth().Hosts); n != 1 {
			t.Errorf("%d hosts live in truth, want one", n)
		}
	})
	hosts.Close()
	if alive(a) {
		t.Error("a host answers after Close")
	}
	hosts.Do(func(*Cluster) { t.Error("the cluster is used after Close") })
}

func TestAQueueGroupIsTheServersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		c := NewCluster(Options{})
		for range 3 {
			c.AddHost(HostSpec{})
		}
		hosts, err := StartHosts(natstest.Connect(t, srv), c)
		if err != nil {
			t.Fatal(err)
		}
		defer hosts.Close()
		nc := natstest.Connect(t, srv)
		sources := map[string]int{}
		if _, err := nc.Subscribe(wasmbus.V1Events("default"), func(m *nats.Msg) {
			e, err := wasmbus.DecodeV1Event(m.Subject, m.Data)
			if err != nil {
				t.Error(err)
			}
			if _, ok := e.Data.(wasmbus.V1ConfigSet); ok {
				sources[e.Host]++
			}
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 60 {
			if err := nc.Publish(ctlV1.ConfigPut("c"), []byte(`{"k":"v"}`)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second) // virtual time: the writes of the hosts take some
		synctest.Wait()
		total := 0
		for _, n := range sources {
			total += n
		}
		if total != 60 || len(sources) != 3 {
			t.Errorf("60 requests were handled by the hosts %v", sources)
		}
	})
}

func TestAnHourOfHeartbeatsPassesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		c := NewCluster(Options{Dialect: wasmbus.DialectOTP})
		c.AddHost(HostSpec{})
		hosts, err := StartHosts(natstest.Connect(t, srv), c)
		if err != nil {
			t.Fatal(err)
		}
		defer hosts.Close()
		nc := natstest.Connect(t, srv)
		var n atomic.Int64
		if _, err := nc.Subscribe(wasmbus.OTPEventSubject("default"), func(*nats.Msg) { n.Add(1) }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		n.Store(0)                          // what was heard of the start
		time.Sleep(time.Hour + time.Second) // virtual time
		synctest.Wait()
		if n.Load() != 120 {
			t.Errorf("%d heartbeats in an hour, want 120", n.Load())
		}
	})
}
