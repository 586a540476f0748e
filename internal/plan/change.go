package plan

import (
	"maps"
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// changes brings another image or another list of config names to what runs on 1.x hosts: a component is updated in place and rebuilt with
// the list, a provider is stopped and, once that is confirmed, started again. On OTP hosts it updates in place what shall be.
func (j *job) changes(ready bool) {
	for _, s := range j.order {
		if s.have == 0 || s.held || !mayUse(&j.View, s.host.ID) {
			continue
		}
		if s.swap && s.planned-s.gone > 0 {
			j.swap(s)
		}
		if s.host.Can.Relative {
			continue
		}
		image := !lattice.SameRef(s.item.Ref, j.r.Ref)
		list := !j.listInForce(s)
		if !image && !list || s.planned-s.gone <= 0 {
			continue
		}
		j.part.Changing = true
		if s.open != nil || !ready {
			continue
		}
		if j.r.Kind == lattice.Provider {
			j.roll(s, image)
			continue
		}
		j.change(s, image)
	}
}

// change updates a component in place, or rebuilds it: the image first, then the list.
func (j *job) change(s *site, image bool) {
	cause := ledger.Cause{Host: s.host.ID, What: j.r.Name}
	if b, ok := j.Ledger.Backoff(j.App, cause); ok && j.Now < b.Until {
		j.part.Gaps = append(j.part.Gaps, Gap{Component: j.r.Name, Why: BackingOff, Host: s.host.ID, Detail: b.Last, Tries: b.Tries, Until: b.Until, Pause: b.Pause})
		j.wake(b.Until)
		return
	}
	c := ledger.Command{
		Component: j.r.Name, Host: s.host.ID, Target: j.target(s.item.Ref), From: s.have, To: s.have,
		Annotations: j.standing(s), Config: j.r.Config,
	}
	switch {
	case image && s.host.Can.Update:
		c.Action, c.Reason, c.Update = ledger.Update, ledger.ReasonImageChanged, j.r.Ref
		if !j.listInForce(s) {
			// An update keeps the list, and annotations that name the new one would bear false witness until the rebuild.
			c.Annotations = annotationsOf(s.item, j.App)
		}
	case image:
		return
	case s.added > 0:
		return // the scale that adds instances brings the list too
	default:
		c.Action, c.Reason = ledger.Scale, ledger.ReasonConfigList
		c.Blind = maps.Equal(annotationsOf(s.item, j.App), c.Annotations)
	}
	j.send(&j.part, c)
}

// roll stops one provider of the old kind at a time, and only while nothing else of it is under way, so that the others serve on.
func (j *job) roll(s *site, image bool) {
	if j.part.Starting || j.part.Held || j.part.Open+j.part.Sent > 0 {
		return
	}
	reason := ledger.ReasonConfigList
	if image {
		reason = ledger.ReasonImageChanged
	}
	j.interrupts(s, OneProvider)
	j.stop(&j.part, stopping{
		component: j.r.Name, host: s.host.ID, key: j.key, target: j.target(s.item.Ref),
		from: s.have, to: 0, reason: reason, annotations: annotationsOf(s.item, j.App),
	})
}

// listInForce says that what runs on the site has our list of config names, as far as can be known: no inventory shows a list. The run record
// knows best; else the scaler id is the witness, for the list goes into it.
func (j *job) listInForce(s *site) bool {
	if s.host.Can.Relative {
		return true
	}
	if names, ok := j.Memory.List(j.key.ID, s.host.ID); ok {
		return slices.Equal(names, j.r.Config)
	}
	have := annotationsOf(s.item, j.App)[ScalerAnnotation]
	return have == j.r.ScalerID || have == j.r.scalerIDWith(j.App, s.item.Ref, j.r.Config)
}

// endsEverywhere says that an instance must go of a provider whose stop ends it on every host of the lattice.
func (j *job) endsEverywhere() bool {
	return j.r.Kind == lattice.Provider && slices.ContainsFunc(j.order, func(s *site) bool {
		return s.host.Can.StopAll && s.have > 0 && (s.gone > 0 || s.old)
	})
}

// stopAll deals with providers whose stop ends them on every host of the lattice: taking one away takes all, so all are stopped, and started
// again where they are wanted once that is confirmed.
func (j *job) stopAll() bool {
	if !j.endsEverywhere() {
		return false
	}
	j.part.Changing = true
	for _, s := range j.order {
		if s.have == 0 || s.open != nil || j.part.Held {
			continue
		}
		reason := ledger.ReasonTooMany
		if s.old {
			reason = ledger.ReasonImageChanged
		}
		j.interrupts(s, StopsAll)
		j.stop(&j.part, stopping{
			component: j.r.Name, host: s.host.ID, key: j.key, target: j.target(s.item.Ref),
			from: s.have, to: 0, reason: reason, annotations: annotationsOf(s.item, j.App),
		})
	}
	j.part.Told = append(j.part.Told, "stopping this provider on one host ends it on every host: stopped everywhere, then started where it is wanted")
	return true
}

// oldOnes ends instances of the image before, on hosts that refuse a second reference under one key: where ours found another host, the old
// ones go once nothing is missing; where there is none, host by host, all of the old, confirmed, then ours.
func (j *job) oldOnes(missing int) {
	makeRoom := missing > 0 && slices.ContainsFunc(j.order, func(s *site) bool { return s.old && j.useful(s) })
	var bound *site
	if !makeRoom {
		bound = j.tooTight(missing)
	}
	if bound == nil && !slices.ContainsFunc(j.order, func(s *site) bool { return s.old }) {
		return
	}
	j.part.Changing = true
	j.sayInterruptions(missing, bound)
	if j.oldMustWait(missing) {
		return
	}
	for _, s := range j.order {
		if !s.old || makeRoom && !j.useful(s) {
			continue
		}
		j.end(s, ledger.ReasonImageChanged)
		if makeRoom {
			return // one host at a time
		}
	}
	if bound != nil {
		j.end(bound, ledger.ReasonOldReference)
	}
}

// sayInterruptions says beforehand where the old end before what is missing can start, once there is no other place for it.
func (j *job) sayInterruptions(missing int, bound *site) {
	if missing == 0 || j.adding() {
		return
	}
	for _, s := range j.order {
		if s.old && j.useful(s) {
			j.interrupts(s, OneReference)
		}
	}
	if bound != nil {
		j.interrupts(bound, OldReference)
	}
}

// end stops all of ours on the site.
func (j *job) end(s *site, reason ledger.Reason) {
	j.stop(&j.part, stopping{
		component: j.r.Name, host: s.host.ID, key: j.key, target: j.target(s.item.Ref),
		from: s.have, to: 0, reason: reason, annotations: annotationsOf(s.item, j.App),
	})
}

// interrupts notes that what runs on the site ends before its successor starts there.
func (j *job) interrupts(s *site, why Because) {
	j.part.Interruptions = append(j.part.Interruptions, Interruption{
		Component: j.r.Name, Host: s.host.ID, Key: j.key, Count: s.have, From: s.code, To: j.r.Ref, Why: why,
	})
}

// oldMustWait says that the old ones run on for now: something of the component is under way or may still be, or the new image fails where it was tried,
// so that it would fail here too, and the old would be gone.
func (j *job) oldMustWait(missing int) bool {
	if j.part.Held || j.part.Open+j.part.Sent > 0 {
		return true
	}
	if missing == 0 {
		return j.part.Starting
	}
	return j.adding() || slices.ContainsFunc(j.part.Gaps, func(g Gap) bool { return g.Why == BackingOff })
}

// useful says that a spread that lacks instances could have them on the site, once the old ones have ended there.
func (j *job) useful(s *site) bool {
	for i, n := range j.need {
		if n > 0 && s.fit.has(i) {
			return true
		}
	}
	return false
}
