package engine

import (
	"slices"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// noResponders is how the driver says that nobody listens on the subject.
const noResponders = "no responders"

// ask puts a question, unless the same is being asked.
func (e *Engine) ask(q Question) {
	if !e.connected {
		return
	}
	q.ID = 0
	if _, open := e.asked[q]; open {
		return
	}
	delete(e.again, q)
	e.nextQuestion++
	key := q
	q.ID = e.nextQuestion
	e.asked[key] = q.ID
	e.pending[q.ID] = key
	e.out.Ask = append(e.out.Ask, q)
}

func (e *Engine) repeat(q Question) { e.repeatAt(q, e.now+e.cfg.Settings.Repeat) }

func (e *Engine) repeatAt(q Question, at time.Duration) {
	if old, ok := e.again[q]; !ok || at < old {
		e.again[q] = at
	}
}

// askAgain repeats the questions whose time has come.
func (e *Engine) askAgain() {
	var now []Question
	// order: sorted below.
	for q, at := range e.again {
		if e.now >= at {
			now = append(now, q)
		}
	}
	slices.SortFunc(now, func(a, b Question) int {
		switch {
		case a.Topic != b.Topic:
			return int(a.Topic) - int(b.Topic)
		case a.Host != b.Host:
			if a.Host < b.Host {
				return -1
			}
			return 1
		case a.Name < b.Name:
			return -1
		}
		return 1
	})
	for _, q := range now {
		delete(e.again, q)
		if e.worth(q) {
			e.ask(q)
		}
	}
}

// worth says that somebody still wants to know.
func (e *Engine) worth(q Question) bool {
	switch q.Topic {
	case AskInventory:
		return e.state.Host(q.Host) != nil
	case AskConfig:
		return len(e.users.configs[q.Name]) > 0
	}
	return true
}

// learn takes an answer, or the lack of one.
func (e *Engine) learn(in Learned) {
	q, ok := e.pending[in.ID]
	if !ok {
		return // of an earlier time of listening
	}
	delete(e.pending, in.ID)
	delete(e.asked, q)
	for _, ev := range in.Events {
		e.observe(ev)
	}
	switch q.Topic {
	case AskHosts:
		e.windowClosed(in.Asked)
		if len(e.state.Hosts()) == 0 {
			e.repeat(q) // a host that has just started tells of itself before it listens; its next word comes with its first heartbeat
		}
	case AskInventory:
		if in.Err != "" {
			e.unanswered(q.Host, in.Err == noResponders)
		} else {
			e.heard(q.Host)
		}
	case AskLinks:
		if in.Err == "" {
			e.linksMissing(func(lattice.Link) bool { return true }, 1)
		} else if len(e.state.Hosts()) > 0 {
			e.repeat(q)
		}
		if e.trouble(q, in.Err) {
			e.linksMoved("")
		}
	case AskConfig:
		if in.Err != "" && len(e.state.Hosts()) > 0 {
			e.repeat(q)
		}
		e.trouble(q, in.Err)
		e.configMoved(q.Name)
	}
}

// trouble notes why something cannot be read, "" when it can, and says whether that is news.
func (e *Engine) trouble(q Question, why string) bool {
	if e.troubles[q] == why {
		return false
	}
	if why == "" {
		delete(e.troubles, q)
	} else {
		e.troubles[q] = why
	}
	return true
}

// unread is why a config, or with "" the links, cannot be read.
func (e *Engine) unread(config string) string {
	if config == "" {
		return e.troubles[Question{Topic: AskLinks}]
	}
	return e.troubles[Question{Topic: AskConfig, Name: config}]
}

// heard marks who waits for the host's inventory: stops need fresh news, undeploys a confirmation.
func (e *Engine) heard(id lattice.HostID) {
	h := e.state.Host(id)
	if h == nil {
		return
	}
	if h.Doubtful {
		e.repeatAt(Question{Topic: AskInventory, Host: id}, e.now+e.cfg.Settings.Repeat/5)
	}
	if e.ledger.Inherits(id) {
		e.repeat(Question{Topic: AskInventory, Host: id}) // what of it was told before we listened, no event tells again
	}
	if at := e.ledger.Decides(id); at != lattice.Never {
		e.repeatAt(Question{Topic: AskInventory, Host: id}, at+1)
	}
	delete(e.watch.unheard, id)
	nameless := false
	for i := range h.Items() {
		k := h.Items()[i].Key
		e.keyTouched(id, k)
		_, told := e.state.ClaimsOf(k.ID)
		nameless = nameless || !told
	}
	if nameless && h.Can.Claims {
		e.askClaims()
	}
	e.look.helped = true // what is not as wanted, and undeploys, which wait for hosts to say that they run nothing of them
}

// askClaims asks what the images say of themselves that were started before we listened. Nobody waits for it, so it is not repeated before its time.
func (e *Engine) askClaims() {
	if e.claimsAt == lattice.Never || e.now-e.claimsAt >= e.cfg.Settings.Repeat {
		e.claimsAt = e.now
		e.ask(Question{Topic: AskClaims})
	}
}

// askLinks asks for the links, but not at once again: a list that lagged behind does so for a moment.
func (e *Engine) askLinks() {
	at := e.state.LinksAsked()
	if soonest := at + e.cfg.Settings.Repeat/10; at != lattice.Never && e.now < soonest {
		e.repeatAt(Question{Topic: AskLinks}, soonest)
		return
	}
	e.askSoon(Question{Topic: AskLinks})
}

// askSoon puts a question that a plan has, but one that has just failed not before its time: a host may refuse at once, and each refusal makes a plan.
func (e *Engine) askSoon(q Question) {
	if _, later := e.again[q]; !later {
		e.ask(q)
	}
}

// resync asks for what no heartbeat tells.
func (e *Engine) resync() {
	e.synced = e.now
	if len(e.state.Hosts()) == 0 {
		return
	}
	links := false
	// order: any one is enough.
	for _, a := range e.apps {
		links = links || a.active() && (a.wanted != nil && len(a.wanted.Links) > 0 || len(a.run.Links) > 0 || a.from != nil && len(a.from.Links) > 0)
	}
	if links {
		e.ask(Question{Topic: AskLinks})
	}
	var names []string
	// order: sorted below.
	for n := range e.users.configs {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		e.ask(Question{Topic: AskConfig, Name: n})
	}
	for _, h := range e.state.Hosts() {
		if !h.Can.Beat {
			e.ask(Question{Topic: AskInventory, Host: h.ID})
		}
	}
}
