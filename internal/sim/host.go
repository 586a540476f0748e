package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// host is one host. It goes through lives: what was set going in one life ends with it.
type host struct {
	c       *Cluster
	id      string
	name    string // friendly name of this life
	spec    HostSpec
	version Version
	sw      Switches
	t       Timing

	life       int
	alive      bool
	subscribed bool
	listens    []Subscription
	started    time.Duration
	labels     map[string]string // set at run time, over those of the spec; a nil map until then
	kvDelay    time.Duration

	// Faults outlive a restart, as a bad disk does.
	slow   float64
	mute   Mute
	refuse string // why starts are refused, "" = they are not
	failN  int    // how many starts still fail
	cut    cutMode
	held   []Msg         // written while cut off, sent when healed
	deaf   time.Duration // until then the connection is broken (OTP blind ping)

	starting []*Start // in progress in this life

	fetched map[string]bool // images in the cache, which survives restarts on disk

	v1  v1Host
	otp otpHost
}

type cutMode uint8

const (
	whole     cutMode = iota
	cutClosed         // the server knows that the connection is gone
	cutSilent         // it does not: requests time out
)

// boot begins a life: nothing runs.
func (h *host) boot() {
	h.life++
	h.alive = true
	h.started = h.c.now
	h.labels = nil
	h.deaf = 0
	h.held = nil
	h.starting = nil
	h.listens = nil
	h.name = h.spec.Name
	if h.name == "" {
		h.name = friendlyName(h.c.rng)
	}
	h.kvDelay = h.t.KVMin
	if spread := h.t.KVMax - h.t.KVMin; spread > 0 {
		h.kvDelay += time.Duration(h.c.rng.Int64N(int64(spread)))
	}
	if h.fetched == nil {
		h.fetched = map[string]bool{}
	}
	if h.spec.Dialect == wasmbus.DialectOTP {
		h.bootOTP()
	} else {
		h.bootV1()
	}
}

func (h *host) listening() bool {
	return h.alive && h.subscribed && h.cut != cutClosed && h.deaf <= h.c.now
}

func (h *host) subscribe(on bool) {
	h.subscribed = on
	h.c.subs++
}

// subscriptions are looked at for every message, so they are put together once.
func (h *host) subscriptions() []Subscription {
	if h.listens == nil && h.spec.Dialect == wasmbus.DialectOTP {
		h.listens = h.subscriptionsOTP()
	} else if h.listens == nil {
		h.listens = h.subscriptionsV1()
	}
	return h.listens
}

func (h *host) handle(m Msg) {
	if h.spec.Dialect == wasmbus.DialectOTP {
		h.handleOTP(m)
	} else {
		h.handleV1(m)
	}
}

// die ends a life without a word.
func (h *host) die() {
	h.life++
	h.alive = false
	h.held = nil
	h.subscribe(false)
}

// after runs something in this life, once d has passed.
func (h *host) after(d time.Duration, run func()) { h.c.schedule(h.c.now+max(d, 0), h, run) }

// scaled is a duration on this host.
func (h *host) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) * h.slow) }

func (h *host) uptime() uint64 { return uint64((h.c.now - h.started) / time.Second) }

func (h *host) wall() time.Time {
	base := h.c.opts.Base
	if base.IsZero() {
		base = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return base.Add(h.c.now + h.spec.Skew)
}

func (h *host) allLabels() map[string]string {
	if h.labels != nil {
		return maps.Clone(h.labels)
	}
	labels := map[string]string{"hostcore.arch": "x86_64", "hostcore.os": "linux", "hostcore.osfamily": "unix"}
	maps.Copy(labels, h.spec.Labels)
	return labels
}

func (h *host) fits(constraints map[string]string) bool {
	labels := h.allLabels()
	for k, v := range constraints {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// event publishes one event now. A source other than the id is what OTP hosts say of links; header is nil in most.
func (h *host) event(data any, source string, header map[string][]string) {
	if h.c.onEvent != nil {
		h.c.onEvent(h, data)
	}
	if h.mute.Events > 0 && h.c.rng.Float64() < h.mute.Events {
		return
	}
	wall := h.wall()
	env := wasmbus.Envelope{Source: source, Time: wall.UTC().Format("2006-01-02T15:04:05.000000000Z")}
	subject := wasmbus.V1EventSubject(h.c.opts.Lattice, wasmbus.EventName(data))
	if h.spec.Dialect == wasmbus.DialectOTP {
		env.ID, env.Time = uuid(h.c.rng), wall.UTC().Format("2006-01-02T15:04:05.000000Z")
		subject = wasmbus.OTPEventSubject(h.c.opts.Lattice)
	} else {
		env.ID = eventULID(h.c.rng, wall)
	}
	h.publish(Msg{Subject: subject, Header: header, Data: mustEncode(wasmbus.EncodeEvent(env, data))})
}

// reply answers a request, if anybody waits for the answer.
func (h *host) reply(m Msg, body []byte, header map[string][]string) {
	if m.Reply == "" || h.mute.Acks > 0 && h.c.rng.Float64() < h.mute.Acks {
		return
	}
	answer := Msg{Subject: m.Reply, Header: header, Data: body}
	if h.sw.ReplyDelay > 0 {
		h.after(h.sw.ReplyDelay, func() { h.publish(answer) })
		return
	}
	h.publish(answer)
}

// maxHeld is what a cut-off client keeps for later.
const maxHeld = 4096

func (h *host) publish(m Msg) {
	m.From = h.id
	switch {
	case !h.alive, h.deaf > h.c.now:
	case h.cut == whole:
		h.c.out = append(h.c.out, m)
	case len(h.held) < maxHeld:
		h.held = append(h.held, m)
	}
}

// fetch gets an image and calls back with it, or with an error text as ok says.
func (h *host) fetch(ref string, asked Kind, done func(img Image, ok bool)) {
	img := h.c.Registry.find(ref, asked)
	if h.fetched[ref] {
		h.after(h.scaled(h.t.Warm), func() { done(img, true) })
		return
	}
	if ref == "" {
		img.Fail = Missing
	}
	if h.c.Registry.fails(ref, img) {
		h.after(h.scaled(h.t.Warm), func() { done(img, false) })
		return
	}
	pull := img.Pull
	switch {
	case pull > 0:
	case strings.HasPrefix(ref, "file://"):
		pull = h.t.Warm
	case asked == KindProvider:
		pull = h.t.PullProvider
	default:
		pull = h.t.PullActor
	}
	h.after(h.scaled(pull), func() {
		h.fetched[ref] = true
		done(img, true)
	})
}

// begin notes a start that has been taken up; the caller ends it, whatever becomes of it.
func (h *host) begin(verb, id, ref, app string) (end func()) {
	s := &Start{Verb: verb, ID: id, Ref: ref, App: app, Since: h.c.now}
	h.starting = append(h.starting, s)
	return func() { h.starting = slices.DeleteFunc(h.starting, func(o *Start) bool { return o == s }) }
}

// appOf is the application that annotations name.
func appOf[M ~map[string]string](annotations M) string { return annotations["wasmcloud.dev/appspec"] }

// refused takes one start off the faults of this host and reports why it fails, "" if it does not.
func (h *host) refused() string {
	if h.refuse != "" {
		return h.refuse
	}
	if h.failN > 0 {
		h.failN--
		return "the simulated host fails this start"
	}
	return ""
}

// mustEncode is for bodies made here: that one of them cannot be encoded is a mistake in this package.
func mustEncode(data []byte, err error) []byte {
	if err != nil {
		panic("encoding a message of a simulated host: " + err.Error())
	}
	return data
}

// gate is a lock that its waiters get in the order in which they came. What holds it calls release once.
type gate struct {
	held    bool
	waiting []func(release func())
}

func (g *gate) acquire(run func(release func())) {
	if g.held {
		g.waiting = append(g.waiting, run)
		return
	}
	g.held = true
	run(g.release)
}

func (g *gate) release() {
	if len(g.waiting) == 0 {
		g.held = false
		return
	}
	next := g.waiting[0]
	g.waiting = g.waiting[1:]
	next(g.release)
}
