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
)

// gated is a store whose list of lattices may hang or fail.
type gated struct {
	*memstore.Store
	fails atomic.Bool
	hang  atomic.Pointer[chan struct{}]
}

func (g *gated) Lattices(ctx context.Context) ([]string, error) {
	if hang := g.hang.Load(); hang != nil {
		<-*hang
	}
	if g.fails.Load() {
		return nil, context.DeadlineExceeded
	}
	return g.Store.Lattices(ctx)
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
			return Stores{Models: models, Wishes: memory, Runs: memory, Leases: memory}, nil
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
