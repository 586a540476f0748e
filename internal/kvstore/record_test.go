package kvstore

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/store"
)

type recorded struct {
	Bucket  string            `json:"bucket"`
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Value   json.RawMessage   `json:"value"`
}

// load reads a recording of the bucket of wadm 0.21.1.
func load(t testing.TB, file string) []recorded {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []recorded
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var r recorded
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, r)
	}
	return lines
}

// replay fills a bucket with a recording.
func replay(t *testing.T, nc *nats.Conn, kv jetstream.KeyValue, lines []recorded) {
	t.Helper()
	for _, r := range lines {
		if r.Value != nil {
			overwrite(t, kv, r.Key, string(r.Value))
			continue
		}
		if err := kv.Purge(t.Context(), r.Key); err != nil {
			t.Fatal(err)
		}
	}
}

func TestABucketOfTheOlderProgramIsTakenOver(t *testing.T) {
	for _, c := range []struct {
		file string
		want []string // name: versions in order (* = deployed)
	}{
		{"kv_manifests_api.jsonl", []string{
			"daemon: v1.0.0*", "daemon2: v1.0.0", "hello: v0.0.1 v0.0.2*", "json: 1 2 3 1.0 3.10 v3 Latest ", "shared-lib: v1.0.0*",
			"shared-user: v1.0.0*", "unversioned: 01M832HRPE5JCPFW6DSQG680CP 01M832HRTMST2ZZKYXSDG0J080",
		}},
		{"kv_manifests_empty.jsonl", nil},
		{"kv_up_v4.jsonl", []string{"up: v1 v2 v3 v4*"}},
		{"kv_hello_undeployed.jsonl", []string{"hello: v0.0.1 v0.0.2 v0.0.3 v0.0.4"}},
		{"kv_spread.jsonl", []string{"spread: v1.0.0*"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, nc := process(t, natstest.InProcess(t), Options{})
				kv, lines := raw(t, nc, "wadm_manifests"), load(t, c.file)
				replay(t, nc, kv, lines)
				models, err := s.Models(t.Context(), "default")
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, m := range models {
					got = append(got, describe(m))
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Fatalf("models (-want +got):\n%s", diff)
				}
				rewriteAll(t, s, kv, lines)
			})
		})
	}
}

func describe(m store.Model) string {
	var vs []string
	for _, v := range m.Versions {
		if v.Version == m.Deployed && m.Deployed != "" {
			v.Version += "*"
		}
		vs = append(vs, v.Version)
	}
	return m.Name + ": " + strings.Join(vs, " ")
}

// rewriteAll reads and writes every record unchanged and wants the very bytes back.
func rewriteAll(t *testing.T, s *Store, kv jetstream.KeyValue, lines []recorded) {
	t.Helper()
	for _, r := range lines {
		if r.Value == nil || r.Value[0] == '[' {
			continue
		}
		name := strings.TrimPrefix(r.Key, "default-")
		m, rev, err := s.Model(t.Context(), "default", name)
		if err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, "default", m, rev)
		e, err := kv.Get(t.Context(), r.Key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(r.Value), string(e.Value())); diff != "" {
			t.Errorf("%s after a rewrite (-want +got):\n%s", name, diff)
		}
	}
	for _, r := range lines {
		if r.Value != nil && r.Value[0] == '[' {
			e, err := kv.Get(t.Context(), r.Key)
			if err != nil || string(e.Value()) != string(r.Value) {
				t.Errorf("the set of names is %s (%v), want %s", e.Value(), err, r.Value)
			}
		}
	}
}

func TestWhatWeWriteIsWhatTheOlderProgramWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, nc := process(t, natstest.InProcess(t), Options{})
		kv := raw(t, nc, "wadm_manifests")
		rev := mustPut(t, s, "default", app("shop", "v2", "v1"), 0)
		m := app("shop", "v2", "v1", "<&>")
		m.Deployed = "v1"
		m.Unknown = map[string]json.RawMessage{"later": json.RawMessage(`[1, 2]`)}
		mustPut(t, s, "default", m, rev)
		mustPut(t, s, "default", app("ape", "1"), 0)
		for key, want := range map[string]string{
			"default": `["ape","shop"]`,
			"default-shop": `{"manifests":{"v2":{"metadata":{"name":"shop"}},"v1":{"metadata":{"name":"shop"}},"<&>":{"metadata":{"name":"shop"}}},` +
				`"deployed_version":"v1","later":[1, 2]}`,
			"default-ape": `{"manifests":{"1":{"metadata":{"name":"ape"}}},"deployed_version":null}`,
		} {
			e, err := kv.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(e.Value())); diff != "" {
				t.Errorf("%s (-want +got):\n%s", key, diff)
			}
		}
		_, rev, err := s.Model(t.Context(), "default", "ape")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteModel(t.Context(), "default", "ape", rev); err != nil {
			t.Fatal(err)
		}
		history, err := kv.History(t.Context(), "default-ape")
		if err != nil || len(history) != 1 || history[0].Operation() != jetstream.KeyValuePurge {
			t.Errorf("a deleted record leaves %v (%v), want a purge marker", history, err)
		}
	})
}

func TestKeysThatStandForTwoThings(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second [2]string // lattice, app
		want          string
	}{
		{
			"a record where the list of another lattice would be", [2]string{"a", "b"}, [2]string{"a-b", "x"},
			`saving app "x": the key "a-b", for the list of names of lattice "a-b", holds app "b" of lattice "a"`,
		},
		{
			"the list of another lattice where a record would be", [2]string{"a-b", "x"}, [2]string{"a", "b"},
			`saving app "b": the key "a-b" holds the list of names of lattice "a-b": use another name`,
		},
		{
			"a record of another lattice", [2]string{"a-b", "c"}, [2]string{"a", "b-c"},
			`saving app "b-c": the key "a-b-c" holds app "c" of lattice "a-b": use another name`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := process(t, natstest.InProcess(t), Options{})
				mustPut(t, s, c.first[0], app(c.first[1], "v1"), 0)
				_, _, err := s.Model(t.Context(), c.second[0], c.second[1])
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("reading the other one: %v, want not found", err)
				}
				_, err = s.PutModel(t.Context(), c.second[0], app(c.second[1], "v1"), 0)
				if err == nil || err.Error() != c.want || errors.Is(err, store.ErrConflict) {
					t.Errorf("got  %v\nwant %s", err, c.want)
				}
				if got := names(t, s, c.first[0]); got != c.first[1] {
					t.Errorf("the first lattice lists %q", got)
				}
				if got := names(t, s, c.second[0]); got != "" {
					t.Errorf("the second lattice lists %q", got)
				}
			})
		})
	}
}

func TestNamesThatNoKeyCanHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := process(t, natstest.InProcess(t), Options{})
		for _, name := range []string{"", "a.b", "*", ">", "ä", "a b", "a/b", strings.Repeat("x", 256)} {
			if _, err := s.PutModel(t.Context(), "default", app(name, "v1"), 0); err == nil {
				t.Errorf("stored an app named %q", name)
			}
			if _, _, err := s.Model(t.Context(), name, "shop"); err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("read from a lattice named %q: %v", name, err)
			}
			if _, err := s.PutLease(t.Context(), name, store.Lease{}, 0); err == nil {
				t.Errorf("took the lease of a lattice named %q", name)
			}
		}
		if _, err := s.PutModel(t.Context(), "default", app("Az-09_"+strings.Repeat("x", 249), "v1"), 0); err != nil {
			t.Error(err)
		}
	})
}

func TestRecordsThatCannotBeRead(t *testing.T) {
	for _, data := range []string{
		``, ` `, `null`, `7`, `"x"`, `{`, `{}`, `{"manifests":null}`, `{"manifests":[]}`, `{"manifests":{}}`, `{"manifests":{"v1":{}}}`,
		`{"manifests":{"v1":{"metadata":{"name":"other"}}}}`, `{"manifests":{"v1":{"metadata":{"name":"shop"}}},"deployed_version":7}`,
		`{"manifests":{"v1":{"metadata":{"name":"shop"}}}}x`, `{"manifests":{"v1":{"metadata":{"name":"default-shop"}}}}`,
		strings.Repeat(`{"a":`, 100_000),
	} {
		if h := readHeld("default-shop", []byte(data)); !h.bad {
			t.Errorf("%.60q is read as %+v", data, h)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, file := range []string{"kv_manifests_api.jsonl", "kv_up_v4.jsonl"} {
		for _, r := range load(f, file) {
			f.Add(r.Key, []byte(r.Value))
		}
	}
	f.Add("default-shop", []byte(`{"manifests":{"v1":{"metadata":{"name":"shop"}},"v1":{"metadata":{"name":"shop"},"b":1}},"x":1,"deployed_version":"v1"}`))
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		h := readHeld(key, data)
		if h.bad || h.isSet {
			return
		}
		out, err := encodeRecord(h.model)
		if err != nil {
			t.Fatalf("%q is read but not written: %v", data, err)
		}
		again := readHeld(key, out)
		if diff := cmp.Diff(h.model, again.model); diff != "" || again.lattice != h.lattice {
			t.Fatalf("%q changes by being written (-want +got):\n%s", data, diff)
		}
	})
}

// entry is a key-value entry as a watch would send it.
type entry struct {
	jetstream.KeyValueEntry
	key, value string
	rev        uint64
	op         jetstream.KeyValueOp
}

func (e entry) Key() string                     { return e.key }
func (e entry) Value() []byte                   { return []byte(e.value) }
func (e entry) Revision() uint64                { return e.rev }
func (e entry) Operation() jetstream.KeyValueOp { return e.op }

// A copy that followed the changes is the copy that a fresh reader makes, whatever came in which order; save for unreadable records,
// where who saw them before knows more.
func TestFollowingAndLoadingAgree(t *testing.T) {
	record := func(name string) string { return `{"manifests":{"v1":{"metadata":{"name":"` + name + `"}}}}` }
	rapid.Check(t, func(t *rapid.T) {
		followed := newCatalog()
		state := map[string]entry{}
		for i := range rapid.IntRange(1, 30).Draw(t, "changes") {
			key := rapid.SampledFrom([]string{"a", "a-b", "a-b-c", "b"}).Draw(t, "key")
			value := rapid.SampledFrom([]string{"", "[]", `["b"]`, `["b-c","b"]`, record("b"), record("c"), record("b-c")}).Draw(t, "value")
			e := entry{key: key, value: value, rev: uint64(i + 1)}
			if value == "" {
				e.op = jetstream.KeyValuePurge
			}
			if h := readHeld(key, []byte(value)); h.bad && e.op == jetstream.KeyValuePut {
				continue
			}
			followed.apply(e)
			state[key] = e
		}
		loaded := newCatalog()
		var all []jetstream.KeyValueEntry
		for _, e := range state {
			all = append(all, e)
		}
		loaded.load(all)
		if diff := cmp.Diff(contents(loaded), contents(followed)); diff != "" {
			t.Fatalf("followed differs from loaded (-loaded +followed):\n%s", diff)
		}
	})
}

func contents(c *catalog) []string {
	var all []string
	for _, lattice := range c.board.Lattices() {
		for _, e := range c.board.List(lattice) {
			all = append(all, lattice+"/"+describe(e.Record))
		}
	}
	for lattice, names := range c.sets {
		all = append(all, lattice+" lists "+strings.Join(names, " "))
	}
	slices.Sort(all)
	return all
}
