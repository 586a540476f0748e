package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/wadmapi"
)

// Cluster is the command "cluster" with all below it.
func Cluster() *cobra.Command {
	s := &Settings{}
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Look at the wadm processes that share the lattices",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s.Flags(cmd.PersistentFlags())
	status := &cobra.Command{
		Use:   "status",
		Short: "List the processes, and for each lattice who owns it, since when, and who should",
		Args:  cobra.NoArgs,
		RunE: s.run(func(ctx context.Context, s *session, _ []string) error {
			c, err := s.client.Cluster(ctx)
			if err != nil {
				return err
			}
			return s.result(map[string]any{"success": true, "processes": c.Processes, "silent": c.Silent, "lattices": c.Lattices},
				func(w io.Writer) { clusterTables(w, &c, time.Now()) })
		}),
	}
	cmd.AddCommand(status)
	return cmd
}

// clusterTables prints the processes and the lattices.
func clusterTables(w io.Writer, c *wadmapi.Cluster, now time.Time) {
	rows := [][]string{{"PROCESS", "VERSION", "SINCE", "STATE", "OWNS"}}
	for i := range c.Processes {
		p := &c.Processes[i]
		owns := 0
		for _, l := range p.Lattices {
			if l.Stand == wadmapi.StandOwns {
				owns++
			}
		}
		rows = append(rows, []string{p.Name, p.Version, since(p.Started, now), string(p.State), plural(owns, "lattice", "lattices")})
	}
	for _, h := range c.Silent {
		rows = append(rows, []string{h.Name, "", "", fmt.Sprintf("silent, last heard %.1f s ago", h.Age), ""})
	}
	table(w, rows)
	if len(c.Lattices) == 0 {
		return
	}
	fmt.Fprintln(w)
	rows = [][]string{{"LATTICE", "OWNER", "SINCE", "EPOCH", "SHOULD OWN IT"}}
	for _, l := range c.Lattices {
		owner, epoch := l.Owner, ""
		switch {
		case owner != "" && l.Note != "":
			owner += " (" + l.Note + ")"
		case l.Note != "":
			owner = l.Note
		case owner == "":
			owner = "none"
		}
		if l.Epoch > 0 {
			epoch = fmt.Sprint(l.Epoch)
		}
		rows = append(rows, []string{l.Lattice, owner, since(l.Since, now), epoch, l.Should})
	}
	table(w, rows)
}

// since is how long ago a moment was, or the text itself where it is none.
func since(text string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	d := max(now.Sub(at), 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
