package node

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/wadmapi"
)

// flatPress publishes the flat events of generation 0.3, which stand beside those of 0.21 in every mode: on wadm.evt.{lattice}, and on bare wadm.evt
// as 0.3.0 did. Both carry one id, so that who hears both can tell. A subject that the server's permissions forbid is left alone from then on.
type flatPress struct {
	nc   *nats.Conn // set once, before the first event
	bare bool       // on bare wadm.evt, too
	log  *slog.Logger

	mu      sync.Mutex
	refused map[string]bool
}

func newFlatPress(bare bool, log *slog.Logger) *flatPress {
	return &flatPress{bare: bare, log: log, refused: make(map[string]bool)}
}

// publish tells an event. It waits for nobody: an event is news.
func (f *flatPress) publish(e wadmapi.FlatEvent) {
	body := wadmapi.EncodeFlat(uuid.NewString(), time.Now().UTC().Format(time.RFC3339Nano), e)
	f.send(wadmapi.FlatSubject(e.Data.Lattice), body)
	if f.bare {
		f.send(wadmapi.EventPrefix, body)
	}
}

func (f *flatPress) send(subject string, body []byte) {
	f.mu.Lock()
	refused := f.refused[subject]
	f.mu.Unlock()
	if refused {
		return
	}
	if err := f.nc.Publish(subject, body); err != nil {
		f.log.Debug("a flat event was not told", "subject", subject, "error", err)
	}
}

// forbid takes an error of the connection, and is true when it says that a subject of flat events is refused. That is said once.
func (f *flatPress) forbid(err error) bool {
	subject, ok := refusedFlat(err)
	if !ok {
		return false
	}
	f.mu.Lock()
	known := f.refused[subject]
	f.refused[subject] = true
	f.mu.Unlock()
	if !known {
		f.log.Warn("this NATS user may not publish the events of generation 0.3 there, so they are left out; nothing else depends on them", "subject", subject)
	}
	return true
}

// permit forgets what was refused: another connection may be allowed more.
func (f *flatPress) permit() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.refused)
}

// refusedFlat reads which subject of flat events the server does not let us publish on. It says so in words alone.
func refusedFlat(err error) (string, bool) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return "", false
	}
	_, rest, ok := strings.Cut(err.Error(), `ublish to "`)
	subject, _, closed := strings.Cut(rest, `"`)
	return subject, ok && closed && isFlatSubject(subject)
}

// isFlatSubject tells wadm.evt and wadm.evt.{lattice} from what has another token.
func isFlatSubject(subject string) bool {
	if subject == wadmapi.EventPrefix {
		return true
	}
	n := len(wadmapi.EventPrefix) + 1
	return len(subject) > n && subject == wadmapi.FlatSubject(subject[n:]) && wadmapi.ValidName(subject[n:]) == nil
}

// flatStory turns what an owner tells into flat events. It remembers the last state told of each application, for 0.3.0's clients wait for the next one.
// One goroutine uses it.
type flatStory struct {
	lattice string
	apps    map[string]flatTold
}

type flatTold struct {
	version, state string
	failed         bool // its errors were told since it was last idle
}

func newFlatStory(lattice string) *flatStory {
	return &flatStory{lattice: lattice, apps: make(map[string]flatTold)}
}

// of gives the flat events for a notice: one for each command and for each change of state, and one for the first failure of a deployment.
func (s *flatStory) of(n *engine.Notice) []wadmapi.FlatEvent {
	switch data := n.Data.(type) {
	case wadmapi.CommandEvent:
		return []wadmapi.FlatEvent{wadmapi.FlatAction(s.lattice, n.Name, data)}
	case wadmapi.StatusEvent:
		return s.ofStatus(&data)
	}
	return nil
}

func (s *flatStory) ofStatus(c *wadmapi.StatusEvent) []wadmapi.FlatEvent {
	if c.Undeploys {
		delete(s.apps, c.App) // model_undeployed has told it
		return nil
	}
	last, known := s.apps[c.App]
	if !known {
		last = flatTold{version: c.Version, state: wadmapi.DeploymentState(true, c.From)}
	}
	if last.version != c.Version {
		last = flatTold{version: c.Version}
	}
	next := flatTold{version: c.Version, state: wadmapi.DeploymentState(true, c.To), failed: last.failed}
	data := wadmapi.FlatData{Lattice: s.lattice, Name: c.App, Version: c.Version}
	var out []wadmapi.FlatEvent
	if c.To == wadmapi.StatusFailed && !last.failed {
		next.failed = true
		told := data
		told.Params = &wadmapi.FlatParams{}
		told.Message = fmt.Sprintf("%d errors occurred during reconciliation pass: %s", c.Errors, c.Message)
		out = append(out, wadmapi.FlatEvent{Name: wadmapi.FlatError, Data: told})
	}
	switch next.state {
	case wadmapi.StateIdle:
		next.failed = false
	case wadmapi.StateReconciling:
	default:
		next.state = last.state // waiting: it has no event of its own
	}
	s.apps[c.App] = next
	if next.state != last.state {
		data.State = next.state
		out = append(out, wadmapi.FlatEvent{Name: wadmapi.FlatStateChanged, Data: data})
	}
	return out
}
