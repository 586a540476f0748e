package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/sim/plane"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

// world is one lattice on which one dialect's part of a script is played.
type world struct {
	dialect string
	version string // of the hosts, "" = the usual one
	plane   *plane.Plane
	cluster *sim.Cluster
	out     []string

	hosts   []string            // in order of birth
	ids     map[string]string   // host → id
	apps    map[string]app      // last deployed
	order   []string            // applications, in order of their first deploy
	images  map[string][]string // component → images that it ever had
	short   []string            // pairs for strings.NewReplacer: long, short
	watched []string            // components whose number is watched

	began   time.Duration // of this group of commands, from which times are counted
	since   time.Duration // of this command
	told    int
	noticed int
	sent    int
	dropped []string          // events that are lost
	said    map[string]string // application → the line that was told last
	least   map[string]int
	most    map[string]int
}

// timing is that of real hosts with round numbers, so that both dialects take equally long for the same thing.
func timing() sim.Timing {
	t := sim.RealTiming()
	t.PullActor, t.PullProvider, t.Start = time.Second, 2*time.Second, 10*time.Millisecond
	return t
}

func newWorld(dialect string, options map[string]string) (*world, error) {
	w := &world{dialect: dialect, version: options[dialect], ids: map[string]string{}, apps: map[string]app{}, images: map[string][]string{}, said: map[string]string{}}
	d := wasmbus.DialectV1
	switch dialect {
	case "v1":
	case "otp":
		d = wasmbus.DialectOTP
	default:
		return nil, fmt.Errorf("%q is no dialect", dialect)
	}
	w.plane = plane.New(plane.Options{
		Cluster: sim.Options{Dialect: d, Version: options[dialect], Seed: 1, Timing: timing()},
		Bus:     sim.BusOptions{Drop: w.lost},
	})
	w.cluster = w.plane.Cluster
	return w, nil
}

// commands are the words of the language.
var commands = map[string]func(*world, *Command) error{
	"host": (*world).addHost, "owner": (*world).owner, "crash": (*world).crash, "restart": (*world).restart, "take-over": (*world).takeOver,
	"deploy": (*world).deploy, "adopt": (*world).deploy, "undeploy": (*world).undeploy, "delete": (*world).undeploy, "nudge": (*world).nudge,
	"run": (*world).run, "until": (*world).until, "watch": (*world).watch,
	"hosts": (*world).showHosts, "links": (*world).showLinks, "configs": (*world).showConfigs, "status": (*world).showStatus, "listed": (*world).showListed,
	"kill": (*world).fault, "stop": (*world).fault, "return": (*world).fault, "replace": (*world).fault, "cut": (*world).fault, "heal": (*world).fault,
	"slow": (*world).fault, "refuse-starts": (*world).fault, "fail-starts": (*world).fault, "mute": (*world).fault, "crash-instance": (*world).fault,
	"crash-provider": (*world).fault, "label": (*world).label, "image": (*world).describe,
	"annotations": (*world).showAnnotations, "drop": (*world).drop, "stop-provider": (*world).stopProvider,
	"foreign": (*world).foreign, "put-config": (*world).putConfig, "delete-config": (*world).deleteConfig, "delete-link": (*world).deleteLink,
}

func (w *world) command(c *Command) error {
	do := commands[c.Name]
	if do == nil {
		return errors.New("no such command")
	}
	w.since = w.plane.Bus.Now()
	if err := do(w, c); err != nil {
		return err
	}
	w.collect()
	return nil
}

func (w *world) printf(format string, args ...any) {
	w.out = append(w.out, w.shorten(fmt.Sprintf(format, args...)))
}

// note prints a line with the time since the group of commands began.
func (w *world) note(at time.Duration, format string, args ...any) {
	d := at - w.began
	clock := fmt.Sprintf("+%.1fs", d.Seconds())
	if d >= 100*time.Second {
		clock = fmt.Sprintf("+%dm%.1fs", d/time.Minute, (d % time.Minute).Seconds())
	}
	w.printf("%7s %s", clock, fmt.Sprintf(format, args...))
}

func (w *world) shorten(s string) string {
	return strings.NewReplacer(w.short...).Replace(s)
}

func (w *world) owner(*Command) error {
	if w.plane.Engine != nil {
		return errors.New("there is an owner")
	}
	w.plane.Start()
	return nil
}

func (w *world) crash(*Command) error {
	w.plane.Crash()
	return nil
}

func (w *world) restart(*Command) error {
	w.plane.Crash()
	w.plane.Start()
	return nil
}

// takeOver is restart after everything but the model records was lost: as if an older program had run here until now. "take-over undeployed": one that did
// not store what is deployed.
func (w *world) takeOver(c *Command) error {
	w.plane.Crash()
	w.plane.Forget()
	if slices.Equal(c.Args, []string{"undeployed"}) {
		w.plane.Withdraw()
	}
	w.plane.Start()
	return nil
}

func (w *world) deploy(c *Command) error {
	if len(c.Args) < 2 {
		return errors.New("needs a name and a version")
	}
	name := c.Args[0]
	a, known := w.apps[name]
	block := c.Block
	if len(block) > 0 && !strings.HasPrefix(block[0], "+ ") && !strings.HasPrefix(block[0], "- ") {
		a, block = app{name: name, lines: block}, nil
	} else if !known {
		return fmt.Errorf("there is no application %q to edit", name)
	}
	next, err := a.edit(c.Args[1], block, c.Args[2:])
	if err != nil {
		return err
	}
	m, err := w.manifest(next)
	if err != nil {
		return err
	}
	if !known {
		w.order = append(w.order, name)
	}
	w.apps[name] = next
	if c.Name == "adopt" {
		w.plane.Adopt(m)
	} else {
		w.plane.Deploy(m)
	}
	return nil
}

func (w *world) undeploy(c *Command) error {
	op := engine.Undeploy
	if c.Name == "delete" {
		op = engine.Delete
	}
	switch {
	case len(c.Args) == 2 && c.Args[1] == "release":
		w.plane.Release(c.Args[0], op)
	case len(c.Args) != 1:
		return errors.New("needs a name")
	case op == engine.Delete:
		w.plane.Delete(c.Args[0])
	default:
		w.plane.Undeploy(c.Args[0])
	}
	return nil
}

// nudge is what a second deploy of the same version does.
func (w *world) nudge(c *Command) error {
	if len(c.Args) != 1 {
		return errors.New("needs a name")
	}
	m, err := w.manifest(w.apps[c.Args[0]])
	if err == nil {
		w.plane.Deploy(m)
	}
	return err
}

// run lets time pass and prints what is sent and told.
func (w *world) run(c *Command) error {
	if len(c.Args) != 1 {
		return errors.New("needs a duration")
	}
	d, err := time.ParseDuration(c.Args[0])
	if err != nil {
		return err
	}
	before := len(w.out)
	w.pass(w.since+d, nil)
	if len(w.out) == before {
		w.printf("quiet for %s", c.Args[0])
	}
	return nil
}

// until is run that ends early: "until deployed [APP] 60s", "until starting host-a 10s", "until web=4 60s".
func (w *world) until(c *Command) error {
	if len(c.Args) < 2 {
		return errors.New("needs what and a duration")
	}
	d, err := time.ParseDuration(c.Args[len(c.Args)-1])
	if err != nil {
		return err
	}
	cond, err := w.condition(c.Args[:len(c.Args)-1])
	if err != nil {
		return err
	}
	if !w.pass(w.since+d, cond) {
		w.printf("not %s after %s", strings.Join(c.Args[:len(c.Args)-1], " "), c.Args[len(c.Args)-1])
	}
	return nil
}

func (w *world) condition(args []string) (func() bool, error) {
	if component, n, ok := strings.Cut(args[0], "="); ok {
		want, err := strconv.Atoi(n)
		return func() bool { return w.running(component) == want }, err
	}
	if args[0] == "starting" {
		if len(args) != 2 {
			return nil, errors.New("needs a host")
		}
		id := w.ids[args[1]]
		return func() bool {
			for _, h := range w.cluster.Truth().Hosts {
				if h.ID == id && len(h.Starting) > 0 {
					return true
				}
			}
			return false
		}, nil
	}
	want := wadmapi.StatusType(args[0])
	names := args[1:]
	if len(names) == 0 {
		names = w.order
	}
	return func() bool {
		for _, n := range names {
			if w.plane.Status[n].Status.Type != want {
				return false
			}
		}
		return true
	}, nil
}

// pass steps the bus to a time, or until a condition holds, which it reports. What happened is printed after each step.
func (w *world) pass(until time.Duration, cond func() bool) bool {
	w.count()
	for {
		w.collect()
		if cond != nil && cond() {
			return true
		}
		if w.plane.Bus.Next() > until || !w.plane.Bus.Step() {
			break
		}
		w.count()
	}
	w.plane.Bus.RunUntil(until)
	return false
}

// collect prints what was sent, told and noticed since the last time.
func (w *world) collect() {
	now := w.plane.Bus.Now()
	for ; w.noticed < len(w.plane.Notices); w.noticed++ {
		if line := w.notice(&w.plane.Notices[w.noticed]); line != "" {
			w.note(now, "%s", line)
		}
	}
	for ; w.told < len(w.plane.Told); w.told++ {
		line := usual.ReplaceAllString(strings.Replace(w.plane.Told[w.told], "  ", " ", 1), "")
		line = strings.ReplaceAll(strings.TrimRight(line, ", :"), ":  ", ": ")
		if app, _, _ := strings.Cut(line, " "); w.said[app] != line {
			w.said[app] = line
			w.note(now, "tell %s", line)
		}
	}
	for ; w.sent < len(w.plane.Sent); w.sent++ {
		s := &w.plane.Sent[w.sent]
		w.note(now, "send %s", w.sentence(&s.Command))
	}
}

// usual is what a status says while nothing is remarkable; "status" shows it, and what is told is easier to read without.
var usual = regexp.MustCompile(`(Undeploying: \d+ \S+ (still run|still there|under way)|Undeploying: hosts are asked whether anything is left|Undeploying: \d+ link\(s\) or config\(s\) still there|Scaling (component|provider) on \d+ host\(s\)|Putting link definition between \S+ and [^ ,]+|Waiting until both ends of \S+ -\(\S+\)-> \S+ were seen)(, )?`)

func (w *world) notice(n *engine.Notice) string {
	switch d := n.Data.(type) {
	case wadmapi.CommandEvent:
		if n.Name == wadmapi.EventCommandSent {
			return "" // shown when it really goes out
		}
		what := d.Component
		if what == "" {
			what = w.bare(d.Target)
		}
		return strings.TrimSpace(fmt.Sprintf("fail %s %s %s", strings.ReplaceAll(d.Action, "_", "-"), what, d.Host)) + ": " + d.Message
	case wadmapi.InterruptionEvent:
		return strings.ReplaceAll(n.Name, "_", " ") + ": " + d.Message
	case wadmapi.StatusEvent:
		return "" // shown as it is told
	case wadmapi.HostEvent:
		if n.Name == wadmapi.EventHostFound {
			return "" // the script says so itself
		}
		return strings.TrimPrefix(strings.ReplaceAll(n.Name, "_", " "), "host ") + " " + d.Host + " " + d.Reason
	}
	return n.Name
}

// watch has the instances of some components counted until the group of commands ends.
func (w *world) watch(c *Command) error {
	w.watched = c.Args
	w.count()
	return nil
}

// count notes how many instances of the watched components run.
func (w *world) count() {
	for _, c := range w.watched {
		n := w.running(c)
		if least, ok := w.least[c]; !ok || n < least {
			w.least[c] = n
		}
		w.most[c] = max(w.most[c], n)
	}
}

func (w *world) counted() {
	for _, c := range w.watched {
		w.printf("%s: between %d and %d ran", c, w.least[c], w.most[c])
	}
}
