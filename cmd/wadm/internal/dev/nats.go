package dev

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// readyWithin bounds the start of the embedded server; it takes about ten milliseconds.
const readyWithin = 20 * time.Second

// embedded is a NATS server in this process.
type embedded struct {
	*server.Server
	taken bool     // the wanted port belonged to somebody else
	temp  string   // directory to remove at the end, "" = kept
	lock  *os.File // on the directory that is kept
}

// startNATS listens on the loopback alone. dir keeps what is stored; empty means a directory that goes with the process.
func startNATS(port int, dir string) (*embedded, error) {
	e := &embedded{}
	if dir != "" {
		var err error
		if e.lock, err = lockDir(dir); err != nil {
			return nil, err
		}
	}
	if port == 0 {
		port = server.RANDOM_PORT
	} else if !free(port) {
		e.taken, port = true, server.RANDOM_PORT
	}
	store := dir
	if dir == "" {
		temp, err := os.MkdirTemp("", "wadm-dev-")
		if err != nil {
			return nil, fmt.Errorf("making a directory for NATS: %w", err)
		}
		e.temp, store = temp, temp
	}
	store, err := filepath.Abs(store)
	if err != nil {
		return nil, fmt.Errorf("finding the directory for NATS: %w", err)
	}
	e.Server, err = server.NewServer(&server.Options{
		ServerName: "wadm-dev", Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: store,
		NoLog: true, NoSigs: true, // the signals are the program's own
	})
	if err != nil {
		e.clean()
		return nil, fmt.Errorf("making the NATS server: %w", err)
	}
	e.Start()
	if !e.ReadyForConnections(readyWithin) {
		e.stop()
		return nil, fmt.Errorf("starting the NATS server on port %d, storing in %s: it is not ready after %s", port, store, readyWithin)
	}
	if !e.JetStreamEnabled() {
		e.stop()
		return nil, fmt.Errorf("starting JetStream in %s: it gives no reason; is there room, and may this user write there?", store)
	}
	return e, nil
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func (e *embedded) stop() {
	e.Shutdown()
	e.WaitForShutdown()
	e.clean()
}

// errInUse is the error of a directory that somebody else has locked.
var errInUse = errors.New("another wadm dev is using it")

// lockDir takes a directory for this process alone: two NATS servers on the same files destroy them, and none of them notices.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of --persist: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "wadm-dev.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the directory of --persist: %w", err)
	}
	if err := lockFile(f); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("locking %s for --persist: %w", dir, err)
	}
	return f, nil
}

func (e *embedded) clean() {
	if e.lock != nil {
		_ = e.lock.Close() // and with it the lock goes
	}
	if e.temp == "" {
		return
	}
	if err := os.RemoveAll(e.temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "removing the directory of NATS:", err)
	}
}
