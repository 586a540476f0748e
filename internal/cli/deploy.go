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
)

func deployCommand(s *Settings) *cobra.Command {
	var replace bool
	var w waitFlags
	cmd := &cobra.Command{
		Use:   "deploy SOURCE|NAME [VERSION]",
		Short: "Deploy a manifest (storing it first), or a stored version of an application",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, m, err := loadManifest(cmd, s, args[0])
			if err != nil {
				return err
			}
			if src.App != "" && replace {
				return Usagef("--replace is for manifests: it takes the version of the manifest out of the store before putting it")
			}
			if w.wait && w.timeout <= 0 {
				return Usagef("--timeout must be above 0")
			}
			return s.run(func(ctx context.Context, s *session, args []string) error {
				d := deployment{session: s, src: src, manifest: m, replace: replace, waitFlags: w}
				return d.run(ctx, args)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "take the manifest's version out of the store first (all versions if it has none)")
	w.add(cmd, "it is deployed, showing progress; ends with 4 if it cannot be, 3 if it takes longer")
	return cmd
}

// deployment is one "app deploy".
type deployment struct {
	*session
	waitFlags
	src      *source
	manifest *oam.Manifest // of src; of the stored version otherwise
	replace  bool
}

func (d *deployment) run(ctx context.Context, args []string) error {
	app, version := args[0], append(args, "")[1]
	if d.src.App == "" {
		var err error
		if app, version, err = d.put(ctx); err != nil {
			return err
		}
	}
	f := &Follower{Conn: d.nc, Client: d.client}
	var before *oam.Manifest
	if d.wait {
		before = d.deployedNow(ctx, app)
		if err := f.Listen(); err != nil {
			return err
		}
	}
	f.Began = time.Now()
	reply, err := d.client.Deploy(ctx, app, version)
	if err != nil && version != "" && strings.Contains(err.Error(), "does not have a version") {
		return WithNext(err, "wadm app history %s", app)
	}
	if err != nil {
		return err
	}
	if reply.Version != nil {
		version = *reply.Version
	}
	object := map[string]any{"success": true, "deployed": true, "model_name": reply.Name, "model_version": version}
	if !d.wait {
		return d.result(object, func(w io.Writer) {
			fmt.Fprintf(w, "%s %s is being deployed\n  next: wadm app status %s\n", app, version, app)
		})
	}
	if d.manifest, err = d.session.manifest(ctx, app, version); err != nil {
		return err
	}
	if !d.JSON {
		for _, line := range changes(before, d.manifest) {
			fmt.Fprintln(d.err, line)
		}
	}
	f.Manifest, f.Version = d.manifest, version
	return d.follow(ctx, f, object)
}

// put stores the manifest, after taking the old one away if asked to.
func (d *deployment) put(ctx context.Context) (app, version string, err error) {
	if d.replace {
		name := d.manifest.Metadata.Name
		if _, err := d.client.Delete(ctx, name, d.manifest.Version()); err != nil {
			fmt.Fprintf(d.err, "replacing %s: %v\n", name, err)
		}
	}
	reply, err := d.client.Put(ctx, d.src.Bytes, d.src.ContentType)
	if errors.Is(err, client.ErrExists) {
		return "", "", WithNext(err, "give the manifest another version, or add --replace")
	}
	if err != nil {
		return "", "", d.refused(d.src, err)
	}
	return reply.Name, reply.CurrentVersion, nil
}

// deployedNow is what runs of the application before, nil if nothing does or it cannot be told: it is only shown.
func (d *deployment) deployedNow(ctx context.Context, app string) *oam.Manifest {
	versions, err := d.client.Versions(ctx, app)
	if err != nil {
		return nil
	}
	for _, v := range versions {
		if v.Deployed {
			if m, err := d.session.manifest(ctx, app, v.Version); err == nil {
				return m
			}
		}
	}
	return nil
}

func (d *deployment) follow(ctx context.Context, f *Follower, object map[string]any) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	progress := NewProgress(d.err)
	if !d.JSON {
		f.Show = progress.Show
	}
	m, err := f.UntilDeployed(ctx)
	if !d.JSON {
		progress.Close()
	}
	object["status"], object["parts"], object["seconds"] = m.Status, m.Parts, time.Since(f.Began).Seconds()
	if err == nil {
		return d.result(object, func(w io.Writer) {
			if f.blind() {
				fmt.Fprintf(w, "%s %s is idle after %s, and wadm 0.3.0 tells no more: look at the hosts, with  wash get inventory\n", m.App, f.Version, roughly(m.Elapsed))
				return
			}
			fmt.Fprintf(w, "%s %s deployed in %s\n", m.App, f.Version, roughly(m.Elapsed))
		})
	}
	if d.JSON {
		object["success"], object["deployed"], object["error"] = false, false, err.Error()
		return errors.Join(said(Code(err), err), d.result(object, nil))
	}
	have, want := m.progress()
	running := ""
	if n := m.old(); n > 0 {
		running = fmt.Sprintf(", %d of the image before go on running", n)
	}
	err = WithCode(Code(err), fmt.Errorf("%w\n  %d of %d are there%s; it goes on being tried", err, have, want, running))
	return WithNext(err, "wadm app status %s", d.manifest.Metadata.Name)
}
