package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/wadmapi"
)

// clusterFlags say who this process is among others.
type clusterFlags struct {
	name   string
	gossip string
}

var clusterEnv = []cli.EnvVar{
	{Flag: "name", Names: []string{"WADM_NODE_NAME"}},
	{Flag: "cluster-gossip-port", Names: []string{"WADM_CLUSTER_GOSSIP_PORT"}},
}

func (f *clusterFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.name, "name", "", "name of this process among those that share its lattices; no two live ones share one (default host name and something random)")
	fs.StringVar(&f.gossip, "cluster-gossip-port", "", "accepted as by 0.3.0, without effect")
	_ = fs.MarkHidden("cluster-gossip-port") // it was made above
}

// apply completes the configuration of a process whose records are where store says. An error is a mistake of usage.
func (f *clusterFlags) apply(cfg *node.Config, store string, log *slog.Logger) error {
	if f.name != "" {
		if err := wadmapi.ValidProcessName(f.name); err != nil {
			return cli.Usagef("--name: %w", err)
		}
	}
	if f.gossip != "" {
		log.Info("WADM_CLUSTER_GOSSIP_PORT is not needed: the processes find each other over NATS and open no port", "port", f.gossip)
	}
	cfg.Name, cfg.Version, cfg.Cluster = f.name, version, recordsID(store)
	return nil
}

// recordsID tells records apart for everybody who asks for the processes, without saying where they are.
func recordsID(store string) string {
	kind, _, _ := strings.Cut(store, ":")
	sum := sha256.Sum256([]byte(store))
	return kind + "-" + hex.EncodeToString(sum[:6])
}

// memoryRecords names records that nobody else can reach.
func memoryRecords() string { return "memory:" + uuid.NewString() }

// explainName adds what to do when another live process bears the name of this one.
func explainName(err error) error {
	if !errors.Is(err, node.ErrNameTaken) {
		return err
	}
	return cli.WithNext(err, "give this one another name with --name (WADM_NODE_NAME), or stop the other one; see both with  wadm cluster status")
}
