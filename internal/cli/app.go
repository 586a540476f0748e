package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// App is the command "app" with all below it.
func App() *cobra.Command {
	s := &Settings{}
	cmd := &cobra.Command{
		Use:   "app",
		Short: "Put, deploy, look at and take away applications",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s.Flags(cmd.PersistentFlags())
	cmd.AddCommand(putCommand(s), deployCommand(s), listCommand(s), getCommand(s), statusCommand(s), historyCommand(s),
		undeployCommand(s), deleteCommand(s), validateCommand(s))
	return cmd
}

func putCommand(s *Settings) *cobra.Command {
	return &cobra.Command{
		Use:   "put [SOURCE]",
		Short: "Store a manifest as a new version; SOURCE is a file, an http(s) URL, or - for standard input",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, _, err := loadManifest(cmd, s, append(args, "-")[0])
			if err != nil {
				return err
			}
			return s.run(func(ctx context.Context, s *session, _ []string) error {
				reply, err := s.client.Put(ctx, src.Bytes, src.ContentType)
				if err != nil {
					return s.refused(src, err)
				}
				object := map[string]any{"success": true, "deployed": true, "model_name": reply.Name, "model_version": reply.CurrentVersion}
				return s.result(object, func(w io.Writer) {
					fmt.Fprintf(w, "%s %s stored (%s)\n", reply.Name, reply.CurrentVersion, plural(reply.TotalVersions, "version", "versions"))
				})
			})(cmd, args)
		},
	}
}

// loadManifest reads and checks a manifest before anybody is connected to.
func loadManifest(cmd *cobra.Command, s *Settings, arg string) (*source, *oam.Manifest, error) {
	if err := s.form(); err != nil {
		return nil, nil, err
	}
	src, err := loadSource(cmd.Context(), arg, cmd.InOrStdin())
	if err != nil || src.App != "" {
		if err == nil && cmd.Name() == "put" {
			err = WithCode(ExitFailed, fmt.Errorf("manifest file %q does not exist", arg))
		}
		return &src, nil, err
	}
	m, err := src.mustBeGood(cmd.OutOrStdout(), cmd.ErrOrStderr(), s.JSON, "nothing was stored.")
	return &src, m, err
}

// refused shows the mistakes that the server found and we did not, then hands on the error.
func (s *session) refused(src *source, err error) error {
	var refusal *client.Error
	if s.JSON || !errors.As(err, &refusal) || len(refusal.Mistakes) == 0 {
		return err
	}
	var ds oam.Diagnostics
	for _, e := range refusal.Mistakes {
		ds = append(ds, oam.Diagnostic{Level: oam.Error, Message: e.Message, Path: e.Path, Line: e.Line, Col: e.Column, Width: e.Width, Suggestion: e.Suggestion})
	}
	oam.Render(s.err, src.Shown, src.Bytes, ds)
	text := plural(len(ds), "error", "errors") + "; nothing was stored."
	fmt.Fprintln(s.err, text)
	return said(ExitFailed, errors.New(text))
}

func historyCommand(s *Settings) *cobra.Command {
	return &cobra.Command{
		Use:   "history NAME",
		Short: "List the stored versions of an application, oldest first",
		Args:  cobra.ExactArgs(1),
		RunE: s.run(func(ctx context.Context, s *session, args []string) error {
			versions, err := s.client.Versions(ctx, args[0])
			if err != nil {
				return err
			}
			return s.result(map[string]any{"success": true, "revisions": versions}, func(w io.Writer) {
				rows := [][]string{{"VERSION", "DEPLOYED"}}
				for _, v := range versions {
					deployed := "no"
					if v.Deployed {
						deployed = "yes"
					}
					rows = append(rows, []string{v.Version, deployed})
				}
				table(w, rows)
			})
		}),
	}
}

func statusCommand(s *Settings) *cobra.Command {
	return &cobra.Command{
		Use:   "status NAME",
		Short: "Show what of an application runs where, and why something does not",
		Args:  cobra.ExactArgs(1),
		RunE: s.run(func(ctx context.Context, s *session, args []string) error {
			status, view, err := s.look(ctx, args[0])
			if err != nil {
				return err
			}
			object := map[string]any{"success": true, "status": status, "application": view.App, "version": view.Version, "parts": view.Parts}
			return s.result(object, func(w io.Writer) { PrintStatus(w, view) })
		}),
	}
}

// PrintStatus prints an application: its state, its parts, and what is not said at a part.
func PrintStatus(w io.Writer, v *View) {
	fmt.Fprintln(w, headLine(v, string(v.Status.Type)))
	Tree(w, v, nil)
	for i := range v.Parts {
		if v.Parts[i].Message != "" {
			return
		}
	}
	if v.Status.Message != "" {
		fmt.Fprintln(w, "  "+v.Status.Message)
	}
}

// look asks for all that is known of an application. The manifest is that of the version that its status is about.
func (s *session) look(ctx context.Context, app string) (wadmapi.Status, *View, error) {
	status, err := s.client.Status(ctx, app)
	if err != nil {
		return status, nil, err
	}
	m, err := s.manifest(ctx, app, status.Version)
	if errors.Is(err, client.ErrNotFound) && status.Version != "" {
		m, err = s.manifest(ctx, app, "")
	}
	if errors.Is(err, client.ErrNotFound) && status.Status.Type != wadmapi.StatusUndeployed {
		return status, &View{App: app, Version: status.Version, Status: status.Status}, nil // deleted, and something of it still runs
	}
	if err != nil {
		return status, nil, err
	}
	hosts, err := s.hosts(ctx)
	if err != nil {
		return status, nil, err
	}
	v := look(m, status, hosts)
	return status, &v, nil
}

// hosts are nil when the server does not tell: an older one, or one without an owner at this moment.
func (s *session) hosts(ctx context.Context) ([]wadmapi.Host, error) {
	hosts, err := s.client.Hosts(ctx)
	var refused *client.Error
	if errors.As(err, &refused) && !errors.Is(err, client.ErrNoServer) {
		return nil, nil
	}
	return hosts, err
}

// manifest gets a stored version and decodes it.
func (s *session) manifest(ctx context.Context, app, version string) (*oam.Manifest, error) {
	raw, err := s.client.Get(ctx, app, version)
	if err != nil {
		return nil, err
	}
	doc, ds := oam.Decode(raw, oam.FormatJSON)
	if doc == nil || doc.Manifest == nil {
		return nil, fmt.Errorf("reading the stored manifest of %q: %s", app, ds.Errors()[0].Text())
	}
	return doc.Manifest, nil
}

// waitFlags are those of commands that can wait.
type waitFlags struct {
	wait    bool
	timeout time.Duration
}

func (f *waitFlags) add(cmd *cobra.Command, until string) {
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait until "+until)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 60*time.Second, "how long --wait waits")
}
