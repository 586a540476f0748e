package api

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

func newWriter(t *testing.T, m *store.Model) (writer, *watchedStore) {
	t.Helper()
	s := newStore(t)
	if m != nil {
		if _, err := s.PutModel(context.Background(), "default", *m, 0); err != nil {
			t.Fatal(err)
		}
	}
	s.writes()
	return writer{models: s, wishes: s, known: &memory{}}, s
}

func putRequest(t *testing.T, app, version string) Request {
	doc, _ := oam.Decode(manifest(t, app, version, image), oam.FormatJSON)
	return Request{Op: wadmapi.OpPut, App: app, Version: &version, Put: doc.Manifest, Canonical: oam.Canonical(doc.Manifest), Stamp: Stamp{ID: "put"}}
}

func TestWishIsWrittenBeforeTheRecord(t *testing.T) {
	w, s := newWriter(t, model(t, "shop", 2, ""))
	for _, tt := range []struct {
		op   wadmapi.Op
		want []string
	}{
		{wadmapi.OpDeploy, []string{"PutWish shop", "PutModel shop"}},
		{wadmapi.OpUndeploy, []string{"PutWish shop", "PutModel shop"}},
		{wadmapi.OpDelete, []string{"PutWish shop", "DeleteModel shop"}},
	} {
		if _, err := w.change(context.Background(), "default", Request{Op: tt.op, App: "shop", Stamp: Stamp{ID: string(tt.op)}}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, s.writes()); diff != "" {
			t.Errorf("%s writes (-want +got):\n%s", tt.op, diff)
		}
	}
}

// O16: in 0.3.0 the losers' text replaced the winner's.
func TestConcurrentPutsLoseNothing(t *testing.T) {
	w, s := newWriter(t, nil)
	const writers = 40
	var done sync.WaitGroup
	created := make(chan wadmapi.Result, writers)
	for i := range writers {
		done.Go(func() {
			d, err := w.change(context.Background(), "default", putRequest(t, "shop", fmt.Sprintf("v%d", i)))
			if err != nil {
				t.Error(err)
				return
			}
			created <- d.Reply.(wadmapi.PutReply).Result
		})
	}
	done.Wait()
	close(created)
	first := 0
	for r := range created {
		if r == wadmapi.ResultCreated {
			first++
		}
	}
	m, _, err := s.Model(context.Background(), "default", "shop")
	if err != nil || len(m.Versions) != writers || first != 1 {
		t.Errorf("%d of %d versions are kept, %d puts say created (%v)", len(m.Versions), writers, first, err)
	}
}

// The request that somebody else overtakes between its wish and its record.
func TestOvertakenRequest(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name  string
		op    wadmapi.Op
		other func(w writer) error // runs once, before the first record write
		want  string               // outline of the decision
		wish  engine.Wish
	}{
		{"by a put is decided again, and deploys the newer version", wadmapi.OpDeploy,
			func(w writer) error { _, err := w.change(ctx, "default", putRequest(t, "shop", "v3")); return err },
			`wish deploy v3 on 3; record [v1 v2 v3] deployed "v3"; manifest_published; {"result":"acknowledged","message":"Successfully deployed application shop v3","name":"shop","version":"v3"}`,
			engine.Wish{ID: "mine-1", Operation: engine.Deploy, Version: "v3", BasedOn: 3}},
		{"by a delete finds nothing, and leaves the wish of the delete", wadmapi.OpDeploy,
			func(w writer) error {
				_, err := w.change(ctx, "default", Request{Op: wadmapi.OpDelete, App: "shop", Stamp: Stamp{ID: "theirs"}})
				return err
			},
			`{"result":"notfound","message":"Application with the name shop not found","name":"shop","version":null}`,
			engine.Wish{ID: "theirs", Operation: engine.Delete, Version: "v1", BasedOn: 1}},
		{"by the delete of its version takes its wish back", wadmapi.OpDeploy,
			func(w writer) error {
				v := "v2"
				_, err := w.change(ctx, "default", Request{Op: wadmapi.OpDelete, App: "shop", Version: &v})
				return err
			},
			`{"result":"error","message":"Application with the name 'shop' does not have a version 'v2' to deploy","name":"shop","version":"v2"}`,
			engine.Wish{ID: "mine-back", Operation: engine.Deploy, Version: "v1", BasedOn: 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, s := newWriter(t, model(t, "shop", 2, "v1"))
			r := Request{Op: tt.op, App: "shop", Stamp: Stamp{ID: "mine"}}
			if tt.wish.ID == "mine-back" {
				v := "v2"
				r.Version = &v
			}
			s.before = func(call, _ string) error {
				if call == "PutModel" {
					s.before = nil
					return tt.other(w)
				}
				return nil
			}
			d, err := w.change(ctx, "default", r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, outline(d)); diff != "" {
				t.Error(diff)
			}
			got := s.wish("shop")
			got.App, got.Manifest = "", nil
			if diff := cmp.Diff(tt.wish, got); diff != "" {
				t.Errorf("the wish that stands (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWishIsTakenBackWhenTheRecordCannotBeWritten(t *testing.T) {
	w, s := newWriter(t, model(t, "shop", 2, "v1"))
	s.before = func(call, _ string) error {
		if call == "PutModel" {
			s.before = nil // the store fails once
			return errBroken
		}
		return nil
	}
	v := "v2"
	if _, err := w.change(context.Background(), "default", Request{Op: wadmapi.OpDeploy, App: "shop", Version: &v, Stamp: Stamp{ID: "mine"}}); err == nil {
		t.Fatal("a failed write is no success")
	}
	got := s.wish("shop")
	if got.ID != "mine-back" || got.Operation != engine.Deploy || got.Version != "v1" {
		t.Errorf("the wish that stands is %s: %s %s, the record still says v1", got.ID, got.Operation, got.Version)
	}
}

// Many deploys, undeploys and deletes at once, from several processes: in the end the wish and the record say the same.
func TestLastWishAndLastRecordAgree(t *testing.T) {
	ctx := context.Background()
	for round := range 20 {
		w, s := newWriter(t, model(t, "shop", 3, "v1"))
		var done sync.WaitGroup
		for i := range 12 {
			v := fmt.Sprintf("v%d", 1+i%3)
			r := Request{Op: wadmapi.OpDeploy, App: "shop", Version: &v, Stamp: Stamp{ID: fmt.Sprint(i)}}
			switch i % 6 {
			case 3:
				r = Request{Op: wadmapi.OpUndeploy, App: "shop", Stamp: r.Stamp}
			case 4:
				r.Op = wadmapi.OpDelete
			case 5:
				if round%2 == 0 {
					r = Request{Op: wadmapi.OpDelete, App: "shop", Stamp: r.Stamp}
				}
			}
			done.Go(func() {
				if _, err := w.change(ctx, "default", r); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		m, _, err := s.Model(ctx, "default", "shop")
		wish := s.wish("shop")
		want := engine.Deploy
		switch {
		case err != nil:
			want = engine.Delete
		case m.Deployed == "":
			want = engine.Undeploy
		}
		if wish.Operation != want || want == engine.Deploy && wish.Version != m.Deployed {
			t.Errorf("round %d: the wish says %s %q, the record %q (%v)", round, wish.Operation, wish.Version, m.Deployed, err)
		}
	}
}

func TestAWishOfAnotherProcessIsNotOverlooked(t *testing.T) {
	ctx := context.Background()
	here, s := newWriter(t, model(t, "shop", 2, ""))
	there := writer{models: s, wishes: s, known: &memory{}}
	for i, one := range []struct {
		by writer
		op wadmapi.Op
	}{{here, wadmapi.OpDeploy}, {there, wadmapi.OpUndeploy}, {here, wadmapi.OpDeploy}, {here, wadmapi.OpUndeploy}, {there, wadmapi.OpDelete}} {
		id := fmt.Sprint("request ", i)
		if _, err := one.by.change(ctx, "default", Request{Op: one.op, App: "shop", Stamp: Stamp{ID: id}}); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		wish, _, err := s.Wish(ctx, "default", "shop")
		if err != nil || !strings.HasPrefix(wish.ID, id) {
			t.Fatalf("after %s the wish is %q (%v)", id, wish.ID, err)
		}
	}
}
