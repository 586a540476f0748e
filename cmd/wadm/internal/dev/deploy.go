package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/examples"
	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// load reads the manifests, or takes the example of the dialect.
func (o *Options) load(ctx context.Context) ([]cli.Manifest, error) {
	if len(o.Manifests) == 0 {
		body, name := examples.Hello, "examples/hello.yaml"
		if o.Hosts.Dialect == "otp" {
			body, name = examples.PetClinic, "examples/petclinic.yaml"
		}
		m, err := cli.ReadManifest(name, body, o.Err)
		return []cli.Manifest{m}, err
	}
	var all []cli.Manifest
	for _, arg := range o.Manifests {
		m, err := cli.LoadManifest(ctx, arg, o.In, o.Err)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// deployAll deploys one manifest after another and shows each until it is deployed. The first that is not ends it.
func (s *stack) deployAll(ctx context.Context, manifests []cli.Manifest) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	for i := range manifests {
		if err := s.deploy(ctx, &manifests[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) deploy(ctx context.Context, m *cli.Manifest) error {
	app := m.Parsed.Metadata.Name
	version, err := s.put(ctx, m)
	if err != nil {
		return err
	}
	began := time.Now()
	reply, err := s.client.Deploy(ctx, app, version)
	if err != nil {
		return fmt.Errorf("deploying %s: %w", app, err)
	}
	if reply.Version != nil {
		version = *reply.Version
	}
	m.Parsed.Metadata.Annotations[oam.AnnotationVersion] = version
	fmt.Fprintln(s.o.Out)
	growing := cli.NewGrowing(s.o.Out, app, version)
	f := cli.Follower{Conn: s.nc, Client: s.client, Manifest: m.Parsed, Version: version, Began: began, Every: 10 * time.Millisecond, Show: growing.Show}
	last, err := f.UntilDeployed(ctx)
	growing.End(last, err == nil)
	return err
}

// put stores a manifest. With --persist the version may be there from the last time; then that one is deployed, and so is the newest
// version of an example, which would else become one more at each start.
func (s *stack) put(ctx context.Context, m *cli.Manifest) (version string, err error) {
	app := m.Parsed.Metadata.Name
	if len(s.o.Manifests) == 0 && s.o.Persist != "" {
		if versions, err := s.client.Versions(ctx, app); err == nil && len(versions) > 0 {
			return versions[len(versions)-1].Version, nil
		}
	}
	reply, err := s.client.Put(ctx, m.Bytes, m.ContentType)
	switch {
	case errors.Is(err, client.ErrExists):
		return m.Parsed.Version(), nil
	case err != nil:
		return "", fmt.Errorf("storing %s: %w", m.Shown, err)
	}
	return reply.CurrentVersion, nil
}

// stays watches for two heartbeats that what is deployed stays so: hosts report with each of them what really runs.
func (s *stack) stays(ctx context.Context, manifests []cli.Manifest) error {
	over := time.NewTimer(2*beat + beat/4)
	defer over.Stop()
	for {
		for i := range manifests {
			app := manifests[i].Parsed.Metadata.Name
			status, err := s.client.Status(ctx, app)
			if err != nil {
				return fmt.Errorf("asking for the status of %s: %w", app, err)
			}
			if status.Status.Type != wadmapi.StatusDeployed {
				return cli.WithCode(cli.ExitNotDeployed, fmt.Errorf("%s did not stay deployed: %s: %s", app, status.Status.Type, status.Status.Message))
			}
		}
		select {
		case <-over.C:
			fmt.Fprintf(s.o.Out, "\nall deployed, and stayed so for two heartbeats\n")
			return nil
		case <-ctx.Done():
			return errors.New("interrupted")
		case <-time.After(beat / 10):
		}
	}
}

// address is where client commands find us.
func (s *stack) address() cli.DevAddress {
	a := cli.DevAddress{Server: s.nats.ClientURL(), Lattice: s.o.Hosts.Lattice, PID: os.Getpid()}
	if s.redis != nil {
		_, a.Redis = s.redis.shown()
	}
	return a
}

// head is the line that says what runs.
func (s *stack) head() {
	kept := "nothing kept; --persist DIR keeps it"
	if s.o.Persist != "" {
		kept = "kept in " + s.o.Persist
	}
	taken := ""
	if s.nats.taken {
		taken = fmt.Sprintf("; port %d is taken", s.o.Port)
	}
	hosts := fmt.Sprintf("%d simulated hosts", s.o.Hosts.Count)
	if s.o.Hosts.Count == 1 {
		hosts = "1 simulated host"
	}
	more := ""
	if s.redis != nil {
		place, _ := s.redis.shown()
		more += " · " + place
	}
	if s.o.Clients != wadmapi.Generation021 {
		more += " · API generation " + s.o.Clients.String()
	}
	fmt.Fprintf(s.o.Out, "wadm %s · lattice %s · NATS %s (embedded, %s%s) · %s (%s)%s\n",
		s.o.Version, s.o.Hosts.Lattice, s.nats.ClientURL(), kept, taken, hosts, s.o.Hosts.Dialect, more)
}

// hints name what can be tried next, as it has to be typed by whoever started us.
func (s *stack) hints(manifests []cli.Manifest) {
	wadm := program()
	app := manifests[0].Parsed.Metadata.Name
	rows := [][2]string{{wadm + " app status " + app, "what runs where, and why"}}
	if n := s.o.Hosts.Count; n > 1 { // from three on, another host is in the same zone
		rows = append(rows, [2]string{wadm + " sim kill " + s.o.Hosts.Prefix + letters(min(2, n-1)), "lose a host and watch it heal"})
	}
	rows = append(rows, [2]string{wadm + " app deploy my-app.yaml", "your own"})
	if s.redis != nil {
		if _, socket := s.redis.shown(); socket != "" {
			rows = append(rows, [2]string{"redis-cli -s " + socket + " keys '*'", "what is stored"})
		}
	}
	widest := 0
	for _, r := range rows {
		widest = max(widest, len(r[0]))
	}
	fmt.Fprintf(s.o.Out, "\nTry, in another terminal:\n")
	for _, r := range rows {
		fmt.Fprintf(s.o.Out, "  %-*s    %s\n", widest, r[0], r[1])
	}
	fmt.Fprintln(s.o.Out, "Ctrl-C stops everything.")
}

// program is how the program was started: by its name, by its path, or by go run, whose binary goes away.
func program() string {
	self, err := os.Executable()
	switch {
	case err != nil:
		return "wadm"
	case strings.Contains(filepath.ToSlash(self), "/go-build"):
		return "go run ./cmd/wadm"
	case strings.ContainsRune(os.Args[0], os.PathSeparator):
		return os.Args[0]
	}
	return "wadm"
}
