package sim

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/wasmbus"
)

// The recordings of real hosts are played to simulated ones: the same requests at the same times, hosts of the same ids,
// names and images. What comes back is held against what real hosts said, request by request, in order.

// line is one line of a recording.
type line struct {
	T       int64 // ms
	Mark    string
	Subject string
	Reply   string
	Trace   bool // it bears a traceparent header
	Payload json.RawMessage
	Text    *string // a body that is no JSON
}

func (l line) body() []byte {
	if l.Text != nil {
		return []byte(*l.Text)
	}
	return l.Payload
}

func (l line) request() bool { return strings.HasPrefix(l.Subject, "wasmbus.ctl.") }

func (l line) event() (env struct {
	Type, Source string
	Data         json.RawMessage
}, ok bool) {
	ok = strings.HasPrefix(l.Subject, "wasmbus.evt.") && json.Unmarshal(l.Payload, &env) == nil
	env.Type = strings.TrimPrefix(env.Type, wasmbus.EventTypePrefix)
	return env, ok
}

func readRecording(t *testing.T, name string) []line {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []line
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var l line
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			t.Fatalf("reading %s: %v", name, err)
		}
		lines = append(lines, l)
	}
	if err := scan.Err(); err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return lines
}

// scene is how one recording is played.
type scene struct {
	file     string
	version  string
	images   map[string]Image                      // what the recording does not tell
	started  map[string]int64                      // hosts that ran already: id → ms, negative
	names    map[string]string                     // id → friendly name, of hosts whose start is not recorded
	labels   map[string]map[string]string          // the same
	builtins map[string][]string                   // id → builtins, where not all
	before   []Msg                                 // sent to the hosts before the recording begins
	at       map[int64]func(c *Cluster, id string) // what is done to the (first) host at a time: the remarks of the recording
	timing   func(*Timing)
	switches func(*Switches)
	except   map[int64]string // windows that differ, by the time of their first request, and why
	noBeats  string           // why heartbeats are not compared
	noHealth string
}

// ahead is how long before the recording the simulation begins.
const ahead = 300 * time.Second

func at(ms int64) time.Duration { return ahead + time.Duration(ms)*time.Millisecond }

// replayTiming makes things quick, as on the recording machine: what a request causes comes before the next one.
func replayTiming() Timing {
	t := RealTiming()
	t.PullActor, t.PullProvider, t.Warm = 40*time.Millisecond, 100*time.Millisecond, 3*time.Millisecond
	t.Start, t.Spawn = 4*time.Millisecond, 20*time.Millisecond
	return t
}

func play(t *testing.T, s scene, lines []line) []line {
	t.Helper()
	dialect := wasmbus.DialectV1
	if strings.HasPrefix(s.file, "otp") {
		dialect = wasmbus.DialectOTP
	}
	timing := replayTiming()
	if s.timing != nil {
		s.timing(&timing)
	}
	images := imagesOf(lines)
	maps.Copy(images, s.images)
	c := NewCluster(Options{Dialect: dialect, Version: s.version, Seed: 1, Timing: timing, Images: images})
	b := NewBus(BusOptions{Seed: 1})
	b.Attach(c)
	var heard []line
	b.Watch(func(now time.Duration, m Msg) {
		l := line{T: int64((now - ahead) / time.Millisecond), Subject: m.Subject, Trace: m.Header["traceparent"] != nil, Payload: m.Data}
		if !l.request() && !m.NoResponders() && l.T >= 0 {
			heard = append(heard, l)
		}
	})
	first := ""
	start := func(id, name string, labels map[string]string) {
		first = cmp.Or(first, id)
		if h := c.byID(id); h != nil {
			h.spec.Name = name
			if err := c.Return(id); err != nil {
				t.Error(err)
			}
			return
		}
		sw := RealSwitches(dialect, ParseVersion(s.version))
		sw.LateSubscription = false // by chance; a chance of the recording cannot be repeated
		if s.switches != nil {
			s.switches(&sw)
		}
		c.AddHost(HostSpec{ID: id, Name: name, Labels: labels, Builtins: s.builtins[id], Switches: &sw})
	}
	for _, id := range slices.Sorted(maps.Keys(s.started)) {
		b.At(at(s.started[id]), func() { start(id, s.names[id], s.labels[id]) })
	}
	for i, m := range s.before {
		b.At(at(-60000+int64(i)*5000), func() { b.Publish(m) })
	}
	for ms, act := range s.at {
		b.At(at(ms), func() { act(c, first) })
	}
	for _, l := range lines {
		if env, ok := l.event(); ok && env.Type == "host_started" {
			var data wasmbus.V1HostStarted
			if err := json.Unmarshal(env.Data, &data); err != nil {
				t.Fatal(err)
			}
			maps.DeleteFunc(data.Labels, func(k, _ string) bool { return strings.HasPrefix(k, "hostcore.") })
			b.At(at(l.T), func() { start(env.Source, data.FriendlyName, data.Labels) })
		}
		if l.request() {
			b.At(at(l.T), func() { b.Publish(Msg{Subject: l.Subject, Reply: l.Reply, Data: l.body()}) })
		}
	}
	b.RunUntil(at(lines[len(lines)-1].T + 100))
	return heard
}

// imagesOf reads from the started events what the images must have been.
func imagesOf(lines []line) map[string]Image {
	images := map[string]Image{}
	for _, l := range lines {
		env, ok := l.event()
		if !ok {
			continue
		}
		var d struct {
			PublicKey  string          `json:"public_key"`
			ImageRef   string          `json:"image_ref"`
			ContractID string          `json:"contract_id"`
			APIVersion json.RawMessage `json:"api_version"`
			Claims     *wasmbus.OTPActorClaims
		}
		if json.Unmarshal(env.Data, &d) != nil || d.Claims == nil {
			continue
		}
		img := Image{Signed: true, Key: d.PublicKey, Issuer: d.Claims.Issuer, Name: d.Claims.Name, Version: d.Claims.Version,
			CallAlias: d.Claims.CallAlias, Caps: d.Claims.Caps, Tags: d.Claims.Tags, Revision: d.Claims.Revision, Contract: d.ContractID}
		_ = json.Unmarshal(d.APIVersion, &img.APIVersion) // "n/a" stays 0
		switch env.Type {
		case "actor_started", "component_scaled":
			img.Kind = KindComponent
		case "provider_started":
			img.Kind = KindProvider
			img.Revision = 1 // no event tells it
		default:
			continue
		}
		if _, known := images[d.ImageRef]; !known {
			images[d.ImageRef] = img
		}
	}
	return images
}

// window is what came between one request (or several within moments) and the next.
type window struct {
	from, to int64
	what     string
	real     []string
	sim      []string
}

// together is the distance below which two requests count as sent at once.
const together = 30

func windows(lines, heard []line) []window {
	all := []window{{from: -1 << 40, what: "before the first request"}}
	mark, last := "", int64(-1<<40)
	for _, l := range lines {
		if l.Mark != "" {
			mark = l.Mark
		}
		if !l.request() {
			continue
		}
		if l.T-last >= together {
			all[len(all)-1].to = l.T
			all = append(all, window{from: l.T, what: mark + ": " + l.Subject[strings.Index(l.Subject, "default")+8:]})
		}
		last = l.T
	}
	all[len(all)-1].to = 1 << 40
	n := 0
	last = -1 << 40
	for _, l := range lines { // by their order in the file: an answer may bear the time of the next request
		if l.request() {
			if l.T-last >= together {
				n++
			}
			last = l.T
		}
		if text := told(l); text != "" {
			all[n].real = append(all[n].real, text)
		}
	}
	defer func() {
		for _, w := range all {
			if strings.Contains(w.what, "ping") || strings.Contains(w.what, "auction") { // several hosts answer, in any order
				slices.Sort(w.real)
				slices.Sort(w.sim)
			}
		}
	}()
	for _, l := range heard {
		text := told(l)
		for i := range all {
			if text != "" && l.T >= all[i].from && l.T < all[i].to {
				all[i].sim = append(all[i].sim, text)
			}
		}
	}
	return all
}

// told is one message in the form in which it is compared, "" if it is compared elsewhere or not at all.
func told(l line) string {
	if l.request() || l.Mark != "" {
		return ""
	}
	env, ok := l.event()
	if !ok {
		return "reply " + masked(l.Payload)
	}
	if strings.HasPrefix(env.Type, "health_check") || env.Type == "host_heartbeat" {
		return ""
	}
	source := env.Source
	if source != linkSource && (strings.HasPrefix(env.Type, "linkdef_") || strings.HasPrefix(env.Type, "config_")) {
		source = "one of the hosts" // whichever of the queue group took the request
	}
	trace := ""
	if l.Trace {
		trace = " traced"
	}
	return fmt.Sprintf("%s %s %s%s %s", l.Subject, env.Type, source, trace, masked(env.Data))
}

var (
	maskedKeys = []string{"instance_id", "uptime_human", "uptime_seconds", "rpc_host", "ctl_host", "prov_rpc_host", "issuer", "cluster_issuers"}
	uuidForm   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// masked is a payload with sorted keys, lists of objects sorted too, and what differs from run to run replaced.
func masked(raw []byte) string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return string(raw)
	}
	out, err := json.Marshal(mask("", v))
	if err != nil {
		return err.Error()
	}
	// wasmbus leaves an empty contract_id out, which real hosts send in the claims of components. No reader can tell.
	return strings.ReplaceAll(string(out), `"contract_id":"",`, "")
}

func mask(key string, v any) any {
	if slices.Contains(maskedKeys, key) {
		return "…"
	}
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = mask(k, inner)
		}
	case []any:
		texts := map[string]any{}
		var keys []string
		for i, inner := range v {
			if _, object := inner.(map[string]any); !object {
				return v
			}
			text, _ := json.Marshal(mask("", inner))
			k := string(text) + fmt.Sprintf("%06d", i)
			texts[k], keys = inner, append(keys, k)
		}
		slices.Sort(keys)
		sorted := []any{}
		for _, k := range keys {
			sorted = append(sorted, texts[k])
		}
		return sorted
	case string:
		if uuidForm.MatchString(v) {
			return "uuid"
		}
	}
	return v
}

// beats are the heartbeats of each host, in order.
func beats(lines []line, until int64) map[string][]string {
	all := map[string][]string{}
	for _, l := range lines {
		if env, ok := l.event(); ok && env.Type == "host_heartbeat" && l.T < until {
			all[env.Source] = append(all[env.Source], masked(env.Data))
		}
	}
	return all
}

type health struct {
	at   int64
	text string
}

func healths(lines []line) []health {
	var all []health
	for _, l := range lines {
		if env, ok := l.event(); ok && strings.HasPrefix(env.Type, "health_check") {
			all = append(all, health{l.T, env.Type + " " + masked(env.Data)})
		}
	}
	return all
}

// peculiarities are what real OTP hosts do that nobody would expect, by their rows in docs/conformance.md, and the recordings that show them. All of these are
// played by TestHostsAnswerAsRecorded.
var peculiarities = map[string][]string{
	"HST-01": {"otp-0.63-blind-ping", "otp-0.63-start", "otp-0.63-odd", "otp-0.58-odd"},
	"HST-02": {"otp-0.58-refmap", "otp-0.63-refmap"},
	"HST-03": {"otp-0.58-refmap", "otp-0.58-provider-race"},
	"HST-04": {"otp-0.58-provider-race", "otp-0.63-provider-race"},
	"HST-05": {"otp-0.58-upgrade", "otp-0.63-upgrade", "otp-0.63-providers"},
	"HST-06": {"otp-0.57.1-providers", "otp-0.57-upgrade", "otp-0.58-providers"},
	"HST-07": {"otp-0.57.1-actors", "otp-0.57-actors"},
	"HST-08": {"otp-0.58-actors", "otp-0.58-sa-rpc", "otp-0.63-sa-rpc"},
	"HST-09": {"otp-0.63-actors", "otp-0.63-sa-rpc"},
	"HST-10": {"otp-0.63-actor-crash", "otp-0.63-sa-rpc"},
	"HST-11": {"otp-0.63-provider-health"},
	"HST-12": {"otp-0.58-actors", "otp-0.63-actors"},
	"HST-13": {"otp-0.58-refmap", "otp-0.58-update", "otp-0.63-update"},
	"HST-14": {"otp-0.58-actors", "otp-0.63-actors"},
	"HST-15": {"otp-0.58-links", "otp-0.63-links"},
	"HST-16": {"otp-0.58-providers", "otp-0.63-providers"},
	"HST-17": {"otp-0.58-ends", "otp-0.63-ends", "otp-0.58-start", "otp-0.63-start"},
	"HST-18": {"otp-0.63-two-hosts", "otp-0.63-links", "otp-0.58-two-hosts"},
	"HST-19": {"otp-0.58-update", "otp-0.63-update", "otp-0.58-actor-errors", "otp-0.57.1-odd"},
	"HST-20": {"otp-0.58-actor-errors", "otp-0.63-actor-errors", "otp-0.58-actors"},
	"HST-21": {"otp-0.58-scale", "otp-0.63-scale"},
	"HST-22": {"otp-0.57.1-actors", "otp-0.63-actors"},
	"HST-23": {"otp-0.58-link-ghost", "otp-0.63-link-ghost"},
	"HST-24": {"otp-0.58-start", "otp-0.63-start", "otp-0.58-heartbeats", "otp-0.63-heartbeats"},
	"HST-25": {"otp-0.57-two-hosts"},
	"HST-26": {"otp-0.58-update", "otp-0.63-update"},
}

func TestEveryPeculiarityIsPlayed(t *testing.T) {
	for row, files := range peculiarities {
		for _, file := range files {
			if !slices.ContainsFunc(scenes(), func(s scene) bool { return s.file == file }) {
				t.Errorf("%s is shown by %s, which is not played", row, file)
			}
		}
	}
}

func TestHostsAnswerAsRecorded(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.file, func(t *testing.T) {
			t.Parallel()
			lines := readRecording(t, s.file)
			end := lines[len(lines)-1].T + 1
			for i, l := range lines { // behind "end" the recorder takes everything down
				if l.Mark == "end" {
					lines, end = lines[:i], l.T
				}
			}
			heard := play(t, s, lines)
			heard = slices.DeleteFunc(heard, func(l line) bool { return l.T >= end })
			left := maps.Clone(s.except)
			for _, w := range windows(lines, heard) {
				diff := gocmp.Diff(w.real, w.sim)
				if _, known := left[w.from]; known {
					delete(left, w.from)
					if diff == "" {
						t.Errorf("%d %s: is excepted, but does not differ", w.from, w.what)
					}
					continue
				}
				if diff != "" {
					t.Errorf("%d %s: real host (-), simulated host (+)\n%s", w.from, w.what, diff)
				}
			}
			for from, why := range left {
				t.Errorf("no request at %d for the exception %q", from, why)
			}
			if s.noBeats == "" {
				if diff := gocmp.Diff(beats(lines, end), beats(heard, end)); diff != "" {
					t.Errorf("heartbeats: real (-), simulated (+)\n%s", diff)
				}
			}
			if s.noHealth == "" {
				compareHealth(t, healths(lines), healths(heard))
			}
		})
	}
}

func compareHealth(t *testing.T, real, sim []health) {
	t.Helper()
	byTime := func(a, b health) int { return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.at, b.at)) }
	slices.SortFunc(real, byTime)
	slices.SortFunc(sim, byTime)
	close := func(a, b health) bool { return a.text == b.text && max(a.at-b.at, b.at-a.at) < 700 }
	if !slices.EqualFunc(real, sim, close) {
		t.Errorf("health: real\n%v\nsimulated\n%v", real, sim)
	}
}
