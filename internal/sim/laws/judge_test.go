package laws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/sim/plane"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

const appspec = "wasmcloud.dev/appspec"

// judge watches every command at the moment when it goes out, and judges by what really runs. It calls none of the planner's predicates.
type judge struct {
	w       *world
	flight  map[string]flight // by application, component and host: the last start that may still take effect
	all     map[string][]*oam.Manifest
	foreign map[string]time.Duration // "host id": since when it holds the id for somebody else
	broke   time.Duration            // when a host stopped or died last
	fallen  time.Duration            // when an instance began to fall last
	loose   map[string]*loose        // applications that were let go
	begun   []begun                  // what OTP hosts said of components that they had started
}

type begun struct {
	at   time.Duration
	said string
}

type flight struct {
	cmd     ledger.Command
	at      time.Duration
	notices int
}

func newJudge(w *world) *judge {
	j := &judge{w: w, flight: map[string]flight{}, all: map[string][]*oam.Manifest{}, foreign: map[string]time.Duration{}, loose: map[string]*loose{}}
	w.p.OnSend, w.p.OnTell = j.sent, j.told
	w.p.Bus.Watch(j.heard)
	return j
}

// heard: nothing is asked of hosts without a reply subject, for that cuts some of them off.
func (j *judge) heard(at time.Duration, m sim.Msg) {
	if j.w.otp && strings.HasPrefix(m.Subject, "wasmbus.evt.") && (strings.Contains(string(m.Data), "actor_started") || strings.Contains(string(m.Data), "actors_started")) {
		j.begun = append(j.begun, begun{at, string(m.Data)})
	}
	if strings.HasPrefix(m.Subject, "wasmbus.ctl.") && m.Reply == "" && !j.w.blind {
		j.fail("%s is asked without a reply subject", m.Subject)
	}
}

func (j *judge) deployed(app string, m *oam.Manifest) { j.all[app] = append(j.all[app], m) }

func (j *judge) fail(format string, args ...any) {
	j.w.t.Fatalf("%s\n--- at %s\n%s\n--- believed\n%s\n--- trail\n%s\n--- sent\n%s", fmt.Sprintf(format, args...), j.w.p.Bus.Now(), j.w.p.Cluster.String(), j.believed(),
		strings.Join(j.w.trail, "\n"), sentTail(j.w.p.Sent))
}

// believed is what the owner knows and said of hosts.
func (j *judge) believed() string {
	var b strings.Builder
	if j.w.p.Engine == nil {
		return "nobody owns the lattice"
	}
	for _, h := range j.w.p.Engine.View().Hosts {
		fmt.Fprintf(&b, "%s seen %s ago, suspect %v, doubtful %v, %d things\n", h.Name, h.Seen, h.Suspect, h.Doubtful, len(h.Runs))
	}
	for _, n := range j.w.p.Notices {
		if n.Name == wadmapi.EventHostLost || n.Name == wadmapi.EventCommandFailed {
			fmt.Fprintf(&b, "%s %+v\n", n.Name, n.Data)
		}
	}
	return b.String()
}

func sentTail(sent []plane.Sent) string {
	var b strings.Builder
	for _, s := range sent[max(0, len(sent)-40):] {
		c := s.Command
		fmt.Fprintf(&b, "%s %s %s %s/%s host %.6s id %.12s ref %s %d→%d %s %s→%s\n", s.At, c.Action, c.Reason, c.App, c.Component, c.Host, c.Target.ID, c.Target.Ref, c.From, c.To, c.ConfigName, c.Link.Source, c.Link.Target)
	}
	return b.String()
}

// sent is called at each sending.
func (j *judge) sent(s plane.Sent) {
	c := s.Command
	truth := j.w.p.Cluster.Truth()
	j.leftAlone(&c)
	switch {
	case c.Action == ledger.Scale && c.To > c.From:
		j.notTooMany(&c, &truth, s.At)
		j.mayHaveIt(&c, &truth)
		j.flight[c.App+" "+c.Component+" "+string(c.Host)] = flight{cmd: c, at: s.At, notices: len(j.w.p.Notices)}
		j.notForeign(&c)
	case c.Action == ledger.Scale && c.To < c.From:
		j.notForeign(&c)
	case c.Action == ledger.Update:
		j.notForeign(&c)
	case c.Action == ledger.DeleteConfig:
		j.configUnused(&c, &truth)
	}
}

// told: deployed implies equal to the latest observation that was delivered. It is compared here from the owner's copy of the lattice, thing by thing.
func (j *judge) told(t engine.StatusChange) {
	m := j.w.want[t.App]
	if t.Status.Status.Type != wadmapi.StatusDeployed || m == nil || t.Status.Version != m.Version() {
		return
	}
	view := j.w.p.Engine.View()
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		scaler, daemon := scalerOf(c)
		have, want := 0, scaler.Instances
		if daemon {
			want = 0
		}
		for _, h := range view.Hosts {
			fit := fits(&sim.HostTruth{Labels: h.Labels}, scaler)
			if daemon && fit {
				want += scaler.Instances
			}
			for _, r := range h.Runs {
				if r.App == t.App && lattice.SameRef(cmp.Or(r.Updated, r.Ref), c.Properties.Image) && fit {
					have += r.Count
				}
			}
		}
		if have != want {
			j.fail("%s is told to be deployed while %d of %d of %s are observed", t.App, have, want, c.Name)
		}
	}
	for _, h := range view.Hosts {
		for _, r := range h.Runs {
			if r.App == t.App && !slices.ContainsFunc(m.Spec.Components, func(c oam.Component) bool { return lattice.SameRef(c.Properties.Image, cmp.Or(r.Updated, r.Ref)) }) {
				j.fail("%s is told to be deployed while %s is observed on %s", t.App, r.Ref, h.Name)
			}
		}
	}
}

// runsOf is how many instances of the component really run on the host for the application, or, where an update in place was told to have failed, what the host
// tells of it. On OTP hosts the component is told by repository.
func (j *judge) runsOf(h *sim.HostTruth, c *ledger.Command, told bool) int {
	n := 0
	match := func(id, ref string, notes map[string]string) bool {
		if notes[appspec] != c.App {
			return false
		}
		if !j.w.otp {
			return id == c.Target.ID
		}
		return ref == c.Target.Ref
	}
	for _, r := range h.Components {
		code := r.Ref
		if told && j.w.otp && r.Reported != r.Ref && j.updateFailed(c, h) {
			code = r.Reported // the word of an update in place that worked got lost, or was refused the second time: the host tells nothing of it
		}
		if c.Target.Kind == lattice.Component && match(r.ID, code, r.Annotations) {
			n += r.Count
		}
	}
	for _, r := range h.Providers {
		if c.Target.Kind == lattice.Provider && match(r.ID, r.Ref, r.Annotations) {
			n++
		}
	}
	return n
}

// updateFailed says that an update in place of the component on the host was told to have failed.
func (j *judge) updateFailed(c *ledger.Command, h *sim.HostTruth) bool {
	return slices.ContainsFunc(j.w.p.Notices, func(n engine.Notice) bool {
		e, ok := n.Data.(wadmapi.CommandEvent)
		return ok && n.Name == wadmapi.EventCommandFailed && e.Action == "update" && e.App == c.App && e.Component == c.Component && e.Host == h.ID
	})
}

// deafOf says that no call reaches what runs of the component on the host.
func (j *judge) deafOf(h *sim.HostTruth, c *ledger.Command) bool {
	return j.w.otp && slices.ContainsFunc(h.Components, func(r sim.ComponentTruth) bool {
		return r.Deaf && r.Ref == c.Target.Ref && r.Annotations[appspec] == c.App
	})
}

// mayBeDeaf says that a start of the image was under way on the host, or its word was lost, when the last instances of an owner ended there: it may have begun
// while the calls were being taken down, and no host tells. One more brings the calls back in any case; that it was one too many nobody can know.
func (j *judge) mayBeDeaf(c *ledger.Command) bool {
	here := func(o *ledger.Command) bool {
		return o.Action == ledger.Scale && o.Host == c.Host && o.Target.Kind == lattice.Component && lattice.SameRef(o.Target.Ref, c.Target.Ref)
	}
	return slices.ContainsFunc(j.w.p.Sent, func(stop plane.Sent) bool {
		return here(&stop.Command) && stop.Command.To == 0 && slices.ContainsFunc(j.w.p.Sent, func(start plane.Sent) bool {
			return here(&start.Command) && start.Command.To > start.Command.From && start.At < stop.At && !j.toldBetween(&start.Command, start.At, stop.At)
		})
	})
}

// toldBetween says that the host told of an instance of the start in that time.
func (j *judge) toldBetween(start *ledger.Command, from, to time.Duration) bool {
	return slices.ContainsFunc(j.begun, func(b begun) bool {
		return b.at > from && b.at < to && strings.Contains(b.said, string(start.Host)) && strings.Contains(b.said, start.Target.Ref) && strings.Contains(b.said, `"`+start.App+`"`)
	})
}

func (j *judge) manifestOf(c *ledger.Command) *oam.Component {
	m := j.w.want[c.App]
	if m == nil {
		return nil
	}
	for i := range m.Spec.Components {
		if m.Spec.Components[i].Name == c.Component {
			return &m.Spec.Components[i]
		}
	}
	return nil
}

func scalerOf(c *oam.Component) (*oam.Scaler, bool) {
	for _, t := range c.Traits {
		if t.Scaler != nil {
			return t.Scaler, t.Type == oam.TraitDaemonScaler
		}
	}
	return &oam.Scaler{Instances: 1}, false
}

func fits(h *sim.HostTruth, s *oam.Scaler) bool {
	if len(s.Spread) == 0 {
		return true
	}
	return slices.ContainsFunc(s.Spread, func(sp oam.Spread) bool { return meets(h.Labels, sp.Requirements) })
}

func meets(labels, need map[string]string) bool {
	for k, v := range need {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// notTooMany is S1: never more starts issued than wanted − staying − in flight. What stays or is in flight counts as far as the spreads can use it: what
// they cannot is named for removal. So the law is: on top of what runs and what was sent and may still take effect, every instance of this start is
// one that the spreads can use.
func (j *judge) notTooMany(c *ledger.Command, truth *sim.Truth, at time.Duration) {
	comp := j.manifestOf(c)
	if comp == nil {
		j.fail("a start of %s/%s, which nobody wants", c.App, c.Component)
		return
	}
	if !slices.ContainsFunc(truth.Hosts, func(h sim.HostTruth) bool { return h.ID == string(c.Host) }) {
		return // the host has died, and nobody could know
	}
	if c.Reason == ledger.ReasonNoCalls && j.mayBeDeaf(c) {
		return
	}
	if j.w.otp && j.anyForeign() {
		return // an OTP host's word that a start failed names the image alone: somebody else's failure of the same image is taken for ours
	}
	if j.w.otp && j.fallen > 0 && at-j.fallen < 3*time.Second {
		return // an OTP host tells of an instance that it starts again just as of one of ours that has come
	}
	// An owner that knows what an update in place has changed goes by it, and one that cannot know by what the host tells: either will do.
	if useful := max(j.useful(c, comp, truth, at, false), j.useful(c, comp, truth, at, true)); useful < c.To-c.From {
		j.fail("S1: %s/%s: only %d of the %d started are of use", c.App, c.Component, useful, c.To-c.From)
	}
}

// useful is how many instances of a start the spreads can use on top of what runs and what may still come.
func (j *judge) useful(c *ledger.Command, comp *oam.Component, truth *sim.Truth, at time.Duration, told bool) int {
	scaler, daemon := scalerOf(comp)
	known := j.known()
	var before, after []pile
	for i := range truth.Hosts {
		h := &truth.Hosts[i]
		here := h.ID == string(c.Host)
		if !known[h.ID] && !here {
			continue
		}
		n := j.runsOf(h, c, told)
		reached := n
		if f, ok := j.flight[c.App+" "+c.Component+" "+h.ID]; ok && (!j.w.otp || f.cmd.Target.Ref == c.Target.Ref) && j.open(f, h, at) {
			n = max(n, f.cmd.To)
			reached = n
		} else if j.deafOf(h, c) {
			reached = 0 // what no call reaches is of no use, until a start brings the calls back
		}
		if c.Reason != ledger.ReasonNoCalls {
			reached = n
		}
		before = append(before, pile{reached, h.Labels})
		if here {
			reached = n + c.To - c.From
		}
		after = append(after, pile{reached, h.Labels})
	}
	return usable(after, scaler, daemon) - usable(before, scaler, daemon)
}

func usable(piles []pile, s *oam.Scaler, daemon bool) int {
	if !daemon {
		return credited(piles, oam.Shares(s))
	}
	n := 0
	for _, p := range piles {
		if fits(&sim.HostTruth{Labels: p.labels}, s) {
			n += min(p.n, s.Instances)
		}
	}
	return n
}

// pile is the instances on one host.
type pile struct {
	n      int
	labels map[string]string
}

// credited is how many of the instances the shares can use at most, found by trying: one instance after the other takes a place or makes others move
// over. It is slow and has nothing of the planner's.
func credited(piles []pile, shares []oam.Share) int {
	var seats [][]int // per share, the piles that sit there
	for range shares {
		seats = append(seats, nil)
	}
	var seat func(p int, tried map[int]bool) bool
	seat = func(p int, tried map[int]bool) bool {
		for s := range shares {
			if tried[s] || !meets(piles[p].labels, shares[s].Spread.Requirements) {
				continue
			}
			tried[s] = true
			if len(seats[s]) < shares[s].Count {
				seats[s] = append(seats[s], p)
				return true
			}
			for k, other := range seats[s] {
				if seat(other, tried) {
					seats[s][k] = p
					return true
				}
			}
		}
		return false
	}
	n := 0
	for p := range piles {
		for range piles[p].n {
			if seat(p, map[int]bool{}) {
				n++
			}
		}
	}
	return n
}

// open says that the start may still take effect on the host: it has been taken up and not finished, or is on its way.
func (j *judge) open(f flight, h *sim.HostTruth, at time.Duration) bool {
	for _, s := range h.Starting {
		if s.App == f.cmd.App && s.Ref == f.cmd.Target.Ref && (f.cmd.Target.ID == "" || s.ID == f.cmd.Target.ID || j.w.otp) {
			return s.Since >= f.at && s.Since < f.at+100*time.Millisecond // a later one is somebody else's
		}
	}
	return !j.takenUp(f, h.ID) && at-f.at < 25*time.Millisecond && !j.undelivered(f) // the bus delivers within its delay and jitter
}

// undelivered says that the bus had nobody to give the start to, and said so.
func (j *judge) undelivered(f flight) bool {
	for _, n := range j.w.p.Notices[min(f.notices, len(j.w.p.Notices)):] {
		e, ok := n.Data.(wadmapi.CommandEvent)
		if ok && n.Name == wadmapi.EventCommandFailed && e.App == f.cmd.App && e.Component == f.cmd.Component && e.Host == string(f.cmd.Host) &&
			strings.Contains(e.Message, "no responders") {
			return true
		}
	}
	return false
}

// takenUp says that the host began with the start: what it has not in hand any more is done or has failed.
func (j *judge) takenUp(f flight, host string) bool {
	journal := j.w.p.Cluster.Journal()
	for i := len(journal) - 1; i >= 0 && journal[i].At >= f.at-time.Millisecond; i-- {
		name := f.cmd.Target.ID
		if j.w.otp {
			name = f.cmd.Target.Ref
		}
		if journal[i].Host == host && strings.Contains(string(journal[i].Body), name) {
			return true
		}
	}
	return false
}

// known are the hosts that the owner has not declared dead.
func (j *judge) known() map[string]bool {
	out := map[string]bool{}
	if j.w.p.Engine == nil {
		return out
	}
	for _, h := range j.w.p.Engine.View().Hosts {
		out[string(h.ID)] = true
	}
	return out
}

// mayHaveIt: no start on a host that no spread of the component fits.
func (j *judge) mayHaveIt(c *ledger.Command, truth *sim.Truth) {
	comp := j.manifestOf(c)
	if comp == nil {
		return
	}
	scaler, _ := scalerOf(comp)
	for i := range truth.Hosts {
		if h := &truth.Hosts[i]; h.ID == string(c.Host) && !fits(h, scaler) {
			j.fail("a start of %s/%s on %s, which no spread fits", c.App, c.Component, h.Name)
		}
	}
}

// notForeign: nothing is touched that an event delivered before the send showed to be somebody else's. What events have shown is what the owner's copy
// of the lattice holds; a command of somebody else that is still on its way, or an event that bears the annotations of before, shows nothing.
func (j *judge) notForeign(c *ledger.Command) {
	if j.w.otp && c.Target.Kind == lattice.Component {
		return // the stop names our annotations; a start adds instances of our own
	}
	for _, h := range j.w.p.Engine.View().Hosts {
		for _, r := range h.Runs {
			if h.ID == c.Host && r.Kind == c.Target.Kind && r.ID == c.Target.ID && r.Link == c.Target.Link && r.App != c.App {
				j.fail("%s touches %s on %s, which runs for %q", c.Action, c.Target.ID, h.Name, r.App)
			}
		}
	}
}

// configUnused: no config is deleted that a live revision names, or that something running uses.
func (j *judge) configUnused(c *ledger.Command, truth *sim.Truth) {
	for app, m := range j.w.want {
		if slices.Contains(configsOf(m), c.ConfigName) {
			j.fail("config %s is deleted, which the live revision of %s names", c.ConfigName, app)
		}
	}
	known := j.known()
	for i := range truth.Hosts {
		h := &truth.Hosts[i]
		for _, r := range h.Components {
			if known[h.ID] && slices.Contains(r.Config, c.ConfigName) {
				j.fail("config %s is deleted, which %s uses on %s", c.ConfigName, r.ID, h.Name)
			}
		}
	}
	for _, l := range truth.Links {
		if slices.Contains(l.SourceConfig, c.ConfigName) || slices.Contains(l.TargetConfig, c.ConfigName) {
			j.fail("config %s is deleted, which the link of %s names", c.ConfigName, l.SourceID)
		}
	}
}

func configsOf(m *oam.Manifest) []string {
	var out []string
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		out = append(out, m.ConfigNames(c)...)
		for _, t := range c.Traits {
			if t.Link != nil {
				out = append(out, m.SourceConfigNames(t.Link)...)
				out = append(out, m.TargetConfigNames(t.Link)...)
			}
		}
	}
	return out
}

// quiet judges once nothing happens any more.
func (j *judge) quiet() {
	w := j.w
	before := len(w.p.Sent)
	w.p.Run(10 * time.Minute)
	if n := len(w.p.Sent) - before; n > 0 {
		j.fail("%d commands in ten quiet minutes", n)
	}
	truth := w.p.Cluster.Truth()
	if len(truth.Hosts) == 0 {
		return // nothing runs, and every status says that there is no host
	}
	for _, app := range []string{"app1", "app2"} {
		switch m := w.want[app]; {
		case m != nil:
			j.settled(app, m, &truth)
		case j.loose[app] != nil:
			j.runsOn(app, &truth)
		default:
			j.gone(app, &truth)
		}
	}
}

// gone: an application that is not wanted has left nothing on any live host, unless it was never asked for.
func (j *judge) gone(app string, truth *sim.Truth) {
	for i := range truth.Hosts {
		h := &truth.Hosts[i]
		if n := len(ofApp(h, app)); n > 0 {
			j.fail("%s is undeployed, and %s still runs %v", app, h.Name, ofApp(h, app))
		}
	}
}

func ofApp(h *sim.HostTruth, app string) map[string]int {
	out := map[string]int{}
	for _, r := range h.Components {
		if r.Annotations[appspec] == app {
			out[r.ID+" "+r.Ref] += r.Count
		}
	}
	for _, r := range h.Providers {
		if r.Annotations[appspec] == app {
			out[r.ID+" "+r.Ref]++
		}
	}
	return out
}

// settled: what runs is what is wanted as far as hosts permit, and the status says deployed just when nothing is missing.
func (j *judge) settled(app string, m *oam.Manifest, truth *sim.Truth) {
	status := j.w.p.Status[app].Status
	whole := true
	expected := map[string]bool{}
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		ref := c.Properties.Image
		expected[ref] = true
		have, want, feasible := 0, 0, 0
		for k := range truth.Hosts {
			h := &truth.Hosts[k]
			for _, r := range h.Components {
				code := r.Ref
				if j.anyForeign() && !j.w.otp { // an OTP host reports the old reference after each update in place
					code = r.Reported // a start that crossed ours leaves a host that lies about its image, and nobody can know
				}
				if r.Annotations[appspec] == app && code == ref {
					have += r.Count
				}
			}
			for _, r := range h.Providers {
				if r.Annotations[appspec] == app && r.Ref == ref {
					have++
				}
			}
		}
		want, feasible = j.possible(c, truth, m)
		if c.Type == oam.CapabilityKind {
			if have > want || have == 0 && feasible > 0 && !j.anyForeign() {
				j.fail("%s/%s: %d providers run of %d wanted (%d possible), status %v", app, c.Name, have, want, feasible, status)
			}
			whole = whole && have == want
			continue
		}
		if have != feasible && !j.anyForeign() || have > want {
			j.fail("%s/%s: %d run of %d wanted (%d possible), status %v", app, c.Name, have, want, feasible, status)
		}
		whole = whole && have == want
	}
	for k := range truth.Hosts {
		h := &truth.Hosts[k]
		for what := range ofApp(h, app) {
			_, ref, _ := strings.Cut(what, " ")
			if !expected[ref] && !j.anyForeign() { // a foreign start that crosses ours on the way leaves a host that lies about its image
				j.fail("%s: %s still runs %s, which is not wanted, status %v", app, h.Name, what, status)
			}
		}
	}
	for k := range truth.Hosts {
		for _, r := range truth.Hosts[k].Components {
			if r.Deaf && r.Annotations[appspec] == app && !j.anyForeign() && !j.w.followed {
				j.fail("%s: no call reaches %s on %s", app, r.Ref, truth.Hosts[k].Name) // an owner that follows does not know it, nor what others stop
			}
		}
	}
	if status.Type == wadmapi.StatusDeployed && !whole {
		j.fail("%s says deployed, and is not whole", app)
	}
	if status.Type != wadmapi.StatusDeployed && whole && !j.anyForeign() && !j.endsUnseen(m) {
		j.fail("%s is whole and says %v", app, status)
	}
	if status.Type == wadmapi.StatusDeployed {
		j.stored(app, m, truth)
	}
}

// possible is what the hosts permit: each spread in full if any host fits it.
func (j *judge) possible(c *oam.Component, truth *sim.Truth, m *oam.Manifest) (want, feasible int) {
	scaler, daemon := scalerOf(c)
	if daemon {
		for i := range truth.Hosts {
			if fits(&truth.Hosts[i], scaler) {
				want += scaler.Instances
			}
		}
		if want == 0 && scaler.Instances > 0 {
			return 1, 0 // no host at all is a gap too
		}
		for _, s := range scaler.Spread {
			if scaler.Instances > 0 && !slices.ContainsFunc(truth.Hosts, func(h sim.HostTruth) bool { return meets(h.Labels, s.Requirements) }) {
				return want + 1, want
			}
		}
		return want, want
	}
	for _, s := range oam.Shares(scaler) {
		want += s.Count
		if slices.ContainsFunc(truth.Hosts, func(h sim.HostTruth) bool { return meets(h.Labels, s.Spread.Requirements) }) {
			feasible += s.Count
		}
	}
	return want, feasible
}

// endsUnseen says that a link of an OTP application may wait for an end that is wanted zero times, and so was perhaps never seen.
func (j *judge) endsUnseen(m *oam.Manifest) bool {
	links, zero := false, false
	for i := range m.Spec.Components {
		s, _ := scalerOf(&m.Spec.Components[i])
		zero = zero || s.Instances == 0
		for _, t := range m.Spec.Components[i].Traits {
			links = links || t.LinkDef != nil
		}
	}
	return links && zero
}

func (j *judge) anyForeign() bool { return len(j.foreign) > 0 }

// stored: links and configs are as the manifest says.
func (j *judge) stored(app string, m *oam.Manifest, truth *sim.Truth) {
	for i := range m.Spec.Components {
		c := &m.Spec.Components[i]
		for _, cfg := range c.Properties.Config {
			if got := truth.Configs[m.ConfigName(cfg)]; !maps.Equal(got, cfg.Properties) {
				j.fail("%s says deployed, and config %s is %v", app, m.ConfigName(cfg), got)
			}
		}
		for k := range truth.Hosts {
			for _, r := range truth.Hosts[k].Components {
				if _, crossed := j.foreign[truth.Hosts[k].ID+" "+r.ID]; crossed {
					continue // somebody's scale that crossed ours rebuilds it with another list, its event bears our annotations, and nobody can know
				}
				if !j.w.otp && r.ID == m.EffectiveID(c) && r.Annotations[appspec] == app && !slices.Equal(r.Config, m.ConfigNames(c)) && len(r.Config)+len(m.ConfigNames(c)) > 0 {
					j.fail("%s says deployed, and %s runs with the configs %v, not %v", app, r.ID, r.Config, m.ConfigNames(c))
				}
			}
		}
		for _, t := range c.Traits {
			switch {
			case t.Link != nil:
				j.linkThere(app, m, c, t.Link, truth)
			case t.LinkDef != nil:
				j.linkdefThere(app, t.LinkDef, truth)
			}
		}
	}
}

func (j *judge) linkThere(app string, m *oam.Manifest, c *oam.Component, l *oam.Link, truth *sim.Truth) {
	for _, have := range truth.Links {
		if have.SourceID != m.EffectiveID(c) || have.WITPackage != l.Package {
			continue
		}
		values := map[string]string{}
		for _, cfg := range l.Target.Config {
			maps.Copy(values, cfg.Properties)
		}
		if slices.Equal(have.Interfaces, l.Interfaces) && maps.Equal(have.TargetValues, values) {
			return
		}
		j.fail("%s says deployed, and the link of %s is %+v", app, c.Name, have)
	}
	j.fail("%s says deployed, and the link of %s is not there", app, c.Name)
}

func (j *judge) linkdefThere(app string, l *oam.LinkDef, truth *sim.Truth) {
	var want map[string]any
	_ = json.Unmarshal(l.Values, &want)
	for _, have := range truth.Linkdefs {
		if have.ContractID == "sim:"+app {
			raw, _ := json.Marshal(have.Values)
			var got map[string]any
			_ = json.Unmarshal(raw, &got)
			if fmt.Sprint(got) == fmt.Sprint(want) {
				return
			}
		}
	}
	j.fail("%s says deployed, and no link carries %s", app, l.Values)
}
