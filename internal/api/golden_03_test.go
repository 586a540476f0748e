package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/redisstore"
	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/wadmapi"
)

// played is a status source that knows what the recording said of an application: 0.3.0's states, as they were told in its events.
type played struct {
	mu sync.Mutex
	of map[string]wadmapi.Status
}

func (p *played) Status(lattice, app string) (wadmapi.Status, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.of[lattice+"."+app]
	return s, ok
}

// hear takes a recorded event. A state of 0.3.0 is played as the status in which we would say the same.
func (p *played) hear(e flatLine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := e.Data.Lattice + "." + e.Data.Name
	switch e.Type {
	case wadmapi.FlatTypePrefix + wadmapi.FlatDeployed:
		delete(p.of, key)
	case wadmapi.FlatTypePrefix + wadmapi.FlatStateChanged:
		s := wadmapi.NewStatus(wadmapi.StatusReconciling, "")
		if e.Data.State == wadmapi.StateIdle {
			s = wadmapi.NewStatus(wadmapi.StatusDeployed, "")
		}
		s.Version = e.Data.Version
		p.of[key] = s
	}
}

// flatLine is a recorded event of 0.3.0, or one of ours like it.
type flatLine struct {
	Type string           `json:"type"`
	Data wadmapi.FlatData `json:"data"`
}

// stage is a service of generation 0.3 whose flat events and statuses the test sees.
type stage struct {
	*bench
	redis  *redis.Client // nil: the store is in memory
	list   string        // the last one that is recorded
	status *played
	mu     sync.Mutex
	flat   []string
}

func newStage(t *testing.T, onRedis bool) *stage {
	s := &stage{status: &played{of: map[string]wadmapi.Status{}}}
	var kept *redisstore.Store
	if onRedis {
		kept = s.onRedis(t)
	}
	s.bench = newBench(t, func(o *Options) {
		if kept != nil {
			o.Models, o.Wishes = kept, kept
		}
		o.Generation, o.Status = wadmapi.Generation03, s.status
		o.Flat = func(e wadmapi.FlatEvent) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.flat = append(s.flat, flatText(wadmapi.FlatTypePrefix+e.Name, e.Data))
		}
	})
	return s
}

func (s *stage) onRedis(t *testing.T) *redisstore.Store {
	srv := redistest.Start(t)
	kept, err := redisstore.Open(t.Context(), srv.URL(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kept.Close)
	s.redis = redis.NewClient(&redis.Options{Network: srv.Network, Addr: srv.Addr})
	t.Cleanup(func() { _ = s.redis.Close() })
	return kept
}

// spoil does to Redis what was done to it before the step of that name was recorded.
func (s *stage) spoil(mark string) {
	s.t.Helper()
	const set, ghost = "wadm:default:models", "wadm:default:ghost:versions"
	var err error
	switch ctx := s.t.Context(); mark {
	case "list with a ghost":
		err = s.redis.SAdd(ctx, set, "ghost").Err()
	case "list with a ghost that has a version":
		err = s.redis.ZAdd(ctx, ghost, redis.Z{Member: "1.0", Score: 1660000000000}).Err()
	case "list with a broken entry":
		err = s.redis.Set(ctx, ghost+":1.0", "no term", 0).Err()
	case "put over a listed version without content":
		err = s.redis.Del(ctx, ghost+":1.0").Err()
	case "put where the key has another type":
		err = s.redis.Set(ctx, "wadm:default:wrong:versions", "a text", 0).Err()
	case "list where the key has another type":
		err = s.redis.Set(ctx, "wadm:typed:models", "a text", 0).Err()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func flatText(kind string, d wadmapi.FlatData) string {
	return fmt.Sprintf("%s %s %s %q", strings.TrimPrefix(kind, wadmapi.FlatTypePrefix), d.Lattice, d.Name, d.Version)
}

// told are the flat events since the last time.
func (s *stage) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.flat
	s.flat = nil
	return out
}

// send carries one recorded request out. One without a reply subject is waited for by a question that takes its turn behind it.
func (s *stage) send(line recorded) string {
	s.t.Helper()
	if line.Reply != "" {
		return s.ask(line.Subject, line.body())
	}
	if err := s.nc.Publish(line.Subject, []byte(line.body())); err != nil {
		s.t.Fatal(err)
	}
	s.model("get.silent", `{"version":"0"}`)
	return ""
}

var createdAt = regexp.MustCompile(`"created":"[-0-9]+T[:.0-9]+Z"`)

// masked03 hides times, and puts a list into an order: 0.3.0's had none.
func masked03(reply string) string {
	reply = createdAt.ReplaceAllString(reply, `"created":"<time>"`)
	return eachListed(reply, func(map[string]any) bool { return true })
}

// eachListed rewrites the entries of a list, sorted by name, and drops those for which keep is false.
func eachListed(reply string, keep func(entry map[string]any) bool) string {
	var list struct {
		Data   []map[string]any `json:"data"`
		Result wadmapi.Result   `json:"result"`
	}
	if !strings.Contains(reply, `"deployment_status"`) || json.Unmarshal([]byte(reply), &list) != nil {
		return reply
	}
	list.Data = slices.DeleteFunc(list.Data, func(e map[string]any) bool { return !keep(e) })
	slices.SortFunc(list.Data, func(a, b map[string]any) int { return cmp.Compare(fmt.Sprint(a["name"]), fmt.Sprint(b["name"])) })
	out, _ := wadmapi.Encode(list)
	return string(out)
}

// listed is a recorded list without what follows from other differences: what was not stored here is not listed. It notes the rows that it used.
func listed(reply string, used map[string]bool) string {
	return eachListed(reply, func(e map[string]any) bool {
		name := fmt.Sprint(e["name"])
		row, refused := notStored03[name]
		if n, ok := e["description"].(float64); ok {
			row, e["description"] = "description-number", fmt.Sprint(n)
		}
		if row != "" {
			used[row] = true
		}
		return !refused
	})
}

// recordedReply is the reply to a request and the events about models in between.
func recordedReply(rest []recorded, n int) (reply string, events []flatLine) {
	for _, r := range rest {
		switch {
		case r.Re == n:
			return string(r.Payload), events
		case r.Subject == wadmapi.EventPrefix:
			var e flatLine
			if json.Unmarshal(r.Payload, &e) == nil && strings.Contains(e.Type, ".model_") {
				events = append(events, e)
			}
		case strings.HasPrefix(r.Subject, "wadm.api."):
			return "", events
		}
	}
	return "", events
}

// TestRepliesEqualThoseOf030 sends every recorded request in its order and compares reply and events, byte for byte after masking. What differs stands
// in the table of golden differences, under the id of a row of docs/differences-0.3.md, and nowhere else.
// O13: mistakes that 0.3.0 glues together are answered as it did.
func TestRepliesEqualThoseOf030(t *testing.T) {
	for _, store := range []struct {
		name  string
		redis bool
	}{{"memory", false}, {"redis", true}} {
		t.Run(store.name, func(t *testing.T) {
			unused := map[string]bool{}
			for at := range golden03 {
				unused[at] = true
			}
			for at := range golden03Redis {
				unused[at] = store.redis
			}
			for _, file := range []string{"otp_api", "otp_misc", "otp_api_non_ascii_subject"} {
				newStage(t, store.redis).play(file, unused)
			}
			for at, is := range unused {
				if is {
					t.Errorf("no request %s", at)
				}
			}
		})
	}
}

// play sends what one file holds.
func (s *stage) play(file string, unused map[string]bool) {
	s.t.Helper()
	mark := ""
	lines := load(s.t, file)
	for i, line := range lines {
		switch {
		case line.Mark != "":
			if mark = line.Mark; s.redis != nil {
				s.spoil(mark)
			}
		case line.Subject == wadmapi.EventPrefix:
			var e flatLine
			if err := json.Unmarshal(line.Payload, &e); err != nil {
				s.t.Fatal(err)
			}
			s.status.hear(e)
		}
		at := fmt.Sprintf("%s:%d", strings.TrimPrefix(file, "otp_"), line.N)
		if _, needs := golden03Redis[at]; !strings.HasPrefix(line.Subject, "wadm.api.") || needs && s.redis == nil {
			continue
		}
		want, events := recordedReply(lines[i+1:], line.N)
		got := masked03(s.send(line))
		s.compare(at, mark, listed(masked03(want), map[string]bool{}), got, events)
		s.undo(lines, golden03[at].undo)
		delete(unused, at)
	}
}

// compare judges one reply and the events before it.
func (s *stage) compare(at, mark, want, got string, events []flatLine) {
	s.t.Helper()
	wantEvents := make([]string, 0, len(events))
	for _, e := range events {
		wantEvents = append(wantEvents, flatText(e.Type, e.Data))
	}
	gotEvents := append([]string{}, s.told()...)
	if strings.Contains(want, `"deployment_status"`) {
		s.list = want
	}
	d, differs := golden03[at]
	if s.redis != nil {
		if own, ok := golden03Redis[at]; ok {
			d, differs = own, own.row != ""
		}
	}
	switch {
	case !differs:
		if want == "" && !strings.HasPrefix(mark, "a request without a reply") {
			s.t.Errorf("%s (%s): 0.3.0 gave no answer, and the table does not say ours: %s", at, mark, got)
		} else if diff := gocmp.Diff(want, got); diff != "" {
			s.t.Errorf("%s (%s): the reply differs (-0.3.0 +ours):\n%s\n%s", at, mark, diff, got)
		}
		if diff := gocmp.Diff(wantEvents, gotEvents); diff != "" {
			s.t.Errorf("%s (%s): the events differ (-0.3.0 +ours):\n%s", at, mark, diff)
		}
		return
	case d.change != nil:
		if want == "" {
			want = s.list
		}
		if changed := d.change(want); changed == want {
			s.t.Errorf("%s (%s): %s changes nothing", at, mark, d.row)
		} else if diff := gocmp.Diff(changed, got); diff != "" {
			s.t.Errorf("%s (%s): the reply differs (-0.3.0 after %s, +ours):\n%s", at, mark, d.row, diff)
		}
	default:
		if diff := gocmp.Diff(d.ours, got); diff != "" {
			s.t.Errorf("%s (%s): the reply differs from the table's (-table +ours):\n%s\n%s", at, mark, diff, got)
		}
		if d.ours == want && gocmp.Equal(wantEvents, gotEvents) {
			s.t.Errorf("%s (%s): nothing differs any more, take %s out", at, mark, d.row)
		}
	}
}

// undo goes back to where the recording is. A body "@7" is that of the recorded request 7.
func (s *stage) undo(lines []recorded, requests [][2]string) {
	s.t.Helper()
	for _, r := range requests {
		for _, line := range lines {
			if r[1] == fmt.Sprintf("@%d", line.N) {
				r[1] = line.body()
			}
		}
		if got := s.model(r[0], r[1]); !strings.Contains(got, `"success"`) {
			s.t.Errorf("going back by %s is answered %s", r[0], got)
		}
	}
	s.told()
}

// rows03 are the rows of the page, by id: who shows each.
func rows03(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/differences-0.3.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| `") || len(cells) < 2 {
			continue
		}
		id := strings.Trim(cells[0], "`")
		if _, twice := rows[id]; twice {
			t.Errorf("the page has %s twice", id)
		}
		rows[id] = cells[len(cells)-1]
	}
	return rows
}

var testName = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

// Every difference is explained to people, and every explanation is still true: a row that names the golden test is used by its table, one that names
// another test names one that exists.
func TestThePageOfDifferencesIsTrue(t *testing.T) {
	rows := rows03(t)
	used := map[string]bool{}
	for _, d := range goldenRest {
		used[d.row] = true
	}
	for _, table := range []map[string]golden{golden03, golden03Redis} {
		for at, d := range table {
			used[d.row] = true
			if _, ok := rows[d.row]; !ok && d.row != "" {
				t.Errorf("%s: the page has no row %s", at, d.row)
			}
		}
	}
	for _, file := range []string{"otp_api", "otp_misc"} {
		for _, line := range load(t, file) {
			listed(string(line.Payload), used)
		}
	}
	tests := allTests(t)
	for id, shown := range rows {
		names := testName.FindAllStringSubmatch(shown, -1)
		if len(names) == 0 {
			t.Errorf("%s: no test shows it", id)
		}
		for _, name := range names {
			if !tests[name[1]] {
				t.Errorf("%s: there is no %s", id, name[1])
			}
			if (name[1] == "TestRepliesEqualThoseOf030" || name[1] == "TestRepliesBesideHostsEqualThoseOf030") && !used[id] {
				t.Errorf("%s: the golden test does not show it", id)
			}
		}
	}
}

// allTests are the names of all tests of the project.
func allTests(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	out := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			out[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// 0.3.0 left 35 requests of the recording without an answer. Each is answered here.
func TestEveryRequestIsAnswered(t *testing.T) {
	lines := load(t, "otp_api")
	silent := 0
	for i, line := range lines {
		if !strings.HasPrefix(line.Subject, "wadm.api.") || line.Reply == "" {
			continue
		}
		if want, _ := recordedReply(lines[i+1:], line.N); want != "" {
			continue
		}
		silent++
		at := fmt.Sprintf("api:%d", line.N)
		d, ok := golden03[at]
		if onRedis, also := golden03Redis[at]; also {
			d, ok = onRedis, true
		}
		switch {
		case !ok:
			t.Errorf("%s %s: what we answer is not in the table", at, line.Subject)
		case d.ours == "" && d.change == nil:
			t.Errorf("%s: the table has no answer", at)
		}
	}
	if silent != 35 {
		t.Errorf("%d requests of the recording have no answer", silent)
	}
}
