package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

const sec = time.Second

// canV1 and canOTP are what hosts of the two dialects are able to do.
var (
	canV1  = lattice.Can{Update: true, Beat: true}
	canOTP = lattice.Can{Relative: true, StopAll: true, Live: true}
)

// app is a manifest of the application "shop".
func app(cs ...oam.Component) *oam.Manifest {
	return &oam.Manifest{
		APIVersion: "core.oam.dev/v1beta1", Kind: "Application",
		Metadata: oam.Metadata{Name: "shop", Annotations: map[string]string{"version": "v1"}},
		Spec:     oam.Spec{Components: cs},
	}
}

// edit changes a part of a component.
type edit func(*oam.Component)

// component has the image NAME:1 and, unless an edit says otherwise, no scaler.
func component(name string, edits ...edit) oam.Component {
	c := oam.Component{Name: name, Type: oam.ComponentKind, Properties: oam.Properties{Image: name + ":1"}}
	for _, e := range edits {
		e(&c)
	}
	return c
}

func provider(name string, edits ...edit) oam.Component {
	c := component(name, edits...)
	c.Type = oam.CapabilityKind
	return c
}

// contracted is a provider of the OTP dialect.
func contracted(name string, edits ...edit) oam.Component {
	c := provider(name, edits...)
	c.Properties.Contract = "wasmcloud:" + name
	return c
}

func image(ref string) edit { return func(c *oam.Component) { c.Properties.Image = ref } }

func trait(t oam.Trait) edit { return func(c *oam.Component) { c.Traits = append(c.Traits, t) } }

func scaled(n int, spreads ...oam.Spread) edit {
	return trait(oam.Trait{Type: oam.TraitSpreadScaler, Scaler: &oam.Scaler{Instances: n, Spread: spreads}})
}

func daemon(n int, spreads ...oam.Spread) edit {
	return trait(oam.Trait{Type: oam.TraitDaemonScaler, Scaler: &oam.Scaler{Instances: n, Spread: spreads}})
}

// spread is written "name weight label=value …".
func spread(name string, weight int, labels ...string) oam.Spread {
	return oam.Spread{Name: name, Weight: &weight, Requirements: labelled(labels...)}
}

func labelled(labels ...string) map[string]string {
	m := map[string]string{}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		m[k] = v
	}
	return m
}

// config is managed when values are given ("k=v"), else external.
func config(name string, values ...string) oam.Config {
	if values == nil {
		return oam.Config{Name: name}
	}
	return oam.Config{Name: name, Properties: labelled(values...)}
}

func with(cs ...oam.Config) edit {
	return func(c *oam.Component) { c.Properties.Config = append(c.Properties.Config, cs...) }
}

// linked is a link over wasi:keyvalue with one interface.
func linked(target string, edits ...func(*oam.Link)) edit {
	l := &oam.Link{Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store"}, Target: oam.LinkTarget{Name: target}}
	for _, e := range edits {
		e(l)
	}
	return trait(oam.Trait{Type: oam.TraitLink, Link: l})
}

func targetConfig(cs ...oam.Config) func(*oam.Link) {
	return func(l *oam.Link) { l.Target.Config = cs }
}

// memory is what an owner remembers. The zero value remembers nothing.
type memory struct {
	lists   map[string][]string // by id
	applied map[string]string   // values by linkName
	missed  int
	put     []string
}

func (m *memory) List(id string, _ lattice.HostID) ([]string, bool) {
	names, ok := m.lists[id]
	return names, ok
}

func (m *memory) Applied(l lattice.Link) (string, bool) {
	v, ok := m.applied[linkName(l)]
	return v, ok
}

// linkName is how the memory of these tests tells links apart.
func linkName(l lattice.Link) string {
	return strings.Join([]string{l.Source, l.Name, l.Namespace, l.Package, l.Contract, l.Target}, " ")
}

func (m *memory) PutConfig(name string) bool { return slices.Contains(m.put, name) }
func (m *memory) Missed(lattice.Link) int    { return m.missed }

// world is a lattice as an owner sees it, heard of until 10 seconds, and what it wants there.
type world struct {
	in     Input
	memory memory
	otp    bool
	runs   map[lattice.HostID][]lattice.Resource
	labels map[lattice.HostID]map[string]string
}

// given is a 1.x lattice that wants the manifest, nil for nothing, with the hosts as told by the facts.
func given(m *oam.Manifest, facts ...func(*world)) *world { return begin(m, false, facts) }

// givenOTP is the same in the OTP dialect.
func givenOTP(m *oam.Manifest, facts ...func(*world)) *world { return begin(m, true, facts) }

func begin(m *oam.Manifest, otp bool, facts []func(*world)) *world {
	w := &world{otp: otp, runs: map[lattice.HostID][]lattice.Resource{}, labels: map[lattice.HostID]map[string]string{}}
	w.in = Input{
		View: View{State: lattice.New(), Ledger: ledger.New(ledger.Defaults()), Now: 10 * sec, Belief: Belief{MayStart: true, StartAt: lattice.Never}},
		App:  "shop", Version: "v1", Epoch: 1, Scope: Scope{All: true}, Memory: &w.memory, Prior: map[PartID]Part{},
	}
	if m != nil {
		w.in.Wanted = Want(m, w.dialect())
	}
	w.in.State.Apply(lattice.Links{Asked: sec}, sec)
	for _, f := range facts {
		f(w)
	}
	for _, id := range slices.Sorted(maps.Keys(w.labels)) {
		w.tellInventory(id, 9*sec)
	}
	return w
}

func (w *world) dialect() lattice.Dialect {
	if w.otp {
		return lattice.OTP
	}
	return lattice.V1
}

func (w *world) tellInventory(id lattice.HostID, at time.Duration) {
	can := canV1
	if w.otp {
		can = canOTP
	}
	w.in.State.Apply(lattice.Inventory{Host: id, Dialect: w.dialect(), Can: can, Labels: w.labels[id], Asked: at, Resources: w.runs[id]}, at)
}

// host is a fact: a host with labels ("k=v").
func host(id lattice.HostID, labels ...string) func(*world) {
	return func(w *world) { w.labels[id] = labelled(labels...) }
}

// runs is a fact: the host runs n of a component of the wanted revision, as that revision would have started it for the spread.
func runs(id lattice.HostID, name string, n int, spread string) func(*world) {
	return func(w *world) {
		r := w.in.Wanted.Resource(name)
		notes := maps.Clone(r.Annotations)
		if !w.otp {
			notes[SpreadAnnotation] = spread
		}
		key := lattice.Key{Kind: r.Kind, ID: r.ID, Link: r.LinkName}
		if key.ID == "" {
			key.ID = keyOf(r.Kind, r.Ref)
		}
		runsAs(id, key, r.Ref, n, notes)(w)
	}
}

// keyOf is the public key that our OTP images have: the same for all tags of a repository.
func keyOf(k lattice.Kind, ref string) string {
	first := "M"
	if k == lattice.Provider {
		first = "V"
	}
	return first + strings.ToUpper(repository(ref))
}

// runsAs is a fact: the host runs n of the key under these annotations.
func runsAs(id lattice.HostID, key lattice.Key, ref string, n int, notes lattice.Annotations) func(*world) {
	return func(w *world) {
		g := lattice.Group{Annotations: notes, Count: n}
		for i := range w.runs[id] {
			if r := &w.runs[id][i]; r.Key == key {
				r.Groups = append(r.Groups, g)
				return
			}
		}
		w.runs[id] = append(w.runs[id], lattice.Resource{Key: key, Ref: ref, Groups: []lattice.Group{g}})
	}
}

// foreign is a fact: the host runs the component of the wanted revision without any annotation of ours.
func foreign(id lattice.HostID, name string, n int, notes lattice.Annotations) func(*world) {
	return func(w *world) {
		r := w.in.Wanted.Resource(name)
		runsAs(id, lattice.Key{Kind: r.Kind, ID: r.ID, Link: r.LinkName}, r.Ref, n, notes)(w)
	}
}

// holds is a fact: the lattice holds the config, with the values given ("k=v"), or, without any, is known to have none.
func holds(name string, values ...string) func(*world) {
	return func(w *world) {
		w.in.State.Apply(lattice.Config{Name: name, Asked: sec, Found: values != nil, Values: labelled(values...)}, sec)
	}
}

// links is a fact: these are the links of the lattice.
func links(ls ...lattice.Link) func(*world) {
	return func(w *world) { w.in.State.Apply(lattice.Links{Asked: 2 * sec, Links: ls}, 2*sec) }
}

// asked is a fact: the command was sent at 9 s, after which nothing was heard.
func asked(c ledger.Command) func(*world) {
	return func(w *world) {
		c.App = "shop"
		w.in.Ledger.Restore(c, 9*sec+1)
	}
}

// failed is a fact: the command was refused just now.
func failed(c ledger.Command, why string) func(*world) {
	return func(w *world) {
		c.App = "shop"
		e := w.in.Ledger.Restore(c, 9*sec-1)
		w.in.Ledger.Answer(e.ID, ledger.Refused, why, 10*sec)
	}
}

func input(edit func(*Input)) func(*world) { return func(w *world) { edit(&w.in) } }

func (w *world) pass() Result { return Compute(&w.in) }

// carried lets every command of the result have its effect, as hosts that obey would report it, two seconds later.
func (w *world) carried(res Result) *world {
	now := w.in.Now + 2*sec
	for _, c := range res.Commands {
		switch c.Action {
		case ledger.PutLink:
			w.in.State.Apply(lattice.LinkSet{Link: c.Link}, now)
			if w.memory.applied == nil {
				w.memory.applied = map[string]string{}
			}
			for i := range w.in.Wanted.Links {
				if l := &w.in.Wanted.Links[i]; l.Want.Slot() == c.Link.Slot() {
					w.memory.applied[linkName(c.Link)] = l.Values
				}
			}
		case ledger.DeleteLink:
			w.in.State.Apply(lattice.LinkDeleted{Slot: c.Link.Slot(), Target: c.Link.Target}, now)
			delete(w.memory.applied, linkName(c.Link))
		case ledger.PutConfig:
			w.in.State.Apply(lattice.Config{Name: c.ConfigName, Asked: now, Found: true, Values: c.Values}, now)
		case ledger.DeleteConfig:
			w.in.State.Apply(lattice.Config{Name: c.ConfigName, Asked: now}, now)
		default:
			w.obey(&c)
		}
	}
	w.in.Prior = res.Parts
	w.in.Now = now + sec
	for _, id := range slices.Sorted(maps.Keys(w.labels)) {
		w.tellInventory(id, now)
	}
	return w
}

func (w *world) obey(c *ledger.Command) {
	key := lattice.Key{Kind: c.Target.Kind, ID: c.Target.ID, Link: c.Target.Link}
	if key.ID == "" {
		key.ID = keyOf(key.Kind, c.Target.Ref)
	}
	ref := c.Target.Ref
	if c.Action == ledger.Update {
		ref = c.Update
	}
	w.runs[c.Host] = slices.DeleteFunc(slices.Clone(w.runs[c.Host]), func(r lattice.Resource) bool { return r.Key == key })
	if c.To > 0 {
		runsAs(c.Host, key, ref, c.To, c.Annotations)(w)
	}
}

// rounds lets the plan be carried out again and again, and returns what each pass commanded until one commands nothing.
func (w *world) rounds(t *testing.T) [][]string {
	t.Helper()
	var out [][]string
	for range 20 {
		res := w.pass()
		if len(res.Commands) == 0 {
			return out
		}
		out = append(out, lines(res.Commands))
		w.carried(res)
	}
	t.Fatalf("it does not come to rest: %v", out)
	return nil
}

// lines are the commands in words: what, where, from → to, why, and what comes with it.
func lines(cs []ledger.Command) []string {
	var out []string
	for i := range cs {
		out = append(out, line(&cs[i]))
	}
	return out
}

func line(c *ledger.Command) string {
	switch c.Action {
	case ledger.PutLink, ledger.DeleteLink:
		return fmt.Sprintf("%s %s %s:%s%s %s -> %s (%s)", c.Action, c.Link.Source, c.Link.Namespace, c.Link.Package, c.Link.Contract,
			strings.Join(c.Link.Interfaces, ","), c.Link.Target, c.Reason)
	case ledger.PutConfig, ledger.DeleteConfig:
		return fmt.Sprintf("%s %s (%s)", c.Action, c.ConfigName, c.Reason)
	}
	what := c.Target.Ref
	if c.Action == ledger.Update {
		what += " => " + c.Update
	}
	s := fmt.Sprintf("%s %s %s %d→%d (%s)", c.Action, c.Host, what, c.From, c.To, c.Reason)
	if sp := c.Annotations[SpreadAnnotation]; sp != "" {
		s += " for " + sp
	}
	if len(c.Config) > 0 {
		s += " with " + strings.Join(c.Config, ",")
	}
	return s
}

// gaps are what cannot be brought about, in words.
func gaps(res Result) []string {
	var out []string
	for _, id := range slices.SortedFunc(maps.Keys(res.Parts), func(a, b PartID) int {
		return strings.Compare(fmt.Sprint(a.Link, a.Component), fmt.Sprint(b.Link, b.Component))
	}) {
		for _, g := range res.Parts[id].Gaps {
			s := fmt.Sprintf("%s %s", g.Component, g.Why)
			for _, more := range []string{g.Spread, string(g.Host), g.Owner, g.Detail} {
				if more != "" {
					s += ", " + more
				}
			}
			if g.Short > 0 {
				s += fmt.Sprintf(", short of %d", g.Short)
			}
			if g.Why == BackingOff {
				s += fmt.Sprintf(", try %d", g.Tries)
			}
			out = append(out, s)
		}
	}
	return out
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, -want +got:\n%s", what, diff)
	}
}

// part is one part of a result.
func (w *world) part(res Result, component string) Part {
	return res.Parts[PartID{Component: component}]
}
