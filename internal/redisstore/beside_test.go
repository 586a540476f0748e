package redisstore

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/redisstore/term"
	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/internal/store"
)

// put03 stores a version as 0.3.0 does: one transaction that knows nothing of us.
func put03(t testing.TB, c *redis.Client, lattice, name, version string, at int64) {
	t.Helper()
	data, err := encodeVersion(name, store.Version{Version: version, Manifest: manifest(name, version), Raw: []byte("# by 0.3.0\n")})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, versionsKey(lattice, name), redis.Z{Member: version, Score: float64(at)})
		p.Set(ctx, versionPrefix(lattice, name)+version, data, 0)
		p.SAdd(ctx, setKey(lattice), name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// delete03 removes the only version of a model as 0.3.0 does.
func delete03(t testing.TB, c *redis.Client, lattice, name, version string) {
	t.Helper()
	ctx := t.Context()
	_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZRem(ctx, versionsKey(lattice, name), version)
		p.Del(ctx, versionPrefix(lattice, name)+version)
		p.SRem(ctx, setKey(lattice), name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func names(all []store.Version) string {
	var vs []string
	for _, v := range all {
		vs = append(vs, v.Version)
	}
	return strings.Join(vs, " ")
}

func TestWhat03WritesBesideUsIsSeen(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	ctx := t.Context()
	s := process(t, srv.URL(), Options{Check: 50 * time.Millisecond})
	m := store.Model{Name: "shop", Deployed: "v1", Versions: []store.Version{{Version: "v1", Manifest: manifest("shop", "v1")}}}
	first, err := s.PutModel(ctx, "default", m, 0)
	if err != nil {
		t.Fatal(err)
	}
	changes := must[<-chan store.Change[store.Model]](t)(s.WatchModels(ctx, "default"))
	if all := snapshot(t, changes); len(all) != 1 || all[0].Revision != first {
		t.Fatalf("the snapshot is %+v", all)
	}

	put03(t, c, "default", "shop", "v2", time.Now().UnixMilli()+5)
	change := next(t, changes)
	if change.Name != "shop" || change.Revision <= first || names(change.Record.Versions) != "v1 v2" || change.Record.Deployed != "v1" {
		t.Fatalf("after a put by 0.3.0 the watch says %+v", change)
	}
	if v := change.Record.Versions[1]; string(v.Raw) != "# by 0.3.0\n" || v.Created.IsZero() {
		t.Errorf("the version of 0.3.0 is %+v", v)
	}
	m.Versions = append(m.Versions, store.Version{Version: "v3", Manifest: manifest("shop", "v3")})
	if _, err := s.PutModel(ctx, "default", m, first); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("a put that would lose the version of 0.3.0 says %v", err)
	}

	put03(t, c, "default", "other", "1", 7)
	if change := next(t, changes); change.Name != "other" || names(change.Record.Versions) != "1" {
		t.Fatalf("after a first put by 0.3.0 the watch says %+v", change)
	}
	// A delete by 0.3.0 left everything running: nobody is told, and the next change is the one after it.
	delete03(t, c, "default", "other", "1")
	if all := must[[]store.Model](t)(s.Models(ctx, "default")); len(all) != 1 {
		t.Fatalf("after a delete by 0.3.0 %+v is listed", all)
	}
	if n := must[int64](t)(c.Exists(ctx, modelKey("default", "other")).Result()); n != 0 {
		t.Error("our record of what 0.3.0 deleted is still there")
	}
	put03(t, c, "default", "third", "1", 8)
	if change := next(t, changes); change.Name != "third" {
		t.Fatalf("after a delete by 0.3.0 the watch says %+v", change)
	}
	if _, _, err := s.Model(ctx, "default", "other"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what 0.3.0 deleted is %v", err)
	}
}

func TestNoPutIsLostWhenTwoOfUsAnd03Write(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	ctx := t.Context()
	const each = 20
	var wg sync.WaitGroup
	errs := make(chan error, 3)
	for w := range 2 {
		s := process(t, srv.URL(), Options{})
		wg.Go(func() {
			for i := range each {
				for {
					m, rev, err := s.Model(ctx, "default", "shop")
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						errs <- err
						return
					}
					v := fmt.Sprintf("w%d.%d", w, i)
					m.Name, m.Versions = "shop", append(m.Versions, store.Version{Version: v, Manifest: manifest("shop", v), Raw: []byte(v)})
					if _, err = s.PutModel(ctx, "default", m, rev); err == nil {
						break
					}
					if !errors.Is(err, store.ErrConflict) {
						errs <- err
						return
					}
				}
			}
		})
	}
	wg.Go(func() {
		for i := range each {
			put03(t, c, "default", "shop", fmt.Sprintf("o.%d", i), time.Now().UnixMilli())
		}
	})
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	m, _, err := process(t, srv.URL(), Options{}).Model(ctx, "default", "shop")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(names(m.Versions))
	var want []string
	for i := range each {
		want = append(want, fmt.Sprintf("w0.%d", i), fmt.Sprintf("w1.%d", i), fmt.Sprintf("o.%d", i))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-put +there):\n%s", diff)
	}
	for _, v := range m.Versions {
		if want := v.Version; !strings.HasPrefix(want, "o.") && string(v.Raw) != want {
			t.Errorf("version %q has the text %q", want, v.Raw)
		}
	}
}

// TestNamesThat03Allowed: what is there is listed, got and deleted whatever its name; something new has a name that a subject can carry.
func TestNamesThat03Allowed(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	ctx := t.Context()
	s := process(t, srv.URL(), Options{})
	all := []string{"größe", "a.b c", "", "x", "x:versions", "100%", "a/b", "versions"}
	for _, name := range all {
		put03(t, c, "default", name, "1", 5)
	}
	put03(t, c, "x:y", "echo", "", 5)
	var listed []string
	for _, m := range must[[]store.Model](t)(s.Models(ctx, "default")) {
		listed = append(listed, m.Name)
		if names(m.Versions) != "1" {
			t.Errorf("%q has the versions %q", m.Name, names(m.Versions))
		}
	}
	want := slices.Sorted(slices.Values(all))
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Fatalf("names (-stored +listed):\n%s", diff)
	}
	if got := must[[]string](t)(s.Lattices(ctx)); !cmp.Equal(got, []string{"default", "x:y"}) {
		t.Errorf("lattices %q", got)
	}
	if m, _, err := s.Model(ctx, "x:y", "echo"); err != nil || len(m.Versions) != 1 || m.Versions[0].Version != "" {
		t.Errorf("the version without a name: %+v, %v", m, err)
	}
	for _, name := range all {
		if name == "" {
			continue // no request can name it, and a model without a name is refused
		}
		m, rev, err := s.Model(ctx, "default", name)
		if err != nil {
			t.Fatalf("getting %q: %v", name, err)
		}
		m.Versions = append(m.Versions, store.Version{Version: "2", Manifest: manifest("n", "2")})
		if rev, err = s.PutModel(ctx, "default", m, rev); err != nil {
			t.Fatalf("adding a version to %q: %v", name, err)
		}
		if err := s.DeleteModel(ctx, "default", name, rev); err != nil {
			t.Fatalf("deleting %q: %v", name, err)
		}
	}
	if got := must[[]store.Model](t)(s.Models(ctx, "default")); len(got) != 1 || got[0].Name != "" {
		t.Errorf("after deleting all but one %+v is left", got)
	}
	for _, at := range [][2]string{{"default", "größe"}, {"default", "a.b c"}, {"x:y", "shop"}, {"default", "x:versions"}} {
		m := store.Model{Name: at[1], Versions: []store.Version{{Version: "1", Manifest: manifest(at[1], "1")}}}
		if _, err := s.PutModel(ctx, at[0], m, 0); err == nil || !strings.Contains(err.Error(), "is not allowed for something new") {
			t.Errorf("creating %q says %v", at, err)
		}
	}
}

func TestOneBadRecordNeverSilencesTheList(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	ctx := t.Context()
	s := process(t, srv.URL(), Options{})
	put := func(name string, spoil func()) {
		put03(t, c, "default", name, "1", 5)
		put03(t, c, "default", name, "2", 6)
		if spoil != nil {
			spoil()
		}
	}
	set := func(key string, value any) { must[string](t)(c.Set(ctx, key, value, 0).Result()) }
	hash := func(key string) {
		must[int64](t)(c.Del(ctx, key).Result())
		must[int64](t)(c.HSet(ctx, key, "a", "b").Result())
	}
	put("good", nil)
	put("broken", func() {
		set("wadm:default:broken:versions:1", "not a term")
		set("wadm:default:broken:versions:2", []byte{131, 80, 1})
	})
	put("half", func() { set("wadm:default:half:versions:1", []byte{131, 116, 0, 0, 0, 9}) })
	put("empty", func() { must[int64](t)(c.Del(ctx, "wadm:default:empty:versions").Result()) })
	put("list", func() {
		must[int64](t)(c.Del(ctx, "wadm:default:list:versions").Result())
		must[int64](t)(c.RPush(ctx, "wadm:default:list:versions", "1").Result())
	})
	put("hash", func() { hash("wadm:default:hash:versions:1"); hash("wadm:default:hash:versions:2") })
	put("missing", func() {
		must[int64](t)(c.Del(ctx, "wadm:default:missing:versions:1", "wadm:default:missing:versions:2").Result())
	})
	put("own", func() { set("wadm-run:model:default:own", "x") })

	got := map[string]string{}
	for _, m := range must[[]store.Model](t)(s.Models(ctx, "default")) {
		got[m.Name] = names(m.Versions)
	}
	want := map[string]string{"good": "1 2", "half": "1 2", "broken": "", "empty": "", "list": "", "hash": "", "missing": "", "own": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the list (-want +got):\n%s", diff)
	}
	for name, says := range map[string][]string{
		"broken":  {`"wadm:default:broken:versions:1"`, "byte 0 of the term", `"wadm:default:broken:versions:2"`, "byte 1 of the term: a compressed term"},
		"empty":   {`"wadm:default:models"`, "no version is stored"},
		"list":    {`"wadm:default:list:versions"`, "is a list"},
		"hash":    {`"wadm:default:hash:versions:1"`, "is a hash"},
		"missing": {`"wadm:default:missing:versions:2"`, "nothing is stored there"},
	} {
		m, rev, err := s.Model(ctx, "default", name)
		if !errors.Is(err, store.ErrUnreadable) || rev == 0 || m.Name != name {
			t.Fatalf("getting %q: %+v at %d, %v", name, m, rev, err)
		}
		for _, word := range says {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("getting %q says %q, without %q", name, err, word)
			}
		}
	}
	if _, _, err := s.Model(ctx, "default", "own"); err == nil || !strings.Contains(err.Error(), "wadm-run:model:default:own") {
		t.Errorf("a record of ours of another kind: %v", err)
	}

	m, rev, err := s.Model(ctx, "default", "half")
	if err != nil {
		t.Fatal(err)
	}
	if bad := string(m.Versions[0].Manifest); !strings.Contains(bad, "cannot be read") || !strings.Contains(bad, "byte 1 of the term: 9 entries") || strings.Contains(bad, "spec") {
		t.Errorf("the broken version is shown as %s", bad)
	}
	m.Deployed = "2"
	rev, err = s.PutModel(ctx, "default", m, rev)
	if err != nil {
		t.Fatal(err)
	}
	if kept := must[string](t)(c.Get(ctx, "wadm:default:half:versions:1").Result()); kept != "\x83\x74\x00\x00\x00\x09" {
		t.Errorf("the broken term became %q", kept)
	}
	m.Versions = m.Versions[1:]
	if _, err = s.PutModel(ctx, "default", m, rev); err != nil {
		t.Fatalf("removing the broken version: %v", err)
	}
	for name := range want {
		if name == "own" {
			continue
		}
		_, rev, _ := s.Model(ctx, "default", name)
		if err := s.DeleteModel(ctx, "default", name, rev); err != nil {
			t.Errorf("deleting %q: %v", name, err)
		}
	}
	if kept := must[string](t)(c.Type(ctx, "wadm:default:list:versions").Result()); kept != "list" {
		t.Errorf("somebody's list is a %s after a delete", kept)
	}
}

func TestKeysThatSomebodyElseUsesAreNamed(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	ctx := t.Context()
	s := process(t, srv.URL(), Options{})
	shop := store.Model{Name: "shop", Versions: []store.Version{{Version: "1", Manifest: manifest("shop", "1")}}}
	for key, do := range map[string]func() error{
		"wadm:default:models": func() error {
			_, err := s.Models(ctx, "default")
			_, putting := s.PutModel(ctx, "default", shop, 0)
			return errors.Join(err, putting)
		},
		"wadm:default:shop:versions:1": func() error { _, err := s.PutModel(ctx, "default", shop, 0); return err },
		"wadm-run:wish:default":        func() error { _, err := s.PutWish(ctx, "default", engine.Wish{App: "shop"}, 0); return err },
		"wadm-run:run:default":         func() error { _, err := s.Runs(ctx, "default"); return err },
		"wadm-run:lease":               func() error { _, _, err := s.Lease(ctx, "default"); return err },
		"wadm-run:changes":             func() error { _, err := s.WatchModels(ctx, "default"); return err },
		"wadm-run:revision":            func() error { _, err := s.PutWish(ctx, "default", engine.Wish{App: "shop"}, 0); return err },
		"wadm-run:models:default":      func() error { _, err := s.PutModel(ctx, "default", shop, 0); return err },
		"wadm-run:model:default:shop":  func() error { _, err := s.PutModel(ctx, "default", shop, 0); return err },
	} {
		t.Run(key, func(t *testing.T) {
			must[string](t)(c.FlushAll(ctx).Result())
			must[int64](t)(c.RPush(ctx, key, "x").Result())
			err := do()
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q is", key)) {
				t.Fatalf("the error is %v", err)
			}
			if n, err := c.LLen(ctx, key).Result(); n != 1 || err != nil {
				t.Errorf("somebody's list has changed: %d, %v", n, err)
			}
		})
	}
}

// What a write needs beside its own record is named, and not the record.
func TestAWriteNamesTheStreamThatIsNone(t *testing.T) {
	srv := redistest.Start(t)
	s := process(t, srv.URL(), Options{})
	must[int64](t)(client(t, srv).RPush(t.Context(), changesKey, "x").Result())
	_, wishing := s.PutWish(t.Context(), "default", engine.Wish{App: "shop"}, 0)
	_, putting := s.PutModel(t.Context(), "default", store.Model{Name: "shop", Versions: []store.Version{{Version: "1", Manifest: manifest("shop", "1")}}}, 0)
	for _, err := range []error{wishing, putting} {
		if err == nil || !strings.Contains(err.Error(), `the key "wadm-run:changes" is a list in this Redis, where wadm keeps a stream`) {
			t.Errorf("the error is %v", err)
		}
	}
}

// TestRevisionsGrowOverAWipe: what is put after a wipe must not look like what was there before it, and nobody may take it for a delete.
func TestRevisionsGrowOverAWipe(t *testing.T) {
	srv := redistest.Start(t)
	c := client(t, srv)
	ctx := t.Context()
	s := process(t, srv.URL(), Options{Check: 50 * time.Millisecond})
	shop := store.Model{Name: "shop", Deployed: "1", Versions: []store.Version{{Version: "1", Manifest: manifest("shop", "1")}}}
	before := must[uint64](t)(s.PutModel(ctx, "default", shop, 0))
	changes := must[<-chan store.Change[store.Model]](t)(s.WatchModels(ctx, "default"))
	snapshot(t, changes)
	must[string](t)(c.FlushAll(ctx).Result())
	if _, err := s.PutModel(ctx, "default", shop, before); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("a put on what was wiped says %v", err)
	}
	after := must[uint64](t)(s.PutModel(ctx, "default", shop, 0))
	if after <= before {
		t.Errorf("revision %d after %d", after, before)
	}
	for {
		switch c := next(t, changes); {
		case c.Gone:
			t.Fatal("the watch says that it is gone")
		case c.Revision == after:
			return
		}
	}
}

func TestNumbersThatErlangCannotHoldAreRefused(t *testing.T) {
	for _, n := range []string{"1e999", "-1.5e400", strings.Repeat("9", 3000)} {
		if v, err := jsonTerm([]byte(`{"n":[` + n + `]}`)); err == nil || !strings.Contains(err.Error(), "the number "+n[:5]) {
			t.Errorf("%.20s became %v, %v", n, v, err)
		}
	}
	v, err := jsonTerm([]byte(`{"b":{"y":null,"x":true},"a":[1,-70000,9007199254740993,123456789012345678901234567890,0.5,1e3,"ö"]}`))
	if err != nil {
		t.Fatal(err)
	}
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	want := term.Map{
		{Key: "a", Value: term.List{int64(1), int64(-70000), int64(9007199254740993), huge, 0.5, 1000.0, "ö"}},
		{Key: "b", Value: term.Map{{Key: "x", Value: term.True}, {Key: "y", Value: term.Nil}}},
	}
	if diff := cmp.Diff(any(want), v, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
