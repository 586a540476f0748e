package whole

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// crowd is a world of twelve lattices, each with a host and an application, and processes that share them.
type crowd struct {
	*world
	commands *heard
	lattices []string
	clients  map[string]*client.Client
	hosts    map[string]*sim.Hosts
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{world: newWorld(t, wasmbus.DialectV1, 0), clients: map[string]*client.Client{}, hosts: map[string]*sim.Hosts{}}
	for i := range 12 {
		name := fmt.Sprintf("lattice-%02d", i)
		c.lattices = append(c.lattices, name)
		c.clients[name] = newClient(t, c.nc, name)
		c.hosts[name] = startHosts(t, natstest.Connect(t, c.srv), sim.Options{Lattice: name, Dialect: wasmbus.DialectV1, Timing: sim.FastTiming()}, 1)
	}
	c.commands = listen(t, natstest.Connect(t, c.srv))
	return c
}

// process starts one that names no lattice but one that has nothing.
func (c *crowd) process(name string) *process {
	c.t.Helper()
	return c.start(func(cfg *node.Config) { cfg.Name, cfg.Lattices = name, []string{"empty"} })
}

func (c *crowd) deployAll() {
	c.t.Helper()
	for _, l := range c.lattices {
		deploy(c.t, c.clients[l], shop(wasmbus.DialectV1, oldImage))
	}
	for _, l := range c.lattices {
		c.until(l+" is deployed", time.Minute, func() bool { return status(c.t, c.clients[l], "shop").Type == wadmapi.StatusDeployed })
	}
}

// owners are the owner and the epoch of each lattice, by what the processes say; should are the rightful owners.
func (c *crowd) owners() (owners, should map[string]string) {
	c.t.Helper()
	all, err := c.client.Cluster(c.t.Context())
	if err != nil {
		c.t.Fatalf("asking the cluster: %v", err)
	}
	owners, should = map[string]string{}, map[string]string{}
	for _, l := range all.Lattices {
		if slices.Contains(c.lattices, l.Lattice) && l.Owner != "" {
			owners[l.Lattice], should[l.Lattice] = fmt.Sprintf("%s %d", l.Owner, l.Epoch), l.Should
		}
	}
	return owners, should
}

// settled says that each lattice is owned by the one that should own it.
func (c *crowd) settled() bool {
	owners, should := c.owners()
	for _, l := range c.lattices {
		if name, _, _ := strings.Cut(owners[l], " "); name == "" || name != should[l] {
			return false
		}
	}
	return true
}

// of are the lattices that a process owns.
func of(owners map[string]string, name string) []string {
	var all []string
	for l, owner := range owners {
		if strings.HasPrefix(owner, name+" ") {
			all = append(all, l)
		}
	}
	slices.Sort(all)
	return all
}

// wantUntouched wants every application deployed and running, and no command to have been heard.
func (c *crowd) wantUntouched(what string) {
	c.t.Helper()
	if sent := c.commands.all(); len(sent) > 0 {
		c.t.Errorf("%s: %d commands: %s\n%s", what, len(sent), strings.Join(sent, "\n"), c.log)
	}
	for _, l := range c.lattices {
		if s := status(c.t, c.clients[l], "shop"); s.Type != wadmapi.StatusDeployed {
			c.t.Errorf("%s: shop in %s is %+v", what, l, s)
		}
		if components, _ := runs(c.hosts[l]); components[oldImage] != 6 {
			c.t.Errorf("%s: in %s there run %v", what, l, components)
		}
	}
}

// TestThreeProcessesShareTwelveLattices: one after another they join, one leaves, and one is killed while somebody deploys.
func TestThreeProcessesShareTwelveLattices(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		c := newCrowd(t)
		c.process("wadm-0")
		c.deployAll()
		c.commands.forget()

		second := c.process("wadm-1")
		joined := time.Now()
		c.until("the second one has taken over its share", 10*time.Second, func() bool { o, _ := c.owners(); return c.settled() && len(of(o, "wadm-1")) > 0 })
		t.Logf("the second one has its share after %s", time.Since(joined))
		third := c.process("wadm-2")
		joined = time.Now()
		c.until("the third one has taken over its share", 10*time.Second, func() bool { o, _ := c.owners(); return c.settled() && len(of(o, "wadm-2")) > 0 })
		t.Logf("the third one has its share after %s", time.Since(joined))
		before, _ := c.owners()
		time.Sleep(2 * time.Minute)
		if after, _ := c.owners(); !equal(before, after) {
			t.Errorf("while nobody came or went, lattices moved:\n%v\n%v", before, after)
		}
		c.wantUntouched("after the joins")

		moved := of(before, "wadm-1")
		left := time.Now()
		second.cancel()
		<-second.done
		c.until("another one owns what the second one did", time.Second-time.Since(left), func() bool {
			o, _ := c.owners()
			return len(o) == len(c.lattices) && len(of(o, "wadm-1")) == 0
		})
		t.Logf("what the second one owned is owned again %s after it was asked to end", time.Since(left))
		time.Sleep(time.Minute)
		now, _ := c.owners()
		for _, l := range c.lattices {
			if !slices.Contains(moved, l) && now[l] != before[l] {
				t.Errorf("%s went from %s to %s, though its owner did not leave", l, before[l], now[l])
			}
		}
		c.wantUntouched("after the leave")
		c.killAndDeploy(third, of(now, "wadm-2"))
	})
}

func equal(a, b map[string]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// killAndDeploy kills a process and deploys something new in a lattice of its at the same moment.
func (c *crowd) killAndDeploy(p *process, owned []string) {
	c.t.Helper()
	extra := app(wasmbus.DialectV1, "extra", newImage, "registry.example/acme/http-next:1", 3)
	lattice := owned[0]
	cl := c.clients[lattice]
	if _, err := cl.Put(context.Background(), []byte(extra), ""); err != nil {
		c.t.Fatal(err)
	}
	p.kill()
	killed := time.Now()
	if _, err := cl.Deploy(context.Background(), "extra", ""); err != nil {
		c.t.Fatalf("deploying while the owner dies: %v", err)
	}
	limit := store.LeaseTTL + time.Second
	c.until("the next one acts", limit, func() bool { return len(c.commands.all()) > 0 })
	c.t.Logf("the first command comes %s after the kill", time.Since(killed))
	c.until("all lattices of the killed one are owned", limit-time.Since(killed), func() bool {
		o, _ := c.owners()
		return len(o) == len(c.lattices) && len(of(o, "wadm-2")) == 0
	})
	c.t.Logf("all %d lattices of the killed one are owned after %s", len(owned), time.Since(killed))
	c.until("what was deployed runs", 10*time.Second, func() bool { return status(c.t, cl, "extra").Type == wadmapi.StatusDeployed })
	time.Sleep(5 * time.Minute)
	for _, command := range c.commands.all() {
		if !strings.Contains(command, "extra") {
			c.t.Errorf("something that ran got a command: %s", command)
		}
	}
	if components, providers := runs(c.hosts[lattice]); components[newImage] != 3 || providers != 2 {
		c.t.Errorf("there run %v and %d providers", components, providers)
	}
	c.commands.forget()
	c.wantUntouched("after the kill")
}

// TestADeployWhileTheLatticeIsHandedOver: whatever of it the old owner has begun, the next one brings to its end, and nothing is started twice. The
// hosts take seconds to start something, so that the hand-over comes before, in the middle of, and after it.
func TestADeployWhileTheLatticeIsHandedOver(t *testing.T) {
	for name, dialect := range both {
		t.Run(name, func(t *testing.T) {
			for offset := 3 * time.Second; offset < 7*time.Second; offset += 600 * time.Millisecond {
				natstest.Bubble(t, func(t *testing.T) {
					w := newWorld(t, dialect, 3)
					w.hosts.Do(func(c *sim.Cluster) {
						for _, h := range c.Hosts() {
							if err := c.Slow(h.Name, 10); err != nil {
								t.Fatal(err)
							}
						}
					})
					w.start(func(c *node.Config) { c.Name = "host-b" })
					time.Sleep(5 * time.Second)
					w.start(func(c *node.Config) { c.Name = "host-a" })
					time.Sleep(offset)
					most := w.watchMost()
					deploy(t, w.client, shop(dialect, oldImage))
					w.untilStatus("shop", wadmapi.StatusDeployed, time.Minute)
					time.Sleep(2 * time.Minute)
					w.wantRuns(map[string]int{oldImage: 6}, 1)
					if n := most(); n > 6 {
						t.Errorf("deployed %s after the join, at one moment %d instances ran\n%s", offset, n, w.log)
					}
					if n := w.log.Count("handing the lattice over"); n != 1 {
						t.Errorf("the lattice was handed over %d times", n)
					}
				})
			}
		})
	}
}

// watchMost counts the instances of all components every 100 ms until the returned function is called: it gives the most ever.
func (w *world) watchMost() func() int {
	quit, done := make(chan struct{}), make(chan int)
	go func() {
		most := 0
		for {
			select {
			case <-quit:
				done <- most
				return
			case <-time.After(100 * time.Millisecond):
				components, _ := runs(w.hosts)
				most = max(most, total(components))
			}
		}
	}()
	return func() int {
		close(quit)
		return <-done
	}
}
