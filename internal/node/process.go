package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/api"
	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/wadmapi"
)

// process is everything that one Run holds.
type process struct {
	cfg      Config
	log      *slog.Logger
	clock    *clock
	nc       *nats.Conn
	stores   Stores
	statuses *statuses
	peers    *peers
	api      *api.Service
	flat     *flatPress
	troubles troubles
	health   health

	streamless bool // the streams could not be made; of serve's goroutine

	ctx     context.Context // of the tenures; ends before the connection does
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	tenures map[string]*tenure
	closing bool
}

// Run is one process from its start until ctx ends, and then until everything under way is done. An error means that it could not start;
// a lost connection, a failing store or a panicking owner are lived through.
func Run(ctx context.Context, cfg Config) error {
	leaveGarbage()
	p, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	err = p.serve(ctx)
	return errors.Join(err, p.close())
}

// open connects, opens the stores and answers the API.
func open(ctx context.Context, cfg Config) (*process, error) {
	cfg = cfg.withDefaults()
	p := &process{cfg: cfg, log: cfg.Log, clock: newClock(), tenures: make(map[string]*tenure)}
	p.ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.statuses = newStatuses(p.clock)
	p.flat = newFlatPress(!cfg.NoBareEvents, p.log)
	p.peers = newPeers(p)
	if err := p.answerProbes(); err != nil {
		return nil, err
	}
	if err := p.connect(); err != nil {
		p.closeProbes()
		return nil, err
	}
	p.health.connected.Store(true)
	if err := p.start(ctx); err != nil {
		p.mu.Lock()
		p.closing = true
		p.mu.Unlock()
		p.end()
		p.closeProbes()
		return nil, err
	}
	return p, nil
}

func (p *process) start(ctx context.Context) error {
	var err error
	if p.stores, err = p.cfg.Open(ctx, p.nc); err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	p.health.opened.Store(true)
	if err := p.peers.join(ctx); err != nil {
		return err
	}
	if p.cfg.Streams {
		p.ensureStreams(ctx)
	}
	if err := p.statuses.follow(p.nc); err != nil {
		return err
	}
	p.loadStatuses(ctx)
	if _, err := p.nc.Subscribe(wadmapi.EventSubject("*", wadmapi.EventManifestPublished), p.published); err != nil {
		return fmt.Errorf("listening to manifest events: %w", err)
	}
	for _, name := range p.cfg.Lattices {
		if err := wadmapi.ValidName(name); err != nil {
			return fmt.Errorf("the lattice %q: %w", name, err)
		}
		p.tenure(name)
	}
	p.relist(ctx)
	p.api = api.New(p.nc, api.Options{
		Models: p.stores.Models, Wishes: p.stores.Wishes, Status: p.statuses, Log: p.log,
		Handlers: map[wadmapi.Category]api.Handler{wadmapi.CategoryHost: p.answerHosts, wadmapi.CategoryLattice: p.answerLattice}, Flat: p.flat.publish,
		Generation: p.cfg.Generation, Undeploy: p.cfg.Undeploy,
	})
	if err := p.api.Start(); err != nil {
		return fmt.Errorf("starting the API: %w", err)
	}
	p.health.serving.Store(true)
	if p.cfg.Ready != nil {
		p.cfg.Ready(p.nc)
	}
	return nil
}

// serve looks for new lattices until ctx ends, or until it turns out that a process of our name was there before us.
func (p *process) serve(ctx context.Context) error {
	again := time.NewTicker(p.cfg.Relist)
	defer again.Stop()
	for {
		p.turn()
		select {
		case <-ctx.Done():
			return nil
		case err := <-p.peers.taken:
			return err
		case <-again.C:
			p.relist(ctx)
			if p.cfg.Streams {
				p.ensureStreams(ctx)
			}
		}
	}
}

// close ends a process in good order: no more requests, then no more commands, then the leases are given up, then the connection goes.
func (p *process) close() error {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Drain)
	defer cancel()
	err := p.api.Stop(ctx)
	p.end()
	p.closeProbes()
	p.log.Info("stopped")
	return err
}

// end gives up the leases, then the stores, then the connection.
func (p *process) end() {
	p.peers.leave()
	p.stop()
	p.running.Wait() // bounded: each tenure bounds its own end
	p.peers.gone()
	p.statuses.close()
	if p.stores.Close != nil {
		p.stores.Close()
	}
	if err := p.nc.FlushTimeout(p.cfg.Drain); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		p.log.Warn("the last messages may not have been sent", "error", err)
	}
	p.nc.Close()
}

// loadStatuses reads what was told before this process listened. A store that is no NATS, or a NATS without JetStream, keeps nothing.
func (p *process) loadStatuses(ctx context.Context) {
	if p.stores.Statuses != nil {
		if err := p.statuses.loadKept(ctx, p.stores.Models, p.stores.Statuses); err != nil {
			p.log.Warn("the last statuses cannot be read, so they are unknown until they are told again", "error", err)
		}
		return
	}
	js, err := p.jetStream()
	if err == nil {
		err = p.statuses.load(ctx, js)
	}
	if err != nil {
		p.log.Warn("the last statuses cannot be read, so they are unknown until they are told again", "stream", wadmapi.StatusStream, "error", err)
	}
}

func (p *process) stopping() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing
}

// relist takes up every lattice that has a record.
func (p *process) relist(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Relist)
	defer cancel()
	names, err := p.stores.Models.Lattices(ctx)
	if err != nil {
		if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			p.log.Warn("the lattices could not be listed", "error", err)
		}
		return
	}
	for _, name := range names {
		if wadmapi.ValidName(name) == nil {
			p.tenure(name)
		}
	}
}

// tenure starts the tenure of a lattice that is new to this process, unless it is ending.
func (p *process) tenure(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tenures[name] != nil || p.closing {
		return
	}
	t := newTenure(p, name)
	p.tenures[name] = t
	p.running.Go(func() { t.run(p.ctx) })
}

// lookAgain has the tenures of these lattices, or of all where none is named, ask anew who should own them. read: the lease may be free now.
func (p *process) lookAgain(read bool, names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(p.tenures))
	}
	for _, name := range names {
		if t := p.tenures[name]; t != nil {
			t.lookAgain(read)
		}
	}
}

// owners are the owners that run in this process, by lattice.
func (p *process) owners() []*owner {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*owner
	for _, t := range p.tenures {
		if o := t.owner.Load(); o != nil {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *owner) int { return strings.Compare(a.lattice, b.lattice) })
	return all
}

// owner is the owner of a lattice in this process, or nil.
func (p *process) owner(name string) *owner {
	p.mu.Lock()
	t := p.tenures[name]
	p.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.owner.Load()
}

// published takes a manifest event as a nudge for its application, and as the news of a lattice that we did not know.
func (p *process) published(m *nats.Msg) {
	token := strings.Split(m.Subject, ".")
	if len(token) != 4 || wadmapi.ValidName(token[2]) != nil {
		return
	}
	p.tenure(token[2])
	o := p.owner(token[2])
	if o == nil {
		return
	}
	var event struct {
		Data struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		} `json:"data"`
	}
	if json.Unmarshal(m.Data, &event) != nil || wadmapi.ValidName(event.Data.Metadata.Name) != nil {
		p.log.Debug("a manifest event without a name was left out", "subject", m.Subject)
		return
	}
	o.inbox.put(engine.Nudged{App: event.Data.Metadata.Name})
}
