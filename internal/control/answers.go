package control

import (
	"container/heap"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/tongue"
	"github.com/wadm-go/wadm/lattice"
)

// The ends of a question that no host's words explain.
const (
	errNoResponders = "no responders"
	errTimeout      = "timeout"
)

// request is one message that was sent and may be answered: of a command, or of a question (which may go out in both dialects).
type request struct {
	until    time.Duration
	dialect  lattice.Dialect
	item     *item
	question *question
}

// wake says to look at a request at a time. Its request may be over by then, or have got more time.
type wake struct {
	at     time.Duration
	number uint64
}

// wakes is a heap by time.
type wakes []wake

func (w wakes) Len() int           { return len(w) }
func (w wakes) Less(i, j int) bool { return w[i].at < w[j].at }
func (w wakes) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }

// Push and Pop are for container/heap.
func (w *wakes) Push(x any) { *w = append(*w, x.(wake)) }

// Pop see Push.
func (w *wakes) Pop() any {
	old := *w
	last := old[len(old)-1]
	*w = old[:len(old)-1]
	return last
}

func (c *Client) wakeAt(at time.Duration, number uint64) { heap.Push(&c.due, wake{at, number}) }

// Receive takes an answer from the bus: its subject, its body, and whether it is the server's word that nobody listens.
func (c *Client) Receive(subject string, data []byte, noResponders bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	number, ours := c.number(subject)
	r := c.flight[number]
	if !ours || r == nil {
		c.stats.Late++
		return
	}
	if r.question != nil {
		c.hearAnswer(number, r, data, noResponders)
		c.ask()
		c.arm()
		return
	}
	delete(c.flight, number)
	if noResponders {
		c.finish(r.item, ledger.NoResponders, "")
		return
	}
	outcome, words, err := tongue.ReadAck(r.dialect, data)
	if err != nil {
		c.stats.Broken++
		words = err.Error()
	}
	c.finish(r.item, outcome, words)
}

// Expire ends every request whose time has come and returns the time of the next one, < 0 if there is none.
func (c *Client) Expire() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	for len(c.due) > 0 && c.due[0].at <= now {
		number := heap.Pop(&c.due).(wake).number
		r := c.flight[number]
		switch {
		case r == nil: // answered
		case r.until > now:
			c.wakeAt(r.until, number)
		case r.question != nil:
			c.expire(number, r)
		default:
			delete(c.flight, number)
			c.finish(r.item, ledger.NoAnswer, "")
		}
	}
	c.ask()
	c.arm()
	if len(c.due) == 0 {
		return -1
	}
	return c.due[0].at
}

// arm sets the timer to the next deadline. Requests that are over are skipped, or a quiet time would be full of vain wakes.
func (c *Client) arm() {
	for len(c.due) > 0 && c.flight[c.due[0].number] == nil {
		heap.Pop(&c.due)
	}
	if c.timer == nil || c.closing {
		return
	}
	if len(c.due) == 0 {
		c.timer.Stop()
		return
	}
	c.timer.Reset(max(c.due[0].at-c.cfg.Now(), 0))
}

// unsent tells a command that cannot be sent at all from one that cannot be sent now.
func unsent(err error) ledger.Answer {
	if errors.Is(err, nats.ErrMaxPayload) {
		return ledger.Refused
	}
	return ledger.Dropped
}

// abandon gives up everything, with the lock held: what was sent first, then what waited, each in its order.
func (c *Client) abandon() {
	numbers := make([]uint64, 0, len(c.flight))
	for n := range c.flight {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	requests := make([]*request, 0, len(numbers))
	for _, n := range numbers {
		requests = append(requests, c.flight[n])
	}
	clear(c.flight)
	c.due = nil
	waiting := c.window.drain()
	questions := c.toAsk
	c.toAsk, c.asking = nil, 0
	for _, r := range requests {
		switch {
		case r.item != nil:
			c.answer(r.item.cmd.ID, ledger.NoAnswer, "the connection was lost")
		case !r.question.over:
			r.question.over = true
			c.sink(engine.Learned{ID: r.question.ID, Asked: r.question.asked, Err: errTimeout})
		}
	}
	for _, it := range waiting {
		c.answer(it.cmd.ID, ledger.Dropped, "the connection was lost before it was sent")
	}
	for _, q := range questions {
		c.sink(engine.Learned{ID: q.ID, Asked: c.cfg.Now(), Err: errTimeout})
	}
}
