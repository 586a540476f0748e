package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

func flat(id, name, lattice string) []byte {
	return wadmapi.EncodeFlat(id, "t", wadmapi.FlatEvent{Name: name, Data: wadmapi.FlatData{Lattice: lattice, Name: "a"}})
}

func TestEachThingIsToldOnce(t *testing.T) {
	own := wadmapi.EncodeEvent("1", "t", wadmapi.EventStatusChanged, wadmapi.StatusEvent{App: "a"})
	type step struct {
		name, subject string
		body          []byte
		once, flat    bool
	}
	steps := []step{
		{"an event of 0.21", "wadm.evt.l.status_changed", own, true, false},
		{"the flat one that says the same", "wadm.evt.l", flat("2", "deployment_state_changed", "l"), false, true},
		{"its copy on the bare subject", "wadm.evt", flat("2", "deployment_state_changed", "l"), false, false},
		{"a flat one that has no like", "wadm.evt.l", flat("3", "model_version_created", "l"), true, true},
		{"its copy", "wadm.evt", flat("3", "model_version_created", "l"), false, false},
		{"one of the real 0.3.0", "wadm.evt", flat("4", "control_action_taken", "l"), true, true},
		{"one of another lattice", "wadm.evt", flat("5", "control_action_taken", "m"), false, false},
		{"one of 0.21 where it should not be", "wadm.evt", own, false, false},
		{"no event", "wadm.evt.l.x", []byte(`{"data":{}}`), false, false},
		{"no JSON", "wadm.evt.l.x", []byte(`{`), false, false},
		{"flat without an id", "wadm.evt", flat("", "model_deployed", "l"), true, true},
		{"and another", "wadm.evt", flat("", "model_deployed", "l"), true, true},
		{"flat data that is none", "wadm.evt", []byte(`{"type":"com.wasmcloud.wadm.model_deployed","data":[]}`), false, false},
	}
	once, only := newSieve("l", EventsOnce), newSieve("l", EventsFlat)
	for _, s := range steps {
		if _, ok := once.take(s.subject, s.body); ok != s.once {
			t.Errorf("%s: told %v", s.name, ok)
		}
		if s.subject == "wadm.evt.l.status_changed" {
			continue // not listened to
		}
		if _, ok := only.take(s.subject, s.body); ok != s.flat {
			t.Errorf("%s, flat alone: told %v", s.name, ok)
		}
	}
	for i := range 2 * rememberedIDs {
		once.take("wadm.evt", flat(fmt.Sprint("many", i), "model_deployed", "l"))
	}
	if len(once.seen) != rememberedIDs || len(once.order) != rememberedIDs {
		t.Errorf("%d ids are remembered, %d in order", len(once.seen), len(once.order))
	}
}

func TestEventsAreFollowedInTheirOrder(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		nc, pub := natstest.Connect(t, srv), natstest.Connect(t, srv)
		c, err := New(nc, "l")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		events, err := c.SubscribeEvents(ctx, EventsOnce)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range 50 {
			id := fmt.Sprint("own", i)
			_ = pub.Publish("wadm.evt.l.host_lost", wadmapi.EncodeEvent(id, "t", wadmapi.EventHostLost, wadmapi.HostEvent{Host: "N"}))
			_ = pub.Publish("wadm.evt", flat(fmt.Sprint("flat", i), "model_deployed", "l"))
			want = append(want, id, fmt.Sprint("flat", i))
		}
		var got []string
		for range want {
			got = append(got, (<-events).Event.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		cancel()
		if _, open := <-events; open {
			t.Error("the channel is open after the end")
		}
		events, err = c.SubscribeEvents(t.Context(), EventsFlat)
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
		if _, open := <-events; open {
			t.Error("the channel is open though the connection is closed")
		}
	})
}

func TestKeptEvents(t *testing.T) {
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	c, err := New(nc, "l", WithTimeout(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	kept := func() (ids []string, err error) {
		err = c.KeptEvents(t.Context(), "", func(e Told) error { ids = append(ids, e.Event.ID); return nil })
		return ids, err
	}
	if _, err := kept(); !errors.Is(err, ErrNoEventsKept) {
		t.Errorf("without a stream: %v", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: wadmapi.EventStream, Subjects: []string{"wadm.evt.*.>"}}); err != nil {
		t.Fatal(err)
	}
	if ids, err := kept(); err != nil || len(ids) != 0 {
		t.Errorf("of an empty stream: %v, %v", ids, err)
	}
	for _, at := range []string{"l", "m", "l"} {
		subject := wadmapi.EventSubject(at, wadmapi.EventHostFound)
		if _, err := js.Publish(t.Context(), subject, wadmapi.EncodeEvent("id-"+at, "t", wadmapi.EventHostFound, wadmapi.HostEvent{})); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := kept(); err != nil || len(ids) != 2 || ids[0] != "id-l" {
		t.Errorf("of one lattice: %v, %v", ids, err)
	}
	stop := errors.New("enough")
	if err := c.KeptEvents(t.Context(), "", func(Told) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopping: %v", err)
	}

	plain, err := New(natstest.Connect(t, natstest.Start(t, func(o *server.Options) { o.JetStream = false })), "l", WithTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.KeptEvents(t.Context(), "", func(Told) error { return nil }); !errors.Is(err, ErrNoEventsKept) {
		t.Errorf("without JetStream: %v", err)
	}
}

func TestMain(m *testing.M) { natstest.Main(m) }
