package redisstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
)

// dump is what 0.3.0 had stored at one moment.
type dump struct {
	redistest.Step
	file string
}

func dumps(t *testing.T) []dump {
	t.Helper()
	files, err := filepath.Glob("testdata/recorded/*.redis.json")
	if err != nil || len(files) < 4 {
		t.Fatalf("finding the recordings: %d files, %v", len(files), err)
	}
	var all []dump
	for _, f := range files {
		for _, step := range redistest.Recording(t, f) {
			all = append(all, dump{step, filepath.Base(f)})
		}
	}
	return all
}

// stored is a dump as its keys say, by the independent reader: lattice, name, versions in order, put times and texts.
func stored(t *testing.T, d dump) map[string]map[string][]store.Version {
	t.Helper()
	byKey := map[string]redistest.Key{}
	for _, k := range d.Keys {
		byKey[k.Key] = k
	}
	all := map[string]map[string][]store.Version{}
	for _, k := range d.Keys {
		if k.Type != "set" {
			continue
		}
		lattice := strings.TrimSuffix(strings.TrimPrefix(k.Key, "wadm:"), ":models")
		all[lattice] = map[string][]store.Version{}
		for _, name := range k.Members {
			versions := []store.Version{}
			members := byKey["wadm:"+lattice+":"+name+":versions"].Members
			for i := 0; i < len(members); i += 2 {
				ms, err := strconv.ParseInt(members[i+1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				v := store.Version{Version: members[i], Created: time.UnixMilli(ms).UTC()}
				if raw, err := readErlang(byKey["wadm:"+lattice+":"+name+":versions:"+members[i]].Bytes(t)); err == nil {
					v.Raw = []byte(raw.(map[string]any)[":raw"].(string))
				} else {
					v.Created = time.Time{} // broken: nothing is said of it
				}
				versions = append(versions, v)
			}
			all[lattice][name] = versions
		}
	}
	return all
}

// withoutManifests leaves the manifests to other tests; they must be there.
func withoutManifests(t *testing.T, m store.Model) []store.Version {
	t.Helper()
	out := []store.Version{}
	for _, v := range m.Versions {
		if !json.Valid(v.Manifest) {
			t.Errorf("version %q of app %q has the manifest %q", v.Version, m.Name, v.Manifest)
		}
		if v.Raw == nil {
			v.Created = time.Time{}
		}
		v.Manifest = nil
		out = append(out, v)
	}
	return out
}

func TestADumpOf03IsTakenOverInPlace(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	models := 0
	for _, d := range dumps(t) {
		t.Run(d.file+" "+d.Step.Step, func(t *testing.T) {
			srv.Load(d.Step)
			before := snapshotOfKeys(t, c)
			s := process(t, srv.URL(), Options{})
			want := stored(t, d)
			lattices := must[[]string](t)(s.Lattices(t.Context()))
			if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), lattices); diff != "" && len(lattices)+len(want) > 0 {
				t.Fatalf("lattices (-stored +found):\n%s", diff)
			}
			for _, lattice := range lattices {
				all := must[[]store.Model](t)(s.Models(t.Context(), lattice))
				names := []string{}
				for _, m := range all {
					models++
					names = append(names, m.Name)
					if m.Versions == nil {
						continue // not one version can be read
					}
					if diff := cmp.Diff(want[lattice][m.Name], withoutManifests(t, m)); diff != "" {
						t.Errorf("%s/%s listed (-stored +found):\n%s", lattice, m.Name, diff)
					}
					one, rev, err := s.Model(t.Context(), lattice, m.Name)
					if err != nil || rev == 0 {
						t.Fatalf("getting %q: revision %d, %v", m.Name, rev, err)
					}
					if diff := cmp.Diff(m, one); diff != "" {
						t.Errorf("%s/%s (-listed +got):\n%s", lattice, m.Name, diff)
					}
				}
				if diff := cmp.Diff(slices.Sorted(maps.Keys(want[lattice])), names); diff != "" {
					t.Errorf("names in %s (-stored +listed):\n%s", lattice, diff)
				}
			}
			if diff := cmp.Diff(before, snapshotOfKeys(t, c)); diff != "" {
				t.Errorf("reading changed the keys of 0.3.0 (-before +after):\n%s", diff)
			}
		})
	}
	if models < 100 {
		t.Errorf("only %d models were in the dumps", models)
	}
}

// snapshotOfKeys is all keys of 0.3.0 with their bytes.
func snapshotOfKeys(t *testing.T, c *redis.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, k := range must[[]string](t)(c.Keys(t.Context(), "wadm:*").Result()) {
		switch must[string](t)(c.Type(t.Context(), k).Result()) {
		case "set":
			members := must[[]string](t)(c.SMembers(t.Context(), k).Result())
			slices.Sort(members)
			all[k] = strings.Join(members, "\n")
		case "zset":
			all[k] = fmt.Sprint(must[[]redis.Z](t)(c.ZRangeWithScores(t.Context(), k, 0, -1).Result()))
		default:
			all[k] = must[string](t)(c.Get(t.Context(), k).Result())
		}
	}
	return all
}

// otherwise are the recorded models whose text we do not take as 0.3.0 did, by name, with the reason. What it stored stays as it is.
var otherwise = map[string]string{
	"replicasstring": "a count is a number",
	"replicasneg":    "a count is not negative",
	"descnum":        "a description is text",
}

func TestWhatIsWrittenIsTheTermThat03WroteItself(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	s := process(t, srv.URL(), Options{})
	ctx := t.Context()
	seen := map[string]bool{}
	same := 0
	for _, d := range dumps(t) {
		for _, k := range d.Keys {
			if k.Decoded == nil || seen[k.Term] {
				continue
			}
			seen[k.Term] = true
			recorded := fromJSON(k.Decoded)
			vetted := recorded.(map[string]any)[":vetted"].(map[string]any)
			name, version, raw := vetted[":name"].(string), vetted[":version"].(string), recorded.(map[string]any)[":raw"].(string)
			if !fresh(name) {
				continue
			}
			// As the API puts it: the text and the manifest that it was read as.
			doc, problems := oam.Decode03([]byte(raw))
			if otherwise[name] != "" {
				if !problems.HasErrors() && oam.Vet(doc.Manifest).Description == vetted[":description"] {
					t.Errorf("%s is taken as 0.3.0 did", name)
				}
				continue
			}
			if problems.HasErrors() {
				t.Fatalf("%s: %v", name, problems)
			}
			m := store.Model{Name: name, Versions: []store.Version{{Version: version, Manifest: oam.Canonical(doc.Manifest), Raw: []byte(raw)}}}
			lattice := fmt.Sprintf("l%d", len(seen))
			if _, err := s.PutModel(ctx, lattice, m, 0); err != nil {
				t.Fatal(err)
			}
			written := must[string](t)(c.Get(ctx, versionPrefix(lattice, name)+version).Result())
			got, err := readErlang([]byte(written))
			if err != nil {
				t.Fatalf("%s: the independent reader says: %v", name, err)
			}
			if diff := cmp.Diff(recorded, got); diff != "" {
				t.Errorf("%s (-0.3.0 +ours):\n%s", name, diff)
			}
			if !bytes.Equal(k.Bytes(t), []byte(written)) {
				t.Errorf("%s: the bytes differ:\n%q\n%q", name, k.Bytes(t), written)
			}
			same++
		}
	}
	if same < 15 {
		t.Errorf("only %d terms were compared", same)
	}
}

func TestANewVersionOfATakenOverModelLeavesTheOthersAsTheyAre(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	ctx := t.Context()
	for _, d := range dumps(t) {
		t.Run(d.file+" "+d.Step.Step, func(t *testing.T) {
			srv.Load(d.Step)
			s := process(t, srv.URL(), Options{})
			for lattice, names := range stored(t, d) {
				for name := range names {
					before := snapshotOfKeys(t, c)
					m, rev, err := s.Model(ctx, lattice, name)
					if err != nil {
						continue // unreadable: another test
					}
					m.Versions = append(m.Versions, store.Version{Version: "next", Manifest: manifest(name, "next"), Raw: []byte("as put"), Created: time.Now()})
					m.Deployed = "next"
					if _, err := s.PutModel(ctx, lattice, m, rev); err != nil {
						t.Fatal(err)
					}
					after := snapshotOfKeys(t, c)
					written, err := readErlang([]byte(after[versionPrefix(lattice, name)+"next"]))
					if err != nil {
						t.Fatal(err)
					}
					if tag := written.(map[string]any)[":vetted"].(map[string]any)[":__struct__"]; !cmp.Equal(tag, map[string]any{"$atom": "Elixir.Wadm.Model.AppSpec"}) {
						t.Errorf("the vetted of the new version of %q is a %v", name, tag)
					}
					delete(after, versionPrefix(lattice, name)+"next")
					delete(after, versionsKey(lattice, name))
					delete(before, versionsKey(lattice, name))
					if diff := cmp.Diff(before, after); diff != "" {
						t.Errorf("putting a version of %q changed other keys (-before +after):\n%s", name, diff)
					}
					// Newest first, as 0.3.0 asks for them.
					newest := must[[]string](t)(c.ZRange(ctx, versionsKey(lattice, name), -1, -1).Result())
					if newest[0] != "next" {
						t.Errorf("the newest version of %q is %q for 0.3.0", name, newest[0])
					}
				}
			}
		})
	}
}

// manifest is one that both forms can say.
func manifest(app, version string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"annotations":{"version":%q}},"spec":{"components":[]}}`, app, version))
}
