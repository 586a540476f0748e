package node

import (
	"context"
	"errors"
	"testing"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/store"
)

type kept = store.Runs

// silentRuns carries writes out and says that they failed.
type silentRuns struct {
	kept
	silent int
}

func (s *silentRuns) PutRun(ctx context.Context, lattice string, r engine.Run, expect store.Revision) (store.Revision, error) {
	rev, err := s.kept.PutRun(ctx, lattice, r, expect)
	if err == nil && s.silent > 0 {
		s.silent--
		return 0, errors.New("the answer was lost")
	}
	return rev, err
}

func TestWhatAConflictOfASaveMeans(t *testing.T) {
	ours := func(version string) engine.Run { return engine.Run{App: "shop", Epoch: 2, Version: version} }
	theirs := engine.Run{App: "shop", Epoch: 3, Version: "v9"}
	for _, tc := range []struct {
		name  string
		other *engine.Run // written between our two saves
		lost  bool
	}{
		{"our own earlier save, whose answer was lost", nil, false},
		{"another owner", &theirs, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runs := &silentRuns{kept: memstore.New(), silent: 1}
			s := newSaver(runs, "default", func(engine.Saved) {})
			if in := s.save(engine.Save{ID: 1, App: "shop", Run: ours("v1")}); in.Err == "" || in.Lost {
				t.Fatalf("the first save: %+v, want a failure that may be tried again", in)
			}
			if tc.other != nil {
				_, at, err := runs.Run(t.Context(), "default", "shop")
				if err == nil {
					_, err = runs.PutRun(t.Context(), "default", *tc.other, at)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			in := s.save(engine.Save{ID: 2, App: "shop", Run: ours("v2")})
			stored, at, err := runs.Run(t.Context(), "default", "shop")
			if in.Lost != tc.lost || err != nil || !tc.lost && (stored.Version != "v2" || in.Revision != at) {
				t.Errorf("the second save: %+v; stored %q at %d, %v", in, stored.Version, at, err)
			}
		})
	}
}
