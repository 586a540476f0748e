package node

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/store"
)

// gated is a store that may hang or fail, and tells how often it was asked for all lattices.
type gated struct {
	*memstore.Store
	fails atomic.Bool
	hang  atomic.Pointer[chan struct{}]
	lists atomic.Int64
}

func (g *gated) pass() error {
	if hang := g.hang.Load(); hang != nil {
		<-*hang
	}
	if g.fails.Load() {
		return context.DeadlineExceeded
	}
	return nil
}

func (g *gated) Lattices(ctx context.Context) ([]string, error) {
	g.lists.Add(1)
	if err := g.pass(); err != nil {
		return nil, err
	}
	return g.Store.Lattices(ctx)
}

func (g *gated) Lease(ctx context.Context, lattice string) (store.Lease, store.Revision, error) {
	if err := g.pass(); err != nil {
		return store.Lease{}, 0, err
	}
	return g.Store.Lease(ctx, lattice)
}

// TestAProbeIsCheap says that whoever asks often does not make the store look through all that it holds.
func TestAProbeIsCheap(t *testing.T) {
	asked := &gated{Store: memstore.New()}
	p := &process{cfg: Config{}.withDefaults(), stores: Stores{Models: asked, Leases: asked}}
	p.log = p.cfg.Log
	p.health.opened.Store(true)
	for range 3 {
		if err := p.storeReady(t.Context()); err != nil {
			t.Errorf("a store without a lease is not ready: %v", err)
		}
	}
	asked.fails.Store(true)
	if p.storeReady(t.Context()) == nil {
		t.Error("a store that fails is ready")
	}
	if n := asked.lists.Load(); n > 0 {
		t.Errorf("the lattices were listed %d times", n)
	}
}

func probe(t *testing.T, p *process, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + p.health.server.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// untilProbe asks until the answer is the one that is wanted.
func untilProbe(t *testing.T, p *process, path string, code int, holds string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		got, body := probe(t, p, path)
		if got == code && strings.Contains(body, holds) {
			return
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%s: %d %s, want %d %s", path, got, body, code, holds)
		}
	}
}

// TestProbesTellWhatIsMissing runs a process against a real server in real time: what fails shows, each by its name, and what is back shows too.
func TestProbesTellWhatIsMissing(t *testing.T) {
	srv := natstest.Start(t)
	memory := memstore.New()
	models := &gated{Store: memory}
	ctx, cancel := context.WithCancel(t.Context())
	p, err := open(ctx, Config{URL: srv.ClientURL(), Admin: "127.0.0.1:0", Relist: 50 * time.Millisecond, Drain: 200 * time.Millisecond,
		Options: []nats.Option{nats.ReconnectWait(20 * time.Millisecond)},
		Open: func(context.Context, *nats.Conn) (Stores, error) {
			return Stores{Models: models, Wishes: memory, Runs: memory, Leases: models}, nil
		}})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		if err := p.serve(ctx); err != nil {
			t.Error(err)
		}
		done <- p.close()
	}()
	untilProbe(t, p, "/readyz", 200, `{"status":"ok"}`)
	untilProbe(t, p, "/livez", 200, `{"status":"ok"}`)

	models.fails.Store(true)
	untilProbe(t, p, "/readyz", 503, `"api":"ok","nats":"ok","store":"it cannot be read"`)
	untilProbe(t, p, "/livez", 200, `{"status":"ok"}`)
	models.fails.Store(false)
	untilProbe(t, p, "/readyz", 200, `{"status":"ok"}`)

	hang := make(chan struct{})
	models.hang.Store(&hang)
	untilProbe(t, p, "/livez", 503, "has not turned for")
	untilProbe(t, p, "/readyz", 503, `"store":"no answer within 2s"`)
	models.hang.Store(nil)
	close(hang)
	untilProbe(t, p, "/livez", 200, `{"status":"ok"}`)
	untilProbe(t, p, "/readyz", 200, `{"status":"ok"}`)

	srv.Shutdown()
	untilProbe(t, p, "/readyz", 503, `"nats":"not connected"`)
	untilProbe(t, p, "/livez", 200, `{"status":"ok"}`)

	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	untilProbe(t, p, "/readyz", 503, "the process is stopping")
	cancel()
	<-done // a process that has no server may fail to say good-bye to it
	if _, err := http.Get("http://" + p.health.server.Addr() + "/livez"); err == nil {
		t.Error("a process that has ended answers")
	}
}

// TestProbesBeforeTheServer says that a process which starts is alive and not ready.
func TestProbesBeforeTheServer(t *testing.T) {
	p := &process{cfg: Config{Admin: "127.0.0.1:0"}.withDefaults(), clock: newClock()}
	p.log = p.cfg.Log
	if err := p.answerProbes(); err != nil {
		t.Fatal(err)
	}
	defer p.closeProbes()
	untilProbe(t, p, "/livez", 200, `{"status":"ok"}`)
	untilProbe(t, p, "/readyz", 503, `"api":"not there yet: the process is starting","nats":"not there yet: the process is starting","store":"not there yet: the process is starting"`)
}
