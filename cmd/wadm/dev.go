package main

import (
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/cmd/wadm/internal/dev"
	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/wadmapi"
)

func devCommand() *cobra.Command {
	o := dev.Options{Hosts: dev.HostOptions{Prefix: "host-", Zones: true}}
	var profile, generation string
	cmd := &cobra.Command{
		Use:   "dev [MANIFEST…]",
		Short: "Run NATS, the control plane and simulated hosts in one process, and deploy manifests or an example",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Manifests, o.Version, o.Records = args, shownVersion(), recordsID
			o.Out, o.Err, o.In = cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin()
			if _, err := settings.Load(cmd.Flags(), settings.Sources{Getenv: func(string) string { return "" }, Profiles: devProfiles}); err != nil {
				return cli.Usagef("%w", err)
			}
			if err := o.Hosts.Check(); err != nil {
				return err
			}
			if err := devStore(&o, generation); err != nil {
				return err
			}
			if o.Port < 0 || o.Port > 65535 {
				return cli.Usagef("--nats-port %d: a port is from 0 to 65535", o.Port)
			}
			if o.Timeout <= 0 {
				return cli.Usagef("--timeout must be above 0")
			}
			signal.Ignore(syscall.SIGPIPE) // with `| head` too, everything is taken down in order
			return dev.Run(cmd.Context(), o)
		},
	}
	fs := cmd.Flags()
	fs.IntVar(&o.Hosts.Count, "hosts", 3, "how many simulated hosts")
	fs.StringVar(&o.Hosts.Dialect, "dialect", "v1", "what the hosts speak: v1 (wasmCloud 1.x) or otp (0.55 to 0.63)")
	fs.StringVar(&o.Hosts.Version, "host-version", "", "version of the hosts: 0.57.1, 0.57, 0.58 or 0.63 for otp (0.58 if not said), 1.9 for v1")
	fs.StringVar(&profile, "profile", "", "0.3: --dialect otp, --api-generation 0.3 and --store redis at once; what is given beside it counts")
	fs.StringVar(&generation, "api-generation", "0.21", "which wadm clients expect: 0.21 or 0.3")
	fs.StringVar(&o.Store, "store", "nats", "where models live: nats (the one that runs here), redis or memory")
	fs.StringVar(&o.Redis, "redis-url", "", "Redis for --store redis; without it a redis-server is started, and ended with the rest")
	fs.BoolVar(&o.Once, "once", false, "end when everything is deployed and stays so: with 0, else with 4 or 3 and the reason")
	fs.DurationVar(&o.Timeout, "timeout", 60*time.Second, "how long everything may take to be deployed")
	fs.StringVar(&o.Persist, "persist", "", "directory that keeps what NATS stores; without it nothing is kept")
	fs.StringVarP(&o.Hosts.Lattice, "lattice", "x", "default", "lattice")
	fs.IntVar(&o.Port, "nats-port", 4222, "port of NATS on 127.0.0.1; another one if it is taken; 0 takes any")
	fs.BoolVar(&o.Log, "log", false, "show the log of the control plane")
	return cmd
}

// devProfiles are those of the server, in the flags of wadm dev.
var devProfiles = map[string]map[string]string{
	"0.3": {"dialect": profiles["0.3"]["lattice-dialect"], "api-generation": profiles["0.3"]["api-generation"], "store": profiles["0.3"]["store"]},
}

// devStore checks where models are to live and what clients are to hear.
func devStore(o *dev.Options, generation string) (err error) {
	if o.Clients, err = wadmapi.ParseGeneration(generation); err != nil {
		return cli.Usagef("--api-generation: %w", err)
	}
	switch {
	case o.Store != "nats" && o.Store != "redis" && o.Store != "memory":
		return cli.Usagef("--store %s is not known: nats, redis or memory", o.Store)
	case o.Redis != "" && o.Store != "redis":
		return cli.Usagef("--redis-url needs --store redis or --profile 0.3")
	}
	return nil
}
