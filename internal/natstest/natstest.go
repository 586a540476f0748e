// Package natstest gives a test a real nats-server with JetStream inside its own process.
//
// It knows how such a server is started, reached and taken down in the right order. It never listens anywhere but
// on 127.0.0.1 and keeps nothing after the test. Only tests call it.
//
// There are two ways, and a test picks one:
//
//   - [Start] listens on a free port, for tests in real time: several processes, reconnects, clusters, kill -9.
//   - [InProcess] opens no socket, for tests in the virtual time of testing/synctest. There everything has to be
//     made inside the bubble (server, connections, the code under test), and the package's TestMain has to be [Main],
//     otherwise virtual time never moves.
package natstest

import (
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/nats-io/nats.go"
)

// readyWithin bounds the start of a server. Cold starts take about ten milliseconds; a machine under load gets more.
const readyWithin = 20 * time.Second

// Option changes the options of the server before it starts: a user list, a fixed port, a small payload limit.
type Option func(*server.Options)

// Main runs the tests of a package whose tests use [InProcess]: func TestMain(m *testing.M) { natstest.Main(m) }.
//
// JetStream shares one ticker goroutine in the whole process. Started inside a bubble it belongs to that bubble, and
// the next bubble waits for it for ever; so it is started here, before any bubble exists.
func Main(m *testing.M) {
	ats.Register()
	os.Exit(m.Run())
}

// Bubble runs f in the virtual time of testing/synctest, one bubble after another in one process.
//
// The NATS client keeps timers in a pool of the process. A timer that was made in a bubble and is used outside of it, or in the
// next one, ends the test binary; so the pool is emptied when the bubble is left. A package that uses Bubble must not run
// tests in parallel.
//
// Inside, one goroutine runs at a time. In Go 1.26 the race detector has one context for all timers of a bubble, while the
// runtime may run two timers that are due at the same moment on two threads; the detector then ends the test binary with
// SIGSEGV, once in ten runs of a test with many timers on the full second. What the detector finds does not depend on it.
func Bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	empty := func() {
		runtime.GC() // a pool gives up its contents over two collections
		runtime.GC()
	}
	empty()
	defer empty()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, f)
}

// Start runs a server with JetStream on a free port of 127.0.0.1, storing in a directory that goes with the test.
// Its address is ClientURL() of what is returned. It is shut down, and waited for, when the test ends; connections
// made by [Connect] are closed before that.
func Start(t testing.TB, opts ...Option) *server.Server {
	t.Helper()
	return run(t, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT}, opts)
}

// InProcess runs a server with JetStream that opens no socket; [Connect] is the only way in. Inside a synctest bubble
// it is a good citizen: pipes block durably where sockets do not, and its clean-up ends every goroutine of the server
// before the bubble is left.
func InProcess(t testing.TB, opts ...Option) *server.Server {
	t.Helper()
	return run(t, &server.Options{DontListen: true}, opts)
}

// Connect opens a connection to a server of either kind and closes it before the server goes down.
func Connect(t testing.TB, srv *server.Server, opts ...nats.Option) *nats.Conn {
	t.Helper()
	// The in-process pipe serves both kinds, but a server with a port is tested through its port: that is how
	// reconnects and time-outs become what they are outside.
	url := ""
	if srv.Addr() == nil {
		opts = append(opts, nats.InProcessServer(srv))
	} else {
		url = srv.ClientURL()
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatalf("connecting to the test server: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func run(t testing.TB, o *server.Options, opts []Option) *server.Server {
	t.Helper()
	o.ServerName = "natstest"
	o.JetStream = true
	o.StoreDir = t.TempDir()
	o.NoLog = true
	o.NoSigs = true // else the server takes SIGINT and SIGTERM from the test binary
	for _, opt := range opts {
		opt(o)
	}
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatalf("making the test server: %v", err)
	}
	// Registered after TempDir's own clean-up, hence run before it: the store is closed before it is removed.
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	srv.Start()
	if !srv.ReadyForConnections(readyWithin) {
		t.Fatalf("starting the test server: not ready within %s", readyWithin)
	}
	return srv
}
