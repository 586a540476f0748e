package control

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/lattice"
)

const (
	pongV1 = `{"success":true,"message":"","response":{"id":"NDROVP34CQVUDGABJSMBARGMPMWQXSXXGV5SJ2UCDHJHHUAUMJEOLFEW","labels":{},` +
		`"friendly_name":"bold","uptime_seconds":5,"lattice":"l","version":"1.9.2"}}`
	pongOTP = `{"id":"NCUBCTATY542V2WJQAFO6KTAGG7PSAAYQ6W226Y5RZT3DYQ4HCFBS4FI","issuer":"C","labels":{},"friendly_name":"wispy",` +
		`"uptime_seconds":92,"uptime_human":"","version":"0.58.2","lattice_prefix":"l"}`
	inventoryV1 = `{"success":true,"message":"","response":{"components":[],"providers":[],"host_id":"NDROVP34CQVUDGABJSMBARGMPMWQXSXXGV5SJ2UCDHJHHUAUMJEOLFEW",` +
		`"friendly_name":"bold","labels":{},"version":"1.9.2","uptime_human":"5s","uptime_seconds":5}}`
)

func TestPing(t *testing.T) {
	ping := []engine.Question{{ID: 7, Topic: engine.AskHosts}}
	tests := map[string]struct {
		dialect lattice.Dialect
		then    func(d *desk)
		want    string
	}{
		"ends after 200 ms of silence once a host has answered": {lattice.V1, func(d *desk) {
			d.now = 50 * time.Millisecond
			d.answer(0, pongV1)
			d.pass(199 * time.Millisecond)
			d.pass(time.Millisecond)
		}, "host, q7 0"},
		"each answer begins the silence anew": {lattice.V1, func(d *desk) {
			for range 5 {
				d.pass(150 * time.Millisecond)
				d.answer(0, pongV1)
			}
			d.pass(200 * time.Millisecond)
		}, "host, host, host, host, host, q7 0"},
		"ends after two seconds however many answer": {lattice.V1, func(d *desk) {
			for range 19 {
				d.pass(100 * time.Millisecond)
				d.answer(0, pongV1)
			}
			d.pass(100 * time.Millisecond)
			d.answer(0, pongV1)
		}, "host, host, host, host, host, host, host, host, host, host, host, host, host, host, host, host, host, host, host, q7 0"},
		"waits the whole window while nobody answers": {lattice.V1, func(d *desk) {
			d.pass(1999 * time.Millisecond)
			d.answer(0, pongV1)
			d.pass(time.Millisecond)
		}, "host, q7 0"},
		"nobody in the window": {lattice.V1, func(d *desk) { d.pass(2 * time.Second) }, "q7 0: timeout"},
		"nobody listens, and is given the window all the same": {lattice.Auto, func(d *desk) {
			d.nobody(0)
			d.nobody(1)
			d.pass(1999 * time.Millisecond)
			d.pass(time.Millisecond)
		}, "q7 0: no responders"},
		"one dialect answers, the other has no listener": {lattice.Auto, func(d *desk) {
			d.nobody(1)
			d.answer(0, pongV1)
			d.pass(200 * time.Millisecond)
		}, "host, q7 0"},
		"both dialects answer": {lattice.Auto, func(d *desk) {
			d.answer(1, pongOTP)
			d.answer(0, pongV1)
			d.pass(200 * time.Millisecond)
		}, "host, host, q7 0"},
		"a broken answer is no answer": {lattice.V1, func(d *desk) {
			d.answer(0, `{}`)
			d.pass(2 * time.Second)
		}, "q7 0: timeout"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, Config{Dialect: tt.dialect})
			d.Ask(ping)
			tt.then(d)
			expect(t, d, tt.want)
		})
	}
}

func TestQuestions(t *testing.T) {
	inventory := engine.Question{ID: 7, Topic: engine.AskInventory, Host: hostA}
	links := engine.Question{ID: 7, Topic: engine.AskLinks}
	config := engine.Question{ID: 7, Topic: engine.AskConfig, Name: "c"}
	tests := map[string]struct {
		dialect lattice.Dialect
		ask     engine.Question
		then    func(d *desk)
		want    string
	}{
		"an inventory":                       {lattice.V1, inventory, func(d *desk) { d.answer(0, inventoryV1) }, "q7 1"},
		"an inventory of nobody":             {lattice.V1, inventory, func(d *desk) { d.nobody(0) }, "q7 0: no responders"},
		"an inventory that does not come":    {lattice.V1, inventory, func(d *desk) { d.pass(2 * time.Second) }, "q7 0: timeout"},
		"the host's own words":               {lattice.V1, inventory, func(d *desk) { d.answer(0, `{"success":false,"message":"busy"}`) }, "q7 0: busy"},
		"links":                              {lattice.OTP, links, func(d *desk) { d.answer(0, `{"links":[]}`) }, "q7 1"},
		"links while the dialect is unknown": {lattice.Auto, links, func(d *desk) { d.nobody(0); d.answer(1, `{"links":[]}`) }, "q7 1"},
		"links of nobody in either dialect":  {lattice.Auto, links, func(d *desk) { d.nobody(0); d.nobody(1) }, "q7 0: no responders"},
		"a config that is there":             {lattice.V1, config, func(d *desk) { d.answer(0, `{"success":true,"message":"","response":{"a":"b"}}`) }, "q7 1"},
		"a config that is not":               {lattice.V1, config, func(d *desk) { d.answer(0, `{"success":true,"message":"Configuration not found"}`) }, "q7 1"},
		"a config of an OTP lattice": {lattice.OTP, config, func(*desk) {},
			`q7 0: asking for config "c": the dialect of these hosts has no words for it`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, Config{Dialect: tt.dialect})
			d.Ask([]engine.Question{tt.ask})
			tt.then(d)
			expect(t, d, tt.want)
			if _, questions := d.Busy(); questions != 0 {
				t.Errorf("%d questions are left", questions)
			}
		})
	}
}

func TestAnAnswerBearsTheTimeOfTheAsking(t *testing.T) {
	d := newDesk(t, Config{Dialect: lattice.V1, Questions: 1})
	d.now = 3 * time.Second
	d.Ask([]engine.Question{{ID: 1, Topic: engine.AskInventory, Host: hostA}, {ID: 2, Topic: engine.AskConfig, Name: "c"}})
	if len(d.sent) != 1 {
		t.Fatalf("sent %d questions, want the second to wait", len(d.sent))
	}
	d.now = 4 * time.Second
	d.answer(0, inventoryV1)
	d.now = 5 * time.Second
	d.answer(1, `{"success":true,"message":""}`)
	want := []engine.Input{
		engine.Learned{ID: 1, Asked: 3 * time.Second, Events: []lattice.Event{lattice.Inventory{Host: hostA, Dialect: lattice.V1,
			Can: lattice.Can{Update: true, Beat: true}, Name: "bold", Labels: map[string]string{}, Version: "1.9.2", Uptime: 5,
			Asked: 3 * time.Second, Resources: []lattice.Resource{}}}},
		engine.Learned{ID: 2, Asked: 4 * time.Second, Events: []lattice.Event{lattice.Config{Name: "c", Asked: 4 * time.Second}}},
	}
	if diff := cmp.Diff(want, d.take()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheDialectIsLearnedFromHosts(t *testing.T) {
	d := newDesk(t, Config{})
	d.Heard([]lattice.Event{lattice.HostSeen{Host: hostA, Dialect: lattice.V1}, lattice.HostSeen{Host: hostB, Dialect: lattice.OTP}})
	d.Ask([]engine.Question{{ID: 1, Topic: engine.AskInventory, Host: hostA}, {ID: 2, Topic: engine.AskInventory, Host: hostB}})
	if len(d.sent) != 2 || d.sent[0].subject != "wasmbus.ctl.v1.l.host.get."+string(hostA) || d.sent[1].subject != "wasmbus.ctl.l.get."+string(hostB)+".inv" {
		t.Errorf("sent %+v", d.sent)
	}
}

// record is a sink that a test may read after synctest.Wait, or through the channel.
type record chan engine.Input

func (r record) sink(in engine.Input) { r <- in }

func TestOnARealServerInVirtualTime(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		nc, hosts := natstest.Connect(t, srv), natstest.Connect(t, srv)
		began := time.Now()
		now := func() time.Duration { return time.Since(began) }
		told := make(record, 100)
		c, err := New(nc, Config{Lattice: "l", Now: now}, told.sink)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		reply := func(subject, body string) {
			if _, err := hosts.Subscribe(subject, func(m *nats.Msg) {
				if m.Reply == "" {
					t.Errorf("%s has no reply subject", m.Subject)
				}
				if body != "" {
					m.Respond([]byte(body))
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		reply("wasmbus.ctl.v1.l.host.ping", pongV1)
		reply("wasmbus.ctl.v1.l.component.scale."+string(hostA), "")
		hosts.Flush()

		c.Ask([]engine.Question{{ID: 1, Topic: engine.AskHosts}})
		if _, ok := (<-told).(engine.Observed); !ok {
			t.Error("the answering host was not told at once")
		}
		if in := (<-told).(engine.Learned); in.Err != "" || now() != 200*time.Millisecond {
			t.Errorf("the ping ended %+v after %s", in, now())
		}
		c.Queue([]ledger.Command{scale(1, hostA), scale(2, hostB)})
		start := now()
		c.Flush(always)
		if in := (<-told).(engine.Answered); in.ID != 2 || in.Outcome != ledger.NoResponders || now() != start {
			t.Errorf("after %s: %+v, want no responders at once", now()-start, in)
		}
		if in := (<-told).(engine.Answered); in.ID != 1 || in.Outcome != ledger.NoAnswer || now() != start+2*time.Second {
			t.Errorf("after %s: %+v, want no answer after two seconds", now()-start, in)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(told) != 0 {
			t.Errorf("told %+v though nothing happened", <-told)
		}
	})
}
