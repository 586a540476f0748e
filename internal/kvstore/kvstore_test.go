package kvstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/internal/storetest"
)

func TestMain(m *testing.M) { natstest.Main(m) }

// process is one wadm as the store sees it: a connection of its own.
func process(t *testing.T, srv *server.Server, o Options) (*Store, *nats.Conn) {
	t.Helper()
	nc := natstest.Connect(t, srv, nats.ReconnectWait(50*time.Millisecond), nats.MaxReconnects(-1))
	s, err := Open(t.Context(), nc, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, nc
}

// raw is the bucket as any other program sees it.
func raw(t *testing.T, nc *nats.Conn, bucket string) jetstream.KeyValue {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func listed(t *testing.T, kv jetstream.KeyValue, lattice string) []string {
	t.Helper()
	e, err := kv.Get(t.Context(), lattice)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := json.Unmarshal(e.Value(), &names); err != nil {
		t.Fatal(err)
	}
	return names
}

func overwrite(t *testing.T, kv jetstream.KeyValue, key, value string) {
	t.Helper()
	if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func backendOn(t *testing.T, srv *server.Server) storetest.Backend {
	s, nc := process(t, srv, Options{})
	kv := raw(t, nc, "wadm_manifests")
	var again *Store
	return storetest.Backend{
		Store: s,
		Again: func() storetest.Store {
			if again == nil {
				again, _ = process(t, srv, Options{})
			}
			return again
		},
		Unlist: func(lattice, app string) {
			names := slices.DeleteFunc(listed(t, kv, lattice), func(n string) bool { return n == app })
			overwrite(t, kv, lattice, string(encodeSet(names)))
		},
		Listed:    func(lattice string) []string { return listed(t, kv, lattice) },
		Spoil:     func(lattice, app string) { overwrite(t, kv, lattice+"-"+app, `{"manifests":{"v1":`) },
		Interrupt: func() { reconnect(t, nc) },
		TooLarge:  int(nc.MaxPayload()),
	}
}

func reconnect(t *testing.T, nc *nats.Conn) {
	t.Helper()
	if err := nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	for _, c := range storetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.Test(t, backendOn(t, natstest.InProcess(t))) })
		})
	}
}

func TestStoreOverAPort(t *testing.T) {
	for _, c := range storetest.Cases() {
		switch c.Name {
		case "writers in two processes lose nothing", "a watch that lost its place begins again", "leases":
			t.Run(c.Name, func(t *testing.T) { c.Test(t, backendOn(t, natstest.Start(t))) })
		}
	}
}

func app(name string, versions ...string) store.Model {
	m := store.Model{Name: name}
	for _, v := range versions {
		m.Versions = append(m.Versions, store.Version{Version: v, Manifest: json.RawMessage(fmt.Sprintf(`{"metadata":{"name":%q}}`, name))})
	}
	return m
}

func mustPut(t *testing.T, s *Store, lattice string, m store.Model, expect store.Revision) store.Revision {
	t.Helper()
	rev, err := s.PutModel(t.Context(), lattice, m, expect)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func names(t *testing.T, s *Store, lattice string) string {
	t.Helper()
	models, err := s.Models(t.Context(), lattice)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range models {
		all = append(all, m.Name)
	}
	return strings.Join(all, " ")
}

func TestMissingBucketsAreMadeAsTheOlderProgramDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		_, nc := process(t, srv, Options{})
		process(t, srv, Options{Replicas: 1, Memory: true}) // the second one takes them as they are
		for _, name := range []string{"wadm_manifests", "wadm_run", "wadm_leases"} {
			status, err := raw(t, nc, name).Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := status.(*jetstream.KeyValueBucketStatus).StreamInfo().Config
			got.Metadata = nil
			want := jetstream.StreamConfig{ // streams_wadm_fresh of the recordings from wadm 0.21.1
				Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1,
				MaxConsumers: -1, Discard: jetstream.DiscardNew, Duplicates: 2 * time.Minute, Replicas: 1, Storage: jetstream.FileStorage,
				AllowRollup: true, DenyDelete: true, AllowDirect: true, Compression: jetstream.NoCompression,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("bucket %s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestReadOnlyMakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		nc := natstest.Connect(t, srv)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		streams := func() (names []string) {
			for name := range js.StreamNames(t.Context()).Name() {
				names = append(names, name)
			}
			return names
		}
		empty, _ := process(t, srv, Options{ReadOnly: true})
		if _, err := empty.Lattices(t.Context()); !errors.Is(err, ErrNoBucket) {
			t.Errorf("the lattices where nothing is: %v, want %v", err, ErrNoBucket)
		}
		if _, err := empty.Models(t.Context(), "default"); !errors.Is(err, ErrNoBucket) {
			t.Errorf("the models where nothing is: %v, want %v", err, ErrNoBucket)
		}
		if _, _, err := empty.Model(t.Context(), "default", "web"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a model where nothing is: %v, want %v", err, store.ErrNotFound)
		}
		if got := streams(); got != nil {
			t.Errorf("looking made %q", got)
		}
		empty.Close()
		// What 0.21.1 leaves behind: one bucket, and here a model whose name is missing in the set.
		writer, _ := process(t, srv, Options{})
		mustPut(t, writer, "default", app("web", "1"), 0)
		if err := writer.editSet(t.Context(), "test", "default", "web", false); err != nil {
			t.Fatal(err)
		}
		writer.Close()
		for _, bucket := range []string{"wadm_run", "wadm_leases"} {
			if err := js.DeleteKeyValue(t.Context(), bucket); err != nil {
				t.Fatal(err)
			}
		}
		s, _ := process(t, srv, Options{ReadOnly: true})
		lattices, err := s.Lattices(t.Context())
		if err != nil || !slices.Equal(lattices, []string{"default"}) {
			t.Errorf("the lattices are %q, %v", lattices, err)
		}
		if got := names(t, s, "default"); got != "web" {
			t.Errorf("the models are %q", got)
		}
		if _, _, err := s.Model(t.Context(), "default", "web"); err != nil {
			t.Error(err)
		}
		if got := streams(); !slices.Equal(got, []string{"KV_wadm_manifests"}) {
			t.Errorf("reading made %q", got)
		}
		if got := listed(t, raw(t, nc, "wadm_manifests"), "default"); len(got) != 0 {
			t.Errorf("reading mended the set: %q", got)
		}
	})
}

func TestAnExistingBucketIsUsedAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		js, err := jetstream.New(natstest.Connect(t, srv))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "mine", History: 5, MaxBytes: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		s, nc := process(t, srv, Options{Manifests: "mine"})
		rev := mustPut(t, s, "default", app("shop", "v1"), 0)
		mustPut(t, s, "default", app("shop", "v1", "v2"), rev)
		if got := names(t, s, "default"); got != "shop" {
			t.Fatalf("listed %q", got)
		}
		status, err := raw(t, nc, "mine").Status(t.Context())
		if err != nil || status.History() != 5 {
			t.Fatalf("history is %d (%v), want the operator's 5", status.History(), err)
		}
	})
}

func TestFilesThatAreBeingTakenAwayAreNoLastingFailure(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{fmt.Errorf("making: %w", &jetstream.APIError{Code: 500, ErrorCode: 10049}), true},
		{&jetstream.APIError{Code: 400, ErrorCode: 10058}, false},
	} {
		if got := cannotCreate(tt.err); got != tt.want {
			t.Errorf("%v: tried again is %v", tt.err, got)
		}
	}
}

func TestBucketsThatAreDeletedWhileItRuns(t *testing.T) {
	purge := func(t *testing.T, nc *nats.Conn) {
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []string{"wadm_manifests", "wadm_run", "wadm_leases"} {
			if err := js.DeleteKeyValue(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	begin := func(t *testing.T) (*Store, *nats.Conn) {
		s, nc := process(t, natstest.InProcess(t), Options{})
		rev := mustPut(t, s, "default", app("shop", "v1"), 0)
		mustPut(t, s, "default", app("shop", "v1", "v2"), rev)
		return s, nc
	}
	t.Run("reads say that nothing is there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, nc := begin(t)
			purge(t, nc)
			if _, _, err := s.Model(t.Context(), "default", "shop"); !isErr(err, store.ErrNotFound) {
				t.Fatalf("got %v, want not found", err)
			}
			if _, _, err := s.Lease(t.Context(), "default"); !isErr(err, store.ErrNotFound) {
				t.Fatalf("got %v, want not found", err)
			}
			if got := names(t, s, "default"); got != "" {
				t.Fatalf("listed %q", got)
			}
		})
	})
	t.Run("writes make them anew, an old revision conflicts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, nc := begin(t)
			purge(t, nc)
			if _, err := s.PutModel(t.Context(), "default", app("shop", "v3"), 4); !isErr(err, store.ErrConflict) {
				t.Fatalf("got %v, want a conflict", err)
			}
			purge(t, nc2(t, s))
			mustPut(t, s, "default", app("stall", "v1"), 0)
			if _, err := s.PutLease(t.Context(), "default", store.Lease{Owner: "a"}, 0); err != nil {
				t.Fatal(err)
			}
			if got := names(t, s, "default"); got != "stall" {
				t.Fatalf("listed %q", got)
			}
		})
	})
	t.Run("writes notice it although somebody listens to everything", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, nc := begin(t)
			if _, err := nc.SubscribeSync(">"); err != nil {
				t.Fatal(err)
			}
			purge(t, nc)
			mustPut(t, s, "default", app("stall", "v1"), 0)
		})
	})
	t.Run("a watch begins again though nobody writes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, nc := begin(t)
			ch, err := s.WatchModels(t.Context(), "default")
			if err != nil {
				t.Fatal(err)
			}
			if c := <-ch; c.Name != "shop" || !(<-ch).End {
				t.Fatalf("the snapshot begins with %+v", c)
			}
			purge(t, nc)
			began := time.Now()
			if c := <-ch; !c.Restart {
				t.Fatalf("the watch says %+v", c)
			}
			if c := <-ch; !c.End {
				t.Fatalf("the new snapshot holds %+v", c)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Fatalf("noticed after %s", took)
			}
			mustPut(t, s, "default", app("stall", "v1"), 0)
			if c := <-ch; c.Name != "stall" {
				t.Fatalf("the watch says %+v", c)
			}
		})
	})
	t.Run("a bucket that was emptied", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, nc := begin(t)
			if got := names(t, s, "default"); got != "shop" {
				t.Fatalf("listed %q", got)
			}
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			stream, err := js.Stream(t.Context(), "KV_wadm_manifests")
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := names(t, s, "default"); got != "" {
				t.Fatalf("listed %q", got)
			}
		})
	})
}

// nc2 makes sure that all three buckets are there again, for another purge.
func nc2(t *testing.T, s *Store) *nats.Conn {
	t.Helper()
	for _, b := range []*bucket{s.manifests, s.runs, s.leases} {
		if _, _, err := b.info(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s.nc
}

func isErr(err, want error) bool { return err != nil && strings.Contains(err.Error(), want.Error()) }

func TestServerRestartIsSurvived(t *testing.T) {
	dir := t.TempDir()
	srv := natstest.Start(t, func(o *server.Options) { o.StoreDir = dir })
	port := srv.Addr().String()
	s, _ := process(t, srv, Options{})
	mustPut(t, s, "default", app("shop", "v1"), 0)
	ch, err := s.WatchModels(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	if c := <-ch; c.Name != "shop" || !(<-ch).End {
		t.Fatalf("the snapshot begins with %+v", c)
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	natstest.Start(t, func(o *server.Options) {
		o.StoreDir = dir
		_, err := fmt.Sscanf(port[strings.LastIndex(port, ":")+1:], "%d", &o.Port)
		if err != nil {
			t.Fatal(err)
		}
	})
	if c := <-ch; !c.Restart {
		t.Fatalf("the watch says %+v", c)
	}
	if c := <-ch; c.Name != "shop" || !(<-ch).End {
		t.Fatalf("the new snapshot begins with %+v", c)
	}
	mustPut(t, s, "default", app("stall", "v1"), 0)
	if c := <-ch; c.Name != "stall" {
		t.Fatalf("the watch says %+v", c)
	}
}

func TestJetStreamThatIsNotThereIsSaidInOneSentence(t *testing.T) {
	off := func(o *server.Options) { o.JetStream = false }
	for _, c := range []struct {
		name string
		srv  natstest.Option
		opts Options
		want string
	}{
		{"switched off", off, Options{}, `opening bucket "wadm_manifests": JetStream is not enabled on the NATS server: start it with -js, or with jetstream{} in its file (nobody answers on $JS.API.>)`},
		{"another domain", func(*server.Options) {}, Options{Domain: "edge"}, `opening bucket "wadm_manifests": nobody serves the JetStream domain "edge": check its name and the leaf connection (nobody answers on $JS.edge.API.>)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := Open(t.Context(), natstest.Connect(t, natstest.InProcess(t, c.srv)), c.opts)
				if err == nil || !strings.HasPrefix(err.Error(), c.want) {
					t.Fatalf("got %v, want it to begin with %q", err, c.want)
				}
			})
		})
	}
}

func TestADomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := process(t, natstest.InProcess(t, func(o *server.Options) { o.JetStreamDomain = "hub" }), Options{Domain: "hub"})
		mustPut(t, s, "default", app("shop", "v1"), 0)
		if got := names(t, s, "default"); got != "shop" {
			t.Fatalf("listed %q", got)
		}
	})
}

func TestARefusedSubjectIsNamedAtOnce(t *testing.T) {
	allow := func(subjects ...string) natstest.Option {
		return func(o *server.Options) {
			o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: subjects}}}}
		}
	}
	for _, c := range []struct {
		name string
		srv  natstest.Option
		do   func(ctx context.Context, s *Store) error
		want string
	}{
		{
			"opening", allow("nothing"), nil,
			`opening bucket "wadm_manifests": the NATS server does not permit subject "$JS.API.STREAM.INFO.KV_wadm_manifests": allow it for the user that wadm connects as`,
		},
		{
			"writing", allow("$JS.API.>"),
			func(ctx context.Context, s *Store) error {
				_, err := s.PutModel(ctx, "default", app("shop", "v1"), 0)
				return err
			},
			`saving app "shop": the NATS server does not permit subject "$KV.wadm_manifests.default-shop": allow it for the user that wadm connects as`,
		},
		{
			"watching", allow("$JS.API.STREAM.>", "$JS.API.DIRECT.>", "$KV.>"),
			func(ctx context.Context, s *Store) error {
				_, err := s.Models(ctx, "default")
				return err
			},
			`listing lattice "default": watching bucket "wadm_manifests": the NATS server does not permit subject "$JS.API.CONSUMER.CREATE.KV_wadm_manifests.`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var refusals Refusals
				nc := natstest.Connect(t, natstest.InProcess(t, c.srv), nats.UserInfo("u", "p"),
					nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refusals.Note(err) }))
				began := time.Now()
				s, err := Open(t.Context(), nc, Options{Refusals: &refusals})
				if s != nil {
					t.Cleanup(s.Close)
				}
				if err == nil {
					err = c.do(t.Context(), s)
				}
				if err == nil || !strings.HasPrefix(err.Error(), c.want) {
					t.Fatalf("got  %v\nwant %s", err, c.want)
				}
				if took := time.Since(began); took > time.Second {
					t.Fatalf("said after %s", took)
				}
			})
		})
	}
}

func TestWithoutTheHookARefusalIsATimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc := natstest.Connect(t, natstest.InProcess(t, func(o *server.Options) {
			o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{"x"}}}}}
		}), nats.UserInfo("u", "p"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		_, err := Open(t.Context(), nc, Options{})
		if want := `opening bucket "wadm_manifests": no answer from JetStream within 5s`; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Fatalf("got %v, want it to begin with %q", err, want)
		}
	})
}
