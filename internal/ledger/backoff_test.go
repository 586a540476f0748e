package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wadm-go/wadm/lattice"
	"pgregory.net/rapid"
)

// fail books a failed start and returns the back-off.
func fail(l *Ledger, now time.Duration, edits ...func(*Command)) Backoff {
	e := l.Add(scale(0, 1, edits...))
	o, _ := l.Answer(e.ID, Refused, "no", now)
	return o.Backoff
}

func TestPausesGrowUpToTheMost(t *testing.T) {
	l := New(Defaults())
	now := time.Duration(0)
	for i, about := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		about *= sec
		b := fail(l, now)
		if b.Tries != i+1 || b.Until != now+b.Pause || b.Last != "no" {
			t.Errorf("failure %d: %+v", i+1, b)
		}
		if b.Pause < about*8/10 || b.Pause > about*12/10 {
			t.Errorf("the pause after failure %d is %v, want %v ± 20 %%", i+1, b.Pause, about)
		}
		now = b.Until
	}
}

// The shift is derived, so that the same inputs give the same bytes; it differs between causes, so that they do not all come back at once.
func TestPausesAreDerivedNotDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Defaults()
		s.BackoffFirst = time.Duration(rapid.IntRange(1, 10_000).Draw(t, "first")) * time.Millisecond
		s.BackoffMost = s.BackoffFirst * time.Duration(rapid.IntRange(1, 100).Draw(t, "most"))
		app := rapid.StringN(1, 8, -1).Draw(t, "app")
		c := Cause{Host: lattice.HostID(rapid.StringN(0, 8, -1).Draw(t, "host")), What: rapid.StringN(0, 8, -1).Draw(t, "what")}
		tries := rapid.IntRange(1, 200).Draw(t, "tries")
		got := New(s).pause(app, c, tries)
		if again := New(s).pause(app, c, tries); again != got {
			t.Fatalf("the same failure pauses %v and %v", got, again)
		}
		plain := s.BackoffFirst
		for i := 1; i < tries && plain < s.BackoffMost; i++ {
			plain *= 2
		}
		plain = min(plain, s.BackoffMost)
		if got < plain*8/10 || got > plain*12/10 {
			t.Fatalf("the pause is %v, want %v ± 20 %%", got, plain)
		}
	})
	l := New(Defaults())
	pauses := map[time.Duration]bool{}
	for _, host := range []lattice.HostID{"N1", "N2", "N3", "N4", "N5", "N6"} {
		pauses[l.pause("shop", Cause{Host: host, What: "web"}, 1)] = true
	}
	if len(pauses) < 4 {
		t.Errorf("six hosts have only %d pauses", len(pauses))
	}
}

func TestWhatEndsABackoff(t *testing.T) {
	onN2 := func(c *Command) { c.Host = n2 }
	cause := Cause{Host: n1, What: "web"}
	for _, tc := range []struct {
		name string
		do   func(l *Ledger)
		want bool // still remembered
	}{
		{"nothing but time", func(*Ledger) {}, true},
		{"a success of the same cause", func(l *Ledger) {
			e := l.Restore(scale(0, 1), 2*sec)
			l.Observe(lattice.Scaled{Host: n1, Key: web, Annotations: mine, Count: e.To}, 3*sec)
		}, false},
		{"not a success elsewhere", func(l *Ledger) {
			l.Restore(scale(0, 1, onN2), 2*sec)
			l.Observe(lattice.Scaled{Host: n2, Key: web, Annotations: mine, Count: 1}, 3*sec)
		}, true},
		{"not what has become void", func(l *Ledger) { l.Restore(scale(0, 1), 2*sec); l.HostGone(n1, 3*sec) }, true},
		{"a nudge of the user", func(l *Ledger) { l.ForgiveAll("shop") }, false},
		{"not a nudge for another application", func(l *Ledger) { l.ForgiveAll("blog") }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New(Defaults())
			b := fail(l, sec)
			if !l.Waiting("shop", cause, b.Until-1) || l.Waiting("shop", cause, b.Until) {
				t.Error("it is not waited for exactly until the pause is over")
			}
			tc.do(l)
			if _, ok := l.Backoff("shop", cause); ok != tc.want {
				t.Errorf("remembered: %t, want %t", ok, tc.want)
			}
			if !tc.want {
				if b := fail(l, 9*sec); b.Tries != 1 {
					t.Errorf("the next failure is number %d, want 1", b.Tries)
				}
			}
		})
	}
}

func TestWhoIsToBlame(t *testing.T) {
	otpLink := lattice.Link{Source: "MWEB", Target: "VKV", Name: "default", Contract: "wasmcloud:keyvalue"}
	for _, tc := range []struct {
		name string
		cmd  Command
		want Cause
	}{
		{"a component on its host", scale(0, 1), Cause{Host: n1, What: "web"}},
		{"its stop too", scale(1, 0), Cause{Host: n1, What: "web"}},
		{"its update too", updateCommand, Cause{Host: n1, What: "web"}},
		{"what no revision names, by its id", scale(1, 0, func(c *Command) { c.Component = "" }), Cause{Host: n1, What: "id shop-web"}},
		{"a link, on no host", putLink(), Cause{What: "link shop-web default wasi:keyvalue"}},
		{"its deletion too", deleteLink(), Cause{What: "link shop-web default wasi:keyvalue"}},
		{"an OTP link by its contract", Command{Action: PutLink, Link: otpLink}, Cause{What: "link MWEB default :wasmcloud:keyvalue"}},
		{"a config", putConfig(), Cause{What: "config shop-limits"}},
		{"its deletion too", Command{Action: DeleteConfig, ConfigName: "shop-limits"}, Cause{What: "config shop-limits"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, CauseOf(&tc.cmd)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
