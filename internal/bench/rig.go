package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// roles are what a copy of this program does, by the first argument. Each ends when its input ends, so none outlives who started it.
var roles = map[string]func(ctx context.Context, url string, args []string) error{
	"nats":    natsRole,
	"hosts":   hostsRole,
	"serve":   serveRole,
	"floor":   floorRole,
	"publish": publishRole,
	"listen":  listenRole,

	"redis":       redisRole,
	"redis-floor": redisFloorRole,
}

const roleFlag = "-role"

// play is one role, until the one who started it ends.
func play(args []string) error {
	if len(args) < 2 || roles[args[0]] == nil {
		return fmt.Errorf("no role %q", args)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // an error is an end too
		cancel()
	}()
	if err := roles[args[0]](ctx, args[1], args[2:]); err != nil {
		return fmt.Errorf("role %s: %w", args[0], err)
	}
	return nil
}

// ready tells the one who started this process that it works, with one line.
func ready(line string) { fmt.Println("ready " + line) }

// rig is a NATS server and the processes around it.
type rig struct {
	url   string
	dir   string
	parts []*part
	nc    *nats.Conn
}

type part struct {
	cmd *exec.Cmd
	in  io.Closer
}

// newRig starts a NATS server of its own, storing in files as a real one does.
func newRig() (*rig, error) {
	dir, err := os.MkdirTemp("", "wadm-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a place for the store: %w", err)
	}
	r := &rig{dir: dir}
	if r.url, err = r.start("nats", dir); err != nil {
		r.close()
		return nil, err
	}
	if r.nc, err = nats.Connect(r.url, nats.Name("bench")); err != nil {
		r.close()
		return nil, fmt.Errorf("connecting to our own server: %w", err)
	}
	return r, nil
}

// start runs a role and returns what it says once it is ready.
func (r *rig) start(role string, args ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	all := []string{roleFlag, role}
	if role != "nats" {
		all = append(all, r.url)
	}
	cmd := exec.Command(self, append(all, args...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", fmt.Errorf("starting role %s: %w", role, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("starting role %s: %w", role, err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting role %s: %w", role, err)
	}
	r.parts = append(r.parts, &part{cmd, in})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			return said, nil
		}
	}
	return "", fmt.Errorf("role %s ended before it was ready", role)
}

// close ends what was started, the server last.
func (r *rig) close() {
	if r.nc != nil {
		r.nc.Close()
	}
	for i := len(r.parts) - 1; i >= 0; i-- {
		p := r.parts[i]
		_ = p.in.Close() // it may have ended by itself
		stop := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
		_ = p.cmd.Wait() // how it ended does not matter any more
		stop.Stop()
	}
	_ = os.RemoveAll(r.dir)
}

// ask requests something of a role, or of the API, and decodes the answer.
func (r *rig) ask(subject string, body, answer any) error {
	var data []byte
	switch b := body.(type) {
	case nil:
	case string:
		data = []byte(b)
	default:
		var err error
		if data, err = json.Marshal(b); err != nil {
			return fmt.Errorf("asking %s: %w", subject, err)
		}
	}
	m, err := r.nc.Request(subject, data, 30*time.Second)
	if err != nil {
		return fmt.Errorf("asking %s: %w", subject, err)
	}
	var failed struct {
		Result  string `json:"result"`
		Message string `json:"message"`
	}
	if json.Unmarshal(m.Data, &failed) == nil && failed.Result == "error" {
		return fmt.Errorf("asking %s: %s", subject, failed.Message)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(m.Data, answer); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", subject, err)
	}
	return nil
}

// until asks again and again until the answer pleases, and gives up after half a minute.
func (r *rig) until(what string, pleased func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for range 1500 {
		ok, err := pleased()
		if ok {
			return nil
		}
		last = err
		<-tick.C
	}
	return fmt.Errorf("waiting for %s: given up (%w)", what, errors.Join(last, errors.New("half a minute has passed")))
}

// reply answers a message with a value.
func reply(m *nats.Msg, value any) {
	data, err := json.Marshal(value)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: answering:", err)
	}
}

// natsRole is the server.
func natsRole(ctx context.Context, dir string, _ []string) error {
	srv, err := server.NewServer(&server.Options{ServerName: "bench", Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true,
		StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		return fmt.Errorf("making a server: %w", err)
	}
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		return errors.New("the server does not get ready")
	}
	ready(srv.ClientURL())
	<-ctx.Done()
	srv.Shutdown()
	srv.WaitForShutdown()
	return nil
}
