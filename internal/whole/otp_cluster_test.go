package whole

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// step is a line of a recording of 0.3.0: a request or a remark of the driver.
type step struct {
	T       int64 `json:"t_ms"`
	Mark    string
	Subject string
	Reply   string
	Payload json.RawMessage
	Text    string
}

func loadSteps(t *testing.T, path string) []step {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(bytes.NewReader(text))
	scan.Buffer(nil, 1<<20)
	var steps []step
	for scan.Scan() {
		var s step
		if err := json.Unmarshal(scan.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, s)
	}
	return steps
}

// marked says whether a recording has such a remark: what 0.3.0 did is not to be found in our own words.
func marked(steps []step, text string) bool {
	for _, s := range steps {
		if strings.Contains(s.Mark, text) {
			return true
		}
	}
	return false
}

// request sends a recorded request of 0.3.0's API and wants success.
func (w *world) request(s step) json.RawMessage {
	w.t.Helper()
	body := []byte(s.Payload)
	if s.Text != "" {
		body = []byte(s.Text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2500*time.Millisecond) // the time that the recorded driver waited
	defer cancel()
	m, err := w.nc.RequestWithContext(ctx, s.Subject, body)
	if err != nil {
		w.t.Errorf("%d ms: no reply to %s: %v", s.T, s.Subject, err)
		return nil
	}
	var reply struct {
		Result string
		Data   json.RawMessage
	}
	if json.Unmarshal(m.Data, &reply) != nil || reply.Result != "success" {
		w.t.Errorf("%d ms: the reply to %s is %s", s.T, s.Subject, m.Data)
	}
	return reply.Data
}

// statesOf reads what a list says of each application.
func statesOf(t *testing.T, list json.RawMessage) map[string]string {
	t.Helper()
	var rows []struct {
		Name   string
		Status string `json:"deployment_status"`
	}
	if err := json.Unmarshal(list, &rows); err != nil {
		t.Fatalf("a list is %s", list)
	}
	out := map[string]string{}
	for _, r := range rows {
		out[r.Name] = r.Status
	}
	return out
}

func as030(name string) func(*node.Config) {
	return func(c *node.Config) { c.Name, c.Generation = name, wadmapi.Generation03 }
}

// TestTwoProcessesOf030 is O18 (and O10): two processes, one of which is killed. Of the four deploys that 0.3.0 was asked for it answered one, and when
// the first process was dead the second one started three of the four actors again beside those that ran. Here each request has its answer,
// whichever process gets it, and the next owner knows what runs.
func TestTwoProcessesOf030(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		steps := loadSteps(t, "testdata/otp_two_processes.jsonl")
		if !marked(steps, "no reply to wadm.api.default.model.deploy.app1") || !marked(steps, "7 actors run (4 wanted)") {
			t.Fatal("the recording does not show the failure that this test is about")
		}
		w := newWorld(t, wasmbus.DialectOTP, 1)
		commands := listen(t, w.nc)
		began := time.Now()
		running := map[string]*process{}
		for _, s := range steps {
			time.Sleep(time.Duration(s.T)*time.Millisecond - time.Since(began))
			switch {
			case strings.HasSuffix(s.Mark, " is up"):
				name := strings.Fields(s.Mark)[1]
				running[name] = w.start(as030(name))
			case s.Mark == "wadm w1 was killed":
				checkFour(t, w)
				commands.forget()
				running["w1"].kill()
			case strings.HasPrefix(s.Subject, "wadm.api."):
				w.request(s)
			}
		}
		checkFour(t, w)
		if sent := commands.all(); len(sent) > 0 {
			t.Errorf("after a process was killed, %d commands: %s\n%s", len(sent), strings.Join(sent, "\n"), w.log)
		}
	})
}

// checkFour wants the four applications to run once each, and each process that answers to say so of each.
func checkFour(t *testing.T, w *world) {
	t.Helper()
	synctest.Wait()
	components, _ := runs(w.hosts)
	if total(components) != 4 || len(components) != 4 {
		t.Errorf("what runs is %v, want one of each\n%s", components, w.log)
	}
	for range 8 { // the server gives each request to one of the processes, at random
		states := statesOf(t, w.request(step{Subject: "wadm.api.default.model.list"}))
		for _, app := range []string{"app0", "app1", "app2", "app3"} {
			if states[app] != "idle" {
				t.Errorf("%s is %q", app, states[app])
			}
			w.request(step{Subject: "wadm.api.default.model.versions." + app})
			w.request(step{Subject: "wadm.api.default.model.get." + app, Payload: json.RawMessage(`{"version":"1"}`)})
		}
	}
}

// TestRestartOf030 is O10: a process is killed and another is started. 0.3.0 had forgotten what was deployed, and when it was told again it
// started everything a second time. Here the application stays deployed, and neither the restart nor the second deploy sends a command.
func TestRestartOf030(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		steps := loadSteps(t, "testdata/otp_restart.jsonl")
		if !marked(steps, `"deployment_status":"undeployed"`) || !marked(steps, "deployed again: 4 run (2 wanted)") {
			t.Fatal("the recording does not show the failure that this test is about")
		}
		w := newWorld(t, wasmbus.DialectOTP, 1)
		commands := listen(t, w.nc)
		began := time.Now()
		var p *process
		for _, s := range steps {
			time.Sleep(time.Duration(s.T)*time.Millisecond - time.Since(began))
			switch {
			case s.Mark == "wadm wadm is up" && p == nil:
				p = w.start(as030("wadm"))
			case s.Mark == "wadm wadm is up":
				states := statesOf(t, w.request(step{Subject: "wadm.api.default.model.list"}))
				if states["echo"] != "idle" && states["echo"] != "initializing" {
					t.Errorf("after the restart echo is %q", states["echo"])
				}
			case s.Mark == "wadm wadm was killed":
				if sent := commands.forget(); sent < 2 {
					t.Fatalf("%d commands were heard while the application was started", sent)
				}
				p.kill()
				p = w.start(as030("wadm")) // the recorded one took a second and a half; requests before it was there had no answer
			case strings.HasPrefix(s.Subject, "wadm.api."):
				w.request(s)
			}
		}
		components, providers := runs(w.hosts)
		if total(components) != 2 || providers != 1 {
			t.Errorf("%d actors and %d providers run, want 2 and 1\n%s", total(components), providers, w.truth())
		}
		if sent := commands.all(); len(sent) > 0 {
			t.Errorf("after the restart, %d commands: %s\n%s", len(sent), strings.Join(sent, "\n"), w.log)
		}
		if states := statesOf(t, w.request(step{Subject: "wadm.api.default.model.list"})); states["echo"] != "idle" {
			t.Errorf("at the end echo is %q", states["echo"])
		}
	})
}

// TestANextOwnerStartsNothingOnAPartialView is O7: when the next owner asks who is there, one of three hosts is cut off, and it comes back after
// twenty seconds. 0.3.0 made its first pass after six, on whatever it had heard until then.
func TestANextOwnerStartsNothingOnAPartialView(t *testing.T) {
	for name, dialect := range both {
		t.Run(name, func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) {
				w := newWorld(t, dialect, 3)
				commands := listen(t, w.nc)
				first := w.start(func(c *node.Config) { c.Name = "host-a" })
				deploy(t, w.client, shop(dialect, oldImage))
				w.untilStatus("shop", wadmapi.StatusDeployed, 30*time.Second)
				w.start(func(c *node.Config) { c.Name = "host-b" })
				time.Sleep(40 * time.Second)
				commands.forget()

				must := func(err error) {
					if err != nil {
						t.Fatal(err)
					}
				}
				w.hosts.Do(func(c *sim.Cluster) { must(c.Cut("host-1", true)) })
				first.kill()
				time.Sleep(20 * time.Second)
				if !ownerStands(t, w.client) {
					t.Error("after twenty seconds nobody owns the lattice")
				}
				w.hosts.Do(func(c *sim.Cluster) { must(c.Heal("host-1")) })
				time.Sleep(5 * time.Minute)
				if sent := commands.all(); len(sent) > 0 {
					t.Errorf("%d commands: %s\n%s", len(sent), strings.Join(sent, "\n"), w.log)
				}
				w.wantRuns(map[string]int{oldImage: 6}, 1)
				w.untilStatus("shop", wadmapi.StatusDeployed, time.Second)
			})
		})
	}
}
