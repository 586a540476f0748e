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
	var o undeployment
	cmd := &cobra.Command{
		Use:   "undeploy NAME|FILE",
		Short: "Stop what runs of an application, and keep its versions",
		Args:  nameOrAll(&all, "all", 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return s.run(func(ctx context.Context, s *session, args []string) error {
				names, err := s.namesOf(ctx, args, all, func(wadmapi.ModelSummary) bool { return true })
				if err != nil {
					return err
				}
				return s.undeploy(ctx, names, o)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all applications of the lattice")
	cmd.Flags().BoolVar(&o.stop, "destructive", false, "stop what runs, whatever the server does by itself")
	cmd.Flags().BoolVar(&o.letRun, "non-destructive", false, "let what runs go on; the next deploy takes it over")
	o.add(cmd, "nothing of it is left")
	return cmd
}

// undeployment is how an undeploy goes.
type undeployment struct {
	waitFlags
	stop, letRun bool
}

func (o *undeployment) check() error {
	switch {
	case o.wait && o.timeout <= 0:
		return Usagef("--timeout must be above 0")
	case o.stop && o.letRun:
		return Usagef("--destructive and --non-destructive contradict each other")
	case o.wait && o.letRun:
		return Usagef("--wait waits until nothing is left, and --non-destructive lets it run: give one of them")
	}
	return nil
}

func (o *undeployment) changes() []client.Removal {
	switch {
	case o.stop:
		return []client.Removal{client.Stop()}
	case o.letRun:
		return []client.Removal{client.LetRun()}
	}
	return nil
}

// goesOn is said of what was let go.
const goesOn = "; what runs of it goes on"

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

func (s *session) undeploy(ctx context.Context, targets []target, o undeployment) error {
	began := time.Now()
	names := []string{}
	var failed error
	for _, t := range targets {
		if _, err := s.client.Undeploy(ctx, t.app, o.changes()...); err != nil {
			failed = errors.Join(failed, fmt.Errorf("undeploying %s: %w", t.app, err))
			continue
		}
		names = append(names, t.app)
	}
	if failed != nil && len(names) == 0 {
		return failed
	}
	word := "is being undeployed"
	switch g, _ := s.client.Generation(); {
	case o.wait:
		if err := s.untilGone(ctx, names, o.timeout, began); err != nil {
			return errors.Join(err, failed)
		}
		word = "undeployed in " + roughly(time.Since(began))
	case o.letRun:
		word = "undeployed" + goesOn
	case g == wadmapi.Generation03 && !o.stop:
		word = "undeployed" // such a server lets it run, unless it was told otherwise when it was started
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
	var o deletion
	cmd := &cobra.Command{
		Use:     "delete NAME|FILE [VERSION]",
		Aliases: []string{"del"},
		Short:   "Take an application, or one version of it, out of the store; what runs of it is undeployed",
		Args:    nameOrAll(&all, "all-undeployed", 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.allVersions && len(args) > 1 {
				return Usagef("give a version or --all-versions, not both")
			}
			if o.allVersions && all {
				return Usagef("--all-undeployed takes the latest version of each application: it does not go with --all-versions")
			}
			o.decided = cmd.Flags().Changed("undeploy")
			return s.run(func(ctx context.Context, s *session, args []string) error {
				targets, err := s.namesOf(ctx, args, all, func(a wadmapi.ModelSummary) bool {
					return a.DetailedStatus.Status.Type == wadmapi.StatusUndeployed
				})
				if err != nil {
					return err
				}
				if all {
					return s.deleteAll(ctx, targets, o)
				}
				return s.deleteOne(ctx, targets[0], o)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&all, "all-undeployed", false, "the latest version of each application that is not deployed")
	cmd.Flags().BoolVar(&o.allVersions, "all-versions", false, "all versions, also where a manifest names one")
	cmd.Flags().BoolVar(&o.undeploy, "undeploy", true, "=true stops what runs, =false lets it go on; left out, the server decides")
	return cmd
}

// deletion is how a delete goes.
type deletion struct {
	allVersions       bool
	undeploy, decided bool
}

func (o *deletion) changes() []client.Removal {
	var out []client.Removal
	if o.allVersions {
		out = append(out, client.AllVersions())
	}
	switch {
	case o.decided && o.undeploy:
		out = append(out, client.Stop())
	case o.decided:
		out = append(out, client.LetRun())
	}
	return out
}

func (s *session) deleteOne(ctx context.Context, t target, o deletion) error {
	if o.allVersions {
		t.version = ""
	}
	reply, err := s.client.Delete(ctx, t.app, t.version, o.changes()...)
	if err != nil {
		return err
	}
	tail := ""
	if o.decided && !o.undeploy {
		tail = goesOn
	}
	return s.result(map[string]any{"success": true, "deleted": true}, func(w io.Writer) {
		switch {
		case reply.Result == wadmapi.ResultNoop:
			fmt.Fprintf(w, "Already deleted application: %s\n", t.app)
		case t.version != "":
			fmt.Fprintf(w, "%s %s deleted%s\n", t.app, t.version, tail)
		default:
			fmt.Fprintf(w, "%s deleted%s\n", t.app, tail)
		}
	})
}

func (s *session) deleteAll(ctx context.Context, targets []target, o deletion) error {
	type deleted struct {
		Name    string `json:"model_name"`
		Version string `json:"model_version"`
	}
	gone := []deleted{}
	var failed error
	for _, t := range targets {
		if _, err := s.client.Delete(ctx, t.app, t.version, o.changes()...); err != nil && !errors.Is(err, client.ErrNotFound) {
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
