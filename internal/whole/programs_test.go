package whole

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// slack is what a real machine with other work may need on top.
const slack = time.Second

// TestTwoProgramsAndOneIsKilled is two real programs on a real port: the owner is killed with kill -9 while somebody deploys, and comes back under its
// name. Of the two names, host-a is the rightful owner of the lattice default.
func TestTwoProgramsAndOneIsKilled(t *testing.T) {
	bin := build(t)
	srv := natstest.Start(t)
	timing := sim.FastTiming()
	timing.Heartbeat = time.Second
	hosts := startHosts(t, natstest.Connect(t, srv), sim.Options{Timing: timing}, 3)
	nc := natstest.Connect(t, srv)
	c := newClient(t, nc, "default")
	commands := listen(t, nc)

	first := launch(t, bin, srv.ClientURL(), "--name", "host-a", "--cluster-gossip-port", "45892")
	waitFor(t, "the API answers", 10*time.Second, first, func() bool { return answers(t, c) })
	deploy(t, c, shop(wasmbus.DialectV1, oldImage))
	waitFor(t, "shop is deployed", 30*time.Second, first, func() bool { return status(t, c, "shop").Type == wadmapi.StatusDeployed })
	commands.forget()
	second := launch(t, bin, srv.ClientURL(), "--name", "host-b")
	waitFor(t, "a second one is ready", 10*time.Second, second, func() bool { return second.log.Count("msg=ready") > 0 })
	if n := first.log.Count("WADM_CLUSTER_GOSSIP_PORT is not needed"); n != 1 {
		t.Errorf("the port that is not needed is explained %d times", n)
	}
	checkRefusedName(t, bin, srv.ClientURL())
	checkClusterStatus(t, bin, srv.ClientURL())

	extra := app(wasmbus.DialectV1, "extra", newImage, "registry.example/acme/http-next:1", 3)
	if _, err := c.Put(context.Background(), []byte(extra), ""); err != nil {
		t.Fatal(err)
	}
	deployed := make(chan error, 1)
	killed := time.Now()
	go func() { deployed <- deployAgainUntilAnswered(c, "extra") }()
	if code := first.end(os.Kill); code != -1 {
		t.Fatalf("killed, it ended with %d", code)
	}
	waitFor(t, "the next one acts", store.LeaseTTL+time.Second+slack, second, func() bool { return len(commands.all()) > 0 })
	t.Logf("the first command comes %s after the kill", time.Since(killed))
	again := launch(t, bin, srv.ClientURL(), "--name", "host-a")
	waitFor(t, "it is there again under its name", 5*time.Second, again, func() bool { return again.log.Count("msg=ready") > 0 })
	if err := <-deployed; err != nil {
		t.Errorf("deploying while the owner dies: %v", err)
	}
	waitFor(t, "what was deployed runs", 20*time.Second, second, func() bool { return status(t, c, "extra").Type == wadmapi.StatusDeployed })
	waitFor(t, "the one that came back has taken over again", 20*time.Second, again, func() bool { return again.log.Count("this process owns the lattice") > 0 })
	<-time.After(5 * time.Second)
	for _, command := range commands.all() {
		if !strings.Contains(command, "extra") {
			t.Errorf("something that ran got a command: %s", command)
		}
	}
	if components, providers := runs(hosts); components[oldImage] != 6 || components[newImage] != 3 || providers != 2 {
		t.Errorf("there run %v and %d providers\n%s", components, providers, truth(hosts))
	}
	for _, p := range []*program{again, second} {
		if code := p.end(syscall.SIGTERM); code != 0 {
			t.Errorf("after SIGTERM it ended with %d\n%s", code, p.log)
		}
	}
}

// deployAgainUntilAnswered does what a client does whose request was with the process that died.
func deployAgainUntilAnswered(c *client.Client, app string) error {
	for range 10 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_, err := c.Deploy(ctx, app, "")
		cancel()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, client.ErrNoServer) {
			return err
		}
	}
	return errors.New("ten times without an answer")
}

// checkRefusedName starts a second program under a name that a live one bears.
func checkRefusedName(t *testing.T, bin, url string) {
	t.Helper()
	cmd := exec.Command(bin, "--nats-server", url, "--store", "nats")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "WADM_NODE_NAME=host-a"}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("a second one of the name ended with %v", err)
	}
	for _, want := range []string{"the name of this process is taken", `"host-a"`, "next: ", "--name", "wadm cluster status"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q: %s", want, out)
		}
	}
}

// checkClusterStatus runs wadm cluster status in both its forms.
func checkClusterStatus(t *testing.T, bin, url string) {
	t.Helper()
	ask := func(args ...string) string {
		cmd := exec.Command(bin, append([]string{"cluster", "status", "--nats-server", url}, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("wadm cluster status: %v", err)
		}
		return string(out)
	}
	text := ask()
	for _, want := range []string{"PROCESS", "host-a", "host-b", "SHOULD OWN IT", "default"} {
		if !strings.Contains(text, want) {
			t.Errorf("wadm cluster status does not show %q:\n%s", want, text)
		}
	}
	var all struct {
		Success   bool
		Processes []wadmapi.Beat
		Lattices  []wadmapi.Ownership
	}
	if err := json.Unmarshal([]byte(ask("-o", "json")), &all); err != nil {
		t.Fatalf("wadm cluster status -o json: %v", err)
	}
	if !all.Success || len(all.Processes) != 2 || len(all.Lattices) != 1 || all.Lattices[0].Owner != "host-a" || all.Lattices[0].Should != "host-a" {
		t.Errorf("wadm cluster status -o json: %+v", all)
	}
}
