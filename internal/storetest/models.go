package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/store"
)

func nothingThere(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	_, rev, err := s.Model(ctx, "default", "shop")
	wantErr(t, "reading a model", err, store.ErrNotFound)
	same(t, "revision of nothing", store.Revision(0), rev)
	_, _, err = s.Wish(ctx, "default", "shop")
	wantErr(t, "reading a wish", err, store.ErrNotFound)
	_, _, err = s.Run(ctx, "default", "shop")
	wantErr(t, "reading a run record", err, store.ErrNotFound)
	_, _, err = s.Lease(ctx, "default")
	wantErr(t, "reading a lease", err, store.ErrNotFound)
	wantErr(t, "deleting a model", s.DeleteModel(ctx, "default", "shop", 1), store.ErrNotFound)
	same(t, "models", "", names(t, s, "default"))
	all, err := s.Lattices(ctx)
	if err != nil || len(all) != 0 {
		t.Fatalf("lattices are %q, error %v; want none", all, err)
	}
}

func versionsInOrder(t *testing.T, b Backend) {
	m := model("shop", "v2", "v10", "1", "v1", "Zeta", "Ümlaut & <x>", `quo"te`)
	m.Versions[3].Manifest = json.RawMessage("{ \"metadata\": {\"name\":\"shop\"},\n\t\"n\": 1.50, \"u\": \"\\u00e4<&>\", \"b\":1, \"a\":2 }")
	m.Deployed = "v10"
	rev := mustPut(t, b.Store, "default", m, 0)
	for _, s := range []Store{b.Store, b.Again()} {
		got, at := mustGet(t, s, "default", "shop")
		same(t, "the model", m, got)
		same(t, "its revision", rev, at)
	}
	m.Versions = slices.Delete(m.Versions, 1, 2)
	m.Deployed = ""
	mustPut(t, b.Store, "default", m, rev)
	got, _ := mustGet(t, b.Again(), "default", "shop")
	same(t, "the order without one version", m, got)
	models, err := b.Store.Models(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the list", []store.Model{m}, models)
	m.Versions[0].Version = "mine to change"
	got, _ = mustGet(t, b.Store, "default", "shop")
	same(t, "what is stored", "v2 1 v1 Zeta Ümlaut & <x> quo\"te", versions(got))
}

// putWhenAndAs: both facts belong to one version, come back in every process and go with it.
func putWhenAndAs(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	m := model("shop", "v1", "v2", "v3")
	m.Versions[0].Created = time.Date(2022, 8, 3, 14, 58, 57, 102e6, time.UTC)
	m.Versions[0].Raw = []byte("# as it was put\nmetadata: {name: shop}\n")
	m.Versions[2].Created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rev := mustPut(t, s, "default", m, 0)
	for _, s := range []Store{s, b.Again()} {
		got, _ := mustGet(t, s, "default", "shop")
		same(t, "the model", m, got)
		all, err := s.Models(ctx, "default")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the list", []store.Model{m}, all)
	}
	m.Versions = append(m.Versions[1:], model("shop", "v4").Versions...)
	m.Deployed = "v2"
	m.Versions[2].Created, m.Versions[2].Raw = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), []byte{}
	rev = mustPut(t, b.Again(), "default", m, rev)
	got, _ := mustGet(t, s, "default", "shop")
	same(t, "after a rewrite by somebody else", m, got)
	m.Versions = append(m.Versions, model("shop", "v1").Versions...)
	rev = mustPut(t, s, "default", m, rev)
	got, _ = mustGet(t, b.Again(), "default", "shop")
	same(t, "a version that went and came back without them", m, got)
	large := model("shop", "v5").Versions[0]
	large.Created, large.Raw = time.Date(2026, 1, 2, 3, 4, 7, 0, time.UTC), bytes.Repeat([]byte("#"), b.TooLarge)
	m.Versions = append(m.Versions, large)
	rev = mustPut(t, s, "default", m, rev)
	m.Versions[len(m.Versions)-1].Raw = nil
	got, _ = mustGet(t, b.Again(), "default", "shop")
	same(t, "a text over the limit is left out", m, got)
	if err := b.Again().DeleteModel(ctx, "default", "shop", rev); err != nil {
		t.Fatal(err)
	}
	m = model("shop", "v2", "v4", "v5")
	mustPut(t, s, "default", m, 0)
	got, _ = mustGet(t, b.Again(), "default", "shop")
	same(t, "after a delete", m, got)
}

func unknownSurvives(t *testing.T, b Backend) {
	m := model("shop", "v1")
	m.Unknown = map[string]json.RawMessage{"later": json.RawMessage(`{"z":1,"a":[2,"<"]}`), "also": json.RawMessage(`"x"`)}
	mustPut(t, b.Store, "default", m, 0)
	got, rev := mustGet(t, b.Again(), "default", "shop")
	same(t, "what came back", m, got)
	got.Deployed = "v1"
	mustPut(t, b.Again(), "default", got, rev)
	again, _ := mustGet(t, b.Store, "default", "shop")
	same(t, "after a rewrite by somebody else", m.Unknown, again.Unknown)
}

func putsExpect(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	first := mustPut(t, s, "default", model("shop", "v1"), 0)
	_, err := b.Again().PutModel(ctx, "default", model("shop", "other"), 0)
	wantErr(t, "creating what is there", err, store.ErrConflict)
	second := mustPut(t, b.Again(), "default", model("shop", "v1", "v2"), first)
	for _, expect := range []store.Revision{first, second + 1000} {
		_, err = s.PutModel(ctx, "default", model("shop", "lost"), expect)
		wantErr(t, fmt.Sprintf("expecting %d where %d is", expect, second), err, store.ErrConflict)
	}
	got, rev := mustGet(t, s, "default", "shop")
	same(t, "versions", "v1 v2", versions(got))
	same(t, "revision", second, rev)
	_, err = s.PutModel(ctx, "default", model("absent", "v1"), second)
	wantErr(t, "expecting a revision of what is not there", err, store.ErrConflict)
}

func refused(t *testing.T, b Backend) {
	for name, m := range map[string]store.Model{
		"no name":         model("", "v1"),
		"a version twice": model("shop", "v1", "v1"),
		"no JSON":         {Name: "shop", Versions: []store.Version{{Version: "v1", Manifest: json.RawMessage(`{"a":`)}}},
		"no manifest":     {Name: "shop", Versions: []store.Version{{Version: "v1"}}},
	} {
		if rev, err := b.Store.PutModel(t.Context(), "default", m, 0); err == nil {
			t.Errorf("%s: stored at revision %d, want an error", name, rev)
		}
	}
	same(t, "what is stored", "", names(t, b.Store, "default"))
}

func tooLarge(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	small := model("shop", "v1")
	rev := mustPut(t, s, "default", small, 0)
	large := model("shop", "v1", "v2")
	large.Versions[1].Manifest = json.RawMessage(fmt.Sprintf(`{"metadata":{"name":"shop"},"filler":%q}`, strings.Repeat("x", b.TooLarge)))
	_, err := s.PutModel(ctx, "default", large, rev)
	wantErr(t, "putting too much", err, store.ErrTooLarge)
	for _, word := range []string{`"shop"`, "limit", fmt.Sprint(b.TooLarge)[:2]} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the message %q does not say %s", err, word)
		}
	}
	got, at := mustGet(t, s, "default", "shop")
	same(t, "the model before it", small, got)
	same(t, "its revision", rev, at)
}

func deletes(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	rev := mustPut(t, s, "default", model("shop", "v1"), 0)
	mustPut(t, s, "default", model("stall", "v1"), 0)
	wantErr(t, "deleting another revision", s.DeleteModel(ctx, "default", "shop", rev+1000), store.ErrConflict)
	same(t, "still there", "shop stall", names(t, s, "default"))
	if b.Listed != nil {
		same(t, "the set of names", []string{"shop", "stall"}, b.Listed("default"))
	}
	if err := b.Again().DeleteModel(ctx, "default", "shop", rev); err != nil {
		t.Fatalf("deleting: %v", err)
	}
	_, _, err := s.Model(ctx, "default", "shop")
	wantErr(t, "reading what is deleted", err, store.ErrNotFound)
	wantErr(t, "deleting again", s.DeleteModel(ctx, "default", "shop", rev), store.ErrNotFound)
	same(t, "what is left", "stall", names(t, s, "default"))
	if b.Listed != nil {
		same(t, "the set of names", []string{"stall"}, b.Listed("default"))
	}
	_, err = s.PutModel(ctx, "default", model("shop", "v2"), rev)
	wantErr(t, "updating what is deleted", err, store.ErrConflict)
	again := mustPut(t, s, "default", model("shop", "v3"), 0)
	if again <= rev {
		t.Errorf("revision %d after a delete is not above %d", again, rev)
	}
	got, _ := mustGet(t, b.Again(), "default", "shop")
	same(t, "versions", "v3", versions(got))
}

func noLostUpdate(t *testing.T, b Backend) {
	const writers, each = 4, 4
	stores := []Store{b.Store, b.Again()}
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			var err error
			for i := range each {
				if err == nil {
					err = casLoop(t.Context(), stores[w%2], "default", "shop", fmt.Sprintf("w%d.%d", w, i))
				}
				if err == nil {
					err = casLoop(t.Context(), stores[w%2], "default", fmt.Sprintf("own-%d", w), fmt.Sprint(i))
				}
			}
			errs <- err
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	got, _ := mustGet(t, b.Store, "default", "shop")
	last := map[byte]string{}
	for _, v := range got.Versions {
		if before := last[v.Version[1]]; before >= v.Version {
			t.Errorf("%s stands after %s", v.Version, before)
		}
		last[v.Version[1]] = v.Version
	}
	same(t, "number of versions", writers*each, len(got.Versions))
	same(t, "names", "own-0 own-1 own-2 own-3 shop", names(t, b.Store, "default"))
	if b.Listed != nil {
		same(t, "the set of names", []string{"own-0", "own-1", "own-2", "own-3", "shop"}, b.Listed("default"))
	}
}

func lists(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	for _, at := range []struct{ lattice, app string }{
		{"default", "zoo"}, {"default", "a_b"}, {"default", "Shop"}, {"default", "a-b"}, {"east", "shop"}, {"east-1", "shop"}, {"default-x", "y"},
	} {
		mustPut(t, s, at.lattice, model(at.app, "v1"), 0)
	}
	same(t, "names of default", "Shop a-b a_b zoo", names(t, s, "default"))
	same(t, "names of east, by another process", "shop", names(t, b.Again(), "east"))
	same(t, "names of nowhere", "", names(t, s, "nowhere"))
	_, _, err := s.Model(ctx, "east", "zoo")
	wantErr(t, "reading from another lattice", err, store.ErrNotFound)
	all, err := b.Again().Lattices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "lattices", []string{"default", "default-x", "east", "east-1"}, all)
	_, rev := mustGet(t, s, "east", "shop")
	if err := s.DeleteModel(ctx, "east", "shop", rev); err != nil {
		t.Fatal(err)
	}
	all, err = s.Lattices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "lattices after the last model of one went", []string{"default", "default-x", "east-1"}, all)
}

func addedBack(t *testing.T, b Backend) {
	if b.Unlist == nil {
		t.Skip("this store keeps no set of names beside its records")
	}
	mustPut(t, b.Store, "default", model("shop", "v1"), 0)
	mustPut(t, b.Store, "default", model("stall", "v1"), 0)
	b.Unlist("default", "shop")
	same(t, "the set behind the store's back", []string{"stall"}, b.Listed("default"))
	same(t, "names", "shop stall", names(t, b.Again(), "default"))
	same(t, "the set after a list", []string{"shop", "stall"}, b.Listed("default"))
}

func unreadable(t *testing.T, b Backend) {
	if b.Spoil == nil {
		t.Skip("this store keeps no bytes that could be unreadable")
	}
	ctx, s := t.Context(), b.Store
	mustPut(t, s, "default", model("bad", "v1"), 0)
	mustPut(t, s, "default", model("good", "v1"), 0)
	b.Spoil("default", "bad")
	models, err := s.Models(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the list", []store.Model{{Name: "bad"}, model("good", "v1")}, models)
	m, rev, err := b.Again().Model(ctx, "default", "bad")
	wantErr(t, "reading it", err, store.ErrUnreadable)
	same(t, "what is known of it", store.Model{Name: "bad"}, m)
	ch, err := s.WatchModels(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the snapshot of a watch", []store.Change[store.Model]{
		{Name: "bad", Record: store.Model{Name: "bad"}, Revision: rev}, {Name: "good", Record: model("good", "v1"), Revision: revision(t, s, "good")},
	}, snapshot(t, ch))
	if err := s.DeleteModel(ctx, "default", "bad", rev); err != nil {
		t.Fatalf("deleting it: %v", err)
	}
	same(t, "what is left", "good", names(t, s, "default"))
}

func revision(t *testing.T, s Store, app string) store.Revision {
	t.Helper()
	_, rev := mustGet(t, s, "default", app)
	return rev
}
