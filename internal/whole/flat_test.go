package whole

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// flatScene is what was asked of the real 0.3.0, and the events that it published.
type flatScene struct {
	requests []*nats.Msg
	events   []*nats.Msg
}

func flatScenes(t *testing.T) map[string]*flatScene {
	t.Helper()
	raw, err := os.ReadFile("testdata/otp_events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*flatScene{}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		var l struct {
			Scene, Subject, Text string
			Payload              json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if out[l.Scene] == nil {
			out[l.Scene] = &flatScene{}
		}
		m := &nats.Msg{Subject: l.Subject, Data: append([]byte(l.Text), l.Payload...)}
		if s := out[l.Scene]; l.Subject == wadmapi.EventPrefix {
			s.events = append(s.events, m)
		} else {
			s.requests = append(s.requests, m)
		}
	}
	return out
}

// kinds gives the different events among messages, without what can never be equal: id and time. The reason of an action is ours.
func kinds(t *testing.T, events []*nats.Msg) []string {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range events {
		var e map[string]any
		if err := json.Unmarshal(m.Data, &e); err != nil {
			t.Fatalf("%s: %v", m.Data, err)
		}
		for _, never := range []string{"id", "time"} {
			text, ok := e[never].(string)
			if !ok || text == "" {
				t.Errorf("an event without %s: %s", never, m.Data)
			}
			e[never] = "…"
		}
		data, ok := e["data"].(map[string]any)
		if !ok {
			t.Fatalf("an event without data: %s", m.Data)
		}
		if _, action := data["action_type"]; action && m.Header == nil { // ours: see flatHeard
			if data["reason"] == nil {
				t.Errorf("an action without a reason: %s", m.Data)
			}
			delete(data, "reason")
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(text)] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// recorded marks what 0.3.0 said, which has no reasons.
func recorded(events []*nats.Msg) []*nats.Msg {
	for _, m := range events {
		m.Header = nats.Header{"Recorded": {"yes"}}
	}
	return events
}

// flatHeard notes the flat events of a subject from now on.
type flatHeard struct {
	mu     sync.Mutex
	events []*nats.Msg
}

func (w *world) hearFlat(subject string) *flatHeard {
	w.t.Helper()
	h := &flatHeard{}
	if _, err := w.nc.Subscribe(subject, func(m *nats.Msg) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events = append(h.events, m)
	}); err != nil {
		w.t.Fatal(err)
	}
	if err := flush(w.nc); err != nil {
		w.t.Fatal(err)
	}
	return h
}

func (h *flatHeard) all() []*nats.Msg {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

func (h *flatHeard) count(text string) int {
	n := 0
	for _, m := range h.all() {
		if strings.Contains(string(m.Data), text) {
			n++
		}
	}
	return n
}

// ask sends the recorded requests up to the one that contains stop. 0.3.0 stored v0.0.1 as 0.0.1, and so does generation 0.3; for 0.21 the manifest says
// 0.0.1.
func (w *world) ask(g wadmapi.Generation, s *flatScene, stop string) {
	w.t.Helper()
	for len(s.requests) > 0 && (stop == "" || !strings.Contains(s.requests[0].Subject, stop)) {
		r := s.requests[0]
		s.requests = s.requests[1:]
		body := r.Data
		if g == wadmapi.Generation021 {
			body = bytes.Replace(r.Data, []byte("version: v0.0.1"), []byte("version: 0.0.1"), 1)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		reply, err := w.nc.RequestWithContext(ctx, r.Subject, body)
		cancel()
		if err != nil || strings.Contains(string(reply.Data), `"error"`) {
			w.t.Fatalf("%s: %v %+v", r.Subject, err, reply)
		}
	}
}

// The flat events of a deployment are those that the real 0.3.0 published, in each generation: the same types with the same data, on the same subject.
// How many of each there are differs: it started one instance at a time, put each link twice, and said idle by the clock; here an action is a command and
// a state is told once.
func TestFlatEventsAreThoseRecordedFrom030(t *testing.T) {
	for _, g := range []wadmapi.Generation{wadmapi.Generation021, wadmapi.Generation03} {
		for _, scene := range []struct {
			name   string
			labels map[string]string
			starts int
		}{
			{"replicas-2", nil, 1},
			{"clinic", map[string]string{"app": "clinic"}, 7},
		} {
			t.Run(scene.name+" "+g.String(), func(t *testing.T) {
				was := flatScenes(t)[scene.name]
				natstest.Bubble(t, func(t *testing.T) {
					w := newWorld(t, wasmbus.DialectOTP, 0)
					w.hosts = oneHost(t, w, scene.labels)
					w.start(func(c *node.Config) { c.Generation = g })
					bare, own := w.hearFlat(wadmapi.EventPrefix), w.hearFlat(wadmapi.FlatSubject("default"))
					w.ask(g, was, ".undeploy.")
					w.until("it is idle", time.Minute, func() bool { return own.count(`"state":"idle"`) > 0 })
					// The second undeploy says "destructive", which 0.3.0 did not heed.
					was.requests = slices.DeleteFunc(was.requests, func(m *nats.Msg) bool { return bytes.Contains(m.Data, []byte("destructive")) })
					w.ask(g, was, "")
					time.Sleep(2 * time.Minute)
					// Generation 0.21 stops what is undeployed, which 0.3.0 never did, and tells it. Generation 0.3 lets it go.
					stops := g == wadmapi.Generation021 && own.count("model_undeployed") > 0
					got := slices.DeleteFunc(kinds(t, own.all()), func(e string) bool { return stops && strings.Contains(e, "control_action_taken") && isStop(e) })
					if diff := cmp.Diff(kinds(t, recorded(was.events)), got); diff != "" {
						t.Errorf("other events than 0.3.0's:\n%s", diff)
					}
					toldAlike(t, own.all(), bare.all())
					for text, want := range map[string]int{
						`"state":"reconciling"`: 1, `"state":"idle"`: 1, "model_version_created": 1, "model_deployed": 1, `"action_type":"start"`: scene.starts,
					} {
						if n := own.count(text); n != want {
							t.Errorf("%s was told %d times, want %d", text, n, want)
						}
					}
				})
			})
		}
	}
}

// isStop tells an action that takes away.
func isStop(event string) bool {
	return strings.Contains(event, `"action_type":"stop"`) || strings.Contains(event, `"action_type":"delete_linkdef"`)
}

// toldAlike says that what was told on one subject was told on the other, in the same order.
func toldAlike(t *testing.T, a, b []*nats.Msg) {
	t.Helper()
	texts := func(events []*nats.Msg) (all []string) {
		for _, m := range events {
			all = append(all, string(m.Data))
		}
		return all
	}
	if diff := cmp.Diff(texts(a), texts(b)); diff != "" {
		t.Errorf("not told alike on both subjects:\n%s", diff)
	}
}

// A refused command is told as 0.3.0 told it. Whether a host refuses in its answer or afterwards makes no difference here.
func TestARefusedActionIsToldAsIn030(t *testing.T) {
	was := flatScenes(t)["start-refused"]
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, wasmbus.DialectOTP, 0)
		w.hosts = oneHost(t, w, nil)
		w.hosts.Do(func(c *sim.Cluster) {
			if err := c.RefuseStarts("alpha", "no room here"); err != nil {
				t.Error(err)
			}
		})
		w.start(func(c *node.Config) { c.NoBareEvents = true })
		bare, own := w.hearFlat(wadmapi.EventPrefix), w.hearFlat(wadmapi.FlatSubject("default"))
		w.ask(wadmapi.Generation021, was, "")
		w.until("failure is told", time.Minute, func() bool {
			return own.count("control_action_failed") > 1 && own.count("reconciliation_error_occurred") > 0
		})
		got := kinds(t, own.all())
		for _, e := range kinds(t, recorded(was.events)) {
			if !slices.Contains(got, e) && !strings.Contains(e, `"state":"idle"`) {
				t.Errorf("0.3.0 told also %s, here:\n%s", e, strings.Join(got, "\n"))
			}
		}
		if n := own.count(`"state":"idle"`); n != 0 {
			t.Errorf("nothing runs, and idle is told %d times", n)
		}
		if n := own.count("reconciliation_error_occurred"); n != 1 {
			t.Errorf("the failure was told %d times", n)
		}
		if n := len(bare.all()); n != 0 {
			t.Errorf("%d events on the bare subject, which was turned off", n)
		}
	})
}

func oneHost(t *testing.T, w *world, labels map[string]string) *sim.Hosts {
	t.Helper()
	cluster := sim.NewCluster(sim.Options{Dialect: wasmbus.DialectOTP, Timing: sim.FastTiming()})
	cluster.AddHost(sim.HostSpec{Name: "alpha", Labels: labels})
	h, err := sim.StartHosts(natstest.Connect(t, w.srv), cluster)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}
