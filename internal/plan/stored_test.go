package plan

import (
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// kvLink is the link that linked("kv") wants of the component echo, changed by the edits.
func kvLink(edits ...func(*lattice.Link)) lattice.Link {
	l := lattice.Link{Source: "shop-echo", Target: "shop-kv", Name: "default", Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store"}}
	for _, e := range edits {
		e(&l)
	}
	return l
}

func toTarget(id string) func(*lattice.Link) { return func(l *lattice.Link) { l.Target = id } }

func carrying(names ...string) func(*lattice.Link) {
	return func(l *lattice.Link) { l.TargetConfig = names }
}

// remembers is a fact: the owner put the link, when the config values had that hash ("now": those of the wanted revision).
func remembers(values string, missed int) func(*world) {
	return func(w *world) {
		if values == "now" {
			values = w.in.Wanted.Links[0].Values
		}
		w.memory.applied = map[string]string{linkName(kvLink()): values}
		w.memory.missed = missed
	}
}

// stored is one pass over an application that runs; only links and configs are left to do.
type stored struct {
	name  string
	m     *oam.Manifest
	facts []func(*world)
	want  []string // commands
	asks  []string // what is asked for
	gaps  []string
}

func checkStored(t *testing.T, cases []stored) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			facts := []func(*world){host("N1"), host("N2")}
			for _, c := range tc.m.Spec.Components {
				if c.Name == "echo" || c.Type == oam.CapabilityKind {
					facts = append(facts, runs("N1", c.Name, 1, "default"))
				}
			}
			res := given(tc.m, append(facts, tc.facts...)...).pass()
			same(t, "commands", tc.want, lines(res.Commands))
			var asks []string
			if res.AskLinks {
				asks = append(asks, "links")
			}
			same(t, "asks", tc.asks, append(asks, res.AskConfig...))
			same(t, "gaps", tc.gaps, gaps(res))
		})
	}
}

func TestLinks(t *testing.T) {
	echo := func(edits ...func(*oam.Link)) *oam.Manifest {
		return app(component("echo", scaled(1), linked("kv", edits...)), provider("kv"))
	}
	const put = "put_link shop-echo wasi:keyvalue store -> shop-kv "
	const del = "delete_link shop-echo wasi:keyvalue store -> shop-kv "
	interfaces := func(names ...string) func(*lattice.Link) {
		return func(l *lattice.Link) { l.Interfaces = names }
	}
	named := func(n string) func(*lattice.Link) { return func(l *lattice.Link) { l.Name = n } }
	url := targetConfig(config("url", "u=2"))
	open := asked(ledger.Command{Action: ledger.PutLink, Component: "echo", Link: kvLink()})
	checkStored(t, []stored{
		{"LNK-01 a link that is missing is put, once", echo(), nil, []string{put + "(link-missing)"}, nil, nil},
		{"LNK-02 a link that is there is left alone", echo(), []func(*world){links(kvLink())}, nil, nil, nil},
		{"LNK-02 whatever the order of its interfaces", echo(func(l *oam.Link) { l.Interfaces = []string{"store", "atomics"} }),
			[]func(*world){links(kvLink(interfaces("atomics", "store")))}, nil, nil, nil},
		{"LNK-03 (changed) one that we put and that a list lacks is asked for again", echo(), []func(*world){remembers("now", 1)}, nil, []string{"links"}, nil},
		{"LNK-03 (changed) and put again when it is missing twice", echo(), []func(*world){remembers("now", 2)}, []string{put + "(link-missing)"}, nil, nil},
		{"LNK-03 (changed) and not while a put is under way", echo(), []func(*world){open}, nil, nil, nil},
		{"LNK-04 one whose deletion was told is put again at once", echo(), []func(*world){remembers("now", 2)}, []string{put + "(link-missing)"}, nil, nil},
		{"LNK-05 one for another package is another link", echo(), []func(*world){links(kvLink(func(l *lattice.Link) { l.Package = "http" }))}, []string{put + "(link-missing)"}, nil, nil},
		{"one of another name is another link", echo(), []func(*world){links(kvLink(named("other")))}, []string{put + "(link-missing)"}, nil, nil},
		{"links that were never asked for are asked for first", echo(), []func(*world){func(w *world) { w.in.State.Reset(3 * sec) }}, nil, []string{"links"}, nil},
		{"other interfaces are one put", echo(), []func(*world){links(kvLink(interfaces("store", "atomics")))}, []string{put + "(link-differs)"}, nil, nil},
		{"another target is a deletion first, for hosts refuse the put while the old link stands", echo(), []func(*world){links(kvLink(toTarget("shop-redis")))},
			[]string{"delete_link shop-echo wasi:keyvalue store -> shop-redis (link-target)"}, nil, nil},
		{"another target with other interfaces is no hindrance", echo(), []func(*world){links(kvLink(toTarget("shop-redis"), interfaces("atomics")))}, []string{put + "(link-missing)"}, nil, nil},
		{"another list of config names is a deletion first", echo(url), []func(*world){links(kvLink()), holds("shop-url", "u=2")}, []string{del + "(link-differs)"}, nil, nil},
		{"a value that has changed since the link was put is a deletion first, for hosts resolve values when a link is put", echo(url),
			[]func(*world){links(kvLink(carrying("shop-url"))), holds("shop-url", "u=2"), remembers("of before", 0)}, []string{del + "(link-config)"}, nil, nil},
		{"a value that has not changed leaves it alone", echo(url), []func(*world){links(kvLink(carrying("shop-url"))), holds("shop-url", "u=2"), remembers("now", 0)}, nil, nil, nil},
		{"the new value is stored before the link goes", echo(url), []func(*world){links(kvLink(carrying("shop-url"))), holds("shop-url", "u=1"), remembers("of before", 0)},
			[]string{"put_config shop-url (config-differs)"}, nil, nil},
		{"a link that nobody remembers is taken as it is, once its config is right", echo(url), []func(*world){links(kvLink(carrying("shop-url"))), holds("shop-url", "u=2")}, nil, nil, nil},
		{"a missing link whose value has changed is deleted for sure before it is put", echo(url), []func(*world){remembers("of before", 2), holds("shop-url", "u=2")},
			[]string{del[:len(del)-1] + " (link-config)"}, nil, nil},
		{"a link waits until its configs are there", echo(url), []func(*world){holds("shop-url")}, []string{"put_config shop-url (config-missing)"}, nil, nil},
		{"a link whose external config is absent is a gap", echo(targetConfig(config("flags"))), []func(*world){holds("flags")}, nil, nil, []string{"echo config-absent, flags"}},
		{"a put that failed lately waits", echo(), []func(*world){failed(ledger.Command{Action: ledger.PutLink, Component: "echo", Link: kvLink()}, "no room")},
			nil, nil, []string{"echo backing-off, no room, try 1"}},
		{"two of ours that exclude each other are told as a conflict", app(component("echo", scaled(1), linked("kv"), linked("redis")), provider("kv"), provider("redis")),
			[]func(*world){links(kvLink())}, nil, nil, []string{"echo conflict, shop-echo -(wasi:keyvalue)-> shop-redis"}},
	})
}

func TestOTPLinks(t *testing.T) {
	m := app(component("echo", scaled(1), trait(oam.Trait{Type: oam.TraitLinkDef, LinkDef: &oam.LinkDef{Target: "kv", Values: []byte(`{"a":"1"}`)}})), contracted("kv", scaled(1)))
	link := func(target, values string) lattice.Link {
		return lattice.Link{Source: "MECHO", Target: target, Name: "default", Contract: "wasmcloud:kv", Values: values}
	}
	both := []func(*world){host("N1"), runs("N1", "echo", 1, ""), runs("N1", "kv", 1, "")}
	const put = "put_link MECHO :wasmcloud:kv  -> VKV "
	for _, tc := range []struct {
		name  string
		facts []func(*world)
		want  []string
		gaps  []string
	}{
		{"V3-06 while the key of one end is not known, nothing can be linked", []func(*world){host("N1"), runs("N1", "echo", 1, "")},
			[]string{"scale N1 kv:1 0→1 (too-few)"}, []string{"echo ends-unknown, shop-echo -(wasmcloud:kv)-> shop-kv"}},
		{"V3-07 a link that exists is left alone", append(both, links(link("VKV", `{"a":"1"}`))), nil, nil},
		{"V3-08 a missing link is put", both, []string{put + "(link-missing)"}, nil},
		{"O5 (changed) other values are put", append(both, links(link("VKV", `{"a":"0"}`))), []string{put + "(link-differs)"}, nil},
		{"another provider is one put: a slot holds one link", append(both, links(link("VOLD", `{"a":"1"}`))), []string{put + "(link-target)"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := givenOTP(m, tc.facts...).pass()
			same(t, "commands", tc.want, lines(res.Commands))
			same(t, "gaps", tc.gaps, gaps(res))
		})
	}
}

func TestConfigs(t *testing.T) {
	managed := func(edits ...edit) *oam.Manifest {
		return app(component("echo", append([]edit{scaled(1), with(config("limits", "key=value"))}, edits...)...))
	}
	external := app(component("echo", scaled(1), with(config("flags"))))
	putting := asked(ledger.Command{Action: ledger.PutConfig, ConfigName: "shop-limits"})
	const missing, differs = "put_config shop-limits (config-missing)", "put_config shop-limits (config-differs)"
	checkStored(t, []stored{
		{"CFG-01 a managed config that is absent is put", managed(), []func(*world){holds("shop-limits")}, []string{missing}, nil, nil},
		{"CFG-02 (changed) after word of its deletion it is asked for, and put if it is gone", managed(), []func(*world){holds("shop-limits", "key=value"),
			func(w *world) { w.in.State.Apply(lattice.ConfigDeleted{Name: "shop-limits"}, 9*sec) }}, nil, []string{"shop-limits"}, nil},
		{"CFG-02 word of another one changes nothing", managed(), []func(*world){holds("shop-limits", "key=value"),
			func(w *world) { w.in.State.Apply(lattice.ConfigDeleted{Name: "other"}, 9*sec) }}, nil, nil, nil},
		{"CFG-03 (changed) no heartbeat is needed, and none repeats a put that is under way", managed(), []func(*world){holds("shop-limits"), putting,
			func(w *world) { w.in.State.Apply(lattice.HostSeen{Host: "N1", Beat: true}, 10*sec) }}, nil, nil, nil},
		{"CFG-04 a count told of a component changes nothing", managed(), []func(*world){holds("shop-limits", "key=value"),
			func(w *world) {
				w.in.State.Apply(lattice.Scaled{Host: "N2", Key: lattice.Key{ID: "other"}, Count: 1}, 9*sec)
			}}, nil, nil, nil},
		{"CFG-05 an equal one is left alone", managed(), []func(*world){holds("shop-limits", "key=value")}, nil, nil, nil},
		{"CFG-06 another value is overwritten", managed(), []func(*world){holds("shop-limits", "key=wrong_value")}, []string{differs}, nil, nil},
		{"CFG-06 one key more is another value", managed(), []func(*world){holds("shop-limits", "key=value", "more=1")}, []string{differs}, nil, nil},
		{"CFG-07 an external one that is there is enough", external, []func(*world){holds("flags", "any=thing")}, nil, nil, nil},
		{"CFG-07 an external one that is absent is a gap, and never put", external, []func(*world){holds("flags")}, nil, nil, []string{"echo config-absent, flags"}},
		{"one that nobody has asked for is asked for first", managed(), nil, nil, []string{"shop-limits"}, nil},
		{"a put that failed lately waits, and the component tells why", managed(), []func(*world){holds("shop-limits"),
			failed(ledger.Command{Action: ledger.PutConfig, ConfigName: "shop-limits"}, "no room")}, nil, nil, []string{"echo backing-off, no room, try 1"}},
	})
}

// GATE-05: a config is there before the first thing that is started with it.
func TestConfigsComeBeforeTheirUsers(t *testing.T) {
	m := app(component("echo", scaled(1), with(config("limits", "a=1"), config("flags")), linked("kv", targetConfig(config("url", "u=1")))), provider("kv", with(config("limits", "a=1"))))
	w := given(m, host("N1"), holds("shop-limits"), holds("shop-url"), holds("flags"))
	first := w.pass()
	same(t, "first", []string{"put_config shop-limits (config-missing)", "put_config shop-url (config-missing)"}, lines(first.Commands))
	same(t, "gaps", []string{"echo config-absent, flags"}, gaps(first))
	w.carried(first)
	second := w.pass()
	same(t, "then what waited for those alone", []string{
		"scale N1 kv:1 0→1 (too-few) for default with shop-limits", "put_link shop-echo wasi:keyvalue store -> shop-kv (link-missing)",
	}, lines(second.Commands))
	same(t, "gaps", []string{"echo config-absent, flags"}, gaps(second))
	w.carried(second)
	w.in.State.Apply(lattice.ConfigSet{Name: "flags"}, w.in.Now)
	same(t, "an answer is waited for", []string{"flags"}, w.pass().AskConfig)
	w.in.State.Apply(lattice.Config{Name: "flags", Asked: w.in.Now + 1, Found: true}, w.in.Now+1)
	same(t, "then the rest", []string{"scale N1 echo:1 0→1 (too-few) for default with shop-limits,flags"}, lines(w.pass().Commands))
}

// A new name of a link is there before the old one goes; other targets and values are deleted and put.
func TestTheOrderInWhichLinksChange(t *testing.T) {
	before := app(component("echo", scaled(1), linked("kv", targetConfig(config("url", "u=1")))), provider("kv"), provider("redis"))
	old := kvLink(carrying("shop-url"))
	for _, tc := range []struct {
		name string
		link edit
		want [][]string
	}{
		{"another name", linked("kv", func(l *oam.Link) { l.Name = "fast" }, targetConfig(config("url", "u=1"))), [][]string{
			{"put_link shop-echo wasi:keyvalue store -> shop-kv (link-missing)"}, {"delete_link shop-echo wasi:keyvalue store -> shop-kv (link-removed)"}}},
		{"another package", linked("kv", func(l *oam.Link) { l.Package = "blobstore" }, targetConfig(config("url", "u=1"))), [][]string{
			{"put_link shop-echo wasi:blobstore store -> shop-kv (link-missing)"}, {"delete_link shop-echo wasi:keyvalue store -> shop-kv (link-removed)"}}},
		{"another target", linked("redis", targetConfig(config("url", "u=1"))), [][]string{
			{"delete_link shop-echo wasi:keyvalue store -> shop-kv (link-target)"}, {"put_link shop-echo wasi:keyvalue store -> shop-redis (link-missing)"}}},
		{"another value", linked("kv", targetConfig(config("url", "u=2"))), [][]string{
			{"put_config shop-url (config-differs)"}, {"delete_link shop-echo wasi:keyvalue store -> shop-kv (link-config)"}, {"put_link shop-echo wasi:keyvalue store -> shop-kv (link-missing)"}}},
		{"another config", linked("kv", targetConfig(config("uri", "u=1"))), [][]string{
			{"put_config shop-uri (config-missing)"}, {"delete_link shop-echo wasi:keyvalue store -> shop-kv (link-differs)"},
			{"put_link shop-echo wasi:keyvalue store -> shop-kv (link-missing)"}, {"delete_config shop-url (config-unused)"}}},
		{"other interfaces", linked("kv", func(l *oam.Link) { l.Interfaces = []string{"store", "atomics"} }, targetConfig(config("url", "u=1"))), [][]string{
			{"put_link shop-echo wasi:keyvalue store,atomics -> shop-kv (link-differs)"}}},
		{"no link any more", scaled(1), [][]string{{"delete_link shop-echo wasi:keyvalue store -> shop-kv (link-removed)"}, {"delete_config shop-url (config-unused)"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			after := app(component("echo", scaled(1), tc.link), provider("kv"), provider("redis"))
			w := given(after, host("N1"), runs("N1", "echo", 1, "default"), runs("N1", "kv", 1, "default"), runs("N1", "redis", 1, "default"), links(old),
				holds("shop-url", "u=1"), holds("shop-uri"))
			w.in.From = Want(before, lattice.V1)
			w.in.Configs = []string{"shop-url"}
			w.in.Applied = []lattice.Link{old}
			w.memory.applied = map[string]string{linkName(old): w.in.From.Links[0].Values}
			same(t, "commands", tc.want, w.rounds(t))
		})
	}
}

// A config of ours goes when nothing uses it any more, and at no moment before.
func TestWhenAConfigGoes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		m     *oam.Manifest
		facts []func(*world)
		want  []string
		owed  int
		lent  int
	}{
		{"when nothing uses it", app(component("echo", scaled(1))), nil, []string{"delete_config shop-old (config-unused)"}, 1, 0},
		{"not when the wanted revision names it", app(component("echo", scaled(1), with(config("old", "a=1")))), nil, nil, 0, 0},
		{"not when another application names it: it is lent", app(component("echo", scaled(1))), []func(*world){input(func(in *Input) {
			in.InUse = func(name string) bool { return name == "shop-old" }
		})}, nil, 0, 1},
		{"not while a link of anybody carries it", app(component("echo", scaled(1))), []func(*world){links(lattice.Link{Source: "a", Target: "b", Name: "x", SourceConfig: []string{"shop-old"}})}, nil, 1, 0},
		{"not while something is being started", app(component("echo", scaled(2))), nil, []string{"scale N2 echo:1 0→1 (too-few) for default"}, 1, 0},
		{"not while a command is under way", app(component("echo", scaled(1))), []func(*world){asked(ledger.Command{Action: ledger.Scale, Host: "N1", Target: ledger.Target{ID: "x"}, From: 1})}, nil, 1, 0},
		{"not while something of an earlier revision runs", app(component("echo", scaled(1))), []func(*world){runsAs("N2", lattice.Key{ID: "shop-gone"}, "gone:1", 1, byShop)},
			[]string{"scale N2 gone:1 1→0 (component-removed)"}, 1, 0},
		{"not before it was asked for", app(component("echo", scaled(1))), []func(*world){func(w *world) { w.in.State.Apply(lattice.ConfigSet{Name: "shop-old"}, 9*sec) }}, nil, 1, 0},
		{"it is nobody's business when it is gone already", app(component("echo", scaled(1))), []func(*world){func(w *world) {
			w.in.State.Apply(lattice.Config{Name: "shop-old", Asked: 9 * sec}, 9*sec)
		}}, nil, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			facts := append([]func(*world){host("N1"), host("N2"), runs("N1", "echo", 1, "default"), holds("shop-old", "a=1")}, tc.facts...)
			w := given(tc.m, facts...)
			w.in.Configs = []string{"shop-old"}
			res := w.pass()
			same(t, "commands", tc.want, lines(res.Commands))
			if res.Owed != tc.owed || res.Lent != tc.lent {
				t.Errorf("%d owed, %d lent, want %d and %d", res.Owed, res.Lent, tc.owed, tc.lent)
			}
		})
	}
}

// A link that others put, or that we put for another revision, is touched only when it is ours.
func TestLinksOfOthersAreLeftAlone(t *testing.T) {
	w := given(app(component("echo", scaled(1))), host("N1"), runs("N1", "echo", 1, "default"), links(kvLink(), lattice.Link{Source: "x", Target: "y", Name: "default"}))
	same(t, "commands", []string(nil), lines(w.pass().Commands))
}
