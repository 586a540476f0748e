package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// peer is one made-up 1.x host.
type peer struct {
	runs   map[lattice.Key]lattice.Resource
	labels map[string]string
	mute   bool // its questions time out; no heartbeats
	still  bool // no heartbeats
	gone   bool // nobody listens
	slow   bool // acknowledges, and does nothing
	refuse string
}

// lab drives one engine by hand: every step is told, and what the engine asks, saves and sends is answered by an honest lattice unless a test says otherwise.
type lab struct {
	t       *testing.T
	e       *Engine
	now     time.Duration
	hosts   map[lattice.HostID]*peer
	links   []lattice.Link
	configs map[string]map[string]string

	otp        bool             // OTP hosts, of components only; their ids are M and the image without its tag
	born       int              // OTP instances
	noUpdates  string           // why updates are refused, "" = they are not
	unanswered bool             // updates get no answer, and do nothing
	deaf       bool             // pings are not answered: the window stays open
	answer     func(Save) Input // nil: saved. Returning nil leaves the save unfinished
	question   func(Question) Input
	hold       func(*ledger.Command) bool // commands that go out, and of which the test says what comes

	revision uint64
	saves    []Save
	sent     []string // every command that went out, in words
	told     []string
	notices  []Notice
	asked    []Question
	outputs  int // all items of all outputs
}

func newLab(t *testing.T, hosts ...lattice.HostID) *lab {
	l := &lab{t: t, hosts: map[lattice.HostID]*peer{}, configs: map[string]map[string]string{}, now: time.Second}
	l.e = New(Config{Lattice: "default", Epoch: 1})
	for _, h := range hosts {
		l.join(h)
	}
	return l
}

func (l *lab) join(id lattice.HostID) *peer {
	p := &peer{runs: map[lattice.Key]lattice.Resource{}, labels: map[string]string{"name": string(id)}}
	l.hosts[id] = p
	return p
}

// begin connects, hands over the snapshot, and lets the ping window close.
func (l *lab) begin(snapshot ...Input) *lab {
	l.step(Connected{})
	l.step(append(snapshot, SnapshotEnd{})...)
	return l
}

// follow replaces the engine by that of the next owner, who has loaded what this one saved.
func (l *lab) follow(extra ...Input) *lab {
	l.e = New(Config{Lattice: "default", Epoch: 2})
	l.sent, l.told, l.notices = nil, nil, nil
	last := map[string]Run{}
	for _, s := range l.saves {
		last[s.App] = s.Run
	}
	var ins []Input
	for _, app := range slices.Sorted(maps.Keys(last)) {
		ins = append(ins, RunLoaded{Run: last[app], Revision: l.revision})
	}
	return l.begin(append(ins, extra...)...)
}

// step hands over inputs, and then whatever follows from them without time.
func (l *lab) step(ins ...Input) Output {
	l.t.Helper()
	var first Output
	for i := 0; ; i++ {
		l.now += time.Microsecond
		out := l.e.Step(l.now, ins...)
		if i == 0 {
			first = out
		}
		if ins = l.obey(out); len(ins) == 0 {
			return first
		}
		if i > 200 {
			l.t.Fatalf("no end of it: %+v", out)
		}
	}
}

// wait lets time pass, with heartbeats every 30 s and a tick whenever the engine asks to be woken.
func (l *lab) wait(d time.Duration) {
	l.t.Helper()
	end := l.now + d
	wake := l.step(Tick{}).Wake
	for l.now < end {
		beat := (l.now/(30*time.Second) + 1) * 30 * time.Second
		next := min(end, beat)
		if wake != lattice.Never && wake > l.now {
			next = min(next, wake)
		}
		l.now = max(next, l.now+time.Microsecond)
		ins := []Input{Tick{}}
		if l.now >= beat {
			ins = append(ins, l.beats()...)
		}
		wake = l.step(ins...).Wake
	}
}

func (l *lab) beats() []Input {
	var events []lattice.Event
	for _, id := range slices.Sorted(maps.Keys(l.hosts)) {
		if p := l.hosts[id]; !p.mute && !p.gone && !p.still {
			inv := l.inventory(id)
			inv.Beat = true
			events = append(events, inv)
		}
	}
	return []Input{Observed{Events: events}}
}

func (l *lab) inventory(id lattice.HostID) lattice.Inventory {
	p := l.hosts[id]
	dialect, can := l.speaks()
	inv := lattice.Inventory{Host: id, Dialect: dialect, Can: can, Labels: p.labels, Uptime: 1000 + uint64(l.now/time.Second), Asked: l.now}
	for _, k := range slices.SortedFunc(maps.Keys(p.runs), lattice.Key.Compare) {
		inv.Resources = append(inv.Resources, p.runs[k])
	}
	return inv
}

// speaks is how the hosts talk.
func (l *lab) speaks() (lattice.Dialect, lattice.Can) {
	if l.otp {
		return lattice.OTP, lattice.Can{Relative: true, StopAll: true, Live: true}
	}
	return lattice.V1, lattice.Can{Update: true, Beat: true}
}

// obey does what an output asks, and returns what comes of it.
func (l *lab) obey(out Output) []Input {
	var ins []Input
	l.outputs += len(out.Save) + len(out.Send) + len(out.Ask) + len(out.Tell) + len(out.Notice)
	for _, s := range out.Save {
		l.saves = append(l.saves, s)
		l.revision++
		in := Input(Saved{ID: s.ID, Revision: l.revision})
		if l.answer != nil {
			in = l.answer(s)
		}
		if in != nil {
			ins = append(ins, in)
		}
	}
	for i := range out.Send {
		ins = append(ins, l.carry(&out.Send[i])...)
	}
	for _, q := range out.Ask {
		l.asked = append(l.asked, q)
		ins = append(ins, l.reply(q)...)
	}
	for _, s := range out.Tell {
		l.told = append(l.told, strings.TrimSpace(fmt.Sprintf("%s %s %s", s.App, s.Status.Status.Type, s.Status.Status.Message)))
	}
	l.notices = append(l.notices, out.Notice...)
	return ins
}

func (l *lab) reply(q Question) []Input {
	if l.question != nil {
		if in := l.question(q); in != nil {
			return []Input{in}
		}
	}
	done := Learned{ID: q.ID, Asked: l.now}
	switch q.Topic {
	case AskHosts:
		var ins []Input
		dialect, can := l.speaks()
		for _, id := range slices.Sorted(maps.Keys(l.hosts)) {
			if p := l.hosts[id]; !p.mute && !p.gone && !l.deaf {
				ins = append(ins, Observed{Events: []lattice.Event{lattice.HostSeen{Host: id, Dialect: dialect, Can: can, Labels: p.labels, Version: "1.9.2", Uptime: 1000 + uint64(l.now/time.Second)}}})
			}
		}
		if l.deaf {
			return nil
		}
		return append(ins, done)
	case AskInventory:
		switch p := l.hosts[q.Host]; {
		case p == nil || p.gone:
			done.Err = noResponders
		case p.mute:
			done.Err = "timeout"
		default:
			done.Events = []lattice.Event{l.inventory(q.Host)}
		}
	case AskLinks:
		done.Events = []lattice.Event{lattice.Links{Asked: l.now, Links: slices.Clone(l.links)}}
	case AskConfig:
		values, found := l.configs[q.Name]
		done.Events = []lattice.Event{lattice.Config{Name: q.Name, Asked: l.now, Found: found, Values: values}}
	}
	return []Input{done}
}

// carry sends a command, if it may still go, and returns what its host says.
func (l *lab) carry(c *ledger.Command) []Input {
	l.now += time.Microsecond
	if !l.e.MaySend(c, l.now) {
		return []Input{Answered{ID: c.ID, Outcome: ledger.Dropped}}
	}
	l.sent = append(l.sent, words(c))
	if l.hold != nil && l.hold(c) {
		return nil
	}
	switch c.Action {
	case ledger.PutLink:
		l.links = append(slices.DeleteFunc(l.links, func(o lattice.Link) bool { return o.Slot() == c.Link.Slot() && o.Target == c.Link.Target }), c.Link)
		return []Input{Answered{ID: c.ID, Outcome: ledger.Accepted}}
	case ledger.DeleteLink:
		l.links = slices.DeleteFunc(l.links, func(o lattice.Link) bool { return o.Slot() == c.Link.Slot() })
		return []Input{Answered{ID: c.ID, Outcome: ledger.Accepted}}
	case ledger.PutConfig:
		l.configs[c.ConfigName] = c.Values
		return []Input{Answered{ID: c.ID, Outcome: ledger.Accepted}}
	case ledger.DeleteConfig:
		delete(l.configs, c.ConfigName)
		return []Input{Answered{ID: c.ID, Outcome: ledger.Accepted}}
	}
	p := l.hosts[c.Host]
	switch {
	case p == nil || p.gone:
		return []Input{Answered{ID: c.ID, Outcome: ledger.NoResponders}}
	case p.mute:
		return []Input{Answered{ID: c.ID, Outcome: ledger.NoAnswer}}
	case c.Action == ledger.Update && l.noUpdates != "":
		return []Input{Answered{ID: c.ID, Outcome: ledger.Refused, Message: l.noUpdates}}
	case c.Action == ledger.Update && l.unanswered:
		return []Input{Answered{ID: c.ID, Outcome: ledger.NoAnswer}}
	case p.refuse != "":
		return []Input{Answered{ID: c.ID, Outcome: ledger.Refused, Message: p.refuse}}
	case p.slow:
		return []Input{Answered{ID: c.ID, Outcome: ledger.Accepted}}
	}
	return []Input{Answered{ID: c.ID, Outcome: ledger.Accepted}, Observed{Events: l.run(c.Host, c)}}
}

// run lets the host do what the command says, and returns its events.
func (l *lab) run(id lattice.HostID, c *ledger.Command) []lattice.Event {
	if l.otp {
		return l.runOTP(id, c)
	}
	p := l.hosts[id]
	key := lattice.Key{Kind: c.Target.Kind, ID: c.Target.ID}
	ref := c.Target.Ref
	if c.Action == ledger.Update {
		ref = c.Update
	}
	if c.To > 0 {
		p.runs[key] = lattice.Resource{Key: key, Ref: ref, Groups: []lattice.Group{{Annotations: c.Annotations, Count: c.To}}}
	} else {
		delete(p.runs, key)
	}
	switch {
	case c.Action == ledger.Update:
		return []lattice.Event{lattice.Scaled{Host: id, Key: key, Ref: ref, Annotations: c.Annotations, Count: c.To}, lattice.Scaled{Host: id, Key: key, Ref: c.Target.Ref, Annotations: c.Annotations}}
	case key.Kind == lattice.Component:
		return []lattice.Event{lattice.Scaled{Host: id, Key: key, Ref: ref, Annotations: c.Annotations, Count: c.To}}
	case c.To > 0:
		return []lattice.Event{lattice.Started{Host: id, Key: key, Ref: ref, Annotations: c.Annotations}}
	}
	return []lattice.Event{lattice.Stopped{Host: id, Key: key}}
}

// runOTP does it as an OTP host would: one event for each instance, and an update in place leaves the reference.
func (l *lab) runOTP(id lattice.HostID, c *ledger.Command) []lattice.Event {
	p := l.hosts[id]
	repo, _, _ := strings.Cut(c.Target.Ref, ":")
	key := lattice.Key{ID: "M" + repo}
	r := p.runs[key]
	var ids []string
	if len(r.Groups) > 0 {
		ids = slices.Clone(r.Groups[0].Instances)
	}
	var events []lattice.Event
	switch {
	case c.Action == ledger.Update:
		for _, one := range ids {
			events = append(events, lattice.Updated{Host: id, Key: key, Instance: one})
		}
		return events
	case c.To > c.From:
		for range c.To - c.From {
			l.born++
			ids = append(ids, fmt.Sprintf("i%d", l.born))
			events = append(events, lattice.Started{Host: id, Key: key, Ref: c.Target.Ref, Annotations: c.Annotations, Instance: ids[len(ids)-1]})
		}
		if r.Ref == "" {
			r.Ref = c.Target.Ref
		}
	default:
		for _, one := range ids[:c.From-c.To] {
			events = append(events, lattice.Stopped{Host: id, Key: key, Instance: one})
		}
		ids = ids[c.From-c.To:]
	}
	if p.runs[key] = (lattice.Resource{Key: key, Ref: r.Ref, Groups: []lattice.Group{{Annotations: c.Annotations, Count: len(ids), Instances: ids}}}); len(ids) == 0 {
		delete(p.runs, key)
	}
	return events
}

func words(c *ledger.Command) string {
	switch {
	case c.ConfigName != "":
		return fmt.Sprintf("%s %s", c.Action, c.ConfigName)
	case c.Action == ledger.PutLink || c.Action == ledger.DeleteLink:
		return fmt.Sprintf("%s %s -> %s", c.Action, c.Link.Source, c.Link.Target)
	case c.Action == ledger.Update:
		return fmt.Sprintf("update %s %s => %s (%s)", c.Host, c.Target.Ref, c.Update, c.Reason)
	}
	return fmt.Sprintf("scale %s %s %d→%d (%s)", c.Host, c.Target.Ref, c.From, c.To, c.Reason)
}

// expect compares what was sent since the last call, in words.
func (l *lab) expect(why string, want ...string) {
	l.t.Helper()
	if diff := cmp.Diff(want, l.sent); diff != "" {
		l.t.Errorf("%s: sent, -want +got:\n%s", why, diff)
	}
	l.sent = nil
}

// status is what was told last of an application, "" if nothing was.
func (l *lab) status(app string) string {
	for _, line := range slices.Backward(l.told) {
		if strings.HasPrefix(line, app+" ") {
			return strings.TrimPrefix(line, app+" ")
		}
	}
	return ""
}

func (l *lab) statusIs(want string) {
	l.t.Helper()
	if got := l.status("shop"); got != want {
		l.t.Errorf("the status is %q, want %q (told: %q)", got, want, l.told)
	}
}

// lastRun is the record as it was saved last.
func (l *lab) lastRun() Run {
	if len(l.saves) == 0 {
		return Run{}
	}
	return l.saves[len(l.saves)-1].Run
}

// news are the notices of that name.
func (l *lab) news(name string) []any {
	var out []any
	for _, n := range l.notices {
		if n.Name == name {
			out = append(out, n.Data)
		}
	}
	return out
}

// webOf is the application shop with so many instances of web in that version, changed by the edits.
func webOf(version string, instances int, edits ...func(*oam.Manifest)) *oam.Manifest {
	m := &oam.Manifest{
		APIVersion: "core.oam.dev/v1beta1", Kind: "Application",
		Metadata: oam.Metadata{Name: "shop", Annotations: map[string]string{"version": version}},
		Spec: oam.Spec{Components: []oam.Component{{
			Name: "web", Type: oam.ComponentKind, Properties: oam.Properties{Image: "web:1"},
			Traits: []oam.Trait{{Type: oam.TraitSpreadScaler, Scaler: &oam.Scaler{Instances: instances}}},
		}}},
	}
	for _, e := range edits {
		e(m)
	}
	return m
}

func imageOf(ref string) func(*oam.Manifest) {
	return func(m *oam.Manifest) { m.Spec.Components[0].Properties.Image = ref }
}

func withConfig(name, value string) func(*oam.Manifest) {
	return func(m *oam.Manifest) {
		m.Spec.Components[0].Properties.Config = []oam.Config{{Name: name, Properties: map[string]string{"k": value}}}
	}
}

var wishes int

// wish asks for an operation on the application of the manifest.
func wish(op Operation, m *oam.Manifest) WishSeen {
	wishes++
	return WishSeen{Wish{ID: fmt.Sprintf("w%d", wishes), App: m.Metadata.Name, Operation: op, Version: m.Version(), Manifest: json.RawMessage(oam.Canonical(m))}}
}

// model is the record of the application as the API leaves it.
func model(m *oam.Manifest, revision uint64) ModelSeen {
	return ModelSeen{App: m.Metadata.Name, Revision: revision, Deployed: m.Version(), Manifest: m}
}

var webKey = lattice.Key{ID: "shop-web"}

// asOurs is what a host runs of shop-web when an owner of ours has started it.
func asOurs(n int) lattice.Resource {
	notes := lattice.Annotations{
		lattice.AppAnnotation: "shop", lattice.ManagerAnnotation: lattice.Manager,
		"wasmcloud.dev/scaler": oam.SpreadScalerID("shop", "web", "shop-web", "web:1", nil), "wasmcloud.dev/spread_name": "default",
	}
	return lattice.Resource{Key: webKey, Ref: "web:1", Groups: []lattice.Group{{Annotations: notes, Count: n}}}
}

func (l *lab) count(key lattice.Key) int {
	n := 0
	for _, p := range l.hosts {
		r := p.runs[key]
		n += r.Count()
	}
	return n
}

// compare takes nothing and an empty list for the same: no reader can tell them apart.
func compare(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s, -want +got:\n%s", what, diff)
	}
}
