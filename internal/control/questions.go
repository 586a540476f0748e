package control

import (
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/tongue"
	"github.com/wadm-go/wadm/lattice"
)

// question is one question from the sending until its Learned. While the dialect is not known it goes out in both, and the first
// host that understands one decides.
type question struct {
	engine.Question
	asked   time.Duration
	numbers []uint64 // requests that were sent for it
	deaf    int      // of these, the ones that nobody listens to
	open    int      // of these, the ones that may still be answered
	answers int      // of a ping
	failure string   // why the last request failed
	over    bool
}

// ask sends waiting questions, with the lock held, as far as the bound permits.
func (c *Client) ask() {
	for len(c.toAsk) > 0 && c.asking < c.cfg.Questions {
		q := &question{Question: c.toAsk[0], failure: errTimeout}
		c.toAsk = c.toAsk[1:]
		c.sendQuestion(q)
	}
}

func (c *Client) sendQuestion(q *question) {
	q.asked = c.cfg.Now()
	wait := c.cfg.AskWait
	if q.Topic == engine.AskHosts {
		wait = c.cfg.PingWindow
	}
	for _, voice := range c.speaks.about(q.Question) {
		subject, err := subject(voice, q.Question)
		var number uint64
		if err == nil {
			number, err = c.send(&request{question: q, dialect: voice.Dialect}, subject, nil, wait)
		}
		if err != nil {
			q.failure = err.Error()
			continue
		}
		q.numbers = append(q.numbers, number)
	}
	q.open = len(q.numbers)
	c.asking++
	c.stats.Asked++
	if q.open == 0 {
		c.learned(q)
	}
}

func subject(v tongue.Voice, q engine.Question) (string, error) {
	switch q.Topic {
	case engine.AskInventory:
		return v.Inventory(q.Host)
	case engine.AskLinks:
		return v.Links(), nil
	case engine.AskConfig:
		return v.Config(q.Name)
	case engine.AskClaims:
		return v.Claims()
	}
	return v.Ping(), nil
}

// hearAnswer takes one host's answer to a question.
func (c *Client) hearAnswer(number uint64, r *request, data []byte, noResponders bool) {
	q := r.question
	switch {
	case noResponders:
		q.deaf++
		// A host that is just starting may listen a moment too late, so a ping is given its whole window.
		if q.Topic != engine.AskHosts {
			c.fail(number, q, errNoResponders)
		}
		return
	case q.Topic == engine.AskHosts:
		c.hearPing(r, data)
		return
	}
	event, err := read(r, data)
	if err != nil {
		c.cfg.Log.Warn("a host did not answer a question", "question", q.Topic.String(),
			"host", string(q.Host), "name", q.Name, "error", err)
		c.stats.Broken++
		c.fail(number, q, tongue.Words(err))
		return
	}
	q.failure = ""
	c.learned(q, event)
}

func read(r *request, data []byte) (lattice.Event, error) {
	q := r.question
	switch q.Topic {
	case engine.AskInventory:
		return tongue.ReadInventory(r.dialect, q.Host, data, q.asked)
	case engine.AskLinks:
		return tongue.ReadLinks(r.dialect, data, q.asked)
	case engine.AskClaims:
		return tongue.ReadClaims(data, q.asked)
	}
	return tongue.ReadConfig(q.Name, data, q.asked)
}

// hearPing hands a host on at once. From the first answer on, a silence ends the window early, whichever dialect broke it.
func (c *Client) hearPing(r *request, data []byte) {
	seen, err := tongue.ReadPing(r.dialect, data)
	if err != nil {
		c.stats.Broken++
		return
	}
	c.speaks.heard(seen)
	c.sink(engine.Observed{Events: []lattice.Event{seen}})
	q := r.question
	q.answers++
	until := min(q.asked+c.cfg.PingWindow, c.cfg.Now()+c.cfg.PingSilence)
	for _, number := range q.numbers {
		c.flight[number].until = until
	}
	if q.answers == 1 {
		c.wakeAt(until, q.numbers[0]) // earlier than the wake that the sending set; later answers only move until back
	}
}

// expire ends a question's request whose time has come. The requests of a ping end together.
func (c *Client) expire(number uint64, r *request) {
	q := r.question
	if q.Topic != engine.AskHosts {
		c.fail(number, q, errTimeout)
		return
	}
	switch {
	case q.answers > 0:
		q.failure = ""
	case q.deaf == len(q.numbers):
		q.failure = errNoResponders
	default:
		q.failure = errTimeout
	}
	c.learned(q)
}

// fail ends one request of a question; the question ends with the last one. What a host said goes before silence.
func (c *Client) fail(number uint64, q *question, why string) {
	delete(c.flight, number)
	q.open--
	if why != errNoResponders || q.failure == errTimeout {
		q.failure = why
	}
	if q.open == 0 {
		c.learned(q)
	}
}

// learned ends a question and forgets what else was sent for it.
func (c *Client) learned(q *question, events ...lattice.Event) {
	q.over = true
	c.asking--
	for _, number := range q.numbers {
		delete(c.flight, number)
	}
	c.sink(engine.Learned{ID: q.ID, Asked: q.asked, Events: events, Err: q.failure})
}
