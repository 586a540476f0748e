package ledger

import (
	"testing"

	"github.com/wadm-go/wadm/lattice"
)

// TestAStopByAgePassesOverOthers: a 0.63 host takes the oldest instances of a key, and stops of them those that bear our annotation. Each answer tells
// how many of the oldest are somebody else's, so that the next stop reaches far enough and never too far.
func TestAStopByAgePassesOverOthers(t *testing.T) {
	theirs := lattice.Annotations{lattice.AppAnnotation: "blog"}
	stop := func(l *Ledger, from, to, ahead int) *Entry {
		e := l.Add(scale(from, to, func(c *Command) { c.ByAge, c.Ahead = true, ahead }))
		l.Sent(e.ID, sec)
		l.Answer(e.ID, Accepted, "", 2*sec)
		return e
	}
	target := Target{Kind: lattice.Component, ID: "shop-web"}
	for _, tc := range []struct {
		name         string
		ahead, left  int // ours
		now          int // others, when it is asked
		want         int
		stillOpen    bool
		beforeTheAck bool
	}{
		{"none of the two oldest was ours", 0, 3, 3, 2, false, false},
		{"one of the two oldest was ours", 0, 2, 3, 1, false, false},
		{"of the four oldest one was ours", 2, 2, 3, 3, false, false},
		{"others came or went meanwhile, so what was learned is void", 0, 3, 2, 0, false, false},
		{"an inventory from before the acknowledgement shows nothing", 0, 3, 3, 0, true, true},
		{"all that was asked for has ended", 0, 1, 3, 0, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New(Defaults())
			e := stop(l, 3, 1, tc.ahead)
			asked := 3 * sec
			if tc.beforeTheAck {
				asked = 2 * sec
			}
			l.Observe(runs(asked, web, "web:1", group(tc.left, mine), group(3, theirs)), 3*sec)
			if open := l.Entry(e.ID) != nil; open != tc.stillOpen {
				t.Errorf("still open: %t", open)
			}
			if got := l.Ahead("shop", n1, target, tc.now); got != tc.want {
				t.Errorf("%d of others are to be passed over, want %d", got, tc.want)
			}
		})
	}
	t.Run("what was learned ends with the host's life", func(t *testing.T) {
		l := New(Defaults())
		stop(l, 3, 1, 0)
		l.Observe(runs(3*sec, web, "web:1", group(3, mine), group(3, theirs)), 3*sec)
		stop(l, 3, 1, 2)
		l.HostRestarted(n1, 4*sec)
		if got := l.Ahead("shop", n1, target, 3); got != 0 {
			t.Errorf("%d of others are to be passed over by a host that begins anew", got)
		}
	})
}

func TestTheEndOfSomebodyElsesInstanceEndsNoStopOfOurs(t *testing.T) {
	l, e := sent(scale(2, 1))
	gone := lattice.Stopped{Host: n1, Key: web, Instance: "i1", Annotations: lattice.Annotations{lattice.AppAnnotation: "blog"}}
	if outs := l.Observe(gone, 2*sec); len(outs) > 0 {
		t.Errorf("the end of another application's instance settles %+v", outs)
	}
	gone.Instance, gone.Annotations = "i2", mine
	if outs := l.Observe(gone, 2*sec); len(outs) != 1 || l.Entry(e.ID) != nil {
		t.Errorf("the end of ours settles %+v", outs)
	}
}
