package dev

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/wadmapi"
)

// beat is the heartbeat period of the simulated hosts: short, so that whoever kills one sees it healed soon.
const beat = time.Second

// HostOptions describe simulated hosts.
type HostOptions struct {
	Count   int
	Prefix  string // names are this and a letter
	Dialect string // v1 or otp
	Version string // of the hosts, as sim.HostVersion reads it; "" = the usual one
	Lattice string
	Labels  map[string]string // of all of them
	Zones   bool              // label zone=a and zone=b too, in turn
	Seed    uint64            // ids come from it
}

// maxHosts is where one process with its one loop is no good picture of a lattice any more.
const maxHosts = 1000

// Check finds mistakes of usage.
func (o *HostOptions) Check() error {
	if o.Count < 0 || o.Count > maxHosts {
		return cli.Usagef("%d hosts: the number must be from 0 to %d", o.Count, maxHosts)
	}
	dialect, ok := sim.ParseDialect(o.Dialect)
	if !ok {
		return cli.Usagef("--dialect %s is not known: v1 or otp", o.Dialect)
	}
	if _, err := sim.HostVersion(dialect, o.Version); err != nil {
		return cli.Usagef("--host-version %s is not known: hosts that speak %s are %s", o.Version, o.Dialect, strings.Join(sim.HostVersions(dialect), ", "))
	}
	if o.Lattice != "" {
		if err := wadmapi.ValidName(o.Lattice); err != nil {
			return cli.Usagef("--lattice: %w", err)
		}
	}
	if !cli.IsToken(o.Prefix + "a") {
		return cli.Usagef("--prefix %q: only letters, digits, dashes and underscores", o.Prefix)
	}
	return nil
}

// StartHosts runs simulated hosts on a connection, which stays the caller's.
func StartHosts(nc *nats.Conn, o HostOptions) (*sim.Hosts, error) {
	dialect, _ := sim.ParseDialect(o.Dialect)         // Check has seen it
	version, _ := sim.HostVersion(dialect, o.Version) // and this
	timing := sim.FastTiming()
	timing.Heartbeat = beat
	cluster := sim.NewCluster(sim.Options{Lattice: o.Lattice, Dialect: dialect, Version: version, Seed: o.Seed, Base: time.Now(), Timing: timing})
	for i := range o.Count {
		letter := letters(i)
		name := o.Prefix + letter
		labels := maps.Clone(o.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		if o.Zones {
			labels["zone"] = zone(i)
		}
		labels["name"] = name
		cluster.AddHost(sim.HostSpec{Name: name, Labels: labels})
	}
	hosts, err := sim.StartHosts(nc, cluster)
	if err != nil {
		return nil, fmt.Errorf("starting simulated hosts: %w", err)
	}
	return hosts, nil
}

// zone is the zone of a host. There are two, so that of three hosts one may go whose zone another one is in: what ran there can be healed.
func zone(i int) string { return letters(i % 2) }

// letters counts a, b, …, z, aa, ab, ….
func letters(i int) string {
	s := ""
	for i++; i > 0; i = (i - 1) / 26 {
		s = string(rune('a'+(i-1)%26)) + s
	}
	return s
}
