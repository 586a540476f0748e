package lattice

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	sec = time.Second
	n1  = HostID("N1")
	n2  = HostID("N2")
)

var (
	web  = Key{Kind: Component, ID: "web"}
	echo = Key{Kind: Component, ID: "echo"}
	http = Key{Kind: Provider, ID: "http"}
	shop = Annotations{AppAnnotation: "shop"}
	blog = Annotations{AppAnnotation: "blog"}
)

// step is one event at one time.
type step struct {
	at time.Duration
	ev Event
}

// folded applies the steps and returns the state with the effect of the last one.
func folded(steps ...step) (*State, Effect) {
	s := New()
	var eff Effect
	for _, st := range steps {
		eff = s.Apply(st.ev, st.at)
	}
	return s, eff
}

func begun(id HostID) step { return step{0, HostStarted{Host: id, Name: strings.ToLower(string(id))}} }

func group(a Annotations, n int, ids ...string) []Group {
	return []Group{{Annotations: a, Count: n, Instances: ids}}
}

func runs(k Key, groups []Group) Resource { return Resource{Key: k, Ref: k.ID + ":1", Groups: groups} }

// dump writes down everything that a state knows, times included, the same for the same state.
func dump(s *State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "since %v dropped %d\n", s.since, s.dropped)
	for _, h := range s.Hosts() {
		fmt.Fprintf(&b, "%s %q %v %q %q %s up=%d seen=%v..%v beat=%v asked=%v doubt=%v/%v period=%v load=%d floor=%v\n", h.ID, h.Dialect, h.Can, h.Name,
			h.Version, pairs(h.Labels), h.Uptime, h.FirstSeen, h.LastSeen, h.LastBeat, h.InventoryAsked, h.Doubtful, h.doubtAt, h.Period(), h.Load, h.floor)
		for _, it := range h.Items() {
			fmt.Fprintf(&b, "  %+v %s %v at=%v term=%v %v\n", it.Key, it.Ref, groupsText(it.Groups), it.At, it.Terminal, it.Healthy)
			fmt.Fprintf(&b, "    since %v %v\n", it.First(), h.born[it.Key])
		}
		for _, k := range slices.SortedFunc(maps.Keys(h.gone), Key.Compare) {
			fmt.Fprintf(&b, "  gone %+v %v\n", k, h.gone[k])
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.places), Key.Compare) {
		fmt.Fprintf(&b, "place %+v", k)
		for _, h := range s.HostsOf(k) {
			fmt.Fprintf(&b, " %s", h.ID)
		}
		b.WriteByte('\n')
	}
	for _, app := range slices.Sorted(maps.Keys(s.owned)) {
		o := s.owned[app]
		fmt.Fprintf(&b, "app %s %+v %v", app, o.keys, o.hosts)
		for i, h := range s.HostsWith(app) {
			fmt.Fprintf(&b, " %s:%d", h.ID, o.items[i])
		}
		b.WriteByte('\n')
	}
	for _, ref := range slices.Sorted(maps.Keys(s.refs.to)) {
		fmt.Fprintf(&b, "ref %s %+v %v\n", ref, s.refs.to[ref], s.RefsOf(s.refs.to[ref].id))
	}
	fmt.Fprintf(&b, "links asked %v told %v\n", s.links.asked, s.links.told)
	for _, l := range s.Links() {
		fmt.Fprintf(&b, "link %+v\n", l)
	}
	for _, id := range slices.Sorted(maps.Keys(s.claims.by)) {
		fmt.Fprintf(&b, "claims %s %+v\n", id, s.claims.by[id])
	}
	for _, i := range slices.SortedFunc(maps.Keys(s.tallies.by), Invocation.Compare) {
		fmt.Fprintf(&b, "invoked %+v %+v\n", i, *s.tallies.by[i])
	}
	for _, name := range slices.Sorted(maps.Keys(s.configs.by)) {
		fmt.Fprintf(&b, "config %s %+v\n", name, s.configs.by[name])
	}
	fmt.Fprintf(&b, "dead %v stopped %v dialects %v notes of %d bytes texts %v\n", s.dead, s.stopped, s.dialects, s.notes.bytes, s.texts)
	for _, hash := range slices.SortedFunc(maps.Keys(s.notes.entries), func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }) {
		n := s.notes.entries[hash]
		fmt.Fprintf(&b, "notes %v %v %d %v\n", pairs(n.notes), n.alone, n.uses, n.held)
	}
	return b.String()
}

// groupsText ignores whether no annotations are nil or empty, which nobody can see.
func groupsText(groups []Group) string {
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "[%s x%d %v]", pairs(g.Annotations), g.Count, g.Instances)
	}
	return b.String()
}

// recount finds what the indexes and sums of a state should be by walking everything, and returns what differs.
func recount(s *State) string {
	places, owners, hostsWith := map[Key][]HostID{}, map[string]map[Key]int32{}, map[string]map[HostID]int32{}
	notes, texts := map[string]int{}, map[string]int{}
	dialects := map[Dialect]int{}
	items, ids, ends := 0, 0, 0
	var wrong []string
	for i, h := range s.sorted {
		if s.hosts[h.ID] != h || i > 0 && s.sorted[i-1].ID >= h.ID {
			wrong = append(wrong, "hosts are not sorted, or not those of the map")
		}
		if h.InventoryAsked == Never && !h.Doubtful {
			wrong = append(wrong, fmt.Sprintf("%s has no inventory and is not doubtful", h.ID))
		}
		if h.Dialect != Auto {
			dialects[h.Dialect]++
		}
		load, own := 0, 0
		ends += len(h.gone)
		for k, since := range h.born {
			if it := h.Item(k); it == nil || len(since) != idsOf(it.Groups) {
				wrong = append(wrong, fmt.Sprintf("%s knows since when %+v runs: %v", h.ID, k, since))
			}
		}
		for j := range h.items {
			it := &h.items[j]
			if j > 0 && h.items[j-1].Key.Compare(it.Key) >= 0 {
				wrong = append(wrong, fmt.Sprintf("items of %s are not sorted", h.ID))
			}
			if len(it.Groups) == 0 || it.Count() <= 0 {
				wrong = append(wrong, fmt.Sprintf("%+v of %s is empty", it.Key, h.ID))
			}
			if again, ok := s.canonical(it.Key, it.Groups); !ok || !sameGroups(again, it.Groups) {
				wrong = append(wrong, fmt.Sprintf("groups of %+v are not in their one form: %v", it.Key, it.Groups))
			}
			if _, ended := h.gone[it.Key]; ended {
				wrong = append(wrong, fmt.Sprintf("%+v runs and is gone", it.Key))
			}
			if it.Terminal > h.lastTerminal {
				wrong = append(wrong, "the newest terminal event is not known")
			}
			items++
			load += it.Count()
			own += idsOf(it.Groups)
			places[it.Key] = append(places[it.Key], h.ID)
			for _, app := range it.Owners() {
				if app == "" {
					continue
				}
				if owners[app] == nil {
					owners[app] = map[Key]int32{}
				}
				owners[app][it.Key]++
				if hostsWith[app] == nil {
					hostsWith[app] = map[HostID]int32{}
				}
				hostsWith[app][h.ID]++
			}
			if it.Ref != "" {
				texts[it.Ref]++
			}
			for _, g := range it.Groups {
				if len(g.Annotations) > 0 {
					notes[string(s.scratch.nameOf(g.Annotations))]++
				}
			}
		}
		if load != h.Load || own != h.instances {
			wrong = append(wrong, fmt.Sprintf("load of %s is %d, counted %d", h.ID, h.Load, load))
		}
		ids += own
	}
	gotPlaces := map[Key][]HostID{}
	for k, at := range s.places {
		for _, h := range at {
			gotPlaces[k] = append(gotPlaces[k], h.ID)
		}
	}
	gotOwners, gotHosts := map[string]map[Key]int32{}, map[string]map[HostID]int32{}
	for app, o := range s.owned {
		gotOwners[app] = map[Key]int32{}
		for i, k := range o.keys {
			gotOwners[app][k] = o.hosts[i]
		}
		gotHosts[app] = map[HostID]int32{}
		for i, h := range o.at {
			gotHosts[app][h.ID] = o.items[i]
			if s.hosts[h.ID] != h {
				wrong = append(wrong, "a host of "+app+" is another one's")
			}
		}
		if !slices.IsSortedFunc(o.keys, Key.Compare) || !slices.IsSortedFunc(o.at, func(a, b *Host) int { return compareIDs(a.ID, b.ID) }) {
			wrong = append(wrong, "keys or hosts of "+app+" are not sorted")
		}
	}
	gotNotes, gotTexts := map[string]int{}, map[string]int{}
	size := 0
	for _, n := range s.notes.entries {
		name := string(s.scratch.nameOf(n.notes))
		gotNotes[name] = int(n.uses)
		size += len(name)
		for k, v := range n.notes {
			for _, text := range []string{k, v} {
				if n.held && text != "" && len(text) <= shortText {
					texts[text]++
				}
			}
		}
		for _, g := range n.alone {
			if !maps.Equal(g.Annotations, n.notes) || len(g.Instances) > 0 {
				wrong = append(wrong, fmt.Sprintf("a shared group of %v is %v", n.notes, g))
			}
		}
	}
	if size != s.notes.bytes {
		wrong = append(wrong, fmt.Sprintf("the annotations have %d bytes, not %d", size, s.notes.bytes))
	}
	for name, e := range s.texts.entries {
		gotTexts[name] = e.uses
	}
	links, configBytes := 0, 0
	for _, all := range s.links.of {
		links += len(all)
		if !slices.IsSortedFunc(all, func(a, b Link) int { return a.Slot().compare(b.Slot()) }) {
			wrong = append(wrong, "links are not sorted")
		}
	}
	for _, c := range s.configs.by {
		configBytes += c.bytes
	}
	type sums struct{ items, ids, ends, links, bytes int }
	for _, diff := range []string{
		cmp.Diff(places, gotPlaces), cmp.Diff(owners, gotOwners), cmp.Diff(hostsWith, gotHosts), cmp.Diff(notes, gotNotes), cmp.Diff(texts, gotTexts),
		cmp.Diff(dialects, s.dialects), cmp.Diff(fmt.Sprintf("%+v", sums{items, ids, ends, links, configBytes}),
			fmt.Sprintf("%+v", sums{s.items, s.ids, s.ends, s.links.count, s.configs.bytes})),
	} {
		if diff != "" {
			wrong = append(wrong, diff)
		}
	}
	return strings.Join(wrong, "\n")
}
