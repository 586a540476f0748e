package redisstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/internal/store"
)

// BenchmarkList lists a thousand models, and beside it what reads them raw.
func BenchmarkList(b *testing.B) {
	srv := redistest.Start(b)
	s := process(b, srv.URL(), Options{})
	for i := range 1000 {
		app := fmt.Sprintf("app-%d", i)
		v := store.Version{Version: "1", Manifest: manifest(app, "1"), Raw: make([]byte, 2000), Created: time.Now()}
		if _, err := s.PutModel(b.Context(), "default", store.Model{Name: app, Versions: []store.Version{v}}, 0); err != nil {
			b.Fatal(err)
		}
	}
	bare, err := NewBare(srv.URL(), "app", store.Version{Version: "1", Manifest: manifest("app", "1")})
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	b.Run("models", func(b *testing.B) {
		for b.Loop() {
			if all, err := s.Models(b.Context(), "default"); err != nil || len(all) != 1000 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			if n, err := bare.Read(b.Context(), "default"); err != nil || n != 1000 {
				b.Fatal(n, err)
			}
		}
	})
}
