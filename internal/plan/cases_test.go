package plan

import (
	"testing"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// These are the case tables of the scalers of 0.21.1 (docs/conformance.md), each row under its id. Where a row says "changed", its name says what we do
// instead; docs/conformance.md says why.
//
// want is what each pass commands until one commands nothing; gaps are what the last pass cannot bring about.
type placing struct {
	name string
	w    *world
	want [][]string
	gaps []string
}

func checkPlacing(t *testing.T, cases []placing) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.w.rounds(t)
			last := tc.w.pass()
			same(t, "commands", tc.want, got)
			same(t, "gaps", tc.gaps, gaps(last))
			for id, part := range last.Parts {
				if part.Done() != (len(part.Gaps) == 0) {
					t.Errorf("%v comes to rest as %+v", id, part)
				}
			}
		})
	}
}

func TestComponentSpreads(t *testing.T) {
	zones := []oam.Spread{spread("East", 42, "zone=east"), spread("West", 3, "zone=west"), spread("Central", 37, "zone=central")}
	clouds := []oam.Spread{spread("fake", 50, "cloud=fake"), spread("real", 25, "cloud=real"), spread("purgatory", 25, "cloud=purgatory")}
	thirds := []oam.Spread{spread("RealOne", 33, "region=us-brooks-1"), spread("CrossRegionReal", 33, "region=us-midwest-4"), spread("Edge", 33, "location=edge")}
	coasts := []oam.Spread{spread("eastcoast", 25, "region=us-east-1"), spread("westcoast", 25, "region=us-west-1"), spread("realcloud", 50, "cloud=real")}
	fourRegions := func(w *world) {
		for i, region := range []string{"us-east-1", "us-east-2", "us-west-1", "us-west-2"} {
			host(lattice.HostID("N"+string(rune('1'+i))), "cloud=real", "region="+region)(w)
		}
	}
	blobby := func(facts ...func(*world)) *world {
		w := []func(*world){host("N1", "region=us-brooks-1"), host("N2", "region=us-midwest-4"), host("N3", "location=edge")}
		return given(app(component("blobby", scaled(9, thirds...))), append(w, facts...)...)
	}
	checkPlacing(t, []placing{
		{
			"CSP-01 each spread gets its share on its own host",
			given(app(component("echo", scaled(103, zones...))), host("N1", "zone=east"), host("N2", "zone=west"), host("N3", "zone=central")),
			[][]string{{"scale N1 echo:1 0→53 (too-few) for East", "scale N2 echo:1 0→3 (too-few) for West", "scale N3 echo:1 0→47 (too-few) for Central"}}, nil,
		},
		{
			"CSP-02 (changed) what is missing starts before what is too many stops",
			given(app(component("echo", scaled(412, clouds...))), host("N1", "cloud=fake"), host("N2", "cloud=real"), host("N3", "cloud=purgatory"),
				runs("N1", "echo", 1, "fake"), runs("N2", "echo", 103, "real"), runs("N3", "echo", 400, "purgatory")),
			[][]string{{"scale N1 echo:1 1→206 (too-few) for fake"}, {"scale N3 echo:1 400→103 (too-many) for purgatory"}}, nil,
		},
		{
			"CSP-03 (changed) likewise with three equal weights",
			blobby(runs("N1", "blobby", 3, "RealOne"), runs("N2", "blobby", 19, "CrossRegionReal")),
			[][]string{{"scale N3 blobby:1 0→3 (too-few) for Edge"}, {"scale N2 blobby:1 19→3 (too-many) for CrossRegionReal"}}, nil,
		},
		{
			"CSP-05 what was lost on one host starts again there and what is missing on another starts too",
			blobby(runs("N1", "blobby", 3, "RealOne")),
			[][]string{{"scale N2 blobby:1 0→3 (too-few) for CrossRegionReal", "scale N3 blobby:1 0→3 (too-few) for Edge"}}, nil,
		},
		{
			"CSP-06 (changed) the surplus goes from the fullest, one at a time, so that the rest is spread evenly",
			given(app(component("echo", scaled(9))), host("N1"), host("N2"), runs("N1", "echo", 10, "default"), runs("N2", "echo", 10, "default")),
			[][]string{{"scale N1 echo:1 10→5 (too-many) for default", "scale N2 echo:1 10→4 (too-many) for default"}}, nil,
		},
		{
			"CSP-08 only the host that no spread fits is ineligible",
			given(app(component("echo", scaled(4, spread("east", 75, "region=east"), spread("resilient", 25, "resilient=true")))),
				host("N1", "region=east", "resilient=true"), host("N2", "region=west", "resilient=true"), host("N3", "region=east", "resilient=false"),
				host("N4", "region=west", "resilient=false"), runs("N1", "echo", 2, "east"), runs("N2", "echo", 1, "resilient"), runs("N3", "echo", 1, "east"),
				runs("N4", "echo", 1, "east")),
			[][]string{{"scale N4 echo:1 1→0 (host-not-eligible)"}}, nil,
		},
		{
			"CSP-09 (changed) overlapping spreads are solved where a solution exists",
			given(app(component("echo", scaled(12, coasts...))), fourRegions),
			[][]string{{"scale N1 echo:1 0→5 (too-few) for eastcoast", "scale N2 echo:1 0→2 (too-few) for realcloud",
				"scale N3 echo:1 0→4 (too-few) for westcoast", "scale N4 echo:1 0→1 (too-few) for realcloud"}}, nil,
		},
		{
			"CSP-10 (changed) and what runs already is credited before anything moves",
			given(app(component("echo", scaled(12, coasts...))), fourRegions, runs("N1", "echo", 1, "realcloud"), runs("N1", "echo", 11, "eastcoast"),
				runs("N3", "echo", 2, "realcloud"), runs("N3", "echo", 33, "westcoast"), runs("N4", "echo", 44, "realcloud")),
			[][]string{{"scale N1 echo:1 12→3 (too-many) for eastcoast", "scale N3 echo:1 35→3 (too-many) for westcoast", "scale N4 echo:1 44→6 (too-many) for realcloud"}}, nil,
		},
		{
			"CSP-11 no host fits: nothing is done, and the gap says what is asked for",
			given(app(component("echo", scaled(2, spread("b", 100, "zone=b")))), host("N1", "zone=a")),
			nil, []string{"echo no-host-fits, b, zone=b, short of 2"},
		},
		{
			"CSP-12 (changed) an ineligible host is cleared of ours once the rest runs, with our annotations",
			given(app(component("echo", scaled(1, spread("a", 100, "zone=a")))), host("N1", "zone=a"), host("N2", "zone=b"), runs("N2", "echo", 2, "a")),
			[][]string{{"scale N1 echo:1 0→1 (too-few) for a"}, {"scale N2 echo:1 2→0 (host-not-eligible)"}}, nil,
		},
		{
			"CSP-12 (changed) what somebody else runs there is left alone",
			given(app(component("echo", scaled(1, spread("a", 100, "zone=a")))), host("N1", "zone=a"), host("N2", "zone=b"), runs("N1", "echo", 1, "a"),
				foreign("N2", "echo", 2, lattice.Annotations{lattice.AppAnnotation: "blog"})),
			nil, nil,
		},
		{
			"CSP-13 (changed) the difference goes to the least loaded hosts instead of the whole target to one",
			given(app(component("echo", scaled(5))), host("N1"), host("N2"), runs("N1", "echo", 2, "default")),
			[][]string{{"scale N1 echo:1 2→3 (too-few) for default", "scale N2 echo:1 0→2 (too-few) for default"}}, nil,
		},
		{
			"CSP-14 what is as wanted is left alone",
			given(app(component("echo", scaled(2))), host("N1"), host("N2"), runs("N1", "echo", 1, "default"), runs("N2", "echo", 1, "default")), nil, nil,
		},
	})
}

// CSP-04: events that concern something else change nothing while our commands are under way.
// O3: 0.3.0 armed a timer with each of these.
func TestOtherEventsCommandNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		ev   lattice.Event
	}{
		{"CSP-04 V3-09 (changed) a provider started", lattice.Started{Host: "N1", Key: lattice.Key{Kind: lattice.Provider, ID: "other"}, Ref: "other:1"}},
		{"CSP-04 a provider stopped", lattice.Stopped{Host: "N1", Key: lattice.Key{Kind: lattice.Provider, ID: "other"}}},
		{"CSP-04 a link was set", lattice.LinkSet{Link: lattice.Link{Source: "a", Target: "b", Name: "default"}}},
		{"CSP-04 a link was deleted", lattice.LinkDeleted{Slot: lattice.Slot{Source: "a", Name: "default"}}},
		{"GATE-01 a heartbeat that shows what was known", lattice.HostSeen{Host: "N1", Beat: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := given(app(component("blobby", scaled(3))), host("N1"))
			for _, c := range w.pass().Commands {
				w.in.Ledger.Restore(c, 10*sec+1)
			}
			w.in.State.Apply(tc.ev, 11*sec)
			w.in.Now = 11 * sec
			same(t, "commands", []string(nil), lines(w.pass().Commands))
		})
	}
}

// CSP-07, LNK-06, DMN-09: nothing is wanted any more. Everything of ours goes, nothing starts.
func TestCleaningUp(t *testing.T) {
	m := app(component("echo", scaled(20), linked("kv", targetConfig(config("url", "u=1")))), provider("kv"))
	w := given(m, host("N1"), host("N2"), host("N3"), runs("N1", "echo", 10, "default"), runs("N2", "echo", 10, "default"), runs("N1", "kv", 1, "default"),
		links(lattice.Link{Source: "shop-echo", Target: "shop-kv", Name: "default", Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store"}, TargetConfig: []string{"shop-url"}}),
		holds("shop-url", "u=1"))
	w.in.From, w.in.Wanted, w.in.Configs = w.in.Wanted, nil, []string{"shop-url"}
	same(t, "commands", [][]string{
		{"scale N1 echo:1 10→0 (undeployed) for default", "scale N2 echo:1 10→0 (undeployed) for default", "scale N1 kv:1 1→0 (undeployed) for default"},
		{"delete_link shop-echo wasi:keyvalue store -> shop-kv (undeployed)"},
		{"delete_config shop-url (config-unused)"},
	}, w.rounds(t))
}

func TestProviderSpreads(t *testing.T) {
	simple := []oam.Spread{spread("SimpleOne", 100, "cloud=fake"), spread("SimpleTwo", 100, "cloud=real")}
	complex := []oam.Spread{spread("ComplexOne", 1, "cloud=fake"), spread("ComplexTwo", 2, "region=us-yourhouse-1")}
	fakeReal := func(w *world) { host("N1", "cloud=fake")(w); host("N2", "cloud=real")(w) }
	checkPlacing(t, []placing{
		{
			"PSP-01 one on each host, with its config",
			given(app(provider("http", scaled(2, simple...), with(config("foobar")))), fakeReal, holds("foobar", "a=1")),
			[][]string{{"scale N1 http:1 0→1 (too-few) for SimpleOne with foobar", "scale N2 http:1 0→1 (too-few) for SimpleTwo with foobar"}}, nil,
		},
		{
			"PSP-02 (changed) two start, and then exactly one of the two too many stops",
			given(app(provider("http", scaled(3, complex...))), host("N1", "cloud=fake"), host("N2", "region=us-yourhouse-1"), host("N3", "region=us-yourhouse-1"),
				host("N4", "cloud=fake"), runs("N1", "http", 1, "ComplexOne"), runs("N4", "http", 1, "ComplexOne")),
			[][]string{{"scale N2 http:1 0→1 (too-few) for ComplexTwo", "scale N3 http:1 0→1 (too-few) for ComplexTwo"}, {"scale N4 http:1 1→0 (too-many) for ComplexOne"}}, nil,
		},
		{
			"PSP-03 (changed) the free host gets one; the one that runs somebody else's is a gap",
			given(app(provider("http", scaled(2, simple...))), fakeReal, foreign("N2", "http", 1, nil)),
			[][]string{{"scale N1 http:1 0→1 (too-few) for SimpleOne"}}, []string{"http held-by-other, SimpleTwo, N2, shop-http, short of 1"},
		},
		{
			"PSP-04 (changed) somebody else's everywhere: nothing is done, and both gaps are told",
			given(app(provider("http", scaled(2, simple...))), fakeReal, foreign("N1", "http", 1, nil), foreign("N2", "http", 1, lattice.Annotations{lattice.AppAnnotation: "blog"})),
			nil, []string{"http held-by-other, SimpleOne, N1, shop-http, short of 1", "http held-by-other, SimpleTwo, N2, blog, shop-http, short of 1"},
		},
		{
			"PSP-05 (changed) somebody else's does not count, so ours stays",
			given(app(provider("http", scaled(1, spread("fake", 100, "cloud=fake")))), host("N1", "cloud=fake"), host("N2", "cloud=fake"),
				foreign("N1", "http", 1, nil), runs("N2", "http", 1, "fake")),
			nil, nil,
		},
		{
			"PSP-08 somebody else's on one host, free ones get theirs",
			given(app(provider("http", scaled(3))), host("N1"), host("N2"), host("N3"), foreign("N1", "http", 1, nil)),
			[][]string{{"scale N2 http:1 0→1 (too-few) for default", "scale N3 http:1 0→1 (too-few) for default"}},
			[]string{"http held-by-other, default, N1, shop-http, short of 1"},
		},
		{
			"PSP-09 fewer hosts than wanted: what can be placed is, the rest is a gap",
			given(app(provider("http", scaled(2))), host("N1")),
			[][]string{{"scale N1 http:1 0→1 (too-few) for default"}}, []string{"http too-few-hosts, default, short of 1"},
		},
		{
			"a provider without a scaler runs once",
			given(app(provider("http")), host("N1"), host("N2")),
			[][]string{{"scale N1 http:1 0→1 (too-few) for default"}}, nil,
		},
		{
			"a component without a scaler is never started",
			given(app(component("echo")), host("N1")), nil, nil,
		},
	})
}

// PSP-06, PSP-07, DMN-08: what a host says of a provider's health is a gap, and no command.
func TestHealthIsToldAndCommandsNothing(t *testing.T) {
	for _, scaler := range []struct {
		name string
		edit edit
	}{
		{"PSP-06 PSP-07 a spread", scaled(2, spread("fake", 100, "cloud=fake"))},
		{"DMN-08 a daemon", daemon(1, spread("fake", 100, "cloud=fake"))},
	} {
		t.Run(scaler.name, func(t *testing.T) {
			w := given(app(provider("http", scaler.edit)), host("N1", "cloud=fake"), host("N2", "cloud=fake"), runs("N1", "http", 1, "fake"), runs("N2", "http", 1, "fake"))
			key := lattice.Key{Kind: lattice.Provider, ID: "shop-http"}
			w.in.State.Apply(lattice.Health{Host: "N1", Key: key}, 10*sec)
			res := w.pass()
			same(t, "commands", []string(nil), lines(res.Commands))
			same(t, "gaps of an unhealthy one", []string{"http unhealthy, short of 1"}, gaps(res))
			w.in.State.Apply(lattice.Health{Host: "N1", Key: key, Healthy: true}, 11*sec)
			res = w.pass()
			same(t, "commands", []string(nil), lines(res.Commands))
			same(t, "gaps when it is healthy again", []string(nil), gaps(res))
		})
	}
}

func TestDaemons(t *testing.T) {
	clouds := []oam.Spread{spread("fake", 50, "cloud=fake"), spread("real", 25, "cloud=real"), spread("purgatory", 25, "cloud=purgatory")}
	thirds := []oam.Spread{spread("RealOne", 33, "region=us-brooks-1"), spread("CrossRegionReal", 33, "region=us-midwest-4"), spread("Edge", 33, "location=edge")}
	brooks := spread("brooks", 100, "region=us-brooks-1")
	inda := spread("SimpleOne", 100, "inda=cloud")
	checkPlacing(t, []placing{
		{
			"DMN-01 (changed) a host knows one count for each id, so four spreads that all fit are one command",
			given(app(component("echo", daemon(13, spread("a", 42), spread("b", 3), spread("c", 37), spread("d", 384)))), host("N1")),
			[][]string{{"scale N1 echo:1 0→13 (too-few) for a"}}, nil,
		},
		{
			"DMN-02 every matching host gets the whole count",
			given(app(component("echo", daemon(412, clouds...))), host("N1", "cloud=fake"), host("N2", "cloud=real"), host("N3", "cloud=purgatory"),
				runs("N1", "echo", 1, "fake"), runs("N2", "echo", 103, "real"), runs("N3", "echo", 400, "purgatory")),
			[][]string{{"scale N1 echo:1 1→412 (too-few) for fake", "scale N2 echo:1 103→412 (too-few) for real", "scale N3 echo:1 400→412 (too-few) for purgatory"}}, nil,
		},
		{
			"DMN-03 (changed) weights say nothing, and what is missing starts before what is too many stops",
			given(app(component("blobby", daemon(3, thirds...))), host("N1", "region=us-brooks-1"), host("N2", "region=us-midwest-4"), host("N3", "location=edge"),
				runs("N1", "blobby", 3, "RealOne"), runs("N2", "blobby", 19, "CrossRegionReal")),
			[][]string{{"scale N3 blobby:1 0→3 (too-few) for Edge"}, {"scale N2 blobby:1 19→3 (too-many) for CrossRegionReal"}}, nil,
		},
		{
			"DMN-04 what is as wanted is left alone",
			given(app(component("echo", daemon(10, brooks))), host("N1", "region=us-brooks-1"), host("N2", "region=us-brooks-1"), runs("N1", "echo", 10, "brooks"), runs("N2", "echo", 10, "brooks")),
			nil, nil,
		},
		{
			"DMN-05 a new host gets its own",
			given(app(component("echo", daemon(10, brooks))), host("N1", "region=us-brooks-1"), host("N2", "region=us-brooks-1"), host("N3", "region=us-brooks-1"),
				runs("N1", "echo", 10, "brooks"), runs("N2", "echo", 10, "brooks")),
			[][]string{{"scale N3 echo:1 0→10 (too-few) for brooks"}}, nil,
		},
		{
			"DMN-07 a provider runs once on each host, whatever the number",
			given(app(provider("http", daemon(12312, inda), with(config("foobar")))), host("N1", "inda=cloud"), host("N2", "inda=cloud"), holds("foobar", "a=1")),
			[][]string{{"scale N1 http:1 0→1 (too-few) for SimpleOne with foobar", "scale N2 http:1 0→1 (too-few) for SimpleOne with foobar"}}, nil,
		},
		{
			"a provider daemon of none starts none and stops its own",
			given(app(provider("http", daemon(0, inda))), host("N1", "inda=cloud"), host("N2", "inda=cloud"), runs("N2", "http", 1, "SimpleOne")),
			[][]string{{"scale N2 http:1 1→0 (too-many) for SimpleOne"}}, nil,
		},
		{
			"a spread that fits no host is a gap, and hinders no other",
			given(app(component("echo", daemon(1, brooks, inda))), host("N1", "inda=cloud")),
			[][]string{{"scale N1 echo:1 0→1 (too-few) for SimpleOne"}}, []string{"echo no-host-fits, brooks, region=us-brooks-1"},
		},
		{
			"a host that runs somebody else's is a gap",
			given(app(component("echo", daemon(2))), host("N1"), host("N2"), foreign("N1", "echo", 5, lattice.Annotations{lattice.AppAnnotation: "blog"})),
			[][]string{{"scale N2 echo:1 0→2 (too-few) for default"}}, []string{"echo held-by-other, N1, blog, shop-echo, short of 2"},
		},
	})
}

// DMN-06: a host goes, and with it what was wanted there.
func TestADaemonsHostGoes(t *testing.T) {
	w := given(app(component("echo", daemon(10))), host("N1"), host("N2"), runs("N1", "echo", 10, "default"), runs("N2", "echo", 10, "default"))
	w.in.State.Apply(lattice.HostStopped{Host: "N2"}, 10*sec)
	res := w.pass()
	same(t, "commands", []string(nil), lines(res.Commands))
	same(t, "part", Part{ID: PartID{Component: "echo"}, Want: 10, Have: 10}, w.part(res, "echo"))
}
