package node

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

func TestSaves(t *testing.T) {
	ctx := context.Background()
	mine := engine.Run{App: "a", Epoch: 3}
	tests := map[string]struct {
		before *engine.Run
		save   engine.Save
		want   string
	}{
		"a first record":                       {nil, engine.Save{Run: mine}, "saved at 1"},
		"a record over the expected one":       {&engine.Run{App: "a"}, engine.Save{Run: mine, Expect: 1}, "saved at 2"},
		"a record over another one is lost":    {&engine.Run{App: "a"}, engine.Save{Run: mine}, "lost"},
		"a record that stands there by itself": {&mine, engine.Save{Run: mine}, "saved at 1"},
		"a removal":                            {&mine, engine.Save{Delete: true, Expect: 1}, "saved at 0"},
		"a removal of what is gone":            {nil, engine.Save{Delete: true, Expect: 1}, "saved at 0"},
		"a removal of another record is lost":  {&mine, engine.Save{Delete: true, Expect: 7}, "lost"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			runs := memstore.New()
			if tt.before != nil {
				if _, err := runs.PutRun(ctx, "l", *tt.before, 0); err != nil {
					t.Fatal(err)
				}
			}
			var got string
			s := newSaver(runs, "l", func(in engine.Saved) {
				got = fmt.Sprint("saved at ", in.Revision)
				if in.Lost {
					got = "lost"
				}
			})
			tt.save.App = "a"
			s.put(tt.save)
			s.wait()
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSavesOfOneApplicationKeepTheirOrder(t *testing.T) {
	runs := memstore.New()
	var mu sync.Mutex
	order := map[string][]engine.SaveID{}
	s := newSaver(runs, "l", func(in engine.Saved) {
		mu.Lock()
		defer mu.Unlock()
		app := string(rune('a' + in.ID%3))
		order[app] = append(order[app], in.ID)
	})
	for id := range engine.SaveID(300) {
		s.put(engine.Save{ID: id, App: string(rune('a' + id%3))})
	}
	s.wait()
	for app, ids := range order {
		for i := 1; i < len(ids); i++ {
			if ids[i] <= ids[i-1] {
				t.Fatalf("saves of %s ended as %d", app, ids)
			}
		}
	}
	if len(order) != 3 || len(order["a"]) != 100 {
		t.Errorf("ends: %d applications, %d of a", len(order), len(order["a"]))
	}
}

func TestStatusesBearTheirAge(t *testing.T) {
	read := func(rev uint64, l store.Lease) store.LeaseInput {
		return store.LeaseInput{Read: &store.LeaseRead{Revision: rev, Lease: l}}
	}
	none := store.LeaseInput{Read: &store.LeaseRead{Err: store.ErrNotFound}}
	tests := map[string]struct {
		stored bool
		steps  func(s *statuses)
		want   string
	}{
		"told by an owner that is there": {false, func(s *statuses) {
			s.note("l", read(1, store.Lease{TTL: 3 * time.Second}))
			s.note("l", read(2, store.Lease{TTL: 3 * time.Second}))
		}, "all is well"},
		"from the stream, while nobody is known": {true, func(*statuses) {}, "told 5s ago: all is well"},
		"from the stream, with a lease that may be stale": {true, func(s *statuses) { s.note("l", read(1, store.Lease{TTL: 3 * time.Second})) },
			"told 5s ago: all is well"},
		"from the stream, by an owner that is there": {true, func(s *statuses) {
			s.note("l", read(1, store.Lease{TTL: 3 * time.Second}))
			s.note("l", read(2, store.Lease{TTL: 3 * time.Second}))
		}, "all is well"},
		"by us": {true, func(s *statuses) {
			s.note("l", store.LeaseInput{Written: &store.LeaseWritten{Revision: 1}})
		}, "all is well"},
		"by an owner that has gone silent": {false, func(s *statuses) {
			s.note("l", read(1, store.Lease{TTL: 3 * time.Second}))
			time.Sleep(10 * time.Second)
			s.note("l", read(1, store.Lease{TTL: 3 * time.Second}))
		}, "no owner since 2000-01-01T00:00:05Z; told 15s ago: all is well"},
		"by an owner that has given up": {false, func(s *statuses) { s.note("l", read(1, store.Lease{Freed: true})) },
			"no owner since 2000-01-01T00:00:05Z; told 5s ago: all is well"},
		"where there never was an owner": {false, func(s *statuses) { s.note("l", none) }, "no owner yet; told 5s ago: all is well"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStatuses(newClock())
				s.take("wadm.status.l.hello", []byte(`{"status":{"type":"deployed","message":"all is well"},"version":"v1","components":[]}`), time.Now(), tt.stored)
				time.Sleep(5 * time.Second)
				tt.steps(s)
				got, ok := s.Status("l", "hello")
				if !ok || got.Status.Type != wadmapi.StatusDeployed || got.Status.Message != tt.want {
					t.Errorf("got %v %+v, want the message %q", ok, got.Status, tt.want)
				}
			})
		})
	}
}

func TestWhatIsHeardGoesBeforeWhatIsStored(t *testing.T) {
	s := newStatuses(newClock())
	at := time.Now()
	s.take("wadm.status.l.a", []byte(`{"status":{"type":"deployed"}}`), at, false)
	s.take("wadm.status.l.a", []byte(`{"status":{"type":"failed"}}`), at, true)
	for _, broken := range []string{"", "[]", "{}", `{"status":1}`} {
		s.take("wadm.status.l.a", []byte(broken), at, false)
	}
	s.take("wadm.other.l.a", []byte(`{"status":{"type":"failed"}}`), at, false)
	if got, _ := s.Status("l", "a"); got.Status.Type != wadmapi.StatusDeployed {
		t.Errorf("got %+v", got.Status)
	}
	if _, ok := s.Status("l", "b"); ok {
		t.Error("an application that nobody told of has a status")
	}
}

func TestAStatusWaitsForTheConnection(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		nc, away := natstest.Connect(t, srv), natstest.Connect(t, srv)
		sub, err := nc.SubscribeSync("wadm.>")
		if err != nil {
			t.Fatal(err)
		}
		nc.Flush()
		away.Close()
		press := newFlatPress(true, slog.New(slog.DiscardHandler))
		press.nc = nc
		tell := newTeller(away, "l", press, slog.New(slog.DiscardHandler))
		defer func() { tell.close() }()
		tell.tell([]engine.StatusChange{{App: "a", Status: wadmapi.NewStatus(wadmapi.StatusReconciling, "")}}, []engine.Notice{{Name: "old_news"}})
		tell.close()
		unsent := tell.unsent
		tell = newTeller(nc, "l", press, slog.New(slog.DiscardHandler))
		tell.unsent = unsent
		tell.tell([]engine.StatusChange{{App: "a", Status: wadmapi.NewStatus(wadmapi.StatusDeployed, "")}, {App: "b", Forget: true}}, []engine.Notice{{Name: "news"}})
		var got []string
		for range 3 {
			m, err := sub.NextMsg(time.Second)
			if err != nil {
				t.Fatal(err)
			}
			_, kind, _ := strings.Cut(string(m.Data), `"type":"`)
			kind, _, _ = strings.Cut(kind, `"`)
			got = append(got, m.Subject+" "+kind)
		}
		want := "wadm.status.l.a deployed, wadm.status.l.b undeployed, wadm.evt.l.news com.wadm.news"
		if strings.Join(got, ", ") != want {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestNoTwoReadingsOfTheClockAreEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its time stands still while anybody works
		c := newClock()
		const readers, each = 4, 1000
		var all [readers][each]time.Duration
		var group sync.WaitGroup
		for r := range readers {
			group.Go(func() {
				for i := range each {
					all[r][i] = c.now()
				}
			})
		}
		group.Wait()
		seen := map[time.Duration]bool{}
		for r := range readers {
			for i, at := range all[r] {
				if i > 0 && at <= all[r][i-1] {
					t.Fatalf("reading %d is %s, after %s", i, at, all[r][i-1])
				}
				seen[at] = true
			}
		}
		if len(seen) != readers*each {
			t.Errorf("%d readings are not all different", readers*each)
		}
		time.Sleep(time.Minute)
		if at := c.now(); at < time.Minute || at > time.Minute+time.Millisecond {
			t.Errorf("after a minute the clock says %s", at)
		}
	})
}

func TestEventsComeBehindTheCommandsThatTheyTellOf(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		nc, hosts, watching := natstest.Connect(t, srv), natstest.Connect(t, srv), natstest.Connect(t, srv)
		sub, err := watching.SubscribeSync(">")
		if err != nil {
			t.Fatal(err)
		}
		watching.Flush()
		press := newFlatPress(true, slog.New(slog.DiscardHandler))
		press.nc = nc
		tell := newTeller(nc, "l", press, slog.New(slog.DiscardHandler))
		tell.behind(hosts)
		defer tell.close()
		const commands = 500
		for range commands {
			if err := hosts.Publish("wasmbus.command", []byte("do")); err != nil {
				t.Fatal(err)
			}
		}
		tell.tell(nil, []engine.Notice{{Name: "news"}})
		for i := range commands + 1 {
			m, err := sub.NextMsg(time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if event := m.Subject == "wadm.evt.l.news"; event != (i == commands) {
				t.Fatalf("message %d is %s", i, m.Subject)
			}
		}
	})
}
