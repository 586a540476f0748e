package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// app is one application as its owner knows it. Every field is written by the engine alone.
type app struct {
	name string

	// What was asked for, as the stores show it.
	model ModelSeen
	knows bool // model is known
	wish  Wish
	other bool // the model record was changed by somebody else after the wish: it counts

	// What was acted on.
	run       Run
	revise    uint64 // revision of the stored run record, 0 = none
	manifest  *oam.Manifest
	before    *oam.Manifest // of the version before, until nothing of it is left
	wanted    *plan.Wanted
	from      *plan.Wanted
	fresh     bool // newly deployed: its first absences are believed at once
	inherited bool // an earlier owner worked on it
	// unrecorded: it ran before it was deployed here, and no run record told where: only time proves that something is missing.
	unrecorded bool
	unseen     bool          // deployed without a record, and not looked yet whether something of it runs
	began      time.Duration // when the deploy or undeploy was acted on, by this owner or before it began
	overdue    time.Duration // when a start was last given up of which nothing was heard: it may come yet

	// How it stands.
	parts    map[plan.PartID]plan.Part
	leftover int
	owed     int
	lent     int // configs that others use: they outlast an undeploy
	look     *attention
	dirt     dirt // written through mark
	wakeAt   time.Duration
	hostless bool // its status says that there is no host
	told     *wadmapi.Status
	veil     string // why nothing is known of it, as told over its status; "" = its status stands

	refusals map[refused]bool // of updates in place, since the last wish
	breaks   map[interrupted]*interruption
	measured []string                 // how long the interruptions were that the wish brought, for people
	boasted  bool                     // that was told
	pace     map[string]time.Duration // how long the last start of a component took
	lasted   map[string]time.Duration // how long its last interruption was

	// The run record under way.
	saving   SaveID // 0 = none
	written  *Run   // what is being saved
	stored   *Run   // what is stored at revise
	retryAt  time.Duration
	runDirty bool // it may differ from what is stored
	mustSave bool // commands wait for it
	held     []ledger.CommandID
	judged   judged

	lists    map[string]map[lattice.HostID][]string // config lists that were brought in by this owner
	listedAt time.Duration                          // when those of the run record were last found right on every host
	heirs    []string                               // hosts of the run record that an earlier owner left
	missed   map[linkKey]int                        // answers in a row that lacked a link that we put
	perhaps  map[linkKey]time.Duration              // links whose put was given up, and when: they may be there all the same
}

type linkKey struct {
	slot   lattice.Slot
	target string
}

// dirt is what must be looked at.
type dirt struct {
	all, leftovers, links, configs bool
	components                     map[string]bool
}

func (d *dirt) any() bool {
	return d.all || d.leftovers || d.links || d.configs || len(d.components) > 0
}

func newApp(name string, look *attention) *app {
	return &app{
		name: name, look: look, parts: map[plan.PartID]plan.Part{}, wakeAt: lattice.Never, retryAt: lattice.Never, overdue: lattice.Never, listedAt: lattice.Never,
		refusals: map[refused]bool{}, breaks: map[interrupted]*interruption{}, pace: map[string]time.Duration{}, lasted: map[string]time.Duration{}, lists: map[string]map[lattice.HostID][]string{}, missed: map[linkKey]int{}, perhaps: map[linkKey]time.Duration{},
	}
}

func (e *Engine) app(name string) *app {
	a := e.apps[name]
	if a == nil {
		a = newApp(name, e.look)
		e.apps[name] = a
	}
	return a
}

// active says that something of the application is wanted, or being taken away.
func (a *app) active() bool { return a.wanted != nil || a.run.Deleting }

// wake has the whole application looked at again at that time, or earlier.
func (a *app) wake(at time.Duration) {
	if a.wakeAt == lattice.Never || at < a.wakeAt {
		a.sleep(at)
	}
}

// pause is wake for one of which a command was dropped: its run record may hold a start that is not to be.
func (a *app) pause(at time.Duration) {
	a.wake(at)
	a.runDirty = true
}

func (a *app) component(name string) {
	if name == "" {
		a.mark().leftovers = true
		return
	}
	d := a.mark()
	if d.components == nil {
		d.components = map[string]bool{}
	}
	d.components[name] = true
}

func (a *app) configMoved(name string) {
	d := a.mark()
	d.configs, d.links = true, true
	if a.wanted == nil {
		return
	}
	for i := range a.wanted.Resources {
		if slices.Contains(a.wanted.Resources[i].Config, name) {
			a.component(a.wanted.Resources[i].Name)
		}
	}
}

func (a *app) revision() string {
	if a.wanted == nil {
		return ""
	}
	return a.wanted.Revision
}

func (e *Engine) modelSeen(in ModelSeen) {
	a := e.app(in.App)
	before, knew := a.model, a.knows
	a.model, a.knows = in, true
	if e.loaded && knew && before.Deployed != in.Deployed && !a.agrees() {
		a.other = true // somebody beside us wrote it
	}
	if e.loaded {
		e.decide(a)
	}
}

// agrees says that the model record is as the wish would have it.
func (a *app) agrees() bool {
	switch a.wish.Operation {
	case Deploy:
		return a.model.Deployed == a.wish.Version
	case Undeploy, Delete:
		return a.model.Gone || a.model.Deployed == ""
	}
	return false
}

func (e *Engine) wishSeen(w Wish) {
	a := e.app(w.App)
	if a.wish.ID == w.ID {
		return
	}
	a.wish, a.other = w, false
	if e.loaded {
		e.decide(a)
	}
}

func (e *Engine) runLoaded(in RunLoaded) {
	a := e.app(in.Run.App)
	a.run, a.revise, a.stored = in.Run, in.Revision, &in.Run
	a.run.Intents = slices.Clone(in.Run.Intents)
}

func (e *Engine) snapshotEnd() {
	if e.loaded {
		return // a later snapshot only repeats; absence in it is never an undeploy
	}
	e.loaded, e.started = true, e.now
	for _, name := range e.names() {
		a := e.apps[name]
		a.other = a.overtaken()
		e.restore(a)
		e.decide(a)
	}
	if e.connected && e.closed {
		e.askAbsent() // the window closed before anybody knew whom to miss
	}
	e.allDirty()
}

// restore takes up what an earlier owner remembered.
func (e *Engine) restore(a *app) {
	if a.revise == 0 {
		return
	}
	a.inherited, a.began, a.heirs = true, e.now, a.run.Hosts
	a.manifest, a.before = parse(a.run.Manifest), parse(a.run.From)
	if a.run.Deleting || a.run.Operation != Deploy {
		a.before, a.manifest = a.manifest, nil
	}
	e.derive(a)
	e.teach(a)
	for _, in := range a.run.Intents {
		for _, at := range in.At {
			if at[0] < 0 || at[0] >= len(a.run.Hosts) {
				continue // no record of ours
			}
			c := ledger.Command{
				App: a.name, Revision: a.revision(), Epoch: e.cfg.Epoch, Action: ledger.Scale, Reason: ledger.ReasonTooFew,
				Host: lattice.HostID(a.run.Hosts[at[0]]), Target: in.Target, From: at[1], To: at[2], Component: in.Component,
			}
			if in.Update != "" {
				c.Action, c.Reason, c.Update, c.Instances = ledger.Update, ledger.ReasonImageChanged, in.Update, in.Instances
			}
			e.ledger.Restore(c, e.now)
			e.repeatAt(Question{Topic: AskInventory, Host: lattice.HostID(a.run.Hosts[at[0]])}, e.now+1)
		}
	}
}

func parse(raw json.RawMessage) *oam.Manifest {
	if len(raw) == 0 {
		return nil
	}
	d, _ := oam.Decode(raw, oam.FormatJSON)
	if d == nil {
		return nil
	}
	return d.Manifest
}

// decide compares what was asked last with what was acted on.
func (e *Engine) decide(a *app) {
	op, id, version := a.asked()
	if op == "" || id == a.run.Acted {
		return
	}
	manifest := a.askedManifest()
	if op == Deploy && manifest == nil {
		return // the record names a version that it does not hold, or one that cannot be read: what runs stays
	}
	takeover := a.wish.ID == "" && a.revise == 0 // a record of an older program: it runs already, most likely
	runsOn := a.run.Released || a.revise == 0 && len(e.state.KeysOf(a.name)) > 0
	a.run.Acted, a.run.Operation, a.run.Version = id, op, version
	a.began = e.now
	a.runDirty, a.mustSave = true, true
	e.ledger.ForgiveAll(a.name)
	clear(a.refusals)
	clear(a.breaks)
	a.measured, a.boasted = nil, false
	was := a.wanted
	switch {
	case op == Deploy:
		e.toDeploy(a, manifest)
		a.fresh = !takeover && !runsOn
		a.unrecorded, a.unseen = a.revise == 0 && !a.fresh, a.revise == 0 && a.fresh
	case a.letsGo():
		e.toRelease(a)
		if op == Delete {
			was = nil // no record tells what it left
		}
	default:
		e.toRemove(a)
	}
	e.derive(a)
	e.forgetLists(a)
	e.keepTraces(a, was)
	e.keepTraces(a, a.from)
	e.refresh(a)
}

// toDeploy makes a manifest what is wanted.
func (e *Engine) toDeploy(a *app, manifest *oam.Manifest) {
	old := a.manifest
	a.manifest = manifest
	a.run.Manifest, a.run.Deleting, a.run.Released = oam.Canonical(manifest), false, false
	if old != nil && oam.Hash(old) != oam.Hash(manifest) {
		a.before = old
	}
	a.run.From = nil
	if a.before != nil {
		a.run.From = oam.Canonical(a.before)
	}
}

// toRemove has everything that is ours taken away.
func (e *Engine) toRemove(a *app) {
	e.last(a)
	a.run.Deleting, a.run.Released, a.run.From, a.fresh = true, false, nil, false
}

// last makes the manifest until now the one before: what it left is known by it.
func (e *Engine) last(a *app) {
	if a.manifest != nil {
		a.before = a.manifest
	} else if m := parse(a.wish.Manifest); a.before == nil && m != nil {
		a.before = m
	}
	a.manifest = nil
	if a.before != nil {
		a.run.Manifest = oam.Canonical(a.before)
	}
}

// keepTraces remembers what the revision until now may have left in the lattice, whoever put it: an owner before us whose last save did not come to be, or
// an older program. What the next revision does not want of it is taken away when its time has come, however many revisions follow until then.
func (e *Engine) keepTraces(a *app, was *plan.Wanted) {
	if was == nil || len(was.Refused) > 0 {
		return // nothing was done for it
	}
	for _, c := range was.Configs {
		if at, ok := slices.BinarySearch(a.run.Configs, c.Name); !ok && c.Managed {
			a.run.Configs = slices.Insert(slices.Clone(a.run.Configs), at, c.Name)
		}
	}
	for i := range was.Links {
		l, known := was.Links[i].Resolved(e.state)
		if _, applied := a.Applied(l); !known || applied || e.wantsLink(a, l) {
			continue
		}
		a.run.Links = append(slices.Clone(a.run.Links), AppliedLink{Link: l})
	}
	e.users.drop(a)
	e.users.add(a, e.state)
}

// wantsLink says that the application wants a link there.
func (e *Engine) wantsLink(a *app, l lattice.Link) bool {
	return a.wanted != nil && slices.ContainsFunc(a.wanted.Links, func(w plan.Link) bool {
		want, known := w.Resolved(e.state)
		return known && want.Slot() == l.Slot() && want.Target == l.Target
	})
}

// forgetLists drops from the record what the wanted revision changes: from now on one host has the old list and another the new one, and a revision after
// this one may want the old one again. This owner keeps it host by host; to one that follows the annotations of each host tell.
func (e *Engine) forgetLists(a *app) {
	if a.wanted == nil {
		return
	}
	a.run.Lists = slices.DeleteFunc(slices.Clone(a.run.Lists), func(l AppliedList) bool {
		if slices.ContainsFunc(a.wanted.Resources, func(r plan.Resource) bool { return r.ID == l.ID && slices.Equal(r.Config, l.Names) }) {
			return false
		}
		for _, kind := range []lattice.Kind{lattice.Component, lattice.Provider} {
			for _, h := range e.state.HostsOf(lattice.Key{Kind: kind, ID: l.ID}) {
				a.list(l.ID, h.ID, l.Names)
			}
		}
		return true
	})
}

// list notes the list in force on one host, unless this owner has brought in another one since.
func (a *app) list(id string, host lattice.HostID, names []string) {
	if a.lists[id] == nil {
		a.lists[id] = map[lattice.HostID][]string{}
	}
	if _, known := a.lists[id][host]; !known {
		a.lists[id][host] = names
	}
}

// asked is what was asked last: by the wish, or, without one or after somebody else's change, by the model record.
func (a *app) asked() (op Operation, id, version string) {
	if a.wish.ID != "" && !a.other {
		return a.wish.Operation, a.wish.ID, a.wish.Version
	}
	switch {
	case !a.knows:
		return "", "", ""
	case a.model.Deployed != "":
		if a.model.Manifest == nil {
			return "", "", ""
		}
		return Deploy, a.modelID(), a.model.Deployed
	case a.revise != 0 || a.other || a.wanted != nil:
		return Undeploy, a.modelID(), ""
	}
	return "", "", ""
}

// modelID names what the model record says, for the run record: a record has no id of its own as wishes have.
func (a *app) modelID() string {
	if a.model.Deployed == "" || a.model.Manifest == nil {
		return "model none"
	}
	return "model " + a.model.Deployed + " " + oam.Hash(a.model.Manifest)
}

// overtaken says, when an owner begins, that somebody beside us wrote the model record after the last wish: it says something else than the wish, or it is
// what an earlier owner acted on last.
func (a *app) overtaken() bool {
	if a.wish.ID == "" || !a.knows || a.model.Revision <= a.wish.BasedOn {
		return false
	}
	return !a.agrees() || a.run.Acted == a.modelID()
}

// askedManifest is the manifest of what was asked last.
func (a *app) askedManifest() *oam.Manifest {
	if a.wish.ID == "" || a.other {
		return a.model.Manifest
	}
	if a.wish.Read != nil {
		return a.wish.Read
	}
	return parse(a.wish.Manifest)
}

// derive computes what the manifests want in the words of the lattice's dialect.
func (e *Engine) derive(a *app) {
	d, mixed := e.dialect()
	e.neighbours(a)
	e.users.drop(a)
	e.returned()
	a.wanted, a.from = nil, nil
	a.mark().all = true
	e.restlessDrop(a)
	clear(a.parts)
	if a.manifest != nil {
		a.wanted = plan.Want(a.manifest, d)
		a.wanted.Version = a.run.Version
		if mixed {
			a.wanted.Refused = append(a.wanted.Refused, plan.Gap{Why: plan.MixedLattice})
		}
	}
	if a.before != nil {
		a.from = plan.Want(a.before, d)
	}
	e.users.add(a, e.state)
	e.neighbours(a)
}

// returned has those look again whose configs somebody else may have ceased to use.
func (e *Engine) returned() {
	// order: marks only.
	for name := range e.users.removing {
		e.apps[name].mark().configs = true
	}
}

// refresh asks for what a new wish depends on: what runs, the links, the configs.
func (e *Engine) refresh(a *app) {
	if !e.connected {
		return
	}
	if a.wanted != nil && len(e.state.Hosts()) > 0 {
		for _, c := range a.wanted.Configs {
			if s, ok := e.state.Config(c.Name); !ok || s.Asked == lattice.Never {
				e.ask(Question{Topic: AskConfig, Name: c.Name})
			}
		}
	}
}

// nudged forgets back-off, asks anew, and looks at everything.
func (e *Engine) nudged(name string) {
	a := e.apps[name]
	if a == nil || !a.active() {
		return
	}
	if e.ledger.Blames(name) || !e.actedJustNow(a) {
		e.ledger.ForgiveAll(name)
		a.mark().all = true
	}
	if e.connected {
		e.ask(Question{Topic: AskHosts})
		e.resync()
	}
}

// actedJustNow says that the push is most likely the event of the very wish that was acted on, which comes right behind it.
func (e *Engine) actedJustNow(a *app) bool {
	return a.began > 0 && e.now < a.began+e.cfg.Settings.Repeat/5
}

// remember keeps what a settled command teaches about config lists and links.
func (a *app) remember(o *ledger.Outcome, now time.Duration) {
	c := &o.Entry.Command
	if o.Verdict != ledger.Settled {
		a.unsure(o, now)
		return
	}
	switch c.Action {
	case ledger.Scale:
		if c.Target.ID != "" && c.To >= c.From && c.Component != "" && !o.Entry.Restored {
			m := a.lists[c.Target.ID]
			if m == nil {
				m = map[lattice.HostID][]string{}
				a.lists[c.Target.ID] = m
			}
			m[c.Host] = slices.Clone(c.Config)
		}
	case ledger.PutLink:
		a.applyLink(c.Link, c.Carries)
		delete(a.missed, linkKey{c.Link.Slot(), c.Link.Target})
		delete(a.perhaps, linkKey{c.Link.Slot(), c.Link.Target})
	case ledger.DeleteLink:
		a.run.Links = slices.DeleteFunc(slices.Clone(a.run.Links), func(l AppliedLink) bool { return l.Link.Slot() == c.Link.Slot() && l.Link.Target == c.Link.Target })
	case ledger.PutConfig:
		if at, ok := slices.BinarySearch(a.run.Configs, c.ConfigName); !ok {
			a.run.Configs = slices.Insert(slices.Clone(a.run.Configs), at, c.ConfigName)
		}
	case ledger.DeleteConfig:
		a.run.Configs = slices.DeleteFunc(slices.Clone(a.run.Configs), func(n string) bool { return n == c.ConfigName })
	}
	a.runDirty = true
}

func (a *app) String() string {
	return fmt.Sprintf("%s %s %s", a.name, a.run.Operation, a.run.Version)
}
