package engine

import (
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/internal/status"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// belief is what may be concluded about the application now.
func (e *Engine) belief(a *app) plan.Belief {
	b := plan.Belief{
		StartAt: lattice.Never,
		Frozen:  e.frozen(),
		Deaf:    func(id lattice.HostID, key string) bool { return e.isDeaf(place{id, key}) },
		Doubted: e.doubted,
		Silent: func(id lattice.HostID) bool {
			h := e.state.Host(id)
			if h == nil {
				return false
			}
			_, silent := e.isSuspect(h)
			return silent || e.watch.suspect[id]
		},
	}
	if at, unheard := e.unheard(); unheard {
		b.StartAt = at
		return b
	}
	proven := e.absenceProven(a)
	a.unrecorded = a.unrecorded && !proven // from now on the record knows
	b.MayStart = a.fresh && e.oldHostsSpoke(a) || proven
	if !b.MayStart {
		if at := e.listened(); at > e.now {
			b.StartAt = at // later than that only a host's word, or its death, frees it
		}
	}
	return b
}

// absenceProven says that what is missing of an application that ran before is missing: every host of its run record has answered or is proven
// dead, or a whole heartbeat period has passed in which it did not show itself. Without a record only the time frees it. A host that has shown itself
// and not said what it runs proves nothing, however long that takes: it is waited for until it speaks or is declared dead.
func (e *Engine) absenceProven(a *app) bool {
	timeUp := e.now >= e.listened()
	if a.revise == 0 || a.unrecorded {
		return timeUp && !slices.ContainsFunc(e.state.Hosts(), func(h *lattice.Host) bool { return h.InventoryAsked == lattice.Never })
	}
	for _, name := range a.run.Hosts {
		id := lattice.HostID(name)
		switch h := e.state.Host(id); {
		case h != nil && h.InventoryAsked == lattice.Never:
			return false
		case h == nil && !timeUp && !e.proven[id] && !e.state.Dead(id):
			return false
		}
	}
	return true
}

// oldHostsSpoke says that every live host of the run record has told what it runs: a revision that is new finds there what one before it started.
func (e *Engine) oldHostsSpoke(a *app) bool {
	return !slices.ContainsFunc(a.run.Hosts, func(name string) bool {
		h := e.state.Host(lattice.HostID(name))
		return h != nil && h.InventoryAsked == lattice.Never && h.Doubtful
	})
}

// listened is when every live host has sent a heartbeat since we listen.
func (e *Engine) listened() time.Duration {
	return e.state.ListeningSince() + e.cfg.Settings.Period + e.cfg.Settings.Grace
}

// unheard says that a host was seen whose contents are not known yet: for a moment nothing is placed, for it may run what seems missing.
func (e *Engine) unheard() (until time.Duration, yes bool) {
	until = lattice.Never
	// order: each by itself, and a minimum.
	for id, since := range e.watch.unheard {
		h := e.state.Host(id)
		if h == nil || h.InventoryAsked > since || e.now >= since+e.cfg.Settings.Window {
			delete(e.watch.unheard, id)
			continue
		}
		if until == lattice.Never || since+e.cfg.Settings.Window < until {
			until, yes = since+e.cfg.Settings.Window, true
		}
	}
	return until, yes
}

func (e *Engine) view(a *app) plan.View {
	return plan.View{State: e.state, Ledger: e.ledger, Now: e.now, Belief: e.belief(a)}
}

// replan looks at what is dirty of an application, and at what that makes dirty: the end of the last start lets the stops go.
func (e *Engine) replan(a *app) {
	for range maxPasses {
		if !e.pass(a) || !a.dirt.any() {
			break
		}
	}
}

// maxPasses bounds the passes over one application in one step. What is left then waits for the next step.
const maxPasses = 4

// pass is one look at what is dirty. It is false where no plan was made.
func (e *Engine) pass(a *app) bool {
	if !a.active() {
		if e.dialectMoved(a) {
			e.derive(a) // what was let go is named by it
		}
		a.dirt = dirt{}
		e.syncRun(a)
		e.tellInactive(a)
		return false
	}
	if e.dialectMoved(a) {
		e.derive(a)
	}
	e.recognise(a)
	e.measure(a)
	if len(e.state.Hosts()) == 0 {
		a.seesHosts(false)
		a.dirt = dirt{}
		if a.run.Deleting && e.closed {
			a.leftover = 0
			e.conclude(a)
		}
		e.syncRun(a)
		e.tell(a)
		return false
	}
	a.seesHosts(true)
	if a.leftover+a.owed+a.lent > 0 || a.before != nil || a.run.Deleting {
		a.mark().leftovers = true // what waits for the rest to settle is looked at with it
	}
	in := plan.Input{
		View: e.view(a), Wanted: a.wanted, From: a.from, App: a.name, Version: a.run.Version, Epoch: e.cfg.Epoch,
		Scope:  plan.Scope{All: a.dirt.all, Components: a.dirt.components, Leftovers: a.dirt.leftovers, Links: a.dirt.links, Configs: a.dirt.configs},
		Memory: memory{a, e}, Prior: a.parts, Configs: a.run.Configs,
		Runs: a.Runs, Unchanged: a.unchanged,
		Unread: e.unread, InUse: e.usedElsewhere(a), Taken: e.takenBy(a), ConfigTaken: e.configTakenBy(a), LinkTaken: e.linkTakenBy(a), LinkInUse: e.linkUsedElsewhere(a), MayStand: e.mayStand(a),
	}
	for _, l := range a.run.Links {
		in.Applied = append(in.Applied, l.Link)
	}
	if in.Belief.Frozen {
		return false // stays dirty; the closing of the window or of the brake comes as an input
	}
	scope := in.Scope
	a.dirt = dirt{}
	res := plan.Compute(&in)
	busy := a.starting()
	e.expect(a, &res)
	e.accept(a, &res, scope)
	e.retract(res.Retract)
	if busy && !a.starting() {
		a.mark().leftovers = true // they waited for it
	}
	e.conclude(a)
	e.syncRun(a)
	e.tell(a)
	return true
}

// retract takes back starts that have not gone out: instances that showed themselves meanwhile make them needless. What they were part of is planned anew.
func (e *Engine) retract(ids []ledger.CommandID) {
	for _, id := range ids {
		if out, ok := e.ledger.Answer(id, ledger.Dropped, "", e.now); ok {
			e.settled([]ledger.Outcome{out})
		}
	}
}

// starting says that some component or link is not yet what it shall become, as far as the last passes found.
func (a *app) starting() bool {
	// order: any one is enough.
	for id, p := range a.parts {
		if id.Link == 0 && (p.Starting || p.Held || p.Changing) || id.Link > 0 && p.Unsettled() {
			return true
		}
	}
	return false
}

// dialectMoved says that the wanted state was derived for another dialect than the lattice turns out to speak.
func (e *Engine) dialectMoved(a *app) bool {
	d, mixed := e.dialect()
	if a.wanted == nil {
		return a.from != nil && !mixed && d != lattice.Auto && d != a.from.Dialect
	}
	was := slices.ContainsFunc(a.wanted.Refused, func(g plan.Gap) bool { return g.Why == plan.MixedLattice })
	return mixed != was || !mixed && d != a.wanted.Dialect
}

// accept takes over what a pass found.
func (e *Engine) accept(a *app, res *plan.Result, scope plan.Scope) {
	e.takeParts(a, res)
	if scope.All || scope.Leftovers {
		if a.leftover > 0 && res.Leftover == 0 {
			defer e.neighbours(a) // what it held is free
		}
		a.leftover, a.owed, a.lent = res.Leftover, res.Owed, res.Lent
	}
	if a.leftover+a.owed+a.lent > 0 || a.run.Deleting {
		e.users.removing[a.name] = true
	} else {
		delete(e.users.removing, a.name)
	}
	if scope.All || a.wakeAt == lattice.Never || res.Wake != lattice.Never && res.Wake < a.wakeAt {
		a.sleep(res.Wake) // a pass over a part knows nothing of what the other parts wait for
	}
	e.enter(a, res.Commands)
	for _, h := range res.Inventory {
		e.ask(Question{Topic: AskInventory, Host: h})
	}
	if res.AskLinks {
		e.askLinks()
	}
	for _, c := range res.AskConfig {
		e.askSoon(Question{Topic: AskConfig, Name: c})
	}
}

// takeParts takes over how each part stands, and remembers which of them a new host may help.
func (e *Engine) takeParts(a *app, res *plan.Result) {
	// order: each part by itself.
	for id, part := range res.Parts {
		a.parts[id] = part
		if id.Link > 0 {
			continue
		}
		w := ledger.Work{App: a.name, Component: id.Component}
		if part.Done() {
			delete(e.restless, w)
		} else {
			e.restless[w] = true
		}
	}
}

// enter books the commands of a pass. They go out when nothing has to be saved first; starts and updates in place are saved, for no owner that
// follows could see them.
func (e *Engine) enter(a *app, commands []ledger.Command) {
	e.ledger.Expect(len(commands))
	for i := range commands {
		entry := e.ledger.Add(commands[i])
		a.held = append(a.held, entry.ID)
		if entry.Starting() || entry.Instances != nil {
			a.mustSave, a.runDirty = true, true
		}
		a.unlist(&entry.Command)
		if entry.Reason == ledger.ReasonConfigDiffers {
			a.noteCarriers(e.state, e.ledger.OpenOn(""), entry.ConfigName)
		}
	}
}

func (e *Engine) restlessDrop(a *app) {
	// order: each by itself.
	for w := range e.restless {
		if w.App == a.name {
			delete(e.restless, w)
		}
	}
}

// conclude closes what is finished: an upgrade of which nothing old is left, an undeploy of which nothing is.
func (e *Engine) conclude(a *app) {
	quiet := a.leftover+a.owed == 0 && e.ledger.OpenOf(a.name) == 0 && len(a.held) == 0 && !a.dirt.any()
	if !quiet {
		return
	}
	if a.run.Deleting {
		if e.confirmedEmpty(a) && a.lent == 0 {
			a.run.Deleting = false
			a.run.Manifest, a.run.From, a.run.Configs, a.run.Links, a.run.Lists, a.run.Updates, a.run.Hosts = nil, nil, nil, nil, nil, nil, nil
			e.neighbours(a)
			e.users.drop(a)
			a.before, a.from = nil, nil
			delete(e.users.removing, a.name)
			e.returned()
			a.runDirty = true
		}
		return
	}
	if !a.whole() {
		return
	}
	a.fresh = false
	if a.before != nil {
		a.before, a.run.From = nil, nil
		e.users.drop(a)
		a.from = nil
		e.users.add(a, e.state)
		a.runDirty = true
	}
	e.settleLists(a)
}

func (a *app) whole() bool {
	for _, id := range a.wanted.Order {
		p, ok := a.parts[id]
		if !ok || !p.Done() {
			return false
		}
	}
	return true
}

// settleLists turns what was brought in host by host into what is in force for the component.
func (e *Engine) settleLists(a *app) {
	var lists []AppliedList
	for i := range a.wanted.Resources {
		if r := &a.wanted.Resources[i]; r.ID != "" && r.Scaler != plan.Unscaled {
			lists = append(lists, AppliedList{ID: r.ID, Names: r.Config, But: e.unlisted(a, r)})
		}
	}
	if !slices.EqualFunc(lists, a.run.Lists, AppliedList.equal) {
		a.run.Lists = lists
		a.runDirty = true
	}
	clear(a.lists)
	a.listedAt = e.now
}

// confirmedEmpty says that every host that ran or was to run something of the application has said, after the undeploy, that it runs nothing of it.
// A dead host keeps the entry open until it returns or is given up.
//
// A start of which nothing was heard until its deadline may come all the same, from a host that fetches for longer; and what an earlier owner started last
// is not known for certain. So the entry is kept for a time after both.
func (e *Engine) confirmedEmpty(a *app) bool {
	empty := true
	since := a.overdue
	if a.inherited {
		since = max(since, e.started)
	}
	if late := since + e.cfg.Settings.LateStart; since != lattice.Never && e.now < late {
		a.wake(late)
		empty = false
	}
	for _, id := range a.run.Hosts {
		h := e.state.Host(lattice.HostID(id))
		switch {
		case h == nil && e.now < a.began+e.cfg.Settings.DeadKept:
			a.wake(a.began + e.cfg.Settings.DeadKept)
			empty = false
		case h != nil && h.InventoryAsked <= a.began:
			e.ask(Question{Topic: AskInventory, Host: h.ID})
			empty = false
		}
	}
	return empty
}

// tell publishes the status if it differs from the last one told. While nothing may be concluded the last one stands.
func (e *Engine) tell(a *app) {
	switch {
	case a.wanted == nil && !a.run.Deleting:
		e.tellInactive(a)
	case !e.closed && (a.run.Deleting || a.hostless):
		// Hosts may be about to answer.
	case a.run.Deleting:
		e.tellDeleting(a)
	case a.hostless:
		e.tellHostless(a)
	case len(a.wanted.Refused) > 0:
		e.publish(a, status.Refused(a.run.Version, a.wanted.Refused))
	case a.fresh || !a.undecided():
		e.publish(a, a.withMeasured(status.Of(a.wanted, a.parts, a.leftover, a.owed)))
	}
}

// tellDeleting tells how far an undeploy is. While nothing is seen of an earlier owner's and nothing is proven, what was told stands.
func (e *Engine) tellDeleting(a *app) {
	s := e.deletingStatus(a)
	owed := a.owed
	if e.state.LinksAsked() == lattice.Never && e.unread("") == "" {
		owed = 0 // it stands for links that the lattice is about to tell
	}
	unseen := a.told == nil && a.leftover+owed+e.ledger.OpenOf(a.name) == 0
	if !unseen || s.Status.Type == wadmapi.StatusUndeployed {
		e.publish(a, s)
	}
}

func (a *app) undecided() bool {
	// order: any one is enough.
	for _, p := range a.parts {
		if p.Held {
			return true
		}
	}
	return false
}

func (e *Engine) deletingStatus(a *app) wadmapi.Status {
	if a.told != nil && a.told.Equal(status.Undeployed()) && a.leftover == 0 {
		return *a.told // what others had borrowed goes without a word
	}
	open := e.ledger.OpenOf(a.name)
	if a.leftover+a.owed+open == 0 && !a.dirt.any() && e.liveConfirmed(a) {
		return status.Undeployed()
	}
	return status.Removing(a.leftover, a.owed, open)
}

// liveConfirmed is confirmedEmpty for the hosts that live, or may live: one that has not been heard since this owner listens is given a period.
func (e *Engine) liveConfirmed(a *app) bool {
	patience := e.state.ListeningSince() + e.cfg.Settings.Period + e.cfg.Settings.Grace
	for _, host := range a.run.Hosts {
		id := lattice.HostID(host)
		h := e.state.Host(id)
		switch {
		case h != nil && h.InventoryAsked <= a.began:
			return false
		case h == nil && !e.proven[id] && !e.state.Dead(id) && e.now < patience:
			a.wake(patience)
			return false
		}
	}
	return true
}

// tellHostless tells of a lattice without hosts. Just after we connected they may be connecting themselves: until then what was told stands.
func (e *Engine) tellHostless(a *app) {
	switch {
	case !a.fresh && e.now < e.listened():
		a.wake(e.listened())
	case len(a.run.Hosts) == 0:
		e.publish(a, status.Waiting(a.run.Version))
	default:
		e.publish(a, status.Of(a.wanted, e.missingAll(a), 0, 0))
	}
}

// missingAll is how an application stands in a lattice that has lost its last host.
func (e *Engine) missingAll(a *app) map[plan.PartID]plan.Part {
	out := map[plan.PartID]plan.Part{}
	for i := range a.wanted.Resources {
		r := &a.wanted.Resources[i]
		if r.Scaler == plan.Unscaled || r.Instances == 0 {
			continue
		}
		p := plan.Part{ID: plan.PartID{Component: r.Name}, Want: r.Instances}
		for _, s := range r.Shares {
			if s.Count > 0 || r.Scaler == plan.Daemon {
				p.Gaps = append(p.Gaps, plan.Gap{Component: r.Name, Spread: s.Spread.Name, Short: s.Count, Why: plan.NoHostFits})
			}
		}
		out[p.ID] = p
	}
	return out
}

func (e *Engine) tellInactive(a *app) {
	switch {
	case a.letGo():
		e.tellReleased(a)
	case a.run.Operation == Undeploy || a.run.Operation == Delete:
		e.publish(a, status.Undeployed())
	}
}

func (e *Engine) publish(a *app, s wadmapi.Status) {
	if a.told != nil && a.told.Equal(s) {
		return
	}
	e.tellChange(a, s)
	a.told = &s
	e.out.Tell = append(e.out.Tell, StatusChange{App: a.name, Status: s})
}

// notice tells of a command.
func (e *Engine) notice(name string, c *ledger.Command, message string) {
	what := c.Target.ID
	switch {
	case c.ConfigName != "":
		what = c.ConfigName
	case c.Action == ledger.PutLink || c.Action == ledger.DeleteLink:
		what = c.Link.Source + " -(" + c.Link.Name + ")-> " + c.Link.Target
	case what == "":
		what = c.Target.Ref
	}
	version := ""
	if a := e.apps[c.App]; a != nil {
		version = a.run.Version
	}
	e.out.Notice = append(e.out.Notice, Notice{Name: name, Data: wadmapi.CommandEvent{
		App: c.App, Version: version, Component: c.Component, Action: c.Action.String(), Host: string(c.Host), Target: what,
		From: c.From, To: c.To, Reason: string(c.Reason), Message: message,
	}})
}
