package ledger

import (
	"maps"
	"slices"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// Never is a time that has not come.
const Never = lattice.Never

// Settings are how long things may take. The zero value is of no use; see Defaults.
type Settings struct {
	ComponentStart time.Duration // from sending until a start without news has failed
	ProviderStart  time.Duration
	Stop           time.Duration
	Stored         time.Duration // links and configs
	Goodbye        time.Duration // so long a stop may go on after its event
	BackoffFirst   time.Duration
	BackoffMost    time.Duration
}

// Defaults are the settings of the design.
func Defaults() Settings {
	return Settings{
		ComponentStart: 2 * time.Minute,
		ProviderStart:  5 * time.Minute,
		Stop:           time.Minute,
		Stored:         10 * time.Second,
		Goodbye:        10 * time.Second,
		BackoffFirst:   time.Second,
		BackoffMost:    time.Minute,
	}
}

// Entry is a command that was asked for and is not yet settled.
type Entry struct {
	Command
	SentAt   time.Duration // Never until it was sent
	Deadline time.Duration // when it has failed without news; Never until it was sent
	Acked    bool
	crossed  bool // the host began anew between the sending and the acknowledgement
	Done     int  // instances seen to start or stop since, where the host tells them one by one
}

// Starting says that the command brings up instances that do not run yet.
func (e *Entry) Starting() bool { return e.Action == Scale && e.To > e.From }

// Stopping says that the command takes instances away.
func (e *Entry) Stopping() bool { return e.Action == Scale && e.To < e.From }

// Work names what the entries of one component of one application have in common. Component is empty for what no revision names.
type Work struct{ App, Component string }

type slot struct {
	app  string
	host lattice.HostID
	kind lattice.Kind
	id   string // id, or "ref "+reference while the id is not known
	link string
}

// Ledger is owned by one engine; it is not safe for concurrent use.
type Ledger struct {
	settings Settings
	next     CommandID
	entries  map[CommandID]*Entry
	byWork   map[Work][]*Entry
	byHost   map[lattice.HostID][]*Entry // lattice-wide ones under ""
	bySlot   map[slot]*Entry
	last     map[slot]time.Duration // when the last command for it was sent; see Forget
	pending  map[lattice.HostID]int // instances under way on a host
	backoff  map[string]map[Cause]Backoff
	apps     map[string]int // open entries of an application
}

// New returns an empty ledger.
func New(s Settings) *Ledger {
	return &Ledger{
		settings: s,
		entries:  map[CommandID]*Entry{},
		byWork:   map[Work][]*Entry{},
		byHost:   map[lattice.HostID][]*Entry{},
		bySlot:   map[slot]*Entry{},
		last:     map[slot]time.Duration{},
		pending:  map[lattice.HostID]int{},
		backoff:  map[string]map[Cause]Backoff{},
		apps:     map[string]int{},
	}
}

func slotsOf(c *Command) (byID, byRef slot) {
	s := slot{app: c.App, host: c.Host, kind: c.Target.Kind, link: c.Target.Link}
	byID, byRef = s, s
	if c.Target.ID != "" {
		byID.id = c.Target.ID
	}
	if c.Target.Ref != "" {
		byRef.id = "ref " + c.Target.Ref
	}
	return byID, byRef
}

func onHost(c *Command) bool { return c.Action == Scale || c.Action == Update }

// Add enters a command and gives it its id. It counts as under way from now on, and is sent later (see Sent).
func (l *Ledger) Add(c Command) *Entry {
	l.next++
	c.ID = l.next
	e := &Entry{Command: c, SentAt: Never, Deadline: Never}
	l.entries[c.ID] = e
	w := Work{c.App, c.Component}
	l.byWork[w] = append(l.byWork[w], e)
	l.byHost[c.Host] = append(l.byHost[c.Host], e)
	l.apps[c.App]++
	if onHost(&c) {
		byID, byRef := slotsOf(&c)
		if byID.id != "" {
			l.bySlot[byID] = e
		}
		if byRef.id != "" {
			l.bySlot[byRef] = e
		}
		l.pending[c.Host] += max(0, c.To-c.From)
	}
	return e
}

// Restore enters an intent that an earlier owner saved: it may have been sent, nobody knows. It counts as sent at now.
func (l *Ledger) Restore(c Command, now time.Duration) *Entry {
	e := l.Add(c)
	l.stamp(e, now)
	return e
}

// Sent notes that the command goes out now. It is false if the entry is gone meanwhile.
func (l *Ledger) Sent(id CommandID, now time.Duration) bool {
	e := l.entries[id]
	if e == nil {
		return false
	}
	l.stamp(e, now)
	return true
}

func (l *Ledger) stamp(e *Entry, now time.Duration) {
	e.SentAt = now
	e.Deadline = now + l.allowance(e)
	if !onHost(&e.Command) {
		return
	}
	byID, byRef := slotsOf(&e.Command)
	if byID.id != "" {
		l.last[byID] = now
	}
	if byRef.id != "" {
		l.last[byRef] = now
	}
}

func (l *Ledger) allowance(e *Entry) time.Duration {
	switch {
	case !onHost(&e.Command):
		return l.settings.Stored
	case e.Stopping():
		return l.settings.Stop
	case e.Target.Kind == lattice.Provider:
		return l.settings.ProviderStart
	}
	return l.settings.ComponentStart
}

// remove takes the entry out of every index.
func (l *Ledger) remove(e *Entry) {
	delete(l.entries, e.ID)
	w := Work{e.App, e.Component}
	if l.byWork[w] = without(l.byWork[w], e); len(l.byWork[w]) == 0 {
		delete(l.byWork, w)
	}
	if l.byHost[e.Host] = without(l.byHost[e.Host], e); len(l.byHost[e.Host]) == 0 {
		delete(l.byHost, e.Host)
	}
	if l.apps[e.App]--; l.apps[e.App] <= 0 {
		delete(l.apps, e.App)
	}
	if !onHost(&e.Command) {
		return
	}
	byID, byRef := slotsOf(&e.Command)
	l.vacate(byID, e)
	l.vacate(byRef, e)
	if l.pending[e.Host] -= max(0, e.To-e.From); l.pending[e.Host] <= 0 {
		delete(l.pending, e.Host)
	}
}

// vacate gives the slot of a settled entry to the newest one that is still open there.
func (l *Ledger) vacate(s slot, e *Entry) {
	if l.bySlot[s] != e {
		return
	}
	delete(l.bySlot, s)
	for _, other := range l.byHost[s.host] {
		if !onHost(&other.Command) {
			continue
		}
		if byID, byRef := slotsOf(&other.Command); s.id != "" && (byID == s || byRef == s) {
			l.bySlot[s] = other
		}
	}
}

func without(es []*Entry, e *Entry) []*Entry {
	if i := slices.Index(es, e); i >= 0 {
		return slices.Delete(es, i, i+1)
	}
	return es
}

// Entry returns the open entry of that id, or nil.
func (l *Ledger) Entry(id CommandID) *Entry { return l.entries[id] }

// Open returns the open entry for a target on a host, found by id or by reference, or nil.
func (l *Ledger) Open(app string, host lattice.HostID, t Target) *Entry {
	byID, byRef := slotsOf(&Command{App: app, Host: host, Target: t})
	if byID.id != "" {
		if e := l.bySlot[byID]; e != nil {
			return e
		}
	}
	if byRef.id != "" {
		return l.bySlot[byRef]
	}
	return nil
}

// OpenFor returns the open entries of one component, in the order in which they were added. Do not change the slice.
func (l *Ledger) OpenFor(app, component string) []*Entry { return l.byWork[Work{app, component}] }

// OpenOn returns the open entries of one host; of links and configs under "". Do not change the slice.
func (l *Ledger) OpenOn(host lattice.HostID) []*Entry { return l.byHost[host] }

// OpenOf is the number of open entries of an application.
func (l *Ledger) OpenOf(app string) int { return l.apps[app] }

// Len is the number of open entries.
func (l *Ledger) Len() int { return len(l.entries) }

// Pending is the number of instances that are being started on the host.
func (l *Ledger) Pending(host lattice.HostID) int { return l.pending[host] }

// Owes says that the host was sent a start whose deadline has not come: it may be busy with it.
func (l *Ledger) Owes(host lattice.HostID, now time.Duration) bool {
	for _, e := range l.byHost[host] {
		if (e.Starting() || e.Action == Update) && e.SentAt != Never && now < e.Deadline {
			return true
		}
	}
	return false
}

// LastSent is when the last command for the target on that host was sent, Never if none is remembered.
func (l *Ledger) LastSent(app string, host lattice.HostID, t Target) time.Duration {
	byID, byRef := slotsOf(&Command{App: app, Host: host, Target: t})
	at := Never
	if byID.id != "" {
		if v, ok := l.last[byID]; ok {
			at = max(at, v)
		}
	}
	if byRef.id != "" {
		if v, ok := l.last[byRef]; ok {
			at = max(at, v)
		}
	}
	return at
}

// Forget drops the sending times that are older than the hosts' own word: evidence newer than them proves them answered.
func (l *Ledger) Forget(newest func(lattice.HostID) time.Duration) {
	// order: only deletes, by a test on each key alone.
	for s, at := range l.last {
		if newest(s.host) > at && l.bySlot[s] == nil {
			delete(l.last, s)
		}
	}
}

// NextDeadline is the earliest deadline of all open entries, Never if there is none.
func (l *Ledger) NextDeadline() time.Duration {
	next := Never
	// order: a minimum does not depend on it.
	for _, e := range l.entries {
		if e.Deadline != Never && (next == Never || e.Deadline < next) {
			next = e.Deadline
		}
	}
	return next
}

// All returns the open entries by id.
func (l *Ledger) All() []*Entry {
	out := make([]*Entry, 0, len(l.entries))
	for _, id := range slices.Sorted(maps.Keys(l.entries)) {
		out = append(out, l.entries[id])
	}
	return out
}
