package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorded is one line of a recording.
type recorded struct {
	N       int
	Re      int
	Subject string
	Reply   string
	Headers map[string][]string
	Payload json.RawMessage
	Text    *string
	Mark    string
}

func (r recorded) body() string {
	if r.Text != nil {
		return *r.Text
	}
	return string(r.Payload)
}

func load(t *testing.T, name string) []recorded {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []recorded
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var r recorded
		if err := json.Unmarshal(scan.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, r)
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

var ulidForm = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)

// masked replaces what is different each time.
func masked(s string) string { return ulidForm.ReplaceAllString(s, "<ulid>") }

// TestRepliesEqualThoseOf0211 sends every recorded request in its order and compares reply and events, byte for byte after
// masking. What differs stands in the lists of differences below, each with its reason, and nowhere else.
func TestRepliesEqualThoseOf0211(t *testing.T) {
	b := newBench(t)
	events := b.events("wadm.evt.>")
	used := map[string]int{}
	for _, file := range []string{"api_put", "api_read", "api_deploy", "api_delete"} {
		lines := load(t, file)
		for i, line := range lines {
			if !strings.HasPrefix(line.Subject, "wadm.api.") {
				continue
			}
			at := fmt.Sprintf("%s:%d", file, line.N)
			wantEvents, want := answers(lines[i+1:], line.N)
			got := b.replay(line)
			gotEvents := names(taken(events))
			want, got = masked(want), masked(got)
			for _, d := range differences {
				if d.at != "" && d.at != at {
					continue
				}
				w, g := d.same(want, got)
				if w != want || g != got {
					used[d.reason]++
				}
				want, got = w, g
			}
			if d, ok := eventDifferences[at]; ok {
				wantEvents = d
				used[at]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s %.80s: the reply differs (-0.21.1 +ours):\n%s", at, line.Subject, line.body(), diff)
			}
			if u, ok := undo[at]; ok {
				b.model(u[0], u[1])
				taken(events)
			}
			if diff := cmp.Diff(wantEvents, gotEvents); diff != "" {
				t.Errorf("%s %s: the events differ (-0.21.1 +ours):\n%s", at, line.Subject, diff)
			}
		}
	}
	for _, d := range differences {
		if used[d.reason] == 0 {
			t.Errorf("this difference never shows any more, take it out: %s", d.reason)
		}
	}
	for at := range eventDifferences {
		if used[at] == 0 {
			t.Errorf("no request %s", at)
		}
	}
}

// answers gives the events of a recorded request and its reply; a request without one has the events up to the next request.
func answers(rest []recorded, n int) (events []string, reply string) {
	for _, r := range rest {
		switch {
		case r.Re == n:
			return events, string(r.Payload)
		case strings.HasPrefix(r.Subject, "wadm.evt."):
			events = append(events, eventLine(r.Subject, r.Payload))
		case strings.HasPrefix(r.Subject, "wadm.api."):
			return events, ""
		}
	}
	return events, ""
}

// replay sends a recorded request. One without a reply subject has been carried out when the next one on the same application is
// answered, so it is not waited for here.
func (b *bench) replay(r recorded) string {
	b.t.Helper()
	if r.Reply == "" {
		if err := b.nc.Publish(r.Subject, []byte(r.body())); err != nil {
			b.t.Fatal(err)
		}
		b.model("get.noreply", "") // takes its turn behind the put
		return ""
	}
	var header []string
	for k, v := range r.Headers {
		header = append(header, k, v[0])
	}
	return b.ask(r.Subject, r.body(), header...)
}
