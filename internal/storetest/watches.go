package storetest

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/lattice"
)

func watches(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	shop := mustPut(t, s, "default", model("shop", "v1"), 0)
	ape := mustPut(t, s, "default", model("ape", "v1"), 0)
	mustPut(t, s, "east", model("far", "v1"), 0)
	ch, err := b.Again().WatchModels(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the snapshot", []store.Change[store.Model]{
		{Name: "ape", Record: model("ape", "v1"), Revision: ape},
		{Name: "shop", Record: model("shop", "v1"), Revision: shop},
	}, snapshot(t, ch))
	mustPut(t, s, "east", model("far-too", "v1"), 0)
	m := model("shop", "v1", "v2")
	m.Deployed = "v2"
	shop = mustPut(t, s, "default", m, shop)
	same(t, "a change", store.Change[store.Model]{Name: "shop", Record: m, Revision: shop}, next(t, ch))
	if err := s.DeleteModel(ctx, "default", "ape", ape); err != nil {
		t.Fatal(err)
	}
	gone := next(t, ch)
	if !gone.Gone || gone.Name != "ape" || gone.Revision <= ape {
		t.Fatalf("after a delete the watch says %+v", gone)
	}
	fox := mustPut(t, b.Again(), "default", model("fox", "v1"), 0)
	same(t, "a new one", store.Change[store.Model]{Name: "fox", Record: model("fox", "v1"), Revision: fox}, next(t, ch))
}

func watchRestarts(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	mustPut(t, s, "default", model("ape", "v1"), 0)
	if _, err := s.PutWish(ctx, "default", engine.Wish{ID: "1", App: "ape", Operation: engine.Deploy}, 0); err != nil {
		t.Fatal(err)
	}
	models, err := s.WatchModels(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	wishes, err := s.WatchWishes(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "models before", 1, len(snapshot(t, models)))
	same(t, "wishes before", 1, len(snapshot(t, wishes)))
	b.Interrupt()
	restarted := next(t, models)
	same(t, "what models say after a gap", store.Change[store.Model]{Restart: true}, restarted)
	all := snapshot(t, models)
	if len(all) != 1 || all[0].Name != "ape" || len(all[0].Record.Versions) != 1 {
		t.Fatalf("the snapshot after a gap is %+v", all)
	}
	same(t, "what wishes say after a gap", store.Change[engine.Wish]{Restart: true}, next(t, wishes))
	same(t, "wishes after", 1, len(snapshot(t, wishes)))
	mustPut(t, s, "default", model("fox", "v1"), 0)
	same(t, "a change after the gap", "fox", next(t, models).Name)
}

func watchEnds(t *testing.T, b Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	ch, err := b.Store.WatchModels(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the snapshot of nothing", 0, len(snapshot(t, ch)))
	cancel()
	select {
	case c, ok := <-ch:
		if ok {
			t.Fatalf("the watch says %+v", c)
		}
	case <-time.After(time.Minute):
		t.Fatal("the watch does not end")
	}
}

func wishes(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	ch, err := b.Again().WatchWishes(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the snapshot of nothing", 0, len(snapshot(t, ch)))
	w := engine.Wish{ID: "01", App: "shop", Operation: engine.Deploy, Version: "v1", Manifest: manifest("shop", "v1"), BasedOn: 7, At: "2026-01-02T03:04:05Z"}
	rev, err := s.PutWish(ctx, "default", w, 0)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the watch", store.Change[engine.Wish]{Name: "shop", Record: w, Revision: rev}, next(t, ch))
	_, err = b.Again().PutWish(ctx, "default", w, 0)
	wantErr(t, "creating it again", err, store.ErrConflict)
	got, at, err := b.Again().Wish(ctx, "default", "shop")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what came back", w, got)
	same(t, "its revision", rev, at)
	w.ID, w.Operation = "02", engine.Delete
	rev2, err := s.PutWish(ctx, "default", w, rev)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the watch", store.Change[engine.Wish]{Name: "shop", Record: w, Revision: rev2}, next(t, ch))
	_, err = s.PutWish(ctx, "default", w, rev)
	wantErr(t, "expecting an old revision", err, store.ErrConflict)
	all, err := s.Lattices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "a wish alone makes a lattice", []string{"default"}, all)
	w.Manifest = json.RawMessage(strconv.Quote(strings.Repeat("x", b.TooLarge)))
	_, err = s.PutWish(ctx, "default", w, rev2)
	wantErr(t, "a wish over the limit", err, store.ErrTooLarge)
}

// wishesInOrder has two processes write in turn: who watches in one of them hears its own wishes sooner than the other's, and none twice, none after a
// later one.
func wishesInOrder(t *testing.T, b Backend) {
	ctx := t.Context()
	ch, err := b.Store.WatchWishes(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the snapshot of nothing", 0, len(snapshot(t, ch)))
	other := b.Again()
	var rev store.Revision
	const last = 60
	for i := range last + 1 {
		s := b.Store
		if i%3 == 1 {
			s = other
		}
		if rev, err = s.PutWish(ctx, "default", engine.Wish{ID: strconv.Itoa(i), App: "shop", Operation: engine.Deploy, Manifest: manifest("shop", "v1")}, rev); err != nil {
			t.Fatal(err)
		}
	}
	var heard store.Revision
	for heard < rev {
		c := next(t, ch)
		if c.Revision <= heard || c.Gone || c.Restart || c.Record.App != "shop" {
			t.Fatalf("after revision %d the watch says %+v", heard, c)
		}
		heard = c.Revision
		if c.Revision == rev {
			same(t, "the last one", strconv.Itoa(last), c.Record.ID)
		}
	}
}

func runs(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	r := engine.Run{
		App: "shop", Epoch: 3, Acted: "01", Operation: engine.Deploy, Version: "v1", Manifest: manifest("shop", "v1"), Deleting: true,
		Hosts: []string{"NA", "NB"}, Configs: []string{"shop-conf"}, Lists: []engine.AppliedList{{ID: "shop-web", Names: []string{"shop-conf"}}},
		Links:   []engine.AppliedLink{{Link: lattice.Link{Source: "shop-web", Target: "db", Name: "default", Interfaces: []string{"store"}}, Values: "h"}},
		Intents: []engine.Intent{{Component: "web", At: [][3]int{{1, 1, 2}}}},
	}
	rev, err := s.PutRun(ctx, "default", r, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, at, err := b.Again().Run(ctx, "default", "shop")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what came back", r, got)
	same(t, "its revision", rev, at)
	_, err = s.PutRun(ctx, "default", r, 0)
	wantErr(t, "creating it again", err, store.ErrConflict)
	r.Deleting, r.Hosts = false, nil
	rev2, err := b.Again().PutRun(ctx, "default", r, rev)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.PutRun(ctx, "default", r, rev)
	wantErr(t, "writing after the lease was lost", err, store.ErrConflict)
	ape, err := s.PutRun(ctx, "default", engine.Run{App: "ape"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutRun(ctx, "east", engine.Run{App: "shop"}, 0); err != nil {
		t.Fatal(err)
	}
	all, err := b.Again().Runs(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the list", []store.Stored{{Run: engine.Run{App: "ape"}, Revision: ape}, {Run: r, Revision: rev2}}, all)
	wantErr(t, "deleting an old revision", s.DeleteRun(ctx, "default", "shop", rev), store.ErrConflict)
	if err := s.DeleteRun(ctx, "default", "shop", rev2); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRun(ctx, "default", "shop", rev2); err != nil {
		t.Fatalf("deleting what is gone: %v", err)
	}
	_, _, err = b.Again().Run(ctx, "default", "shop")
	wantErr(t, "reading what is gone", err, store.ErrNotFound)
	lattices, err := s.Lattices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "run records make lattices", []string{"default", "east"}, lattices)
}

func leases(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Store
	l := store.Lease{Owner: "a", Epoch: 1, TTL: 3 * time.Second, Since: "2026-01-02T03:04:05Z"}
	rev, err := s.PutLease(ctx, "default", l, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Again().PutLease(ctx, "default", store.Lease{Owner: "b", Epoch: 1}, 0)
	wantErr(t, "taking what is taken", err, store.ErrConflict)
	got, at, err := b.Again().Lease(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what came back", l, got)
	same(t, "its revision", rev, at)
	renewed, err := s.PutLease(ctx, "default", l, rev)
	if err != nil {
		t.Fatal(err)
	}
	if renewed <= rev {
		t.Fatalf("a renewal has revision %d after %d: nobody could see it", renewed, rev)
	}
	_, err = b.Again().PutLease(ctx, "default", store.Lease{Owner: "b", Epoch: 2}, rev)
	wantErr(t, "replacing a revision that was renewed", err, store.ErrConflict)
	if _, err := b.Again().PutLease(ctx, "default", store.Lease{Owner: "b", Epoch: 2, Freed: true}, renewed); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutLease(ctx, "east", l, 0); err != nil {
		t.Fatalf("taking another lattice: %v", err)
	}
	owners := make(chan string, 8)
	for range cap(owners) {
		go func() {
			_, err := s.PutLease(ctx, "contested", store.Lease{Owner: "x"}, 0)
			if err == nil {
				owners <- "won"
				return
			}
			owners <- "lost"
		}()
	}
	won := 0
	for range cap(owners) {
		if <-owners == "won" {
			won++
		}
	}
	same(t, "number of winners", 1, won)
}
