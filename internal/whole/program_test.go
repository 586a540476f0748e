package whole

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// program is a running wadm, as its users start it.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *natstest.Logbook
	ended chan struct{}
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "wadm")
	if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/wadm").CombinedOutput(); err != nil {
		t.Fatalf("building wadm: %v\n%s", err, out)
	}
	return bin
}

// launch starts the program. It has no environment but the one that a Go program needs, so nobody's WADM_… changes the test.
func launch(t *testing.T, bin, url string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(bin, append([]string{"--nats-server", url}, args...)...), log: &natstest.Logbook{}, ended: make(chan struct{})}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting wadm: %v", err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // what it returns stands in ProcessState
	}()
	t.Cleanup(func() { p.end(os.Kill) })
	return p
}

// end sends a signal and returns the exit code, -1 if a signal ended the program.
func (p *program) end(sig os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("sending %s: %v", sig, err)
	}
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		p.t.Fatalf("the program goes on 15 s after %s\n%s", sig, p.log)
	}
	return p.cmd.ProcessState.ExitCode()
}

// waitFor looks again and again, in real time.
func waitFor(t *testing.T, what string, within time.Duration, p *program, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s\n%s", what, within, p.log)
		}
	}
}

// answers says that a server is there. Until then, the request has no responders.
func answers(t *testing.T, c *client.Client) bool {
	t.Helper()
	_, err := c.Status(context.Background(), "app-00")
	if err != nil && !errors.Is(err, client.ErrNoServer) {
		t.Fatal(err)
	}
	return err == nil
}

// TestTheProgramStopsAndComesBack is the real program on a real port: killed without a word, then asked to end.
func TestTheProgramStopsAndComesBack(t *testing.T) {
	bin := build(t)
	srv := natstest.Start(t)
	timing := sim.FastTiming()
	timing.Heartbeat = time.Second
	hosts := startHosts(t, natstest.Connect(t, srv), sim.Options{Timing: timing}, 3)
	nc := natstest.Connect(t, srv)
	c := newClient(t, nc, "default")

	commands := listen(t, nc)
	p := launch(t, bin, srv.ClientURL())
	waitFor(t, "the API answers", 10*time.Second, p, func() bool { return answers(t, c) })
	apps := twenty(wasmbus.DialectV1)
	for _, manifest := range apps {
		deploy(t, c, manifest)
	}
	for app := range apps {
		waitFor(t, app+" is deployed", 30*time.Second, p, func() bool { return status(t, c, app).Type == wadmapi.StatusDeployed })
	}
	if sent := commands.forget(); sent < 2*len(apps) {
		t.Fatalf("%d commands were heard while %d applications started", sent, len(apps))
	}
	if ok := t.Run("killed and started again it sends no command", func(t *testing.T) {
		if code := p.end(os.Kill); code != -1 {
			t.Fatalf("killed, it ended with %d", code)
		}
		began := time.Now()
		p = launch(t, bin, srv.ClientURL())
		waitFor(t, "the API answers", store.LeaseTTL, p, func() bool { return answers(t, c) })
		checkRemembered(t, c, apps)
		t.Logf("status and list answer after %s", time.Since(began))
		waitFor(t, "an owner stands", store.LeaseTTL+2*time.Second-time.Since(began), p, func() bool { return ownerStands(t, c) })
		t.Logf("an owner stands after %s", time.Since(began))
		<-time.After(10*time.Second - time.Since(began))
		checkQuiet(t, c, hosts, commands, apps, p)
		if code := p.end(syscall.SIGTERM); code != 0 {
			t.Errorf("after SIGTERM it ended with %d\n%s", code, p.log)
		}
	}); !ok {
		return
	}
	t.Run("asked to end it hands over at once", func(t *testing.T) {
		checkFreed(t, nc)
		began := time.Now()
		first := launch(t, bin, srv.ClientURL())
		waitFor(t, "a process that comes after it owns the lattice", 2*time.Second, first, func() bool { return answers(t, c) && ownerStands(t, c) })
		t.Logf("owned %s after the start", time.Since(began))

		second := launch(t, bin, srv.ClientURL())
		waitFor(t, "a second one is ready", 10*time.Second, second, func() bool { return second.log.Count("msg=ready") > 0 })
		if code := first.end(syscall.SIGTERM); code != 0 {
			t.Errorf("after SIGTERM it ended with %d\n%s", code, first.log)
		}
		began = time.Now()
		waitFor(t, "the one beside it owns the lattice", 2*time.Second, second, func() bool { return ownerStands(t, c) })
		t.Logf("owned %s after the end of the other", time.Since(began))
		checkQuiet(t, c, hosts, commands, apps, second)
	})
}

// checkFreed reads the lease itself.
func checkFreed(t *testing.T, nc *nats.Conn) {
	t.Helper()
	s, err := kvstore.Open(context.Background(), nc, kvstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if l, _, err := s.Lease(context.Background(), "default"); err != nil || !l.Freed {
		t.Errorf("the lease is %+v (%v), want it free", l, err)
	}
}

// checkQuiet wants all applications deployed and running, and no command to have been heard.
func checkQuiet(t *testing.T, c *client.Client, hosts *sim.Hosts, commands *heard, apps map[string]string, p *program) {
	t.Helper()
	if sent := commands.all(); len(sent) > 0 {
		t.Errorf("%d commands: %s\n%s", len(sent), strings.Join(sent, "\n"), p.log)
	}
	for app := range apps {
		if s := status(t, c, app); s.Type != wadmapi.StatusDeployed {
			t.Errorf("%s is %+v", app, s)
		}
	}
	components, providers := runs(hosts)
	if want := fmt.Sprintf("%d %d", 3*len(apps), len(apps)); fmt.Sprintf("%d %d", total(components), providers) != want {
		t.Errorf("%d instances and %d providers run, want %s\n%s", total(components), providers, want, truth(hosts))
	}
}
