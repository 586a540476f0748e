package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"github.com/wadm-go/wadm/wadmapi"
)

// watchFlag is --watch with an optional pause.
type watchFlag struct{ every time.Duration }

func (f *watchFlag) add(cmd *cobra.Command) {
	cmd.Flags().DurationVarP(&f.every, "watch", "w", 0, "show it again whenever it changes, looking so often (1s if not said)")
	cmd.Flags().Lookup("watch").NoOptDefVal = "1s"
}

func listCommand(s *Settings) *cobra.Command {
	var w watchFlag
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the applications of a lattice",
		Args:  cobra.NoArgs,
		RunE:  s.run(func(ctx context.Context, s *session, _ []string) error { return s.list(ctx, w) }),
	}
	w.add(cmd)
	return cmd
}

func (s *session) list(ctx context.Context, w watchFlag) error {
	return s.watch(ctx, w, func() (any, func(io.Writer), error) {
		apps, err := s.client.List(ctx)
		if apps == nil {
			apps = []wadmapi.ModelSummary{}
		}
		return map[string]any{"success": true, "applications": apps}, func(w io.Writer) { s.listTable(w, apps) }, err
	})
}

func (s *session) listTable(w io.Writer, apps []wadmapi.ModelSummary) {
	if len(apps) == 0 {
		fmt.Fprintf(s.err, "no applications in lattice %s\n  next: wadm app deploy my-app.yaml\n", s.Lattice)
		return
	}
	rows := [][]string{{"NAME", "DEPLOYED", "LATEST", "STATUS", "MESSAGE"}}
	for _, a := range apps {
		deployed := ""
		if a.DeployedVersion != nil {
			deployed = *a.DeployedVersion
		}
		rows = append(rows, []string{a.Name, deployed, a.Version, string(a.DetailedStatus.Status.Type), a.DetailedStatus.Status.Message})
	}
	// A host's own words can be long, and a table that wraps is none. Whoever reads this by program gets all of it.
	var b bytes.Buffer
	table(&b, rows)
	for _, line := range splitLines(b.String()) {
		if s.columns > 0 {
			line = clip(line, s.columns)
		}
		fmt.Fprintln(w, line)
	}
}

func getCommand(s *Settings) *cobra.Command {
	var w watchFlag
	cmd := &cobra.Command{
		Use:   "get [NAME [VERSION]]",
		Short: "Print the manifest of an application, the latest version if none is named; without a name, list",
		Args:  cobra.MaximumNArgs(2),
		RunE: s.run(func(ctx context.Context, s *session, args []string) error {
			if len(args) == 0 {
				return s.list(ctx, w)
			}
			return s.watch(ctx, w, func() (any, func(io.Writer), error) {
				raw, err := s.client.Get(ctx, args[0], append(args, "")[1])
				if err != nil {
					return nil, nil, err
				}
				text, err := toYAML(raw)
				return map[string]any{"success": true, "application": raw}, func(w io.Writer) { fmt.Fprint(w, text) }, err
			})
		}),
	}
	w.add(cmd)
	return cmd
}

// watch prints once or, with --watch, whenever what it would print has changed: redrawn on a terminal, one object a line as JSON.
func (s *session) watch(ctx context.Context, f watchFlag, ask func() (any, func(io.Writer), error)) error {
	screen := NewProgress(s.out)
	last := ""
	for {
		object, text, err := ask()
		if err != nil {
			if f.every > 0 && errors.Is(ctx.Err(), context.Canceled) {
				return nil // Ctrl-C is how a watch ends
			}
			return err
		}
		var b bytes.Buffer
		if err := printResult(&b, s.JSON, object, text); err != nil {
			return err
		}
		switch {
		case b.String() == last:
		case screen.live && f.every > 0 && !s.JSON:
			screen.draw(splitLines(b.String()))
		default:
			_, _ = s.out.Write(b.Bytes()) // nobody reads any more: the next signal ends it
		}
		last = b.String()
		if f.every <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.every):
		}
	}
}

func splitLines(s string) []string {
	var out []string
	for line := range bytes.Lines([]byte(s)) {
		out = append(out, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return out
}

// toYAML writes a stored manifest as YAML, with its members in their order.
func toYAML(raw json.RawMessage) (string, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(raw, &root); err != nil {
		return "", fmt.Errorf("reading the stored manifest: %w", err)
	}
	plainStyle(&root)
	text, err := yaml.Dump(&root, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(-1))
	if err != nil {
		return "", fmt.Errorf("writing the manifest as YAML: %w", err)
	}
	return string(text), nil
}

// plainStyle takes the braces and quotes of JSON away; the encoder quotes again what YAML would read as something else than text.
func plainStyle(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 || n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	for _, child := range n.Content {
		plainStyle(child)
	}
}
