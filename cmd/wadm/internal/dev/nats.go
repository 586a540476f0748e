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
	taken bool   // the wanted port belonged to somebody else
	temp  string // directory to remove at the end, "" = kept
}

// startNATS listens on the loopback alone. dir keeps what is stored; empty means a directory that goes with the process.
func startNATS(port int, dir string) (*embedded, error) {
	e := &embedded{}
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
		return nil, fmt.Errorf("starting JetStream in %s: is another wadm dev using that directory?", store)
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

func (e *embedded) clean() {
	if e.temp == "" {
		return
	}
	if err := os.RemoveAll(e.temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "removing the directory of NATS:", err)
	}
}
