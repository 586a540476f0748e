package cluster

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wadmapi"
)

// Rules are the times that one process goes by. Zero values mean the defaults.
type Rules struct {
	Beat    time.Duration // how often a process says that it lives [1 s]
	Silent  time.Duration // a process that was not heard for so long is gone [3 s]
	First   time.Duration // a lattice that is so new to us is new to the others, too: each of them may want it [250 ms]
	Settle  time.Duration // the rightful owner has claimed a lattice for so long before it is handed over [3 s]
	Stagger time.Duration // and up to so much longer, for the lattices shall not all move at once [3 s]
	Hold    time.Duration // a lattice that was handed over and came back stays for so long, twice as long each time [30 s]
	Most    time.Duration // at most so long; and a hand-over is forgotten after twice that [10 min]
}

// WithDefaults is what the rules mean.
func (r Rules) WithDefaults() Rules {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	set(&r.Beat, time.Second)
	set(&r.Silent, 3*time.Second)
	set(&r.First, 250*time.Millisecond)
	set(&r.Settle, 3*time.Second)
	set(&r.Stagger, 3*time.Second)
	set(&r.Hold, 30*time.Second)
	set(&r.Most, 10*time.Minute)
	return r
}

// maxMembers bounds what beats of strangers can make us remember.
const maxMembers = 1000

// Members is what is known of the others. It is not safe for concurrent use. All times are monotonic.
type Members struct {
	rules   Rules
	self    wadmapi.Beat // who we are; its lattices and state do not count
	others  map[string]*member
	claims  map[string]claim // by lattice: who claims what we own
	handed  map[string]move  // by lattice: what we handed over
	leaving bool
}

type member struct {
	beat   wadmapi.Beat
	heard  time.Duration
	stands map[string]wadmapi.BeatLattice
}

// claim is a rightful owner that waits for a lattice of ours.
type claim struct {
	id    string
	since time.Duration
}

// move is the last hand-over of a lattice by this process, and how many there were in short order.
type move struct {
	at    time.Duration
	times int
}

// New knows nobody yet. self bears the name, the id, the start and the store of the process.
func New(self wadmapi.Beat, rules Rules) *Members {
	return &Members{rules: rules.WithDefaults(), self: self, others: map[string]*member{}, claims: map[string]claim{}, handed: map[string]move{}}
}

// Change says whose stance may be another one now.
type Change struct {
	Came, Left []wadmapi.Beat // processes
	Lattices   []string       // whose stands have changed, ascending; all of them where a process came or left
	Namesake   *wadmapi.Beat  // a live process that bears our name
}

// Hear takes in a beat. One of our own, of other records or with mistakes changes nothing.
func (m *Members) Hear(b wadmapi.Beat, now time.Duration) Change {
	if b.ID == m.self.ID || b.Store != m.self.Store || b.Check() != nil {
		return Change{}
	}
	var c Change
	if b.Name == m.self.Name && b.State != wadmapi.BeatGone {
		c.Namesake = &b
	}
	last := m.others[b.ID]
	if b.State == wadmapi.BeatGone {
		if last != nil {
			m.drop(b.ID)
			c.Left = []wadmapi.Beat{last.beat}
		}
		return c
	}
	if last == nil && len(m.others) >= maxMembers {
		return c
	}
	next := &member{beat: b, heard: now, stands: make(map[string]wadmapi.BeatLattice, len(b.Lattices))}
	for _, l := range b.Lattices {
		next.stands[l.Name] = l
	}
	m.others[b.ID] = next
	if last == nil {
		c.Came = []wadmapi.Beat{b}
		return c
	}
	c.Lattices = differing(last, next)
	return c
}

// differing are the lattices to which a process stands otherwise than before, ascending.
func differing(a, b *member) []string {
	var out []string
	for _, l := range a.beat.Lattices {
		if a.beat.State != b.beat.State || b.stands[l.Name] != l {
			out = append(out, l.Name)
		}
	}
	for _, l := range b.beat.Lattices {
		if _, known := a.stands[l.Name]; !known {
			out = append(out, l.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Pass lets time pass: who was silent for too long is gone.
func (m *Members) Pass(now time.Duration) Change {
	var c Change
	for _, o := range m.sorted() {
		if now-o.heard >= m.rules.Silent {
			m.drop(o.beat.ID)
			c.Left = append(c.Left, o.beat)
		}
	}
	return c
}

// drop forgets one process, and that it claimed anything.
func (m *Members) drop(id string) {
	delete(m.others, id)
	for lattice, c := range m.claims { // order: each on its own
		if c.id == id {
			delete(m.claims, lattice)
		}
	}
}

// Forget forgets everybody: nothing could be heard for a while.
func (m *Members) Forget() { clear(m.others); clear(m.claims) }

// Leave says that this process takes no lattice any more.
func (m *Members) Leave() { m.leaving = true }

// sorted are the others, by name and id.
func (m *Members) sorted() []*member {
	all := make([]*member, 0, len(m.others))
	for _, o := range m.others { // order: sorted below
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *member) int {
		return strings.Compare(a.beat.Name+" "+a.beat.ID, b.beat.Name+" "+b.beat.ID)
	})
	return all
}

// Others are those that were heard, ascending by name, with the time since.
func (m *Members) Others(now time.Duration) []wadmapi.Heard {
	var out []wadmapi.Heard
	for _, o := range m.sorted() {
		out = append(out, wadmapi.Heard{Name: o.beat.Name, ID: o.beat.ID, State: o.beat.State, Age: (now - o.heard).Seconds()})
	}
	return out
}

// Name is the name of a process, or "".
func (m *Members) Name(id string) string {
	if id == m.self.ID {
		return m.self.Name
	}
	if o := m.others[id]; o != nil {
		return o.beat.Name
	}
	return ""
}

// Self is how this process stands to a lattice.
type Self struct {
	Known  time.Duration // when it got to know it
	Owns   bool
	Blind  bool   // it cannot reach the hosts, or could not lately
	Holder string // id of who holds the lease, or held it until it ran out; "" = it is free, or that is not known
}

// Stance is what a process had better do about a lattice.
type Stance struct {
	Should string // name of the rightful owner
	First  bool   // this process is it
	// Rank is how many others should take the lattice before us, should its holder not renew it: 0 = take it as soon as it may be taken.
	Rank int
	// Give is the name of the process to hand the lattice over to, for we own it and it should; "" = keep it.
	Give string
	Wake time.Duration // when to ask again though nothing was heard; < 0 = not needed
}

// Stance is asked again whenever something has changed, and at its Wake.
func (m *Members) Stance(lattice string, self Self, now time.Duration) Stance {
	s := Stance{Wake: -1}
	order := m.order(lattice, self.Blind, now-self.Known < m.rules.First)
	if now-self.Known < m.rules.First {
		s.Wake = self.Known + m.rules.First
	}
	if len(order) == 0 {
		return s
	}
	s.Should, s.First = order[0].Name, order[0].ID == m.self.ID
	for _, c := range order {
		if c.ID == m.self.ID {
			break
		}
		if c.ID != self.Holder {
			s.Rank++
		}
	}
	m.mayGive(&s, lattice, order[0], self.Owns, now)
	return s
}

// Should names the process that should own a lattice, "" if nobody may. blind: this process cannot reach the hosts.
func (m *Members) Should(lattice string, blind bool) string {
	if order := m.order(lattice, blind, false); len(order) > 0 {
		return order[0].Name
	}
	return ""
}

// mayGive decides whether a lattice of ours is handed over: to the rightful owner, once it has claimed the lattice for a while without a break, and not
// soon after the last time, or members that come and go would carry lattices to and fro.
func (m *Members) mayGive(s *Stance, lattice string, first candidate, owns bool, now time.Duration) {
	rightful := m.others[first.ID]
	if !owns || rightful == nil || rightful.stands[lattice].Stand != wadmapi.StandClaims {
		delete(m.claims, lattice)
		return
	}
	c, known := m.claims[lattice]
	if !known || c.id != first.ID {
		c = claim{first.ID, now}
		m.claims[lattice] = c
	}
	due := c.since + m.rules.Settle + stagger(lattice, m.rules.Stagger)
	if last, moved := m.handed[lattice]; moved {
		due = max(due, last.at+m.hold(last.times))
	}
	if now >= due {
		s.Give = first.Name
		return
	}
	if s.Wake < 0 || due < s.Wake {
		s.Wake = due
	}
}

func (m *Members) hold(times int) time.Duration {
	return min(m.rules.Hold<<min(times-1, 10), m.rules.Most)
}

// Handed notes that a lattice was handed over.
func (m *Members) Handed(lattice string, now time.Duration) {
	delete(m.claims, lattice)
	last := m.handed[lattice]
	if last.times > 0 && now-last.at > 2*m.rules.Most {
		last.times = 0
	}
	m.handed[lattice] = move{now, last.times + 1}
}

// candidate is a process that may own a lattice.
type candidate struct {
	Name, ID string
	score    uint64
	blind    bool
}

// order are the processes that may own a lattice, the rightful one first; those that cannot reach its hosts come last. anyone: also those that
// have not said that they tend it.
func (m *Members) order(lattice string, blind, anyone bool) []candidate {
	var all []candidate
	if !m.leaving {
		all = append(all, candidate{m.self.Name, m.self.ID, score(lattice, m.self.Name), blind})
	}
	for _, o := range m.sorted() {
		if l, tends := o.stands[lattice]; o.beat.State == wadmapi.BeatLive && (tends || anyone) {
			all = append(all, candidate{o.beat.Name, o.beat.ID, score(lattice, o.beat.Name), l.Blind})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		switch {
		case a.blind != b.blind && a.blind, a.blind == b.blind && a.score < b.score:
			return 1
		case a.blind != b.blind, a.score > b.score:
			return -1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// score is how much a process should own a lattice. It goes by the name, so that a process that is started again gets its share back.
func score(lattice, name string) uint64 {
	return hash(lattice + "\x00" + name)
}

// stagger is a part of a stretch of time that is a lattice's own.
func stagger(lattice string, over time.Duration) time.Duration {
	return time.Duration(hash(lattice) % uint64(over))
}

// hash is the same in every process, of every version, and even where its inputs are nearly alike.
func hash(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	var n uint64
	for _, b := range sum[:8] {
		n = n<<8 | uint64(b)
	}
	return n
}
