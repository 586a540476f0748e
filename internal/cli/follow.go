package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

const (
	// patience is how long an application may be failed, without anything getting better, before a wait gives up.
	patience = 15 * time.Second
	// lookEvery is how often the server is asked at most, beside the statuses that it tells by itself.
	lookEvery = 100 * time.Millisecond
	// answerWithin bounds one question: an answer that got lost must not use up the whole wait.
	answerWithin = 5 * time.Second
)

// Moment is what a follower sees of an application.
type Moment struct {
	View
	Elapsed time.Duration         // since the beginning
	Took    map[int]time.Duration // by index of the part: until it was first done
	Doing   []string              // what is under way on which host
}

// Follower watches one application.
type Follower struct {
	Conn     *nats.Conn
	Client   *client.Client
	Manifest *oam.Manifest
	Version  string        // that is to be deployed; empty for undeploy
	Began    time.Time     // from when times are counted
	Every    time.Duration // how often the server is asked at most; 0 = 100 ms
	Show     func(Moment)  // called with each change; may be nil

	events   chan *nats.Msg // commands that were sent; nil until Listen
	heard    *nats.Subscription
	hosts    []wadmapi.Host
	mute     bool // the server does not tell of hosts
	took     map[int]time.Duration
	doing    []activity
	last     string // what Show was called with, as text
	cause    string // the last one seen since something got better
	failing  time.Time
	doubting time.Time // since when "deployed" is told and not seen
	alone    time.Time // since when no server answers
	best     int
}

// activity is a command that was sent and whose effect was not seen yet.
type activity struct {
	wadmapi.CommandEvent
	since time.Time
}

// Listen begins to take note of commands, until a wait is over. Called before a deploy is asked for, it misses none: the first ones are
// sent before the answer is there. A wait calls it if nobody has.
func (f *Follower) Listen() error {
	f.events = make(chan *nats.Msg, 1024)
	var err error
	if f.heard, err = f.Conn.ChanSubscribe(wadmapi.EventSubject(f.Client.Lattice(), wadmapi.EventCommandSent), f.events); err != nil {
		return fmt.Errorf("listening to events: %w", err)
	}
	return nil
}

// UntilDeployed waits until the application runs as the manifest says. Errors: "not deployed" with the first real cause, when it is failed for
// long or still failed when ctx ends; "time-out" when ctx ends and nothing says why.
func (f *Follower) UntilDeployed(ctx context.Context) (Moment, error) {
	return f.until(ctx, func(m *Moment) (bool, error) {
		if m.Status.Type == wadmapi.StatusDeployed && (m.Version == f.Version || m.Version == "") {
			return f.believe(m), nil
		}
		f.doubting = time.Time{}
		f.judge(m)
		if !f.failing.IsZero() && time.Since(f.failing) > patience {
			return false, f.notDeployed()
		}
		return false, nil
	})
}

// believe tells whether "deployed" is so. Right after a start the server still tells what it last knew; what the hosts run shows that. When both
// go on contradicting each other, the server's word counts: it knows more than we do.
func (f *Follower) believe(m *Moment) bool {
	have, want := m.progress()
	if f.mute || have >= want {
		return true
	}
	if f.doubting.IsZero() {
		f.doubting = time.Now()
	}
	return time.Since(f.doubting) > patience
}

// UntilGone waits until nothing of the application is left.
func (f *Follower) UntilGone(ctx context.Context) (Moment, error) {
	return f.until(ctx, func(m *Moment) (bool, error) {
		return m.Status.Type == wadmapi.StatusUndeployed && !f.anyLeft(), nil
	})
}

// blind says that the server is the real 0.3.0, whose "idle" is what a deploy ends with, whatever runs.
func (f *Follower) blind() bool {
	g, known := f.Client.Generation()
	return f.mute && known && g == wadmapi.Generation03
}

func (f *Follower) anyLeft() bool { return f.left() != "" }

// left says what the hosts run of the application, "" if nothing.
func (f *Follower) left() string {
	counts := map[string]int{} // by host name
	for i := range f.hosts {
		for _, r := range f.hosts[i].Runs {
			if r.App == f.Manifest.Metadata.Name {
				counts[hostName(&f.hosts[i])] += max(r.Count, 1)
			}
		}
	}
	p := Part{Kind: "component"}
	for _, host := range slices.Sorted(maps.Keys(counts)) {
		p.Where = append(p.Where, Placed{Host: host, Count: counts[host]})
	}
	return places(&p)
}

// judge remembers why the application is not deployed. A retry in between makes it "reconciling" for a moment; only progress forgets.
func (f *Follower) judge(m *Moment) {
	have, _ := m.progress()
	if have > f.best {
		f.best, f.failing, f.cause = have, time.Time{}, ""
	}
	if m.Status.Type != wadmapi.StatusFailed && m.Status.Type != wadmapi.StatusUnhealthy {
		return
	}
	if f.failing.IsZero() {
		f.failing = time.Now()
	}
	f.cause = firstCause(&m.View)
}

// firstCause is the message of the first part that failed, with its name.
func firstCause(v *View) string {
	for i := range v.Parts {
		if p := &v.Parts[i]; p.Status == wadmapi.StatusFailed || p.Status == wadmapi.StatusUnhealthy {
			return p.Name + ": " + p.Message
		}
	}
	return v.Status.Message
}

func (f *Follower) notDeployed() error {
	return WithCode(ExitNotDeployed, fmt.Errorf("failed after %s: %s", roughly(time.Since(f.Began)), f.cause))
}

// until looks again and again until done says so or ctx ends.
func (f *Follower) until(ctx context.Context, done func(*Moment) (bool, error)) (Moment, error) {
	f.took = map[int]time.Duration{}
	if f.Every <= 0 {
		f.Every = lookEvery
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	statuses, err := f.Client.SubscribeStatus(watching, f.Manifest.Metadata.Name)
	if err != nil {
		return Moment{}, err
	}
	if f.events == nil {
		if err := f.Listen(); err != nil {
			return Moment{}, err
		}
	}
	defer f.heard.Unsubscribe() //nolint:errcheck // fails only with the connection
	timer := time.NewTimer(0)
	defer timer.Stop()
	var m Moment
	for {
		asked := time.Now()
		if now, err := f.see(ctx); err == nil {
			m, f.alone = now, time.Time{}
			ok, err := done(&m)
			f.show(m)
			if ok || err != nil {
				return m, err
			}
		} else if ctx.Err() == nil && !f.mayPass(err) {
			return m, err
		}
		timer.Reset(max(f.Every, 5*time.Since(asked))) // a big lattice is not asked all the time
		select {
		case <-ctx.Done():
			return m, f.late(ctx, &m)
		case <-statuses:
		case <-timer.C:
		}
	}
}

// mayPass tells whether a question that failed is asked again: servers are restarted, and answers get lost.
func (f *Follower) mayPass(err error) bool {
	if !errors.Is(err, client.ErrNoServer) {
		return Code(err) == ExitTimeout
	}
	if f.alone.IsZero() {
		f.alone = time.Now()
	}
	return time.Since(f.alone) < patience
}

// late is the error of a wait whose time is over.
func (f *Follower) late(ctx context.Context, last *Moment) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return WithCode(ExitFailed, errors.New("interrupted"))
	}
	if f.cause != "" {
		return f.notDeployed()
	}
	text := "timed out after " + roughly(time.Since(f.Began))
	if last.Status.Message != "" {
		text += ": " + last.Status.Message
	}
	return WithCode(ExitTimeout, errors.New(text))
}

// see asks the server once.
func (f *Follower) see(ctx context.Context) (Moment, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s, err := f.Client.Status(ctx, f.Manifest.Metadata.Name)
	if err != nil {
		return Moment{}, err
	}
	if !f.mute {
		hosts, err := f.Client.Hosts(ctx)
		var refused *client.Error
		switch {
		case err == nil:
			f.hosts = hosts
		case errors.As(err, &refused):
			f.mute = errors.Is(err, client.ErrUnsupported) // else nobody owns the lattice at this moment
		default:
			return Moment{}, err
		}
	}
	m := Moment{View: look(f.Manifest, s, f.hosts), Elapsed: time.Since(f.Began), Took: f.took}
	for i := range m.Parts {
		if _, ok := f.took[i]; !ok && m.Parts[i].Want > 0 && m.Parts[i].Have >= m.Parts[i].Want {
			f.took[i] = m.Elapsed
		}
	}
	f.takeIn()
	f.settle(&m)
	return m, nil
}

// takeIn takes in the commands that were sent meanwhile.
func (f *Follower) takeIn() {
	for {
		select {
		case msg := <-f.events:
			var ev wadmapi.Event
			var c wadmapi.CommandEvent
			if json.Unmarshal(msg.Data, &ev) != nil || json.Unmarshal(ev.Data, &c) != nil || c.App != f.Manifest.Metadata.Name || c.Host == "" {
				continue
			}
			f.doing = slices.DeleteFunc(f.doing, func(a activity) bool { return a.Host == c.Host && a.Component == c.Component })
			f.doing = append(f.doing, activity{c, time.Now()})
		default:
			return
		}
	}
}

// settle drops what has taken effect, and words the rest.
func (f *Follower) settle(m *Moment) {
	names := map[string]string{}
	for i := range f.hosts {
		names[f.hosts[i].ID] = hostName(&f.hosts[i])
	}
	f.doing = slices.DeleteFunc(f.doing, func(a activity) bool {
		if a.Action != "scale" {
			return time.Since(a.since) > 2*time.Second // nothing counts it
		}
		_, known := names[a.Host]
		return !known || countOn(m, a.Component, names[a.Host]) == a.To
	})
	for _, a := range f.doing {
		what := a.Action
		switch {
		case a.Action == "scale" && a.To > a.From:
			what = fmt.Sprintf("starting %d → %d", a.From, a.To)
		case a.Action == "scale":
			what = fmt.Sprintf("stopping %d → %d", a.From, a.To)
		case a.Action == "update":
			what = "changing its image"
		}
		if waited := time.Since(a.since); waited > time.Second {
			what += fmt.Sprintf(" (%d s)", int(waited.Seconds()))
		}
		m.Doing = append(m.Doing, fmt.Sprintf("%s on %s: %s", a.Component, names[a.Host], what))
	}
}

func countOn(m *Moment, component, host string) int {
	for _, p := range m.Parts {
		if p.Name != component || p.Kind == "link" || p.Kind == "config" {
			continue
		}
		for _, w := range p.Where {
			if w.Host == host {
				return w.Count
			}
		}
	}
	return 0
}

// show calls Show when something has changed. A terminal counts seconds, so Doing counts too.
func (f *Follower) show(m Moment) {
	if f.Show == nil {
		return
	}
	text := fmt.Sprint(m.View, m.Doing, f.left())
	if text != f.last {
		f.last = text
		f.Show(m)
	}
}
