package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/wadmapi"
)

const (
	ackWithin     = time.Second      // how long a deploy waits for the stream to confirm its event
	lookAgainIn   = 10 * time.Second // how often a missing stream is looked for
	lookupTimeout = 5 * time.Second
)

// notifier publishes manifest events. Where the stream wadm_events exists its acknowledgement is awaited, so that another wadm beside us
// cannot miss the event; where it does not (never made, or purged), the event is published all the same and nothing is waited for: the
// owner learns of every change from the store, so a lost event costs nothing but its nudge.
type notifier struct {
	nc  *nats.Conn
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	kept    bool // the stream was there when we looked last, and has acknowledged since
	looking bool
	looked  time.Time // when the last look ended
	asked   time.Time // when what is known was asked for
}

// publish sends an event. It never fails a request: what was stored is stored.
func (n *notifier) publish(ctx context.Context, lattice string, e Event) {
	id := uuid.NewString()
	msg := nats.NewMsg(wadmapi.EventSubject(lattice, e.Name))
	msg.Data = wadmapi.EncodeEvent(id, n.now().UTC().Format(time.RFC3339Nano), e.Name, e.Data)
	if !n.streamKnown() {
		if err := n.nc.PublishMsg(msg); err != nil {
			n.log.Warn("publishing a manifest event", "lattice", lattice, "event", e.Name, "err", err)
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ackWithin)
	defer cancel()
	if err := n.acknowledged(ctx, msg); err != nil {
		n.forgetStream()
		n.log.Warn("a manifest event was published but no stream confirmed it", "lattice", lattice, "event", e.Name, "stream", wadmapi.EventStream, "err", err)
	}
}

func (n *notifier) acknowledged(ctx context.Context, msg *nats.Msg) error {
	answer, err := n.nc.RequestMsgWithContext(ctx, msg)
	if err != nil {
		return fmt.Errorf("publishing on %s: %w", msg.Subject, err)
	}
	var ack struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
		Stream string `json:"stream"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return fmt.Errorf("reading the acknowledgement on %s: %w", msg.Subject, err)
	}
	if ack.Error != nil {
		return errors.New(ack.Error.Description)
	}
	if ack.Stream == "" {
		return errors.New("something else than a stream answered")
	}
	return nil
}

// streamKnown tells whether an acknowledgement may be awaited. When it may not, a look at the server is started from time to time.
func (n *notifier) streamKnown() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.kept && !n.looking && (n.looked.IsZero() || n.now().Sub(n.looked) >= lookAgainIn) {
		n.looking = true
		go n.look()
	}
	return n.kept
}

// look asks whether the stream is there. What was asked for earlier than what is known is old news, whenever the answer comes.
func (n *notifier) look() {
	began := n.now()
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	js, err := jetstream.New(n.nc)
	if err == nil {
		_, err = js.Stream(ctx, wadmapi.EventStream)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looking = false
	if !began.Before(n.asked) {
		n.asked, n.looked, n.kept = began, n.now(), err == nil
	}
}

func (n *notifier) forgetStream() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept, n.looked = false, n.now()
	n.asked = n.looked
}
