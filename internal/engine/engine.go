package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// Settings are the times of design §5. See Defaults.
type Settings struct {
	Period      time.Duration // heartbeat period of a host that is not yet learned
	Grace       time.Duration // after a period, before an absence is believed; and after two, before a host is suspected
	Window      time.Duration // a ping is taken for closed when nobody says so
	Cleanup     time.Duration // a host silent for so long is dead though its questions time out
	Resync      time.Duration // of links and configs, and of inventories where heartbeats are none
	Repeat      time.Duration // between two questions to a silent host
	BrakeHosts  int           // so many hosts gone …
	BrakeShare  float64       // … and so great a share of all …
	BrakeWithin time.Duration // … within so long: ask before acting
	DeadKept    time.Duration // an undeploy waits so long for a dead host to return
	LateStart   time.Duration // … and so long for a start of which nothing was heard
	Ledger      ledger.Settings
}

// Defaults are the settings of the design.
func Defaults() Settings {
	return Settings{
		Period: 30 * time.Second, Grace: 5 * time.Second, Window: 2500 * time.Millisecond, Cleanup: 70 * time.Second,
		Resync: 60 * time.Second, Repeat: 5 * time.Second, BrakeHosts: 3, BrakeShare: 0.3, BrakeWithin: 10 * time.Second,
		DeadKept: 7 * 24 * time.Hour, LateStart: time.Hour, Ledger: ledger.Defaults(),
	}
}

// Config is what an engine is made for.
type Config struct {
	Lattice  string
	Dialect  lattice.Dialect // Auto: find out
	Epoch    uint64          // of the lease
	Settings Settings
}

// Engine owns one lattice. It is not safe for concurrent use; View gives readers a copy.
type Engine struct {
	cfg    Config
	now    time.Duration
	state  *lattice.State
	ledger *ledger.Ledger
	apps   map[string]*app

	started   time.Duration // when this owner took over
	connected bool
	blind     string // why the lattice cannot be reached, as it is told; "" = it can, or nobody said why
	loaded    bool   // SnapshotEnd has come
	closed    bool   // the ping window of this time of listening has closed
	pinged    time.Duration
	lost      bool // another owner writes our records: nothing is done any more
	synced    time.Duration
	claimsAt  time.Duration // when claims were last asked for in this time of listening, Never if they were not

	watch     watch // hosts by when they must be looked at
	losses    []time.Duration
	brake     time.Duration           // losses after which a ping must close before anything is placed; Never
	proven    map[lattice.HostID]bool // silent hosts of run records that nobody answers for
	doubts    map[lattice.Key]map[lattice.HostID]bool
	echoes    map[place]echo
	deaf      map[place]time.Duration // instances that get no calls, and when the stop was sent that took them
	doubles   map[place]time.Duration // until when the second event of a start is expected
	strangers map[lattice.HostID]stranger
	asked     map[Question]QuestionID // outstanding, by what they are about (ID 0)
	pending   map[QuestionID]Question
	again     map[Question]time.Duration // failed questions, and when to repeat them
	troubles  map[Question]string        // why links or a config cannot be read
	users     index
	look      *attention
	restless  map[ledger.Work]bool // parts that are not as wanted: a new host may help them

	spoken   lattice.Dialect // by the hosts, when they changed last
	mixed    bool
	stirred  bool          // something of this step may matter to a plan
	nextWake time.Duration // of the last full step
	steps    uint64        // begun

	nextQuestion QuestionID
	nextSave     SaveID
	saves        map[SaveID]string // application
	out          Output
}

// New returns an engine that knows nothing yet.
func New(cfg Config) *Engine {
	if cfg.Settings.Period == 0 {
		cfg.Settings = Defaults()
	}
	e := &Engine{
		cfg: cfg, state: lattice.New(), ledger: ledger.New(cfg.Settings.Ledger), apps: map[string]*app{},
		pinged: lattice.Never, brake: lattice.Never, synced: lattice.Never, claimsAt: lattice.Never,
		proven: map[lattice.HostID]bool{}, doubts: map[lattice.Key]map[lattice.HostID]bool{}, echoes: map[place]echo{}, strangers: map[lattice.HostID]stranger{}, doubles: map[place]time.Duration{}, deaf: map[place]time.Duration{},
		asked: map[Question]QuestionID{}, pending: map[QuestionID]Question{}, again: map[Question]time.Duration{}, troubles: map[Question]string{},
		users: newIndex(), look: newAttention(), restless: map[ledger.Work]bool{}, saves: map[SaveID]string{},
	}
	e.state.SetID(cfg.Lattice)
	e.state.SetDefaultPeriod(cfg.Settings.Period)
	return e
}

// Lost says that another owner writes our records: the lease is gone, and this engine does nothing more.
func (e *Engine) Lost() bool { return e.lost }

// Step takes in what was learned at now, which must be later than at any call before, and returns what to do. Many inputs make one plan.
func (e *Engine) Step(now time.Duration, ins ...Input) Output {
	e.now = max(now, e.now)
	e.steps++
	e.out = Output{Wake: lattice.Never}
	if e.lost {
		return e.out
	}
	e.stirred = false
	for _, in := range ins {
		e.take(in)
	}
	if !e.stirred && (e.nextWake == lattice.Never || e.now < e.nextWake) {
		e.out.Wake = e.nextWake // unchanged heartbeats end here: their cost does not grow with the lattice
		return e.out
	}
	e.elapse()
	e.spread()
	if e.loaded && !e.lost && e.connected && (!e.frozen() || len(e.state.Hosts()) == 0) {
		for _, name := range e.dirty() {
			e.replan(e.apps[name])
		}
	}
	e.tellBlind()
	e.nextWake = e.wake()
	if e.nextWake != lattice.Never {
		e.nextWake = max(e.nextWake, e.now+time.Millisecond) // what is due was done in this step; a time that stays behind must not make us spin
	}
	e.out.Wake = e.nextWake
	out := e.out
	e.out = Output{}
	return out
}

func (e *Engine) take(in Input) {
	if _, ok := in.(Observed); !ok {
		e.stirred = true
	}
	switch in := in.(type) {
	case Connected:
		e.connect()
	case Disconnected:
		e.connected, e.blind = false, in.Why
	case Observed:
		for _, ev := range in.Events {
			e.observe(ev)
		}
	case Learned:
		e.learn(in)
	case Answered:
		e.answered(in)
	case Saved:
		e.saved(in)
	case ModelSeen:
		e.modelSeen(in)
	case WishSeen:
		e.wishSeen(in.Wish)
	case RunLoaded:
		e.runLoaded(in)
	case SnapshotEnd:
		e.snapshotEnd()
	case Nudged:
		e.nudged(in.App)
	case Tick:
	}
}

// connect begins a new time of listening: what runs is asked for, and until then only what is seen counts.
func (e *Engine) connect() {
	e.connected, e.closed = true, false
	e.unveil()
	e.state.Reset(e.now)
	clear(e.asked)
	clear(e.pending)
	clear(e.again)
	clear(e.troubles)
	clear(e.proven)
	clear(e.doubts)
	e.losses, e.brake, e.claimsAt = nil, lattice.Never, lattice.Never
	e.pinged = e.now
	// order: each application by itself.
	for _, a := range e.apps {
		a.fresh = a.fresh && (a.revise == 0 || a.mustSave || a.saving != 0) // what was acted on runs somewhere, most likely
	}
	e.ask(Question{Topic: AskHosts})
	for _, h := range e.state.Hosts() {
		e.ask(Question{Topic: AskInventory, Host: h.ID})
	}
	e.resync()
	e.allDirty()
}

// observe folds one event, settles what it settles, and marks what must be planned anew.
func (e *Engine) observe(ev lattice.Event) {
	switch ev.(type) {
	case nil:
		return
	case lattice.Claimed, lattice.ClaimsTold, lattice.Invoked:
		e.state.Apply(ev, e.now) // for readers alone: nothing is settled or planned by it
		return
	}
	if e.misleading(ev) {
		return
	}
	ev = e.whose(ev)
	parting := e.parting(ev)
	eff := e.state.Apply(ev, e.now)
	e.meet(ev, &eff)
	if gone, ok := ev.(lattice.LinkDeleted); ok && eff.Links {
		e.linksMissing(func(l lattice.Link) bool { return l.Slot() == gone.Slot }, surely)
	}
	e.stirred = e.stirred || eff.Changed || eff.Doubtful || eff.Restarted
	if eff.Restarted || eff.Vanished {
		e.hearing(eff.Host)
	}
	if eff.Restarted {
		e.settled(e.ledger.HostRestarted(eff.Host, e.now))
	}
	if eff.Vanished {
		e.settled(e.ledger.HostGone(eff.Host, e.now))
		e.proven[eff.Host] = true // it has said so itself
		e.lostHost()
		e.tellLost(parting, "stopped", eff.Apps)
	}
	e.tellFound(&eff)
	if !e.doubled(ev) {
		outs := e.ledger.Observe(ev, e.now)
		e.awaitDouble(ev, outs)
		e.unchanged(ev, outs)
		e.settled(outs)
		e.unseen(outs)
	}
	e.touched(eff)
}

// echo is what a host says of an update in place beside its result: one count of the new image and then a count of 0, though the component runs on.
// They may come after the inventory that showed the result.
type echo struct {
	count, zero bool // still to come
	until       time.Duration
}

type place struct {
	host lattice.HostID
	id   string
}

// misleading says that the event only echoes an update in place: it ends with a count of 0 though the component runs on, so that only an inventory is
// believed.
func (e *Engine) misleading(ev lattice.Event) bool {
	s, ok := ev.(lattice.Scaled)
	if !ok || len(e.echoes) == 0 {
		return false
	}
	at := place{s.Host, s.Key.ID}
	left, ok := e.echoes[at]
	if !ok {
		return false
	}
	hit := s.Count == 0 && left.zero || s.Count > 0 && left.count
	if s.Count == 0 {
		left.zero = false
	} else {
		left.count = false
	}
	if e.now > left.until || !left.count && !left.zero {
		delete(e.echoes, at)
	} else {
		e.echoes[at] = left
	}
	if hit && e.now <= left.until {
		e.ask(Question{Topic: AskInventory, Host: s.Host})
		e.stirred = true
		return true
	}
	return false
}

// touched marks what an effect may change in a plan.
func (e *Engine) touched(eff lattice.Effect) {
	if eff.Doubtful {
		e.doubt(&eff)
	}
	e.undoubt(eff.Host)
	if !eff.Changed {
		return
	}
	for _, k := range eff.Keys {
		e.keyTouched(eff.Host, k)
	}
	for _, owner := range eff.Apps {
		if a := e.apps[owner]; a != nil {
			a.mark().leftovers = true
		}
	}
	e.hostTouched(&eff)
	if eff.Ref != "" {
		e.refLearned(eff.Ref)
	}
	if eff.Links {
		e.linksMoved(eff.Source)
	}
	if eff.Config != "" {
		e.configMoved(eff.Config)
	}
}

// doubt notes what is not believed to be gone until the host has told its inventory, which is asked for.
func (e *Engine) doubt(eff *lattice.Effect) {
	for _, k := range eff.Keys {
		if e.doubts[k] == nil {
			e.doubts[k] = map[lattice.HostID]bool{}
		}
		e.doubts[k][eff.Host] = true
	}
	e.ask(Question{Topic: AskInventory, Host: eff.Host})
}

// hostTouched marks what the coming, going or changing of a host itself may change in a plan.
func (e *Engine) hostTouched(eff *lattice.Effect) {
	if eff.Appeared || eff.Restarted {
		e.appeared(eff.Host)
	}
	if eff.Appeared || eff.Vanished || eff.Relabelled || eff.Restarted {
		e.hostsMoved(eff.Host)
	}
}

// undoubt drops the doubts about a host that its inventory has cleared, or that is gone.
func (e *Engine) undoubt(host lattice.HostID) {
	if h := e.state.Host(host); host == "" || h != nil && h.Doubtful || len(e.doubts) == 0 {
		return
	}
	// order: each key by itself.
	for k, hosts := range e.doubts {
		if hosts[host] {
			delete(hosts, host)
			e.keyTouched(host, k)
			if len(hosts) == 0 {
				delete(e.doubts, k)
			}
		}
	}
}

// keyTouched marks the applications that want the key or own what runs of it.
func (e *Engine) keyTouched(host lattice.HostID, k lattice.Key) {
	for _, w := range e.users.keys[k] {
		e.apps[w.App].component(w.Component)
	}
	if h := e.state.Host(host); h != nil {
		if it := h.Item(k); it != nil {
			for _, owner := range it.Owners() {
				if a := e.apps[owner]; a != nil {
					a.mark().leftovers = true
					a.mark().all = a.mark().all || !e.users.wants(k, owner) // it may be what a reference that nobody knows yet has left
				}
			}
		}
	}
}

// hostsMoved marks what a change of the hosts may help or hurt beside what ran there: what is not as wanted, and daemons.
func (e *Engine) hostsMoved(host lattice.HostID) {
	e.look.helped, e.look.moved = true, true
	if h := e.state.Host(host); h != nil {
		for i := range h.Items() {
			e.keyTouched(host, h.Items()[i].Key)
		}
	}
}

// spread marks once for each step what the hosts that came, went or answered in it may help: a thousand of them are one reason.
func (e *Engine) spread() {
	if !e.look.helped {
		return
	}
	// order: marks only.
	for w := range e.restless {
		if a := e.apps[w.App]; a != nil {
			a.component(w.Component)
		}
	}
	for _, names := range []map[string]bool{e.users.removing, e.look.hostless} {
		// order: marks only.
		for name := range names {
			e.apps[name].mark().all = true
		}
	}
	if e.look.moved {
		// order: marks only.
		for w := range e.users.daemons {
			e.apps[w.App].component(w.Component)
		}
		if d, mixed := e.dialect(); d != e.spoken || mixed != e.mixed {
			e.spoken, e.mixed = d, mixed
			e.allDirty()
		}
	}
	e.look.helped, e.look.moved = false, false
}

// frozen says that nothing may be concluded of any application now.
func (e *Engine) frozen() bool { return !e.connected || !e.closed || e.brake != lattice.Never }

// linksMoved marks those with links from the source, or, if it is not known which moved, all.
func (e *Engine) linksMoved(source string) {
	if source != "" {
		for _, name := range e.users.sources[source] {
			e.apps[name].mark().links = true
		}
		// order: marks only.
		for name := range e.users.removing {
			e.apps[name].mark().leftovers = true // it may be one that an earlier revision had
		}
		return
	}
	// order: marks only.
	for _, a := range e.apps {
		if a.active() {
			a.mark().links, a.mark().configs = true, true // a config that links carry waits for the first list
		}
	}
}

func (e *Engine) configMoved(name string) {
	for _, app := range e.users.configs[name] {
		e.apps[app].configMoved(name)
	}
}

// refLearned ties the applications that want the reference to the id that it turned out to have.
func (e *Engine) refLearned(ref string) {
	for _, w := range e.users.refs[lattice.NormaliseRef(ref)] {
		a := e.apps[w.App]
		e.users.resolve(a, e.state)
		a.component(w.Component)
		d := a.mark()
		d.links, d.leftovers = true, true
	}
}

// answered books a host's acknowledgement.
func (e *Engine) answered(in Answered) {
	entry := e.ledger.Entry(in.ID)
	if entry == nil {
		return
	}
	cmd := entry.Command
	out, ok := e.ledger.Answer(in.ID, in.Outcome, in.Message, e.now)
	if ok && out.Verdict == ledger.Settled {
		e.acceptedStored(out.Entry)
	}
	if ok && in.Outcome == ledger.Refused && e.apps[cmd.App] != nil {
		e.apps[cmd.App].refuse(&out.Entry)
	}
	if ok {
		e.settled([]ledger.Outcome{out})
	}
	relative := e.state.Host(cmd.Host) != nil && e.state.Host(cmd.Host).Can.Relative
	switch {
	case in.Outcome == ledger.Refused && cmd.Host != "", cmd.Action == ledger.Update,
		in.Outcome == ledger.Accepted && cmd.Action == ledger.Scale && cmd.To < cmd.From && relative:
		e.ask(Question{Topic: AskInventory, Host: cmd.Host}) // what the host says of itself differs from what we thought, or is news
	}
}

// settled marks and remembers what came of commands.
func (e *Engine) settled(outs []ledger.Outcome) {
	for i := range outs {
		e.stirred = true
		o := &outs[i]
		e.silenced(o)
		a := e.apps[o.Entry.App]
		if a == nil {
			continue
		}
		a.remember(o, e.now)
		e.updated(a, o)
		a.learnPace(o, e.now)
		switch {
		case o.Entry.Action == ledger.PutConfig || o.Entry.Action == ledger.DeleteConfig:
			a.configMoved(o.Entry.ConfigName)
			e.configMoved(o.Entry.ConfigName) // others may have waited for it
		case o.Entry.Action == ledger.PutLink || o.Entry.Action == ledger.DeleteLink:
			a.mark().links = true
		case a.wanted != nil && a.wanted.Resource(o.Entry.Component) == nil:
			a.mark().all = true // another component may have waited for it under another name
		default:
			a.component(o.Entry.Component)
		}
		a.runDirty = true
		if t := &o.Entry.Target; o.Entry.AckEnds {
			e.keyTouched(o.Entry.Host, lattice.Key{Kind: t.Kind, ID: t.ID, Link: t.Link}) // others may have waited for it
		}
		if e.ledger.OpenOf(a.name) == 0 {
			d := a.mark()
			d.leftovers, d.configs = true, true
		}
		if o.Verdict == ledger.Failed {
			e.notice("command_failed", &o.Entry.Command, o.Message)
			if o.Entry.Revision != a.revision() {
				e.ledger.Forgive(a.name, ledger.CauseOf(&o.Entry.Command)) // the failure of another revision is nothing that this one has to wait for
			}
		}
	}
}

// dirty returns the names of the applications to look at, sorted.
func (e *Engine) dirty() []string {
	var names []string
	// order: sorted below.
	for name := range e.look.dirty {
		if e.apps[name].dirt.any() {
			names = append(names, name)
		} else {
			delete(e.look.dirty, name)
		}
	}
	slices.Sort(names)
	return names
}

func (e *Engine) allDirty() {
	// order: marks only.
	for _, a := range e.apps {
		a.mark().all = true
	}
}

// dialect is what the lattice speaks: as set, or as its hosts show. mixed: they differ, and nobody has said which of them counts.
func (e *Engine) dialect() (d lattice.Dialect, mixed bool) {
	if e.cfg.Dialect != lattice.Auto {
		return e.cfg.Dialect, false
	}
	return e.state.Dialect()
}

// Names of the applications that the engine knows, sorted.
func (e *Engine) names() []string { return slices.Sorted(maps.Keys(e.apps)) }
