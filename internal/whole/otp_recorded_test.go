package whole

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// heardLine is one line of a recording of an OTP host.
type heardLine struct {
	T              int64 `json:"t_ms"`
	Mark           string
	Subject, Reply string
	Payload        json.RawMessage
	Text           string
}

func (l *heardLine) at() time.Duration { return time.Duration(l.T) * time.Millisecond }

// event is what an event of a host says, as far as the replay must know it.
func (l *heardLine) event() (kind string, data eventData, ok bool) {
	if !strings.HasPrefix(l.Subject, "wasmbus.evt.") {
		return "", eventData{}, false
	}
	var e struct {
		Type string
		Data eventData
	}
	if json.Unmarshal(l.Payload, &e) != nil {
		return "", eventData{}, false
	}
	return strings.TrimPrefix(e.Type, wasmbus.EventTypePrefix), e.Data, true
}

type eventData struct {
	ImageRef    string                 `json:"image_ref"`
	OCIURL      string                 `json:"oci_url"`
	PublicKey   string                 `json:"public_key"`
	InstanceID  string                 `json:"instance_id"`
	LinkName    string                 `json:"link_name"`
	ContractID  string                 `json:"contract_id"`
	Source      string                 `json:"actor_id"`
	Annotations wasmbus.OTPAnnotations `json:"annotations"`
	Claims      struct{ Name string }  `json:"claims"`
}

// otpHost plays a recorded OTP host. A command brings about what the same command brought about in the recording (a start of two what two starts of one
// did), and its answer is the recorded one. What the host is asked in between is told from what it has said so far, in the recorded form.
type otpHost struct {
	t     *testing.T
	nc    *nats.Conn
	lines []heardLine
	ctl   wasmbus.OTPSubjects
	id    string

	mu    sync.Mutex
	used  map[int]bool // recorded commands that were given again
	got   []*nats.Msg
	runs  []wasmbus.OTPInventoryActor
	procs []wasmbus.OTPInventoryProvider
	links []json.RawMessage
}

func loadOTP(t *testing.T, name string) []heardLine {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var lines []heardLine
	scan := bufio.NewScanner(bytes.NewReader(text))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var l heardLine
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

// hear answers questions and carries out commands.
func (h *otpHost) hear(m *nats.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch m.Subject {
	case h.ctl.PingHosts():
		h.publish(m.Reply, h.summary())
		h.publish(wasmbus.OTPEventSubject("default"), h.beat(&h.lines[h.lastBeat(time.Hour)]))
	case h.ctl.Inventory(h.id):
		h.publish(m.Reply, h.inventory())
	case h.ctl.Links():
		h.publish(m.Reply, h.encode(map[string]any{"links": append([]json.RawMessage{}, h.links...)}))
	case h.ctl.Claims():
		h.publish(m.Reply, []byte(`{"claims":[]}`))
	default:
		if question(m.Subject) {
			return // of hosts of the other dialect, or what no recording answers
		}
		h.got = append(h.got, m)
		h.carryOut(m)
	}
}

// carryOut looks for the recorded commands that this one is, and plays their answer and what they brought about.
func (h *otpHost) carryOut(m *nats.Msg) {
	body, count := apart(m.Data)
	answered := false
	for n := max(count, 1); n > 0; n-- {
		i := slices.IndexFunc(h.lines, func(l heardLine) bool {
			want, _ := apart(l.Payload)
			return l.Subject == m.Subject && want == body && !h.used[index(h.lines, &l)]
		})
		if i < 0 {
			h.t.Errorf("the recorded host was never given %s %s", m.Subject, m.Data)
			return
		}
		h.used[i] = true
		cause := &h.lines[i]
		for k := range h.lines {
			l := &h.lines[k]
			switch {
			case l.Subject == cause.Reply && !answered:
				answered = true
				h.later(l.at()-cause.at(), func() { h.publish(m.Reply, l.Payload) })
			case h.causeOf(k) == i:
				h.later(l.at()-cause.at(), func() { h.tell(l) })
			}
		}
	}
}

func index(lines []heardLine, l *heardLine) int {
	return slices.IndexFunc(lines, func(o heardLine) bool { return o.Subject == l.Subject && o.Reply == l.Reply && o.T == l.T })
}

// apart is a body without its count, and the count.
func apart(raw []byte) (string, int) {
	var body map[string]json.RawMessage
	if json.Unmarshal(raw, &body) != nil {
		return string(raw), 0
	}
	count := 0
	_ = json.Unmarshal(body["count"], &count) // where there is none, it is 0
	delete(body, "count")
	out, err := json.Marshal(body)
	if err != nil {
		return err.Error(), 0
	}
	return string(out), count
}

// causeOf is the recorded command that an event comes from: the last one before it that names what the event names; -1 for none.
func (h *otpHost) causeOf(event int) int {
	kind, d, ok := h.lines[event].event()
	if !ok || kind == "host_heartbeat" || kind == "host_started" {
		return -1
	}
	name := d.ImageRef + d.OCIURL
	switch kind {
	case "linkdef_set":
		name = d.Source
	case "actor_stopped", "health_check_passed":
		name = d.PublicKey
	}
	for i := event - 1; i >= 0; i-- {
		l := &h.lines[i]
		if strings.HasPrefix(l.Subject, "wasmbus.ctl.") && bytes.Contains(l.Payload, []byte(`"`+name+`"`)) {
			return i
		}
		if k, e, ok := l.event(); ok && kind == "health_check_passed" && k == "provider_started" && e.PublicKey == name {
			return h.causeOf(i)
		}
	}
	return -1
}

func (h *otpHost) later(d time.Duration, do func()) {
	time.AfterFunc(d, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		do()
	})
}

// tell publishes a recorded event and remembers what it says of the host.
func (h *otpHost) tell(l *heardLine) {
	kind, d, _ := l.event()
	switch kind {
	case "actor_started":
		one := wasmbus.OTPInventoryInstance{Annotations: d.Annotations, InstanceID: d.InstanceID, Revision: 1}
		i := slices.IndexFunc(h.runs, func(a wasmbus.OTPInventoryActor) bool { return a.ID == d.PublicKey })
		if i < 0 {
			i = len(h.runs)
			h.runs = append(h.runs, wasmbus.OTPInventoryActor{ID: d.PublicKey, ImageRef: d.ImageRef, Name: d.Claims.Name})
		}
		h.runs[i].Instances = append(h.runs[i].Instances, one)
	case "actor_stopped":
		for i := range h.runs {
			h.runs[i].Instances = slices.DeleteFunc(h.runs[i].Instances, func(o wasmbus.OTPInventoryInstance) bool { return o.InstanceID == d.InstanceID })
		}
	case "provider_started":
		h.procs = append(h.procs, wasmbus.OTPInventoryProvider{Annotations: d.Annotations, ID: d.PublicKey, ImageRef: d.ImageRef, InstanceID: d.InstanceID,
			LinkName: d.LinkName, Name: d.Claims.Name, Revision: 1})
	case "linkdef_set":
		var e struct{ Data map[string]json.RawMessage }
		if err := json.Unmarshal(l.Payload, &e); err != nil {
			h.t.Error(err)
		}
		delete(e.Data, "id")
		h.links = append(h.links, h.encode(e.Data))
	}
	h.publish(l.Subject, l.Payload)
}

// lastBeat is the newest recorded heartbeat until then, the first if there is none.
func (h *otpHost) lastBeat(until time.Duration) int {
	last := -1
	for i := range h.lines {
		if kind, _, ok := h.lines[i].event(); ok && kind == "host_heartbeat" && (last < 0 || h.lines[i].at() <= until) {
			last = i
		}
	}
	return last
}

// beat is a recorded heartbeat with what runs now.
func (h *otpHost) beat(l *heardLine) []byte {
	var e struct {
		Data        map[string]any `json:"data"`
		ContentType string         `json:"datacontenttype"`
		ID          string         `json:"id"`
		Source      string         `json:"source"`
		SpecVersion string         `json:"specversion"`
		Time        string         `json:"time"`
		Type        string         `json:"type"`
	}
	if err := json.Unmarshal(l.Payload, &e); err != nil {
		h.t.Fatal(err)
	}
	listed, procs := []map[string]string{}, []map[string]string{}
	for i := range h.runs {
		for _, one := range h.runs[i].Instances {
			listed = append(listed, map[string]string{"instance_id": one.InstanceID, "public_key": h.runs[i].ID})
		}
	}
	for i := range h.procs {
		p := &h.procs[i]
		procs = append(procs, map[string]string{"contract_id": "acme:thing", "instance_id": p.InstanceID, "link_name": p.LinkName, "public_key": p.ID})
	}
	e.Data["actors"], e.Data["providers"] = listed, procs
	return h.encode(e)
}

// recordedInventories are the answers of the real host.
func (h *otpHost) recordedInventories() []heardLine {
	return slices.DeleteFunc(slices.Clone(h.lines), func(l heardLine) bool {
		return !strings.HasPrefix(l.Subject, "_INBOX.") || !bytes.Contains(l.Payload, []byte(`"host_id"`)) || !bytes.Contains(l.Payload, []byte(`"actors"`))
	})
}

// inventory is a recorded inventory with what runs now.
func (h *otpHost) inventory() []byte {
	var body map[string]any
	if err := json.Unmarshal(h.recordedInventories()[0].Payload, &body); err != nil {
		h.t.Fatal(err)
	}
	running := slices.DeleteFunc(slices.Clone(h.runs), func(a wasmbus.OTPInventoryActor) bool { return len(a.Instances) == 0 })
	slices.SortFunc(running, func(a, b wasmbus.OTPInventoryActor) int { return strings.Compare(a.ID, b.ID) })
	if strings.HasPrefix(h.version(), "0.57.1") { // one entry for each instance, all alike
		var all []wasmbus.OTPInventoryActor
		for _, a := range running {
			all = append(all, slices.Repeat([]wasmbus.OTPInventoryActor{a}, len(a.Instances))...)
		}
		running = all
	}
	body["actors"], body["providers"] = append([]wasmbus.OTPInventoryActor{}, running...), append([]wasmbus.OTPInventoryProvider{}, h.procs...)
	return h.encode(body)
}

func (h *otpHost) version() string {
	var e struct{ Data struct{ Version string } }
	if err := json.Unmarshal(h.lines[h.lastBeat(0)].Payload, &e); err != nil {
		h.t.Fatal(err)
	}
	return e.Data.Version
}

// summary answers a ping, which the recorded controller sent without a reply subject, in the form that other recordings of these hosts show.
func (h *otpHost) summary() []byte {
	var e struct{ Data wasmbus.OTPHostSummary }
	if err := json.Unmarshal(h.lines[h.lastBeat(0)].Payload, &e); err != nil {
		h.t.Fatal(err)
	}
	e.Data.ID, e.Data.LatticePrefix, e.Data.CtlHost, e.Data.RPCHost, e.Data.ProvRPCHost = h.id, "default", "127.0.0.1", "127.0.0.1", "127.0.0.1"
	return h.encode(e.Data)
}

func (h *otpHost) encode(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *otpHost) publish(subject string, body []byte) {
	if err := h.nc.Publish(subject, body); err != nil {
		h.t.Errorf("playing the host: %v", err)
	}
}

// given are the commands with how many instances they asked for in all: 0.3.0 asked for one at a time.
func given(subject string, body []byte, sums map[string]int) {
	text, count := apart(body)
	sums[subject+" "+text] += max(count, 1)
}

// TestOTPHostsAreGivenWhatTheyAccepted (SRV-16) plays real OTP hosts that wadm 0.3.0 drove to our server: the same manifest, the same hands. Then the hosts are given
// the commands that they accepted from 0.3.0, the same subjects and bodies, but for the number of instances in one command.
func TestOTPHostsAreGivenWhatTheyAccepted(t *testing.T) {
	for _, name := range []string{"otp-0.57.1-wadm", "otp-0.58-wadm"} {
		t.Run(name, func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) { playOTP(t, name) })
		})
	}
}

func playOTP(t *testing.T, name string) {
	w := newWorld(t, 0, 0)
	lines := loadOTP(t, name)
	first := slices.IndexFunc(lines, func(l heardLine) bool { k, _, ok := l.event(); return ok && k == "host_started" })
	var from struct{ Source string }
	if err := json.Unmarshal(lines[first].Payload, &from); err != nil {
		t.Fatal(err)
	}
	h := &otpHost{t: t, nc: natstest.Connect(t, w.srv), lines: lines, id: from.Source, used: map[int]bool{}, ctl: wasmbus.OTPSubjects{Lattice: "default"}}
	if _, err := h.nc.Subscribe("wasmbus.ctl.>", h.hear); err != nil {
		t.Fatal(err)
	}
	if err := flush(h.nc); err != nil {
		t.Fatal(err)
	}
	w.start()
	began := time.Now()
	ours, want := -1, map[string]int{}
	for i := range lines {
		l := &lines[i]
		if l.Mark == "wadm: undeploy.shop" {
			break
		}
		kind, _, isEvent := l.event()
		time.Sleep(l.at() - time.Since(began))
		synctest.Wait()
		switch {
		case isEvent && kind == "host_started":
			h.publish(l.Subject, l.Payload)
		case kind == "host_heartbeat":
			h.mu.Lock()
			h.publish(l.Subject, h.beat(l))
			h.mu.Unlock()
		case l.Subject == "wadm.api.default.model.put":
			deploy(t, w.client, l.Text)
		case l.Mark == "a human stops one instance of ui":
			w.untilStatus("shop", wadmapi.StatusDeployed, time.Second)
			ours = len(h.got)
		case strings.HasPrefix(l.Subject, "wasmbus.ctl.") && !question(l.Subject) && strings.HasSuffix(l.Subject, ".sa"):
			h.stopOldest(i)
		case strings.HasPrefix(l.Subject, "wasmbus.ctl.") && !question(l.Subject):
			given(l.Subject, l.Payload, want)
		}
	}
	synctest.Wait()
	w.untilStatus("shop", wadmapi.StatusDeployed, time.Second)
	h.mu.Lock()
	defer h.mu.Unlock()
	got := map[string]int{}
	for _, m := range h.got {
		given(m.Subject, m.Data, got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the host is given other commands (-0.3.0 +ours):\n%s", diff)
	}
	if ours != 4 || len(h.got) != 5 {
		t.Errorf("%d commands until the human stops one, %d in all; want la, la, lp, put, and then one la", ours, len(h.got))
	}
	if len(want) != 4 {
		t.Errorf("the recording has %d commands of 0.3.0, want two la, lp and linkdefs.put", len(want))
	}
	h.sameInventory()
	if t.Failed() {
		t.Logf("%s", w.log)
	}
}

// stopOldest plays the stop that a human gave: with the instance that the host ended, the oldest.
func (h *otpHost) stopOldest(cause int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range h.lines {
		if h.causeOf(k) == cause {
			h.tell(&h.lines[k])
		}
	}
}

// sameInventory holds the last recorded inventory before the undeploy against what runs now.
func (h *otpHost) sameInventory() {
	all := h.recordedInventories()
	want, got := all[len(all)-2].Payload, h.inventory()
	if diff := cmp.Diff(inOrder(h.t, want), inOrder(h.t, got)); diff != "" {
		h.t.Errorf("other things run than under 0.3.0 (-0.3.0 +ours):\n%s", diff)
	}
}

func inOrder(t *testing.T, raw []byte) wasmbus.OTPInventory {
	t.Helper()
	inv, err := wasmbus.DecodeOTPInventory(raw)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(inv.Actors, func(a, b wasmbus.OTPInventoryActor) int { return strings.Compare(a.ID, b.ID) })
	return inv
}
