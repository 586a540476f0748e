// Package storetest is the one suite that every store passes: what the control plane may rely on, whatever keeps its records.
//
// It knows the contract of package store and, through Backend, how a test can get behind a store's back. It is imported by the tests of
// the stores alone. A new store runs it with Run; one that can live in virtual time runs Cases in a synctest bubble each.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/store"
)

// Store is all four parts of the contract.
type Store interface {
	store.Models
	store.Wishes
	store.Runs
	store.Leases
}

// Backend is one empty store and what a test can do to it from behind. A nil function means that the store has no such thing.
type Backend struct {
	Store     Store
	Again     func() Store              // the same records as another process sees them
	Unlist    func(lattice, app string) // takes a name out of the lattice's set of names, the record stays
	Listed    func(lattice string) []string
	Spoil     func(lattice, app string) // makes the stored model unreadable
	Interrupt func()                    // makes running watches lose their place
	TooLarge  int                       // a manifest of so many bytes does not fit
}

// Case is one promise of the contract.
type Case struct {
	Name string
	Test func(t *testing.T, b Backend)
}

// Run tests every promise on a store of its own.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) { c.Test(t, open(t)) })
	}
}

// Cases lists the promises.
func Cases() []Case {
	return []Case{
		{"what is not there is not found", nothingThere},
		{"versions come back in order, byte for byte", versionsInOrder},
		{"when a version was put, and as what text", putWhenAndAs},
		{"members that we do not know survive a rewrite", unknownSurvives},
		{"the first put only creates, later ones expect a revision", putsExpect},
		{"what cannot be stored is refused before it is written", refused},
		{"a record over the limit is refused with its size", tooLarge},
		{"delete takes record and name away and puts may follow", deletes},
		{"writers in two processes lose nothing", noLostUpdate},
		{"lists are sorted, lattices do not mix", lists},
		{"a name missing in the set is added back", addedBack},
		{"an unreadable record silences nobody", unreadable},
		{"a watch is a snapshot and then changes", watches},
		{"a watch that lost its place begins again", watchRestarts},
		{"a watch ends with its context", watchEnds},
		{"wishes", wishes},
		{"wishes of two processes in order", wishesInOrder},
		{"run records", runs},
		{"leases", leases},
		{"ownership passes on by leases", ownership},
	}
}

// manifest is canonical enough for a store: it bears the name of its application.
func manifest(app, version string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(
		`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"annotations":{"version":%q}},"spec":{"components":[]}}`,
		app, version))
}

func model(app string, versions ...string) store.Model {
	m := store.Model{Name: app}
	for _, v := range versions {
		m.Versions = append(m.Versions, store.Version{Version: v, Manifest: manifest(app, v)})
	}
	return m
}

func versions(m store.Model) string {
	var vs []string
	for _, v := range m.Versions {
		vs = append(vs, v.Version)
	}
	return strings.Join(vs, " ")
}

func mustPut(t *testing.T, s Store, lattice string, m store.Model, expect store.Revision) store.Revision {
	t.Helper()
	rev, err := s.PutModel(t.Context(), lattice, m, expect)
	if err != nil {
		t.Fatalf("putting %q: %v", m.Name, err)
	}
	if rev <= expect {
		t.Fatalf("putting %q: revision %d does not grow from %d", m.Name, rev, expect)
	}
	return rev
}

func mustGet(t *testing.T, s Store, lattice, app string) (store.Model, store.Revision) {
	t.Helper()
	m, rev, err := s.Model(t.Context(), lattice, app)
	if err != nil {
		t.Fatalf("reading %q: %v", app, err)
	}
	return m, rev
}

func wantErr(t *testing.T, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %v", doing, err, want)
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func names(t *testing.T, s Store, lattice string) string {
	t.Helper()
	models, err := s.Models(t.Context(), lattice)
	if err != nil {
		t.Fatalf("listing %q: %v", lattice, err)
	}
	var ns []string
	for _, m := range models {
		ns = append(ns, m.Name)
	}
	return strings.Join(ns, " ")
}

// next is the next step of a watch. It waits long: a store may have to find out first that its server is gone.
func next[T any](t *testing.T, ch <-chan store.Change[T]) store.Change[T] {
	t.Helper()
	select {
	case c, ok := <-ch:
		if !ok {
			t.Fatal("the watch has ended")
		}
		return c
	case <-time.After(time.Minute):
		t.Fatal("the watch says nothing for a minute")
		panic("unreachable")
	}
}

// snapshot reads up to the end of a snapshot.
func snapshot[T any](t *testing.T, ch <-chan store.Change[T]) []store.Change[T] {
	t.Helper()
	var all []store.Change[T]
	for {
		c := next(t, ch)
		if c.End {
			return all
		}
		all = append(all, c)
	}
}

// casLoop adds a version the way the API does.
func casLoop(ctx context.Context, s Store, lattice, app, version string) error {
	for {
		m, rev, err := s.Model(ctx, lattice, app)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		m.Name = app
		m.Versions = append(m.Versions, store.Version{Version: version, Manifest: manifest(app, version)})
		_, err = s.PutModel(ctx, lattice, m, rev)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
