package wasmbus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// line is one line of a recording: a message, or a mark of its script.
type line struct {
	at      string // file:line
	mark    string
	subject string
	reply   string
	body    []byte
	answers []line // to a request, in order
}

// recordings reads the recordings of one directory of testdata.
func recordings(t testing.TB, dir string) []line {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings in %s: %v", dir, err)
	}
	var all []line
	for _, name := range files {
		all = append(all, readRecording(t, name)...)
	}
	return all
}

func readRecording(t testing.TB, name string) []line {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out []line
	asked := map[string]int{} // reply subject → index in out
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		var raw struct {
			Mark, Subject, Reply string
			Payload              json.RawMessage
			Text                 *string
		}
		if err := json.Unmarshal(in.Bytes(), &raw); err != nil {
			t.Fatalf("%s:%d: %v", name, n, err)
		}
		l := line{
			at:   fmt.Sprintf("%s:%d", strings.TrimPrefix(name, "testdata/"), n),
			mark: raw.Mark, subject: raw.Subject, reply: raw.Reply, body: raw.Payload,
		}
		if raw.Text != nil {
			l.body = []byte(*raw.Text)
		}
		if i, ok := asked[raw.Subject]; ok {
			out[i].answers = append(out[i].answers, l)
			continue
		}
		if raw.Reply != "" {
			asked[raw.Reply] = len(out)
		}
		out = append(out, l)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(anyJSON(t, a), anyJSON(t, b))
}

func anyJSON(t testing.TB, raw []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("reading %s: %v", raw, err)
	}
	return v
}

// badEvents are the lines of otp/bad-events.jsonl on which a script, in the
// place of a host, sent what no host sends.
var badEvents = map[string]bool{
	"otp/bad-events.jsonl:11": true, // empty
	"otp/bad-events.jsonl:12": true, // no JSON
	"otp/bad-events.jsonl:13": true, // []
	"otp/bad-events.jsonl:14": true, // {}
	"otp/bad-events.jsonl:15": true, // a string
	"otp/bad-events.jsonl:16": true, // no data
	"otp/bad-events.jsonl:17": true, // actor_started without instance
	"otp/bad-events.jsonl:18": true, // host_heartbeat with empty data
	"otp/bad-events.jsonl:19": true, // the same without time
}

// oddAnnotations are the events that return annotations of another kind than
// name to text: they decode, but without those annotations.
var oddAnnotations = map[string]bool{
	"otp-host/0.58-actor-errors.jsonl:120": true,
	"otp-host/0.58-actor-errors.jsonl:128": true,
	"otp-host/0.63-actor-errors.jsonl:130": true,
	"otp-host/0.63-actor-errors.jsonl:131": true,
	"otp-host/0.63-actor-errors.jsonl:139": true,
	"otp-host/0.63-actor-errors.jsonl:140": true,
}

func TestEveryRecordedHostEventDecodesAndEncodesBack(t *testing.T) {
	seen := map[string]bool{}
	for _, dir := range []string{"v1", "otp", "otp-host"} {
		decode := DecodeOTPEvent
		if dir == "v1" {
			decode = DecodeV1Event
		}
		for _, l := range recordings(t, dir) {
			if !strings.Contains(l.subject, "wasmbus.evt.") {
				continue
			}
			ev, err := decode(l.subject, l.body)
			if badEvents[l.at] {
				if err == nil {
					t.Errorf("%s: decoded as %T, want an error", l.at, ev.Data)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", l.at, err)
				continue
			}
			seen[fmt.Sprintf("%T", ev.Data)] = true
			checkEvent(t, l, ev)
		}
	}
	// Nothing here ever started an update that fails, or a call.
	for _, never := range []any{OTPActorUpdateFailed{}, OTPInvocationSucceeded{}, OTPInvocationFailed{}, V1HealthCheckFailed{}} {
		seen[fmt.Sprintf("%T", never)] = true
	}
	if want := len(v1Events) + len(otpEvents); len(seen) != want {
		t.Errorf("%d kinds of events occur, %d are known", len(seen), want)
	}
}

func checkEvent(t *testing.T, l line, ev Event) {
	if u, ok := ev.Data.(Unknown); ok {
		t.Errorf("%s: event %s is unknown", l.at, u.Name)
		return
	}
	if ev.Host == "" && ev.Source != "n/a" {
		t.Errorf("%s: no host", l.at)
	}
	back, err := EncodeEvent(ev.Envelope, ev.Data)
	if err != nil {
		t.Errorf("%s: %v", l.at, err)
	} else if sameJSON(t, back, l.body) == oddAnnotations[l.at] {
		t.Errorf("%s: encoded back\n%s\nas\n%s", l.at, l.body, back)
	}
}
