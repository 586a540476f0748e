package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/redisstore"
	"github.com/wadm-go/wadm/wadmapi"
)

// serveRole is the server as it runs, with its models in JetStream (or, where the first argument is redis=URL, in Redis, and then answering in
// generation 0.3) and its log written, though to nowhere.
func serveRole(ctx context.Context, url string, lattices []string) error {
	if stop, err := profile("serve"); err != nil {
		return err
	} else if stop != nil {
		defer stop()
	}
	redis := ""
	if len(lattices) > 0 {
		if at, ok := strings.CutPrefix(lattices[0], "redis="); ok {
			redis, lattices = at, lattices[1:]
		}
	}
	cfg := node.Config{
		URL: url, Lattices: lattices, Streams: redis == "", Log: slog.New(slog.NewTextHandler(nowhere{}, nil)),
		Ready: func(nc *nats.Conn) {
			if _, err := nc.Subscribe("bench.serve.cpu", tellCPU); err == nil { // else the run fails at the first question
				ready("")
			}
		},
		Open: func(ctx context.Context, nc *nats.Conn) (node.Stores, error) {
			s, err := kvstore.Open(ctx, nc, kvstore.Options{})
			if err != nil {
				return node.Stores{}, err
			}
			return node.Stores{Models: s, Wishes: s, Runs: s, Leases: s, Close: s.Close}, nil
		},
	}
	if redis != "" {
		cfg.Generation, cfg.NoBareEvents = wadmapi.Generation03, true
		cfg.Open = func(ctx context.Context, _ *nats.Conn) (node.Stores, error) {
			s, err := redisstore.Open(ctx, redis, redisstore.Options{})
			if err != nil {
				return node.Stores{}, err
			}
			return node.Stores{Models: s, Wishes: s, Runs: s, Leases: s, Close: s.Close}, nil
		}
	}
	err := node.Run(ctx, cfg)
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// tellCPU answers how much CPU this process has used, in seconds.
func tellCPU(m *nats.Msg) { reply(m, cpuTime().Seconds()) }

// nowhere is where the log goes: its lines are made, as the server makes them.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// profile writes a CPU profile of a role to the folder that WADM_BENCH_PROFILE names.
func profile(role string) (stop func(), err error) {
	dir := os.Getenv("WADM_BENCH_PROFILE")
	if dir == "" {
		return nil, nil
	}
	f, err := os.Create(fmt.Sprintf("%s/%s-%d.cpu", dir, role, time.Now().Unix()))
	if err != nil {
		return nil, fmt.Errorf("making a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fmt.Errorf("making a profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // what is missing shows when it is read
	}, nil
}
