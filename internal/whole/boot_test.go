package whole

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
)

// line is one line of the recording.
type line struct {
	N       int
	T       int64 `json:"t_ms"`
	Re      int
	Subject string
	Headers map[string][]string
	Payload json.RawMessage
	Mark    string
}

func (l line) at() time.Duration { return time.Duration(l.T) * time.Millisecond }

func (l line) is(prefix string) bool { return strings.HasPrefix(l.Subject, prefix) }

func (l line) command() bool { return l.is("wasmbus.ctl.") && !question(l.Subject) }

// scene is a recording as a play: what the user does, and what the host does by itself or in answer to us.
type scene struct {
	lines  []line
	answer map[int]line   // by the number of the request
	effect map[int][]line // by the number of a command: the events that the host published because of it
	free   []line         // the host's events that nobody caused
}

// causes says which command an event of a 1.x host comes from.
var causes = map[string]string{
	"config_set": ".config.put.", "component_scaled": ".component.scale.", "provider_started": ".provider.start.", "linkdef_set": ".link.put",
}

func loadScene(t *testing.T, path string) *scene {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{answer: map[int]line{}, effect: map[int][]line{}}
	scan := bufio.NewScanner(bytes.NewReader(text))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var l line
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		switch {
		case l.Re != 0:
			s.answer[l.Re] = l
		case l.is("wasmbus.evt."):
			s.place(t, l)
		}
		s.lines = append(s.lines, l)
	}
	return s
}

// place gives an event to the last command that can have caused it.
func (s *scene) place(t *testing.T, event line) {
	t.Helper()
	kind := event.Subject[strings.LastIndex(event.Subject, ".")+1:]
	cause, caused := causes[kind]
	if !caused {
		s.free = append(s.free, event)
		return
	}
	for _, l := range slices.Backward(s.lines) {
		if l.command() && strings.Contains(l.Subject, cause) {
			s.effect[l.N] = append(s.effect[l.N], event)
			return
		}
	}
	t.Fatalf("nothing caused event %d", event.N)
}

// commands are those that 0.21.1 sent, each once: it sent one of them twice.
func (s *scene) commands() []line {
	var all []line
	for _, l := range s.lines {
		if l.command() && !slices.ContainsFunc(all, func(o line) bool { return o.Subject == l.Subject && sameJSON(o.Payload, l.Payload) }) {
			all = append(all, l)
		}
	}
	return all
}

// host plays the recorded host. What it was not asked in the recording it does not answer.
type host struct {
	t     *testing.T
	nc    *nats.Conn
	scene *scene

	mu       sync.Mutex
	got      []*nats.Msg  // commands
	received map[int]bool // recorded commands that have come
	took     map[int]bool // those of them that have taken effect
	played   map[int]bool // events of theirs that were published
}

func playHost(t *testing.T, nc *nats.Conn, s *scene) *host {
	t.Helper()
	h := &host{t: t, nc: nc, scene: s, received: map[int]bool{}, took: map[int]bool{}, played: map[int]bool{}}
	// Like the recorder it listens to everything, so that a question to nobody times out as it did then.
	if _, err := nc.Subscribe("wasmbus.ctl.>", h.hear); err != nil {
		t.Fatal(err)
	}
	if err := flush(nc); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) hear(m *nats.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if question(m.Subject) {
		if answer, ok := h.answer(m.Subject); ok {
			h.publish(m.Reply, answer.Payload)
		}
		return
	}
	h.got = append(h.got, m)
	for _, want := range h.scene.commands() {
		if want.Subject != m.Subject || !sameJSON(want.Payload, m.Data) || h.received[want.N] {
			continue
		}
		h.received[want.N] = true
		ack := h.scene.answer[want.N]
		time.AfterFunc(ack.at()-want.at(), func() {
			h.mu.Lock()
			h.took[want.N] = true
			h.mu.Unlock()
			h.publish(m.Reply, ack.Payload)
		})
		for _, e := range h.scene.effect[want.N] {
			time.AfterFunc(e.at()-want.at(), func() {
				h.publish(e.Subject, e.Payload)
				h.mu.Lock()
				h.played[e.N] = true
				h.mu.Unlock()
			})
		}
	}
}

// answer finds what the recorded host answered to a question: the last time before the put that it asks about had taken effect, and the
// first time after it.
func (h *host) answer(subject string) (line, bool) {
	put := strings.Replace(subject, ".get", ".put", 1)
	at := slices.IndexFunc(h.scene.lines, func(l line) bool { return l.Subject == put })
	took, effect := false, 0
	if at >= 0 {
		took, effect = h.took[h.scene.lines[at].N], h.scene.answer[h.scene.lines[at].N].N
	}
	var found line
	for _, l := range h.scene.lines {
		if l.Subject != subject || (effect > 0 && l.N > effect) != took {
			continue
		}
		found = h.scene.answer[l.N]
		if took {
			break
		}
	}
	return found, found.N != 0
}

// playedUntil says that everything which commands had brought about before a line of the recording has happened here too.
func (h *host) playedUntil(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.scene.commands() {
		for _, e := range h.scene.effect[c.N] {
			if e.N < n && !h.played[e.N] {
				return false
			}
		}
	}
	return true
}

func (h *host) publish(subject string, body []byte) {
	if err := h.nc.Publish(subject, body); err != nil {
		h.t.Errorf("playing the host: %v", err)
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y)
}

// bootDifferences are the only things in which a reply of ours differs from that of 0.21.1 in this scene, by the number of the request. In
// docs/differences-0.21.md each has its reason.
var bootDifferences = map[int][][2]string{
	// put names the version that was put, not the one before it
	95: {{`"message":"Successfully put manifest hello "`, `"message":"Successfully put manifest hello v0.0.1"`}},
	// list and status agree: what is not deployed is undeployed …
	108: notDeployed, 118: notDeployed,
	// … and what is deployed and has no host yet is waiting; the status bears the version
	167: {{`{"type":"undeployed"},"version":""`, `{"type":"waiting","message":"Waiting for status: Lattice contains no hosts, deployment not started."},"version":"v0.0.1"`}},
	// the status bears the deployed version
	173: {{`"version":"","components"`, `"version":"v0.0.1","components"`}},
	653: {{`"version":"","components"`, `"version":"v0.0.1","components"`}},
	658: {{`"version":"","components"`, `"version":"v0.0.1","components"`}},
}

var notDeployed = [][2]string{
	{`{"type":"waiting","message":"Waiting for status: Lattice contains no hosts, deployment not started."}`, `{"type":"undeployed"}`},
	{`"status_message":"Waiting for status: Lattice contains no hosts, deployment not started."`, `"status_message":""`},
}

var variable = []*regexp.Regexp{
	regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`),                                       // ULID
	regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), // id of an event
	regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`),                        // time
}

// masked replaces what is different each time.
func masked(body []byte) string {
	for _, re := range variable {
		body = re.ReplaceAll(body, []byte("…"))
	}
	return string(body)
}

// TestBootAsRecorded plays what 0.21.1 lived through to our server: the same requests at the same moments, a host that does and answers what
// the recorded one did. Then the same commands must come, and the same replies.
func TestBootAsRecorded(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, 0, 0)
		s := loadScene(t, "testdata/app_boot.jsonl")
		h := playHost(t, natstest.Connect(t, w.srv), s)
		events := collect(t, w.nc, "wadm.evt.default.manifest_published")
		statuses := collect(t, w.nc, "wadm.status.default.hello")
		began := time.Now()
		w.start()

		for _, l := range s.lines {
			free := slices.ContainsFunc(s.free, func(e line) bool { return e.N == l.N })
			if !l.is("wadm.api.") && !free && l.Mark == "" {
				continue
			}
			time.Sleep(l.at() - time.Since(began))
			synctest.Wait()
			for end := time.Now().Add(10 * time.Second); !h.playedUntil(l.N) && time.Now().Before(end); synctest.Wait() {
				time.Sleep(time.Millisecond)
				began = began.Add(time.Millisecond) // we gave a command later than 0.21.1, so all that follows is later
			}
			switch {
			case l.is("wadm.api."):
				w.replay(s, l)
			case l.Subject != "":
				h.publish(l.Subject, l.Payload)
			}
		}
		synctest.Wait()

		checkCommands(t, s, h)
		checkTold(t, s, "wadm.evt.default.manifest_published", events(), nil)
		told := statuses()
		checkTold(t, s, "wadm.status.default.hello", told[max(0, len(told)-1):], bootDifferences[653])
		if t.Failed() {
			t.Logf("%s", w.log)
		}
	})
}

// replay sends a recorded request and compares the replies, byte for byte after masking.
func (w *world) replay(s *scene, l line) {
	w.t.Helper()
	m := nats.NewMsg(l.Subject)
	m.Data = l.Payload
	for k, v := range l.Headers {
		m.Header[k] = v
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	reply, err := w.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		w.t.Fatalf("request %d %s: %v", l.N, l.Subject, err)
	}
	want := masked(s.answer[l.N].Payload)
	for _, d := range bootDifferences[l.N] {
		changed := strings.Replace(want, d[0], d[1], 1)
		if changed == want {
			w.t.Errorf("request %d: nothing to differ in: %s", l.N, d[0])
		}
		want = changed
	}
	if diff := cmp.Diff(want, masked(reply.Data)); diff != "" {
		w.t.Errorf("request %d %s: the reply differs (-0.21.1 +ours):\n%s", l.N, l.Subject, diff)
	}
}

// checkCommands wants every recorded command once, and no other.
func checkCommands(t *testing.T, s *scene, h *host) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	want, got := map[string]int{}, map[string]int{}
	for _, l := range s.commands() {
		want[l.Subject+" "+sorted(l.Payload)] = 1
	}
	for _, m := range h.got {
		got[m.Subject+" "+sorted(m.Data)]++
	}
	if len(want) != 4 {
		t.Errorf("the recording has %d commands, want config.put, component.scale, provider.start and link.put", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the commands and how often they came differ (-0.21.1 +ours):\n%s", diff)
	}
}

// sorted is a JSON body with its members in order.
func sorted(body []byte) string {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return string(body)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(body)
	}
	return string(out)
}

// checkTold compares what was told on a subject with the last that 0.21.1 told there.
func checkTold(t *testing.T, s *scene, subject string, got []*nats.Msg, differences [][2]string) {
	t.Helper()
	var want string
	for _, l := range s.lines {
		if l.Subject == subject {
			want = string(l.Payload)
		}
	}
	for _, d := range differences {
		want = strings.Replace(want, d[0], d[1], 1)
	}
	if len(got) != 1 {
		t.Fatalf("%d messages on %s, want one", len(got), subject)
	}
	if diff := cmp.Diff(masked([]byte(sorted([]byte(want)))), masked([]byte(sorted(got[0].Data)))); diff != "" {
		t.Errorf("%s differs (-0.21.1 +ours):\n%s", subject, diff)
	}
}

// collect notes what is told on a subject.
func collect(t *testing.T, nc *nats.Conn, subject string) func() []*nats.Msg {
	t.Helper()
	var mu sync.Mutex
	var all []*nats.Msg
	if _, err := nc.Subscribe(subject, func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, m)
	}); err != nil {
		t.Fatal(err)
	}
	if err := flush(nc); err != nil {
		t.Fatal(err)
	}
	return func() []*nats.Msg {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}
