package redisstore

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/internal/store"
)

func TestTheLastStatusIsKept(t *testing.T) {
	srv := redistest.Start(t)
	ctx := t.Context()
	s, again := process(t, srv.URL(), Options{}), process(t, srv.URL(), Options{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	for i, one := range []struct{ lattice, app, status string }{
		{"default", "shop", `{"a":1}`}, {"default", "ape", `{}`}, {"default", "shop", "{\"a\":\n2}"}, {"x:y", "größe", `{}`}, {"default", "gone", `{}`},
	} {
		if err := s.KeepStatus(ctx, one.lattice, one.app, []byte(one.status), at.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.KeepStatus(ctx, "default", "gone", nil, at); err != nil {
		t.Fatal(err)
	}
	must[int64](t)(client(t, srv).HSet(ctx, "wadm-run:status:default", "odd", "x").Result())
	want := []store.KeptStatus{{App: "ape", Status: []byte(`{}`), At: at.Add(time.Second)}, {App: "shop", Status: []byte("{\"a\":\n2}"), At: at.Add(2 * time.Second)}}
	if diff := cmp.Diff(want, must[[]store.KeptStatus](t)(again.KeptStatuses(ctx, "default"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if none := must[[]store.KeptStatus](t)(again.KeptStatuses(ctx, "nowhere")); len(none) != 0 {
		t.Errorf("nowhere has %v", none)
	}
	if all := must[[]string](t)(s.Lattices(ctx)); len(all) != 0 {
		t.Errorf("statuses alone make the lattices %q", all)
	}
}
