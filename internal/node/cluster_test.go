package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/cluster"
	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// cluster asks all processes.
func (w *world) cluster() wadmapi.Cluster {
	w.t.Helper()
	c, err := client.New(w.nc, "default")
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := c.Cluster(w.t.Context())
	if err != nil {
		w.t.Fatalf("asking the cluster: %v", err)
	}
	return all
}

// owner is who owns a lattice by what the processes say, with the epoch.
func (w *world) owner(lattice string) string {
	w.t.Helper()
	for _, l := range w.cluster().Lattices {
		if l.Lattice == lattice && l.Owner != "" {
			return fmt.Sprintf("%s %d", l.Owner, l.Epoch)
		}
	}
	return "nobody"
}

func named(name string) func(*Config) { return func(c *Config) { c.Name = name } }

// In what follows host-a is the rightful owner of the lattice default among host-a and host-b.

func TestTheRightfulOwnerTakesOverWithoutACommand(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 3)
		w.start(named("host-b"))
		w.deploy("default", helloV1)
		w.untilStatus("default", "deployed", time.Minute)
		sent := w.commands()
		if got := w.owner("default"); got != "host-b 1" {
			t.Fatalf("alone, the owner is %s", got)
		}
		w.start(named("host-a"))
		joined := time.Now()
		w.until("host-a owns the lattice", 10*time.Second, func() bool { return w.owner("default") == "host-a 2" })
		if took := time.Since(joined); took < 3*time.Second {
			t.Errorf("handed over after %s, before it could be known that host-a stays", took)
		}
		gap := w.ownerless("default", time.Second)
		if gap > 200*time.Millisecond {
			t.Errorf("for %s nobody owned the lattice", gap)
		}
		time.Sleep(5 * time.Minute)
		if got := w.owner("default"); got != "host-a 2" {
			t.Errorf("minutes later, the owner is %s", got)
		}
		if n := w.commands() - sent; n != 0 {
			t.Errorf("the hand-over sent %d commands\n%s", n, w.log)
		}
		if n := w.log.Count("does not own the lattice any more"); n != 0 {
			t.Errorf("a hand-over was told as a loss\n%s", w.log)
		}
		if kind, message := w.status("default"); kind != "deployed" || message != "" {
			t.Errorf("status %s: %q", kind, message)
		}
	})
}

// ownerless is how long from now on nobody owns a lattice, at most so long.
func (w *world) ownerless(lattice string, most time.Duration) time.Duration {
	w.t.Helper()
	began := time.Now()
	for w.owner(lattice) == "nobody" && time.Since(began) < most {
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

// TestAHandOverWaitsForWhatIsUnderWay: commands that wait for their answers, and records that are being written, are finished first.
func TestAHandOverWaitsForWhatIsUnderWay(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{step: func(_ *fakeMachine, _ time.Duration, ins []engine.Input) engine.Output {
			out := engine.Output{Wake: -1}
			if is[engine.Nudged](ins[0]) {
				out.Save = []engine.Save{{ID: 1, App: "hello", Run: engine.Run{App: "hello", Epoch: 1}}}
			}
			return out
		}}
		cut := &cutStore{Stores: Stores{Models: w.store, Wishes: w.store, Runs: w.store, Leases: w.store}}
		w.start(named("host-b"), func(c *Config) {
			c.Machine = f.machine
			c.Open = func(context.Context, *nats.Conn) (Stores, error) { return cut.stores(), nil }
		})
		w.until("host-b owns the lattice", 3*time.Second, func() bool { return w.owner("default") == "host-b 1" })
		w.start(named("host-a"))
		w.until("the hand-over begins", 10*time.Second, func() bool {
			// The record is being written all the time, 300 ms each, until it begins.
			cut.slow.Store(int64(300 * time.Millisecond))
			if f.last().seen(is[engine.Nudged]) > f.last().seen(is[engine.Saved]) {
				return w.log.Count("handing the lattice over") == 1
			}
			if err := w.nc.Publish("wadm.evt.default.manifest_published", []byte(`{"data":{"metadata":{"name":"hello"}}}`)); err != nil {
				t.Fatal(err)
			}
			return false
		})
		w.until("host-a owns the lattice", 5*time.Second, func() bool { return w.owner("default") == "host-a 2" })
		r, _, err := w.store.Run(context.Background(), "default", "hello")
		if err != nil || r.Epoch != 1 {
			t.Errorf("the record of the old owner is %+v (%v)", r, err)
		}
		if n := w.log.Count("the owner failed"); n != 0 {
			t.Errorf("an owner failed\n%s", w.log)
		}
	})
}

// TestAnOwnerThatIsKilledIsFollowedWithinLeaseAndASecond, at whatever moment between two renewals and two looks.
func TestAnOwnerThatIsKilledIsFollowedWithinLeaseAndASecond(t *testing.T) {
	for _, name := range []string{"host-a", "host-b"} { // the rightful owner, and the other one, which has come first
		for offset := time.Duration(0); offset < time.Second; offset += 130 * time.Millisecond {
			natstest.Bubble(t, func(t *testing.T) {
				w := emptyWorld(t)
				f := &factory{}
				id := strings.TrimPrefix(name, "host-")
				a, cut := w.startCut(f, id)
				time.Sleep(1200 * time.Millisecond)
				next := map[string]string{"a": "b", "b": "a"}[id]
				w.startCut(f, next)
				time.Sleep(1500*time.Millisecond + offset)
				cut.off.Store(true)
				a.p.nc.Close()
				killed := time.Now()
				w.until("the other one owns the lattice", store.LeaseTTL+time.Second, func() bool { return f.last().cfg.Epoch == 2 })
				if took := time.Since(killed); took > store.LeaseTTL+time.Second {
					t.Errorf("%s killed %s after something: followed after %s", name, offset, took)
				}
			})
		}
	}
}

// TestALatticeStaysWithWhoCanWorkForIt: the rightful owner lives, and cannot reach the store.
func TestALatticeStaysWithWhoCanWorkForIt(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{}
		_, cut := w.startCut(f, "a")
		w.startCut(f, "b")
		time.Sleep(5 * time.Second)
		cut.off.Store(true)
		w.until("host-b owns the lattice", 6*time.Second, func() bool { return w.owner("default") == "host-b 2" })
		if n := w.log.Count("this process does not own the lattice any more"); n != 1 {
			t.Errorf("the loss of the lease was said %d times\n%s", n, w.log)
		}
		for range 60 {
			time.Sleep(5 * time.Second)
			if got := w.owner("default"); got != "host-b 2" {
				t.Fatalf("the owner is %s\n%s", got, w.log)
			}
		}
		cut.off.Store(false)
		w.until("host-a can reach the store again, and owns the lattice", 10*time.Second, func() bool { return w.owner("default") == "host-a 3" })
	})
}

// TestALatticeStaysWithWhoCanReachItsHosts: the rightful owner lives, has its lease, and cannot reach the hosts, as with credentials of its own that are
// wrong. It gives the lattice up after a moment, and does not take it back again and again.
func TestALatticeStaysWithWhoCanReachItsHosts(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 0)
		open, _ := w.apart(2)
		shut := &gate{srv: open.srv}
		shut.set(true)
		tends := []wadmapi.BeatLattice{{Name: "far", Stand: wadmapi.StandWaits}}
		m := cluster.New(wadmapi.Beat{Name: "host-a", ID: "1"}, cluster.Rules{})
		m.Hear(wadmapi.Beat{Name: "host-b", ID: "2", State: wadmapi.BeatLive, Lattices: tends}, 0)
		rightful := m.Should("far", false)
		other := map[string]string{"host-a": "host-b", "host-b": "host-a"}[rightful]

		w.start(named(other), w.through(open))
		w.deploy("far", helloV1)
		w.untilStatus("far", "deployed", time.Minute)
		w.start(named(rightful), w.through(shut))
		w.until("the rightful owner has taken over, blindly", 10*time.Second, func() bool { return w.owner("far") == rightful+" 2" })
		w.until("and given back", 20*time.Second, func() bool { return w.owner("far") == other+" 3" })
		w.untilStatus("far", "deployed", 10*time.Second)
		blind := 0
		for range 20 {
			time.Sleep(30 * time.Second)
			if strings.HasPrefix(w.owner("far"), rightful) {
				blind++
			}
		}
		if n := w.log.Count("handing the lattice over"); n > 6 || blind > 3 {
			t.Errorf("in ten minutes the lattice was handed over %d times, and %d of 20 times it was with who cannot reach it", n, blind)
		}
		shut.set(false)
		w.until("it can reach the hosts, and owns the lattice", 20*time.Minute, func() bool { time.Sleep(20 * time.Second); return strings.HasPrefix(w.owner("far"), rightful) })
		time.Sleep(time.Minute)
		if got := w.owner("far"); !strings.HasPrefix(got, rightful) {
			t.Errorf("the owner is %s", got)
		}
	})
}

// TestAProcessThatComesAndGoesDoesNotCarryALatticeToAndFro: every 20 s for ten minutes the rightful owner comes, and is killed.
func TestAProcessThatComesAndGoesDoesNotCarryALatticeToAndFro(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{}
		w.start(named("host-b"), func(c *Config) { c.Machine = f.machine })
		for range 30 {
			r, cut := w.startCut(f, "a")
			time.Sleep(12 * time.Second)
			cut.off.Store(true)
			r.p.nc.Close()
			time.Sleep(8 * time.Second)
			r.stop(t)
		}
		if n := w.log.Count("handing the lattice over"); n < 1 || n > 5 {
			t.Errorf("the lattice was handed over %d times in ten minutes", n)
		}
	})
}

func TestASecondProcessOfTheSameNameIsRefused(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		a := w.start(named("one"))
		cfg := w.config()
		cfg.Name = "one"
		began := time.Now()
		err := Run(t.Context(), cfg)
		if !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), `"one"`) {
			t.Fatalf("the second process ended with %v", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it was refused after %s", took)
		}
		if got := w.owner("default"); got != "one 1" {
			t.Errorf("the owner is %s", got)
		}
		w.start(named("one"), func(c *Config) { // with other records it is another cluster
			c.Cluster = "memory:2"
			c.Open = func(context.Context, *nats.Conn) (Stores, error) {
				s := memstore.New()
				return Stores{Models: s, Wishes: s, Runs: s, Leases: s}, nil
			}
		}).stop(t)
		a.stop(t)
		w.start(named("one")).stop(t) // when the first is gone its name is free
		cfg.Name = "o n e"
		if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "o n e") {
			t.Errorf("with a name that is none, the error is %v", err)
		}
	})
}

func TestAKilledProcessDoesNotBlockItsName(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{}
		w.start(named("host-b"), func(c *Config) { c.Machine = f.machine }) // it still tells of the dead one for a while
		a, cut := w.startCut(f, "a")
		time.Sleep(2 * time.Second)
		cut.off.Store(true)
		a.p.nc.Close()
		began := time.Now()
		w.start(named("host-a"), func(c *Config) { c.Machine = f.machine })
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it was blocked for %s", took)
		}
		t.Logf("started after %s", time.Since(began))
	})
}

// TestTwoThatStartAtOnceUnderOneName: neither has heard the other when it asks; the younger one gives way.
func TestTwoThatStartAtOnceUnderOneName(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		ended := make(chan error, 2)
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			cfg := w.config()
			cfg.Name, cfg.Machine = "one", (&factory{}).machine
			go func() { ended <- Run(ctx, cfg) }()
		}
		if err := <-ended; !errors.Is(err, ErrNameTaken) {
			t.Errorf("the first one to end ended with %v", err)
		}
		time.Sleep(10 * time.Second)
		select {
		case err := <-ended:
			t.Fatalf("the other one ended, too: %v", err)
		default:
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
}

// TestWithoutPermissionToSpeakAProcessIsAlone: it says so once, owns what is free, and so does the other one.
func TestWithoutPermissionToSpeakAProcessIsAlone(t *testing.T) {
	for name, deny := range map[string]server.Permissions{
		"no permission to publish":   {Publish: &server.SubjectPermission{Deny: []string{"wadm.cluster.>"}}},
		"no permission to subscribe": {Subscribe: &server.SubjectPermission{Deny: []string{"wadm.cluster.>"}}},
	} {
		t.Run(name, func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) {
				srv := natstest.InProcess(t, func(o *server.Options) {
					o.Users = []*server.User{{Username: "poor", Password: "p", Permissions: &deny}, {Username: "rich", Password: "p"}}
				})
				w := &world{t: t, srv: srv, nc: natstest.Connect(t, srv, nats.UserInfo("rich", "p")), store: memstore.New(), log: &natstest.Logbook{}}
				f := &factory{}
				as := func(user, name string) *run {
					return w.start(named(name), func(c *Config) {
						c.Machine, c.Options = f.machine, append(c.Options, nats.UserInfo(user, "p"))
					})
				}
				as("poor", "host-b")
				w.until("it owns the lattice", 3*time.Second, func() bool { return len(f.all("default")) == 1 })
				rich := as("rich", "host-a")
				time.Sleep(time.Minute)
				if n := len(f.all("default")); n != 1 {
					t.Errorf("the lattice had %d owners in a minute\n%s", n, w.log)
				}
				if n := w.log.Count("works as if it were alone"); n != 1 {
					t.Errorf("that it is alone was said %d times\n%s", n, w.log)
				}
				if n := w.log.Count("lacks a permission"); n != 0 {
					t.Errorf("and %d times in other words\n%s", n, w.log)
				}
				rich.stop(t)
			})
		})
	}
}

// TestTheClusterTellsWhoOwnsWhat is what wadm cluster status shows.
func TestTheClusterTellsWhoOwnsWhat(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{}
		both := func(c *Config) { c.Machine, c.Lattices, c.Version = f.machine, []string{"default", "other"}, "1.2.3" }
		a, cut := w.startCut(f, "a")
		w.start(named("host-b"), both)
		time.Sleep(3 * time.Second)
		c := w.cluster()
		if len(c.Processes) != 2 || c.Processes[0].Name != "host-a" || c.Processes[1].Version != "1.2.3" || len(c.Silent) != 0 {
			t.Fatalf("the processes are %+v, silent %+v", c.Processes, c.Silent)
		}
		want := []wadmapi.Ownership{
			{Lattice: "default", Owner: "host-a", ID: "a", Epoch: 1, Should: "host-a"},
			{Lattice: "other", Owner: "host-b", Epoch: 1, Should: "host-b"}, // host-a does not tend it
		}
		if len(c.Lattices) != len(want) {
			t.Fatalf("the lattices are %+v", c.Lattices)
		}
		for i, l := range c.Lattices {
			if at, err := time.Parse(time.RFC3339, l.Since); err != nil || time.Since(at) > 10*time.Second {
				t.Errorf("%s is owned since %q", l.Lattice, l.Since)
			}
			if l.Since = ""; i == 1 {
				l.ID = ""
			}
			if l != want[i] {
				t.Errorf("it says %+v, want %+v", l, want[i])
			}
		}

		cut.off.Store(true)
		a.p.nc.Close()
		if c := w.cluster(); len(c.Processes) != 1 || len(c.Silent) != 1 || c.Silent[0].Name != "host-a" {
			t.Errorf("just after one was killed: %+v", c)
		}
		time.Sleep(3 * time.Second)
		if c := w.cluster(); len(c.Processes) != 1 || len(c.Silent) != 0 {
			t.Errorf("three seconds later: %+v", c)
		}
	})
}

func TestHostileBeats(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{}
		w.start(named("host-b"), func(c *Config) { c.Machine = f.machine })
		w.until("it owns the lattice", 3*time.Second, func() bool { return len(f.all("default")) == 1 })
		for _, body := range []string{"", "{", "[]", `{"name":"x"}`, `{"name":"host-a","id":"` + strings.Repeat("x", 1000) + `","state":"live","lattices":[]}`,
			`{"name":"host-a","id":"x","state":"live","lattices":[{"name":"a b","stand":"claims"}]}`} {
			if err := w.nc.Publish(wadmapi.ClusterBeatSubject, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if c := w.cluster(); len(c.Silent) != 0 {
			t.Errorf("there are %+v", c.Silent)
		}
		// One that claims whatever there is and takes nothing makes the owner let go of it now and then, and come back.
		liar := wadmapi.Beat{Name: "host-a", ID: "liar", Started: "now", State: wadmapi.BeatLive, Lattices: []wadmapi.BeatLattice{{Name: "default", Stand: wadmapi.StandClaims}}}
		body, err := json.Marshal(liar)
		if err != nil {
			t.Fatal(err)
		}
		for range 600 {
			if err := w.nc.Publish(wadmapi.ClusterBeatSubject, body); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if n := len(f.all("default")); n > 6 {
			t.Errorf("the lattice had %d owners in ten minutes", n)
		}
		time.Sleep(10 * time.Second)
		if got := w.owner("default"); !strings.HasPrefix(got, "host-b ") {
			t.Errorf("the owner is %s", got)
		}
	})
}
