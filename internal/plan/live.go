package plan

import (
	"cmp"
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// This file updates components in place on hosts that then report the old reference ever after, and start no other (OTP upd), where the user asks for it.

// maySwap says that what runs on the site may be updated in place: the user asks for it, all instances of the key there are ours, for all of them change, and
// the host has not refused it.
func (j *job) maySwap(s *site) bool {
	return j.r.Live && s.host.Can.Live && s.item.Count() == s.have && (j.Unchanged == nil || !j.Unchanged(j.r.Name, s.host.ID, j.r.Ref))
}

// codeOf notes the reference of what runs of ours on the site, and returns how many of them run the wanted image. Where some were updated in place and some were
// not, because one fell and came back, it is the one that the host reports.
func (j *job) codeOf(s *site) (right int) {
	s.code = s.item.Ref
	updated := 0
	if s.have > 0 && s.host.Can.Live && j.Runs != nil {
		var ref string
		if ref, updated = j.Runs(s.host.ID, s.item); updated == s.have {
			s.code = ref
		} else if updated > 0 && lattice.SameRef(ref, j.r.Ref) {
			return updated
		}
	}
	if !lattice.SameRef(s.code, j.r.Ref) {
		return 0
	}
	if updated < s.have {
		return s.have - updated
	}
	return s.have
}

// swap updates the site in place.
func (j *job) swap(s *site) {
	j.part.Changing = true
	if s.open != nil {
		return
	}
	if b, ok := j.Ledger.Backoff(j.App, ledger.Cause{Host: s.host.ID, What: j.r.Name}); ok && j.Now < b.Until {
		j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Why: BackingOff, Host: s.host.ID, Detail: b.Last, Tries: b.Tries, Until: b.Until, Pause: b.Pause})
		j.wake(b.Until)
		return
	}
	c := ledger.Command{
		App: j.App, Action: ledger.Update, Reason: ledger.ReasonImageChanged, Component: j.r.Name, Host: s.host.ID, Target: j.target(s.item.Ref),
		From: s.have, To: s.have, Update: j.r.Ref, Annotations: annotationsOf(s.item, j.App), Instances: instancesOf(s.item, j.App),
	}
	if !mayUpdate(&j.View, s.item, &c) {
		j.hosts[s.host.ID] = true // which ones run must be known, for only these will run the new code
		return
	}
	j.send(&j.part, c)
}

// instancesOf are the ids of the application's instances, sorted.
func instancesOf(it *lattice.Item, app string) []string {
	ids := []string{}
	for _, g := range it.Groups {
		if g.Annotations[lattice.AppAnnotation] == app {
			ids = append(ids, g.Instances...)
		}
	}
	slices.Sort(ids)
	return ids
}

// mayUpdate says that an update under the old reference means what it was planned for: the very instances, which an inventory has shown, and nobody else's.
func mayUpdate(v *View, it *lattice.Item, c *ledger.Command) bool {
	key := lattice.Key{Kind: c.Target.Kind, ID: c.Target.ID, Link: c.Target.Link}
	return it.Count() == len(c.Instances) && slices.Equal(instancesOf(it, c.App), c.Instances) && mayStop(v, c.App, c.Host, key, c.Target)
}

// anew stops what a host must start again, because what it would start beside it is old code.
func (j *job) anew(s *site) {
	j.part.Changing = true
	j.interrupts(s, OldReference)
	if s.open == nil && !j.part.Held && j.part.Open+j.part.Sent == 0 {
		j.end(s, ledger.ReasonOldReference)
	}
}

// tooTight is the site where all must end so that what is missing can start, nil if there is none: a spread lacks instances that no other host can have, and the
// host starts only the image from before. One is enough: once it is free it takes what is missing.
func (j *job) tooTight(missing int) *site {
	if missing == 0 {
		return nil
	}
	var best *site
	for _, s := range j.order {
		if s.bound && s.open != nil {
			return nil // something is under way there: what is missing may be what it brings, or what ends for it
		}
		if s.bound && (s.short || j.useful(s)) && (best == nil || cmp.Less(s.have, best.have)) {
			best = s
		}
	}
	return best
}
