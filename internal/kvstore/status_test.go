package kvstore

import (
	"errors"
	"fmt"
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
	"github.com/wadm-go/wadm/wadmapi"
)

func status(word string) wadmapi.Status {
	return wadmapi.Status{Status: wadmapi.StatusInfo{Type: wadmapi.StatusType(word)}, Version: "v1", Components: []struct{}{}}
}

// inStreams runs a test in virtual time with a JetStream.
func inStreams(t *testing.T, test func(t *testing.T, js jetstream.JetStream, nc *nats.Conn), opts ...natstest.Option) {
	synctest.Test(t, func(t *testing.T) {
		nc := natstest.Connect(t, natstest.InProcess(t, opts...))
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		test(t, js, nc)
	})
}

func TestMissingStreamsAreMadeAsTheOlderProgramDoes(t *testing.T) {
	inStreams(t, func(t *testing.T, js jetstream.JetStream, _ *nats.Conn) {
		for range 2 { // the second time they are there
			if err := EnsureStreams(t.Context(), js, StreamOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		common := jetstream.StreamConfig{
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1,
			MaxMsgsPerSubject: -1, Replicas: 1, Storage: jetstream.FileStorage,
		}
		// streams_wadm_fresh of the recordings from wadm 0.21.1
		statuses, events := common, common
		statuses.Name, statuses.Subjects, statuses.MaxMsgsPerSubject = "wadm_status", []string{"wadm.status.*.*"}, 10
		statuses.Duplicates, statuses.AllowDirect = 2*time.Minute, true
		events.Name, events.Subjects, events.MaxAge, events.Duplicates = "wadm_events", []string{"wadm.evt.*.>"}, 70*time.Second, 70*time.Second
		for _, want := range []jetstream.StreamConfig{statuses, events} {
			s, err := js.Stream(t.Context(), want.Name)
			if err != nil {
				t.Fatal(err)
			}
			got := s.CachedInfo().Config
			got.Metadata, got.Description = nil, ""
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("stream %s (-want +got):\n%s", want.Name, diff)
			}
		}
	})
}

func TestAnExistingStreamIsKept(t *testing.T) {
	inStreams(t, func(t *testing.T, js jetstream.JetStream, _ *nats.Conn) {
		mine := jetstream.StreamConfig{Name: "wadm_status", Subjects: []string{"wadm.status.>"}, MaxMsgsPerSubject: 3}
		if _, err := js.CreateStream(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		if err := EnsureStreams(t.Context(), js, StreamOptions{}); err != nil {
			t.Fatal(err)
		}
		s, err := js.Stream(t.Context(), "wadm_status")
		if err != nil || s.CachedInfo().Config.MaxMsgsPerSubject != 3 {
			t.Fatalf("the stream is now %+v (%v)", s.CachedInfo().Config, err)
		}
	})
}

func TestStreamsWithoutJetStream(t *testing.T) {
	inStreams(t, func(t *testing.T, js jetstream.JetStream, _ *nats.Conn) {
		err := EnsureStreams(t.Context(), js, StreamOptions{})
		if want := `making sure of stream "wadm_status": JetStream is not enabled on the NATS server`; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Fatalf("got %v, want it to begin with %q", err, want)
		}
	}, func(o *server.Options) { o.JetStream = false })
}

func TestTheLastStatusIsKept(t *testing.T) {
	inStreams(t, func(t *testing.T, js jetstream.JetStream, nc *nats.Conn) {
		ctx := t.Context()
		if err := EnsureStreams(ctx, js, StreamOptions{}); err != nil {
			t.Fatal(err)
		}
		l := NewStatusLog(js, StreamOptions{}, 0)
		if _, err := l.LastStatus(ctx, "default", "shop"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("got %v, want not found", err)
		}
		for i := range 40 {
			for _, word := range []string{"reconciling", "deployed"} {
				if err := l.PublishStatus(ctx, "default", fmt.Sprintf("app-%d", i), status(word)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := l.PublishStatus(ctx, "east", "shop", status("failed")); err != nil {
			t.Fatal(err)
		}
		if err := nc.Publish("wadm.status.default.garbage", []byte("{")); err != nil {
			t.Fatal(err)
		}
		got, err := l.LastStatus(ctx, "default", "app-7")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(status("deployed"), got); diff != "" {
			t.Fatal(diff)
		}
		if _, err := l.LastStatus(ctx, "default", "garbage"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("got %v for garbage, want not found", err)
		}
		all, err := l.AllStatus(ctx, "default")
		if err != nil || len(all) != 40 {
			t.Fatalf("%d statuses (%v), want 40", len(all), err)
		}
		for name, st := range all {
			if st.Status.Type != wadmapi.StatusDeployed {
				t.Errorf("%s is %s", name, st.Status.Type)
			}
		}
		if err := l.ForgetStatus(ctx, "default", "app-7"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.LastStatus(ctx, "default", "app-7"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("got %v for what is forgotten, want not found", err)
		}
	})
}

func TestAStatusStreamThatIsGone(t *testing.T) {
	for _, c := range []struct {
		name   string
		listen bool
	}{{"and nobody listens", false}, {"and somebody listens", true}} {
		t.Run(c.name, func(t *testing.T) {
			inStreams(t, func(t *testing.T, js jetstream.JetStream, nc *nats.Conn) {
				ctx := t.Context()
				l := NewStatusLog(js, StreamOptions{}, time.Second)
				if all, err := l.AllStatus(ctx, "default"); err != nil || len(all) != 0 {
					t.Fatalf("the statuses are %v (%v), want none", all, err)
				}
				if err := l.ForgetStatus(ctx, "default", "shop"); err != nil {
					t.Fatal(err)
				}
				heard := 0
				if c.listen {
					if _, err := nc.Subscribe("wadm.status.>", func(*nats.Msg) { heard++ }); err != nil {
						t.Fatal(err)
					}
				}
				if err := l.PublishStatus(ctx, "default", "shop", status("deployed")); err != nil {
					t.Fatal(err)
				}
				if got, err := l.LastStatus(ctx, "default", "shop"); err != nil || got.Status.Type != wadmapi.StatusDeployed {
					t.Fatalf("the last status is %v (%v)", got, err)
				}
				synctest.Wait()
				if c.listen && heard == 0 {
					t.Fatal("the subscriber heard nothing")
				}
			})
		})
	}
}

func TestAStatusIsHeardWithoutJetStream(t *testing.T) {
	inStreams(t, func(t *testing.T, js jetstream.JetStream, nc *nats.Conn) {
		heard := 0
		if _, err := nc.Subscribe("wadm.status.default.shop", func(*nats.Msg) { heard++ }); err != nil {
			t.Fatal(err)
		}
		err := NewStatusLog(js, StreamOptions{}, time.Second).PublishStatus(t.Context(), "default", "shop", status("deployed"))
		if err == nil {
			t.Fatal("want an error: nothing keeps the status")
		}
		synctest.Wait()
		if heard != 1 {
			t.Fatalf("heard %d times, want once", heard)
		}
	}, func(o *server.Options) { o.JetStream = false })
}

func TestStatusNamesThatNoSubjectCanCarry(t *testing.T) {
	inStreams(t, func(t *testing.T, js jetstream.JetStream, _ *nats.Conn) {
		l := NewStatusLog(js, StreamOptions{}, 0)
		for _, name := range []string{"", "a.b", "*", ">", "a b"} {
			if err := l.PublishStatus(t.Context(), "default", name, status("deployed")); err == nil {
				t.Errorf("told a status of app %q", name)
			}
			if _, err := l.AllStatus(t.Context(), name); err == nil {
				t.Errorf("read statuses of lattice %q", name)
			}
			if err := l.ForgetStatus(t.Context(), name, "shop"); err == nil {
				t.Errorf("forgot a status of lattice %q", name)
			}
		}
	})
}
