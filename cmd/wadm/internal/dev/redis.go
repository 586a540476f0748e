package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/redisstore"
)

// redisEndsWithin is how long a redis-server may take to end in good order.
const redisEndsWithin = 5 * time.Second

// ownRedis is a redis-server of ours, on a socket that nobody else may open.
type ownRedis struct {
	socket string
	temp   string // directory to remove at the end
	cmd    *exec.Cmd
	said   bytes.Buffer  // read once it has ended
	ended  chan struct{} // closed when it has
}

// url is where it is, in the form of redisstore.
func (r *ownRedis) url() string { return "unix://" + r.socket }

// startRedis starts one. dir keeps what is stored; empty means that nothing is kept.
func startRedis(ctx context.Context, dir string) (*ownRedis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, cli.WithNext(errors.New("there is no redis-server in the path"), "sudo apt-get install redis-server  (or name a Redis with --redis-url)")
	}
	temp, err := os.MkdirTemp("", "wadm-dev-redis-") // also when dir is given: the path of a socket may not be long
	if err != nil {
		return nil, fmt.Errorf("making a directory for Redis: %w", err)
	}
	r := &ownRedis{socket: filepath.Join(temp, "redis.sock"), temp: temp, ended: make(chan struct{})}
	args := []string{"--port", "0", "--unixsocket", r.socket, "--unixsocketperm", "700", "--daemonize", "no", "--loglevel", "warning", "--save", ""}
	if dir == "" {
		args = append(args, "--dir", temp, "--appendonly", "no")
	} else {
		if dir, err = filepath.Abs(filepath.Join(dir, "redis")); err == nil {
			err = os.MkdirAll(dir, 0o700)
		}
		if err != nil {
			r.remove()
			return nil, fmt.Errorf("making the directory of Redis: %w", err)
		}
		args = append(args, "--dir", dir, "--appendonly", "yes", "--appendfsync", "everysec")
	}
	r.cmd = exec.Command(path, args...)
	r.cmd.Stdout, r.cmd.Stderr = &r.said, &r.said
	r.cmd.SysProcAttr = ofOurs()
	if err := r.run(); err != nil {
		r.remove()
		return nil, fmt.Errorf("starting redis-server: %w", err)
	}
	if err := r.wait(ctx); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// run starts the process from a thread that lives as long as it does: where the system can, it ends with that thread.
func (r *ownRedis) run() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := r.cmd.Start()
		started <- err
		if err == nil {
			_ = r.cmd.Wait() // what it said tells more than how it ended
			close(r.ended)
		}
	}()
	return <-started
}

// wait returns when it listens.
func (r *ownRedis) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if c, err := (&net.Dialer{}).DialContext(ctx, "unix", r.socket); err == nil {
			_ = c.Close() // nothing was said
			return nil
		}
		select {
		case <-r.ended:
			return fmt.Errorf("starting redis-server: it has ended: %s", strings.TrimSpace(r.said.String()))
		case <-ctx.Done():
			return fmt.Errorf("starting redis-server: it does not listen on %s: %w", r.socket, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stop ends it, in good order if it will.
func (r *ownRedis) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-r.ended:
	case <-time.After(redisEndsWithin):
		_ = r.cmd.Process.Kill() // likewise
		<-r.ended
	}
	r.remove()
}

func (r *ownRedis) remove() {
	if err := os.RemoveAll(r.temp); err != nil {
		fmt.Fprintln(os.Stderr, "removing the directory of Redis:", err)
	}
}

// redis is the Redis of a stack: the one that was named, or one of its own.
type redis struct {
	own    *ownRedis // nil if another is used
	target *redisstore.Target
	once   sync.Once
}

func useRedis(ctx context.Context, o *Options) (*redis, error) {
	r, url := &redis{}, o.Redis
	var err error
	if url == "" {
		if r.own, err = startRedis(ctx, o.Persist); err != nil {
			return nil, err
		}
		url = r.own.url()
	}
	if r.target, err = redisstore.ParseURL(url); err != nil {
		r.stop()
		return nil, cli.Usagef("--redis-url: %w", err)
	}
	return r, nil
}

// over is closed when a Redis of our own has ended; nil waits for ever.
func (r *redis) over() <-chan struct{} {
	if r == nil || r.own == nil {
		return nil
	}
	return r.own.ended
}

func (r *redis) stop() {
	if r != nil && r.own != nil {
		r.once.Do(r.own.stop)
	}
}

func (r *redis) open(ctx context.Context, _ *nats.Conn) (node.Stores, error) {
	s, err := redisstore.OpenTarget(ctx, r.target, redisstore.Options{})
	if err != nil {
		return node.Stores{}, err
	}
	return node.Stores{Models: s, Wishes: s, Runs: s, Leases: s, Statuses: s, Close: s.Close}, nil
}

// shown is where it is, for the head line, and the address for redis-cli, "" when that is for whoever named it to know.
func (r *redis) shown() (place, socket string) {
	if r.own == nil {
		return "Redis " + r.target.String(), ""
	}
	return "Redis " + r.own.socket + " (its own)", r.own.socket
}
