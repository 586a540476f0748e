package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/internal/status"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// This file tells of interruptions: where the old must end before the new may start, that is said before the stop goes out, and when the first new one runs it
// is told how long nothing ran.

// interruption is one that was said.
type interruption struct {
	plan.Interruption
	expected time.Duration
	began    time.Duration // when the last old instance had ended, Never before
}

type interrupted struct {
	component string
	host      lattice.HostID
}

// expect says beforehand what the parts of a plan will interrupt, and forgets what has become needless before it began.
func (e *Engine) expect(a *app, res *plan.Result) {
	still := map[interrupted]bool{}
	for _, id := range partsOf(res) {
		part := res.Parts[id]
		expected := a.expected(id.Component)
		var coming []plan.Interruption
		for i := range part.Interruptions {
			n := &part.Interruptions[i]
			at := interrupted{n.Component, n.Host}
			still[at] = true
			if a.breaks[at] == nil {
				a.breaks[at] = &interruption{Interruption: *n, began: lattice.Never, expected: expected}
				e.interruptionNotice(a, wadmapi.EventInterruptionExpected, a.breaks[at], 0, status.Interruptions([]plan.Interruption{*n}, expected))
			}
			coming = append(coming, a.breaks[at].Interruption) // as it was said first: the count falls while they stop
		}
		if len(coming) > 0 {
			for _, alike := range grouped(coming) {
				part.Told = append(part.Told, status.Interruptions(alike, expected))
			}
			res.Parts[id] = part
		}
		// order: each by itself.
		for at, n := range a.breaks {
			if at.component == id.Component && !still[at] && (part.Done() || n.began == lattice.Never && e.ledger.Open(a.name, n.Host, ledger.Target{Kind: n.Key.Kind, ID: n.Key.ID, Link: n.Key.Link}) == nil) {
				delete(a.breaks, at)
			}
		}
	}
}

// grouped are the interruptions that differ in nothing but the host and the number, together.
func grouped(all []plan.Interruption) [][]plan.Interruption {
	var out [][]plan.Interruption
	for _, n := range all {
		at := slices.IndexFunc(out, func(g []plan.Interruption) bool { return g[0].From == n.From && g[0].To == n.To && g[0].Why == n.Why })
		if at < 0 {
			at = len(out)
			out = append(out, nil)
		}
		out[at] = append(out[at], n)
	}
	return out
}

// partsOf are the components that a plan has looked at, by name.
func partsOf(res *plan.Result) []plan.PartID {
	var out []plan.PartID
	// order: sorted below.
	for id := range res.Parts {
		if id.Link == 0 {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(x, y plan.PartID) int { return cmp.Compare(x.Component, y.Component) })
	return out
}

// measure looks which interruptions have begun or ended.
func (e *Engine) measure(a *app) {
	if len(a.breaks) == 0 {
		return
	}
	var all []interrupted
	// order: sorted below.
	for at := range a.breaks {
		all = append(all, at)
	}
	slices.SortFunc(all, func(x, y interrupted) int {
		return cmp.Or(cmp.Compare(x.component, y.component), cmp.Compare(x.host, y.host))
	})
	for _, at := range all {
		n := a.breaks[at]
		h := e.state.Host(n.Host)
		if h == nil {
			delete(a.breaks, at) // what is missing now is not for the sake of the new image
			continue
		}
		it := h.Item(n.Key)
		switch {
		case it == nil || it.CountOf(a.name) == 0:
			if n.began == lattice.Never {
				n.began = e.now
			}
		case n.began != lattice.Never && lattice.SameRef(it.Ref, n.To):
			took := e.now - n.began
			text := status.Interrupted(n.Component, n.Host, took)
			a.measured, a.lasted[n.Component] = append(a.measured, text), took
			e.interruptionNotice(a, wadmapi.EventInterruptionEnded, n, took, "interrupted: "+text)
			delete(a.breaks, at)
		default:
			n.began = lattice.Never
		}
	}
}

func (e *Engine) interruptionNotice(a *app, name string, n *interruption, took time.Duration, text string) {
	e.out.Notice = append(e.out.Notice, Notice{Name: name, Data: wadmapi.InterruptionEvent{
		App: a.name, Version: a.run.Version, Component: n.Component, Host: string(n.Host), Instances: n.Count, From: n.From, To: n.To,
		Expected: n.expected.Seconds(), Seconds: took.Seconds(), Message: text,
	}})
}

// expected is how long an interruption of the component will be, 0 if nothing like it was seen.
func (a *app) expected(component string) time.Duration {
	if took, ok := a.lasted[component]; ok {
		return took
	}
	return a.pace[component]
}

// withMeasured adds to the status of what has become whole how long it was interrupted. It is told until something else is.
func (a *app) withMeasured(s wadmapi.Status) wadmapi.Status {
	if s.Status.Type == wadmapi.StatusDeployed {
		a.boasted = len(a.measured) > 0
		return status.WithInterruptions(s, a.measured)
	}
	if a.boasted {
		a.measured, a.boasted = nil, false
	}
	return s
}

// learnPace notes how long a start took, from its sending to the last instance.
func (a *app) learnPace(o *ledger.Outcome, now time.Duration) {
	en := &o.Entry
	if o.Verdict == ledger.Settled && en.Starting() && !en.Restored && en.Component != "" {
		a.pace[en.Component] = now - en.SentAt
	}
}
