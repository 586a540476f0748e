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
	Unmoved        time.Duration // so long after its acknowledgement an update is surely begun: what shows the old image then tells that it failed
	Crossing       time.Duration // so long the news that a host began anew may be overtaken by its first acknowledgements
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
		Unmoved:        5 * time.Second,
		Crossing:       2 * time.Second,
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
	Restored bool // of an earlier owner, who alone knew the annotations and the configs that it was sent with
	ackedAt  time.Duration
	crossed  bool          // the host began anew between the sending and the acknowledgement
	Swapped  []string      // of an Update of Instances: those of which the host said that they are changed
	heardAt  time.Duration // when it said so last
	Done     int           // instances seen to start or stop since, where the host tells them one by one
}

// Starting says that the command brings up instances that do not run yet.
func (e *Entry) Starting() bool { return e.Action == Scale && e.To > e.From }

// Stopping says that the command takes instances away.
func (e *Entry) Stopping() bool { return e.Action == Scale && e.To < e.From }

// Work names what the entries of one component of one application have in common. Component is empty for what no revision names.
type Work struct{ App, Component string }

// slot is what a command is about: a target on a host, named by id or by reference.
type slot struct {
	app   string
	host  lattice.HostID
	kind  lattice.Kind
	name  string // id or reference
	link  string
	byRef bool
}

// spot is what is known of a slot.
type spot struct {
	open  *held         // the newest open entry
	older []*held       // open entries before it, which is rare
	sent  time.Duration // when the last command for it was sent, Never if none is remembered; see Forget
	ahead ahead
}

// held is an entry with its places in the indexes.
type held struct {
	Entry
	byID, byRef *spot // nil without an id, a reference, or a host
	over        bool  // no longer open
}

// roll is the open entries of one application in the order in which they were added, and such that are over and not taken out yet.
type roll struct {
	entries []*held
	live    int
}

// Ledger is owned by one engine; it is not safe for concurrent use.
type Ledger struct {
	settings Settings
	next     CommandID
	entries  map[CommandID]*held
	byWork   map[Work][]*Entry
	byHost   map[lattice.HostID][]*Entry // lattice-wide ones under ""
	bySlot   map[slot]*spot
	pending  map[lattice.HostID]int // instances under way on a host
	backoff  map[string]map[Cause]Backoff
	apps     map[string]*roll
	due      time.Duration // the earliest deadline of all open entries, if known
	known    bool

	// What Expect has laid out.
	helds []held
	spots []spot
}

// Expect lays out the room for so many commands at once, which costs less than making it for each. Call it right before they are added.
func (l *Ledger) Expect(n int) {
	if n < expectAtLeast {
		return
	}
	l.helds, l.spots = make([]held, n), make([]spot, 2*n)
	if len(l.entries) < n {
		l.entries = roomy(l.entries, n)
	}
	if len(l.bySlot) < 2*n {
		l.bySlot = roomy(l.bySlot, 2*n)
	}
}

// expectAtLeast is from how many commands on it is worth it: what is laid out together is kept together, until the last of it is over.
const expectAtLeast = 16

// roomy is the map with room for so many more.
func roomy[K comparable, V any](m map[K]V, more int) map[K]V {
	out := make(map[K]V, len(m)+more)
	maps.Copy(out, m)
	return out
}

// piece is the next one of what was laid out, or one of its own.
func piece[T any](laid *[]T) *T {
	if len(*laid) == 0 {
		return new(T)
	}
	p := &(*laid)[0]
	*laid = (*laid)[1:]
	return p
}

// New returns an empty ledger.
func New(s Settings) *Ledger {
	return &Ledger{
		settings: s,
		entries:  map[CommandID]*held{},
		byWork:   map[Work][]*Entry{},
		byHost:   map[lattice.HostID][]*Entry{},
		bySlot:   map[slot]*spot{},
		pending:  map[lattice.HostID]int{},
		backoff:  map[string]map[Cause]Backoff{},
		apps:     map[string]*roll{},
		due:      Never,
		known:    true,
	}
}

func slotsOf(app string, host lattice.HostID, t *Target) (byID, byRef slot) {
	byID = slot{app: app, host: host, kind: t.Kind, link: t.Link, name: t.ID}
	byRef = byID
	byRef.name, byRef.byRef = t.Ref, true
	return byID, byRef
}

// at is the spot of a slot, nil for one without a name.
func (l *Ledger) at(s slot) *spot {
	if s.name == "" {
		return nil
	}
	p := l.bySlot[s]
	if p == nil {
		p = piece(&l.spots)
		p.sent = Never
		l.bySlot[s] = p
	}
	return p
}

// occupy makes the entry the newest one of a spot.
func (p *spot) occupy(e *held) {
	if p == nil {
		return
	}
	if p.open != nil {
		p.older = append(p.older, p.open)
	}
	p.open = e
}

// vacate takes the entry away; the newest one that is still open takes its place.
func (p *spot) vacate(e *held) {
	if p == nil {
		return
	}
	if p.open != e {
		p.older = slices.DeleteFunc(p.older, func(o *held) bool { return o == e })
		return
	}
	p.open = nil
	if n := len(p.older); n > 0 {
		p.open, p.older = p.older[n-1], p.older[:n-1]
	}
}

func onHost(c *Command) bool { return c.Action == Scale || c.Action == Update }

// Add enters a command and gives it its id. It counts as under way from now on, and is sent later (see Sent).
func (l *Ledger) Add(c Command) *Entry {
	l.next++
	c.ID = l.next
	e := piece(&l.helds)
	e.Command, e.SentAt, e.Deadline = c, Never, Never
	l.entries[c.ID] = e
	w := Work{c.App, c.Component}
	l.byWork[w] = append(l.byWork[w], &e.Entry)
	l.byHost[c.Host] = append(l.byHost[c.Host], &e.Entry)
	r := l.apps[c.App]
	if r == nil {
		r = &roll{}
		l.apps[c.App] = r
	}
	r.entries = append(r.entries, e)
	r.live++
	if onHost(&e.Command) {
		byID, byRef := slotsOf(c.App, c.Host, &c.Target)
		e.byID, e.byRef = l.at(byID), l.at(byRef)
		e.byID.occupy(e)
		e.byRef.occupy(e)
		if c.To > c.From {
			l.pending[c.Host] += c.To - c.From
		}
	}
	return &e.Entry
}

// Restore enters an intent that an earlier owner saved: it may have been sent, nobody knows. It counts as sent at now.
func (l *Ledger) Restore(c Command, now time.Duration) *Entry {
	e := l.Add(c)
	e.Restored = true
	l.stamp(l.entries[e.ID], now)
	return e
}

// Inherits says that the host may be at work on what an earlier owner asked of it.
func (l *Ledger) Inherits(host lattice.HostID) bool {
	return slices.ContainsFunc(l.byHost[host], func(e *Entry) bool { return e.Restored })
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

func (l *Ledger) stamp(e *held, now time.Duration) {
	l.known = l.known && (e.Deadline == Never || e.Deadline != l.due)
	e.SentAt = now
	e.Deadline = now + l.allowance(&e.Entry)
	if l.known && (l.due == Never || e.Deadline < l.due) {
		l.due = e.Deadline
	}
	if e.byID != nil {
		e.byID.sent = now
	}
	if e.byRef != nil {
		e.byRef.sent = now
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
func (l *Ledger) remove(e *held) {
	e.over = true
	delete(l.entries, e.ID)
	w := Work{e.App, e.Component}
	if l.byWork[w] = without(l.byWork[w], &e.Entry); len(l.byWork[w]) == 0 {
		delete(l.byWork, w)
	}
	if l.byHost[e.Host] = without(l.byHost[e.Host], &e.Entry); len(l.byHost[e.Host]) == 0 {
		delete(l.byHost, e.Host)
	}
	r := l.apps[e.App]
	if r.live--; r.live == 0 {
		delete(l.apps, e.App)
	} else if r.live < len(r.entries)/2 {
		r.tidy()
	}
	l.known = l.known && (e.Deadline == Never || e.Deadline != l.due) // else the next one is looked for when somebody asks
	if !onHost(&e.Command) {
		return
	}
	e.byID.vacate(e)
	e.byRef.vacate(e)
	byID, byRef := slotsOf(e.App, e.Host, &e.Target)
	l.drop(byID, e.byID)
	l.drop(byRef, e.byRef)
	if e.To > e.From {
		if l.pending[e.Host] -= e.To - e.From; l.pending[e.Host] <= 0 {
			delete(l.pending, e.Host)
		}
	}
}

// drop forgets a spot of which nothing is known any more.
func (l *Ledger) drop(s slot, p *spot) {
	if p != nil && p.open == nil && p.sent == Never {
		delete(l.bySlot, s)
	}
}

// tidy takes out what is over.
func (r *roll) tidy() {
	r.entries = slices.DeleteFunc(r.entries, func(e *held) bool { return e.over })
}

func without(es []*Entry, e *Entry) []*Entry {
	if i := slices.Index(es, e); i >= 0 {
		return slices.Delete(es, i, i+1)
	}
	return es
}

// Entry returns the open entry of that id, or nil.
func (l *Ledger) Entry(id CommandID) *Entry {
	if e := l.entries[id]; e != nil {
		return &e.Entry
	}
	return nil
}

// Open returns the open entry for a target on a host, found by id or by reference, or nil.
func (l *Ledger) Open(app string, host lattice.HostID, t Target) *Entry {
	byID, byRef := slotsOf(app, host, &t)
	for _, s := range [...]slot{byID, byRef} {
		if s.name == "" {
			continue
		}
		if p := l.bySlot[s]; p != nil && p.open != nil {
			return &p.open.Entry
		}
	}
	return nil
}

// OpenFor returns the open entries of one component, in the order in which they were added. Do not change the slice.
func (l *Ledger) OpenFor(app, component string) []*Entry { return l.byWork[Work{app, component}] }

// OpenOn returns the open entries of one host; of links and configs under "". Do not change the slice.
func (l *Ledger) OpenOn(host lattice.HostID) []*Entry { return l.byHost[host] }

// OpenOf is the number of open entries of an application.
func (l *Ledger) OpenOf(app string) int {
	if r := l.apps[app]; r != nil {
		return r.live
	}
	return 0
}

// Starts calls f with the open entries of an application that bring instances up, in the order in which they were added.
func (l *Ledger) Starts(app string, f func(*Entry)) {
	r := l.apps[app]
	if r == nil {
		return
	}
	for _, e := range r.entries {
		if !e.over && e.Starting() {
			f(&e.Entry)
		}
	}
}

// LiveUpdates calls f with the open entries of an application that update in place under the reference that runs, in the order in which they were added.
func (l *Ledger) LiveUpdates(app string, f func(*Entry)) {
	r := l.apps[app]
	if r == nil {
		return
	}
	for _, e := range r.entries {
		if !e.over && e.live() {
			f(&e.Entry)
		}
	}
}

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
	byID, byRef := slotsOf(app, host, &t)
	at := Never
	for _, s := range [...]slot{byID, byRef} {
		if s.name == "" {
			continue
		}
		if p := l.bySlot[s]; p != nil {
			at = max(at, p.sent)
		}
	}
	return at
}

// Forget drops the sending times that are older than the hosts' own word: evidence newer than them proves them answered.
func (l *Ledger) Forget(newest func(lattice.HostID) time.Duration) {
	// order: only deletes, by a test on each key alone.
	for s, p := range l.bySlot {
		if p.open == nil && p.ahead == (ahead{}) && newest(s.host) > p.sent {
			delete(l.bySlot, s)
		}
	}
}

// NextDeadline is the earliest deadline of all open entries, Never if there is none.
func (l *Ledger) NextDeadline() time.Duration {
	if l.known {
		return l.due
	}
	l.due, l.known = Never, true
	// order: a minimum does not depend on it.
	for _, e := range l.entries {
		if e.Deadline != Never && (l.due == Never || e.Deadline < l.due) {
			l.due = e.Deadline
		}
	}
	return l.due
}

// All returns the open entries by id.
func (l *Ledger) All() []*Entry {
	out := make([]*Entry, 0, len(l.entries))
	for _, id := range slices.Sorted(maps.Keys(l.entries)) {
		out = append(out, &l.entries[id].Entry)
	}
	return out
}
