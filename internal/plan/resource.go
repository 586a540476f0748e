package plan

import (
	"cmp"
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// site is one host on which a component runs, is under way, or cannot run.
type site struct {
	host    *lattice.Host
	item    *lattice.Item
	open    *ledger.Entry
	have    int // ours, observed
	planned int // ours, once what is under way has come
	fit     fit
	code    string // the reference of what runs of ours
	old     bool   // runs another image that must end before ours can start there
	swap    bool   // runs another image, which the host changes in place
	bound   bool   // runs our image by an update in place: the host starts only the one from before
	short   bool   // a daemon's host that lacks instances and cannot be given them as it is
	owner   string // held by another owner
	held    bool
	gone    int // to be taken away
	added   int
	spreads []int // what was added, by spread
}

// job is the placement of one component in one pass.
type job struct {
	*pass
	r     *Resource
	key   lattice.Key
	part  Part
	order []*site // by host id
	pool  []site  // not used yet
	need  []int   // by spread: what is missing
}

// resource brings one component or provider to its wanted state.
func (p *pass) resource(r *Resource) {
	j := &job{pass: p, r: r, key: lattice.Key{Kind: r.Kind, ID: p.idOf(r), Link: r.LinkName}}
	j.part = Part{ID: PartID{Component: r.Name}}
	if j.possible() {
		j.run()
	}
	weightiest(j.part.Gaps)
	p.out.Parts[j.part.ID] = j.part
}

// possible says that the component can be planned at all. A component without a scaler wants nothing.
func (j *job) possible() bool {
	switch {
	case j.r.Scaler == Unscaled:
		return false
	case len(j.r.Shares) > maxSpreads:
		j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Why: NotCarried, Detail: "more than 64 spreads"})
		return false
	case j.Taken == nil || j.key.ID == "":
		return true
	}
	other := j.Taken(j.key)
	if other != "" {
		j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Why: Conflict, Owner: other, Detail: j.key.ID})
	}
	return other == ""
}

func (j *job) run() {
	j.collect()
	j.health()
	ready := j.configsReady()
	missing := j.assign()
	j.underWay()
	if j.endsEverywhere() {
		j.part.Starting = j.part.Starting || j.adding() // after all have ended, for the end of one may end what has just started
	} else if missing > 0 || j.adding() {
		j.starts(ready)
	}
	j.changes(ready)
	j.stops(missing)
	j.awaken()
	j.failures()
}

// failures tells what failed on a host and is not told yet: because nothing may be concluded at the moment, or because another host is tried.
func (j *job) failures() {
	told := slices.ContainsFunc(j.part.Gaps, func(g Gap) bool { return g.Why == BackingOff || g.Why == Retrying })
	if told || j.part.Done() || !j.Ledger.Blames(j.App) {
		return
	}
	for _, c := range j.Ledger.Causes(j.App, j.r.Name) {
		b, _ := j.Ledger.Backoff(j.App, c)
		switch {
		case j.State.Host(c.Host) == nil:
		case j.part.Held && j.Now < b.Until:
			j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Why: BackingOff, Host: c.Host, Detail: b.Last, Tries: b.Tries, Until: b.Until, Pause: b.Pause})
			j.wake(b.Until)
		case j.part.Held:
			j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Why: Retrying, Host: c.Host, Detail: b.Last, Tries: b.Tries}) // as soon as that is known
		case j.part.Open+j.part.Sent > 0:
			j.part.Told = append(j.part.Told, "It failed on host "+string(c.Host)+": "+b.Last)
			return
		}
	}
}

// underWay books what was asked of hosts for the component and is not settled.
func (j *job) underWay() {
	for _, e := range j.Ledger.OpenFor(j.App, j.r.Name) {
		if e.Action != ledger.Scale && e.Action != ledger.Update {
			continue // a link of the component
		}
		j.part.Open++
		j.retrying(&j.part, &e.Command)
		j.part.Starting = j.part.Starting || e.Starting()
		j.part.Changing = j.part.Changing || e.Action == ledger.Update || e.From == e.To
	}
}

// site is the place of a host among those that matter, made if there was none.
func (j *job) site(h *lattice.Host) *site {
	at, ok := j.find(h)
	if !ok {
		j.order = slices.Insert(j.order, at, j.newSite(h))
	}
	return j.order[at]
}

// newSite makes a site, in one piece of memory with the others where their number was known.
func (j *job) newSite(h *lattice.Host) *site {
	if len(j.pool) == 0 {
		return &site{host: h, fit: j.fits(h)}
	}
	s := &j.pool[0]
	j.pool = j.pool[1:]
	s.host, s.fit = h, j.fits(h)
	return s
}

// find is where the host's site is, or would be. Most come in the order of their ids.
func (j *job) find(h *lattice.Host) (at int, ok bool) {
	if n := len(j.order); n == 0 || j.order[n-1].host.ID < h.ID {
		return n, false
	}
	return slices.BinarySearchFunc(j.order, h.ID, func(s *site, id lattice.HostID) int { return cmp.Compare(s.host.ID, id) })
}

func (j *job) fits(h *lattice.Host) fit {
	var f fit
	for i := range j.r.Shares {
		if h.Fits(j.r.Shares[i].Spread.Requirements) {
			f |= 1 << i
		}
	}
	return f
}

func (j *job) target(ref string) ledger.Target {
	return ledger.Target{Kind: j.r.Kind, ID: j.key.ID, Ref: ref, Link: j.r.LinkName, Contract: j.r.Contract}
}

// collect gathers the hosts on which the component runs or is under way.
func (j *job) collect() {
	if n := len(j.State.HostsOf(j.key)); n > 1 {
		j.pool, j.order = make([]site, n+1), make([]*site, 0, n+1) // what is missing of it is one, most likely
	}
	if j.key.ID != "" {
		for _, h := range j.State.HostsOf(j.key) {
			j.occupy(j.site(h))
		}
	}
	for _, e := range j.Ledger.OpenFor(j.App, j.r.Name) {
		h := j.State.Host(e.Host)
		if h != nil && (e.Action == ledger.Scale || e.Action == ledger.Update) {
			j.site(h).expect(e, j.r.Ref)
		}
	}
	if j.From != nil {
		j.renamed()
	}
}

// renamed finds the starts of what the revision before called otherwise: they are under way, whatever their name is now.
func (j *job) renamed() {
	j.Ledger.Starts(j.App, func(e *ledger.Entry) {
		h, t := j.State.Host(e.Host), e.Target
		if h == nil || e.Component == j.r.Name || t.Kind != j.r.Kind || t.Link != j.r.LinkName || j.Wanted.Resource(e.Component) != nil {
			return
		}
		if t.ID == j.key.ID && t.ID != "" || (t.ID == "" || j.key.ID == "") && lattice.SameRef(t.Ref, j.r.Ref) {
			j.site(h).expect(e, j.r.Ref)
			j.part.Starting = true
		}
	})
}

// occupy notes what runs on the site.
func (j *job) occupy(s *site) {
	s.item = s.host.Item(j.key)
	s.have = s.item.CountOf(j.App)
	s.planned = s.have
	right := j.codeOf(s)
	other := right < s.have || s.have == 0 && !lattice.SameRef(s.code, j.r.Ref)
	exclusive := j.r.Kind == lattice.Provider || !s.host.Can.Relative
	if owner, held := heldByOther(s.item, j.App); held && (exclusive || other) {
		s.owner, s.held = owner, true
	}
	switch {
	case s.have == 0 || !s.host.Can.Relative:
	case other && j.maySwap(s):
		s.swap = true
	case other:
		s.old, s.planned = true, right // the others are not ours to count; a start that is under way there is
	default:
		s.bound = !lattice.SameRef(s.item.Ref, j.r.Ref)
	}
}

// expect notes what is under way on the site, where that reference is wanted.
func (s *site) expect(e *ledger.Entry, ref string) {
	s.open = e
	switch {
	case s.old && e.Action == ledger.Update && lattice.SameRef(e.Update, ref):
		s.old, s.bound, s.planned = false, true, s.have // what is being updated in place, by whatever revision, is no longer missing
	case s.old && e.Starting():
		s.planned += e.To - e.From
	case e.Starting():
		s.planned = max(s.have, e.To)
	case e.Stopping() && !s.old:
		s.planned = min(s.have, e.To)
	}
}

func (j *job) health() {
	if j.r.Kind != lattice.Provider {
		return
	}
	n := 0
	for _, s := range j.order {
		if s.have > 0 && s.item.Healthy == lattice.HealthFailed {
			n++
		}
	}
	if n > 0 {
		j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Why: Unhealthy, Short: n})
	}
}

// configsReady says that every config that the component is started with is known to be there, with the value that we want.
func (j *job) configsReady() bool {
	ready := true
	for _, name := range j.r.Config {
		if !j.configReady(name, &j.part, j.r.Name) {
			ready = false
		}
	}
	return ready
}

// assign credits what runs to the spreads and returns how many instances are missing. What no spread wants is marked gone.
func (j *job) assign() (missing int) {
	if j.r.Scaler == Daemon {
		return j.assignDaemon()
	}
	want := counts(j.r.Shares)
	supply := map[fit]int{}
	for _, s := range j.order {
		supply[s.fit] += s.planned
	}
	f := pour(supply, want)
	j.need = slices.Clone(f.need)
	for i, w := range want {
		j.part.Want += w
		missing += f.need[i]
	}
	if missing > 0 && !j.held() {
		j.placeAll(f)
	}
	for _, c := range f.classes {
		if n := supply[c] - f.kept(c); n > 0 {
			j.surplus(c, n)
		}
	}
	j.count()
	return missing
}

// held says that nothing may be concluded from an absence yet; what is missing is left alone. While instances are being stopped somewhere they may
// still run, so nothing is started in their place until that is confirmed.
func (j *job) held() bool {
	if slices.ContainsFunc(j.order, func(s *site) bool { return s.open != nil && s.open.Stopping() }) {
		j.part.Changing = true
		return true
	}
	if mayStart(&j.View, j.key, j.r.Ref) {
		return false
	}
	j.part.Held = true
	j.wake(j.Belief.StartAt)
	return true
}

// assignDaemon wants the count on every host that a spread fits.
func (j *job) assignDaemon() (missing int) {
	n := j.r.Instances
	if j.r.Kind == lattice.Provider {
		n = min(n, 1)
	}
	var matched fit
	for _, h := range j.State.Hosts() {
		f := j.fits(h)
		if f == 0 || !mayUse(&j.View, h.ID) {
			continue
		}
		matched |= f
		j.part.Want += n
		missing += j.daemonOn(h, f, n)
	}
	for i := range j.r.Shares {
		if !matched.has(i) && n > 0 {
			sp := j.r.Shares[i].Spread
			j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Spread: sp.Name, Why: NoHostFits, Detail: requirements(sp.Requirements)})
		}
	}
	for _, s := range j.order {
		switch {
		case s.old:
		case s.fit == 0:
			s.gone = s.planned
		case s.planned > n:
			s.gone = s.planned - n
		}
	}
	j.count()
	return missing
}

// daemonOn gives one host what it lacks, and returns how many that are.
func (j *job) daemonOn(h *lattice.Host, f fit, n int) (missing int) {
	var s *site
	if at, ok := j.find(h); ok {
		s = j.order[at]
	}
	switch {
	case s != nil && s.held:
		j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Short: n, Why: HeldByOther, Owner: s.owner, Host: h.ID, Detail: j.key.ID})
		return 0
	case s != nil && !s.old:
		missing = n - s.planned
	default:
		missing = n
	}
	if missing <= 0 {
		return 0
	}
	if s != nil && (s.swap || s.bound) {
		s.short = true
		return missing
	}
	if !j.held() && (s == nil || !s.old) {
		waiting := j.Ledger.Waiting(j.App, ledger.Cause{Host: h.ID, What: j.r.Name}, j.Now)
		j.accept(j.firstSpread(f), candidate{host: h, silent: j.silent(h), waiting: waiting}, missing)
	}
	return missing
}

func (j *job) firstSpread(f fit) int {
	best := 0
	for i := range j.r.Shares {
		if f.has(i) && (!f.has(best) || j.r.Shares[i].Index < j.r.Shares[best].Index) {
			best = i
		}
	}
	return best
}

func (j *job) count() {
	for _, s := range j.order {
		if !s.old && lattice.SameRef(s.code, j.r.Ref) {
			j.part.Have += min(s.have, s.planned-s.gone)
		}
	}
}

func (j *job) give(s *site, spread, n int) {
	if s.spreads == nil {
		s.spreads = make([]int, len(j.r.Shares))
	}
	s.spreads[spread] += n
	s.added += n
	j.extra[s.host.ID] += n
}

// surplus marks n instances of the class for removal: from hosts where most of this component run, then from the fullest, then from the last by
// id, one at a time.
func (j *job) surplus(c fit, n int) {
	var of []*site
	for _, s := range j.order {
		if s.fit == c && !s.old && s.planned > 0 {
			of = append(of, s)
			if s.open != nil && s.open.Starting() && s.open.SentAt == ledger.Never {
				j.out.Retract = append(j.out.Retract, s.open.ID) // what came meanwhile is as good
			}
		}
	}
	q := &queue[*site]{less: func(a, b *site) bool {
		x, y := a.planned-a.gone, b.planned-b.gone
		if x != y {
			return x > y
		}
		if a.host.Load != b.host.Load {
			return a.host.Load > b.host.Load
		}
		return a.host.ID > b.host.ID
	}}
	q.fill(of)
	for ; n > 0 && len(q.of) > 0; n-- {
		s := q.of[0]
		s.gone++
		if s.gone >= s.planned {
			q.drop()
		} else {
			q.fix()
		}
	}
}

func (j *job) adding() bool {
	return slices.ContainsFunc(j.order, func(s *site) bool { return s.added > 0 })
}

// starts emits what was placed. A component takes one command at a time on each host.
func (j *job) starts(ready bool) {
	j.part.Starting = j.part.Starting || j.adding()
	if !ready {
		j.part.Starting = true
		return
	}
	for _, s := range j.order {
		if s.added == 0 || s.open != nil || s.gone > 0 {
			continue
		}
		ref := j.r.Ref
		if s.have > 0 && !s.host.Can.Relative {
			if !lattice.SameRef(s.item.Ref, j.r.Ref) {
				continue // its image is changed first
			}
			ref = s.item.Ref // another reference would make the host's inventory lie
		}
		j.send(&j.part, ledger.Command{
			Reason: ledger.ReasonTooFew, Action: ledger.Scale, Component: j.r.Name, Host: s.host.ID, Target: j.target(ref),
			From: s.have, To: s.planned + s.added, Annotations: j.annotations(s), Config: j.r.Config,
		})
		j.part.Starting = true
	}
}

// annotations are those of the spread that owns most of what is added here; ties go to the one that comes first in the manifest.
func (j *job) annotations(s *site) lattice.Annotations {
	best := -1
	for i := range s.spreads {
		if s.spreads[i] == 0 {
			continue
		}
		if best < 0 || s.spreads[i] > s.spreads[best] || s.spreads[i] == s.spreads[best] && j.r.Shares[i].Index < j.r.Shares[best].Index {
			best = i
		}
	}
	if best >= 0 && s.added >= s.have {
		return j.r.spreads[best]
	}
	return j.standing(s)
}

// standing are the annotations for what already runs on the site: the spread that its own annotation names, if the host still fits it.
func (j *job) standing(s *site) lattice.Annotations {
	name := annotationsOf(s.item, j.App)[SpreadAnnotation]
	for i := range j.r.Shares {
		if j.r.Shares[i].Spread.Name == name && s.fit.has(i) {
			return j.r.spreads[i]
		}
	}
	if s.fit == 0 {
		return j.r.Annotations
	}
	return j.r.spreads[j.firstSpread(s.fit)]
}

// stops takes away what no spread wants, once nothing is being started or changed: an application gets smaller only when it is whole.
func (j *job) stops(missing int) {
	if j.stopAll() {
		return
	}
	waiting := j.part.Starting || j.part.Held || j.part.Changing
	for _, s := range j.order {
		if s.gone == 0 || s.open != nil || s.have == 0 {
			continue
		}
		if waiting {
			j.part.Changing = true
			continue
		}
		reason := ledger.ReasonTooMany
		if s.fit == 0 {
			reason = ledger.ReasonIneligible
		}
		sent := j.part.Sent
		to := max(0, s.planned-s.gone)
		j.stop(&j.part, stopping{
			component: j.r.Name, host: s.host.ID, key: j.key, target: j.target(s.item.Ref),
			from: s.have, to: to, reason: reason, annotations: j.standing(s), config: j.r.Config,
		})
		j.part.Evicting = j.part.Evicting || reason == ledger.ReasonIneligible && j.part.Sent > sent
		j.part.Changing = true
	}
	j.oldOnes(missing)
}

// requirements writes a spread's requirements for people.
func requirements(r map[string]string) string {
	keys := make([]string, 0, len(r))
	// order: sorted below.
	for k := range r {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := ""
	for i, k := range keys {
		if i > 0 {
			out += ", "
		}
		out += k + "=" + r[k]
	}
	return out
}
