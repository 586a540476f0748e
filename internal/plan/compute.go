package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// Scope says what a pass looks at: the work for one event must not grow with the application.
type Scope struct {
	All        bool
	Components map[string]bool
	Leftovers  bool // what is ours and no longer wanted
	Links      bool
	Configs    bool
}

// Memory is what an owner remembers of an application beside what the lattice shows. The engine keeps it in the run record.
type Memory interface {
	// List is the list of config names in force for a component on a host, if known.
	List(id string, host lattice.HostID) ([]string, bool)
	// Applied is the hash of the values that a link carried when we put it.
	Applied(l lattice.Link) (values string, ok bool)
	// Put says that we put that config or link at some time.
	PutConfig(name string) bool
	// Missed says how many answers in a row lacked a link that we put; a deletion that was told counts as enough.
	Missed(l lattice.Link) int
}

// Input is all that a pass depends on.
type Input struct {
	View
	Wanted  *Wanted // nil: nothing of the application is wanted
	From    *Wanted // the revision before, nil if there is none or nothing of it is left
	App     string
	Version string
	Epoch   uint64
	Scope   Scope
	Memory  Memory
	Prior   map[PartID]Part // parts of earlier passes that this one does not look at
	Applied []lattice.Link  // links that we put, of any revision
	Configs []string        // configs that we put, of any revision
	// Runs is the reference of the code that so many of the application's instances of an item run, where a host that was told to update in place reports the
	// one from before; nil, or 0: all run the one that it reports. Unchanged says that the host refused to update the component to that reference.
	Runs      func(host lattice.HostID, it *lattice.Item) (ref string, n int)
	Unchanged func(component string, host lattice.HostID, ref string) bool
	// Unread says why a config, or with "" the links, cannot be read at present; "" if nothing is known of any trouble.
	Unread func(config string) string
	// InUse says that another application's revision names the config.
	InUse func(config string) bool
	// Taken says which other application holds the id (1.x), "" = none; ConfigTaken which one gives the config other values and goes before us;
	// LinkTaken which one fills the link's slot otherwise and goes before us; LinkInUse whether one wants that link, too.
	Taken       func(key lattice.Key) string
	ConfigTaken func(name string) string
	LinkTaken   func(l lattice.Link) string
	LinkInUse   func(l lattice.Link) bool
	// MayStand says that the link may be there though the list of links does not show it: another list has to be asked for.
	MayStand func(l lattice.Link) bool
}

// Result is what a pass found.
type Result struct {
	Commands  []ledger.Command
	Parts     map[PartID]Part
	Retract   []ledger.CommandID // starts that are not sent yet and no longer needed
	Inventory []lattice.HostID   // to ask for before anything is concluded there
	AskLinks  bool
	AskConfig []string
	Leftover  int           // instances that are ours and not wanted
	Owed      int           // links and configs of ours that are not wanted and still there
	Lent      int           // configs of ours that are not wanted, but that another application uses: they stay until it goes
	Wake      time.Duration // Never, or when to look again though nothing happened
}

type pass struct {
	*Input
	out   Result
	extra map[lattice.HostID]int // instances placed in this pass
	hosts map[lattice.HostID]bool
	confs map[string]bool
	room  []candidate           // used again for each component
	slots map[lattice.Slot]bool // that a command of this pass is about
}

// Compute is the pass.
func Compute(in *Input) Result {
	p := &pass{Input: in, extra: map[lattice.HostID]int{}, hosts: map[lattice.HostID]bool{}, confs: map[string]bool{}, slots: map[lattice.Slot]bool{}}
	p.out.Parts = map[PartID]Part{}
	p.out.Wake = lattice.Never
	if in.Belief.Frozen {
		return p.out
	}
	if w := in.Wanted; w != nil && len(w.Refused) == 0 {
		for i := range w.Resources {
			if r := &w.Resources[i]; in.Scope.All || in.Scope.Components[r.Name] {
				p.resource(r)
			}
		}
		if in.Scope.All || in.Scope.Configs {
			p.configs()
		}
		if in.Scope.All || in.Scope.Links {
			p.links()
		}
	}
	if in.Scope.All || in.Scope.Leftovers {
		// In this order: a config may go when nothing that runs and no link names it any more.
		p.leftovers()
		p.unwantedLinks()
		p.unwantedConfigs()
	}
	// order: sorted on the next line.
	for h := range p.hosts {
		p.out.Inventory = append(p.out.Inventory, h)
	}
	slices.Sort(p.out.Inventory)
	// order: sorted on the next line.
	for c := range p.confs {
		p.out.AskConfig = append(p.out.AskConfig, c)
	}
	slices.Sort(p.out.AskConfig)
	return p.out
}

func (p *pass) wake(at time.Duration) {
	if at != lattice.Never && (p.out.Wake == lattice.Never || at < p.out.Wake) {
		p.out.Wake = at
	}
}

func (p *pass) send(part *Part, c ledger.Command) {
	c.App, c.Revision, c.Epoch = p.App, p.revision(), p.Epoch
	if p.out.Commands == nil {
		p.out.Commands = make([]ledger.Command, 0, p.likely())
	}
	p.out.Commands = append(p.out.Commands, c)
	if part != nil {
		part.Sent++
		p.retrying(part, &c)
	}
}

// retrying tells what failed the last time, while the next try is under way: what was once found out stays in the status until it has worked.
func (p *pass) retrying(part *Part, c *ledger.Command) {
	b, ok := p.Ledger.Backoff(p.App, ledger.CauseOf(c))
	if !ok || c.Action == ledger.Scale && c.To < c.From {
		return
	}
	part.Gaps = append(part.Gaps, Gap{Component: c.Component, Why: Retrying, Host: c.Host, Detail: b.Last, Tries: b.Tries})
}

// likely is how many commands a pass that has one may have: a first deploy has one for each instance.
func (p *pass) likely() int {
	n := len(p.Scope.Components)
	if p.Wanted != nil && p.Scope.All {
		for i := range p.Wanted.Resources {
			n += min(p.Wanted.Resources[i].Instances, len(p.State.Hosts()))
		}
	}
	return min(max(n, 4), 1024)
}

func (p *pass) revision() string {
	if p.Wanted == nil {
		return ""
	}
	return p.Wanted.Revision
}

// starting says that some part of the application still waits for a start: what is no longer wanted runs on until then.
func (p *pass) starting() bool {
	// order: any one is enough.
	for id, part := range p.Prior {
		if now, ok := p.out.Parts[id]; ok {
			part = now
		}
		if id.Link == 0 && (part.Starting || part.Held || part.Changing) {
			return true
		}
	}
	// order: any one is enough.
	for id, part := range p.out.Parts {
		if id.Link == 0 && (part.Starting || part.Held || part.Changing) {
			return true
		}
	}
	return false
}

// leftovers stops what bears our annotation and belongs to nothing that is wanted. While anything is being started
// or linked, it waits.
func (p *pass) leftovers() {
	wanted := p.wantedKeys()
	hold := p.Wanted != nil && (len(p.Wanted.Refused) > 0 || p.starting() || p.linksUnsettled(""))
	reason := ledger.ReasonRemoved
	if p.Wanted == nil {
		reason = ledger.ReasonUndeployed
	}
	for _, key := range p.State.KeysOf(p.App) {
		if wanted[key] {
			continue
		}
		for _, h := range p.State.HostsOf(key) {
			item := h.Item(key)
			have := item.CountOf(p.App)
			if have == 0 {
				continue
			}
			p.out.Leftover += have
			t := ledger.Target{Kind: key.Kind, ID: key.ID, Ref: item.Ref, Link: key.Link}
			if hold || p.Ledger.Open(p.App, h.ID, t) != nil {
				continue
			}
			p.stop(nil, stopping{host: h.ID, key: key, target: t, from: have, reason: reason, annotations: annotationsOf(item, p.App)})
		}
	}
}

type stopping struct {
	component   string
	host        lattice.HostID
	key         lattice.Key
	target      ledger.Target
	from, to    int
	reason      ledger.Reason
	annotations lattice.Annotations
	config      []string
}

// stop emits a stop, or asks for the inventory that would permit it.
func (p *pass) stop(part *Part, s stopping) {
	c := ledger.Command{
		Reason: s.reason, Action: ledger.Scale, Component: s.component, Host: s.host, Target: s.target,
		From: s.from, To: s.to, Annotations: s.annotations, Config: s.config,
	}
	if h := p.State.Host(s.host); h != nil {
		c.AckEnds = h.Can.StopAll && s.target.Kind == lattice.Provider
		if h.Can.Relative && s.target.Kind == lattice.Component {
			c.Annotations = lattice.Annotations{lattice.AppAnnotation: p.App} // all of ours bear it, whatever else they bear
		}
		c.ByAge = h.Can.ByAge && s.target.Kind == lattice.Component
		c.Ahead = aheadOf(&p.View, p.App, s.host, h.Item(s.key), s.target)
	}
	if b, ok := p.Ledger.Backoff(p.App, ledger.CauseOf(&ledger.Command{Action: c.Action, Component: s.component, Host: s.host, Target: s.target})); ok && p.Now < b.Until {
		p.wake(b.Until)
		return
	}
	if !mayStop(&p.View, p.App, s.host, s.key, s.target) {
		p.hosts[s.host] = true
		return
	}
	p.send(part, c)
}

// annotationsOf are the annotations under which most of the application's instances run.
func annotationsOf(it *lattice.Item, app string) lattice.Annotations {
	var best lattice.Annotations
	most := -1
	for _, g := range it.Groups {
		if g.Annotations[lattice.AppAnnotation] == app && g.Count > most {
			best, most = g.Annotations, g.Count
		}
	}
	return best
}

// wantedKeys are the keys that components of the wanted revision stand for; a component without a scaler stands for none.
func (p *pass) wantedKeys() map[lattice.Key]bool {
	out := map[lattice.Key]bool{}
	if p.Wanted == nil {
		return out
	}
	for i := range p.Wanted.Resources {
		r := &p.Wanted.Resources[i]
		if r.Scaler == Unscaled && r.ID != "" {
			continue
		}
		if id := p.idOf(r); id != "" {
			out[lattice.Key{Kind: r.Kind, ID: id, Link: r.LinkName}] = true
		}
	}
	return out
}

// idOf is the id of a component: ours to choose in 1.x; in OTP what its reference is known to have, or, for a provider that only changes its
// tag, what the one of ours that runs has: a host refuses the new tag until the old one is stopped, and does not say under which key. So has a component
// that is to be updated in place.
func (p *pass) idOf(r *Resource) string {
	if r.ID != "" {
		return r.ID
	}
	if id, ok := p.State.Resolve(r.Kind, r.Ref); ok || r.Kind != lattice.Provider && !r.Live {
		return id
	}
	for _, key := range p.State.KeysOf(p.App) {
		if key.Kind != r.Kind || key.Link != r.LinkName {
			continue
		}
		for _, h := range p.State.HostsOf(key) {
			if it := h.Item(key); it.CountOf(p.App) > 0 && repository(it.Ref) == repository(r.Ref) {
				return key.ID
			}
		}
	}
	return ""
}

// repository is an image reference without its tag and digest.
func repository(ref string) string {
	ref = lattice.NormaliseRef(ref)
	end := len(ref)
	for i := len(ref) - 1; i >= 0 && ref[i] != '/'; i-- {
		if ref[i] == ':' || ref[i] == '@' {
			end = i
		}
	}
	return ref[:end]
}

// SameRepository says that two references differ in their tag at most: on OTP hosts they most likely share a key.
func SameRepository(a, b string) bool { return repository(a) == repository(b) }

// weightiest sorts gaps so that the first tells most.
func weightiest(gaps []Gap) {
	slices.SortStableFunc(gaps, func(a, b Gap) int { return cmp.Compare(rank(a.Why), rank(b.Why)) })
}

func rank(w Why) int {
	return slices.Index([]Why{NotCarried, MixedLattice, Conflict, ConfigTaken, LinkTaken, BackingOff, Retrying, ConfigAbsent, HeldByOther, NoHostFits, TooFewHosts, Unhealthy, EndsUnknown, Unread}, w)
}
