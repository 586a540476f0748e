package plan

import (
	"fmt"
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// Silences says that a stop, once done, has taken the calls from instances of others that run on: a host that ends the last matching instance takes its call
// subscription of the key down, whoever else runs it there. One that counts by age does so when it has counted all of them.
func Silences(v *View, c *ledger.Command) bool {
	h := v.State.Host(c.Host)
	if h == nil || !h.Can.Relative || c.Target.Kind != lattice.Component || c.To != 0 || c.From == 0 {
		return false
	}
	it := h.Item(lattice.Key{Kind: c.Target.Kind, ID: c.Target.ID})
	if it == nil {
		return false
	}
	others := it.Count() - it.CountOf(c.App)
	return others > 0 && (!h.Can.ByAge || c.Ahead >= others)
}

// isDeaf says that what runs on the site gets no calls.
func (j *job) isDeaf(s *site) bool {
	return j.r.Kind == lattice.Component && s.have > 0 && j.Belief.Deaf != nil && j.Belief.Deaf(s.host.ID, j.key.ID)
}

// mayAwaken says that calls are to be brought back by a start more: none reach what runs of the id on the host, and no other start of it is under way there,
// whose it may be.
func mayAwaken(v *View, host lattice.HostID, t ledger.Target) bool {
	if v.Belief.Deaf == nil || !v.Belief.Deaf(host, t.ID) {
		return false
	}
	return !slices.ContainsFunc(v.Ledger.OpenOn(host), func(e *ledger.Entry) bool {
		return e.Starting() && e.SentAt != ledger.Never && e.Target.Kind == t.Kind && (e.Target.ID == t.ID || SameRepository(e.Target.Ref, t.Ref))
	})
}

// awaken starts one instance more where those that run get no calls: the start brings the calls back to all of them. The one too many is stopped after that,
// and then comes the next host, so that never more than one is too many.
func (j *job) awaken() {
	surplus := slices.ContainsFunc(j.order, func(s *site) bool { return s.gone > 0 })
	for _, s := range j.order {
		if !j.isDeaf(s) || s.old || s.swap {
			continue
		}
		if s.bound {
			j.anew(s)
			continue
		}
		j.part.Told = append(j.part.Told, fmt.Sprintf("no calls reach %s on host %s since another application's instances ended there: one more is started, which brings them back",
			j.r.Name, s.host.ID))
		if surplus || !mayAwaken(&j.View, s.host.ID, j.target(s.item.Ref)) || j.part.Held || j.part.Open+j.part.Sent > 0 || j.silent(s.host) || !mayUse(&j.View, s.host.ID) {
			j.part.Changing = true
			continue
		}
		j.part.Starting = true
		if b, ok := j.Ledger.Backoff(j.App, ledger.Cause{Host: s.host.ID, What: j.r.Name}); ok && j.Now < b.Until {
			j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Why: BackingOff, Host: s.host.ID, Detail: b.Last, Tries: b.Tries, Until: b.Until, Pause: b.Pause})
			j.wake(b.Until)
			continue
		}
		j.send(&j.part, ledger.Command{
			Reason: ledger.ReasonNoCalls, Action: ledger.Scale, Component: j.r.Name, Host: s.host.ID, Target: j.target(s.item.Ref),
			From: s.have, To: s.have + 1, Annotations: j.standing(s), Config: j.r.Config,
		})
	}
}
