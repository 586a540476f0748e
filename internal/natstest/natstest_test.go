package natstest

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestMain(m *testing.M) { Main(m) }

func TestStartListensOnlyOnTheLoopback(t *testing.T) {
	srv := Start(t)
	addr, ok := srv.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() || addr.Port == 0 {
		t.Fatalf("listening on %v, want a port of 127.0.0.1", srv.Addr())
	}
	if !strings.HasPrefix(srv.ClientURL(), "nats://127.0.0.1:") {
		t.Fatalf("client URL is %q, want one on 127.0.0.1", srv.ClientURL())
	}
	// A second server has to get another port, or parallel packages would meet on one.
	if other := Start(t); other.ClientURL() == srv.ClientURL() {
		t.Fatalf("two servers share the address %s", srv.ClientURL())
	}
}

func TestBothKindsKeepAValueInJetStream(t *testing.T) {
	kinds := map[string]func(testing.TB, ...Option) *server.Server{"over a port": Start, "in process": InProcess}
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			nc := Connect(t, start(t))
			if got := roundTrip(t, nc); got != "kept" {
				t.Fatalf("read %q, want what was put", got)
			}
		})
	}
}

func TestInProcessOpensNoSocket(t *testing.T) {
	if addr := InProcess(t).Addr(); addr != nil {
		t.Fatalf("listening on %v, want no socket", addr)
	}
}

func TestADayPassesInVirtualTime(t *testing.T) {
	// Twice: the second bubble hangs when the first one took the shared ticker with it.
	for _, name := range []string{"first bubble", "second bubble"} {
		t.Run(name, func(t *testing.T) {
			Bubble(t, func(t *testing.T) {
				nc := Connect(t, InProcess(t))
				if err := nc.Flush(); err != nil { // takes a timer from the client's pool
					t.Fatal(err)
				}
				beats := 0
				if _, err := nc.Subscribe("beat", func(*nats.Msg) { beats++ }); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				for range 24 * 60 {
					time.Sleep(time.Minute) // virtual: this is what moves the bubble's clock
					if err := nc.Publish("beat", nil); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				if beats != 24*60 || time.Since(began) != 24*time.Hour {
					t.Fatalf("%d beats in %s, want %d in a day", beats, time.Since(began), 24*60)
				}
				if got := roundTrip(t, nc); got != "kept" {
					t.Fatalf("read %q, want what was put", got)
				}
			})
		})
	}
}

func TestNothingIsLeftAfterTheTest(t *testing.T) {
	var srv *server.Server
	var nc *nats.Conn
	t.Run("a test that uses a server", func(t *testing.T) {
		srv = Start(t)
		nc = Connect(t, srv)
		roundTrip(t, nc)
	})
	if !nc.IsClosed() {
		t.Error("the connection is still open")
	}
	if srv.Running() {
		t.Error("the server still runs")
	}
	if _, err := os.Stat(srv.StoreDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking for the store: %v, want it gone", err)
	}
}

func TestAnOptionReachesTheServer(t *testing.T) {
	srv := Start(t, func(o *server.Options) { o.MaxPayload = 4096 })
	if got := Connect(t, srv).MaxPayload(); got != 4096 {
		t.Fatalf("the server offers %d bytes, want 4096", got)
	}
}

// roundTrip puts one value into a new bucket and reads it again.
func roundTrip(t *testing.T, nc *nats.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(ctx, "k", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	e, err := kv.Get(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	return string(e.Value())
}
