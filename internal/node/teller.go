package node

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// teller publishes what an owner has to tell. A status that could not be sent is sent later, unless a newer one replaces it; an event is
// news, and old news is none. Events are written beside the loop: a deploy of a thousand commands tells three times as many, and the hosts come first.
type teller struct {
	nc      *nats.Conn
	lattice string
	log     *slog.Logger
	unsent  map[string][]byte // by application
	press   *flatPress
	story   *flatStory // of run's goroutine
	hosts   *nats.Conn // events of commands wait until it has handed over what was written to it; nil: for nothing

	ready chan struct{}
	done  chan struct{}
	mu    sync.Mutex
	news  []engine.Notice
	keep  map[string][]byte // statuses to be kept in the store, by application; nil bytes take one away
	kept  store.Statuses    // where; nil: nowhere
	ended bool
}

// keepTime bounds how long the end of a tenure waits for a store that does not answer.
const keepTime = 2 * time.Second

// hostsFirst bounds how long events wait for a connection that has commands to hand over.
const hostsFirst = time.Second

// keepIn makes the teller keep statuses in a store too. Call it before the first tell.
func (t *teller) keepIn(s store.Statuses) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = s
}

// behind makes events wait for what was sent to hosts before them. Call it before the first tell.
func (t *teller) behind(hosts *nats.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hosts = hosts
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
		t.store(c.App, body, c.Forget)
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

// store hands a status over to be kept.
func (t *teller) store(app string, body []byte, forget bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil {
		return
	}
	if forget {
		body = nil
	}
	if t.keep == nil {
		t.keep = make(map[string][]byte)
	}
	t.keep[app] = body
	t.wake()
}

// keepAll keeps what was handed over. What the store does not take is not kept: it is told again.
func (t *teller) keepAll(all map[string][]byte) {
	ctx, cancel := context.WithTimeout(context.Background(), keepTime)
	defer cancel()
	for _, app := range slices.Sorted(maps.Keys(all)) {
		if err := t.kept.KeepStatus(ctx, t.lattice, app, all[app], time.Now()); err != nil {
			t.log.Warn("a status is not kept, so a process that begins does not know it until it is told again", "app", app, "error", err)
		}
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
		news, keep, ended, hosts := t.news, t.keep, t.ended, t.hosts
		t.news, t.keep = nil, nil
		t.mu.Unlock()
		if len(news) > 0 && !ended && hosts != nil && hosts.IsConnected() {
			_ = hosts.FlushTimeout(hostsFirst) // in time or not: an event is only news
		}
		for _, n := range news {
			t.publish(n)
		}
		if len(keep) > 0 {
			t.keepAll(keep)
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
