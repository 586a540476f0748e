package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/lattice"
)

func TestMain(m *testing.M) { natstest.Main(m) }

const (
	hostA = lattice.HostID("NDROVP34CQVUDGABJSMBARGMPMWQXSXXGV5SJ2UCDHJHHUAUMJEOLFEW")
	hostB = lattice.HostID("NCUBCTATY542V2WJQAFO6KTAGG7PSAAYQ6W226Y5RZT3DYQ4HCFBS4FI")
	ackV1 = `{"success":true,"message":""}`
)

// desk is a client on a bus that the test plays, with a clock that the test moves.
type desk struct {
	*Client
	now  time.Duration
	sent []sent
	told []engine.Input
	down error
}

type sent struct{ subject, reply, body string }

func (d *desk) PublishRequest(subject, reply string, data []byte) error {
	if d.down != nil {
		return d.down
	}
	d.sent = append(d.sent, sent{subject, reply, string(data)})
	return nil
}

func newDesk(t *testing.T, cfg Config) *desk {
	t.Helper()
	d := &desk{}
	cfg.Lattice, cfg.Now = "l", func() time.Duration { return d.now }
	d.Client = NewOn(d, "inbox.", cfg, func(in engine.Input) { d.told = append(d.told, in) })
	return d
}

// answers gives an answer to the nth request.
func (d *desk) answer(n int, body string) { d.Receive(d.sent[n].reply, []byte(body), false) }
func (d *desk) nobody(n int)              { d.Receive(d.sent[n].reply, nil, true) }

func (d *desk) pass(t time.Duration) {
	d.now += t
	d.Expire()
}

func (d *desk) take() []engine.Input {
	told := d.told
	d.told = nil
	return told
}

func always(*ledger.Command) bool { return true }

func scale(id ledger.CommandID, host lattice.HostID) ledger.Command {
	return ledger.Command{ID: id, Action: ledger.Scale, Host: host, Target: ledger.Target{ID: "app-web", Ref: "r/web:1"}, To: 1}
}

// says is the end of each answered command, in order: "1 accepted, 2 refused: no".
func says(told []engine.Input) string {
	var words []string
	for _, in := range told {
		switch in := in.(type) {
		case engine.Answered:
			word := fmt.Sprint(in.ID, " ", in.Outcome)
			if in.Message != "" {
				word += ": " + in.Message
			}
			words = append(words, word)
		case engine.Learned:
			word := fmt.Sprint("q", in.ID, " ", len(in.Events))
			if in.Err != "" {
				word += ": " + in.Err
			}
			words = append(words, word)
		case engine.Observed:
			words = append(words, "host")
		}
	}
	return strings.Join(words, ", ")
}

func expect(t *testing.T, d *desk, want string) {
	t.Helper()
	if diff := cmp.Diff(want, says(d.take())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestHowACommandEnds(t *testing.T) {
	otp := ledger.Command{ID: 1, Action: ledger.Scale, Host: hostA, From: 2, To: 1, Target: ledger.Target{ID: "MKEY"}}
	sp := ledger.Command{ID: 1, Action: ledger.Scale, Host: hostA, From: 1, Target: ledger.Target{Kind: lattice.Provider, ID: "VKEY", Link: "default"}}
	tests := map[string]struct {
		dialect lattice.Dialect
		cmd     ledger.Command
		then    func(d *desk)
		want    string
	}{
		"accepted":                      {lattice.V1, scale(1, hostA), func(d *desk) { d.answer(0, ackV1) }, "1 accepted"},
		"refused in the host's words":   {lattice.V1, scale(1, hostA), func(d *desk) { d.answer(0, `{"success":false,"message":"no"}`) }, "1 refused: no"},
		"nobody listens":                {lattice.V1, scale(1, hostA), func(d *desk) { d.nobody(0) }, "1 no-responders"},
		"no answer after two seconds":   {lattice.V1, scale(1, hostA), func(d *desk) { d.pass(1999 * time.Millisecond); d.pass(time.Millisecond) }, "1 no-answer"},
		"a late answer changes nothing": {lattice.V1, scale(1, hostA), func(d *desk) { d.pass(2 * time.Second); d.answer(0, ackV1) }, "1 no-answer"},
		"a second answer neither":       {lattice.V1, scale(1, hostA), func(d *desk) { d.answer(0, ackV1); d.answer(0, ackV1) }, "1 accepted"},
		"an OTP host acknowledges a stop after the work": {lattice.OTP, otp,
			func(d *desk) { d.pass(4 * time.Second); d.answer(0, `{"accepted":true,"error":""}`) }, "1 accepted"},
		"an OTP stop has no answer after five seconds": {lattice.OTP, otp, func(d *desk) { d.pass(5 * time.Second) }, "1 no-answer"},
		"an OTP provider has ten seconds to end":       {lattice.OTP, sp, func(d *desk) { d.pass(9 * time.Second); d.pass(time.Second) }, "1 no-answer"},
		"an OTP host refuses":                          {lattice.OTP, otp, func(d *desk) { d.answer(0, `{"accepted":false,"error":"no"}`) }, "1 refused: no"},
		"no words for it is a refusal":                 {lattice.OTP, ledger.Command{ID: 1, Action: ledger.PutConfig, ConfigName: "c"}, nil, "1 refused: encoding command 1 (put_config): the dialect of these hosts has no words for it"},
		"no dialect yet is a refusal":                  {lattice.Auto, scale(1, hostA), nil, "1 refused: no host of this lattice has been heard yet, so its dialect is not known"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, Config{Dialect: tt.dialect})
			d.Queue([]ledger.Command{tt.cmd})
			d.Flush(always)
			if tt.then != nil {
				if got := says(d.told); got != "" {
					t.Fatalf("told %q before there was an answer", got)
				}
				tt.then(d)
			}
			expect(t, d, tt.want)
			if commands, questions := d.Busy(); commands+questions != 0 {
				t.Errorf("%d commands and %d questions are left", commands, questions)
			}
		})
	}
}

func TestAnAnswerThatIsNoneIsNoAnswer(t *testing.T) {
	d := newDesk(t, Config{Dialect: lattice.V1})
	d.Queue([]ledger.Command{scale(1, hostA)})
	d.Flush(always)
	d.answer(0, `[1]`)
	if got := says(d.take()); !strings.HasPrefix(got, "1 no-answer: ") || d.Stats().Broken != 1 {
		t.Errorf("told %q, stats %+v", got, d.Stats())
	}
}

func TestTheCheckIsAskedAtTheMomentOfSending(t *testing.T) {
	d := newDesk(t, Config{Dialect: lattice.V1, PerHost: 1})
	d.Queue([]ledger.Command{scale(1, hostA), scale(2, hostA), scale(3, hostA)})
	var asked []ledger.CommandID
	check := func(c *ledger.Command) bool {
		asked = append(asked, c.ID)
		return c.ID != 2
	}
	if n := d.Flush(check); n != 1 || !slices.Equal(asked, []ledger.CommandID{1}) {
		t.Fatalf("sent %d after asking about %d: a waiting command was asked about too early", n, asked)
	}
	d.answer(0, ackV1)
	d.Flush(check)
	expect(t, d, "1 accepted, 2 dropped: it no longer made sense at the moment of sending")
	if len(d.sent) != 2 {
		t.Errorf("sent %d requests, want 1 and 3", len(d.sent))
	}
}

func TestWindows(t *testing.T) {
	d := newDesk(t, Config{Dialect: lattice.V1, PerHost: 2, PerLattice: 5})
	var cmds []ledger.Command
	for i := range ledger.CommandID(10) {
		cmds = append(cmds, scale(i, hostA))
	}
	for i := range ledger.CommandID(3) {
		cmds = append(cmds, scale(100+i, hostB))
	}
	d.Queue(cmds)
	if n := d.Flush(always); n != 4 {
		t.Fatalf("sent %d, want two to each host", n)
	}
	d.answer(0, ackV1)
	if n := d.Flush(always); n != 1 {
		t.Errorf("sent %d after one answer, want 1", n)
	}
	d.Queue([]ledger.Command{scale(200, "NC"), scale(201, "ND")})
	if n := d.Flush(always); n != 1 {
		t.Errorf("sent %d, want 1 until the lattice has five", n)
	}
	if commands, _ := d.Busy(); commands != 14 {
		t.Errorf("%d commands wait or are in flight, want 14", commands)
	}
}

// O15: in 0.3.0 one command without an answer held everything up for a minute.
func TestNoHostWaitsForAnother(t *testing.T) {
	d := newDesk(t, Config{Dialect: lattice.V1, PerHost: 64, PerLattice: 4096})
	var cmds []ledger.Command
	for i := range ledger.CommandID(1000) {
		cmds = append(cmds, scale(i, hostA)) // a host that never answers, first in the queue
	}
	for i := range ledger.CommandID(200) {
		cmds = append(cmds, scale(1000+i, hostB))
	}
	d.Queue(cmds)
	d.Flush(always)
	for n := 0; n < len(d.sent); n++ {
		if strings.HasSuffix(d.sent[n].subject, string(hostB)) {
			d.answer(n, ackV1)
			d.Flush(always)
		}
	}
	if got := strings.Count(says(d.take()), "accepted"); got != 200 {
		t.Errorf("%d of 200 commands of the good host were carried out", got)
	}
	if n := slices.IndexFunc(d.sent, func(s sent) bool { return strings.HasSuffix(s.subject, string(hostB)) }); n > 1 {
		t.Errorf("the first command of the second host went out as number %d, want them in turn", n)
	}
}

// TestOrder shows what goes out at once and what after each answer; a line is the short form of one flush.
func TestOrder(t *testing.T) {
	link := func(id ledger.CommandID, source, name string, configs ...string) ledger.Command {
		return ledger.Command{ID: id, Action: ledger.PutLink, Link: lattice.Link{Source: source, Name: name, Target: "t", Namespace: "wasi", Package: "http", SourceConfig: configs}}
	}
	config := func(id ledger.CommandID, name string) ledger.Command {
		return ledger.Command{ID: id, Action: ledger.PutConfig, ConfigName: name}
	}
	lp := func(id ledger.CommandID, link string) ledger.Command {
		return ledger.Command{ID: id, Action: ledger.Scale, Host: hostA, To: 1, Target: ledger.Target{Kind: lattice.Provider, Ref: "r/p:1", Link: link}}
	}
	image := func(id ledger.CommandID, ref string, from, to int) ledger.Command {
		return ledger.Command{ID: id, Action: ledger.Scale, Host: hostA, From: from, To: to, Target: ledger.Target{ID: "M", Ref: ref}}
	}
	reading := scale(9, hostA)
	reading.Config = []string{"c"}
	tests := map[string]struct {
		dialect lattice.Dialect
		cmds    []ledger.Command
		want    []string // commands in flight after each flush; the oldest one is answered in between
	}{
		"links of one source go one after another": {lattice.V1, []ledger.Command{link(1, "s", "a"), link(2, "s", "b"), link(3, "u", "a"), link(4, "s", "c")},
			[]string{"1 3", "3 2", "2", "4", ""}},
		"a link waits for the config that it carries": {lattice.V1, []ledger.Command{config(1, "c"), link(2, "s", "a", "c"), link(3, "u", "a", "d")},
			[]string{"1 3", "3 2", "2", ""}},
		"a start waits for the config that it reads": {lattice.V1, []ledger.Command{config(1, "c"), reading, scale(2, hostA)},
			[]string{"1 2", "2 9", "9", ""}},
		"two writes of one config go one after another": {lattice.V1, []ledger.Command{config(1, "c"), config(2, "c"), config(3, "d")},
			[]string{"1 3", "3 2", "2", ""}},
		"SRV-13 a start waits for the answer of a stop of its image, whatever its tag": {lattice.OTP,
			[]ledger.Command{image(1, "r/web:1", 2, 0), image(2, "r/web:2", 0, 2), image(3, "r/api:1", 0, 1)}, []string{"1 3", "3 2", "2", ""}},
		"one lp at a time for a link name": {lattice.OTP, []ledger.Command{lp(1, "default"), lp(2, "default"), lp(3, "second")},
			[]string{"1 3", "3 2", "2", ""}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, Config{Dialect: tt.dialect})
			d.Queue(tt.cmds)
			var flight []string
			var order []int
			for n, want := range tt.want {
				had := len(d.sent)
				d.Flush(func(c *ledger.Command) bool {
					flight = append(flight, fmt.Sprint(c.ID))
					return true
				})
				for i := had; i < len(d.sent); i++ {
					order = append(order, i)
				}
				if got := strings.Join(flight, " "); got != want {
					t.Fatalf("in flight after flush %d: %q, want %q", n+1, got, want)
				}
				if len(order) > 0 {
					ack := ackV1
					if tt.dialect == lattice.OTP {
						ack = `{"accepted":true,"error":""}`
					}
					d.answer(order[0], ack)
					order, flight = order[1:], flight[1:]
				}
			}
			if commands, _ := d.Busy(); commands != 0 {
				t.Errorf("%d commands are left", commands)
			}
		})
	}
}

func TestALaneGoesOnAfterAFailure(t *testing.T) {
	d := newDesk(t, Config{Dialect: lattice.V1})
	put := ledger.Command{Action: ledger.PutConfig, ConfigName: "c"}
	one, two, three := put, put, put
	one.ID, two.ID, three.ID = 1, 2, 3
	d.Queue([]ledger.Command{one, two, three})
	d.Flush(always)
	d.pass(2 * time.Second)
	d.Flush(func(c *ledger.Command) bool { return c.ID != 2 })
	expect(t, d, "1 no-answer, 2 dropped: it no longer made sense at the moment of sending")
	if len(d.sent) != 2 {
		t.Errorf("sent %d requests, want 1 and 3", len(d.sent))
	}
}

func TestALostConnectionBuffersNothing(t *testing.T) {
	d := newDesk(t, Config{Dialect: lattice.V1, PerHost: 1, Questions: 1})
	put := ledger.Command{ID: 3, Action: ledger.PutConfig, ConfigName: "c"}
	again := put
	again.ID = 4
	d.Queue([]ledger.Command{scale(1, hostA), scale(2, hostA), put, again})
	d.Flush(always)
	d.Ask([]engine.Question{{ID: 1, Topic: engine.AskInventory, Host: hostA}, {ID: 2, Topic: engine.AskLinks}})
	d.Disconnected()
	expect(t, d, "1 no-answer: the connection was lost, 3 no-answer: the connection was lost, q1 0: timeout, "+
		"2 dropped: the connection was lost before it was sent, 4 dropped: the connection was lost before it was sent, q2 0: timeout")
	d.Flush(always)
	d.answer(0, ackV1)
	d.pass(time.Minute)
	expect(t, d, "")
	if len(d.sent) != 3 {
		t.Errorf("sent %d requests, want none after the loss", len(d.sent))
	}
	d.Queue([]ledger.Command{scale(5, hostA)})
	if d.Flush(always) != 1 {
		t.Error("nothing is sent any more")
	}
}

func TestACommandThatCannotBeSentIsDropped(t *testing.T) {
	d := newDesk(t, Config{Dialect: lattice.V1})
	d.down = fmt.Errorf("no connection")
	d.Queue([]ledger.Command{scale(1, hostA), scale(2, hostA)})
	d.Flush(always)
	if got := says(d.take()); strings.Count(got, "dropped: ") != 2 {
		t.Errorf("told %q", got)
	}
}
