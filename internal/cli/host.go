package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/wadmapi"
)

// Host is the command "host" with all below it.
func Host() *cobra.Command {
	s := &Settings{}
	cmd := &cobra.Command{
		Use:   "host",
		Short: "Look at the hosts of a lattice",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s.Flags(cmd.PersistentFlags())
	var w watchFlag
	list := &cobra.Command{
		Use:   "list",
		Short: "List the hosts: labels, age of the last heartbeat, what runs there",
		Args:  cobra.NoArgs,
		RunE: s.run(func(ctx context.Context, s *session, _ []string) error {
			return s.watch(ctx, w, func() (any, func(io.Writer), error) {
				hosts, err := s.hostsOfOwner(ctx)
				if hosts == nil {
					hosts = []wadmapi.Host{}
				}
				return map[string]any{"success": true, "hosts": hosts}, func(w io.Writer) { s.hostTable(w, hosts) }, err
			})
		}),
	}
	w.add(list)
	cmd.AddCommand(list)
	return cmd
}

// ownerWithin is how long a lattice may be without an owner when one process follows another: the time of a lease and a little.
const ownerWithin = 5 * time.Second

// hostsOfOwner asks the owner of the lattice for its hosts.
func (s *session) hostsOfOwner(ctx context.Context) ([]wadmapi.Host, error) {
	return fromOwner(ctx, s, s.client.Hosts)
}

// fromOwner asks the owner of the lattice, and waits for it if there is none at this moment.
func fromOwner[T any](ctx context.Context, s *session, ask func(context.Context) (T, error)) (T, error) {
	for began := time.Now(); ; {
		answer, err := ask(ctx)
		var refused *client.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, "no owner") || time.Since(began) > min(ownerWithin, s.Timeout) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *session) hostTable(w io.Writer, hosts []wadmapi.Host) {
	if len(hosts) == 0 {
		fmt.Fprintf(s.err, "no hosts in lattice %s: none has answered yet, or they are in another lattice (-x)\n", s.Lattice)
		return
	}
	rows := [][]string{{"HOST", "NAME", "LABELS", "VERSION", "LAST BEAT", "RUNS"}}
	slices.SortFunc(hosts, func(a, b wadmapi.Host) int { return strings.Compare(a.Name+" "+a.ID, b.Name+" "+b.ID) })
	for i := range hosts {
		h := &hosts[i]
		rows = append(rows, []string{shortID(h.ID), h.Name, labels(h.Labels), h.Version, lastBeat(h), runs(h.Runs)})
	}
	table(w, rows)
}

// labels are those that somebody gave the host; what it found out about its machine is left out.
func labels(all map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(k, "hostcore.") {
			out = append(out, k+"="+all[k])
		}
	}
	return strings.Join(out, " ")
}

func lastBeat(h *wadmapi.Host) string {
	text := "none yet"
	if h.BeatAge != nil {
		text = ago(*h.BeatAge)
	}
	if h.State != "" && h.State != "alive" {
		text += ", " + h.State
	}
	return text
}

// runs names what runs as application/component, and how often; foreign things by their id.
func runs(all []wadmapi.Running) string {
	order := []string{}
	count := map[string]int{}
	for i := range all {
		name := runningName(&all[i])
		if count[name] == 0 {
			order = append(order, name)
		}
		count[name] += all[i].Count
	}
	for i, name := range order {
		if count[name] > 1 {
			order[i] = fmt.Sprintf("%s %d", name, count[name])
		}
	}
	return strings.Join(order, " · ")
}

func runningName(r *wadmapi.Running) string {
	name := r.Component
	if name == "" {
		name = shortID(r.ID)
	}
	switch {
	case r.App == "":
		return name + " (unmanaged)"
	case r.Orphan:
		return r.App + "/" + name + " (orphan)"
	case r.Released:
		return r.App + "/" + name + " (released)"
	}
	return r.App + "/" + name
}
