package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/redistest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wadm": main})
}

// TestScripts runs the program as its users do. A script finds a NATS with JetStream at $NATS, one without at $NATS_PLAIN, one whose user may
// use neither JetStream nor the API at $NATS_POOR, the same with a wrong password at $NATS_WRONG, a Redis at $REDIS,
// one with what wadm 0.3.0 left in it at $REDIS_OF_03, and the examples in $EXAMPLES.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			tb := e.T().(testing.TB)
			if _, err := exec.LookPath("redis-server"); err != nil && strings.Contains(tb.Name(), "profile") {
				if os.Getenv("CI") != "" {
					return errors.New("there is no redis-server here: install it, CI has to run these tests")
				}
				tb.Skip("SKIPPED: there is no redis-server here, so wadm dev with one is NOT tested: install it")
			}
			e.Setenv("EXAMPLES", examples)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("NATS", natstest.Start(tb).ClientURL())
			if strings.Contains(tb.Name(), "refused") || strings.Contains(tb.Name(), "events") {
				e.Setenv("NATS_PLAIN", natstest.Start(tb, func(o *server.Options) { o.JetStream = false }).ClientURL())
				url := natstest.Start(tb, poor).ClientURL()
				e.Setenv("NATS_POOR", url)
				e.Setenv("NATS_WRONG", strings.Replace(url, "nats://", "nats://u:wrong@", 1))
			}
			if strings.Contains(tb.Name(), "redis") {
				srv := redistest.Start(tb)
				steps := redistest.Recording(tb, "../../internal/redisstore/testdata/recorded/api.redis.json")
				srv.Load(steps[len(steps)-1])
				e.Setenv("REDIS_OF_03", srv.URL())
				e.Setenv("REDIS", redistest.Start(tb).URL())
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"until": until, "exits": exits, "term": term, "mask": mask, "json": isJSON, "waitfile": waitFile, "redis": askRedis,
		},
	})
}

// poor gives the one user a server on which neither JetStream nor the API may be used.
func poor(o *server.Options) {
	o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{"$JS.API.>", "wadm.api.>"}},
	}}}
	o.NoAuthUser = "u"
}

const (
	pollFor   = 60 * time.Second
	pollEvery = 50 * time.Millisecond
)

// until REGEXP COMMAND…: runs the command again and again until its standard output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND…")
	}
	re, err := regexp.Compile("(?ms)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(pollFor); ; time.Sleep(pollEvery) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && re.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s never matched %q; last: %v", strings.Join(args[1:], " "), args[0], err)
		}
	}
}

// exits CODE COMMAND…: the command ends with this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	code := "0"
	switch {
	case errors.As(err, &exit):
		code = strconv.Itoa(exit.ExitCode())
	case err != nil:
		ts.Fatalf("running %s: %v", args[1], err)
	}
	if code != args[0] {
		ts.Fatalf("%s ended with %s, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// term: SIGTERM to the background command that was started first.
func term(ts *testscript.TestScript, neg bool, args []string) {
	background := ts.BackgroundCmds()
	if neg || len(args) != 0 || len(background) == 0 {
		ts.Fatalf("usage: term, with a command in the background")
	}
	ts.Check(background[0].Process.Signal(syscall.SIGTERM))
}

// waitfile FILE [REGEXP]: until the file is there, and matches.
func waitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: waitfile FILE [REGEXP]")
	}
	re, err := regexp.Compile("(?ms)" + strings.Join(args[1:], ""))
	ts.Check(err)
	for end := time.Now().Add(pollFor); ; time.Sleep(pollEvery) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && re.Match(text) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s never came, or never matched %q: %s", args[0], re, text)
		}
	}
}

var masks = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`01[0-9A-Z]{24}`), "ULID"},
	{regexp.MustCompile(`01[0-9A-Z]{4}…`), "ULID…"},
	{regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`\b\d+(\.\d)? m?s\b`), "TIME"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d`), "CLOCK"},
	{regexp.MustCompile(`(http-server   provider    1/1  host-)[abc]`), "${1}X"}, // no label says where
}

// mask NAME FILE: what was printed (stdout or stderr), without what differs from run to run.
func mask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mask stdout|stderr|FILE TO")
	}
	text := ts.ReadFile(args[0])
	for _, m := range masks {
		text = m.re.ReplaceAllString(text, m.by)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// json KEY[=VALUE]…: each line of standard output is an object with these members; a key may be a path, a.0.b.
func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	out := strings.TrimSpace(ts.ReadFile("stdout"))
	if neg || out == "" {
		ts.Fatalf("usage: json KEY[=VALUE]…, after something was printed")
	}
	for _, line := range strings.Split(out, "\n") {
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			ts.Fatalf("%q is no JSON: %v", line, err)
		}
		for _, arg := range args {
			key, want, compare := strings.Cut(arg, "=")
			got, ok := member(v, strings.Split(key, "."))
			if !ok || compare && fmt.Sprint(got) != want {
				ts.Fatalf("%s is %v (there: %v), want %s in %s", key, got, ok, want, line)
			}
		}
	}
}

func member(v any, path []string) (any, bool) {
	for _, key := range path {
		switch at := v.(type) {
		case map[string]any:
			inner, ok := at[key]
			if !ok {
				return nil, false
			}
			v = inner
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// redis ARG…: redis-cli to the redis-server of the running wadm dev; its output is in stdout.
func askRedis(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: redis ARG…, while wadm dev runs with a Redis of its own")
	}
	var dev struct {
		Redis string `json:"redis"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("state/wadm/dev.json")), &dev))
	ts.Check(ts.Exec("redis-cli", append([]string{"-s", dev.Redis}, args...)...))
}
