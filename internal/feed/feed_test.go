package feed

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

func TestMain(m *testing.M) { natstest.Main(m) }

const (
	hostA = "NDROVP34CQVUDGABJSMBARGMPMWQXSXXGV5SJ2UCDHJHHUAUMJEOLFEW"
	hostB = "NCUBCTATY542V2WJQAFO6KTAGG7PSAAYQ6W226Y5RZT3DYQ4HCFBS4FI"
)

// bench is a feed without a bus, and a clock that the test moves.
type bench struct {
	*Feed
	now time.Duration
	v1  func(string, []byte)
	otp func(string, []byte)
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := &bench{}
	cfg.Lattice, cfg.Now = "default", func() time.Duration { return b.now }
	b.Feed = New(cfg)
	b.v1 = b.Ear(lattice.V1, [16]byte{1})
	b.otp = b.Ear(lattice.OTP, [16]byte{2})
	return b
}

var said atomic.Uint64

// event makes a message of its own: no two have one id.
func event(t testing.TB, host string, data any) []byte {
	t.Helper()
	body, err := wasmbus.EncodeEvent(wasmbus.Envelope{ID: fmt.Sprint("i", said.Add(1)), Source: host, Time: "2025-01-01T00:00:00Z"}, data)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func pulse(t testing.TB, host string, count uint32, uptime uint64) []byte {
	return event(t, host, wasmbus.V1HostHeartbeat{V1Inventory: wasmbus.V1Inventory{HostID: host, FriendlyName: "bold", Version: "1.9.2",
		Labels: map[string]string{}, Providers: []wasmbus.V1InventoryProvider{}, UptimeSeconds: uptime, UptimeHuman: fmt.Sprint(uptime, "s"),
		Components: []wasmbus.V1InventoryComponent{{ID: "app-web", ImageRef: "r/web:1", Annotations: map[string]string{}, MaxInstances: count}}}})
}

func scaled(t testing.TB, host string, count uint32) []byte {
	return event(t, host, wasmbus.V1ComponentScaled{HostID: host, ComponentID: "app-web", ImageRef: "r/web:1", Annotations: map[string]string{}, MaxInstances: count})
}

// told says in short what waits: I3 is an inventory with three instances, S90 a sign of life with that uptime, C2 a scale event.
func told(b Batch) string {
	var words []string
	if b.Resync {
		words = append(words, "resync")
	}
	for _, e := range b.Events {
		switch e := e.(type) {
		case lattice.Inventory:
			n := 0
			for i := range e.Resources {
				n += e.Resources[i].Count()
			}
			words = append(words, fmt.Sprintf("I%d", n))
		case lattice.HostSeen:
			words = append(words, fmt.Sprintf("S%d", e.Uptime))
		case lattice.Scaled:
			words = append(words, fmt.Sprintf("C%d", e.Count))
		default:
			words = append(words, fmt.Sprintf("%T", e))
		}
	}
	return strings.Join(words, " ")
}

const (
	onBeat   = "wasmbus.evt.default.host_heartbeat"
	onScaled = "wasmbus.evt.default.component_scaled"
)

func TestHeartbeats(t *testing.T) {
	// Each step is one word: B3@30 a heartbeat with three instances at second 30, C2 a scale event, T a touch by the owner,
	// t a take whose words are written after a colon.
	tests := map[string][]string{
		"an equal heartbeat is a sign of life":                      {"B3@0", "t:I3", "B3@30", "t:S30"},
		"a different one is decoded":                                {"B3@0", "t:I3", "B4@30", "t:I4"},
		"after an event an equal one is decoded":                    {"B3@0", "C2", "t:I3 C2", "B3@30", "t:I3", "B3@60", "t:S60"},
		"after the owner's touch an equal one is decoded":           {"B3@0", "t:I3", "T", "B3@30", "t:I3", "B3@60", "t:S60"},
		"after a missed beat an equal one is decoded":               {"B3@0", "B3@30", "t:I3 S30", "B3@90", "t:I3"},
		"after a missed first beat an equal one is decoded":         {"B3@0", "t:I3", "B3@60", "t:I3"},
		"after a resync an equal one is decoded":                    {"B3@0", "L", "t:resync", "B3@30", "t:I3"},
		"of two waiting contents the later one is kept":             {"B3@0", "B4@30", "t:I4"},
		"of many signs of life the last one is kept":                {"B3@0", "t:I3", "B3@30", "B3@60", "B3@90", "t:S90"},
		"a sign of life does not take the place of waiting content": {"B3@0", "B3@30", "t:I3 S30"},
		"a later heartbeat stays behind the event before it":        {"B3@0", "C2", "B2@30", "t:C2 I2"},
		"what waits is taken once":                                  {"B3@0", "t:I3", "t:"},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{})
			for _, step := range steps {
				var count, at int
				switch step[0] {
				case 'B':
					fmt.Sscanf(step, "B%d@%d", &count, &at)
					b.now = time.Duration(at) * time.Second
					b.v1(onBeat, pulse(t, hostA, uint32(count), uint64(at)))
				case 'C':
					fmt.Sscanf(step, "C%d", &count)
					b.v1(onScaled, scaled(t, hostA, uint32(count)))
				case 'T':
					b.Touch(hostA)
				case 'L':
					b.Lost("a test")
				case 't':
					if got := told(b.Take()); got != step[2:] {
						t.Fatalf("took %q, want %q", got, step[2:])
					}
				}
			}
		})
	}
}

func TestHostsDoNotDisturbEachOther(t *testing.T) {
	b := newBench(t, Config{})
	b.v1(onBeat, pulse(t, hostA, 3, 0))
	b.v1(onBeat, pulse(t, hostB, 5, 0))
	b.v1(onScaled, scaled(t, hostB, 6))
	b.Take()
	b.now = 30 * time.Second
	b.v1(onBeat, pulse(t, hostA, 3, 30))
	b.v1(onBeat, pulse(t, hostB, 5, 30))
	if got := told(b.Take()); got != "S30 I5" {
		t.Errorf("took %q, want the event to make only its own host news", got)
	}
}

func TestABatchIsBounded(t *testing.T) {
	b := newBench(t, Config{MaxEvents: 10})
	for range 11 {
		b.v1(onScaled, scaled(t, hostA, 1))
	}
	b.v1(onScaled, scaled(t, hostA, 2))
	if got := told(b.Take()); got != "resync C2" {
		t.Errorf("took %q, want everything before the overflow given up", got)
	}
	if s := b.Stats(); s.Resyncs != 1 || s.Messages != 12 {
		t.Errorf("stats %+v", s)
	}
	b = newBench(t, Config{MaxBytes: 1000})
	for range 5 {
		b.v1(onScaled, scaled(t, hostA, 1))
	}
	if batch := b.Take(); !batch.Resync {
		t.Error("no resync after too many bytes")
	}
}

func TestAStalledOwnerCostsMemoryByHosts(t *testing.T) {
	b := newBench(t, Config{})
	for i := range uint32(5000) {
		b.now += 30 * time.Second
		b.v1(onBeat, pulse(t, hostA, i%7+1, 1))
		if i%10 == 0 {
			b.v1(onScaled, scaled(t, hostA, i))
		}
	}
	if n := len(b.queue.items); n > 1100+2*500 {
		t.Errorf("%d places for one heartbeat and 500 events", n)
	}
	batch := b.Take()
	if len(batch.Events) != 501 || batch.Resync {
		t.Errorf("took %d events, resync %v", len(batch.Events), batch.Resync)
	}
	if _, ok := batch.Events[500].(lattice.Inventory); !ok {
		t.Errorf("the last event is a %T, want the last heartbeat", batch.Events[500])
	}
}

func TestMoreHostsThanTheBoundAreDecoded(t *testing.T) {
	b := newBench(t, Config{MaxHosts: 1})
	for range 2 {
		b.v1(onBeat, pulse(t, hostA, 1, 0))
		b.v1(onBeat, pulse(t, hostB, 2, 0))
	}
	if got := told(b.Take()); got != "I1 S0 I2" {
		t.Errorf("took %q", got)
	}
}

func TestHostileMessages(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100_000)
	messages := map[string][]byte{
		"empty": nil, "no JSON": []byte("hello"), "an array": []byte("[]"), "deep": []byte(deep), "null": []byte("null"),
		"too large":        append([]byte(`{"data":"`), make([]byte, wasmbus.MaxMessageBytes)...),
		"a wildcard host":  event(t, "*", wasmbus.V1HostStopped{}),
		"an unclosed beat": pulse(t, hostA, 1, 1)[:200],
	}
	for name, data := range messages {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{})
			b.v1(onBeat, data)
			b.otp("wasmbus.evt.default", data)
			if s := b.Stats(); s.Messages != 2 || s.Broken != 2 || s.Panics != 0 {
				t.Errorf("stats %+v, want two broken messages", s)
			}
			if batch := b.Take(); len(batch.Events) > 0 || batch.Resync {
				t.Errorf("took %q", told(batch))
			}
		})
	}
}

func TestUnknownEventsAreCounted(t *testing.T) {
	b := newBench(t, Config{})
	body := strings.Replace(string(event(t, hostA, wasmbus.V1HostStopped{})), "host_stopped", "host_danced", 1)
	b.v1("wasmbus.evt.default.host_danced", []byte(body))
	if s := b.Stats(); s.Unknown != 1 || s.Broken != 0 {
		t.Errorf("stats %+v, want one unknown event", s)
	}
}

func TestAPanicIsCountedAndTheNextEventIsHeard(t *testing.T) {
	b := newBench(t, Config{})
	fail := true
	b.cfg.Now = func() time.Duration {
		if fail {
			panic("a test")
		}
		return 0
	}
	b.v1(onScaled, scaled(t, hostA, 1))
	fail = false
	b.v1(onScaled, scaled(t, hostA, 2))
	if got := told(b.Take()); got != "C2" || b.Stats().Panics != 1 {
		t.Errorf("took %q, stats %+v", got, b.Stats())
	}
}

func TestReadySignalsOnce(t *testing.T) {
	b := newBench(t, Config{})
	select {
	case <-b.Ready():
		t.Fatal("ready with nothing to take")
	default:
	}
	b.v1(onScaled, scaled(t, hostA, 1))
	b.v1(onScaled, scaled(t, hostA, 2))
	<-b.Ready()
	if got := told(b.Take()); got != "C1 C2" {
		t.Errorf("took %q", got)
	}
}

func TestRecordingsOfRealHosts(t *testing.T) {
	files, err := filepath.Glob("../../wasmbus/testdata/*/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	b := newBench(t, Config{})
	var messages uint64
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var m struct {
				Subject string
				Payload json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			if filepath.Base(file) == "bad-events.jsonl" {
				continue
			}
			rest, isEvent := strings.CutPrefix(m.Subject, "wasmbus.evt.")
			switch {
			case !isEvent:
				continue
			case strings.Contains(rest, "."):
				b.v1(m.Subject, m.Payload)
			default:
				b.otp(m.Subject, m.Payload)
			}
			messages++
		}
	}
	s := b.Stats()
	if diff := cmp.Diff(Stats{Messages: messages, Unchanged: s.Unchanged}, s); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if messages < 1000 || s.Unchanged == 0 {
		t.Errorf("%d messages of which %d unchanged: too few to show anything", messages, s.Unchanged)
	}
}

// follow collects what a feed on a real server hears until it is n events.
func follow(t *testing.T, f *Feed, n int) Batch {
	t.Helper()
	var all Batch
	deadline := time.After(10 * time.Second)
	for len(all.Events) < n {
		select {
		case <-f.Ready():
			b := f.Take()
			all.Resync = all.Resync || b.Resync
			all.Events = append(all.Events, b.Events...)
		case <-deadline:
			t.Fatalf("heard %q, want %d events", told(all), n)
		}
	}
	return all
}

func TestListeningToBothDialects(t *testing.T) {
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	tests := map[string]struct {
		dialect lattice.Dialect
		want    int
	}{
		"auto hears both":           {lattice.Auto, 3},
		"v1 hears no OTP host":      {lattice.V1, 1},
		"otp hears no host of 1.x":  {lattice.OTP, 2},
		"auto is what is not named": {"", 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := Start(nc, Config{Lattice: "default", Dialect: tt.dialect, Now: func() time.Duration { return 0 }})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, subject := range []string{onScaled, "wasmbus.evt.default", "AACCOUNT.wasmbus.evt.default", "wasmbus.evt.other", "wasmbus.evt.other.component_scaled"} {
				body := event(t, hostA, wasmbus.OTPHostStopped{Labels: map[string]string{}})
				if strings.Count(subject, ".") == 3 && strings.HasPrefix(subject, "wasmbus") {
					body = scaled(t, hostA, 1)
				}
				if err := nc.Publish(subject, body); err != nil {
					t.Fatal(err)
				}
			}
			nc.Flush()
			follow(t, f, tt.want)
			if s := f.Stats(); s.Messages != uint64(tt.want) {
				t.Errorf("stats %+v, want %d messages", s, tt.want)
			}
		})
	}
}

func TestASlowConsumerIsAResync(t *testing.T) {
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	f, err := Start(nc, Config{Lattice: "default", Dialect: lattice.V1, Now: func() time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.subs[0].SetPendingLimits(1, -1); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock() // the owner takes so long that the client drops
	for range 5 {
		if err := nc.Publish(onScaled, scaled(t, hostA, 1)); err != nil {
			t.Fatal(err)
		}
	}
	nc.Flush()
	f.mu.Unlock()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case <-f.Ready():
			if f.Take().Resync {
				return
			}
		case <-deadline:
			t.Fatalf("no resync; stats %+v", f.Stats())
		}
	}
}

func TestAClosedFeedHearsNothing(t *testing.T) {
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	f, err := Start(nc, Config{Lattice: "default", Now: func() time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if n := nc.NumSubscriptions(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
	if f, err = Start(nc, Config{Lattice: "default", Now: func() time.Duration { return 0 }}); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	f.Close() // returns, though the connection is gone
	if _, err := Start(nc, Config{Lattice: "default"}); err == nil || !strings.Contains(err.Error(), nats.ErrConnectionClosed.Error()) {
		t.Errorf("starting on a closed connection: %v", err)
	}
}
