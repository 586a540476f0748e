package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/cmd/wadm/internal/dev"
	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/sim"
)

func simCommand() *cobra.Command {
	s := &cli.Settings{}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Run simulated hosts, and break them",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s.Flags(cmd.PersistentFlags())
	cmd.AddCommand(
		simHostsCommand(s),
		simVerbCommand(s, "kill", "Kill a simulated host: it says nothing any more, and what ran there is gone"),
		simVerbCommand(s, "stop", "Stop a simulated host in good order"),
		simVerbCommand(s, "slow", "Make a simulated host slow"),
		simVerbCommand(s, "return", "Start a killed or stopped host again, empty, under its old id"),
	)
	return cmd
}

func simHostsCommand(s *cli.Settings) *cobra.Command {
	o := dev.HostOptions{}
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "Run simulated hosts beside a NATS server until Ctrl-C",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Check(); err != nil {
				return err
			}
			nc, err := s.Connect(cmd)
			if err != nil {
				return err
			}
			defer nc.Close()
			var seed [8]byte
			_, _ = rand.Read(seed[:]) // never fails, says its documentation
			o.Seed, o.Lattice = binary.LittleEndian.Uint64(seed[:]), s.Lattice
			hosts, err := dev.StartHosts(nc, o)
			if err != nil {
				return err
			}
			defer hosts.Close()
			out := cmd.OutOrStdout()
			if err := announce(cmd, s, hosts); err != nil {
				return err
			}
			gone := make(chan struct{})
			nc.SetClosedHandler(func(*nats.Conn) { close(gone) })
			select {
			case <-cmd.Context().Done():
				if !s.JSON {
					fmt.Fprintln(out, "the hosts are gone")
				}
				return nil
			case <-gone:
				return cli.WithCode(cli.ExitUnreachable, errors.New("the connection to NATS was lost"))
			}
		},
	}
	cmd.Flags().IntVarP(&o.Count, "number", "n", 3, "how many")
	cmd.Flags().StringToStringVar(&o.Labels, "label", nil, "label of all of them, key=value; may be repeated")
	cmd.Flags().StringVar(&o.Dialect, "dialect", "v1", "v1 or otp")
	cmd.Flags().StringVar(&o.Version, "host-version", "", "version of the hosts: 0.57.1, 0.57, 0.58 or 0.63 for otp (0.58 if not said), 1.9 for v1")
	cmd.Flags().StringVar(&o.Prefix, "prefix", "host-", "names are this and a letter")
	return cmd
}

// announce says which hosts run.
func announce(cmd *cobra.Command, s *cli.Settings, hosts *sim.Hosts) error {
	var infos []sim.HostInfo
	hosts.Do(func(c *sim.Cluster) { infos = c.Hosts() })
	if !s.JSON {
		for _, h := range infos {
			fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", h.Name, h.ID)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d simulated hosts in lattice %s; Ctrl-C stops them.\n", len(infos), s.Lattice)
		return nil
	}
	type host struct {
		ID     string            `json:"id"`
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	}
	list := []host{}
	for _, h := range infos {
		list = append(list, host{h.ID, h.Name, h.Labels})
	}
	if err := json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"success": true, "lattice": s.Lattice, "hosts": list}); err != nil {
		return fmt.Errorf("printing the hosts: %w", err)
	}
	return nil
}

func simVerbCommand(s *cli.Settings, verb, short string) *cobra.Command {
	factor := ""
	cmd := &cobra.Command{
		Use:   verb + " HOST",
		Short: short + "; HOST is its name or id",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := sim.ControlRequest{}
			if factor != "" {
				f, err := strconv.ParseFloat(factor, 64)
				if err != nil || !(f > 0 && f <= maxFactor) { // NaN is neither
					return cli.Usagef("--factor %s: it must be a number above 0, and at most %d", factor, maxFactor)
				}
				req.Factor = f
			}
			if !cli.IsToken(args[0]) {
				return cli.Usagef("%q is neither the name nor the id of a host", args[0])
			}
			nc, err := s.Connect(cmd)
			if err != nil {
				return err
			}
			defer nc.Close()
			reply, err := control(cmd.Context(), nc, sim.ControlSubject(s.Lattice, verb, args[0]), req, s.Timeout)
			if err != nil {
				return err
			}
			if !reply.Success {
				return errors.New(reply.Message)
			}
			if s.JSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(reply); err != nil {
					return fmt.Errorf("printing the answer: %w", err)
				}
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", reply.Name, reply.Message)
			return nil
		},
	}
	if verb == "slow" {
		cmd.Flags().StringVar(&factor, "factor", "", "how many times as long fetches and starts take (10 if not said; 1 is normal again)")
	}
	return cmd
}

// maxFactor is how much slower a host can be made: enough to be silent for hours.
const maxFactor = 1_000_000

// othersWithin is how long an answer that found no such host waits for another set of hosts that may have it.
const othersWithin = 300 * time.Millisecond

// control asks all simulated hosts of a lattice at once: several sets of them may run, and one of them has the host.
func control(ctx context.Context, nc *nats.Conn, subject string, req sim.ControlRequest, timeout time.Duration) (sim.ControlReply, error) {
	var reply sim.ControlReply
	body, err := json.Marshal(req)
	if err != nil {
		return reply, fmt.Errorf("asking the simulated hosts: %w", err)
	}
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err == nil {
		err = nc.PublishRequest(subject, inbox, body)
	}
	if err != nil {
		return reply, fmt.Errorf("asking the simulated hosts: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answered := false
	for {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrNoResponders) || err == nil && m.Header.Get("Status") == "503":
			return reply, errors.New("there are no simulated hosts in this lattice: real hosts are not for breaking")
		case err != nil && answered:
			return reply, nil // what the first one said
		case err != nil:
			return reply, fmt.Errorf("waiting up to %s for the simulated hosts to answer: %w", timeout, err)
		}
		if err := json.Unmarshal(m.Data, &reply); err != nil {
			return reply, fmt.Errorf("reading the answer of the simulated hosts: %w", err)
		}
		if reply.Success || reply.Host != "" {
			return reply, nil
		}
		if !answered {
			answered = true
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, othersWithin)
			defer stop()
		}
	}
}
