package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

func TestPatternsMatchAsOnNATS(t *testing.T) {
	for _, test := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.b", "a", false}, {"a", "a.b", false}, {"a.*", "a.b", true}, {"a.*", "a", false},
		{"a.*", "a.b.c", false}, {"a.>", "a.b.c", true}, {"a.>", "a", false}, {">", "a", true}, {"*.b.>", "a.b.c", true}, {"*.b.>", "a.b", false},
	} {
		if got := matches(test.pattern, test.subject); got != test.want {
			t.Errorf("%q over %q: %v", test.pattern, test.subject, got)
		}
	}
}

func TestOneSenderStaysInOrderAndSeveralOvertake(t *testing.T) {
	b := NewBus(BusOptions{Seed: 7, Jitter: 100 * time.Millisecond})
	var heard []string
	b.Subscribe("s.>", func(m Msg) { heard = append(heard, string(m.Data)) })
	for i := range 20 {
		for _, from := range []string{"a", "b"} {
			b.Publish(Msg{Subject: "s.x", From: from, Data: fmt.Appendf(nil, "%s%02d", from, i)})
		}
	}
	b.RunUntil(time.Second)
	of := func(from byte) []string {
		return slices.DeleteFunc(slices.Clone(heard), func(s string) bool { return s[0] != from })
	}
	if !slices.IsSorted(of('a')) || !slices.IsSorted(of('b')) || len(heard) != 40 {
		t.Errorf("not in order: %v", heard)
	}
	overtaken := false
	for i, s := range heard {
		overtaken = overtaken || s != fmt.Sprintf("%c%02d", "ab"[i%2], i/2)
	}
	if !overtaken {
		t.Error("nothing overtook anything")
	}
}

func TestLossAndDuplicatesComeAsOftenAsAsked(t *testing.T) {
	b := NewBus(BusOptions{Seed: 1, Loss: 0.2, Duplicate: 0.3})
	n := 0
	b.Subscribe("s", func(Msg) { n++ })
	for range 10000 {
		b.Publish(Msg{Subject: "s"})
	}
	b.RunUntil(time.Second)
	if want := 10400; n < want-300 || n > want+300 { // 10000 × 0.8 × 1.3
		t.Errorf("%d deliveries, want about %d", n, want)
	}
}

func TestDropLosesWhatTheScriptSays(t *testing.T) {
	third := 0
	b := NewBus(BusOptions{Drop: func(m Msg) bool {
		third++
		return third == 3
	}})
	var heard []string
	b.Subscribe("s", func(m Msg) { heard = append(heard, string(m.Data)) })
	for i := range 4 {
		b.Publish(Msg{Subject: "s", Data: fmt.Append(nil, i)})
	}
	b.RunUntil(time.Second)
	if !slices.Equal(heard, []string{"0", "1", "3"}) {
		t.Errorf("heard %v", heard)
	}
}

func TestRequests(t *testing.T) {
	b := NewBus(BusOptions{Delay: time.Millisecond})
	b.SubscribeQueue("echo", "q", func(m Msg) { b.Publish(Msg{Subject: m.Reply, Data: m.Data}) })
	b.SubscribeQueue("echo", "q", func(m Msg) { b.Publish(Msg{Subject: m.Reply, Data: m.Data}) })
	b.Subscribe("all", func(m Msg) { b.Publish(Msg{Subject: m.Reply, Data: []byte("1")}) })
	b.Subscribe("all", func(m Msg) { b.Publish(Msg{Subject: m.Reply, Data: []byte("2")}) })
	b.Subscribe("deaf", func(Msg) {})
	ask := func(subject string) string {
		said := "nothing"
		b.Request(Msg{Subject: subject, Data: []byte("hi")}, time.Second, func(m Msg, ok bool) {
			switch {
			case !ok:
				said = "timeout at " + b.Now().String()
			case m.NoResponders():
				said = "no responders at " + b.Now().String()
			default:
				said = string(m.Data) + " at " + b.Now().String()
			}
		})
		b.RunUntil(b.Now() + 2*time.Second)
		return said
	}
	for _, test := range []struct{ subject, want string }{
		{"echo", "hi at 2ms"}, {"nobody", "no responders at 2.001s"}, {"deaf", "timeout at 5s"},
	} {
		if got := ask(test.subject); got != test.want {
			t.Errorf("%s: %s, want %s", test.subject, got, test.want)
		}
	}
	answers := 0
	b.Collect(Msg{Subject: "all"}, time.Second, func(all []Msg) { answers = len(all) })
	b.RunUntil(b.Now() + 2*time.Second)
	if answers != 2 {
		t.Errorf("%d answers collected, want 2", answers)
	}
}

func TestACancelledSubscriptionHearsNothingMore(t *testing.T) {
	b := NewBus(BusOptions{Delay: time.Second})
	n := 0
	cancel := b.Subscribe("s", func(Msg) { n++ })
	b.Publish(Msg{Subject: "s"})
	cancel()
	b.RunUntil(5 * time.Second)
	if n != 0 {
		t.Error("it heard what was under way")
	}
	if b.Step() {
		t.Error("something was left to happen")
	}
}

func TestTheClusterRunsWithoutABusToo(t *testing.T) {
	c := NewCluster(Options{Seed: 3})
	a := c.AddHost(HostSpec{Name: "host-a"})
	if out := c.Advance(0); len(out) != 1 || out[0].From != a {
		t.Fatalf("at the start: %v", out)
	}
	if !c.Responders(ctlV1.HostGet(a)) || c.Responders(ctlV1.HostGet("NOBODY")) || c.Responders("anything") {
		t.Error("who responds is wrong")
	}
	if out := c.Deliver(time.Second, Msg{Subject: ctlV1.HostPing(), Reply: "r"}); len(out) != 0 {
		t.Errorf("an answer before the handling: %v", out)
	}
	if next := c.Next(); next != time.Second+c.opts.Timing.Handle {
		t.Errorf("next thing at %s", next)
	}
	out := c.Advance(c.Next())
	if len(out) != 1 || out[0].Subject != "r" {
		t.Fatalf("the answer: %v", out)
	}
	if _, err := wasmbus.DecodeV1HostSummary(out[0].Data); err != nil {
		t.Error(err)
	}
	if err := c.Kill("nobody"); err == nil {
		t.Error("killing nobody succeeds")
	}
	must(c.Kill("host-a"))
	if err := c.Kill("host-a"); err == nil {
		t.Error("killing the dead succeeds")
	}
}

// BenchmarkBeats is how many heartbeats of busy hosts a core simulates: a day of a thousand hosts is 2.9 million.
func BenchmarkBeats(b *testing.B) {
	c := NewCluster(Options{Timing: FastTiming()})
	bus := NewBus(BusOptions{})
	bus.Attach(c)
	for i := range 100 {
		a := c.AddHost(HostSpec{Name: fmt.Sprint("host-", i)})
		for j := range 100 {
			bus.Publish(Msg{Subject: ctlV1.ComponentScale(a), Data: []byte(scaleBody(fmt.Sprint("c", j), "acme.io/web:1", 1))})
		}
	}
	bus.RunUntil(29 * time.Second)
	for b.Loop() {
		bus.RunUntil(bus.Now() + 30*time.Second)
	}
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "beats/s")
}
