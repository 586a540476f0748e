package engine

import (
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// attention knows which applications are to be looked at, and when the next ones are, so that a step costs what it touches and not what there is.
type attention struct {
	dirty    map[string]bool // those of which something may be dirty
	hostless map[string]bool // those whose status says that there is no host
	alarms   alarms
	helped   bool // hosts have answered, come or gone in this step: it may help what is not as wanted
	moved    bool // … come or gone, or they are others than they were
}

func newAttention() *attention {
	return &attention{dirty: map[string]bool{}, hostless: map[string]bool{}}
}

// alarm is a time at which an application wants to be looked at, or to save. One that has changed its mind is skipped.
type alarm struct {
	at  time.Duration
	app *app
}

type alarms []alarm

func (q alarms) Len() int { return len(q) }
func (q alarms) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].app.name < q[j].app.name
}
func (q alarms) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push and Pop belong to heap.Interface.
func (q *alarms) Push(x any) { *q = append(*q, x.(alarm)) }

// Pop see Push.
func (q *alarms) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (a alarm) stands() bool { return a.app.wakeAt == a.at || a.app.retryAt == a.at }

// set adds an alarm. Those that no longer stand are dropped when they have become the most.
func (t *attention) set(a *app, at time.Duration) {
	if at == lattice.Never {
		return
	}
	heap.Push(&t.alarms, alarm{at, a})
	if len(t.alarms) > 64 && len(t.alarms) > 4*t.standing() {
		t.alarms = slices.DeleteFunc(t.alarms, func(x alarm) bool { return !x.stands() })
		heap.Init(&t.alarms)
	}
}

// standing is a guess at how many alarms stand: it is looked at only when the queue has doubled.
func (t *attention) standing() int {
	if n := len(t.alarms); n&(n-1) != 0 {
		return n
	}
	n := 0
	for _, x := range t.alarms {
		if x.stands() {
			n++
		}
	}
	return n
}

// next is the time of the first alarm that stands, Never if there is none.
func (t *attention) next() time.Duration {
	for len(t.alarms) > 0 {
		if t.alarms[0].stands() {
			return t.alarms[0].at
		}
		heap.Pop(&t.alarms)
	}
	return lattice.Never
}

// due takes out the applications whose time has come, by name.
func (t *attention) due(now time.Duration) []*app {
	var out []*app
	for at := t.next(); at != lattice.Never && at <= now; at = t.next() {
		out = append(out, heap.Pop(&t.alarms).(alarm).app)
	}
	slices.SortFunc(out, func(a, b *app) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(out)
}

// mark has the application looked at in this step; the caller says at what.
func (a *app) mark() *dirt {
	a.look.dirty[a.name] = true
	return &a.dirt
}

// sleep has the whole application looked at again at that time, and not before for its own sake.
func (a *app) sleep(until time.Duration) {
	if a.wakeAt != until {
		a.wakeAt = until
		a.look.set(a, until)
	}
}

// retry has its record saved again at that time.
func (a *app) retry(at time.Duration) {
	a.retryAt = at
	a.look.set(a, at)
}

// seesHosts notes whether its status says that there is no host.
func (a *app) seesHosts(yes bool) {
	a.hostless = !yes
	if yes {
		delete(a.look.hostless, a.name)
	} else {
		a.look.hostless[a.name] = true
	}
}
