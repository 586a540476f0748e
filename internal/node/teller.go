package node

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/wadmapi"
)

// teller publishes what an owner has to tell. A status that could not be sent is sent later, unless a newer one replaces it; an event is
// news, and old news is none. Events are written beside the loop: a deploy of a thousand commands tells as many, and the hosts come first.
type teller struct {
	nc      *nats.Conn
	lattice string
	log     *slog.Logger
	unsent  map[string][]byte // by application
	press   *flatPress
	story   *flatStory // of run's goroutine

	ready chan struct{}
	done  chan struct{}
	mu    sync.Mutex
	news  []engine.Notice
	ended bool
}

func newTeller(nc *nats.Conn, lattice string, press *flatPress, log *slog.Logger) *teller {
	t := &teller{
		nc: nc, lattice: lattice, log: log, unsent: make(map[string][]byte), press: press, story: newFlatStory(lattice),
		ready: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go t.run()
	return t
}

// tell publishes the statuses and hands over the events.
func (t *teller) tell(changes []engine.StatusChange, notices []engine.Notice) {
	for _, c := range changes {
		status := c.Status
		if c.Forget && status.Status.Type == "" {
			status = wadmapi.NewStatus(wadmapi.StatusUndeployed, "")
		}
		body, err := wadmapi.Encode(status)
		if err != nil {
			t.log.Error("a status cannot be written", "app", c.App, "error", err)
			continue
		}
		t.log.Info("status", "app", c.App, "type", string(status.Status.Type), "message", status.Status.Message)
		t.unsent[c.App] = body
	}
	for _, app := range slices.Sorted(maps.Keys(t.unsent)) {
		if err := t.nc.Publish(wadmapi.StatusSubject(t.lattice, app), t.unsent[app]); err != nil {
			t.log.Debug("statuses wait for the connection", "waiting", len(t.unsent), "error", err)
			break
		}
		delete(t.unsent, app)
	}
	if len(notices) > 0 {
		t.mu.Lock()
		t.news = append(t.news, notices...)
		t.mu.Unlock()
		t.wake()
	}
}

func (t *teller) wake() {
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// close returns when the last event is out.
func (t *teller) close() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.wake()
	<-t.done
}

func (t *teller) run() {
	defer close(t.done)
	for range t.ready {
		t.mu.Lock()
		news, ended := t.news, t.ended
		t.news = nil
		t.mu.Unlock()
		for _, n := range news {
			t.publish(n)
		}
		if ended {
			return
		}
	}
}

func (t *teller) publish(n engine.Notice) {
	t.log.Debug("event", "name", n.Name)
	event := wadmapi.EncodeEvent(uuid.NewString(), time.Now().UTC().Format(time.RFC3339Nano), n.Name, n.Data)
	if err := t.nc.Publish(wadmapi.EventSubject(t.lattice, n.Name), event); err != nil {
		t.log.Debug("an event was not told", "name", n.Name, "error", err)
	}
	for _, flat := range t.story.of(&n) {
		t.press.publish(flat)
	}
}

// tellFailure shows in the status of every application that nobody looks after it for a moment. The next owner tells better.
func (p *process) tellFailure(lattice, message string) {
	for app, last := range p.statuses.all(lattice) {
		if last.Status.Type == wadmapi.StatusUndeployed {
			continue
		}
		last.Status = wadmapi.StatusInfo{Type: wadmapi.StatusFailed, Message: message}
		body, err := json.Marshal(last)
		if err != nil {
			continue // it was read from JSON
		}
		if err := p.nc.Publish(wadmapi.StatusSubject(lattice, app), body); err != nil {
			p.log.Debug("a status was not told", "lattice", lattice, "app", app, "error", err)
		}
	}
}
