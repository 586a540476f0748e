package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

func undeployCommand(s *Settings) *cobra.Command {
	var all bool
	var w waitFlags
	cmd := &cobra.Command{
		Use:   "undeploy NAME|FILE",
		Short: "Stop what runs of an application, and keep its versions",
		Args:  nameOrAll(&all, "all", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if w.wait && w.timeout <= 0 {
				return Usagef("--timeout must be above 0")
			}
			return s.run(func(ctx context.Context, s *session, args []string) error {
				names, err := s.namesOf(ctx, args, all, func(wadmapi.ModelSummary) bool { return true })
				if err != nil {
					return err
				}
				return s.undeploy(ctx, names, w)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all applications of the lattice")
	w.add(cmd, "nothing of it is left")
	return cmd
}

// nameOrAll checks that a command is given a name, or the flag that stands for all of them.
func nameOrAll(all *bool, flag string, most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case *all && len(args) > 0:
			return fmt.Errorf("give a name or --%s, not both", flag)
		case !*all && (len(args) < 1 || len(args) > most):
			return fmt.Errorf("give the name of an application, its manifest file, or --%s", flag)
		}
		return nil
	}
}

// target is one application, or one version of it.
type target struct{ app, version string }

// namesOf reads what an argument names: an application, or a manifest file, whose version counts then; or picks from the list.
func (s *session) namesOf(ctx context.Context, args []string, all bool, pick func(wadmapi.ModelSummary) bool) ([]target, error) {
	if all {
		apps, err := s.client.List(ctx)
		var out []target
		for _, a := range apps {
			if pick(a) {
				out = append(out, target{a.Name, a.Version})
			}
		}
		return out, err
	}
	src, err := loadSource(ctx, args[0], strings.NewReader(""))
	if err != nil {
		return nil, err
	}
	if src.App != "" {
		return []target{{src.App, append(args, "")[1]}}, nil
	}
	doc, ds := oam.Decode(src.Bytes, src.Format)
	if doc == nil || doc.Manifest == nil || doc.Manifest.Metadata.Name == "" {
		return nil, fmt.Errorf("%s names no application: %s", src.Shown, firstOf(ds))
	}
	return []target{{doc.Manifest.Metadata.Name, doc.Manifest.Version()}}, nil
}

func firstOf(ds oam.Diagnostics) string {
	if errs := ds.Errors(); len(errs) > 0 {
		return errs[0].Place() + ": " + errs[0].Text()
	}
	return "metadata.name is missing"
}

func (s *session) undeploy(ctx context.Context, targets []target, w waitFlags) error {
	began := time.Now()
	names := []string{}
	var failed error
	for _, t := range targets {
		if _, err := s.client.Undeploy(ctx, t.app); err != nil {
			failed = errors.Join(failed, fmt.Errorf("undeploying %s: %w", t.app, err))
			continue
		}
		names = append(names, t.app)
	}
	if failed != nil && len(names) == 0 {
		return failed
	}
	word := "is being undeployed"
	if w.wait {
		if err := s.untilGone(ctx, names, w.timeout, began); err != nil {
			return errors.Join(err, failed)
		}
		word = "undeployed in " + roughly(time.Since(began))
	}
	object := map[string]any{"success": failed == nil, "results": "Undeployed application: " + strings.Join(names, ", "), "undeployed_application_names": names}
	return s.partly(failed, object, func(out io.Writer) {
		for _, name := range names {
			fmt.Fprintln(out, name, word)
		}
		if len(names) == 0 {
			fmt.Fprintf(s.err, "no applications in lattice %s\n", s.Lattice)
		}
	})
}

// partly prints what was done, and ends with what failed. For scripts both are one object.
func (s *session) partly(failed error, object map[string]any, text func(io.Writer)) error {
	if failed != nil && s.JSON {
		object["error"] = failed.Error()
		return errors.Join(said(Code(failed), failed), s.result(object, nil))
	}
	return errors.Join(failed, s.result(object, text))
}

// untilGone waits for all of them, within one time.
func (s *session) untilGone(ctx context.Context, names []string, timeout time.Duration, began time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, name := range names {
		m := &oam.Manifest{Metadata: oam.Metadata{Name: name}}
		progress := NewProgress(s.err)
		f := Follower{Conn: s.nc, Client: s.client, Manifest: m, Began: began}
		if !s.JSON {
			f.Show = func(m Moment) {
				if m.Elapsed > plainAfter { // most are gone by then
					progress.left(name, f.left())
				}
			}
		}
		_, err := f.UntilGone(ctx)
		progress.Close()
		if err != nil {
			text := fmt.Errorf("undeploying %s: %w", name, err)
			if left := f.left(); left != "" {
				text = fmt.Errorf("%w\n  still there: %s", text, left)
			}
			return WithNext(WithCode(Code(err), text), "wadm app status %s", name)
		}
	}
	return nil
}

func deleteCommand(s *Settings) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "delete NAME|FILE [VERSION]",
		Aliases: []string{"del"},
		Short:   "Take an application, or one version of it, out of the store; what runs of it is undeployed",
		Args:    nameOrAll(&all, "all-undeployed", 2),
		RunE: s.run(func(ctx context.Context, s *session, args []string) error {
			targets, err := s.namesOf(ctx, args, all, func(a wadmapi.ModelSummary) bool {
				return a.DetailedStatus.Status.Type == wadmapi.StatusUndeployed
			})
			if err != nil {
				return err
			}
			if all {
				return s.deleteAll(ctx, targets)
			}
			return s.deleteOne(ctx, targets[0])
		}),
	}
	cmd.Flags().BoolVar(&all, "all-undeployed", false, "the latest version of each application that is not deployed")
	return cmd
}

func (s *session) deleteOne(ctx context.Context, t target) error {
	reply, err := s.client.Delete(ctx, t.app, t.version)
	if err != nil {
		return err
	}
	return s.result(map[string]any{"success": true, "deleted": true}, func(w io.Writer) {
		switch {
		case reply.Result == wadmapi.ResultNoop:
			fmt.Fprintf(w, "Already deleted application: %s\n", t.app)
		case t.version != "":
			fmt.Fprintf(w, "%s %s deleted\n", t.app, t.version)
		default:
			fmt.Fprintf(w, "%s deleted\n", t.app)
		}
	})
}

func (s *session) deleteAll(ctx context.Context, targets []target) error {
	type deleted struct {
		Name    string `json:"model_name"`
		Version string `json:"model_version"`
	}
	gone := []deleted{}
	var failed error
	for _, t := range targets {
		if _, err := s.client.Delete(ctx, t.app, t.version); err != nil && !errors.Is(err, client.ErrNotFound) {
			failed = errors.Join(failed, fmt.Errorf("deleting %s %s: %w", t.app, t.version, err))
			continue
		}
		gone = append(gone, deleted{t.app, t.version})
	}
	if failed != nil && len(gone) == 0 {
		return failed
	}
	return s.partly(failed, map[string]any{"success": failed == nil, "deleted_applications": gone}, func(w io.Writer) {
		for _, d := range gone {
			fmt.Fprintf(w, "%s %s deleted\n", d.Name, d.Version)
		}
		if len(gone) == 0 {
			fmt.Fprintf(s.err, "no undeployed applications in lattice %s\n", s.Lattice)
		}
	})
}
