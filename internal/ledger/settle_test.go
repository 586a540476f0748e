package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/wadm-go/wadm/lattice"
)

// commands are one of each class, as they were sent.
var commands = map[class]Command{
	start:   scale(1, 3),
	stop:    scale(3, 1),
	rebuild: scale(2, 2),
	update:  updateCommand,
	stored:  putLink(),
}

var updateCommand = scale(2, 2, func(c *Command) { c.Action, c.Update = Update, "web:2" })

// tellings are how each evidence arrives. The time is two seconds; the command was sent at one.
var tellings = map[evidence]func(l *Ledger, e *Entry) []Outcome{
	done: func(l *Ledger, e *Entry) []Outcome {
		if e.Action == PutLink {
			return l.Observe(lattice.LinkSet{Link: e.Link}, 2*sec)
		}
		return l.Observe(lattice.Scaled{Host: n1, Key: web, Ref: "web:1", Annotations: mine, Count: e.To}, 2*sec)
	},
	failed: func(l *Ledger, e *Entry) []Outcome {
		if e.Action == PutLink {
			return l.Observe(lattice.LinkFailed{Link: e.Link, Error: "boom"}, 2*sec)
		}
		return l.Observe(lattice.StartFailed{Host: n1, Key: web, Ref: "web:1", Error: "boom"}, 2*sec)
	},
	shows: func(l *Ledger, e *Entry) []Outcome {
		switch {
		case e.Action == PutLink:
			return l.Observe(lattice.Links{Asked: 2 * sec, Links: []lattice.Link{e.Link}}, 2*sec)
		case e.Action == Update:
			return l.Observe(runs(2*sec, web, "web:2", group(2, mine)), 2*sec)
		}
		return l.Observe(runs(2*sec, web, "web:1", group(e.To, mine)), 2*sec)
	},
	lacks: func(l *Ledger, e *Entry) []Outcome {
		if e.Action == PutLink {
			return l.Observe(lattice.Links{Asked: 2 * sec}, 2*sec)
		}
		other := lattice.Annotations{lattice.AppAnnotation: "shop", "x": "of before"}
		return l.Observe(runs(2*sec, web, "web:1", group(e.From, other)), 2*sec)
	},
	still: func(l *Ledger, e *Entry) []Outcome {
		if !onHost(&e.Command) {
			return l.Observe(lattice.Links{Asked: 20 * sec}, 20*sec)
		}
		l.Answer(e.ID, Accepted, "", 2*sec)
		other := lattice.Annotations{lattice.AppAnnotation: "shop", "x": "of before"}
		return l.Observe(runs(20*sec, web, "web:1", group(e.From, other)), 20*sec)
	},
	restarted: func(l *Ledger, e *Entry) []Outcome {
		if onHost(&e.Command) {
			l.Answer(e.ID, Accepted, "", 2*sec)
		}
		return l.HostRestarted(n1, 5*sec)
	},
	gone:       func(l *Ledger, _ *Entry) []Outcome { return l.HostGone(n1, 2*sec) },
	accepted:   answering(Accepted),
	refused:    answering(Refused),
	unheard:    answering(NoResponders),
	unanswered: answering(NoAnswer),
	dropped:    answering(Dropped),
	expired:    func(l *Ledger, e *Entry) []Outcome { return l.Expire(e.Deadline) },
	fewer: func(l *Ledger, e *Entry) []Outcome {
		if e.Action == PutLink {
			return nil // nothing of the kind is told of links
		}
		e.ByAge = true
		l.entries[e.ID].Acked, l.entries[e.ID].ackedAt = true, 2*sec
		other := lattice.Annotations{lattice.AppAnnotation: "shop", "x": "of before"}
		return l.Observe(runs(3*sec, web, "web:1", group(e.From, other)), 3*sec)
	},
}

func answering(a Answer) func(*Ledger, *Entry) []Outcome {
	return func(l *Ledger, e *Entry) []Outcome {
		if o, ok := l.Answer(e.ID, a, "", 2*sec); ok {
			return []Outcome{o}
		}
		return nil
	}
}

var settleTable = []struct {
	what class
	by   evidence
	want Verdict
	name string
}{
	{start, done, Settled, "a start has worked when the host tells the count"},
	{start, failed, Failed, "a start has failed when the host says so"},
	{start, shows, Settled, "a start has worked when an inventory shows it"},
	{start, lacks, Open, "hosts acknowledge before they fetch, so an inventory without the instance says nothing of a start"},
	{start, still, Open, "an inventory that lacks the instance later says no more of a start"},
	{start, restarted, Void, "a host that begins anew has forgotten the start, and is not to blame"},
	{start, gone, Void, "a host that is gone starts nothing, and is not to blame"},
	{start, accepted, Open, "an accepted start still has to be done"},
	{start, refused, Failed, "a refused start has failed"},
	{start, unheard, Failed, "a start that nobody heard has failed"},
	{start, unanswered, Open, "a host that compiles acknowledges late, so a start without an answer may be at work"},
	{start, dropped, Void, "a start that was not sent is nobody's fault"},
	{start, fewer, Open, "a start stops nothing"},
	{start, expired, Failed, "a start of which nothing was heard until its deadline has failed"},

	{stop, done, Settled, "a stop has worked when the host tells the count"},
	{stop, failed, Open, "a failed start says nothing of a stop"},
	{stop, shows, Settled, "a stop has worked when an inventory shows no more than the rest"},
	{stop, lacks, Open, "an inventory that shows too many may have been put together before the stop was done"},
	{stop, still, Open, "a later inventory that shows too many says no more of a stop"},
	{stop, restarted, Void, "a host that begins anew has nothing left to stop"},
	{stop, gone, Void, "a host that is gone has nothing left to stop"},
	{stop, accepted, Open, "an accepted stop still has to be done"},
	{stop, refused, Failed, "a refused stop has failed"},
	{stop, unheard, Failed, "a stop that nobody heard has failed"},
	{stop, unanswered, Open, "a stop without an answer may have been done"},
	{stop, dropped, Void, "a stop that was not sent is nobody's fault"},
	{stop, expired, Failed, "a stop of which nothing was heard until its deadline has failed"},

	{stop, fewer, Void, "a host that stops by age has done with a stop that it acknowledged, and an inventory after that shows what it left"},

	{rebuild, done, Settled, "a new list of configs is in force when the host tells the same count again"},
	{rebuild, failed, Failed, "a rebuild has failed when the host says so"},
	{rebuild, shows, Settled, "a rebuild is shown by the annotations that came with it"},
	{rebuild, lacks, Open, "the same count under the old annotations says that the rebuild is not done yet"},
	{rebuild, still, Open, "a later inventory under the old annotations says no more of a rebuild"},
	{rebuild, restarted, Void, "a host that begins anew has forgotten the rebuild"},
	{rebuild, gone, Void, "a host that is gone rebuilds nothing"},
	{rebuild, accepted, Open, "an accepted rebuild still has to be done"},
	{rebuild, refused, Failed, "a refused rebuild has failed"},
	{rebuild, unheard, Failed, "a rebuild that nobody heard has failed"},
	{rebuild, unanswered, Open, "a rebuild without an answer may be at work"},
	{rebuild, dropped, Void, "a rebuild that was not sent is nobody's fault"},
	{rebuild, fewer, Open, "a rebuild stops nothing"},
	{rebuild, expired, Failed, "a rebuild of which nothing was heard until its deadline has failed"},

	{update, done, Open, "the counts that a host tells during an update are of the old image or misleading"},
	{update, failed, Open, "a failed start tells of another command"},
	{update, shows, Settled, "an update has worked when an inventory shows the new image"},
	{update, lacks, Open, "an inventory with the old image may have been put together before the update was done"},
	{update, still, Failed, "a host gives no inventory while it updates, so one of well after the acknowledgement with the old image tells that it failed"},
	{update, restarted, Void, "a host that begins anew has forgotten the update"},
	{update, gone, Void, "a host that is gone updates nothing"},
	{update, accepted, Open, "an accepted update still has to be fetched"},
	{update, refused, Failed, "a refused update has failed"},
	{update, unheard, Failed, "an update that nobody heard has failed"},
	{update, unanswered, Open, "an update without an answer may be at work"},
	{update, dropped, Void, "an update that was not sent is nobody's fault"},
	{update, fewer, Open, "an update stops nothing"},
	{update, expired, Failed, "a failed update ends with nothing at all, so its deadline ends it"},

	{stored, done, Settled, "a link is put when its event tells so"},
	{stored, failed, Failed, "a link is not put when its event tells so"},
	{stored, shows, Settled, "a link is put when the list shows it"},
	{stored, lacks, Open, "a list of links lags behind, so one without the link says nothing"},
	{stored, still, Open, "a later list without the link says no more"},
	{stored, restarted, Open, "no host keeps the links, so the restart of one changes nothing"},
	{stored, gone, Open, "no host keeps the links, so the loss of one changes nothing"},
	{stored, accepted, Settled, "what the lattice stores is stored when it is acknowledged"},
	{stored, refused, Failed, "a refused link is not put"},
	{stored, unheard, Failed, "a link that nobody heard of is not put"},
	{stored, unanswered, Open, "a link without an answer may have been put"},
	{stored, dropped, Void, "a link that was not sent is nobody's fault"},
	{stored, fewer, Open, "a link is not stopped by age"},
	{stored, expired, Failed, "a link of which nothing was heard until its deadline has failed"},
}

func TestWhatSettlesWhat(t *testing.T) {
	seen := map[[2]uint8]bool{}
	for _, tc := range settleTable {
		seen[[2]uint8{uint8(tc.what), uint8(tc.by)}] = true
		t.Run(tc.name, func(t *testing.T) {
			l, e := sent(commands[tc.what])
			outs := tellings[tc.by](l, e)
			if got := verdict(outs); got != tc.want {
				t.Fatalf("the verdict is %d, want %d", got, tc.want)
			}
			if open := l.Entry(e.ID) != nil; open != (tc.want == Open) {
				t.Errorf("still open: %t", open)
			}
			b, backsOff := l.Backoff("shop", CauseOf(&e.Command))
			if backsOff != (tc.want == Failed) {
				t.Errorf("backs off: %t (%+v)", backsOff, b)
			}
			if tc.want == Failed {
				if diff := cmp.Diff(b, outs[0].Backoff); diff != "" {
					t.Errorf("the outcome tells another back-off (-kept +told):\n%s", diff)
				}
			}
		})
	}
	if want := len(verdicts) * len(verdicts[start]); len(seen) != want {
		t.Errorf("the table has %d cells, %d of them are told of here", want, len(seen))
	}
}

func TestAnOutcomeTellsWhatCameOfWhichCommand(t *testing.T) {
	l, e := sent(scale(0, 2))
	got := l.Observe(lattice.StartFailed{Host: n1, Key: web, Ref: "web:1", Error: "registry answered 401"}, 3*sec)
	pause := l.pause("shop", Cause{Host: n1, What: "web"}, 1)
	want := []Outcome{{
		Entry:   Entry{Command: scale(0, 2, func(c *Command) { c.ID = e.ID }), SentAt: sec, Deadline: sec + Defaults().ComponentStart},
		Verdict: Failed, Message: "registry answered 401",
		Backoff: Backoff{Tries: 1, Pause: pause, Until: 3*sec + pause, Last: "registry answered 401"},
	}}
	if diff := cmp.Diff(want, got, whole); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOnlyWhatIsMeantSettles(t *testing.T) {
	theirs := lattice.Annotations{lattice.AppAnnotation: "blog"}
	otp := func(c *Command) { asOTP(c); c.Target.Ref = "registry.example/web:1" }
	for _, tc := range []struct {
		name string
		cmd  Command
		ev   lattice.Event
		want Verdict
	}{
		{"a count told for somebody else's annotation settles nothing of ours", scale(0, 2), lattice.Scaled{Host: n1, Key: web, Annotations: theirs, Count: 2}, Open},
		{"nor one that bears no annotation", scale(0, 2), lattice.Scaled{Host: n1, Key: web, Count: 2}, Open},
		{"another count settles nothing: another command was before this one", scale(0, 2), lattice.Scaled{Host: n1, Key: web, Annotations: mine, Count: 1}, Open},
		{"another host settles nothing", scale(0, 2), lattice.Scaled{Host: n2, Key: web, Annotations: mine, Count: 2}, Open},
		{"another id settles nothing", scale(0, 2), lattice.Scaled{Host: n1, Key: lattice.Key{ID: "shop-cart"}, Annotations: mine, Count: 2}, Open},
		{"a provider of the same id is another thing", scale(0, 1), lattice.Scaled{Host: n1, Key: lattice.Key{Kind: lattice.Provider, ID: "shop-web"}, Annotations: mine, Count: 1}, Open},
		{"our provider's start settles", scale(0, 1, asProvider), lattice.Started{Host: n1, Key: http, Ref: "http:1", Annotations: mine}, Settled},
		{"somebody else's start of the same provider does not", scale(0, 1, asProvider), lattice.Started{Host: n1, Key: http, Ref: "http:1", Annotations: theirs}, Open},
		{"a start without annotations does not", scale(0, 1, asProvider), lattice.Started{Host: n1, Key: http, Ref: "http:1"}, Open},
		{"nor one of an instance that an inventory showed before the sending", scale(1, 2, otp), lattice.Started{Host: n1, Key: lattice.Key{ID: "MWEB"}, Ref: "registry.example/web:1", Annotations: mine, Instance: "i1", Shown: sec - 1}, Open},
		{"one that an inventory showed after it does", scale(1, 2, otp), lattice.Started{Host: n1, Key: lattice.Key{ID: "MWEB"}, Ref: "registry.example/web:1", Annotations: mine, Instance: "i1", Shown: sec + 1}, Settled},
		{"where the id is not known, the reference tells", scale(0, 1, otp), lattice.Started{Host: n1, Key: lattice.Key{ID: "MWEB"}, Ref: "registry.example/web:1", Annotations: mine}, Settled},
		{"whatever its scheme", scale(0, 1, otp), lattice.Started{Host: n1, Key: lattice.Key{ID: "MWEB"}, Ref: "oci://registry.example/web:1", Annotations: mine}, Settled},
		{"another reference does not", scale(0, 1, otp), lattice.Started{Host: n1, Key: lattice.Key{ID: "MWEB"}, Ref: "registry.example/web:2", Annotations: mine}, Open},
		{"a known id outweighs the reference", scale(0, 1), lattice.Started{Host: n1, Key: lattice.Key{ID: "MOTHER"}, Ref: "web:1", Annotations: mine}, Open},
		{"a failure may name a reference alone", scale(0, 1), lattice.StartFailed{Host: n1, Ref: "web:1", Error: "boom"}, Failed},
		{"the failure of another reference is not ours", scale(0, 1), lattice.StartFailed{Host: n1, Ref: "web:2", Error: "boom"}, Open},
		{"a provider under another link name is another thing", scale(0, 1, asProvider), lattice.Started{Host: n1, Key: lattice.Key{Kind: lattice.Provider, ID: "shop-http", Link: "other"}, Annotations: mine}, Open},
		{"a start does not end a stop", scale(2, 1), lattice.Started{Host: n1, Key: web, Ref: "web:1", Annotations: mine}, Open},
		{"a stop does not end a start", scale(0, 1), lattice.Stopped{Host: n1, Key: web}, Open},
		{"a provider's end ends its stop", scale(1, 0, asProvider), lattice.Stopped{Host: n1, Key: http}, Settled},
		{"health says nothing of any command", scale(0, 1, asProvider), lattice.Health{Host: n1, Key: http, Healthy: true}, Open},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := sent(tc.cmd)
			if got := verdict(l.Observe(tc.ev, 2*sec)); got != tc.want {
				t.Errorf("the verdict is %d, want %d", got, tc.want)
			}
		})
	}
}

func TestNothingSettlesWhatWasNotSent(t *testing.T) {
	for _, cmd := range []Command{scale(0, 2), scale(3, 2), scale(2, 2), updateCommand, putLink()} {
		for _, by := range []evidence{done, failed, shows, lacks, still, restarted} {
			l := New(Defaults())
			e := l.Add(cmd)
			if by == restarted {
				if outs := l.HostRestarted(n1, 2*sec); outs != nil {
					t.Errorf("%v: a restart settles it: %+v", cmd.Action, outs)
				}
				continue
			}
			if outs := tellings[by](l, e); outs != nil {
				t.Errorf("%v %d→%d: evidence %d settles it: %+v", cmd.Action, cmd.From, cmd.To, by, outs)
			}
		}
	}
}

func TestInstancesAreCountedWhereHostsTellThemOneByOne(t *testing.T) {
	ends := lattice.Stopped{Host: n1, Key: web}
	begins := lattice.Started{Host: n1, Key: web, Ref: "web:1", Annotations: mine}
	for _, tc := range []struct {
		name string
		cmd  Command
		evs  []lattice.Event
		want Verdict
	}{
		{"two of three have started", scale(1, 4), []lattice.Event{begins, begins}, Open},
		{"all three have started", scale(1, 4), []lattice.Event{begins, begins, begins}, Settled},
		{"one of two has ended", scale(3, 1), []lattice.Event{ends}, Open},
		{"both have ended", scale(3, 1), []lattice.Event{ends, ends}, Settled},
		{"an end between two starts takes nothing back", scale(0, 2), []lattice.Event{begins, ends, begins}, Settled},
		{"a start while a stop goes on is not counted against it", scale(2, 1), []lattice.Event{begins, ends}, Settled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := sent(tc.cmd)
			var outs []Outcome
			for _, ev := range tc.evs {
				outs = append(outs, l.Observe(ev, 2*sec)...)
			}
			if got := verdict(outs); got != tc.want {
				t.Errorf("the verdict is %d, want %d", got, tc.want)
			}
		})
	}
}

func TestWhatAnInventorySettles(t *testing.T) {
	theirs := lattice.Annotations{lattice.AppAnnotation: "blog"}
	blind := func(c *Command) { c.Blind = true }
	ackEnds := func(c *Command) { asProvider(c); c.AckEnds = true }
	for _, tc := range []struct {
		name string
		cmd  Command
		inv  lattice.Inventory
		want Verdict
	}{
		{"one asked for before the sending says nothing", scale(0, 2), runs(sec, web, "web:1", group(2, mine)), Open},
		{"one asked for after it does", scale(0, 2), runs(sec+1, web, "web:1", group(2, mine)), Settled},
		{"more than wanted shows a start too", scale(0, 2), runs(2*sec, web, "web:1", group(3, mine)), Settled},
		{"what others run of it is not counted", scale(0, 2), runs(2*sec, web, "web:1", group(1, mine), group(1, theirs)), Open},
		{"groups of ours are counted together", scale(0, 2), runs(2*sec, web, "web:1", group(1, mine), group(1, lattice.Annotations{lattice.AppAnnotation: "shop", "x": "y"})), Settled},
		{"a bare list of counts settles nothing", scale(0, 2), lattice.Inventory{Host: n1, Asked: 2 * sec, Bare: true, Resources: runs(0, web, "", group(2, mine)).Resources}, Open},
		{"another host's says nothing", scale(0, 2), lattice.Inventory{Host: n2, Asked: 2 * sec, Resources: runs(0, web, "", group(2, mine)).Resources}, Open},
		{"an empty one shows a stop", scale(2, 0), runs(2*sec, web, ""), Settled},
		{"what others run of it does not hinder a stop", scale(2, 0), runs(2*sec, web, "web:1", group(2, theirs)), Settled},
		{"a rebuild with annotations that stand already cannot be shown", scale(2, 2, blind), runs(2*sec, web, "web:1", group(2, mine)), Open},
		{"a rebuild is not shown by another count", scale(2, 2), runs(2*sec, web, "web:1", group(1, mine)), Open},
		{"an update is shown by the new image whatever its scheme", updateCommand, runs(2*sec, web, "oci://web:2", group(2, mine)), Settled},
		{"an update is not shown by nothing at all", updateCommand, runs(2*sec, web, ""), Open},
		{"a stop that goes on after its event may be shown too early", scale(1, 0, ackEnds), runs(2*sec, http, ""), Open},
		{"and is believed after a while", scale(1, 0, ackEnds), runs(sec+Defaults().Goodbye, http, ""), Settled},
		{"an unknown id is found by its reference", scale(0, 2, asOTP), runs(2*sec, lattice.Key{ID: "MWEB"}, "web:1", group(2, mine)), Settled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := sent(tc.cmd)
			if got := verdict(l.Observe(tc.inv, max(2*sec, tc.inv.Asked))); got != tc.want {
				t.Errorf("the verdict is %d, want %d", got, tc.want)
			}
		})
	}
}

func TestWhatTellsOfLinks(t *testing.T) {
	narrower := aLink("shop-kv")
	narrower.Interfaces = []string{"atomics"}
	slot := aLink("shop-kv").Slot()
	other := slot
	other.Package = "http"
	for _, tc := range []struct {
		name string
		cmd  Command
		ev   lattice.Event
		want Verdict
	}{
		{"a put is done when the link is set", putLink(), lattice.LinkSet{Link: aLink("shop-kv")}, Settled},
		{"a link to another target is another link", putLink(), lattice.LinkSet{Link: aLink("shop-redis")}, Open},
		{"a refused put has failed", putLink(), lattice.LinkFailed{Link: aLink("shop-kv"), Error: "boom"}, Failed},
		{"the refusal of another target is not ours", putLink(), lattice.LinkFailed{Link: aLink("shop-redis"), Error: "boom"}, Open},
		{"a list asked for before the put says nothing", putLink(), lattice.Links{Asked: sec, Links: []lattice.Link{aLink("shop-kv")}}, Open},
		{"a list with other interfaces does not show the put", putLink(), lattice.Links{Asked: 2 * sec, Links: []lattice.Link{narrower}}, Open},
		{"a deletion is done when it is told", deleteLink(), lattice.LinkDeleted{Slot: slot}, Settled},
		{"the deletion of another slot is not ours", deleteLink(), lattice.LinkDeleted{Slot: other}, Open},
		{"a list without the slot shows the deletion", deleteLink(), lattice.Links{Asked: 2 * sec}, Settled},
		{"a list that still has it does not", deleteLink(), lattice.Links{Asked: 2 * sec, Links: []lattice.Link{aLink("shop-kv")}}, Open},
		{"a put is no deletion", deleteLink(), lattice.LinkSet{Link: aLink("shop-kv")}, Open},
		{"a deletion is no put", putLink(), lattice.LinkDeleted{Slot: slot}, Open},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := sent(tc.cmd)
			if got := verdict(l.Observe(tc.ev, 2*sec)); got != tc.want {
				t.Errorf("the verdict is %d, want %d", got, tc.want)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Run("nobody listening is said in words", func(t *testing.T) {
		l, e := sent(scale(0, 1))
		o, _ := l.Answer(e.ID, NoResponders, "", 2*sec)
		if o.Message != "nobody listens there (no responders)" {
			t.Errorf("the message is %q", o.Message)
		}
	})
	t.Run("an answer to what is settled already tells nothing", func(t *testing.T) {
		l, e := sent(scale(0, 1))
		l.HostGone(n1, 2*sec)
		if o, ok := l.Answer(e.ID, Refused, "no", 3*sec); ok {
			t.Errorf("it tells %+v", o)
		}
		if _, ok := l.Backoff("shop", CauseOf(&e.Command)); ok {
			t.Error("and somebody is blamed for it")
		}
	})
	t.Run("a stop that goes on after its event ends with its acknowledgement", func(t *testing.T) {
		l, e := sent(scale(1, 0, asProvider, func(c *Command) { c.AckEnds = true }))
		if outs := l.Observe(lattice.Stopped{Host: n1, Key: http}, 2*sec); outs != nil {
			t.Fatalf("its event settles it: %+v", outs)
		}
		if o, ok := l.Answer(e.ID, Accepted, "", 3*sec); !ok || o.Verdict != Settled {
			t.Errorf("the acknowledgement does not: %+v", o)
		}
	})
}

// A host that begins anew may have heard a command before or after: who has not acknowledged it yet decides that by doing so.
func TestRestartsThatCrossACommand(t *testing.T) {
	for _, tc := range []struct {
		name  string
		then  Answer
		want  Verdict
		after bool // acknowledged before the restart
	}{
		{"acknowledged long before the restart: forgotten with it", Accepted, Void, true},
		{"acknowledged after the restart: it is at work", Accepted, Open, false},
		{"never acknowledged: forgotten with it", NoAnswer, Void, false},
		{"refused after the restart: refused", Refused, Failed, false},
		{"heard by nobody: not delivered", NoResponders, Failed, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, e := sent(scale(0, 1))
			if tc.after {
				l.Answer(e.ID, Accepted, "", 2*sec)
			}
			outs := l.HostRestarted(n1, 5*sec)
			if !tc.after {
				if outs != nil {
					t.Fatalf("the restart alone settles it: %+v", outs)
				}
				if o, ok := l.Answer(e.ID, tc.then, "", 6*sec); ok {
					outs = append(outs, o)
				}
			}
			if got := verdict(outs); got != tc.want {
				t.Errorf("the verdict is %d, want %d", got, tc.want)
			}
		})
	}
	t.Run("what was acknowledged between two restarts is forgotten with the second", func(t *testing.T) {
		l, e := sent(scale(0, 1))
		l.HostRestarted(n1, 2*sec)
		l.Answer(e.ID, Accepted, "", 3*sec)
		if got := verdict(l.HostRestarted(n1, 6*sec)); got != Void {
			t.Errorf("the second one, after the acknowledgement, says %d", got)
		}
	})
	t.Run("sent a moment before the news and never acknowledged: the acknowledgement may have got lost", func(t *testing.T) {
		l, e := sent(scale(0, 1))
		if outs := l.HostRestarted(n1, 2*sec); outs != nil {
			t.Fatalf("the restart alone settles it: %+v", outs)
		}
		if o, ok := l.Answer(e.ID, NoAnswer, "", 4*sec); ok {
			t.Errorf("the lack of an answer settles it: %+v", o)
		}
	})
	t.Run("acknowledged a moment before the news of the restart: perhaps by the new life, so only its effect or its deadline ends it", func(t *testing.T) {
		for _, tc := range []struct {
			name string
			then func(*Ledger) []Outcome
			want Verdict
		}{
			{"the instance shows", func(l *Ledger) []Outcome {
				return l.Observe(runs(5*sec, web, "web:1", group(1, lattice.Annotations{lattice.AppAnnotation: "shop"})), 5*sec)
			}, Settled},
			{"an inventory lacks it", func(l *Ledger) []Outcome { return l.Observe(runs(5*sec, web, "web:1"), 5*sec) }, Open},
			{"the deadline comes", func(l *Ledger) []Outcome { return l.Expire(5 * 60 * sec) }, Failed},
			{"the host begins anew once more", func(l *Ledger) []Outcome { return l.HostRestarted(n1, 6*sec) }, Void},
			{"the host begins anew once more, at once", func(l *Ledger) []Outcome { return l.HostRestarted(n1, 3*sec) }, Open},
		} {
			l, e := sent(scale(0, 1))
			l.Answer(e.ID, Accepted, "", 2*sec)
			if outs := l.HostRestarted(n1, 2*sec); outs != nil {
				t.Fatalf("the restart alone settles it: %+v", outs)
			}
			if got := verdict(tc.then(l)); got != tc.want {
				t.Errorf("%s: the verdict is %d, want %d", tc.name, got, tc.want)
			}
		}
	})
}
