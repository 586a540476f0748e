package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/node"
)

// serveRole is the server as it runs, with its models in JetStream and its log written, though to nowhere.
func serveRole(ctx context.Context, url string, lattices []string) error {
	if stop, err := profile("serve"); err != nil {
		return err
	} else if stop != nil {
		defer stop()
	}
	err := node.Run(ctx, node.Config{
		URL: url, Lattices: lattices, Streams: true, Log: slog.New(slog.NewTextHandler(nowhere{}, nil)),
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
	})
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
