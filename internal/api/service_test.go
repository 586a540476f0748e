package api

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

// patience bounds every wait of a test; only a failing one reaches it.
const patience = 20 * time.Second

// bench is a service on a real server, with a client beside it.
type bench struct {
	t       *testing.T
	nc      *nats.Conn // the client's
	store   *watchedStore
	service *Service
}

func newBench(t *testing.T, change ...func(*Options)) *bench {
	t.Helper()
	srv := natstest.Start(t)
	b := &bench{t: t, nc: natstest.Connect(t, srv), store: newStore(t)}
	o := Options{Models: b.store, Wishes: b.store, Status: noStatus{}, Log: slog.New(slog.DiscardHandler), Timeout: patience}
	for _, c := range change {
		c(&o)
	}
	b.service = New(natstest.Connect(t, srv), o)
	if err := b.service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.service.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

// ask sends a request and returns the reply's text.
func (b *bench) ask(subject, body string, header ...string) string {
	b.t.Helper()
	m := nats.NewMsg(subject)
	m.Data = []byte(body)
	for i := 0; i+1 < len(header); i += 2 {
		m.Header[header[i]] = []string{header[i+1]}
	}
	reply, err := b.nc.RequestMsg(m, patience)
	if err != nil {
		b.t.Fatalf("asking %s: %v", subject, err)
	}
	return string(reply.Data)
}

// model asks for an operation on a model of the lattice default.
func (b *bench) model(op, body string, header ...string) string {
	b.t.Helper()
	return b.ask("wadm.api.default.model."+op, body, header...)
}

// events listens; the client's connection delivers an event before the reply that follows it.
func (b *bench) events(subject string) chan *nats.Msg {
	b.t.Helper()
	ch := make(chan *nats.Msg, 1024)
	if _, err := b.nc.ChanSubscribe(subject, ch); err != nil {
		b.t.Fatal(err)
	}
	if err := b.nc.Flush(); err != nil {
		b.t.Fatal(err)
	}
	return ch
}

// taken empties the channel without waiting.
func taken(ch chan *nats.Msg) []*nats.Msg {
	var all []*nats.Msg
	for {
		select {
		case m := <-ch:
			all = append(all, m)
		default:
			return all
		}
	}
}

// A store that does not answer holds up all requests on one application, and none of them stays without an answer: clients wait no longer for the last
// than for the first. What comes too late is not done.
func TestRequestsBehindASlowOneAreAnsweredInTime(t *testing.T) {
	const limit = 300 * time.Millisecond
	b := newBench(t, func(o *Options) { o.Generation, o.Timeout = wadmapi.Generation03, limit })
	b.model("put", "metadata: {name: shop, annotations: {version: a}}\nspec: {components: []}\n")
	hold := make(chan struct{})
	b.store.before = func(call, _ string) error {
		if call == "Model" {
			<-hold
		}
		return nil
	}
	replies := make(chan *nats.Msg, 3)
	if _, err := b.nc.ChanSubscribe("answers", replies); err != nil {
		t.Fatal(err)
	}
	for range cap(replies) {
		if err := b.nc.PublishRequest("wadm.api.default.model.deploy.shop", "answers", []byte(`{"version":"a"}`)); err != nil {
			t.Fatal(err)
		}
	}
	time.AfterFunc(5*limit, func() { close(hold) })
	late := 0
	for range cap(replies) {
		select {
		case m := <-replies:
			if strings.Contains(string(m.Data), errTooLate.Error()) {
				late++
			}
		case <-time.After(patience):
			t.Fatal("a request has no answer")
		}
	}
	if late != cap(replies)-1 {
		t.Errorf("%d requests were said to come too late, want all behind the first", late)
	}
}
