package ledger

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// Cause names what failed: one component on one host, one link, or one config of an application.
type Cause struct {
	Host lattice.HostID
	What string // component name; "link …"; "config …"
}

// Backoff says when something that failed may be tried again. It is data: plans, status and people read it.
type Backoff struct {
	Tries int           // failures in a row
	Until time.Duration // not tried again before
	Pause time.Duration // between the failure and Until
	Last  string        // what the host said
}

// CauseOf is the cause that a failure of the command is booked on.
func CauseOf(c *Command) Cause {
	switch c.Action {
	case PutLink, DeleteLink:
		return Cause{What: "link " + c.Link.Source + " " + c.Link.Name + " " + c.Link.Namespace + ":" + c.Link.Package + c.Link.Contract}
	case PutConfig, DeleteConfig:
		return Cause{What: "config " + c.ConfigName}
	}
	if c.Component != "" {
		return Cause{Host: c.Host, What: c.Component}
	}
	return Cause{Host: c.Host, What: "id " + c.Target.ID}
}

// Backoff returns what is remembered of a cause.
func (l *Ledger) Backoff(app string, c Cause) (Backoff, bool) {
	b, ok := l.backoff[app][c]
	return b, ok
}

// Causes are those of the application that failed on a host under that name and have not worked since, by host.
func (l *Ledger) Causes(app, what string) []Cause {
	var out []Cause
	// order: sorted below.
	for c := range l.backoff[app] {
		if c.What == what && c.Host != "" {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Cause) int { return cmp.Compare(a.Host, b.Host) })
	return out
}

// Waiting says that the cause is not to be tried at now.
func (l *Ledger) Waiting(app string, c Cause, now time.Duration) bool {
	b, ok := l.backoff[app][c]
	return ok && now < b.Until
}

// Forgive drops what is remembered of one cause: it has worked.
func (l *Ledger) Forgive(app string, c Cause) {
	if m := l.backoff[app]; m != nil {
		delete(m, c)
		if len(m) == 0 {
			delete(l.backoff, app)
		}
	}
}

// Blames says that something of the application failed and has not worked since.
func (l *Ledger) Blames(app string) bool { return len(l.backoff[app]) > 0 }

// ForgiveAll drops it for a whole application: the user wants it tried now.
func (l *Ledger) ForgiveAll(app string) { delete(l.backoff, app) }

// Prune drops what is remembered of hosts that are gone for good, once it may be tried again there.
func (l *Ledger) Prune(gone func(lattice.HostID) bool, now time.Duration) {
	// order: each application by itself.
	for app, causes := range l.backoff {
		maps.DeleteFunc(causes, func(c Cause, b Backoff) bool { return c.Host != "" && now >= b.Until && gone(c.Host) })
		if len(causes) == 0 {
			delete(l.backoff, app)
		}
	}
}

func (l *Ledger) blame(app string, c Cause, why string, now time.Duration) Backoff {
	m := l.backoff[app]
	if m == nil {
		m = map[Cause]Backoff{}
		l.backoff[app] = m
	}
	b := m[c]
	b.Tries++
	b.Last = why
	b.Pause = l.pause(app, c, b.Tries)
	b.Until = now + b.Pause
	m[c] = b
	return b
}

// pause doubles with each failure up to the most, and is moved by up to a fifth either way so that many causes do not come back at once. The
// shift is derived from the cause, not drawn: the same inputs give the same pauses.
func (l *Ledger) pause(app string, c Cause, tries int) time.Duration {
	d := l.settings.BackoffFirst
	for i := 1; i < tries && d < l.settings.BackoffMost; i++ {
		d *= 2
	}
	d = min(d, l.settings.BackoffMost)
	h := fnv.New64a()
	for _, s := range []string{app, string(c.Host), c.What, strconv.Itoa(tries)} {
		_, _ = h.Write([]byte(s))
		_, _ = h.Write([]byte{0})
	}
	return d + time.Duration(int64(h.Sum64()%401)-200)*d/1000
}
