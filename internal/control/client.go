package control

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// Config bounds a Client. Zero values mean the defaults in brackets.
type Config struct {
	Lattice string
	Prefix  string               // of the control subjects, "" = the hosts' default
	Dialect lattice.Dialect      // Auto: found out from what the hosts say
	Now     func() time.Duration // monotonic time of the process
	Log     *slog.Logger         // says by itself which lattice it is about

	PerHost     int           // unanswered commands per host [64]
	PerLattice  int           // unanswered commands in all [4096]
	Questions   int           // unanswered questions in all [256]: the server cuts off who cannot read as fast as hosts answer
	AskWait     time.Duration // for an answer to a question [2 s]
	PingWindow  time.Duration // for answers to a ping [2 s]
	PingSilence time.Duration // without a further answer ends the window early, once one has come [200 ms]
}

func (c Config) withDefaults() Config {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	set(&c.PerHost, 64)
	set(&c.PerLattice, 4096)
	set(&c.Questions, 256)
	wait(&c.AskWait, 2*time.Second)
	wait(&c.PingWindow, 2*time.Second)
	wait(&c.PingSilence, 200*time.Millisecond)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Bus sends one request whose answers come to the reply subject. An error means that it was not sent.
type Bus interface {
	PublishRequest(subject, reply string, data []byte) error
}

// Stats counts since the start.
type Stats struct {
	Sent   uint64 // commands
	Asked  uint64 // questions
	Late   uint64 // answers that came when nobody waited any more
	Broken uint64 // answers that break the protocol
}

// Client is one owner's way to the hosts. All methods may be called from any goroutine, but Send, Queue, Flush and Ask only make sense
// from the owner's. The sink is called with the client locked: it may queue, nothing else.
type Client struct {
	cfg  Config
	bus  Bus
	sink func(engine.Input)
	sub  *nats.Subscription

	mu      sync.Mutex
	inbox   string // reply subjects are this and a number
	last    uint64 // number of the last reply subject
	flight  map[uint64]*request
	due     wakes
	timer   *time.Timer // nil: somebody else calls Expire
	speaks  speaks
	window  window
	asking  int // questions in flight
	toAsk   []engine.Question
	stats   Stats
	closing bool

	diary diary
}

// New subscribes to an inbox of its own and returns a client whose time-outs run by themselves.
func New(nc *nats.Conn, cfg Config, sink func(engine.Input)) (*Client, error) {
	c := NewOn(nc, nc.NewInbox()+".", cfg, sink)
	sub, err := nc.Subscribe(c.inbox+"*", c.receive)
	if err != nil {
		return nil, fmt.Errorf("listening to the answers of lattice %q: %w", cfg.Lattice, err)
	}
	c.sub = sub
	c.timer = time.AfterFunc(time.Hour, func() { c.Expire() })
	c.timer.Stop()
	c.diary.over = func() {
		if nc.IsConnected() {
			_ = nc.FlushTimeout(overWithin) // in time or not: the log is written
		}
	}
	return c, nil
}

// receive takes an answer off the wire. What our own code makes of it must not end the process: the request runs into its deadline.
func (c *Client) receive(m *nats.Msg) {
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Log.Error("an answer of a host could not be handled", "bytes", len(m.Data), "panic", fmt.Sprint(p))
		}
	}()
	c.Receive(m.Subject, m.Data, len(m.Data) == 0 && m.Header.Get("Status") == "503")
}

// NewOn makes a client on a bus that is no NATS: whoever runs the bus calls Receive with what comes to a subject that begins with
// inbox, and Expire when its time has come.
func NewOn(bus Bus, inbox string, cfg Config, sink func(engine.Input)) *Client {
	cfg = cfg.withDefaults()
	return &Client{cfg: cfg, bus: bus, inbox: inbox, sink: sink, flight: make(map[uint64]*request),
		speaks: newSpeaks(cfg), window: newWindow(cfg), diary: diary{log: cfg.Log}}
}

// Heard tells the client which dialect hosts speak, from whatever was heard of them.
func (c *Client) Heard(events []lattice.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, event := range events {
		c.speaks.heard(event)
	}
}

// sendAtOnce is how many commands are written before they go out.
const sendAtOnce = 64

// Send queues commands and sends what the windows permit, in pieces: hosts work on the first commands while the next ones are written. The
// log is written behind them, for the hosts come first.
func (c *Client) Send(commands []ledger.Command, check func(*ledger.Command) bool) int {
	var sent []*item
	for len(commands) > 0 {
		n := min(len(commands), sendAtOnce)
		c.Queue(commands[:n])
		commands = commands[n:]
		sent = append(sent, c.flush(check)...)
	}
	sent = append(sent, c.flush(check)...) // also without commands: an answer may have opened a window
	c.diary.sent(sent)
	return len(sent)
}

// Queue takes over commands to be sent by the next Flush or Send that the windows permit. What has no words in the hosts' dialect is answered at
// once as refused, so that back-off sees it.
func (c *Client) Queue(commands []ledger.Command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range commands {
		cmd := &commands[i]
		voice, known := c.speaks.to(cmd.Host)
		if !known {
			c.answer(cmd.ID, ledger.Refused, "no host of this lattice has been heard yet, so its dialect is not known")
			continue
		}
		msg, err := voice.Command(cmd)
		if err != nil {
			c.answer(cmd.ID, ledger.Refused, err.Error())
			continue
		}
		c.window.add(&item{cmd: cmd, msg: msg, dialect: voice.Dialect})
	}
}

// Flush sends what the windows permit, hosts in turn, and returns how many were sent. check is asked right before each one;
// what it refuses is answered as dropped.
func (c *Client) Flush(check func(*ledger.Command) bool) int {
	sent := c.flush(check)
	c.diary.sent(sent)
	return len(sent)
}

func (c *Client) flush(check func(*ledger.Command) bool) (sent []*item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		it := c.window.next()
		if it == nil {
			c.arm()
			return sent
		}
		if !check(it.cmd) {
			c.finish(it, ledger.Dropped, "it no longer made sense at the moment of sending")
			continue
		}
		r := &request{item: it, dialect: it.dialect}
		if _, err := c.send(r, it.msg.Subject, it.msg.Body, it.msg.Ack); err != nil {
			c.finish(it, unsent(err), err.Error())
			continue
		}
		c.window.sent(it)
		c.stats.Sent++
		sent = append(sent, it)
	}
}

// Ask sends questions, or lets them wait while too many are unanswered. Each one ends with a Learned.
func (c *Client) Ask(questions []engine.Question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.toAsk = append(c.toAsk, questions...)
	c.ask()
	c.arm()
}

// Disconnected gives up everything: commands in flight have no answer, waiting ones are dropped, questions time out. Nothing is sent
// again when the connection comes back.
func (c *Client) Disconnected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandon()
}

// Busy reports how many commands and questions are in flight or wait.
func (c *Client) Busy() (commands, questions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.window.size(), c.asking + len(c.toAsk)
}

// Stats returns the counts until now.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Close gives up everything as Disconnected does, ends the inbox, and returns when the log is written.
func (c *Client) Close() {
	c.mu.Lock()
	c.closing = true
	c.abandon()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	if c.sub != nil {
		_ = c.sub.Unsubscribe() // fails only when the connection is gone, and the subscription with it
	}
	c.diary.wait()
}

// answer brings the end of a command back to the owner.
func (c *Client) answer(id ledger.CommandID, outcome ledger.Answer, message string) {
	c.sink(engine.Answered{ID: id, Outcome: outcome, Message: message})
}

// finish ends a command that waited or was in flight, and lets go what waited for it.
func (c *Client) finish(it *item, outcome ledger.Answer, message string) {
	c.window.done(it)
	c.answer(it.cmd.ID, outcome, message)
}

// send publishes one request under a reply subject of its own and returns its number.
func (c *Client) send(r *request, subject string, body []byte, wait time.Duration) (uint64, error) {
	c.last++
	if err := c.bus.PublishRequest(subject, c.inbox+strconv.FormatUint(c.last, 36), body); err != nil {
		return 0, fmt.Errorf("sending to %s: %w", subject, err)
	}
	r.until = c.cfg.Now() + wait
	c.flight[c.last] = r
	c.wakeAt(r.until, c.last)
	return c.last, nil
}

// number reads a reply subject of ours.
func (c *Client) number(subject string) (uint64, bool) {
	tail, ok := strings.CutPrefix(subject, c.inbox)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(tail, 36, 64)
	return n, err == nil
}
