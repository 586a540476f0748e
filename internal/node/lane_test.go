package node

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// gate is a way to a server that can be shut: what goes through it is cut, and nobody gets in.
type gate struct {
	srv *server.Server

	mu    sync.Mutex
	shut  bool
	conns []net.Conn
	tries int
}

// InProcessConn implements nats.InProcessConnProvider.
func (g *gate) InProcessConn() (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tries++
	if g.shut {
		return nil, errors.New("the gate is shut")
	}
	c, err := g.srv.InProcessConn()
	if err == nil {
		g.conns = append(g.conns, c)
	}
	return c, err
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if !shut {
		return
	}
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
}

// apart gives the lattice "far" hosts on a server of its own, behind a gate.
func (w *world) apart(n int) (*gate, *sim.Hosts) {
	w.t.Helper()
	g := &gate{srv: natstest.InProcess(w.t)}
	near, all := w.srv, w.hosts
	w.srv = g.srv
	w.startHosts("far", wasmbus.DialectV1, n)
	far := w.hosts
	w.srv, w.hosts = near, all
	return g, far
}

// through is how the lattice "far" is reached, with a process on the world's own server.
func (w *world) through(g *gate) func(*Config) {
	return func(c *Config) {
		c.Lattices = []string{"default", "far"}
		c.Reach = func(name string) Reach {
			if name == "far" {
				return Reach{Options: []nats.Option{nats.InProcessServer(g)}, Dialect: lattice.V1}
			}
			return Reach{Options: c.Options}
		}
	}
}

func started(h *sim.Hosts) (instances, commands int) {
	h.Do(func(c *sim.Cluster) {
		commands = len(c.Journal())
		for _, h := range c.Truth().Hosts {
			for _, one := range h.Components {
				instances += one.Count
			}
		}
	})
	return instances, commands
}

func TestTheLossOfOneLatticesConnectionFreezesItAlone(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 2)
		g, far := w.apart(2)
		w.start(w.through(g))
		w.deploy("default", helloV1)
		w.deploy("far", helloV1)
		w.untilStatus("default", "deployed", time.Minute)
		w.untilStatus("far", "deployed", time.Minute)
		_, before := started(far)

		g.set(true)
		w.until("the status says so", 10*time.Second, func() bool {
			_, message := w.status("far")
			return strings.Contains(message, "lattice far cannot be reached since ") && strings.Contains(message, "the gate is shut")
		})
		w.ask("wadm.api.far.model.undeploy.hello", "{}") // asked for meanwhile, and done afterwards
		w.hosts.Do(func(c *sim.Cluster) {
			if err := c.Kill("host-0"); err != nil {
				t.Fatal(err)
			}
		})
		w.until("the other lattice is healed", 3*time.Minute, func() bool { components, _ := w.running(); return components == 4 })
		w.untilStatus("default", "deployed", 10*time.Second)
		if _, message := w.status("default"); strings.Contains(message, "reached") {
			t.Errorf("the status of the other lattice: %s", message)
		}
		if n := w.log.Count("the hosts cannot be reached"); n != 1 {
			t.Errorf("the loss is logged %d times, want once for one reason\n%s", n, w.log)
		}
		if _, n := started(far); n != before {
			t.Errorf("%d commands went through a shut gate", n-before)
		}

		g.set(false)
		w.untilStatus("far", "undeployed", time.Minute)
		if n, _ := started(far); n != 0 {
			t.Errorf("%d instances still run", n)
		}
		if w.log.Count("the hosts can be reached again") != 1 {
			t.Error("the return is not logged once")
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.tries > 30 {
			t.Errorf("the gate was tried %d times in three minutes", g.tries)
		}
	})
}

func TestAShortLossShowsInNoStatus(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 1)
		g, far := w.apart(2)
		w.start(w.through(g))
		w.deploy("far", helloV1)
		w.untilStatus("far", "deployed", time.Minute)
		_, before := started(far)
		g.set(true)
		g.set(false)
		w.until("it is back", 10*time.Second, func() bool { return w.log.Count("the hosts can be reached again") == 1 })
		time.Sleep(2 * time.Minute)
		if kind, message := w.status("far"); kind != "deployed" || message != "" {
			t.Errorf("the status is %s: %s", kind, message)
		}
		if _, n := started(far); n != before {
			t.Errorf("%d commands were sent", n-before)
		}
	})
}

func TestALatticeThatIsNotThereAtTheStartIsTriedUntilItIs(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 2)
		g, far := w.apart(2)
		g.set(true)
		w.start(w.through(g))
		w.deploy("default", helloV1)
		w.untilStatus("default", "deployed", time.Minute)
		w.deploy("far", helloV1)
		w.until("the status says so", 10*time.Second, func() bool {
			kind, message := w.status("far")
			return kind == "waiting" && strings.Contains(message, "lattice far cannot be reached")
		})
		time.Sleep(10 * time.Minute)
		g.mu.Lock()
		tries := g.tries
		g.mu.Unlock()
		if tries < 15 || tries > 60 {
			t.Errorf("tried %d times in ten minutes", tries)
		}
		g.set(false)
		w.untilStatus("far", "deployed", time.Minute)
		if n, _ := started(far); n != 4 {
			t.Errorf("%d instances run", n)
		}
	})
}

func TestEachLatticeHasAConnectionThatBearsItsName(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		var fail sync.Once
		f := &factory{step: func(m *fakeMachine, _ time.Duration, _ []engine.Input) engine.Output {
			if m.cfg.Lattice == "b" {
				fail.Do(func() { panic("a test") })
			}
			return engine.Output{Wake: -1}
		}}
		r := w.start(func(c *Config) { c.Machine, c.Lattices = f.machine, []string{"a", "b", "c"} })
		names := func() []string {
			z, err := w.srv.Connz(nil)
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, c := range z.Conns {
				if c.Name != "" {
					all = append(all, c.Name)
				}
			}
			slices.Sort(all)
			return all
		}
		w.until("four connections", 5*time.Second, func() bool { return slices.Equal(names(), []string{"wadm", "wadm a", "wadm b", "wadm c"}) })
		w.until("an owner started again", 10*time.Second, func() bool { return len(f.all("b")) == 2 })
		if n := len(names()); n != 4 {
			t.Errorf("after an owner was started again: %q", names())
		}
		r.stop(t)
		w.until("none after the end", time.Second, func() bool { return len(names()) == 0 })
	})
}

func TestWhatCannotBeMadeReadyIsToldAndTriedAllTheSame(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 1)
		g, _ := w.apart(2)
		var mu sync.Mutex
		unready := errors.New("no secret today")
		w.start(w.through(g), func(c *Config) {
			reach := c.Reach
			c.Reach = func(name string) Reach {
				r := reach(name)
				if name != "far" {
					return r
				}
				r.Prepare = func(ctx context.Context) error {
					if _, bounded := ctx.Deadline(); !bounded {
						t.Error("it may take for ever")
					}
					mu.Lock()
					defer mu.Unlock()
					return unready
				}
				r.Options = append(r.Options, func(o *nats.Options) error {
					o.UserJWT = func() (string, error) { // nats.UserJWT asks once by itself
						mu.Lock()
						defer mu.Unlock()
						return "", unready
					}
					return nil
				})
				return r
			}
		})
		w.deploy("far", helloV1)
		w.until("the status says so", 10*time.Second, func() bool {
			_, message := w.status("far")
			return strings.Contains(message, "no secret today")
		})
		if n := w.log.Count("no secret today"); n > 2 {
			t.Errorf("logged %d times\n%s", n, w.log)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		unready = nil
		mu.Unlock()
		w.untilStatus("far", "deployed", time.Minute)
	})
}

func TestAnOptionThatIsNoneIsTheLatticesTrouble(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 2)
		w.start(func(c *Config) {
			c.Lattices = []string{"default", "far"}
			c.Reach = func(name string) Reach {
				r := Reach{Options: c.Options}
				if name == "far" {
					r.Options = []nats.Option{func(*nats.Options) error { return errors.New("no such file") }}
				}
				return r
			}
		})
		w.deploy("default", helloV1)
		w.untilStatus("default", "deployed", time.Minute)
		if w.log.Count("no such file") == 0 {
			t.Error("nothing is said")
		}
	})
}

func TestPausesGrow(t *testing.T) {
	const wait = 2 * time.Second
	for n, want := range map[int]time.Duration{1: wait, 5: wait, 6: 2 * wait, 7: 4 * wait, 9: longestWait, 1000: longestWait} {
		if got := pauseBefore(n, wait); got < want || got > want+want/5 {
			t.Errorf("before try %d it waits %s, want %s or a little more", n, got, want)
		}
	}
}
