package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/redisstore"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/internal/store/transfer"
	"github.com/wadm-go/wadm/wadmapi"
)

func storeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "store", Short: "Work on the stores themselves, without a server", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(storeCopyCommand())
	return cmd
}

// copyFlags are those of wadm store copy.
type copyFlags struct {
	login    cli.Login // for whichever side is a NATS
	from, to string
	domain   string
	bucket   string
	lattices []string
	dry      bool
	output   string
}

func storeCopyCommand() *cobra.Command {
	f := &copyFlags{}
	cmd := &cobra.Command{
		Use:   "copy --from URL --to URL",
		Short: "Copy the models of one store into another",
		Long: "Copies the models of one store into another: all versions in order, when and as what text they were put, and which is deployed.\n" +
			"What is there already is never overwritten: where it differs the model is left as it is, told as a conflict, and the exit code is 1.\n" +
			"The same copy may be made again. What runs is not touched; a server that works with the other store then adopts it.\n\n" +
			"A URL is nats://HOST[:PORT], or that of a Redis: " + redisstore.URLForms + ".",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.FromEnv(cmd.Flags(), cli.LoginEnv); err != nil {
				return err
			}
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	fs := cmd.Flags()
	f.login.Flags(fs)
	_ = fs.MarkHidden("nats-server") // it is in --from or --to
	fs.StringVar(&f.from, "from", "", "store to read")
	fs.StringVar(&f.to, "to", "", "store to write")
	fs.StringVarP(&f.domain, "jetstream-domain", "d", "", "JetStream domain of the NATS")
	fs.StringVar(&f.bucket, "manifest-bucket-name", "wadm_manifests", "bucket of the NATS that holds the manifests; it is made if it is missing")
	fs.StringSliceVarP(&f.lattices, "lattice", "x", nil, "lattice to copy; may be repeated (default all that are in the store)")
	fs.BoolVar(&f.dry, "dry-run", false, "say what would be copied, and copy nothing")
	fs.StringVarP(&f.output, "output", "o", "text", "text or json")
	return cmd
}

func (f *copyFlags) check() error {
	switch {
	case f.from == "" || f.to == "":
		return cli.Usagef("--from and --to are both needed, e.g. --from redis://localhost --to nats://localhost")
	case f.from == f.to:
		return cli.Usagef("--from and --to are the same store")
	case f.output != "text" && f.output != "json":
		return cli.Usagef("-o %s is not known: text or json", f.output)
	}
	return nil
}

func (f *copyFlags) run(ctx context.Context, out io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	from, closeFrom, err := f.open(ctx, "--from", f.from)
	if err != nil {
		return err
	}
	defer closeFrom()
	to, closeTo, err := f.open(ctx, "--to", f.to)
	if err != nil {
		return err
	}
	defer closeTo()
	asJSON := f.output == "json"
	items, err := transfer.Copy(ctx, from, to, transfer.Options{Lattices: f.lattices, DryRun: f.dry, Tell: func(i transfer.Item) {
		if !asJSON {
			fmt.Fprintln(out, line(i))
		}
	}})
	if err != nil && (len(items) == 0 || asJSON) {
		return err
	}
	summed := sum(items, f.dry)
	left := errors.Join(err, summed.err())
	if asJSON {
		if err := json.NewEncoder(out).Encode(summed); err != nil {
			return fmt.Errorf("printing the result: %w", err)
		}
		if left != nil {
			return cli.Said(cli.ExitFailed, left)
		}
		return nil
	}
	fmt.Fprintln(out, summed)
	return left
}

// open makes the store of a URL.
func (f *copyFlags) open(ctx context.Context, flag, url string) (store.Models, func(), error) {
	scheme, _, _ := strings.Cut(url, "://")
	switch {
	case scheme == "memory" || url == "memory":
		return nil, nil, cli.Usagef("%s: a store in memory ends with its process, so there is nothing to copy from it or into it", flag)
	case slices.Contains([]string{"nats", "tls", "ws", "wss"}, scheme):
		return f.openNATS(ctx, flag, url)
	}
	target, err := redisstore.ParseURL(url)
	if err != nil {
		return nil, nil, cli.Usagef("%s: it is no nats:// URL, and %w", flag, err)
	}
	opened, err := openRedis(target, slog.New(slog.DiscardHandler))(ctx, nil)
	return storeOf(opened, err, flag, func() {})
}

func (f *copyFlags) openNATS(ctx context.Context, flag, url string) (store.Models, func(), error) {
	login := f.login
	login.Server = url
	options, err := login.Options()
	if err != nil {
		return nil, nil, err
	}
	nc, err := nats.Connect(login.URL(), append(options, nats.Name("wadm store copy"))...)
	if err != nil {
		err = cli.WithCode(cli.ExitUnreachable, fmt.Errorf("%s: connecting to %s: %w", flag, login.Place(), cli.Refused(err)))
		return nil, nil, err
	}
	opened, err := openNATS(kvstore.Options{Domain: f.domain, Manifests: f.bucket, ReadOnly: f.dry || flag == "--from"})(ctx, nc)
	return storeOf(opened, err, flag, nc.Close)
}

func storeOf(s node.Stores, err error, flag string, then func()) (store.Models, func(), error) {
	if err != nil {
		then()
		return nil, nil, fmt.Errorf("%s: %w", flag, err)
	}
	return s.Models, func() {
		if s.Close != nil {
			s.Close()
		}
		then()
	}, nil
}

// line is one model for people. Names that would not fit a subject are quoted: they may hold anything.
func line(i transfer.Item) string {
	name := i.Lattice + "/" + i.Name
	if wadmapi.ValidName(i.Lattice) != nil || wadmapi.ValidName(i.Name) != nil {
		name = fmt.Sprintf("%q", name)
	}
	text := fmt.Sprintf("%-10s  %s", i.Outcome, name)
	if i.Versions > 0 {
		text += "  " + count(i.Versions, "version")
	}
	if i.Why != "" {
		text += ": " + i.Why
	}
	return text
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// copySum is the count at the end.
type copySum struct {
	Success  bool                     `json:"success"`
	DryRun   bool                     `json:"dry_run"`
	Models   []transfer.Item          `json:"models"`
	Counts   map[transfer.Outcome]int `json:"counts"`
	Versions int                      `json:"versions"`
}

var outcomes = []transfer.Outcome{transfer.Copied, transfer.Completed, transfer.Same, transfer.Conflict, transfer.Unreadable, transfer.Failed}

func sum(items []transfer.Item, dry bool) copySum {
	s := copySum{Success: true, DryRun: dry, Models: items, Counts: map[transfer.Outcome]int{}}
	for _, o := range outcomes {
		s.Counts[o] = 0
	}
	for _, i := range items {
		s.Counts[i.Outcome]++
		s.Versions += i.Versions
		s.Success = s.Success && !i.Left()
	}
	return s
}

func (s copySum) String() string {
	parts := []string{}
	for _, o := range outcomes {
		if n := s.Counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	text := count(len(s.Models), "model")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	text += "; " + count(s.Versions, "version")
	if s.DryRun {
		return text + " would be written (nothing was: --dry-run)"
	}
	return text + " written"
}

func (s copySum) err() error {
	n := s.Counts[transfer.Conflict] + s.Counts[transfer.Unreadable] + s.Counts[transfer.Failed]
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%s could not be copied whole: see the lines above", count(n, "model"))
}
