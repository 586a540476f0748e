package plan

import (
	"maps"
	"slices"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// configWanted finds a config of the wanted revision.
func (p *pass) configWanted(name string) (Config, bool) { return p.Wanted.Config(name) }

// configKnown returns what the lattice holds under the name; while nobody knows, it is asked for.
func (p *pass) configKnown(name string) (lattice.ConfigState, bool) {
	s, ok := p.State.Config(name)
	if !ok || s.Asked == lattice.Never {
		p.confs[name] = true
		return s, false
	}
	return s, true
}

// configReady says that the config is there with the value that we want. What is missing for good is a gap of the part.
func (p *pass) configReady(name string, part *Part, component string) bool {
	c, _ := p.configWanted(name)
	s, known := p.configKnown(name)
	switch {
	case !known:
		p.unread(part, component, name, "config "+name)
		part.Changing = true
		return false
	case c.Managed && p.configTaken(name) != "":
		part.Gaps = append(part.Gaps, Gap{Component: component, Why: ConfigTaken, Owner: p.configTaken(name), Detail: name})
		return false
	case !c.Managed && !s.Found:
		part.Gaps = append(part.Gaps, Gap{Component: component, Why: ConfigAbsent, Detail: name})
		return false
	case c.Managed && (!s.Found || !maps.Equal(s.Values, c.Values)):
		p.backingOff(part, component, ledger.Command{Action: ledger.PutConfig, ConfigName: name})
		part.Changing = true
		return false
	case p.configMoving(name):
		part.Changing = true
		return false
	}
	return true
}

// configMoving says that the config is being put or deleted, whoever asked for it, perhaps for an earlier revision: what is read of it is not what a link would
// be put with.
func (p *pass) configMoving(name string) bool {
	return slices.ContainsFunc(p.Ledger.OpenOn(""), func(e *ledger.Entry) bool { return e.ConfigName == name })
}

// unread adds the gap of something that no host tells at present, and says whether there is such trouble.
func (p *pass) unread(part *Part, component, config, what string) bool {
	if p.Unread == nil {
		return false
	}
	why := p.Unread(config)
	if why != "" {
		part.Gaps = append(part.Gaps, Gap{Component: component, Why: Unread, Detail: what + " cannot be read: " + why})
	}
	return why != ""
}

// configTaken says which other application the config belongs to, which two of them give different values.
func (p *pass) configTaken(name string) string {
	if p.ConfigTaken == nil {
		return ""
	}
	return p.ConfigTaken(name)
}

// linkTaken says which other application the link's place belongs to: as the owner of the source's id, or because both want it filled differently.
func (p *pass) linkTaken(l *Link, want lattice.Link) string {
	if r := p.Wanted.Resource(l.Component); r != nil && r.ID != "" && p.Taken != nil {
		if other := p.Taken(lattice.Key{Kind: r.Kind, ID: r.ID}); other != "" {
			return other
		}
	}
	if p.LinkTaken == nil {
		return ""
	}
	return p.LinkTaken(want)
}

// backingOff adds the gap of a stored thing that failed lately.
func (p *pass) backingOff(part *Part, component string, c ledger.Command) bool {
	b, ok := p.Ledger.Backoff(p.App, ledger.CauseOf(&c))
	if !ok || p.Now >= b.Until {
		return false
	}
	part.Gaps = append(part.Gaps, Gap{Component: component, Why: BackingOff, Detail: b.Last, Tries: b.Tries, Until: b.Until, Pause: b.Pause})
	p.wake(b.Until)
	return true
}

// openStored returns the open entry for a config or link of this application.
func (p *pass) openStored(is func(*ledger.Entry) bool) *ledger.Entry {
	for _, e := range p.Ledger.OpenOn("") {
		if e.App == p.App && is(e) {
			return e
		}
	}
	return nil
}

// configs puts the managed configs that are missing or differ.
func (p *pass) configs() {
	for _, c := range p.Wanted.Configs {
		s, known := p.configKnown(c.Name)
		if !known || !c.Managed || s.Found && maps.Equal(s.Values, c.Values) || p.configTaken(c.Name) != "" {
			continue
		}
		if p.configMoving(c.Name) {
			continue
		}
		if s.Found && p.State.LinksAsked() == lattice.Never && p.linked(c.Name) {
			p.out.AskLinks = true // one that is there already carries the value of now, which nothing shows once there is another one
			continue
		}
		cmd := ledger.Command{Action: ledger.PutConfig, ConfigName: c.Name, Values: c.Values, Reason: ledger.ReasonConfigMissing}
		if s.Found {
			cmd.Reason = ledger.ReasonConfigDiffers
		}
		if b, ok := p.Ledger.Backoff(p.App, ledger.CauseOf(&cmd)); ok && p.Now < b.Until {
			p.wake(b.Until)
			continue
		}
		p.send(nil, cmd)
	}
}

// linked says that a wanted link names the config.
func (p *pass) linked(config string) bool {
	return slices.ContainsFunc(p.Wanted.Links, func(l Link) bool {
		return slices.Contains(l.Want.SourceConfig, config) || slices.Contains(l.Want.TargetConfig, config)
	})
}

// links brings every wanted link to its state.
func (p *pass) links() {
	for i := range p.Wanted.Links {
		part := Part{ID: PartID{Link: i + 1}, Want: 1}
		p.link(&p.Wanted.Links[i], &part)
		weightiest(part.Gaps)
		p.out.Parts[part.ID] = part
	}
}

func sameSlot(l lattice.Link) func(*ledger.Entry) bool {
	return func(e *ledger.Entry) bool {
		return (e.Action == ledger.PutLink || e.Action == ledger.DeleteLink) && e.Link.Slot() == l.Slot()
	}
}

func (p *pass) resolved(l *Link) (lattice.Link, bool) { return l.Resolved(p.State) }

func (p *pass) link(l *Link, part *Part) {
	want, ok := p.resolved(l)
	if !ok {
		part.Gaps = append(part.Gaps, Gap{Component: l.Component, Why: EndsUnknown, Detail: l.Display})
		return
	}
	if other := p.linkTaken(l, want); l.Clash || other != "" {
		why := Conflict
		if other != "" {
			why = LinkTaken
		}
		part.Gaps = append(part.Gaps, Gap{Component: l.Component, Why: why, Owner: other, Detail: l.Display})
		return
	}
	if p.State.LinksAsked() == lattice.Never {
		p.out.AskLinks = true
		part.Held = !p.unread(part, l.Component, "", "the links")
		return
	}
	if p.slotBusy(part, want) {
		return
	}
	switch same, other := p.inSlot(want); {
	case other != nil && want.Contract == "" && p.wants(*other):
		part.Gaps = append(part.Gaps, Gap{Component: l.Component, Why: Conflict, Detail: l.Display})
	case other != nil && want.Contract == "":
		p.sendLink(part, l, ledger.Command{Action: ledger.DeleteLink, Link: *other, Reason: ledger.ReasonLinkTarget})
	case other != nil:
		p.sendLink(part, l, ledger.Command{Action: ledger.PutLink, Link: want, Reason: ledger.ReasonLinkTarget})
	case same == nil:
		p.putMissing(part, l, want)
	default:
		p.mend(part, l, want, *same)
	}
}

// slotBusy says that something about the link's slot is under way or goes out in this pass: one at a time.
func (p *pass) slotBusy(part *Part, want lattice.Link) bool {
	open := p.openStored(sameSlot(want))
	if open == nil && !p.slots[want.Slot()] {
		return false
	}
	part.Open++
	if open != nil {
		p.retrying(part, &open.Command)
	}
	return true
}

// inSlot finds the link that stands for the wanted one, and one that stands in its way.
func (p *pass) inSlot(want lattice.Link) (same, other *lattice.Link) {
	for _, have := range p.State.LinksFrom(want.Source) {
		switch {
		case have.Slot() != want.Slot():
		case have.Target == want.Target:
			same = &have
		case have.Clashes(want):
			other = &have
		}
	}
	return same, other
}

// mend compares an existing link with the wanted one. Hosts resolve the configs of a link when it is put, so another list or value of configs is
// a deletion and a put; other interfaces alone, or OTP values, are one put.
func (p *pass) mend(part *Part, l *Link, want, have lattice.Link) {
	before, applied := p.Memory.Applied(want)
	switch {
	case want.Contract != "" && have.Values != want.Values:
		p.sendLink(part, l, ledger.Command{Action: ledger.PutLink, Link: want, Reason: ledger.ReasonLinkDiffers})
	case !slices.Equal(have.SourceConfig, want.SourceConfig) || !slices.Equal(have.TargetConfig, want.TargetConfig):
		if p.linkConfigs(part, l, want) {
			p.sendLink(part, l, ledger.Command{Action: ledger.DeleteLink, Link: have, Reason: ledger.ReasonLinkDiffers})
		}
	case want.Contract == "" && p.staleValues(l, before, applied):
		if p.linkConfigs(part, l, want) {
			p.sendLink(part, l, ledger.Command{Action: ledger.DeleteLink, Link: have, Reason: ledger.ReasonLinkConfig})
		}
	case !slices.Equal(sorted(have.Interfaces), sorted(want.Interfaces)):
		if p.linkConfigs(part, l, want) {
			p.sendLink(part, l, ledger.Command{Action: ledger.PutLink, Link: want, Reason: ledger.ReasonLinkDiffers})
		}
	default:
		if p.linkConfigs(part, l, want) {
			part.Have = 1
		}
	}
}

// staleValues says that the link carries values that are no longer the wanted ones. Of a link that we did not put this is known only while the
// config itself still differs: then the link was put with the old value.
func (p *pass) staleValues(l *Link, before string, applied bool) bool {
	if applied {
		return before != l.Values
	}
	for _, name := range l.managed {
		c, _ := p.configWanted(name)
		if s, known := p.State.Config(name); known && s.Asked != lattice.Never && s.Found && !maps.Equal(s.Values, c.Values) {
			return true
		}
	}
	return false
}

// putMissing puts a link that is not there. A list of links may lag, so one that we put before must be missing twice.
// Should it be there all the same, its values must not survive: where they have changed, it is deleted first.
func (p *pass) putMissing(part *Part, l *Link, want lattice.Link) {
	before, applied := p.Memory.Applied(want)
	if applied && p.Memory.Missed(want) < 2 {
		p.out.AskLinks = true
		part.Held = true
		return
	}
	switch ready := p.linkConfigs(part, l, want); {
	case !ready:
	case applied && want.Contract == "" && before != l.Values:
		p.sendLink(part, l, ledger.Command{Action: ledger.DeleteLink, Link: want, Reason: ledger.ReasonLinkConfig})
	default:
		p.sendLink(part, l, ledger.Command{Action: ledger.PutLink, Link: want, Reason: ledger.ReasonLinkMissing})
	}
}

// linkConfigs says that every config that the link names is there.
func (p *pass) linkConfigs(part *Part, l *Link, want lattice.Link) bool {
	ready := true
	for _, name := range append(slices.Clone(want.SourceConfig), want.TargetConfig...) {
		ready = p.configReady(name, part, l.Component) && ready
	}
	return ready
}

func (p *pass) sendLink(part *Part, l *Link, c ledger.Command) {
	c.Component, c.Carries = l.Component, l.Values
	if p.backingOff(part, l.Component, c) {
		return
	}
	p.slots[c.Link.Slot()] = true
	if c.Action == ledger.DeleteLink {
		c.Link = p.deleted(c.Link)
	}
	p.send(part, c)
}

// wants says that the link is one of the wanted revision.
func (p *pass) wants(l lattice.Link) bool {
	if p.Wanted == nil {
		return false
	}
	for i := range p.Wanted.Links {
		if w, ok := p.resolved(&p.Wanted.Links[i]); ok && w.Slot() == l.Slot() && (w.Target == l.Target || w.Contract != "") {
			return true
		}
	}
	return false
}

// unwantedLinks deletes the links that earlier revisions put. A new name of a link is there before the old one goes.
func (p *pass) unwantedLinks() {
	if len(p.Applied) == 0 && (p.From == nil || len(p.From.Links) == 0) {
		return
	}
	if p.State.LinksAsked() == lattice.Never {
		p.out.AskLinks = true
		p.out.Owed++
		return
	}
	for _, l := range p.formerLinks() {
		if p.wants(l) || p.LinkInUse != nil && p.LinkInUse(l) {
			continue
		}
		if !p.stands(l) {
			if p.mayStand(l) {
				p.out.AskLinks = true
				p.out.Owed++
			}
			continue
		}
		p.out.Owed++
		if p.linksUnsettled(l.Source) || p.stillServes(l) || p.slots[l.Slot()] || p.openStored(sameSlot(l)) != nil {
			continue
		}
		p.takeAway(l)
	}
}

func (p *pass) mayStand(l lattice.Link) bool { return p.MayStand != nil && p.MayStand(l) }

func (p *pass) stands(l lattice.Link) bool {
	return slices.ContainsFunc(p.State.LinksFrom(l.Source), func(h lattice.Link) bool { return h.Slot() == l.Slot() && h.Target == l.Target })
}

// takeAway deletes a link that is not wanted, unless that failed lately.
func (p *pass) takeAway(l lattice.Link) {
	cmd := ledger.Command{Action: ledger.DeleteLink, Link: l, Reason: ledger.ReasonLinkRemoved}
	if p.Wanted == nil {
		cmd.Reason = ledger.ReasonUndeployed
	}
	if b, ok := p.Ledger.Backoff(p.App, ledger.CauseOf(&cmd)); ok && p.Now < b.Until {
		p.wake(b.Until)
		return
	}
	p.slots[l.Slot()] = true
	cmd.Link = p.deleted(l)
	p.send(nil, cmd)
}

// deleted is the link that a deletion really takes away: a host is told the slot only, and takes the first link there. One that is wanted is put again
// once it is gone, behind the others.
func (p *pass) deleted(l lattice.Link) lattice.Link {
	for _, have := range p.State.LinksFrom(l.Source) {
		if have.Slot() == l.Slot() {
			return have
		}
	}
	return l
}

// stillServes says that the revision before may still need the link: it runs on until everything of the new one is confirmed, or, in an undeploy,
// until it has ended.
func (p *pass) stillServes(l lattice.Link) bool {
	if p.Wanted == nil {
		return len(p.State.KeysOf(p.App)) > 0
	}
	if p.starting() {
		return true
	}
	wanted := p.wantedKeys()
	return slices.ContainsFunc(p.State.KeysOf(p.App), func(k lattice.Key) bool { return k.ID == l.Source && !wanted[k] })
}

// formerLinks are the links that we put and those of the revision before.
func (p *pass) formerLinks() []lattice.Link {
	out := slices.Clone(p.Applied)
	if p.From == nil {
		return out
	}
	for i := range p.From.Links {
		l, ok := p.resolved(&p.From.Links[i])
		if ok && !slices.ContainsFunc(out, func(o lattice.Link) bool { return o.Slot() == l.Slot() && o.Target == l.Target }) {
			out = append(out, l)
		}
	}
	return out
}

// linksUnsettled says that a wanted link from the source, "" for any, is not yet as it should be, and may become so.
func (p *pass) linksUnsettled(source string) bool {
	if p.Wanted == nil {
		return false
	}
	for i := range p.Wanted.Links {
		w, ok := p.resolved(&p.Wanted.Links[i])
		if ok && source != "" && w.Source != source {
			continue
		}
		id := PartID{Link: i + 1}
		part, now := p.out.Parts[id]
		if !now {
			part = p.Prior[id]
		}
		if part.Unsettled() {
			return true
		}
	}
	return false
}

// unwantedConfigs deletes configs that we put and nothing uses any more: no revision that is live, no link, nothing that still runs or is under
// way. What a live revision uses is never deleted, at any moment.
func (p *pass) unwantedConfigs() {
	for _, name := range p.Configs {
		if _, wanted := p.configWanted(name); wanted {
			continue
		}
		s, known := p.configKnown(name)
		if known && !s.Found {
			continue
		}
		if p.InUse != nil && p.InUse(name) {
			p.out.Lent++
			continue
		}
		p.out.Owed++
		if !known || p.configUsed(name) || p.openStored(func(e *ledger.Entry) bool { return e.ConfigName == name }) != nil {
			continue
		}
		cmd := ledger.Command{Action: ledger.DeleteConfig, ConfigName: name, Reason: ledger.ReasonConfigUnused}
		if b, ok := p.Ledger.Backoff(p.App, ledger.CauseOf(&cmd)); ok && p.Now < b.Until {
			p.wake(b.Until)
			continue
		}
		p.send(nil, cmd)
	}
}

func (p *pass) configUsed(name string) bool {
	if p.State.LinksAsked() == lattice.Never {
		p.out.AskLinks = true // a link may name it
		return true
	}
	if !mayDelete(&p.View) || p.out.Leftover > 0 || p.starting() || p.linksUnsettled("") || p.Ledger.OpenOf(p.App) > 0 || len(p.out.Commands) > 0 {
		return true
	}
	naming := func(l lattice.Link) bool {
		return slices.Contains(l.SourceConfig, name) || slices.Contains(l.TargetConfig, name)
	}
	if slices.ContainsFunc(p.Applied, func(l lattice.Link) bool { return naming(l) && p.mayStand(l) }) {
		p.out.AskLinks = true
		return true
	}
	return slices.ContainsFunc(p.State.Links(), naming)
}

func sorted(s []string) []string {
	out := slices.Clone(s)
	slices.Sort(out)
	return out
}
