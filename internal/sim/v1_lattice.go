package sim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// v1Data is what the 1.x hosts of a lattice keep in JetStream: the specs with the links of each source, configs, claims.
type v1Data struct {
	specs   map[string]*spec
	log     []written // every change of a spec's links, in order: hosts learn of them later
	configs map[string]map[string]string
	claims  map[string]Image
}

// spec is a stored component spec. In it a link lives, at its source.
type spec struct {
	url   string
	links []storedLink
}

// storedLink is a link with the values that its configs had when it was resolved: a later config.put does not reach it.
type storedLink struct {
	wasmbus.V1Link
	source, target map[string]string
}

type written struct {
	at     time.Duration
	source string
	links  []wasmbus.V1Link
}

func newV1Data() v1Data {
	return v1Data{specs: map[string]*spec{}, configs: map[string]map[string]string{}, claims: map[string]Image{}}
}

// know writes the spec of a component or provider that starts; an existing one stays as it is.
func (d *v1Data) know(id, ref string) {
	if d.specs[id] == nil {
		d.specs[id] = &spec{url: ref}
	}
}

func (d *v1Data) claim(img Image) { d.claims[img.Key] = img }

func (d *v1Data) claimsList() []map[string]string {
	list := []map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(d.claims)) {
		img := d.claims[key]
		rev := strconv.FormatInt(img.Revision, 10)
		e := map[string]string{"iss": img.Issuer, "issuer": img.Issuer, "name": text(img.Name), "rev": rev, "revision": rev, "sub": key,
			"subject": key, "version": text(img.Version)}
		if img.Kind == KindProvider {
			e["config_schema"] = ""
		} else {
			e["call_alias"], e["tags"] = text(img.CallAlias), strings.Join(img.Tags, ",")
		}
		list = append(list, e)
	}
	return list
}

// snapshot is what a host loads when it starts.
func (d *v1Data) snapshot() (map[string][]wasmbus.V1Link, int) {
	view := map[string][]wasmbus.V1Link{}
	for source, s := range d.specs {
		view[source] = s.plain()
	}
	return view, len(d.log)
}

func (s *spec) plain() []wasmbus.V1Link {
	links := []wasmbus.V1Link{}
	for _, l := range s.links {
		links = append(links, l.V1Link)
	}
	return links
}

// merged is the value of a list of config names: later ones win, missing ones are empty.
func (d *v1Data) merged(names []string) map[string]string {
	out := map[string]string{}
	for _, n := range names {
		maps.Copy(out, d.configs[n])
	}
	return out
}

// resolveLinks takes the configs of the links of a provider anew, as its start does.
func (d *v1Data) resolveLinks(id string) {
	for source, s := range d.specs {
		for i := range s.links {
			if l := &s.links[i]; source == id || l.Target == id {
				l.source, l.target = d.merged(l.SourceConfig), d.merged(l.TargetConfig)
			}
		}
	}
}

// resolve looks configs up for a start and returns why that fails. What the process has once seen it does not miss.
func (h *host) resolve(names []string) string {
	for _, n := range names {
		if _, ok := h.c.v1.configs[n]; !ok && !h.v1.watched[n] {
			return "Unable to fetch requested config: Config " + n + " does not exist"
		}
		h.v1.watched[n] = true
	}
	return ""
}

func (h *host) handleConfig(m Msg, ctl wasmbus.V1Ctl, body any) {
	switch ctl.Op {
	case wasmbus.V1OpConfigPut:
		values, _ := body.(wasmbus.V1Config)
		h.after(h.t.KVWrite, func() {
			h.c.v1.configs[ctl.Name] = maps.Clone(map[string]string(values))
			h.event(wasmbus.V1ConfigSet{ConfigName: ctl.Name}, h.id, nil)
			h.answer(m, true, "successfully put config", nil)
		})
	case wasmbus.V1OpConfigDel:
		h.after(h.t.KVWrite, func() {
			delete(h.c.v1.configs, ctl.Name)
			h.event(wasmbus.V1ConfigDeleted{ConfigName: ctl.Name}, h.id, nil)
			h.answer(m, true, "successfully deleted config", nil)
		})
	case wasmbus.V1OpConfigGet:
		values, ok := h.c.v1.configs[ctl.Name]
		if !ok {
			h.answer(m, true, "Configuration not found", nil)
			return
		}
		h.answer(m, true, "", wasmbus.V1Config(orEmpty(values)))
	}
}

func (h *host) handleLink(m Msg, body any) {
	switch b := body.(type) {
	case wasmbus.V1Link:
		h.putLink(m, b)
	case wasmbus.V1DeleteLink:
		h.deleteLink(m, b)
	default:
		h.answer(m, true, "", h.linksInView())
	}
}

// linksInView is what this host has heard by now.
func (h *host) linksInView() []wasmbus.V1Link {
	log := h.c.v1.log
	for ; h.v1.viewAt < len(log) && log[h.v1.viewAt].at+h.kvDelay <= h.c.now; h.v1.viewAt++ {
		w := log[h.v1.viewAt]
		h.v1.view[w.source] = w.links
	}
	links := []wasmbus.V1Link{}
	for _, source := range slices.Sorted(maps.Keys(h.v1.view)) {
		links = append(links, h.v1.view[source]...)
	}
	return links
}

const linkConflict = "link already exists with different target, consider deleting the existing link or using a different link name"

// putLink validates, reads the spec, and writes it back a moment later: what another host writes meanwhile is lost (A4.8).
func (h *host) putLink(m Msg, l wasmbus.V1Link) {
	fail := func(reason string) {
		h.event(wasmbus.V1LinkdefSetFailed{Error: reason, V1Link: l}, h.id, nil)
		h.answer(m, false, reason, nil)
	}
	missing := ""
	for _, n := range slices.Concat(l.SourceConfig, l.TargetConfig) {
		if _, ok := h.c.v1.configs[n]; !ok {
			missing += "Configuration " + n + " not found in config store. "
		}
	}
	if missing != "" {
		fail("Failed to validate configuration and secrets. " + missing)
		return
	}
	write := func(s spec) bool {
		i := slices.IndexFunc(s.links, func(old storedLink) bool { return sameSlot(old.V1Link, l) && old.Target == l.Target })
		clash := func(old storedLink) bool {
			return sameSlot(old.V1Link, l) && old.Target != l.Target && overlap(old.Interfaces, l.Interfaces)
		}
		if slices.ContainsFunc(s.links, clash) {
			return false
		}
		fresh := storedLink{V1Link: l, source: h.c.v1.merged(l.SourceConfig), target: h.c.v1.merged(l.TargetConfig)}
		s.links = slices.Clone(s.links)
		if i >= 0 {
			// The provider keeps what it was given first, until the link has been away.
			fresh.source, fresh.target = s.links[i].source, s.links[i].target
			s.links[i] = fresh
		} else {
			s.links = append(s.links, fresh)
		}
		h.c.v1.write(h.c.now, l.SourceID, s)
		return true
	}
	read := h.c.v1.read(l.SourceID)
	h.after(h.t.KVWrite, func() {
		if !h.sw.LostLinkPut {
			read = h.c.v1.read(l.SourceID)
		}
		if !write(read) {
			fail(linkConflict)
			return
		}
		h.event(wasmbus.V1LinkdefSet{V1Link: l}, h.id, nil)
		h.answer(m, true, "successfully set link", nil)
	})
}

// deleteLink removes the first stored link of the slot; target and interfaces are not part of what is asked for.
func (h *host) deleteLink(m Msg, req wasmbus.V1DeleteLink) {
	if h.c.v1.specs[req.SourceID] == nil {
		h.answer(m, true, "successfully deleted link (spec doesn't exist)", nil)
		return
	}
	read := h.c.v1.read(req.SourceID)
	h.after(h.t.KVWrite, func() {
		if !h.sw.LostLinkPut {
			read = h.c.v1.read(req.SourceID)
		}
		e := wasmbus.V1LinkdefDeleted{Name: req.Name, SourceID: req.SourceID, WITNamespace: req.WITNamespace, WITPackage: req.WITPackage}
		wanted := wasmbus.V1Link{SourceID: req.SourceID, Name: req.Name, WITNamespace: req.WITNamespace, WITPackage: req.WITPackage}
		i := slices.IndexFunc(read.links, func(l storedLink) bool { return sameSlot(l.V1Link, wanted) })
		if i >= 0 {
			e.Target, e.Interfaces = read.links[i].Target, append([]string{}, read.links[i].Interfaces...)
			read.links = slices.Delete(slices.Clone(read.links), i, i+1)
		}
		h.c.v1.write(h.c.now, req.SourceID, read)
		h.event(e, h.id, nil)
		h.answer(m, true, "successfully deleted link", nil)
	})
}

func (d *v1Data) read(source string) spec {
	if s := d.specs[source]; s != nil {
		return *s
	}
	return spec{}
}

func (d *v1Data) write(at time.Duration, source string, s spec) {
	d.specs[source] = &s
	d.log = append(d.log, written{at: at, source: source, links: s.plain()})
}

func sameSlot(a, b wasmbus.V1Link) bool {
	return a.SourceID == b.SourceID && a.Name == b.Name && a.WITNamespace == b.WITNamespace && a.WITPackage == b.WITPackage
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
