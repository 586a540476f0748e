package laws

import (
	"fmt"
	"strings"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/sim/plane"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wasmbus"
	"pgregory.net/rapid"
)

// world is one random lattice with its control plane, and what the judges remember.
type world struct {
	t        *rapid.T
	p        *plane.Plane
	otp      bool
	hosts    []string                 // names ever added
	want     map[string]*oam.Manifest // deployed now
	versions map[string]int
	source   map[string]string // of the last manifest of each application
	judge    *judge
	trail    []string
	blind    bool            // it is not the owner who speaks
	followed bool            // an owner has crashed, and another followed
	orphaned map[string]bool // deleted and let go: there is no model, so the API passes on no undeploy and no delete
}

// lastWords is how long the last events of a host are on their way: no process begins before those of its forerunner have arrived.
const lastWords = 50 * time.Millisecond

var zones = []string{"a", "b", "c"}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, want: map[string]*oam.Manifest{}, versions: map[string]int{}, source: map[string]string{}, orphaned: map[string]bool{}}
	w.otp = rapid.Bool().Draw(t, "otp")
	dialect, version := wasmbus.DialectV1, ""
	if w.otp {
		dialect = wasmbus.DialectOTP
		version = rapid.SampledFrom([]string{"0.57.1", "0.57.4", "0.58.2", "0.63.2", "0.63.2"}).Draw(t, "host version")
	}
	timing := sim.FastTiming()
	timing.Heartbeat = 30 * time.Second
	w.p = plane.New(plane.Options{
		Cluster: sim.Options{Dialect: dialect, Version: version, Timing: timing, Seed: rapid.Uint64().Draw(t, "seed")},
		Bus: sim.BusOptions{
			Seed: rapid.Uint64().Draw(t, "bus seed"), Delay: time.Millisecond,
			Jitter:    time.Duration(rapid.IntRange(0, 20).Draw(t, "jitter")) * time.Millisecond,
			Duplicate: rapid.SampledFrom([]float64{0, 0, 0.2}).Draw(t, "doubled"), Doubles: isEvent,
		},
	})
	w.judge = newJudge(w)
	for range rapid.IntRange(1, 4).Draw(t, "hosts") {
		w.addHost()
	}
	w.p.Run(time.Second)
	w.p.Start()
	return w
}

// isEvent: what a stream delivers may come twice, a command never does.
func isEvent(m sim.Msg) bool { return strings.HasPrefix(m.Subject, "wasmbus.evt.") }

func (w *world) note(format string, args ...any) {
	w.trail = append(w.trail, w.p.Bus.Now().String()+" "+fmt.Sprintf(format, args...))
}

func (w *world) addHost() {
	name := fmt.Sprintf("h%d", len(w.hosts))
	w.hosts = append(w.hosts, name)
	zone := rapid.SampledFrom(zones).Draw(w.t, "zone")
	w.p.Cluster.AddHost(sim.HostSpec{Name: name, Labels: map[string]string{"zone": zone, "name": name}})
	w.note("host %s joins in zone %s", name, zone)
}

func (w *world) host() string { return rapid.SampledFrom(w.hosts).Draw(w.t, "host") }

// image is a reference of the component: few tags, so that versions change and repeat; sometimes another repository; sometimes one whose first
// fetches fail.
func (w *world) image(app, component string) string {
	if w.otp && component != "prov" && rapid.IntRange(0, 3).Draw(w.t, "shared") == 0 {
		return "r.example/shared-" + component + ":1" // both applications run it, on the same hosts
	}
	repo := rapid.SampledFrom([]string{"r", "r", "r", "s"}).Draw(w.t, "registry")
	tag := rapid.SampledFrom([]string{"1", "2"}).Draw(w.t, "tag")
	ref := repo + ".example/" + app + "-" + component + ":" + tag
	if rapid.IntRange(0, 9).Draw(w.t, "flaky") == 0 {
		ref = repo + ".example/" + app + "-" + component + "-flaky:" + tag
		w.p.Cluster.Registry.Put(ref, sim.Image{Fail: sim.Refused, FailTimes: rapid.IntRange(1, 3).Draw(w.t, "fails")})
	}
	return ref
}

func (w *world) manifest(app string) *oam.Manifest {
	w.versions[app]++
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: %s\n  annotations: {version: v%d}\nspec:\n  components:\n", app, w.versions[app])
	if w.otp && rapid.IntRange(0, 2).Draw(w.t, "live update") == 0 {
		b.Reset()
		fmt.Fprintf(&b, "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: %s\n  annotations: {wadm.dev/live-update: \"true\", version: v%d}\nspec:\n  components:\n", app, w.versions[app])
	}
	provider := rapid.Bool().Draw(w.t, "provider")
	for _, c := range []string{"one", "two"} {
		if c == "one" || rapid.Bool().Draw(w.t, "second") {
			w.component(&b, app, c, provider)
		}
	}
	if provider {
		w.provider(&b, app)
	}
	w.source[app] = b.String()
	return w.decode(b.String())
}

func (w *world) decode(source string) *oam.Manifest {
	d, ds := oam.Decode([]byte(source), oam.FormatAuto)
	if d == nil || ds.HasErrors() {
		w.t.Fatalf("the generator wrote what oam refuses: %v\n%s", ds, source)
	}
	if bad := oam.Validate(d).Errors(); len(bad) > 0 {
		w.t.Fatalf("the generator wrote what validation refuses: %v\n%s", bad, source)
	}
	return d.Manifest
}

// tweak is the last manifest of the application with other values and nothing else.
func (w *world) tweak(app string) *oam.Manifest {
	source := w.source[app]
	if source == "" {
		return nil
	}
	before := fmt.Sprintf("version: v%d}", w.versions[app])
	w.versions[app]++
	source = strings.Replace(source, before, fmt.Sprintf("version: v%d}", w.versions[app]), 1)
	source = strings.NewReplacer(`k: "1"`, `k: "2"`, `k: "2"`, `k: "1"`).Replace(source)
	w.source[app] = source
	return w.decode(source)
}

func (w *world) component(b *strings.Builder, app, name string, provider bool) {
	kind, count := "component", "instances"
	if w.otp {
		kind, count = "actor", "replicas"
	}
	fmt.Fprintf(b, "    - name: %s\n      type: %s\n      properties:\n        image: %s\n", name, kind, w.image(app, name))
	if !w.otp && rapid.Bool().Draw(w.t, "config") {
		fmt.Fprintf(b, "        config: [{name: %s-conf, properties: {k: %q}}]\n", name, rapid.SampledFrom([]string{"1", "2"}).Draw(w.t, "value"))
	}
	trait := "spreadscaler"
	if rapid.IntRange(0, 4).Draw(w.t, "daemon") == 0 {
		trait = "daemonscaler"
		if w.otp {
			trait = "spreadscaler"
		}
	}
	fmt.Fprintf(b, "      traits:\n        - type: %s\n          properties:\n            %s: %d\n", trait, count, rapid.IntRange(0, 5).Draw(w.t, "instances"))
	w.spread(b)
	if !provider {
		return
	}
	if w.otp {
		fmt.Fprintf(b, "        - type: linkdef\n          properties: {target: prov, values: {k: %q}}\n", rapid.SampledFrom([]string{"1", "2"}).Draw(w.t, "link value"))
		return
	}
	conf := ""
	if rapid.Bool().Draw(w.t, "link config") {
		conf = fmt.Sprintf(", config: [{name: %s-link, properties: {k: %q}}]", name, rapid.SampledFrom([]string{"1", "2"}).Draw(w.t, "link value"))
	}
	fmt.Fprintf(b, "        - type: link\n          properties: {namespace: wasi, package: keyvalue, interfaces: [%s], target: {name: prov%s}}\n",
		rapid.SampledFrom([]string{"store", "atomics", "store, atomics"}).Draw(w.t, "interfaces"), conf)
}

func (w *world) spread(b *strings.Builder) {
	switch rapid.IntRange(0, 3).Draw(w.t, "spread") {
	case 0:
	case 1:
		fmt.Fprintf(b, "            spread:\n              - {name: s0, requirements: {zone: %s}, weight: 100}\n", rapid.SampledFrom(zones).Draw(w.t, "req"))
	case 2:
		z := rapid.Permutation(zones).Draw(w.t, "zones")
		fmt.Fprintf(b, "            spread:\n              - {name: s0, requirements: {zone: %s}, weight: 60}\n              - {name: s1, requirements: {zone: %s}, weight: 40}\n", z[0], z[1])
	case 3: // overlapping
		fmt.Fprintf(b, "            spread:\n              - {name: s0, requirements: {zone: %s}, weight: 33}\n              - {name: s1, requirements: {zone: %s}, weight: 33}\n              - {name: s2, requirements: {}, weight: 34}\n",
			rapid.SampledFrom(zones).Draw(w.t, "req"), rapid.SampledFrom(zones).Draw(w.t, "req"))
	}
}

func (w *world) provider(b *strings.Builder, app string) {
	fmt.Fprintf(b, "    - name: prov\n      type: capability\n      properties:\n        image: %s\n", w.image(app, "prov"))
	count := "instances"
	if w.otp {
		fmt.Fprintf(b, "        contract: sim:%s\n        link_name: default\n", app)
		count = "replicas"
	}
	fmt.Fprintf(b, "      traits:\n        - type: spreadscaler\n          properties:\n            %s: %d\n", count, rapid.IntRange(0, 3).Draw(w.t, "providers"))
	w.spread(b)
}

// act does one random thing.
func (w *world) act() {
	app := rapid.SampledFrom([]string{"app1", "app2"}).Draw(w.t, "app")
	switch act := rapid.SampledFrom([]string{"deploy", "deploy", "deploy", "tweak", "tweak", "redeploy", "undeploy", "delete", "release", "kill", "stop", "return", "join", "slow", "crash", "foreign", "restart", "cut", "heal", "fall", "mute", "blind"}).Draw(w.t, "act"); act {
	case "deploy":
		w.deploy(app, w.manifest(app))
	case "tweak":
		if m := w.tweak(app); m != nil {
			w.deploy(app, m)
		}
	case "redeploy":
		if m := w.want[app]; m != nil {
			w.note("redeploy %s", app)
			w.judge.askedFor(app)
			w.p.Deploy(m)
		}
	case "release", "undeploy", "delete":
		if !w.orphaned[app] {
			w.withdraw(app, act)
		}
	case "kill":
		w.fault("kill", w.p.Cluster.Kill)
	case "stop":
		w.fault("stop", w.p.Cluster.Stop)
	case "return":
		if w.p.Bus.Now()-w.judge.broke < lastWords {
			w.p.Run(lastWords)
		}
		w.fault("return", w.p.Cluster.Return)
	case "restart":
		h := w.host()
		w.note("%s is killed and returns at once", h)
		w.judge.broken(h)
		_ = w.p.Cluster.Kill(h)
		w.p.Run(lastWords)
		_ = w.p.Cluster.Return(h)
	case "join":
		if len(w.hosts) < 7 {
			w.addHost()
		}
	case "slow":
		f := rapid.SampledFrom([]float64{1, 1, 20, 200}).Draw(w.t, "factor")
		w.fault(fmt.Sprintf("slow %v", f), func(h string) error { return w.p.Cluster.Slow(h, f) })
	case "cut":
		w.fault("cut", func(h string) error { return w.p.Cluster.Cut(h, true) })
	case "heal":
		w.fault("heal", w.p.Cluster.Heal)
	case "crash":
		w.note("the owner crashes and another follows")
		w.followed = true
		w.p.Crash()
		w.p.Run(time.Duration(rapid.IntRange(0, 3000).Draw(w.t, "gap")) * time.Millisecond)
		w.p.Start()
	case "foreign":
		w.startForeign()
	case "fall":
		w.fall()
	case "mute":
		m := sim.Mute{Acks: rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(w.t, "lost acks"), Events: rapid.SampledFrom([]float64{0, 0, 0.3}).Draw(w.t, "lost events")}
		w.fault(fmt.Sprintf("loses %v of its acks and %v of its events", m.Acks, m.Events), func(h string) error { return w.p.Cluster.Mute(h, m) })
	case "blind":
		w.note("somebody pings without a reply subject")
		w.blind = true // as wadm 0.3.0 does: hosts from 0.60 lose their connection, and starts that they have acknowledged
		w.p.Bus.Publish(sim.Msg{Subject: wasmbus.OTPSubjects{Lattice: "default"}.PingHosts()})
		w.blind = false
	}
}

// fall ends something that runs, as a bug in it would: one to five times in a second an instance of a component, which an OTP host starts again under
// another id until it has enough and loses all of them; or the process of a provider.
func (w *world) fall() {
	var what []func() error
	for _, h := range w.p.Cluster.Truth().Hosts {
		for _, c := range h.Components {
			if w.otp {
				what = append(what, func() error { return w.p.Cluster.CrashActor(h.ID, c.ID) })
			}
		}
		for _, p := range h.Providers {
			what = append(what, func() error { return w.p.Cluster.CrashProvider(h.ID, p.ID, p.Link) })
		}
	}
	if len(what) == 0 {
		return
	}
	i, n := rapid.IntRange(0, len(what)-1).Draw(w.t, "what falls"), rapid.IntRange(1, 5).Draw(w.t, "times")
	w.note("something falls %d times", n)
	w.judge.fell()
	for range n {
		_ = what[i]() // what has fallen for good cannot fall again
		w.p.Run(200 * time.Millisecond)
	}
}

func (w *world) deploy(app string, m *oam.Manifest) {
	w.want[app] = m
	delete(w.orphaned, app)
	w.judge.askedFor(app)
	w.judge.deployed(app, m)
	w.note("deploy %s", oam.Canonical(m))
	w.p.Deploy(m)
}

// withdraw takes an application back, and stops what runs or lets it go.
func (w *world) withdraw(app, act string) {
	delete(w.want, app)
	switch act {
	case "release":
		op := rapid.SampledFrom([]engine.Operation{engine.Undeploy, engine.Undeploy, engine.Delete}).Draw(w.t, "release by")
		w.note("%s %s, letting go", op, app)
		w.orphaned[app] = op == engine.Delete
		w.judge.letGo(app)
		w.p.Release(app, op)
	case "undeploy":
		w.note("undeploy %s", app)
		w.judge.askedFor(app)
		w.p.Undeploy(app)
	case "delete":
		w.note("delete %s", app)
		w.judge.askedFor(app)
		w.p.Delete(app)
	}
}

func (w *world) fault(name string, do func(string) error) {
	h := w.host()
	w.note("%s %s", name, h)
	if name == "kill" || name == "stop" || name == "return" { // whoever returns alive begins anew
		w.judge.broken(h)
	}
	_ = do(h) // a fault that does not apply (killing the dead) changes nothing
}

// settle ends all faults: everything lives, nothing is slow, and then enough time passes.
func (w *world) settle() {
	for _, h := range w.hosts {
		_ = w.p.Cluster.Heal(h)
		_ = w.p.Cluster.Slow(h, 1)
		_ = w.p.Cluster.Mute(h, sim.Mute{})
	}
	w.note("faults end")
	w.p.Run(15 * time.Minute)
}
