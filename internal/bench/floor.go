package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/redisstore"
	"github.com/wadm-go/wadm/internal/store"
)

// order is what the floor does for one request: it writes the values one after another, answers, and sends the messages.
type order struct {
	Bucket   string    `json:"bucket"`
	Redis    string    `json:"redis,omitempty"` // URL: the values go there
	Turn     string    `json:"turn"`            // part of the keys
	Values   [][]byte  `json:"values"`
	Messages []message `json:"messages,omitempty"`
	More     bool      `json:"more,omitempty"` // messages follow in another order
}

// floorRole is a bare responder: no control plane could do with less.
func floorRole(ctx context.Context, url string, _ []string) error {
	nc, err := nats.Connect(url, nats.Name("bench floor"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("opening JetStream: %w", err)
	}
	f := &bareServer{ctx: ctx, nc: nc, js: js, inbox: nc.NewInbox() + "."}
	for subject, hear := range map[string]nats.MsgHandler{
		"bench.floor.cpu":    tellCPU,
		"bench.floor.order":  f.take,
		"bench.floor.deploy": f.deploy,
		f.inbox + "*":        func(*nats.Msg) { <-f.window },
	} {
		if _, err := nc.Subscribe(subject, hear); err != nil {
			return fmt.Errorf("listening on %s: %w", subject, err)
		}
	}
	if err := nc.Flush(); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	ready("")
	<-ctx.Done()
	return nil
}

type bareServer struct {
	ctx    context.Context
	nc     *nats.Conn
	js     jetstream.JetStream
	inbox  string
	window chan struct{} // the commands that are not answered yet
	order  order
	kv     jetstream.KeyValue
	redis  *redisstore.Bare
}

// inFlight is how many commands may be without an answer, as the control plane has it for a lattice.
const inFlight = 4096

func (f *bareServer) take(m *nats.Msg) {
	var o order
	err := json.Unmarshal(m.Data, &o)
	if err == nil && f.order.More {
		f.order.Messages = append(f.order.Messages, o.Messages...)
		f.order.More = o.More
	} else {
		f.order = o
	}
	if err == nil && f.order.Redis != "" && f.redis == nil {
		f.redis, err = redisstore.NewBare(f.order.Redis, "app", store.Version{Manifest: []byte("{}")})
	}
	if err == nil && f.order.Bucket != "" {
		f.kv, err = f.js.KeyValue(f.ctx, f.order.Bucket)
	}
	f.window = make(chan struct{}, inFlight)
	reply(m, fmt.Sprint(err))
}

func (f *bareServer) write(key string, value []byte) error {
	if f.order.Redis != "" {
		return f.redis.Create(f.ctx, key, value)
	}
	_, err := f.kv.Create(f.ctx, key, value)
	return err
}

func (f *bareServer) deploy(m *nats.Msg) {
	for i, value := range f.order.Values {
		if err := f.write("floor."+f.order.Turn+"."+strconv.Itoa(i), value); err != nil {
			fmt.Fprintln(os.Stderr, "bench: writing:", err)
			return
		}
	}
	reply(m, true)
	for i := range f.order.Messages {
		one := &f.order.Messages[i]
		f.window <- struct{}{}
		if err := f.nc.PublishRequest(one.Subject, f.inbox+strconv.Itoa(i), one.Body); err != nil {
			fmt.Fprintln(os.Stderr, "bench: sending:", err)
			return
		}
	}
}
