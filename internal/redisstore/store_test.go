package redisstore

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/internal/storetest"
)

// limit is small enough for a test to exceed it.
const limit = 1 << 20

// process is one wadm as the store sees it.
func process(t testing.TB, url string, o Options) *Store {
	t.Helper()
	if o.Limit == 0 {
		o.Limit = limit
	}
	s, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// client is the server as any other program sees it.
func client(t testing.TB, srv *redistest.Server) *redis.Client {
	t.Helper()
	silence()
	c := redis.NewClient(&redis.Options{Network: srv.Network, Addr: srv.Addr, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func backend(t *testing.T) storetest.Backend {
	srv := redistest.Start(t)
	c := client(t, srv)
	ctx := t.Context()
	var again *Store
	return storetest.Backend{
		Store: process(t, srv.URL(), Options{}),
		Again: func() storetest.Store {
			if again == nil {
				again = process(t, srv.URL(), Options{})
			}
			return again
		},
		Unlist: func(lattice, app string) { must[int64](t)(c.SRem(ctx, setKey(lattice), app).Result()) },
		Listed: func(lattice string) []string {
			names := must[[]string](t)(c.SMembers(ctx, setKey(lattice)).Result())
			slices.Sort(names)
			return names
		},
		Spoil: func(lattice, app string) {
			for _, v := range must[[]string](t)(c.ZRange(ctx, versionsKey(lattice, app), 0, -1).Result()) {
				must[string](t)(c.Set(ctx, versionPrefix(lattice, app)+v, "\x83\x74\x00", 0).Result())
			}
		},
		Interrupt: func() { must[any](t)(c.Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Result()) },
		TooLarge:  limit + 1,
	}
}

func TestStore(t *testing.T) { storetest.Run(t, backend) }

// next is the next step of a watch.
func next[T any](t *testing.T, ch <-chan store.Change[T]) store.Change[T] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case c, ok := <-ch:
		if !ok {
			t.Fatal("the watch has ended")
		}
		return c
	case <-ctx.Done():
		t.Fatal("the watch says nothing for a minute")
		panic("unreachable")
	}
}

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
