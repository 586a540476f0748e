package node

import (
	"context"
	"encoding/hex"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/api"
	"github.com/wadm-go/wadm/internal/cluster"
	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// Stores are where the records live. All may be one value. Statuses is nil where the stream wadm_status keeps them, or nobody. Close, if there
// is one, is called when nothing uses them any more.
type Stores struct {
	Models   store.Models
	Wishes   store.Wishes
	Runs     store.Runs
	Leases   store.Leases
	Statuses store.Statuses
	Close    func()
}

// Machine is what an owner drives: *engine.Engine, or a test's own.
type Machine interface {
	Step(now time.Duration, ins ...engine.Input) engine.Output
	MaySend(c *ledger.Command, now time.Duration) bool
	View() engine.View
	Snapshot(decay time.Duration, limit int) lattice.Snapshot
}

// Config is all that a process is told. URL and Open must be set; zero values mean the defaults in brackets.
type Config struct {
	URL     string        // of the NATS server; "" with an in-process server among the options
	Options []nats.Option // credentials, TLS, …; reconnecting and the handlers are ours

	// Open makes the stores on the connection.
	Open func(ctx context.Context, nc *nats.Conn) (Stores, error)

	ID            string                      // of this process and no other, also not of its next start [its name and something random]
	Name          string                      // of this process, for people; no two live ones of a cluster share one [the host's and something random]
	Version       string                      // of the program, told to the other processes
	Cluster       string                      // names the records: processes with others are no cluster with this one. No secrets
	Members       cluster.Rules               // how the processes share the lattices
	Lattices      []string                    // owned even while nothing is stored for them [default]
	Dialect       lattice.Dialect             // of all lattices; Auto finds out
	Reach         func(lattice string) Reach  // of its hosts [a connection of its own, made as that of the process]
	Prefix        string                      // of the hosts' control subjects [theirs]
	Lease         store.LeaseRules            // its ID is ignored
	Settings      engine.Settings             // [engine.Defaults]
	Log           *slog.Logger                // [slog.Default]
	Domain        string                      // of JetStream [the server's own]
	StreamOptions kvstore.StreamOptions       // of missing streams
	NoBareEvents  bool                        // flat events on wadm.evt.{lattice} alone, not also on bare wadm.evt
	Generation    wadmapi.Generation          // what clients of the API expect to hear [0.21]
	Undeploy      api.UndeployDefault         // what becomes of what runs where an undeploy does not say it [by generation]
	Streams       bool                        // make wadm_status and wadm_events where they are missing
	Admin         string                      // where /livez and /readyz are answered over HTTP, host:port [nowhere]
	HostDecay     time.Duration               // age of a heartbeat at which a host stops being shown as healthy [lattice.DefaultDecay]
	Relist        time.Duration               // how often the stores are asked for new lattices [10 s]
	Drain         time.Duration               // how long a clean stop waits for what is under way [5 s]
	Ready         func(*nats.Conn)            // called once the API answers
	Machine       func(engine.Config) Machine // [engine.New]
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = defaultName()
	}
	if c.ID == "" {
		c.ID = c.Name + "/" + random()
	}
	c.Lease.ID = c.ID
	if len(c.Lattices) == 0 {
		c.Lattices = []string{"default"}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.HostDecay <= 0 {
		c.HostDecay = lattice.DefaultDecay
	}
	if c.Relist <= 0 {
		c.Relist = 10 * time.Second
	}
	if c.Drain <= 0 {
		c.Drain = 5 * time.Second
	}
	if c.Machine == nil {
		c.Machine = func(ec engine.Config) Machine { return engine.New(ec) }
	}
	return c
}

// defaultName is the host's name and something random: several processes may run there, and one that is started again is another one.
func defaultName() string {
	name, err := os.Hostname()
	if err != nil || wadmapi.ValidProcessName(name) != nil {
		name = "wadm"
	}
	return name[:min(len(name), 200)] + "-" + random()[:6]
}

// random is a text that nobody has used before.
func random() string {
	id := uuid.New()
	return hex.EncodeToString(id[:8])
}

// clock is the monotonic time of the process. Each reading is later than all before it, whoever took them: an answer counts only if it was
// asked for after the news that it is about, and where the system's clock is coarse the two would come at one time.
type clock struct {
	began time.Time
	last  atomic.Int64
}

func newClock() *clock { return &clock{began: time.Now()} }

func (c *clock) now() time.Duration {
	for {
		last := c.last.Load()
		next := max(int64(time.Since(c.began)), last+1)
		if c.last.CompareAndSwap(last, next) {
			return time.Duration(next)
		}
	}
}

func (c *clock) instant() store.Instant { return store.Instant{Mono: c.now(), Wall: time.Now()} }
