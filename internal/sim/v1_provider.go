package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// maxShutdown is how long a 1.x host waits for a provider that does not answer.
const maxShutdown = 300 * time.Millisecond

// startProvider answers provider.start and does it in the background (lattice-protocol A4.5, A4.6, D2.3).
func (h *host) startProvider(m Msg, req wasmbus.V1StartProvider) {
	name, builtin := strings.CutPrefix(req.ProviderRef, builtinScheme)
	enabled := slices.Contains(h.spec.Builtins, name)
	if builtin && !enabled && (name == "http-server" || name == "messaging-nats") {
		return // the host gives up before it answers
	}
	h.v1.providerTable.acquire(func(release func()) {
		defer release()
		if h.v1.providers[req.ProviderID] != nil {
			h.answer(m, false, "provider with that ID is already running", nil)
			return
		}
		h.answer(m, true, "successfully started provider", nil)
		switch {
		case !builtin:
			end := h.begin("provider.start", req.ProviderID, req.ProviderRef, appOf(req.Annotations))
			h.fetch(req.ProviderRef, KindProvider, func(img Image, ok bool) { h.checkProvider(req, img, ok, end) })
		case enabled:
			h.spawnProvider(req, Image{Kind: KindProvider}, true, h.begin("provider.start", req.ProviderID, req.ProviderRef, appOf(req.Annotations)))
		case name == "http-client":
			h.startFailed(req, "feature `builtin-http-client` is not enabled, denying start")
		default:
			h.startFailed(req, "unknown builtin name: "+name)
		}
	})
}

// checkProvider is between the fetch of a provider and its start.
func (h *host) checkProvider(req wasmbus.V1StartProvider, img Image, fetched bool, end func()) {
	switch {
	case !fetched:
		h.startFailed(req, fetchErrorV1("provider", req.ProviderRef, img))
	case img.Kind != KindProvider:
		h.startFailed(req, "failed to fetch provider: failed to read provider: failed to load provider archive: failed to read entire block")
	default:
		if img.Signed {
			h.c.v1.claim(img)
		}
		h.spawnProvider(req, img, false, end)
		return
	}
	end()
}

func (h *host) spawnProvider(req wasmbus.V1StartProvider, img Image, builtin bool, end func()) {
	reason := h.refused()
	if reason == "" {
		h.c.v1.know(req.ProviderID, req.ProviderRef)
		reason = h.resolve(req.Config)
	}
	if reason != "" {
		h.startFailed(req, reason)
		end()
		return
	}
	// The table is taken only when the process stands: two starts of one id within that time are both accepted.
	h.after(h.scaled(h.t.Spawn), func() {
		h.v1.providerTable.acquire(func(release func()) {
			defer release()
			defer end()
			if h.v1.providers[req.ProviderID] != nil {
				h.startFailed(req, "provider is already running with that ID")
				return
			}
			p := &provider{ref: req.ProviderRef, annotations: maps.Clone(req.Annotations), config: slices.Clone(req.Config), img: img,
				builtin: builtin, begun: h.c.now}
			h.v1.providers[req.ProviderID] = p
			h.c.v1.resolveLinks(req.ProviderID)
			h.event(startedEvent(req, p), h.id, nil)
			if !builtin {
				h.probeV1(req.ProviderID, p, h.t.FirstProbe)
			}
		})
	})
}

func startedEvent(req wasmbus.V1StartProvider, p *provider) wasmbus.V1ProviderStarted {
	e := wasmbus.V1ProviderStarted{Annotations: orEmpty(p.annotations), HostID: req.HostID, ImageRef: wasmbus.NormaliseRef(p.ref), ProviderID: req.ProviderID}
	if p.img.Signed {
		e.InstanceID, e.PublicKey, e.LinkName = req.ProviderID, req.ProviderID, "default"
		e.Claims = &wasmbus.V1ProviderClaims{ExpiresHuman: "never", Issuer: p.img.Issuer, Name: p.img.Name, NotBeforeHuman: "never", Version: p.img.Version}
	}
	return e
}

func (h *host) startFailed(req wasmbus.V1StartProvider, reason string) {
	h.event(wasmbus.V1ProviderStartFailed{Error: reason, HostID: req.HostID, LinkName: "default", ProviderID: req.ProviderID, ProviderRef: req.ProviderRef}, h.id, nil)
}

// probeV1 asks a provider for its health after d, and then at each probe. A probe without an answer says nothing.
func (h *host) probeV1(id string, p *provider, d time.Duration) {
	h.after(d, func() {
		if h.v1.providers[id] != p {
			return
		}
		switch {
		case p.hung, p.img.Sick, p.img.SickAfter > 0 && h.c.now >= p.begun+p.img.SickAfter:
		case !p.healthy:
			p.healthy = true
			h.event(wasmbus.V1HealthCheckPassed{HostID: h.id, ProviderID: id}, h.id, nil)
		default:
			h.event(wasmbus.V1HealthCheckStatus{HostID: h.id, ProviderID: id}, h.id, nil)
		}
		h.probeV1(id, p, h.t.Probe)
	})
}

// stopProvider answers provider.stop when the provider has ended, holding the provider table meanwhile.
func (h *host) stopProvider(m Msg, req wasmbus.V1StopProvider) {
	h.v1.providerTable.acquire(func(release func()) {
		p := h.v1.providers[req.ProviderID]
		if p == nil {
			h.answer(m, false, "provider with that ID is not running", nil)
			release()
			return
		}
		delete(h.v1.providers, req.ProviderID)
		wait := min(h.t.Shutdown, maxShutdown)
		if p.img.Deaf || p.hung {
			wait = maxShutdown
		}
		h.after(wait, func() {
			h.event(wasmbus.V1ProviderStopped{Annotations: orEmpty(p.annotations), HostID: req.HostID, InstanceID: req.ProviderID, LinkName: "default",
				ProviderID: req.ProviderID, PublicKey: req.ProviderID, Reason: "stop"}, h.id, nil)
			h.answer(m, true, "successfully stopped provider", nil)
			release()
		})
	})
}

// crashProviderV1: the host starts the process again at once, in silence, with its configs resolved anew.
func (h *host) crashProviderV1(id string) error {
	if h.v1.providers[id] == nil {
		return fmt.Errorf("crashing provider %q on host %q: it is not running", id, h.name)
	}
	h.c.v1.resolveLinks(id)
	return nil
}
