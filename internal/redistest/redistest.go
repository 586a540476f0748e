// Package redistest gives a test a real redis-server in a process of its own.
//
// It knows how such a server is started, killed, started again and taken down. It never listens anywhere but on a socket in a directory of
// the test or on 127.0.0.1, and keeps nothing after the test. Only tests call it.
//
// Where there is no redis-server a test is skipped with a loud line; with CI set in the environment that is a failure, for a suite that
// silently skips proves nothing.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// readyWithin bounds the start of a server. Cold starts take about a hundred milliseconds; a machine under load gets more.
const readyWithin = 20 * time.Second

// Server is one redis-server.
type Server struct {
	Network string // unix or tcp
	Addr    string // where it listens
	Dir     string // where it keeps its files

	t    testing.TB
	args []string

	mu  sync.Mutex
	cmd *exec.Cmd
	log *logbook
}

// logbook keeps what a server says, for a test that fails.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// URL is where the server is, in the form of redisstore.
func (s *Server) URL() string {
	if s.Network == "unix" {
		return "unix://" + s.Addr
	}
	return "redis://" + s.Addr
}

// Start runs a server on a Unix socket that keeps nothing on disk, unless args (--name value …) say otherwise. It is ended with the test.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	dir := directory(t)
	socket := filepath.Join(dir, "s")
	return start(t, "unix", socket, dir, append([]string{"--port", "0", "--unixsocket", socket}, args...))
}

// StartTCP runs a server on a free port of 127.0.0.1. With its own --port 0 among args it listens elsewhere (--tls-port); addr is then what
// the test has to know, and what %PORT% in args is replaced by.
func StartTCP(t testing.TB, args ...string) *Server {
	t.Helper()
	port := freePort(t)
	dir := directory(t)
	own := []string{"--bind", "127.0.0.1"}
	if !strings.Contains(strings.Join(args, " "), "%PORT%") {
		own = append(own, "--port", port)
	}
	for _, a := range args {
		own = append(own, strings.ReplaceAll(a, "%PORT%", port))
	}
	return start(t, "tcp", net.JoinHostPort("127.0.0.1", port), dir, own)
}

// Sentinel runs a Sentinel that looks after one master under a name, on a free port of 127.0.0.1.
func Sentinel(t testing.TB, master string, of *Server) *Server {
	t.Helper()
	port := freePort(t)
	dir := directory(t)
	host, masterPort, err := net.SplitHostPort(of.Addr)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "sentinel.conf")
	config := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor %s %s %s 1\nsentinel down-after-milliseconds %s 300\nsentinel failover-timeout %s 2000\n",
		port, dir, master, host, masterPort, master, master)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{Network: "tcp", Addr: net.JoinHostPort("127.0.0.1", port), Dir: dir, t: t, args: []string{file, "--sentinel"}, log: &logbook{}}
	t.Cleanup(s.Kill)
	s.Run()
	return s
}

// directory is short, for the path of a socket may not be long.
func directory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a server that was killed may leave files that come late
	return dir
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func start(t testing.TB, network, addr, dir string, args []string) *Server {
	t.Helper()
	defaults := []string{"--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no"}
	s := &Server{Network: network, Addr: addr, Dir: dir, t: t, args: append(defaults, args...), log: &logbook{}}
	t.Cleanup(s.Kill)
	s.Run()
	return s
}

// Run starts the server (again) and waits until it listens.
func (s *Server) Run() {
	s.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			s.t.Fatal("there is no redis-server here: install it, CI has to run these tests")
		}
		s.t.Skip("SKIPPED: there is no redis-server here, so NOTHING about Redis is tested: install it")
	}
	s.mu.Lock()
	s.cmd = exec.Command(path, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	err = s.cmd.Start()
	s.mu.Unlock()
	if err != nil {
		s.t.Fatalf("starting redis-server: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	for {
		if c, err := (&net.Dialer{}).DialContext(ctx, s.Network, s.Addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("redis-server does not listen on %s within %s:\n%s", s.Addr, readyWithin, s.log)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Kill ends the server as a crash does. It is no error that it has ended.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		s.t.Errorf("ending redis-server: %v", err)
	}
	s.cmd = nil
}

// Log is what the server has said.
func (s *Server) Log() string { return s.log.String() }
