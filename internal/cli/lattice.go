package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/wadmapi"
)

// Lattice is the command "lattice" with all below it.
func Lattice() *cobra.Command {
	s := &Settings{}
	cmd := &cobra.Command{
		Use:   "lattice",
		Short: "Look at a whole lattice as wadm has observed it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s.Flags(cmd.PersistentFlags())
	var w watchFlag
	get := &cobra.Command{
		Use:   "get",
		Short: "Show hosts, components, providers, links, references, claims and invocations",
		Long: "Show all that the owner of the lattice has observed: hosts and their status by the age of the last heartbeat, what runs and since when,\n" +
			"links, which reference leads to which id, claims of signed images, and who invoked what how often.\n\n" +
			"The status of a host is shown and not acted on.",
		Args: cobra.NoArgs,
		RunE: s.run(func(ctx context.Context, s *session, _ []string) error {
			return s.watch(ctx, w, func() (any, func(io.Writer), error) {
				seen, err := fromOwner(ctx, s, s.client.Observed)
				return map[string]any{"success": true, "lattice": seen}, func(w io.Writer) { latticeView(w, &seen) }, err
			})
		}),
	}
	w.add(get)
	cmd.AddCommand(get)
	return cmd
}

// latticeView prints one table after the other; one that has no rows is left out.
func latticeView(w io.Writer, l *wadmapi.Lattice) {
	fmt.Fprintf(w, "lattice %s: %d hosts, %d components, %d providers, %d links; observed since %s\n", l.ID, len(l.Hosts), len(l.Components), len(l.Providers),
		len(l.Links), l.ListeningSince)
	names := map[string]string{}
	hosts := [][]string{{"HOST", "NAME", "STATUS", "LAST BEAT", "FIRST SEEN", "VERSION", "LABELS"}}
	for i := range l.Hosts {
		h := &l.Hosts[i]
		names[h.ID] = h.Name
		beat := "none yet"
		if h.BeatAge != nil {
			beat = ago(*h.BeatAge)
		}
		hosts = append(hosts, []string{shortID(h.ID), h.Name, h.Status, beat, h.FirstSeen, h.Version, labels(h.Labels)})
	}
	part(w, hosts)
	part(w, resourceRows("COMPONENT", l.Components, names))
	part(w, resourceRows("PROVIDER", l.Providers, names))
	links := [][]string{{"LINK FROM", "TO", "NAME", "FOR"}}
	for i := range l.Links {
		k := &l.Links[i]
		what := k.Contract
		if what == "" {
			what = k.Namespace + ":" + k.Package + "/" + strings.Join(k.Interfaces, ",")
		}
		links = append(links, []string{shortID(k.Source), shortID(k.Target), k.Name, what})
	}
	part(w, links)
	refs := [][]string{{"REFERENCE", "ID"}}
	for _, ref := range slices.Sorted(maps.Keys(l.RefMap)) {
		refs = append(refs, []string{ref, shortID(l.RefMap[ref])})
	}
	part(w, refs)
	claims := [][]string{{"CLAIMS OF", "NAME", "VERSION", "ISSUER", "CALL ALIAS", "CAPABILITIES", "TAGS"}}
	for _, id := range slices.Sorted(maps.Keys(l.Claims)) {
		c := l.Claims[id]
		contracts := c.Contracts
		if c.Contract != "" {
			contracts = append(slices.Clone(contracts), c.Contract)
		}
		claims = append(claims, []string{shortID(id), c.Name, c.Version, shortID(c.Issuer), c.CallAlias, strings.Join(contracts, " "), strings.Join(c.Tags, " ")})
	}
	part(w, claims)
	part(w, invocationRows(l.Invocations))
	for _, name := range slices.Sorted(maps.Keys(l.LeftOut)) {
		fmt.Fprintf(w, "\n%d %s are left out: the lattice does not fit into one reply\n", l.LeftOut[name], name)
	}
	if n := l.Dropped.Events + l.Dropped.Invocations; n > 0 {
		fmt.Fprintf(w, "\n%d events and %d invocations could not be kept\n", l.Dropped.Events, l.Dropped.Invocations)
	}
}

// part prints a table after an empty line, unless it has no rows but its head.
func part(w io.Writer, rows [][]string) {
	if len(rows) > 1 {
		fmt.Fprintln(w)
		table(w, rows)
	}
}

// resourceRows has one row for each host where a resource runs.
func resourceRows(head string, all []wadmapi.LatticeResource, hosts map[string]string) [][]string {
	rows := [][]string{{head, "NAME", "REFERENCE", "APPLICATION", "HOST", "COUNT", "FIRST SEEN"}}
	for i := range all {
		res := &all[i]
		id := shortID(res.ID)
		if res.Link != "" {
			id += "/" + res.Link
		}
		type place struct{ host, app, ref string }
		count, first, order := map[place]int{}, map[place]string{}, []place{}
		for j := range res.Instances {
			one := &res.Instances[j]
			p := place{one.Host, one.App, one.Reference}
			if count[p] == 0 {
				order = append(order, p)
				first[p] = one.FirstSeen
			}
			count[p] += one.Count
			first[p] = min(first[p], one.FirstSeen) // they are all in UTC
		}
		for _, p := range order {
			host := hosts[p.host]
			if host == "" {
				host = shortID(p.host)
			}
			rows = append(rows, []string{id, res.Name, p.ref, p.app, host, fmt.Sprint(count[p]), first[p]})
		}
	}
	return rows
}

func invocationRows(all []wadmapi.InvocationCount) [][]string {
	rows := [][]string{{"INVOKED BY", "CALLED", "OPERATION", "SUCCEEDED", "FAILED", "BYTES"}}
	end := func(e wadmapi.InvocationEnd) string {
		if e.Link == "" {
			return shortID(e.ID)
		}
		return shortID(e.ID) + "/" + e.Link
	}
	for i := range all {
		c := &all[i]
		rows = append(rows, []string{end(c.From), end(c.To), c.Operation, fmt.Sprint(c.Succeeded), fmt.Sprint(c.Failed), fmt.Sprint(c.Bytes)})
	}
	return rows
}

// ago is an age in words.
func ago(seconds float64) string {
	return fmt.Sprintf("%.1f s ago", seconds)
}
