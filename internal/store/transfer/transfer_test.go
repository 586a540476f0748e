package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/store"
)

// model writes a model as "name deployed: version=image version=image"; a version that ends with ! cannot be read.
func model(text string) store.Model {
	head, list, _ := strings.Cut(text, ":")
	name, deployed, _ := strings.Cut(head, " ")
	m := store.Model{Name: name, Deployed: deployed}
	for _, v := range strings.Fields(list) {
		version, image, _ := strings.Cut(v, "=")
		at := time.UnixMilli(int64(1000 + len(m.Versions))).UTC()
		manifest := fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"annotations":{"version":%q}},`+
			`"spec":{"components":[{"name":"a","type":"component","properties":{"image":%q}}]}}`, name, version, image)
		out := store.Version{Version: version, Manifest: json.RawMessage(manifest), Created: at, Raw: []byte("# " + image)}
		if image == "!" {
			out = store.Version{Version: version, Manifest: json.RawMessage(`{}`), Broken: "byte 3 of the term"}
		}
		m.Versions = append(m.Versions, out)
	}
	return m
}

func shown(models []store.Model) string {
	var all []string
	for _, m := range models {
		text := m.Name
		if m.Deployed != "" {
			text += " " + m.Deployed
		}
		text += ":"
		for _, v := range m.Versions {
			text += " " + v.Version + "=" + strings.TrimPrefix(string(v.Raw), "# ")
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func filled(t *testing.T, models ...string) *memstore.Store {
	t.Helper()
	s := memstore.New()
	for _, text := range models {
		if _, err := s.PutModel(t.Context(), "default", model(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestCopy(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		want           Item
		left           string // what is there afterwards
	}{
		{"nothing is there", "shop 2: 1=a 2=b", "", Item{Outcome: Copied, Versions: 2}, "shop 2: 1=a 2=b"},
		{"the same is there", "shop 2: 1=a 2=b", "shop 2: 1=a 2=b", Item{Outcome: Same}, "shop 2: 1=a 2=b"},
		{"a version between is missing", "shop 3: 1=a 2=b 3=c", "shop 3: 1=a 3=c", Item{Outcome: Completed, Versions: 1}, "shop 3: 1=a 2=b 3=c"},
		{"there are others beside them", "shop: 1=a 2=b", "shop 9: 9=z 1=a", Item{Outcome: Completed, Versions: 1}, "shop 9: 9=z 1=a 2=b"},
		{"only what is deployed is missing", "shop 1: 1=a", "shop: 1=a", Item{Outcome: Completed}, "shop 1: 1=a"},
		{"another version of that name", "shop: 1=a 2=b", "shop: 2=other", Item{Outcome: Conflict, Why: `version "2" is another one there`}, "shop: 2=other"},
		{"another one is deployed", "shop 1: 1=a 2=b", "shop 2: 1=a 2=b", Item{Outcome: Conflict, Why: `version "2" is deployed there, and "1" here`}, "shop 2: 1=a 2=b"},
		{"one version cannot be read", "shop 1: 1=! 2=b", "", Item{Outcome: Unreadable, Versions: 1, Why: `version "1" cannot be read here: byte 3 of the term`}, "shop: 2=b"},
		{"no version can be read", "shop: 1=!", "", Item{Outcome: Unreadable, Why: `version "1" cannot be read here: byte 3 of the term`}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			from, to := filled(t, c.from), filled(t)
			if c.to != "" {
				to = filled(t, c.to)
			}
			before, err := to.Models(ctx, "default")
			if err != nil {
				t.Fatal(err)
			}
			c.want.Lattice, c.want.Name = "default", "shop"
			run := func(dry bool) Item {
				items, err := Copy(ctx, from, to, Options{DryRun: dry})
				if err != nil || len(items) != 1 {
					t.Fatalf("items %v, %v", items, err)
				}
				return items[0]
			}
			if diff := cmp.Diff(c.want, run(true)); diff != "" {
				t.Errorf("a dry run (-want +got):\n%s", diff)
			}
			after, err := to.Models(ctx, "default")
			if err != nil || !cmp.Equal(before, after) {
				t.Errorf("a dry run has written: %s, %v", shown(after), err)
			}
			if diff := cmp.Diff(c.want, run(false)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if after, err = to.Models(ctx, "default"); err != nil || shown(after) != c.left {
				t.Errorf("afterwards %q is there, %v; want %q", shown(after), err, c.left)
			}
			again := run(false)
			if c.want.Left() && again.Outcome != c.want.Outcome || !c.want.Left() && again.Outcome != Same || again.Versions != 0 {
				t.Errorf("once more: %+v", again)
			}
		})
	}
}

// racing writes between the read and the write of a copy.
type racing struct {
	*memstore.Store
	times int
}

func (r *racing) PutModel(ctx context.Context, lattice string, m store.Model, expect store.Revision) (store.Revision, error) {
	if r.times > 0 {
		r.times--
		other, rev, err := r.Model(ctx, lattice, m.Name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return 0, err
		}
		other.Name = m.Name
		other.Versions = append(other.Versions, model(fmt.Sprintf("shop: r%d=r", r.times)).Versions...)
		if _, err := r.Store.PutModel(ctx, lattice, other, rev); err != nil {
			return 0, err
		}
	}
	return r.Store.PutModel(ctx, lattice, m, expect)
}

func TestWhoWritesThereMeanwhileLosesNothing(t *testing.T) {
	from, to := filled(t, "shop: 1=a 2=b"), &racing{Store: memstore.New(), times: 2}
	items, err := Copy(t.Context(), from, to, Options{})
	if err != nil || items[0].Outcome != Completed {
		t.Fatalf("items %v, %v", items, err)
	}
	after, err := to.Models(t.Context(), "default")
	if err != nil || shown(after) != "shop: r1=r r0=r 1=a 2=b" {
		t.Errorf("afterwards %q is there, %v", shown(after), err)
	}
}

func TestLatticesAreChosenAndTold(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	for _, lattice := range []string{"a", "b", "c"} {
		if _, err := from.PutModel(t.Context(), lattice, model("shop: 1=a"), 0); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	items, err := Copy(t.Context(), from, to, Options{Lattices: []string{"c", "a"}, Tell: func(i Item) { told = append(told, i.Lattice) }})
	if err != nil || len(items) != 2 || strings.Join(told, "") != "ca" {
		t.Fatalf("items %v, told %v, %v", items, told, err)
	}
	all, err := to.Lattices(t.Context())
	if err != nil || strings.Join(all, "") != "ac" {
		t.Errorf("lattices there: %v, %v", all, err)
	}
}
