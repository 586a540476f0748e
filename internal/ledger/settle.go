package ledger

import (
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// A Verdict says what became of an open command.
type Verdict uint8

// The verdicts.
const (
	Open    Verdict = iota // nothing is decided
	Settled                // it has had its effect
	Failed                 // it has not, and somebody is to blame: back-off
	Void                   // it cannot have its effect any more, and nobody is to blame
)

// evidence is what can be learned about an open command.
type evidence uint8

const (
	done       evidence = iota // the host's event that tells of the effect
	failed                     // the host's event that tells of the failure
	shows                      // a list (inventory, links) asked for after the sending shows the effect
	lacks                      // such a list does not
	still                      // an inventory that the host can only have given after the work shows things as before
	restarted                  // the host began anew: host_started, or its uptime fell
	gone                       // the host ended, or was declared dead
	accepted                   // acknowledged
	refused                    // acknowledged with no
	unheard                    // nobody listens: not delivered
	unanswered                 // no acknowledgement in time: it may be at work
	dropped                    // not sent: no longer sensible
	expired                    // the deadline has passed
	fewer                      // the host has done with a stop, and ended fewer than asked
)

type class uint8

const (
	start   class = iota // brings instances up
	stop                 // takes instances away
	rebuild              // same count, another list of configs
	update               // another image in place
	stored               // links and configs: kept by the lattice, not by a host
)

// verdicts is the table of design §5.3: hosts acknowledge a start before they fetch, so neither an acknowledgement nor a list that lacks
// the instance says anything; a stop is done when a list no longer shows it; the events of an update in place mislead (it ends with a count
// of 0, and a failed one ends with nothing), so that only a list tells: a host that updates holds its inventory back until it is done (lattice
// protocol A5.8). What the lattice stores is stored when it is acknowledged.
//
//	done     failed   shows    lacks still restarted gone   accepted refused  unheard  unanswered dropped expired fewer
var verdicts = [...][14]Verdict{
	start:   {Settled, Failed, Settled, Open, Open, Void, Void, Open, Failed, Failed, Open, Void, Failed, Open},
	stop:    {Settled, Open, Settled, Open, Open, Void, Void, Open, Failed, Failed, Open, Void, Failed, Void},
	rebuild: {Settled, Failed, Settled, Open, Open, Void, Void, Open, Failed, Failed, Open, Void, Failed, Open},
	update:  {Open, Failed, Settled, Open, Failed, Void, Void, Open, Failed, Failed, Open, Void, Failed, Open},
	stored:  {Settled, Failed, Settled, Open, Open, Open, Open, Settled, Failed, Failed, Open, Void, Failed, Open},
}

func classOf(e *Entry) class {
	switch {
	case e.Action == Update:
		return update
	case e.Action != Scale:
		return stored
	case e.To > e.From:
		return start
	case e.To < e.From:
		return stop
	}
	return rebuild
}

// Outcome is an entry that is no longer open, and why.
type Outcome struct {
	Entry   Entry
	Verdict Verdict
	Message string // the host's words, or ours
	Unsure  bool   // failed by its deadline alone: it may have had its effect all the same
	Backoff Backoff
}

// judge applies the table to one entry. The second result is false while it stays open.
func (l *Ledger) judge(e *Entry, ev evidence, message string, now time.Duration) (Outcome, bool) {
	v := verdicts[classOf(e)][ev]
	if v == Open {
		return Outcome{}, false
	}
	if p := l.entries[e.ID].byID; p != nil && ev != fewer {
		p.ahead = ahead{}
	}
	l.remove(l.entries[e.ID])
	out := Outcome{Entry: *e, Verdict: v, Message: message, Unsure: ev == expired}
	switch v {
	case Settled:
		l.Forgive(e.App, CauseOf(&e.Command))
	case Failed:
		out.Backoff = l.blame(e.App, CauseOf(&e.Command), message, now)
	}
	return out, true
}

// Answer settles what an acknowledgement settles.
func (l *Ledger) Answer(id CommandID, a Answer, message string, now time.Duration) (Outcome, bool) {
	e := l.Entry(id)
	if e == nil {
		return Outcome{}, false // late; the entry was settled by something better
	}
	if a == Accepted && !e.Acked {
		e.Acked, e.ackedAt = true, now
	}
	if e.AckEnds && a == Accepted {
		return l.judge(e, done, message, now)
	}
	ev := [...]evidence{Accepted: accepted, Refused: refused, NoResponders: unheard, NoAnswer: unanswered, Dropped: dropped}[a]
	if e.crossed && a == NoAnswer {
		ev, message = restarted, "the host began anew"
	}
	e.crossed = false
	if message == "" && a == NoResponders {
		message = "nobody listens there (no responders)"
	}
	return l.judge(e, ev, message, now)
}

// Expire settles what is past its deadline.
func (l *Ledger) Expire(now time.Duration) []Outcome {
	var out []Outcome
	for _, e := range l.All() {
		if e.Deadline != Never && now >= e.Deadline {
			if o, ok := l.judge(e, expired, "nothing was heard of it until its deadline", now); ok {
				out = append(out, o)
			}
		}
	}
	return out
}

// HostGone voids what was asked of a host that ended or was declared dead.
func (l *Ledger) HostGone(host lattice.HostID, now time.Duration) []Outcome {
	return l.each(host, func(*Entry) (evidence, string, bool) { return gone, "the host is gone", true }, now)
}

// HostRestarted voids what was asked of a host before it began anew. What is not yet acknowledged may have met the host before or after it
// began: its acknowledgement tells. What was sent or acknowledged just before the news may have met the new life, whose acknowledgement came
// here first, or got lost: only its effect, or its deadline, tells.
func (l *Ledger) HostRestarted(host lattice.HostID, now time.Duration) []Outcome {
	return l.each(host, func(e *Entry) (evidence, string, bool) {
		near := l.mayHaveCrossed(e, now)
		e.crossed = e.SentAt != Never && !near && !e.Acked
		return restarted, "the host began anew", e.SentAt != Never && e.Acked && !near
	}, now)
}

// mayHaveCrossed says that the command may be at work in the life of the host that begins with the news of now.
func (l *Ledger) mayHaveCrossed(e *Entry, now time.Duration) bool {
	last := e.SentAt
	if e.Acked {
		last = e.ackedAt
	}
	return last != Never && now-last < l.settings.Crossing
}

// Observe settles what a host event settles.
func (l *Ledger) Observe(ev lattice.Event, now time.Duration) []Outcome {
	switch ev := ev.(type) {
	case lattice.Scaled:
		return l.each(ev.Host, func(e *Entry) (evidence, string, bool) { return done, "", e.scaled(&ev) }, now)
	case lattice.Started:
		return l.each(ev.Host, func(e *Entry) (evidence, string, bool) { return done, "", e.started(&ev) }, now)
	case lattice.Stopped:
		return l.each(ev.Host, func(e *Entry) (evidence, string, bool) { return done, "", e.stopped(&ev) }, now)
	case lattice.StartFailed:
		return l.each(ev.Host, func(e *Entry) (evidence, string, bool) { return failed, ev.Error, e.failed(&ev) }, now)
	case lattice.Updated:
		return l.each(ev.Host, func(e *Entry) (evidence, string, bool) { return e.swapped(&ev, now) }, now)
	case lattice.Inventory:
		return l.inventory(&ev, now)
	case lattice.LinkSet, lattice.LinkDeleted, lattice.LinkFailed, lattice.Links:
		return l.links(ev, now)
	}
	return nil
}

// scaled says that a 1.x host has brought the entry's component to the count that was asked for.
func (e *Entry) scaled(ev *lattice.Scaled) bool {
	return e.SentAt != Never && e.Target.Kind == ev.Key.Kind && e.Target.ID == ev.Key.ID && ev.Count == e.To && ours(e, ev.Annotations)
}

// started counts one instance more, and says that it was the last one. An inventory may have shown one of an earlier start before its event came.
func (e *Entry) started(ev *lattice.Started) bool {
	if ev.Shown > 0 && ev.Shown <= e.SentAt {
		return false
	}
	if !e.Starting() || e.SentAt == Never || !names(e, ev.Key, ev.Ref) || !ours(e, ev.Annotations) {
		return false
	}
	e.Done++
	return e.From+e.Done >= e.To
}

// stopped counts one instance less, and says that it was the last one.
func (e *Entry) stopped(ev *lattice.Stopped) bool {
	if !e.Stopping() || e.SentAt == Never || e.AckEnds || !names(e, ev.Key, "") || ev.Annotations != nil && !ours(e, ev.Annotations) {
		return false
	}
	e.Done++
	return ev.Key.Kind == lattice.Provider || e.From-e.Done <= e.To
}

func (e *Entry) failed(ev *lattice.StartFailed) bool {
	c := classOf(e)
	return (c == start || c == rebuild) && e.SentAt != Never && names(e, ev.Key, ev.Ref)
}

// names says that the event is about the entry's target: by id where both know it, else by reference.
func names(e *Entry, k lattice.Key, ref string) bool {
	if e.Target.Kind != k.Kind || e.Target.Link != k.Link {
		return false
	}
	if e.Target.ID != "" && k.ID != "" {
		return e.Target.ID == k.ID
	}
	return ref != "" && lattice.SameRef(e.Target.Ref, ref)
}

// ours says that the event bears the application's annotation: somebody else's start of the same image settles nothing of ours.
func ours(e *Entry, a lattice.Annotations) bool { return a[lattice.AppAnnotation] == e.App }

func (l *Ledger) inventory(inv *lattice.Inventory, now time.Duration) []Outcome {
	if inv.Bare {
		return nil
	}
	return l.each(inv.Host, func(e *Entry) (evidence, string, bool) {
		if e.SentAt == Never || inv.Asked <= e.SentAt || e.AckEnds && inv.Asked < e.SentAt+l.settings.Goodbye {
			return 0, "", false
		}
		switch {
		case e.live() && !e.confirms(inv.Asked):
			return lacks, "", true
		case e.live(), e.shownBy(inv):
			return shows, "", true
		case !inv.Beat && e.unmoved(inv.Asked, l.settings.Unmoved):
			return still, "the host keeps the image before, and gives no cause", true
		}
		if e.ByAge && e.Stopping() && e.Acked && inv.Asked > e.ackedAt {
			l.passOver(e, inv)
			return fewer, "it ended fewer than asked: older instances there are somebody else's", true
		}
		return lacks, "", true
	}, now)
}

// unmoved says that an inventory asked for then cannot have overtaken the update: the host was given time to begin with it, and gives no inventory
// while it is at it.
func (e *Entry) unmoved(asked, after time.Duration) bool {
	return e.Action == Update && e.Acked && asked >= e.ackedAt+after
}

// Decides is from when on an inventory of the host tells that an update there has failed, Never if it is not at one.
func (l *Ledger) Decides(host lattice.HostID) time.Duration {
	at := Never
	for _, e := range l.byHost[host] {
		if e.Action != Update || !e.Acked {
			continue
		}
		from := e.ackedAt
		if !e.live() {
			from += l.settings.Unmoved
		}
		if at == Never || from < at {
			at = from
		}
	}
	return at
}

// shownBy says that the inventory shows the command's effect.
func (e *Entry) shownBy(inv *lattice.Inventory) bool {
	count, same := 0, false
	var ref string
	for i := range inv.Resources {
		r := &inv.Resources[i]
		if !names(e, r.Key, r.Ref) {
			continue
		}
		ref = r.Ref
		for _, g := range r.Groups {
			if g.Annotations[lattice.AppAnnotation] == e.App {
				count += g.Count
				same = same || equalAnnotations(g.Annotations, e.Annotations)
			}
		}
	}
	switch classOf(e) {
	case start:
		return count >= e.To
	case stop:
		return count <= e.To
	case rebuild:
		return !e.Blind && count == e.To && same
	case update:
		return lattice.SameRef(ref, e.Update)
	}
	return false
}

func equalAnnotations(a, b lattice.Annotations) bool {
	if len(a) != len(b) {
		return false
	}
	// order: every key is compared.
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func (l *Ledger) links(ev lattice.Event, now time.Duration) []Outcome {
	return l.each("", func(e *Entry) (evidence, string, bool) {
		if e.SentAt == Never {
			return 0, "", false
		}
		switch ev := ev.(type) {
		case lattice.LinkSet:
			return done, "", e.Action == PutLink && ev.Link.Slot() == e.Link.Slot() && ev.Link.Target == e.Link.Target
		case lattice.LinkDeleted:
			return done, "", e.Action == DeleteLink && ev.Slot == e.Link.Slot()
		case lattice.LinkFailed:
			return failed, ev.Error, e.Action == PutLink && ev.Link.Slot() == e.Link.Slot() && ev.Link.Target == e.Link.Target
		case lattice.Links:
			return shows, "", ev.Asked > e.SentAt && e.linkShownBy(ev.Links)
		}
		return 0, "", false
	}, now)
}

func (e *Entry) linkShownBy(links []lattice.Link) bool {
	found := false
	for i := range links {
		if links[i].Slot() == e.Link.Slot() && (e.Action == DeleteLink || links[i].Equal(e.Link)) {
			found = true
		}
	}
	return e.Action == PutLink && found || e.Action == DeleteLink && !found
}

// each judges every open entry of a host for which about says that the evidence concerns it.
func (l *Ledger) each(host lattice.HostID, about func(*Entry) (evidence, string, bool), now time.Duration) []Outcome {
	var hit []*Entry
	var evs []evidence
	var words []string
	for _, e := range l.byHost[host] {
		if ev, msg, ok := about(e); ok {
			hit, evs, words = append(hit, e), append(evs, ev), append(words, msg)
		}
	}
	var out []Outcome
	for i, e := range hit {
		if o, ok := l.judge(e, evs[i], words[i], now); ok {
			out = append(out, o)
		}
	}
	return out
}
