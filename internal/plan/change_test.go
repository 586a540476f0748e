package plan

import (
	"maps"
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// ran is a fact: the host runs n of a component as the manifest before would have started it.
func ran(before *oam.Manifest, id lattice.HostID, name string, n int) func(*world) {
	return func(w *world) {
		r := Want(before, w.dialect()).Resource(name)
		notes := maps.Clone(r.Annotations)
		key := lattice.Key{Kind: r.Kind, ID: r.ID, Link: r.LinkName}
		if w.otp {
			key.ID = keyOf(r.Kind, r.Ref)
			w.in.State.Apply(lattice.RefLearned{Ref: r.Ref, ID: key.ID}, sec)
		} else {
			notes[SpreadAnnotation] = "default"
		}
		runsAs(id, key, r.Ref, n, notes)(w)
	}
}

// changes are what each pass commands from one revision to the next.
type change struct {
	name  string
	w     *world
	want  [][]string
	first func(t *testing.T, res Result) // looks at the first pass
}

func checkChanges(t *testing.T, cases []change) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if tc.first != nil {
				tc.first(t, tc.w.pass())
			}
			same(t, "commands", tc.want, tc.w.rounds(t))
			for id, part := range tc.w.pass().Parts {
				if !part.Done() {
					t.Errorf("%v comes to rest as %+v", id, part)
				}
			}
		})
	}
}

func TestChangesOn1xHosts(t *testing.T) {
	v1 := app(component("echo", scaled(3)), provider("http", scaled(2)))
	hosts := func(w *world) { host("N1")(w); host("N2")(w) }
	running := func(w *world) {
		hosts(w)
		ran(v1, "N1", "echo", 2)(w)
		ran(v1, "N2", "echo", 1)(w)
		ran(v1, "N1", "http", 1)(w)
		ran(v1, "N2", "http", 1)(w)
	}
	newList := app(component("echo", scaled(3), with(config("x", "a=1"))), provider("http", scaled(2)))
	both := app(component("echo", scaled(3), image("echo:2"), with(config("x", "a=1"))), provider("http", scaled(2)))
	checkChanges(t, []change{
		{name: "the same again is no command", w: given(v1, running)},
		{
			name: "another image of a component is updated in place, everywhere at once",
			w:    given(app(component("echo", scaled(3), image("echo:2")), provider("http", scaled(2))), running),
			want: [][]string{{"update N1 echo:1 => echo:2 2→2 (image-changed) for default", "update N2 echo:1 => echo:2 1→1 (image-changed) for default"}},
		},
		{
			name: "a reference that differs by its scheme alone is the same image",
			w:    given(app(component("echo", scaled(3), image("oci://echo:1")), provider("http", scaled(2), image("oci://http:1"))), running),
		},
		{
			name: "another count is a scale that names the reference that the host reports",
			w:    given(app(component("echo", scaled(5), image("oci://echo:1")), provider("http", scaled(2))), running),
			want: [][]string{{"scale N1 echo:1 2→3 (too-few) for default", "scale N2 echo:1 1→2 (too-few) for default"}},
		},
		{
			name: "another image and count: the update first, then the scale",
			w:    given(app(component("echo", scaled(4), image("echo:2")), provider("http", scaled(2))), running),
			want: [][]string{
				{"update N1 echo:1 => echo:2 2→2 (image-changed) for default", "update N2 echo:1 => echo:2 1→1 (image-changed) for default"},
				{"scale N2 echo:2 1→2 (too-few) for default"},
			},
		},
		{
			name: "another list of configs is a scale of the same count",
			w:    given(newList, running, holds("shop-x", "a=1")),
			want: [][]string{{"scale N1 echo:1 2→2 (config-list) for default with shop-x", "scale N2 echo:1 1→1 (config-list) for default with shop-x"}},
		},
		{
			name: "another list and count: one scale brings both",
			w: given(app(component("echo", scaled(4), with(config("x", "a=1"))), provider("http", scaled(2))), running,
				holds("shop-x", "a=1")),
			want: [][]string{{"scale N2 echo:1 1→2 (too-few) for default with shop-x", "scale N1 echo:1 2→2 (config-list) for default with shop-x"}},
		},
		{
			name: "another image and list: the update first, which keeps the list, then the rebuild",
			w:    given(both, running, holds("shop-x", "a=1")),
			want: [][]string{
				{"update N1 echo:1 => echo:2 2→2 (image-changed) for default with shop-x", "update N2 echo:1 => echo:2 1→1 (image-changed) for default with shop-x"},
				{"scale N1 echo:2 2→2 (config-list) for default with shop-x", "scale N2 echo:2 1→1 (config-list) for default with shop-x"},
			},
			first: func(t *testing.T, res Result) {
				old := Want(v1, lattice.V1).Resource("echo").ScalerID
				for _, c := range res.Commands {
					if got := c.Annotations[ScalerAnnotation]; got != old {
						t.Errorf("the update bears the scaler id %s, which would be a false witness of the new list; want %s", got, old)
					}
				}
			},
		},
		{
			name: "an update without another list bears the new scaler id, which names the new image",
			w:    given(app(component("echo", scaled(3), image("echo:2")), provider("http", scaled(2))), running),
			want: [][]string{{"update N1 echo:1 => echo:2 2→2 (image-changed) for default", "update N2 echo:1 => echo:2 1→1 (image-changed) for default"}},
			first: func(t *testing.T, res Result) {
				want := oam.SpreadScalerID("shop", "echo", "shop-echo", "echo:2", nil)
				for _, c := range res.Commands {
					same(t, "scaler id", want, c.Annotations[ScalerAnnotation])
				}
			},
		},
		{
			name: "another image of a provider is stop, confirmed, start, one host after the other",
			w:    given(app(component("echo", scaled(3)), provider("http", scaled(2), image("http:2"))), running),
			want: [][]string{
				{"scale N1 http:1 1→0 (image-changed) for default"}, {"scale N1 http:2 0→1 (too-few) for default"},
				{"scale N2 http:1 1→0 (image-changed) for default"}, {"scale N2 http:2 0→1 (too-few) for default"},
			},
		},
		{
			name: "another list of a provider likewise",
			w:    given(app(component("echo", scaled(3)), provider("http", scaled(2), with(config("x", "a=1")))), running, holds("shop-x", "a=1")),
			want: [][]string{
				{"scale N1 http:1 1→0 (config-list) for default"}, {"scale N1 http:1 0→1 (too-few) for default with shop-x"},
				{"scale N2 http:1 1→0 (config-list) for default"}, {"scale N2 http:1 0→1 (too-few) for default with shop-x"},
			},
		},
		{
			name: "a component that is gone from the manifest goes last",
			w:    given(app(component("echo", scaled(4)), provider("http", scaled(2))), running, runsAs("N2", lattice.Key{ID: "shop-old"}, "old:1", 2, byShop)),
			want: [][]string{{"scale N2 echo:1 1→2 (too-few) for default"}, {"scale N2 old:1 2→0 (component-removed)"}},
		},
	})
}

// The scaler id is the only witness of the list that runs; the run record knows better, and one rebuild is enough.
func TestWhichListIsInForce(t *testing.T) {
	m := app(component("echo", scaled(1), with(config("x", "a=1"))))
	key := lattice.Key{ID: "shop-echo"}
	noted := func(scaler string) func(*world) {
		return runsAs("N1", key, "echo:1", 1, lattice.Annotations{lattice.AppAnnotation: "shop", lattice.ManagerAnnotation: lattice.Manager, ScalerAnnotation: scaler, SpreadAnnotation: "default"})
	}
	remembered := func(names ...string) func(*world) {
		return func(w *world) { w.memory.lists = map[string][]string{"shop-echo": names} }
	}
	ours := oam.SpreadScalerID("shop", "echo", "shop-echo", "echo:1", []string{"shop-x"})
	without := oam.SpreadScalerID("shop", "echo", "shop-echo", "echo:1", nil)
	ofOldImage := oam.SpreadScalerID("shop", "echo", "shop-echo", "echo:0", []string{"shop-x"})
	rebuild := []string{"scale N1 echo:1 1→1 (config-list) for default with shop-x"}
	for _, tc := range []struct {
		name  string
		facts []func(*world)
		want  []string
	}{
		{"our scaler id: the list is right", []func(*world){noted(ours)}, nil},
		{"the scaler id of another list: it is brought in", []func(*world){noted(without)}, rebuild},
		{"the scaler id of another image, which the host does not report: the list is unknown", []func(*world){noted(ofOldImage)}, rebuild},
		{"the run record outweighs the witness", []func(*world){noted(without), remembered("shop-x")}, nil},
		{"also where the witness is ours", []func(*world){noted(ours), remembered()}, rebuild},
		{"the order of the names counts", []func(*world){noted(ours), remembered("shop-y", "shop-x")}, rebuild},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := given(m, append([]func(*world){host("N1"), holds("shop-x", "a=1")}, tc.facts...)...)
			res := w.pass()
			same(t, "commands", tc.want, lines(res.Commands))
			if len(res.Commands) == 1 {
				standing := w.in.State.Host("N1").Item(key).Groups[0].Annotations
				if want := maps.Equal(standing, res.Commands[0].Annotations); res.Commands[0].Blind != want {
					t.Errorf("blind: %t, though an inventory could show it: %t", res.Commands[0].Blind, !want)
				}
			}
		})
	}
}

func TestWhatAChangeWaitsFor(t *testing.T) {
	v1 := app(component("echo", scaled(1)), provider("http", scaled(2)))
	v2 := app(component("echo", scaled(1), image("echo:2")), provider("http", scaled(2), image("http:2")))
	running := func(w *world) {
		for _, id := range []lattice.HostID{"N1", "N2"} {
			host(id)(w)
			ran(v1, id, "http", 1)(w)
		}
		ran(v1, "N1", "echo", 1)(w)
	}
	update := ledger.Command{Action: ledger.Update, Component: "echo", Host: "N1", Target: ledger.Target{ID: "shop-echo", Ref: "echo:1"}, From: 1, To: 1, Update: "echo:2"}
	stop := ledger.Command{Action: ledger.Scale, Component: "http", Host: "N1", Target: ledger.Target{Kind: lattice.Provider, ID: "shop-http", Ref: "http:1"}, From: 1}
	for _, tc := range []struct {
		name string
		w    *world
		want []string
		gaps []string
	}{
		{"one command at a time for what it changes; the rest goes on", given(v2, running, asked(update)), []string{"scale N1 http:1 1→0 (image-changed) for default"}, nil},
		{"one provider at a time, so that the others serve on", given(v2, running, asked(update), asked(stop)), nil, nil},
		{"an update that failed lately waits, and tells why", given(v2, running, failed(update, "no such image"), asked(stop)), nil, []string{"echo backing-off, N1, no such image, try 1"}},
		{"an update that failed before keeps its cause while the next try is under way", given(v2, running, failed(update, "no such image"), asked(update), asked(stop)), nil,
			[]string{"echo retrying, N1, no such image"}},
		{"a provider is not stopped while its configs are not there", given(app(component("echo", scaled(1)), provider("http", scaled(2), image("http:2"), with(config("flags")))), running, holds("flags")),
			nil, []string{"http config-absent, flags"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := tc.w.pass()
			same(t, "commands", tc.want, lines(res.Commands))
			same(t, "gaps", tc.gaps, gaps(res))
		})
	}
}

// An OTP host refuses a second reference under one key until the last instance of the first is gone.
func TestChangesOnOTPHosts(t *testing.T) {
	v1 := app(component("echo", scaled(2)), contracted("kv", scaled(2)))
	hosts := func(n int) func(*world) {
		return func(w *world) {
			for i := range n {
				host(lattice.HostID("N" + string(rune('1'+i))))(w)
			}
		}
	}
	learned := func(ref, id string) func(*world) {
		return func(w *world) { w.in.State.Apply(lattice.RefLearned{Ref: ref, ID: id}, sec) }
	}
	comp := func(edits ...edit) *oam.Manifest {
		return app(component("echo", append([]edit{scaled(2)}, edits...)...))
	}
	twoOld := func(w *world) { ran(v1, "N1", "echo", 1)(w); ran(v1, "N2", "echo", 1)(w) }
	checkChanges(t, []change{
		{
			name: "V3-14 (changed) another key: start, confirmed, stop",
			w:    givenOTP(comp(image("other:1")), hosts(2), twoOld),
			want: [][]string{{"scale N1 other:1 0→1 (too-few)", "scale N2 other:1 0→1 (too-few)"}, {"scale N1 echo:1 1→0 (component-removed)", "scale N2 echo:1 1→0 (component-removed)"}},
		},
		{
			name: "V3-13 (changed) the same key where a host is free: there first, then the old ones go",
			w:    givenOTP(comp(image("echo:2")), hosts(3), twoOld, learned("echo:2", "MECHO")),
			want: [][]string{
				{"scale N3 echo:2 0→1 (too-few)"}, {"scale N1 echo:1 1→0 (image-changed)"}, {"scale N1 echo:2 0→1 (too-few)"}, {"scale N2 echo:1 1→0 (image-changed)"},
			},
		},
		{
			name: "the same key where none is: host by host, all of the old, confirmed, then ours; it is said beforehand",
			w:    givenOTP(comp(image("echo:2")), hosts(2), twoOld, learned("echo:2", "MECHO")),
			want: [][]string{{"scale N1 echo:1 1→0 (image-changed)"}, {"scale N1 echo:2 0→1 (too-few)"}, {"scale N2 echo:1 1→0 (image-changed)"}, {"scale N2 echo:2 0→1 (too-few)"}},
			first: func(t *testing.T, res Result) {
				key := lattice.Key{ID: "MECHO"}
				want := []Interruption{{Component: "echo", Host: "N1", Key: key, Count: 1, From: "echo:1", To: "echo:2"}, {Component: "echo", Host: "N2", Key: key, Count: 1, From: "echo:1", To: "echo:2"}}
				same(t, "interruptions", want, res.Parts[PartID{Component: "echo"}].Interruptions)
			},
		},
		{
			name: "V3-05 V3-15 too many: the surplus goes from the fullest",
			w:    givenOTP(comp(), hosts(2), func(w *world) { ran(v1, "N1", "echo", 2)(w); ran(v1, "N2", "echo", 1)(w) }),
			want: [][]string{{"scale N1 echo:1 2→1 (too-many)"}},
		},
		{
			name: "a stop of a provider ends it everywhere: stopped everywhere, then started where it is wanted",
			w:    givenOTP(app(contracted("kv", scaled(1))), hosts(2), func(w *world) { ran(v1, "N1", "kv", 1)(w); ran(v1, "N2", "kv", 1)(w) }),
			want: [][]string{{"scale N1 kv:1 1→0 (too-many)", "scale N2 kv:1 1→0 (too-many)"}, {"scale N1 kv:1 0→1 (too-few)"}},
			first: func(t *testing.T, res Result) {
				want := []string{"stopping this provider on one host ends it on every host: stopped everywhere, then started where it is wanted"}
				same(t, "told", want, res.Parts[PartID{Component: "kv"}].Told)
				for _, c := range res.Commands {
					if !c.AckEnds {
						t.Errorf("%s goes on after its event, and does not say so", line(&c))
					}
				}
			},
		},
		{
			name: "another tag of a provider is taken for the same key: hosts do not say it before they refuse it",
			w:    givenOTP(app(contracted("kv", scaled(2), image("kv:2"))), hosts(2), func(w *world) { ran(v1, "N1", "kv", 1)(w); ran(v1, "N2", "kv", 1)(w) }),
			want: [][]string{{"scale N1 kv:1 1→0 (image-changed)", "scale N2 kv:1 1→0 (image-changed)"}, {"scale N1 kv:2 0→1 (too-few)", "scale N2 kv:2 0→1 (too-few)"}},
		},
	})
}

// Somebody else's instances of the same key may share an OTP host, and are not counted; another reference of it bars the host.
func TestOTPHostsAreShared(t *testing.T) {
	m := app(component("echo", scaled(1)))
	learned := func(w *world) { w.in.State.Apply(lattice.RefLearned{Ref: "echo:1", ID: "MECHO"}, sec) }
	key := lattice.Key{ID: "MECHO"}
	for _, tc := range []struct {
		name string
		w    *world
		want []string
		gaps []string
	}{
		{"V3-16 somebody else's of our image is neither counted nor touched", givenOTP(m, host("N1"), learned, runsAs("N1", key, "echo:1", 3, byBlog)), []string{"scale N1 echo:1 0→1 (too-few)"}, nil},
		{"somebody else's of another reference bars the host", givenOTP(m, host("N1"), learned, runsAs("N1", key, "echo:0", 3, byBlog)), nil,
			[]string{"echo held-by-other, default, N1, blog, MECHO, short of 1"}},
		{"V3-18 a capability without a scaler is never started", givenOTP(app(contracted("kv")), host("N1")), nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := tc.w.pass()
			same(t, "commands", tc.want, lines(res.Commands))
			same(t, "gaps", tc.gaps, gaps(res))
		})
	}
}

// V3-01 to V3-04: what 0.3.0 did one by one, every 45 seconds, is one pass.
func TestOTPSpreads(t *testing.T) {
	halves := []oam.Spread{spread("coolhosts", 50, "style=cool"), spread("lamehosts", 50, "style=lame")}
	four := func(w *world) {
		for i, style := range []string{"cool", "cool", "lame", "lame"} {
			host(lattice.HostID("N"+string(rune('1'+i))), "style="+style)(w)
		}
	}
	checkPlacing(t, []placing{
		{"V3-01 (changed) all that is missing starts at once", givenOTP(app(component("echo", scaled(4, halves...))), four),
			[][]string{{"scale N1 echo:1 0→1 (too-few)", "scale N2 echo:1 0→1 (too-few)", "scale N3 echo:1 0→1 (too-few)", "scale N4 echo:1 0→1 (too-few)"}}, nil},
		{"V3-02 only what is missing starts", givenOTP(app(component("echo", scaled(4, halves...))), four, runs("N1", "echo", 1, ""), runs("N2", "echo", 1, ""), runs("N3", "echo", 1, "")),
			[][]string{{"scale N4 echo:1 0→1 (too-few)"}}, nil},
		{"V3-03 a provider that finds no host is a gap", givenOTP(app(contracted("kv", scaled(4, halves...))), host("N1", "style=cool"), host("N2", "style=cool"), host("N3", "style=lame"), host("N4", "style=other"),
			runs("N1", "kv", 1, ""), runs("N2", "kv", 1, ""), runs("N3", "kv", 1, "")), nil, []string{"kv too-few-hosts, lamehosts, style=lame, short of 1"}},
		{"V3-04 a provider starts once on each host", givenOTP(app(contracted("kv", scaled(2, halves...))), host("N1", "style=cool"), host("N2", "style=lame")),
			[][]string{{"scale N1 kv:1 0→1 (too-few)", "scale N2 kv:1 0→1 (too-few)"}}, nil},
		{"V3-10 O2 (changed) nothing is lost to rounding", givenOTP(app(component("echo", scaled(3, spread("a", 33, "style=cool"), spread("b", 33, "style=lame"), spread("c", 34)))), four),
			[][]string{{"scale N1 echo:1 0→2 (too-few)", "scale N2 echo:1 0→1 (too-few)"}}, nil},
		{"O12 (changed) what runs where no spread allows it goes, once the rest runs", givenOTP(app(component("echo", scaled(1, spread("cool", 100, "style=cool")))), four, runs("N3", "echo", 2, "")),
			[][]string{{"scale N1 echo:1 0→1 (too-few)"}, {"scale N3 echo:1 2→0 (host-not-eligible)"}}, nil},
	})
}

// A component that only changes its name is the same thing to a host: what is under way is not asked for once more.
func TestAStartOutlivesItsComponentsName(t *testing.T) {
	named := func(name string, image string) *oam.Manifest {
		return app(component(name, scaled(2), func(c *oam.Component) { c.Properties.ID, c.Properties.Image = "one-id", image }))
	}
	start := func(id, ref string) ledger.Command {
		return ledger.Command{Action: ledger.Scale, Component: "web", Host: "N1", Target: ledger.Target{ID: id, Ref: ref}, To: 2}
	}
	for _, tc := range []struct {
		name string
		otp  bool
		open ledger.Command
		m    *oam.Manifest
		want []string
	}{
		{"1.x: by the id", false, start("one-id", "web:1"), named("site", "web:1"), nil},
		{"1.x: by the id, though the image changes too", false, start("one-id", "web:1"), named("site", "web:2"), nil},
		{"1.x: another id is another thing", false, start("web", "web:1"), named("site", "web:1"), []string{"scale N1 web:1 0→2 (too-few) for default"}},
		{"OTP: by the reference", true, start("", "web:1"), app(component("site", scaled(2), image("web:1"))), nil},
		{"OTP: another reference is another thing", true, start("", "web:1"), app(component("site", scaled(2), image("site:1"))), []string{"scale N1 site:1 0→2 (too-few)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			base := given
			if tc.otp {
				base = givenOTP
			}
			w := base(tc.m, host("N1"), asked(tc.open))
			w.in.From = Want(named("web", "web:1"), w.dialect())
			res := w.pass()
			same(t, "commands", tc.want, lines(res.Commands))
			if p := w.part(res, "site"); !p.Starting || p.Done() {
				t.Errorf("%+v", p)
			}
		})
	}
}
