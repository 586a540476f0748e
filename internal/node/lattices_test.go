package node

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

func TestALatticeIsFound(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{}
		w.start(func(c *Config) { c.Machine = f.machine })
		w.ask("wadm.api.quiet.model.put", helloV1)
		w.deploy("loud", helloV1)
		w.until("the manifest event names it", 500*time.Millisecond, func() bool { return len(f.all("loud")) == 1 })
		if len(f.all("quiet")) != 0 {
			t.Error("a lattice with a model alone was found before the stores were listed again")
		}
		w.until("the list names it", 11*time.Second, func() bool { return len(f.all("quiet")) == 1 })
		w.until("its records are handed over", time.Second, func() bool {
			m := f.all("loud")[0]
			return m.seen(is[engine.SnapshotEnd]) == 1 && m.seen(is[engine.WishSeen]) == 1 && m.seen(is[engine.ModelSeen]) == 1
		})
	})
}

func TestADeployThatChangesNothingIsANudge(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{}
		w.start(func(c *Config) { c.Machine = f.machine })
		w.deploy("default", helloV1)
		time.Sleep(time.Second)
		before := f.last().seen(is[engine.Nudged])
		w.ask("wadm.api.default.model.deploy.hello", "{}")
		w.until("a nudge", time.Second, func() bool { return f.last().seen(is[engine.Nudged]) == before+1 })
		for _, body := range []string{"", "[]", `{"data":{"metadata":{"name":"a.b"}}}`} {
			if err := w.nc.Publish("wadm.evt.default.manifest_published", []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if n := f.last().seen(is[engine.Nudged]); n != before+1 {
			t.Errorf("%d nudges: a broken event was one", n)
		}
	})
}

func TestTimesGrowAndABurstIsOneStep(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{step: func(_ *fakeMachine, now time.Duration, ins []engine.Input) engine.Output {
			if is[engine.Nudged](ins[0]) {
				time.Sleep(100 * time.Millisecond) // a long step, in which a burst comes
			}
			return engine.Output{Wake: -1}
		}}
		w.start(func(c *Config) { c.Machine = f.machine })
		w.until("an owner", 3*time.Second, func() bool { return f.last() != nil && f.last().seen(is[engine.SnapshotEnd]) == 1 })
		steps := len(f.last().times)
		for range 200 {
			if err := w.nc.Publish("wadm.evt.default.manifest_published", []byte(`{"data":{"metadata":{"name":"hello"}}}`)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		m := f.last()
		if n := m.seen(is[engine.Nudged]); n != 200 {
			t.Errorf("%d of 200 inputs arrived", n)
		}
		if n := len(m.times) - steps; n > 20 {
			t.Errorf("a burst made %d steps", n)
		}
		for i := 1; i < len(m.times); i++ {
			if m.times[i] <= m.times[i-1] {
				t.Fatalf("the time of step %d is not later than the one before", i)
			}
		}
	})
}

func (w *world) listHosts(name string) wadmapi.HostsReply {
	w.t.Helper()
	m, err := w.nc.Request("wadm.api."+name+".host.list", nil, 5*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	var reply wadmapi.HostsReply
	if err := json.Unmarshal(m.Data, &reply); err != nil {
		w.t.Fatalf("%s", m.Data)
	}
	return reply
}

func TestHostList(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 2)
		a, _ := w.startCut(nil, "a")
		w.deploy("default", helloV1)
		w.untilStatus("default", "deployed", time.Minute)
		time.Sleep(40 * time.Second)
		reply := w.listHosts("default")
		if reply.Result != wadmapi.ResultSuccess || len(reply.Hosts) != 2 {
			t.Fatalf("the reply is %+v", reply)
		}
		count := 0
		for _, h := range reply.Hosts {
			if h.State != "alive" || !strings.HasPrefix(h.Name, "host-") || h.Labels["zone"] == "" || h.BeatAge == nil || *h.BeatAge > 30 || h.Dialect != "v1" {
				t.Errorf("a host is %+v", h)
			}
			for _, r := range h.Runs {
				if r.Kind == "component" {
					count += r.Count
					want := wadmapi.Running{Kind: "component", ID: "hello-web", Reference: "ghcr.io/acme/web:1", Count: r.Count, App: "hello", Component: "web", Spread: "default"}
					if diff := cmp.Diff(want, r); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				}
			}
		}
		if count != 4 {
			t.Errorf("%d instances are listed", count)
		}

		w.startCut(nil, "b")
		a.p.api.Stop(t.Context()) // now the process that does not own the lattice answers
		if reply := w.listHosts("default"); len(reply.Hosts) != 2 {
			t.Errorf("through the other process: %+v", reply)
		}
		if reply := w.listHosts("nowhere"); reply.Result != wadmapi.ResultError || !strings.Contains(reply.Message, "nowhere") {
			t.Errorf("a lattice that nobody owns: %+v", reply)
		}
	})
}

func TestASilentHostIsListedAsSuch(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 2)
		w.start()
		w.until("both hosts are known", 5*time.Second, func() bool { return len(w.listHosts("default").Hosts) == 2 })
		time.Sleep(35 * time.Second)
		w.hosts.Do(func(c *sim.Cluster) {
			if err := c.Cut("host-0", true); err != nil {
				t.Fatal(err)
			}
		})
		w.until("one is silent", 80*time.Second, func() bool {
			for _, h := range w.listHosts("default").Hosts {
				if h.State == "silent" {
					return true
				}
			}
			return false
		})
	})
}

func TestAgesAreThoseOfTheMomentOfAsking(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 1)
		w.start()
		w.until("the host is known", 5*time.Second, func() bool { return len(w.listHosts("default").Hosts) == 1 })
		time.Sleep(35 * time.Second)
		w.hosts.Do(func(c *sim.Cluster) {
			if err := c.Cut("host-0", true); err != nil {
				t.Fatal(err)
			}
		})
		time.Sleep(40 * time.Second) // in which nothing happens that would have the owner look up
		if hosts := w.listHosts("default").Hosts; len(hosts) != 1 || hosts[0].Age < 40 || *hosts[0].BeatAge < 40 {
			t.Errorf("after 40 silent seconds the list says %+v", hosts)
		}
	})
}

func TestRenderingHosts(t *testing.T) {
	got := renderHosts(engine.View{Mixed: true, Hosts: []engine.HostView{{ID: "N1", Dialect: lattice.OTP, Beat: -1, Doubtful: true, Runs: []engine.RunView{
		{Kind: lattice.Provider, ID: "V1", Link: "default", Ref: "r/p:1", Count: 1},
		{ID: "M1", Ref: "r/c:1", App: "old", Count: 2, Orphan: true},
	}}}})
	want := wadmapi.HostsReply{Result: wadmapi.ResultSuccess, Message: "1 hosts, of both dialects: nothing is done until --lattice-dialect says which one counts",
		Hosts: []wadmapi.Host{{ID: "N1", Dialect: "otp", State: "busy", Labels: map[string]string{}, Runs: []wadmapi.Running{
			{Kind: "provider", ID: "V1", Link: "default", Reference: "r/p:1", Count: 1},
			{Kind: "component", ID: "M1", Reference: "r/c:1", App: "old", Count: 2, Orphan: true},
		}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
