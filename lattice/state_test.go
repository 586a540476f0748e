package lattice

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLinks(t *testing.T) {
	kv := Link{Source: "web", Target: "kv", Name: "default", Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store", "atomics"}}
	other := kv
	other.Target, other.Interfaces = "kv2", []string{"batch"}
	out := Link{Source: "web", Target: "out", Name: "default", Namespace: "wasi", Package: "http", Interfaces: []string{"outgoing-handler"}}
	const (
		kvLine    = "link web -> kv default wasi:keyvalue/atomics,store\n"
		otherLine = "link web -> kv2 default wasi:keyvalue/batch\n"
		outLine   = "link web -> out default wasi:http/outgoing-handler\n"
	)
	changed := kv
	changed.SourceConfig = []string{"b", "a"}
	links, ofWeb := Effect{Changed: true, Links: true}, Effect{Changed: true, Links: true, Source: "web"}
	check(t, []foldCase{
		{"a put link is there", []step{{sec, LinkSet{kv}}}, kvLine, ofWeb},
		{"a link put again as it was is no change, whatever the order of its interfaces", []step{{sec, LinkSet{kv}}, {2 * sec, LinkSet{Link{Source: "web", Target: "kv", Name: "default", Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"atomics", "store"}}}}},
			kvLine, Effect{}},
		{"a put of the same slot and target replaces", []step{{sec, LinkSet{kv}}, {2 * sec, LinkSet{changed}}},
			"link web -> kv default wasi:keyvalue/atomics,store config [b a] []\n", ofWeb},
		{"two targets share a slot", []step{{sec, LinkSet{kv}}, {2 * sec, LinkSet{other}}}, kvLine + otherLine, ofWeb},
		{"a delete with a target takes that one", []step{{sec, LinkSet{kv}}, {2 * sec, LinkSet{other}}, {3 * sec, LinkDeleted{kv.Slot(), "kv2"}}}, kvLine, ofWeb},
		{"a delete without a target takes the first of the slot", []step{{sec, LinkSet{other}}, {2 * sec, LinkSet{kv}}, {3 * sec, LinkDeleted{kv.Slot(), ""}}}, kvLine, ofWeb},
		{"a delete of what is not there changes nothing", []step{{sec, LinkSet{kv}}, {3 * sec, LinkDeleted{kv.Slot(), "kv9"}}}, kvLine, Effect{}},
		{"a full list replaces", []step{{sec, LinkSet{kv}}, {3 * sec, Links{Asked: 2 * sec, Links: []Link{out}}}}, outLine, links},
		{"an event newer than the question wins in its slot only", []step{{sec, LinkSet{out}}, {3 * sec, LinkSet{kv}}, {4 * sec, Links{Asked: 2 * sec, Links: []Link{other}}}}, kvLine, links},
		{"a delete newer than the question wins", []step{{3 * sec, LinkDeleted{kv.Slot(), ""}}, {4 * sec, Links{Asked: 2 * sec, Links: []Link{kv, out}}}}, outLine, links},
		{"a list overtaken by a later one is old", []step{{3 * sec, Links{Asked: 2 * sec, Links: []Link{kv}}}, {4 * sec, Links{Asked: 1 * sec, Links: []Link{out}}}}, kvLine, Effect{}},
		{"the first list is news even if empty", []step{{3 * sec, Links{Asked: 2 * sec}}}, "", links},
		{"the same list again is none", []step{{3 * sec, Links{Asked: 2 * sec, Links: []Link{out, kv}}}, {5 * sec, Links{Asked: 4 * sec, Links: []Link{kv, out}}}}, outLine + kvLine, Effect{}},
		{"a refused put changes nothing", []step{{sec, LinkFailed{Link: kv}}}, "", Effect{}},
		{"a link without a source is none", []step{{sec, LinkSet{Link{Target: "kv"}}}, {sec, LinkDeleted{}}, {sec, Links{Asked: sec, Links: []Link{{Target: "kv"}}}}, {2 * sec, LinkSet{}}}, "", Effect{}},
	})
	s, _ := folded(step{3 * sec, Links{Asked: 2 * sec, Links: []Link{kv, out}}}, step{5 * sec, LinkDeleted{out.Slot(), ""}})
	if s.LinksAsked() != 2*sec || s.LinkAt(kv) != 2*sec || s.LinkAt(out) != 5*sec {
		t.Errorf("asked %v, kv known at %v, out at %v", s.LinksAsked(), s.LinkAt(kv), s.LinkAt(out))
	}
	if got := s.LinksFrom("web"); len(got) != 1 || got[0].Target != "kv" {
		t.Errorf("links of web: %+v", got)
	}
	if s.Reset(6 * sec); s.LinksAsked() != Never || s.LinkAt(out) != Never || len(s.Links()) != 1 {
		t.Errorf("after a reset: asked %v, %+v", s.LinksAsked(), s.Links())
	}
}

func TestConfigs(t *testing.T) {
	values := map[string]string{"a": "1"}
	told := func(at, asked time.Duration) step {
		return step{at, Config{Name: "c", Asked: asked, Found: true, Values: values}}
	}
	check(t, []foldCase{
		{"an answer is kept", []step{told(2*sec, sec)}, "config c: a\n", Effect{Changed: true, Config: "c"}},
		{"the same answer again is no change", []step{told(2*sec, sec), told(4*sec, 3*sec)}, "config c: a\n", Effect{}},
		{"there may be none", []step{{2 * sec, Config{Name: "c", Asked: sec}}}, "config c: none\n", Effect{Changed: true, Config: "c"}},
		{"a config that was set must be asked for again", []step{told(2*sec, sec), {3 * sec, ConfigSet{"c"}}}, "config c: unknown\n", Effect{Changed: true, Config: "c"}},
		{"a config that was deleted too", []step{told(2*sec, sec), {3 * sec, ConfigDeleted{"c"}}}, "config c: unknown\n", Effect{Changed: true, Config: "c"}},
		{"an answer asked for before it was set is old", []step{{3 * sec, ConfigSet{"c"}}, told(4*sec, 2*sec)}, "config c: unknown\n", Effect{}},
		{"an answer asked for after it was set is not", []step{{3 * sec, ConfigSet{"c"}}, told(4*sec, 3*sec)}, "config c: a\n", Effect{Changed: true, Config: "c"}},
		{"a config without a name is none", []step{{sec, ConfigSet{}}, {sec, ConfigDeleted{}}, {sec, Config{}}}, "", Effect{}},
	})
	s, _ := folded(told(2*sec, sec))
	s.Reset(3 * sec)
	if c, ok := s.Config("c"); !ok || c.Asked != Never || c.Values["a"] != "1" {
		t.Errorf("after a reset: %+v %v", c, ok)
	}
	if s.Apply(told(4*sec, 2*sec).ev, 4*sec); s.String() != "config c: unknown\n" {
		t.Errorf("an answer of before the reset counts:\n%s", s)
	}
	if _, ok := s.Config("d"); ok {
		t.Error("a config that nobody named is known")
	}
}

func TestReferences(t *testing.T) {
	type want struct {
		kind Kind
		ref  string
		id   string
	}
	for _, c := range []struct {
		name   string
		events []Event
		want   []want
	}{
		{"nothing is known at first", nil, []want{{Component, "web:1", ""}}},
		{"a refmap entry teaches, and the key shows the kind", []Event{RefLearned{"web:1", "MWEB"}}, []want{{Component, "web:1", "MWEB"}, {Provider, "web:1", ""}}},
		{"schemes do not matter", []Event{RefLearned{"oci://web:1", "MWEB"}}, []want{{Component, "web:1", "MWEB"}, {Component, "http://web:1", "MWEB"}}},
		{"what starts teaches", []Event{Started{Host: n1, Key: Key{Kind: Provider, ID: "p"}, Ref: "http:1"}}, []want{{Provider, "http:1", "p"}, {Component, "http:1", ""}}},
		{"an inventory teaches", []Event{Inventory{Host: n1, Dialect: OTP, Resources: []Resource{runs(web, group(nil, 1))}}}, []want{{Component, "web:1", "web"}}},
		{"an inventory of a 1.x host does not", []Event{Inventory{Host: n1, Dialect: V1, Resources: []Resource{runs(web, group(nil, 1))}}}, []want{{Component, "web:1", ""}}},
		{"the later refmap entry wins", []Event{RefLearned{"web:1", "MA"}, RefLearned{"web:1", "MB"}}, []want{{Component, "web:1", "MB"}}},
		{"an inventory does not undo a refmap entry", []Event{RefLearned{"web:1", "MB"}, Inventory{Host: n1, Dialect: OTP, Resources: []Resource{runs(web, group(nil, 1))}}}, []want{{Component, "web:1", "MB"}}},
		{"half an entry is none", []Event{RefLearned{"", "MB"}, RefLearned{"web:1", ""}}, []want{{Component, "web:1", ""}, {Component, "", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New()
			for _, ev := range c.events {
				s.Apply(ev, sec)
			}
			for _, w := range c.want {
				if id, ok := s.Resolve(w.kind, w.ref); id != w.id || ok != (w.id != "") {
					t.Errorf("%v %q resolves to %q %v, want %q", w.kind, w.ref, id, ok, w.id)
				}
			}
		})
	}
	s, _ := folded(step{0, RefLearned{"b", "M"}}, step{0, RefLearned{"a", "M"}}, step{0, RefLearned{"c", "M"}}, step{0, RefLearned{"c", "M2"}})
	if diff := cmp.Diff([]string{"a", "b"}, s.RefsOf("M")); diff != "" {
		t.Error(diff)
	}
}

func TestBurialAndReturn(t *testing.T) {
	s, _ := folded(begun(n1), step{sec, Scaled{n1, web, "web:1", shop, 2}}, begun(n2))
	eff := s.Bury(n1, 70*sec)
	want := Effect{Changed: true, Host: n1, Vanished: true, Keys: []Key{web}, Apps: []string{"shop"}}
	if diff := cmp.Diff(want, eff); diff != "" {
		t.Error(diff)
	}
	if s.Host(n1) != nil || !s.Dead(n1) || len(s.Hosts()) != 1 || s.KeysOf("shop") != nil || s.HostsOf(web) != nil {
		t.Errorf("a buried host still counts:\n%s", s)
	}
	if diff := cmp.Diff(Effect{}, s.Bury(n1, 71*sec)); diff != "" {
		t.Errorf("buried twice: %s", diff)
	}
	if diff := cmp.Diff("host n2\ndead N1\n", s.String()); diff != "" {
		t.Error(diff)
	}
	eff = s.Apply(HostSeen{Host: n1, Uptime: 75}, 75*sec)
	if diff := cmp.Diff(Effect{Changed: true, Host: n1, Appeared: true, Doubtful: true}, eff); diff != "" {
		t.Error(diff)
	}
	if s.Dead(n1) || s.Host(n1) == nil || !s.Host(n1).Doubtful || s.Host(n1).Load != 0 {
		t.Errorf("a returned host: %+v", s.Host(n1))
	}
	s.Apply(Inventory{Host: n1, Asked: 76 * sec, Resources: []Resource{runs(web, group(shop, 2))}}, 77*sec)
	if h := s.Host(n1); h.Doubtful || h.Item(web).CountOf("shop") != 2 {
		t.Errorf("after its inventory: %+v", h)
	}
	s.Bury(n1, 80*sec)
	if eff := s.Apply(HostStopped{n1}, 81*sec); s.Dead(n1) || !eff.Changed || eff.Vanished {
		t.Errorf("a dead host that says it stops is dead no more, but gone: %+v", eff)
	}
	s.Bury(n2, 90*sec)
	if s.Reset(90*sec + deadAge + 1); s.Dead(n2) {
		t.Error("the dead are remembered for ever")
	}
}

func TestTheDeadAreAtMostSoMany(t *testing.T) {
	s := New()
	for i := range maxDead + 5 {
		id := HostID(fmt.Sprintf("N%05d", i))
		s.Apply(Updated{Host: id}, sec)
		s.Bury(id, time.Duration(i)*time.Millisecond)
	}
	if len(s.dead) != maxDead || s.Dead("N00004") || !s.Dead("N00005") {
		t.Errorf("%d dead are remembered", len(s.dead))
	}
}

func TestReset(t *testing.T) {
	s, _ := folded(begun(n1), step{sec, Scaled{n1, web, "web:1", shop, 2}})
	s.Reset(5 * sec)
	h := s.Host(n1)
	if s.ListeningSince() != 5*sec || h.InventoryAsked != Never || !h.Doubtful || h.Item(web).Terminal != Never {
		t.Errorf("after a reset: since %v, %+v", s.ListeningSince(), h)
	}
	if h.Load != 2 || len(s.HostsOf(web)) != 1 {
		t.Error("presence was lost")
	}
	inv := Inventory{Host: n1, Asked: 6 * sec, Resources: []Resource{runs(web, group(shop, 2))}}
	if eff := s.Apply(inv, 7*sec); !eff.Changed || h.Doubtful {
		t.Errorf("the first inventory of the new time of listening: %+v", eff)
	}
}

func TestPeriod(t *testing.T) {
	for _, c := range []struct {
		name  string
		beats []time.Duration
		want  time.Duration
	}{
		{"the default until two intervals are known", []time.Duration{0, 10 * sec}, 30 * sec},
		{"then the longest of them", []time.Duration{0, 10 * sec, 19 * sec}, 10 * sec},
		{"of the last three", []time.Duration{0, 60 * sec, 70 * sec, 80 * sec, 90 * sec}, 10 * sec},
		{"beats sent back to back after a pause tell nothing", []time.Duration{0, 30 * sec, 120 * sec, 120 * sec, 120 * sec, 120 * sec, 150 * sec}, 90 * sec},
		{"never above five minutes", []time.Duration{0, time.Hour, 2 * time.Hour}, 5 * time.Minute},
		{"never below a fifth of a second", []time.Duration{0, sec / 10, sec / 5}, sec / 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New()
			for _, at := range c.beats {
				s.Apply(HostSeen{Host: n1, Uptime: uint64(at / sec), Beat: true}, at)
			}
			if got := s.Host(n1).Period(); got != c.want {
				t.Errorf("period %v, want %v", got, c.want)
			}
		})
	}
	s, _ := folded(step{0, HostSeen{Host: n1, Beat: true}}, step{10 * sec, HostSeen{Host: n1, Uptime: 10, Beat: true}}, step{20 * sec, HostSeen{Host: n1, Uptime: 20, Beat: true}})
	s.Reset(100 * sec)
	s.Apply(HostSeen{Host: n1, Uptime: 105, Beat: true}, 105*sec)
	if got := s.Host(n1).Period(); got != 10*sec {
		t.Errorf("the time that we did not listen counted as an interval: %v", got)
	}
	s.SetDefaultPeriod(2 * sec)
	s.Apply(HostStarted{Host: n1}, 106*sec)
	s.Apply(HostStarted{Host: n2}, 106*sec)
	if a, b := s.Host(n1).Period(), s.Host(n2).Period(); a != 2*sec || b != 2*sec {
		t.Errorf("periods of hosts that began anew: %v, %v", a, b)
	}
}

func TestViews(t *testing.T) {
	s, _ := folded(
		step{0, HostStarted{Host: n2, Dialect: V1, Labels: map[string]string{"zone": "a", "gpu": "yes"}}}, step{0, HostStarted{Host: n1, Dialect: V1}},
		step{sec, Scaled{n2, web, "web:1", shop, 2}}, step{sec, Scaled{n1, web, "web:1", shop, 1}}, step{sec, Started{n1, http, "http:1", blog, "", 0}}, step{sec, Scaled{n1, echo, "echo:1", nil, 5}})
	ids := func(hosts []*Host) (all string) {
		for _, h := range hosts {
			all += string(h.ID) + " "
		}
		return all
	}
	if got := ids(s.Hosts()) + "/ " + ids(s.HostsOf(web)) + "/ " + ids(s.HostsOf(http)); got != "N1 N2 / N1 N2 / N1 " {
		t.Error(got)
	}
	if diff := cmp.Diff([][]Key{{web}, {http}, nil, nil}, [][]Key{s.KeysOf("shop"), s.KeysOf("blog"), s.KeysOf(""), s.KeysOf("x")}); diff != "" {
		t.Error(diff)
	}
	if hosts, items := s.Size(); hosts != 2 || items != 4 {
		t.Errorf("size %d, %d", hosts, items)
	}
	h := s.Host(n2)
	if !h.Fits(nil) || !h.Fits(map[string]string{"zone": "a"}) || h.Fits(map[string]string{"zone": "b"}) || h.Fits(map[string]string{"zone": "a", "no": ""}) {
		t.Error("labels do not decide what fits")
	}
	it := s.Host(n1).Item(echo)
	if it.Count() != 5 || it.CountOf("") != 5 || it.CountOf("shop") != 0 || !cmp.Equal(it.Owners(), []string{""}) || s.Host(n1).Load != 7 {
		t.Errorf("%+v", it)
	}
	if d, mixed := s.Dialect(); d != V1 || mixed {
		t.Errorf("dialect %q %v", d, mixed)
	}
	s.Apply(HostSeen{Host: "N3", Dialect: OTP}, 2*sec)
	if d, mixed := s.Dialect(); d != Auto || !mixed {
		t.Errorf("dialect of a mixed lattice %q %v", d, mixed)
	}
	if d, _ := New().Dialect(); d != Auto {
		t.Errorf("dialect of nobody %q", d)
	}
}

func TestBoundsDropAndCount(t *testing.T) {
	long := strings.Repeat("x", maxText+1)
	many := make([]Resource, maxHostItems+1)
	for i := range many {
		many[i] = Resource{Key: Key{ID: fmt.Sprint(i)}, Groups: group(nil, 1)}
	}
	labels := map[string]string{}
	for i := range maxLabels + 1 {
		labels[fmt.Sprint(i)] = ""
	}
	for _, c := range []struct {
		name string
		ev   Event
	}{
		{"a host id too long", HostStarted{Host: HostID(long)}},
		{"a key too long", Scaled{n1, Key{ID: long}, "r", nil, 1}},
		{"a reference too long", Started{n1, web, long, nil, "i", 0}},
		{"an inventory too long", Inventory{Host: n1, Asked: sec, Resources: many}},
		{"a resource too long in an inventory", Inventory{Host: n1, Asked: sec, Resources: []Resource{{Key: Key{ID: long}, Groups: group(nil, 1)}}}},
		{"too many labels", LabelsChanged{n1, labels}},
		{"too many annotations", Scaled{n1, web, "r", labels, 1}},
		{"a link too long", LinkSet{Link{Source: "a", Target: long}}},
		{"a config too long", ConfigSet{long}},
		{"a reference to learn too long", RefLearned{long, "M"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := folded(begun(n1))
			s.Apply(c.ev, sec)
			if _, items := s.Size(); s.Dropped() != 1 || items != 0 {
				t.Errorf("dropped %d, %d items:\n%s", s.Dropped(), items, s)
			}
		})
	}
}

func TestCountsBeyondAnyHostDoNotOverflow(t *testing.T) {
	s, _ := folded(step{0, Inventory{Host: n1, Resources: []Resource{runs(web, []Group{{shop, math.MaxInt, nil}, {blog, math.MaxInt, nil}, {nil, math.MinInt, nil}})}}})
	if h := s.Host(n1); int64(h.Load) != 2*maxCount || int64(h.Item(web).Count()) != 2*maxCount || h.Item(web).CountOf("") != 0 {
		t.Errorf("load %d, %+v", h.Load, h.Items())
	}
}

func TestPoolsDoNotGrowWithWhatWasOnceSeen(t *testing.T) {
	s, _ := folded(begun(n1))
	for i := range 10_000 {
		s.Apply(Scaled{n1, web, fmt.Sprintf("web:%d", i), Annotations{AppAnnotation: fmt.Sprint(i)}, 1}, time.Duration(i))
	}
	if len(s.notes.entries) != 1 || len(s.texts.entries) != 3 || len(s.owned) != 1 {
		t.Errorf("%d annotation maps, %d texts (a reference, the name and the value of an annotation), %d applications are kept for one item", len(s.notes.entries), len(s.texts.entries), len(s.owned))
	}
}
