package lattice

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	drawHost = rapid.SampledFrom([]HostID{"N1", "N2", "N3"})
	drawKey  = rapid.SampledFrom([]Key{web, echo, http, {Kind: Provider, ID: "VSQL", Link: "default"}, {Kind: Provider, ID: "VSQL", Link: "backup"}})
	drawRef  = rapid.SampledFrom([]string{"web:1", "web:2", "oci://web:2", "http:1", ""})
	drawID   = rapid.SampledFrom([]string{"i1", "i2", "i3", "i4", ""})
	drawNote = rapid.SampledFrom([]Annotations{nil, {}, shop, blog, {AppAnnotation: "shop", "wasmcloud.dev/spread_name": "x"}})
	drawTalk = rapid.SampledFrom([]Dialect{Auto, V1, OTP})
	drawTags = rapid.SampledFrom([]map[string]string{nil, {}, {"zone": "a"}, {"zone": "b"}})
	drawName = rapid.SampledFrom([]string{"one", "two", "three"})
)

func drawGroups(t *rapid.T) []Group {
	groups := make([]Group, rapid.IntRange(0, 3).Draw(t, "groups"))
	for i := range groups {
		groups[i] = Group{Annotations: drawNote.Draw(t, "notes"), Count: rapid.IntRange(0, 3).Draw(t, "count")}
		if rapid.Bool().Draw(t, "ids") {
			groups[i].Instances = rapid.SliceOfN(drawID, 0, 3).Draw(t, "instances")
		}
	}
	return groups
}

func drawResources(t *rapid.T) []Resource {
	all := make([]Resource, rapid.IntRange(0, 5).Draw(t, "resources"))
	for i := range all {
		all[i] = Resource{Key: drawKey.Draw(t, "key"), Ref: drawRef.Draw(t, "ref"), Groups: drawGroups(t)}
	}
	return all
}

func drawLink(t *rapid.T) Link {
	l := Link{Source: drawName.Draw(t, "source"), Target: drawName.Draw(t, "target"), Name: rapid.SampledFrom([]string{"default", "x"}).Draw(t, "name")}
	if rapid.Bool().Draw(t, "interfaces") {
		l.Interfaces = rapid.Permutation([]string{"a", "b"}).Draw(t, "order")
	}
	return l
}

func drawClaims(t *rapid.T) Claims {
	return Claims{Name: drawName.Draw(t, "name"), Revision: int64(rapid.IntRange(0, 2).Draw(t, "revision")), Tags: rapid.SliceOfN(drawName, 0, 2).Draw(t, "tags")}
}

// drawEvent draws any event, around a moment.
func drawEvent(t *rapid.T, now time.Duration) Event {
	host, key := drawHost.Draw(t, "host"), drawKey.Draw(t, "key")
	asked := max(0, now-time.Duration(rapid.IntRange(0, 4).Draw(t, "ago"))*sec)
	up := uint64(rapid.IntRange(0, 40).Draw(t, "uptime"))
	talk := drawTalk.Draw(t, "dialect")
	can := Can{Beat: talk == V1}
	switch rapid.IntRange(0, 21).Draw(t, "event") {
	case 0:
		return HostStarted{Host: host, Dialect: talk, Can: can, Name: "a", Labels: drawTags.Draw(t, "labels"), Uptime: up}
	case 1:
		return HostStopped{Host: host}
	case 2:
		return HostSeen{Host: host, Dialect: talk, Can: can, Labels: drawTags.Draw(t, "labels"), Uptime: up, Beat: rapid.Bool().Draw(t, "beat")}
	case 3, 4, 5:
		inv := Inventory{Host: host, Dialect: talk, Can: can, Labels: drawTags.Draw(t, "labels"), Uptime: up, Asked: asked, Resources: drawResources(t)}
		inv.Beat, inv.Bare = rapid.Bool().Draw(t, "beat"), rapid.IntRange(0, 3).Draw(t, "bare") == 0
		return inv
	case 6:
		return Scaled{Host: host, Key: key, Ref: drawRef.Draw(t, "ref"), Annotations: drawNote.Draw(t, "notes"), Count: rapid.IntRange(-1, 3).Draw(t, "count")}
	case 7, 8:
		return Started{Host: host, Key: key, Ref: drawRef.Draw(t, "ref"), Annotations: drawNote.Draw(t, "notes"), Instance: drawID.Draw(t, "id")}
	case 9:
		return Stopped{Host: host, Key: key, Instance: drawID.Draw(t, "id")}
	case 10:
		return StartFailed{Host: host, Key: key, Ref: drawRef.Draw(t, "ref"), SameKey: rapid.SampledFrom([]string{"", "web"}).Draw(t, "same")}
	case 11:
		return Updated{Host: host, Key: key}
	case 12:
		return LabelsChanged{Host: host, Labels: drawTags.Draw(t, "labels")}
	case 13:
		return Health{Host: host, Key: key, Healthy: rapid.Bool().Draw(t, "healthy")}
	case 14:
		return RefLearned{Ref: drawRef.Draw(t, "ref"), ID: rapid.SampledFrom([]string{"MA", "VB", "c", ""}).Draw(t, "id")}
	case 15:
		return LinkSet{Link: drawLink(t)}
	case 16:
		return LinkDeleted{Slot: drawLink(t).Slot(), Target: rapid.SampledFrom([]string{"", "one", "two"}).Draw(t, "target")}
	case 17:
		ev := Links{Asked: asked}
		for range rapid.IntRange(0, 4).Draw(t, "links") {
			ev.Links = append(ev.Links, drawLink(t))
		}
		return ev
	case 18:
		return Claimed{ID: key.ID, Claims: drawClaims(t)}
	case 19:
		return ClaimsTold{Asked: asked, By: map[string]Claims{key.ID: drawClaims(t), "MA": drawClaims(t)}}
	case 20:
		return Invoked{Invocation{From: End{ID: key.ID}, To: End{ID: drawKey.Draw(t, "called").ID}, Operation: drawName.Draw(t, "operation")},
			Tally{Succeeded: up, Failed: 1}}
	}
	name := drawName.Draw(t, "config")
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		return ConfigSet{Name: name}
	case 1:
		return ConfigDeleted{Name: name}
	}
	return Config{Name: name, Asked: asked, Found: true, Values: drawTags.Draw(t, "values")}
}

func drawSteps(t *rapid.T, most int) []step {
	steps := make([]step, rapid.IntRange(0, most).Draw(t, "steps"))
	now := time.Duration(0)
	for i := range steps {
		now += time.Duration(rapid.IntRange(0, 3).Draw(t, "pass")) * sec
		steps[i] = step{now, drawEvent(t, now)}
	}
	return steps
}

func end(steps []step) time.Duration {
	if len(steps) == 0 {
		return 0
	}
	return steps[len(steps)-1].at
}

// play applies steps, with a burial or a new time of listening here and there, and checks the books after each.
func play(t *rapid.T, s *State, steps []step) {
	for i, st := range steps {
		before := s.String()
		eff := s.Apply(st.ev, st.at)
		if wrong := recount(s); wrong != "" {
			t.Fatalf("after step %d, %T %+v:\n%s", i, st.ev, st.ev, wrong)
		}
		if after := s.String(); after != before && !eff.Changed && eff.Config == "" {
			t.Fatalf("step %d, %T %+v, said that nothing changed:\n%s", i, st.ev, st.ev, cmp.Diff(before, after))
		}
		if !slices.IsSortedFunc(eff.Keys, Key.Compare) || len(slices.Compact(slices.Clone(eff.Keys))) != len(eff.Keys) {
			t.Fatalf("keys of the effect are not sorted: %+v", eff.Keys)
		}
		if len(eff.Keys) > 0 && !eff.Changed {
			t.Fatalf("keys changed, and nothing did: %+v", eff)
		}
	}
}

func TestLawIndexesAndSumsAgreeWithARecountAfterAnySequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			steps := drawSteps(t, 25)
			play(t, s, steps)
			switch rapid.IntRange(0, 2).Draw(t, "then") {
			case 0:
				s.Bury(drawHost.Draw(t, "buried"), end(steps))
			case 1:
				s.Reset(0) // steps begin at 0 again
			}
			if wrong := recount(s); wrong != "" {
				t.Fatal(wrong)
			}
		}
	})
}

func TestLawSameEventsMakeTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawSteps(t, 40)
		a, b := New(), New()
		for _, st := range steps {
			ea, eb := a.Apply(st.ev, st.at), b.Apply(st.ev, st.at)
			if diff := cmp.Diff(ea, eb); diff != "" {
				t.Fatal(diff)
			}
		}
		if diff := cmp.Diff(dump(a), dump(b)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestLawAnInventoryAppliedTwiceIsAppliedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawSteps(t, 30)
		s := New()
		play(t, s, steps)
		now := end(steps) + sec
		inv := Inventory{Host: n1, Asked: now, Uptime: 100, Resources: drawResources(t)}
		s.Apply(inv, now)
		once := dump(s)
		eff := s.Apply(inv, now)
		if diff := cmp.Diff(once, dump(s)); diff != "" || eff.Changed {
			t.Fatalf("the second time changed something (%+v):\n%s", eff, diff)
		}
	})
}

// contents is what runs on a host, in the one form.
func contents(h *Host) string {
	var b strings.Builder
	for _, it := range h.Items() {
		fmt.Fprintf(&b, "%+v %s %s\n", it.Key, it.Ref, groupsText(it.Groups))
	}
	return b.String()
}

func TestLawAFreshInventoryEndsEveryDoubtWhateverCameBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawSteps(t, 40)
		if len(steps) > 1 { // doubled, and in another order
			for range rapid.IntRange(0, 5).Draw(t, "swaps") {
				i, j := rapid.IntRange(0, len(steps)-1).Draw(t, "i"), rapid.IntRange(0, len(steps)-1).Draw(t, "j")
				steps[i].ev, steps[j].ev = steps[j].ev, steps[i].ev
			}
			i := rapid.IntRange(0, len(steps)-1).Draw(t, "doubled")
			steps = slices.Insert(steps, i, steps[i])
		}
		s := New()
		play(t, s, steps)
		now := end(steps) + 10*sec
		inv := Inventory{Host: n1, Asked: now - 5*sec, Resources: drawResources(t)}
		s.Apply(inv, now)
		fresh := New()
		fresh.Apply(inv, now)
		got, want := s.Host(n1), fresh.Host(n1)
		if got == nil || got.Doubtful || got.InventoryAsked != inv.Asked {
			t.Fatalf("after a fresh inventory: %+v", got)
		}
		if diff := cmp.Diff(contents(want), contents(got)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestLawAWriterAndItsCloneGoTheirOwnWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		first := drawSteps(t, 25)
		play(t, s, first)
		c := s.Clone()
		was := dump(s)
		if diff := cmp.Diff(was, dump(c)); diff != "" {
			t.Fatal(diff)
		}
		more := drawSteps(t, 25)
		play(t, s, more)
		if diff := cmp.Diff(was, dump(c)); diff != "" {
			t.Fatalf("the clone changed with its origin:\n%s", diff)
		}
		now := dump(s)
		play(t, c, drawSteps(t, 25))
		if diff := cmp.Diff(now, dump(s)); diff != "" {
			t.Fatalf("the origin changed with its clone:\n%s", diff)
		}
	})
}

func TestLawNoHostilityPanicsOrBreaksTheBooks(t *testing.T) {
	text := rapid.OneOf(rapid.StringN(0, 4, -1), rapid.SampledFrom([]string{"", "N1", "\x00", "\xff\xfe", strings.Repeat("x", maxText+1), strings.Repeat("y", maxText)}))
	dur := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, math.MaxInt64})).Draw(t, "time"))
	})
	count := rapid.OneOf(rapid.Int(), rapid.SampledFrom([]int{math.MinInt, -1, 0, 1, math.MaxInt}))
	notes := rapid.MapOfN(text, text, 0, 3)
	group := rapid.Custom(func(t *rapid.T) Group {
		return Group{Annotations: notes.Draw(t, "notes"), Count: count.Draw(t, "count"), Instances: rapid.SliceOfN(text, 0, 4).Draw(t, "ids")}
	})
	key := rapid.Custom(func(t *rapid.T) Key {
		return Key{Kind: Kind(rapid.Uint8().Draw(t, "kind")), ID: text.Draw(t, "id"), Link: text.Draw(t, "link")}
	})
	resource := rapid.Custom(func(t *rapid.T) Resource {
		return Resource{Key: key.Draw(t, "key"), Ref: text.Draw(t, "ref"), Groups: rapid.SliceOfN(group, 0, 4).Draw(t, "groups")}
	})
	host := rapid.Custom(func(t *rapid.T) HostID { return HostID(text.Draw(t, "host")) })
	link := rapid.Custom(func(t *rapid.T) Link {
		return Link{Source: text.Draw(t, "s"), Target: text.Draw(t, "t"), Name: text.Draw(t, "n"), Values: text.Draw(t, "v"), Interfaces: rapid.SliceOfN(text, 0, 3).Draw(t, "i")}
	})
	up := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, math.MaxUint64}))
	event := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) Event {
			return HostStarted{Host: host.Draw(t, "h"), Dialect: Dialect(text.Draw(t, "d")), Labels: notes.Draw(t, "l"), Uptime: up.Draw(t, "u")}
		}),
		rapid.Custom(func(t *rapid.T) Event { return HostStopped{Host: host.Draw(t, "h")} }),
		rapid.Custom(func(t *rapid.T) Event {
			return HostSeen{Host: host.Draw(t, "h"), Name: text.Draw(t, "n"), Uptime: up.Draw(t, "u"), Beat: rapid.Bool().Draw(t, "b")}
		}),
		rapid.Custom(func(t *rapid.T) Event {
			return Inventory{Host: host.Draw(t, "h"), Asked: dur.Draw(t, "a"), Uptime: up.Draw(t, "u"), Beat: rapid.Bool().Draw(t, "b"),
				Bare: rapid.Bool().Draw(t, "bare"), Resources: rapid.SliceOfN(resource, 0, 5).Draw(t, "r")}
		}),
		rapid.Custom(func(t *rapid.T) Event {
			return Scaled{Host: host.Draw(t, "h"), Key: key.Draw(t, "k"), Ref: text.Draw(t, "r"), Annotations: notes.Draw(t, "n"), Count: count.Draw(t, "c")}
		}),
		rapid.Custom(func(t *rapid.T) Event {
			return Started{Host: host.Draw(t, "h"), Key: key.Draw(t, "k"), Ref: text.Draw(t, "r"), Annotations: notes.Draw(t, "n"), Instance: text.Draw(t, "i")}
		}),
		rapid.Custom(func(t *rapid.T) Event {
			return Stopped{Host: host.Draw(t, "h"), Key: key.Draw(t, "k"), Instance: text.Draw(t, "i")}
		}),
		rapid.Custom(func(t *rapid.T) Event {
			return StartFailed{Host: host.Draw(t, "h"), Key: key.Draw(t, "k"), Ref: text.Draw(t, "r"), SameKey: text.Draw(t, "s")}
		}),
		rapid.Custom(func(t *rapid.T) Event { return Health{Host: host.Draw(t, "h"), Key: key.Draw(t, "k")} }),
		rapid.Custom(func(t *rapid.T) Event { return RefLearned{Ref: text.Draw(t, "r"), ID: text.Draw(t, "i")} }),
		rapid.Custom(func(t *rapid.T) Event { return LinkSet{Link: link.Draw(t, "l")} }),
		rapid.Custom(func(t *rapid.T) Event {
			return LinkDeleted{Slot: link.Draw(t, "l").Slot(), Target: text.Draw(t, "t")}
		}),
		rapid.Custom(func(t *rapid.T) Event {
			return Links{Asked: dur.Draw(t, "a"), Links: rapid.SliceOfN(link, 0, 4).Draw(t, "l")}
		}),
		rapid.Custom(func(t *rapid.T) Event { return ConfigSet{Name: text.Draw(t, "n")} }),
		rapid.Custom(func(t *rapid.T) Event {
			return Config{Name: text.Draw(t, "n"), Asked: dur.Draw(t, "a"), Values: notes.Draw(t, "v")}
		}),
		rapid.Just(Event(nil)), rapid.Just(Event((*Scaled)(nil))),
	)
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		for _, ev := range rapid.SliceOfN(event, 0, 30).Draw(t, "events") {
			s.Apply(ev, dur.Draw(t, "now"))
			if wrong := recount(s); wrong != "" {
				t.Fatalf("%T %+v:\n%s", ev, ev, wrong)
			}
			_ = s.Clone().String()
		}
	})
}
