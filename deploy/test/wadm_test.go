package test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary is wadm, built from this repository.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wadm-deploy")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "wadm")
	cmd := exec.Command("go", "build", "-o", out, "./cmd/wadm")
	cmd.Dir = "../.."
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building wadm: %w\n%s", err, text)
	}
	return out, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func wadm(t *testing.T, env []string, args ...string) (stdout string, err error) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "XDG_STATE_HOME=" + t.TempDir()}, env...)
	cmd.Dir = t.TempDir()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("wadm %s: %w\n%s%s", strings.Join(args, " "), err, &out, &said)
	}
	return out.String(), err
}

// variables is every variable that the server reads: each setting has one of its name, which is asked for by setting it.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	out, err := wadm(t, nil, "config", "show", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`"([a-z][-a-z0-9]*)"`).FindAllStringSubmatch(out, -1)
	for _, n := range names {
		known["WADM_"+strings.ToUpper(strings.ReplaceAll(n[1], "-", "_"))] = true
	}
	return known
}

// TestTheServerTakesWhatThePodSays gives the server the environment of the pod: each variable must count, and nothing be refused.
func TestTheServerTakesWhatThePodSays(t *testing.T) {
	for name, values := range valueSets {
		t.Run(name, func(t *testing.T) {
			texts, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			l := load(decodeAll(t, texts))
			var env, told []string
			for _, e := range l.workload(t, "wadm").pod.Containers[0].Env {
				v := e.Value
				if e.ValueFrom != nil {
					v = "redis://somewhere:6379"
					if s := l.secrets[e.ValueFrom.SecretKeyRef.Name]; s != nil {
						v = s.StringData[e.ValueFrom.SecretKeyRef.Key]
					}
				}
				env, told = append(env, e.Name+"="+v), append(told, e.Name)
			}
			out, err := wadm(t, env, "config", "show", "--origin")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range told {
				if !regexp.MustCompile(`environment ` + name + `\b`).MatchString(out) {
					t.Errorf("%s does not count:\n%s", name, out)
				}
			}
		})
	}
}

// TestTheDemoCallsEachOperation plays the job against a server with simulated OTP hosts.
func TestTheDemoCallsEachOperation(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	dev := exec.CommandContext(ctx, path, "dev", "--nats-port", "0", "--dialect", "otp")
	dev.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
	dev.Cancel = func() error { return dev.Process.Signal(os.Interrupt) }
	dev.WaitDelay = 20 * time.Second
	if err := dev.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = dev.Wait() // it was interrupted
	}()
	address := whereDevIs(t, filepath.Join(state, "wadm", "dev.json"))

	texts, err := render(t, valueSets["with the demo"])
	if err != nil {
		t.Fatal(err)
	}
	l := load(decodeAll(t, texts))
	manifest := filepath.Join(t.TempDir(), "demo.yaml")
	if err := os.WriteFile(manifest, []byte(l.configs["wadm-demo"].Data["demo.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	pod := l.workload(t, "demo").pod
	var steps []string
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		steps = append(steps, c.Name)
		args := slices.Clone(c.Args)
		for i, a := range args {
			if a == "/demo/demo.yaml" {
				args[i] = manifest
			}
		}
		out, err := wadm(t, []string{"WADM_NATS_SERVER=" + address}, args...)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if c.Name == "versions" && !strings.Contains(out, "0.0.1") || c.Name == "list" && !strings.Contains(out, "demo") {
			t.Errorf("%s says\n%s", c.Name, out)
		}
	}
	if want := "put list get versions deploy status hosts observed undeploy delete"; strings.Join(steps, " ") != want {
		t.Errorf("the steps are %v", steps)
	}
	if out, err := wadm(t, []string{"WADM_NATS_SERVER=" + address}, "app", "get", "demo"); err == nil {
		t.Errorf("the demo is still there:\n%s", out)
	}
}

// whereDevIs waits for the file in which wadm dev says where it listens, and for its API.
func whereDevIs(t *testing.T, file string) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var said map[string]any
		if err := json.Unmarshal(raw, &said); err != nil {
			continue
		}
		for _, v := range said {
			url, ok := v.(string)
			if !ok || !strings.HasPrefix(url, "nats://") {
				continue
			}
			if _, err := wadm(t, []string{"WADM_NATS_SERVER=" + url}, "app", "list"); err == nil {
				return url
			}
		}
	}
	t.Fatal("wadm dev does not begin")
	return ""
}
