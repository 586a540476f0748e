package sim

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
)

func TestMain(m *testing.M) { natstest.Main(m) }

// lab is a client beside the hosts of one cluster. The same checks run in two of them: on the simulated bus, and over a
// real nats-server in virtual time.
type lab struct {
	t       *testing.T
	publish func(Msg)
	wait    func(time.Duration)
	arrived func() []Msg // events and answers since the last call, in the order in which they came
	do      func(func(*Cluster))

	asked  int
	events []Msg // not looked at yet
}

// inBoth runs a check in both labs.
func inBoth(t *testing.T, opts Options, check func(*lab)) {
	t.Run("on the bus", func(t *testing.T) {
		c := NewCluster(opts)
		b := NewBus(BusOptions{Seed: opts.Seed, Delay: 300 * time.Microsecond})
		b.Attach(c)
		var heard []Msg
		hear := func(m Msg) { heard = append(heard, m) }
		b.Subscribe("wasmbus.evt.>", hear)
		b.Subscribe("_INBOX.>", hear)
		check(&lab{
			t: t, publish: b.Publish, wait: func(d time.Duration) { b.RunUntil(b.Now() + d) },
			arrived: func() []Msg {
				out := heard
				heard = nil
				return out
			},
			do: func(fn func(*Cluster)) {
				b.At(b.Now(), func() { fn(c) })
				b.RunUntil(b.Now())
			},
		})
	})
	t.Run("over NATS", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := natstest.InProcess(t)
			hosts, err := StartHosts(natstest.Connect(t, srv), NewCluster(opts))
			if err != nil {
				t.Fatal(err)
			}
			defer hosts.Close()
			nc := natstest.Connect(t, srv)
			in := make(chan *nats.Msg, 10000) // one channel: the order of arrival is kept
			for _, pattern := range []string{"wasmbus.evt.>", "_INBOX.>"} {
				if _, err := nc.ChanSubscribe(pattern, in); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait() // the server has the subscriptions
			check(&lab{
				t: t,
				publish: func(m Msg) {
					if err := nc.PublishMsg(&nats.Msg{Subject: m.Subject, Reply: m.Reply, Data: m.Data}); err != nil {
						t.Fatal(err)
					}
				},
				wait: func(d time.Duration) {
					time.Sleep(d) // virtual time: it passes when everything else waits
					synctest.Wait()
				},
				arrived: func() []Msg {
					var out []Msg
					for len(in) > 0 {
						m := <-in
						out = append(out, Msg{Subject: m.Subject, Reply: m.Reply, Header: m.Header, Data: m.Data})
					}
					return out
				},
				do: hosts.Do,
			})
		})
	})
}

// ask sends a request and returns all answers that come within the window.
func (l *lab) ask(subject, body string, window time.Duration) []Msg {
	l.t.Helper()
	l.asked++
	inbox := "_INBOX.lab." + strconv.Itoa(l.asked)
	l.publish(Msg{Subject: subject, Reply: inbox, Data: []byte(body)})
	l.wait(window)
	var answers []Msg
	for _, m := range l.arrived() {
		switch {
		case m.Subject == inbox:
			answers = append(answers, m)
		case strings.HasPrefix(m.Subject, "wasmbus.evt."):
			l.events = append(l.events, m)
		}
	}
	return answers
}

// one is ask where exactly one answer has to come.
func (l *lab) one(subject, body string) Msg {
	l.t.Helper()
	answers := l.ask(subject, body, time.Second)
	if len(answers) != 1 {
		l.t.Fatalf("%s: %d answers, want one", subject, len(answers))
	}
	return answers[0]
}

// newEvents returns the events since the last call.
func (l *lab) newEvents() []Msg {
	for _, m := range l.arrived() {
		if strings.HasPrefix(m.Subject, "wasmbus.evt.") {
			l.events = append(l.events, m)
		}
	}
	out := l.events
	l.events = nil
	return out
}

// addHost adds a host and waits until it listens.
func (l *lab) addHost(spec HostSpec) string {
	l.t.Helper()
	id := ""
	l.do(func(c *Cluster) { id = c.AddHost(spec) })
	l.wait(2200 * time.Millisecond) // OTP hosts may take so long to subscribe
	return id
}
