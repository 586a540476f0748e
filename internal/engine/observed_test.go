package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// answerOTP plays one OTP host to an engine until nothing is asked any more, and returns how often claims were asked for.
func answerOTP(e *Engine, now *time.Duration, out Output, claims map[string]lattice.Claims) int {
	asked := 0
	can := lattice.Can{Relative: true, StopAll: true, Claims: true}
	key := lattice.Key{Kind: lattice.Component, ID: "MECHO"}
	for len(out.Ask) > 0 {
		var ins []Input
		for _, q := range out.Ask {
			*now += time.Millisecond
			done := Learned{ID: q.ID, Asked: *now}
			switch q.Topic {
			case AskHosts:
				ins = append(ins, Observed{Events: []lattice.Event{lattice.HostSeen{Host: "N1", Dialect: lattice.OTP, Can: can}}})
			case AskInventory:
				done.Events = []lattice.Event{lattice.Inventory{Host: "N1", Dialect: lattice.OTP, Can: can, Asked: *now, Resources: []lattice.Resource{
					{Key: key, Ref: "echo:1", Groups: []lattice.Group{{Count: 1, Instances: []string{"a"}}}}}}}
			case AskClaims:
				if asked++; claims == nil {
					done.Err = "timeout"
				} else {
					done.Events = []lattice.Event{lattice.ClaimsTold{Asked: *now, By: claims}}
				}
			}
			ins = append(ins, done)
		}
		*now += time.Millisecond
		out = e.Step(*now, ins...)
	}
	return asked
}

func TestClaimsAreAskedForOnceWhatRunsIsKnown(t *testing.T) {
	for name, claims := range map[string]map[string]lattice.Claims{"answered": {"MECHO": {Name: "Echo"}}, "not answered": nil} {
		t.Run(name, func(t *testing.T) {
			e, now := New(Config{Lattice: "default"}), time.Millisecond
			if n := answerOTP(e, &now, e.Step(now, Connected{}), claims); n != 1 {
				t.Errorf("asked %d times", n)
			}
			snap := e.Snapshot(0, 10)
			told := slices.ContainsFunc(snap.Claims, func(c lattice.ClaimsOf) bool { return c.ID == "MECHO" && c.Name == "Echo" })
			if snap.ID != "default" || told != (claims != nil) {
				t.Errorf("%+v", snap)
			}
			again := 0
			for until := now + time.Minute; now < until; now += time.Second {
				again += answerOTP(e, &now, e.Step(now, Tick{}), claims)
			}
			if again > 1 || claims != nil && again > 0 {
				t.Errorf("asked %d times within a minute", again)
			}
		})
	}
}

func TestInvocationsMakeNoPlan(t *testing.T) {
	e, now := New(Config{}), time.Millisecond
	answerOTP(e, &now, e.Step(now, Connected{}), map[string]lattice.Claims{"MECHO": {}})
	call := lattice.Invoked{Invocation: lattice.Invocation{Operation: "x"}, Tally: lattice.Tally{Succeeded: 1}}
	events := Observed{Events: []lattice.Event{call, call, lattice.Claimed{ID: "MECHO", Claims: lattice.Claims{Name: "Echo"}}}}
	now += time.Millisecond
	out := e.Step(now, events)
	if n := len(out.Ask) + len(out.Save) + len(out.Send) + len(out.Tell) + len(out.Notice); n > 0 || e.stirred {
		t.Errorf("stirred %v, %+v", e.stirred, out)
	}
	if got, _ := e.state.Invoked(call.Invocation); got.Succeeded != 2 {
		t.Errorf("counted %+v", got)
	}
}
