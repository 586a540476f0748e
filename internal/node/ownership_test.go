package node

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

const someHost = lattice.HostID("NDROVP34CQVUDGABJSMBARGMPMWQXSXXGV5SJ2UCDHJHHUAUMJEOLFEW")

// heardCommand is a command as a host hears it.
type heardCommand struct {
	epoch int
	at    time.Duration
}

// hearCommands stands in for a host that notes who commands it.
func (w *world) hearCommands() func() []heardCommand {
	w.t.Helper()
	var mu sync.Mutex
	var all []heardCommand
	began := time.Now()
	if _, err := w.nc.Subscribe("wasmbus.ctl.v1.default.component.scale.*", func(m *nats.Msg) {
		var body struct{ Count int }
		json.Unmarshal(m.Data, &body)
		mu.Lock()
		all = append(all, heardCommand{body.Count, time.Since(began)})
		mu.Unlock()
		m.Respond([]byte(`{"success":true,"message":""}`))
	}); err != nil {
		w.t.Fatal(err)
	}
	w.nc.Flush()
	return func() []heardCommand {
		mu.Lock()
		defer mu.Unlock()
		return append([]heardCommand(nil), all...)
	}
}

// restless sends a command every 50 ms as long as it may.
func restless(m *fakeMachine, now time.Duration, ins []engine.Input) engine.Output {
	if now < m.due {
		return engine.Output{Wake: m.due}
	}
	m.due = now + 50*time.Millisecond
	return engine.Output{Send: []ledger.Command{m.command(someHost)}, Wake: m.due}
}

func (w *world) startCut(f *factory, id string) (*run, *cutStore) {
	cut := &cutStore{Stores: Stores{Models: w.store, Wishes: w.store, Runs: w.store, Leases: w.store}}
	return w.start(func(c *Config) {
		c.ID, c.Name, c.Dialect = id, "host-"+id, lattice.V1 // of host-a and host-b, host-a is the rightful owner of the lattice default
		if f != nil {
			c.Machine = f.machine
		}
		c.Open = func(context.Context, *nats.Conn) (Stores, error) { return cut.stores(), nil }
	}), cut
}

func emptyWorld(t *testing.T) *world {
	t.Helper()
	return newWorld(t, wasmbus.DialectV1, 0)
}

func TestAStaleOwnerSendsNothing(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		heard := w.hearCommands()
		_, cut := w.startCut(&factory{step: restless}, "a")
		w.until("the first owner commands", 3*time.Second, func() bool { return len(heard()) > 0 })
		w.startCut(&factory{step: restless}, "b")
		time.Sleep(3 * time.Second)

		cut.off.Store(true) // the first process still has its hosts, but no store
		cutAt := heard()[len(heard())-1].at
		time.Sleep(20 * time.Second)
		synctest.Wait()

		var lastOld, firstNew time.Duration
		for _, c := range heard() {
			if c.epoch == 1 {
				lastOld = c.at
			} else if firstNew == 0 {
				firstNew = c.at
			}
		}
		switch {
		case firstNew == 0:
			t.Fatalf("nobody took over\n%s", w.log)
		case firstNew <= lastOld:
			t.Errorf("the old owner commanded at %s, after the new one at %s", lastOld, firstNew)
		case firstNew-cutAt > 5*time.Second:
			t.Errorf("taken over after %s, want lease and two seconds at most", firstNew-cutAt)
		}
	})
}

// TestAnOwnerThatSleptSendsNothing: the process stands still in the middle of a step until another owns the lattice. Nothing has stopped
// the old owner when it wakes; only the question at the moment of sending can.
func TestAnOwnerThatSleptSendsNothing(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		heard := w.hearCommands()
		var nap sync.Once
		sleepy := &factory{step: func(m *fakeMachine, now time.Duration, ins []engine.Input) engine.Output {
			if is[engine.Nudged](ins[0]) {
				nap.Do(func() { time.Sleep(20 * time.Second) })
				m.due = 0
			}
			return restless(m, now, ins)
		}}
		_, cut := w.startCut(sleepy, "a")
		w.until("the first owner commands", 3*time.Second, func() bool { return len(heard()) > 0 })
		w.startCut(&factory{step: restless}, "b")
		time.Sleep(3 * time.Second)
		if err := w.nc.Publish("wadm.evt.default.manifest_published", []byte(`{"data":{"metadata":{"name":"hello"}}}`)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cut.off.Store(true)
		time.Sleep(30 * time.Second)
		var taken bool
		for _, c := range heard() {
			taken = taken || c.epoch == 2
			if taken && c.epoch == 1 {
				t.Fatalf("the old owner commanded at %s, after the new one had begun", c.at)
			}
		}
		if !taken {
			t.Fatal("nobody took over")
		}
	})
}

// TestTheHeartbeatAfterACommandIsRead: equal to the last one or not, it says what the command has done.
func TestTheHeartbeatAfterACommandIsRead(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 1)
		var host lattice.HostID
		w.hosts.Do(func(c *sim.Cluster) { host = lattice.HostID(c.Hosts()[0].ID) })
		f := &factory{step: func(m *fakeMachine, _ time.Duration, ins []engine.Input) engine.Output {
			out := engine.Output{Wake: -1}
			if is[engine.Nudged](ins[0]) {
				cmd := m.command(host)
				cmd.Target.Kind, cmd.To = lattice.Provider, 0 // of what does not run: refused, without an event
				out.Send = []ledger.Command{cmd}
			}
			return out
		}}
		w.start(func(c *Config) { c.Machine, c.Dialect = f.machine, lattice.V1 })
		full := func() int {
			return f.last().seen(func(in engine.Input) bool {
				o, ok := in.(engine.Observed)
				return ok && isEvent[lattice.Inventory](o.Events[0])
			})
		}
		time.Sleep(95 * time.Second)
		if n := full(); n != 1 {
			t.Fatalf("%d of three equal heartbeats were read", n)
		}
		if err := w.nc.Publish("wadm.evt.default.manifest_published", []byte(`{"data":{"metadata":{"name":"hello"}}}`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Second)
		if n := full(); n != 2 {
			t.Errorf("%d heartbeats were read, want one more after the command", n)
		}
	})
}

func isEvent[T lattice.Event](e lattice.Event) bool { _, ok := e.(T); return ok }

func TestAKilledOwnerIsReplaced(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 3)
		a, cut := w.startCut(nil, "a")
		w.deploy("default", helloV1)
		w.untilStatus("default", "deployed", time.Minute)
		sent := w.commands()
		w.startCut(nil, "b")
		time.Sleep(5 * time.Second)

		cut.off.Store(true) // kill -9: neither the store nor the bus hears of it again
		a.p.nc.Close()
		killed := time.Now()
		w.until("the other owns the lattice", 5*time.Second, func() bool { return strings.Contains(w.log.String(), "epoch=2") })
		t.Logf("taken over after %s", time.Since(killed))
		time.Sleep(5 * time.Minute)
		if n := w.commands() - sent; n != 0 {
			t.Errorf("the take-over sent %d commands\n%s", n, w.log)
		}
		if kind, message := w.status("default"); kind != "deployed" || message != "" {
			t.Errorf("status %s: %q", kind, message)
		}
	})
}

func TestACleanStopHandsOverAtOnce(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		heard := w.hearCommands()
		a, _ := w.startCut(&factory{step: restless}, "a")
		w.until("the first owner commands", 3*time.Second, func() bool { return len(heard()) > 0 })
		w.startCut(&factory{step: restless}, "b")
		time.Sleep(3 * time.Second)
		began := time.Now()
		a.stop(t)
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping took %s", took)
		}
		w.until("the other commands", 1200*time.Millisecond, func() bool { h := heard(); return len(h) > 0 && h[len(h)-1].epoch == 2 })
	})
}

func TestACleanStopWaitsForSaves(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{step: func(_ *fakeMachine, _ time.Duration, ins []engine.Input) engine.Output {
			out := engine.Output{Wake: -1}
			if slices.ContainsFunc(ins, is[engine.Nudged]) {
				out.Save = []engine.Save{{ID: 1, App: "hello", Run: engine.Run{App: "hello", Epoch: 1}}}
			}
			return out
		}}
		a, cut := w.startCut(f, "a")
		cut.slow.Store(int64(2 * time.Second))
		w.until("the snapshot has ended", time.Second, func() bool {
			m := f.last()
			return m != nil && m.seen(is[engine.SnapshotEnd]) == 1
		})
		if err := w.nc.Publish("wadm.evt.default.manifest_published", []byte(`{"data":{"metadata":{"name":"hello"}}}`)); err != nil {
			t.Fatal(err)
		}
		w.until("a save is under way", time.Second, func() bool { return f.last().seen(is[engine.Nudged]) == 1 })
		began := time.Now()
		a.stop(t)
		if took := time.Since(began); took < time.Second || took > 4*time.Second {
			t.Errorf("stopping took %s, want the save of 2 s to be waited for", took)
		}
		if r, _, err := w.store.Run(context.Background(), "default", "hello"); err != nil || r.App != "hello" {
			t.Errorf("the run record: %+v, %v", r, err)
		}
		if l, _, err := w.store.Lease(context.Background(), "default"); err != nil || !l.Freed {
			t.Errorf("the lease: %+v, %v; want it free", l, err)
		}
	})
}

func TestASlowStoreStopsNobody(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		heard := w.hearCommands()
		f := &factory{step: func(m *fakeMachine, now time.Duration, ins []engine.Input) engine.Output {
			out := restless(m, now, ins)
			if len(out.Send) > 0 {
				out.Save = []engine.Save{{ID: engine.SaveID(m.next), App: "hello", Run: engine.Run{App: "hello"}}}
			}
			return out
		}}
		_, cut := w.startCut(f, "a")
		cut.slow.Store(int64(time.Second))
		time.Sleep(5 * time.Second)
		if n := len(heard()); n < 80 {
			t.Errorf("%d commands in five seconds of a slow store, want about 100", n)
		}
	})
}

func TestAPanicStopsOneLatticeForAMoment(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 3)
		bad := &factory{}
		var fail sync.Once
		armed := make(chan struct{})
		bad.step = func(*fakeMachine, time.Duration, []engine.Input) engine.Output {
			select {
			case <-armed:
				fail.Do(func() { panic("a test") })
			default:
			}
			return engine.Output{Wake: -1}
		}
		w.start(func(c *Config) {
			c.Lattices = []string{"default", "bad"}
			real := c.withDefaults().Machine
			c.Machine = func(ec engine.Config) Machine {
				if ec.Lattice == "bad" {
					return bad.machine(ec)
				}
				return real(ec)
			}
		})
		w.deploy("default", helloV1)
		w.untilStatus("default", "deployed", time.Minute)
		if err := w.nc.Publish("wadm.status.bad.hello", []byte(`{"status":{"type":"deployed"},"version":"v1","components":[]}`)); err != nil {
			t.Fatal(err)
		}
		w.ask("wadm.api.bad.model.put", helloV1)
		w.ask("wadm.api.bad.model.deploy.hello", "{}")
		synctest.Wait()

		close(armed)
		w.ask("wadm.api.bad.model.deploy.hello", "{}")
		w.until("the status tells of the panic", time.Second, func() bool {
			kind, message := w.status("bad")
			return kind == "failed" && strings.Contains(message, "panic: a test")
		})
		if kind, _ := w.status("default"); kind != "deployed" {
			t.Errorf("the other lattice is %s", kind)
		}
		w.until("the owner is there again", 2*time.Second, func() bool { return len(bad.all("bad")) == 2 })
		again := bad.all("bad")[1]
		w.until("it has been given everything again", 2*time.Second, func() bool {
			return again.seen(is[engine.Connected]) == 1 && again.seen(is[engine.WishSeen]) == 1 && again.seen(is[engine.SnapshotEnd]) == 1
		})
		if n := w.log.Count("the owner failed"); n != 1 {
			t.Errorf("the log tells of %d failures", n)
		}
	})
}

func TestAPanickingOwnerIsGivenLongerAndLongerPauses(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		f := &factory{step: func(*fakeMachine, time.Duration, []engine.Input) engine.Output { panic("always") }}
		w.startCut(f, "a")
		time.Sleep(time.Second + 500*time.Millisecond) // first at about 0, then after 1, 2, 4, 8, 16, 30, 30 s
		for _, want := range []struct {
			after time.Duration
			made  int
		}{{0, 2}, {2 * time.Second, 3}, {4 * time.Second, 4}, {8 * time.Second, 5}, {16 * time.Second, 6}, {30 * time.Second, 7}, {30 * time.Second, 8}} {
			time.Sleep(want.after)
			if n := len(f.all("default")); n != want.made {
				t.Fatalf("%d owners until now, want %d", n, want.made)
			}
		}
		if n := w.log.Count("epoch=2"); n != 0 {
			t.Error("the lease was lost meanwhile, though the process lives")
		}
	})
}

func TestARecordOfSomebodyElseEndsTheOwner(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := emptyWorld(t)
		if _, err := w.store.PutRun(context.Background(), "default", engine.Run{App: "hello", Epoch: 9}, 0); err != nil {
			t.Fatal(err)
		}
		f := &factory{step: func(m *fakeMachine, _ time.Duration, _ []engine.Input) engine.Output {
			out := engine.Output{Wake: -1}
			if m.seen(is[engine.SnapshotEnd]) == 1 && m.next == 0 {
				m.next++
				out.Save = []engine.Save{{ID: 1, App: "hello", Run: engine.Run{App: "hello", Epoch: 1}, Expect: 0}}
			}
			return out
		}}
		w.startCut(f, "a")
		w.until("a second owner", 3*time.Second, func() bool { return len(f.all("default")) == 2 })
		first := f.all("default")[0]
		if first.seen(func(in engine.Input) bool { s, ok := in.(engine.Saved); return ok && s.Lost }) != 1 {
			t.Error("the machine was not told that its record is lost")
		}
	})
}

func TestRestart(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectV1, 3)
		a, cut := w.startCut(nil, "a")
		w.deploy("default", helloV1)
		w.untilStatus("default", "deployed", time.Minute)
		sent := w.commands()
		time.Sleep(30 * time.Second)
		cut.off.Store(true)
		a.p.nc.Close()
		time.Sleep(10 * time.Second)

		began := time.Now()
		w.startCut(nil, "a2")
		if kind, message := w.status("default"); kind != "deployed" || !strings.Contains(message, "told 4") || time.Since(began) > time.Second {
			t.Errorf("after %s: status %s %q, want the last one at once, with its age", time.Since(began), kind, message)
		}
		w.until("an owner stands", 5*time.Second, func() bool { return strings.Contains(w.log.String(), "owns the lattice\" lattice=default epoch=2") })
		time.Sleep(5 * time.Minute)
		if n := w.commands() - sent; n != 0 {
			t.Errorf("%d commands after a restart\n%s", n, w.log)
		}
		if kind, message := w.status("default"); kind != "deployed" || message != "" {
			t.Errorf("status %s %q", kind, message)
		}
	})
}
