package sim

import (
	"maps"
	"slices"
	"strings"

	"github.com/wadm-go/wadm/wasmbus"
)

// scale answers component.scale and does it in the background (lattice-protocol D2.1). Even the answer has to look into
// the component table, so it waits while another component is being built.
func (h *host) scale(m Msg, req wasmbus.V1Scale) {
	h.v1.componentTable.acquire(func(release func()) {
		message := ""
		if c := h.v1.components[req.ComponentID]; c != nil && c.ref != req.ComponentRef {
			switch {
			case req.Count == 0:
			case req.AllowUpdate:
				message = "Requested to scale existing component, with a changed image reference: " + c.ref + " != " + req.ComponentRef +
					". The component will be scaled, and the image reference will be updated afterwards."
			default:
				message = "Requested to scale existing component to a different image reference: " + c.ref + " != " + req.ComponentRef +
					". The component will be scaled but the image reference will not be updated." +
					" If you meant to update this component to a new image ref, use the update command."
			}
		}
		h.answer(m, true, message, nil)
		release()
	})
	end := func() {}
	if req.Count > 0 {
		end = h.begin("component.scale", req.ComponentID, req.ComponentRef, appOf(req.Annotations))
	}
	h.fetch(req.ComponentRef, KindComponent, func(img Image, ok bool) {
		h.v1.componentTable.acquire(func(release func()) {
			h.scaleNow(req, img, ok, func() {
				end()
				release()
			})
		})
	})
}

// scaleNow holds the component table.
func (h *host) scaleNow(req wasmbus.V1Scale, img Image, fetched bool, release func()) {
	c := h.v1.components[req.ComponentID]
	switch {
	case fetched && img.Kind != KindComponent:
		h.scaleFailed(req, brokenComponent)
	case req.Count == 0 && c == nil:
		h.scaled1x(req.HostID, req.ComponentID, component{ref: req.ComponentRef, annotations: req.Annotations}, Image{})
	case req.Count == 0:
		delete(h.v1.components, req.ComponentID)
		gone := *c
		gone.count = 0
		h.scaled1x(req.HostID, req.ComponentID, gone, c.img)
	case !fetched:
		h.scaleFailed(req, fetchErrorV1("component", req.ComponentRef, img))
	case c == nil:
		h.scaleFirst(req, img, release)
		return
	case c.count == req.Count && slices.Equal(c.config, withoutSecrets(req.Config)) && len(c.config) == len(req.Config):
		h.scaled1x(req.HostID, req.ComponentID, *c, c.img)
		h.allowedUpdate(req)
	default:
		h.scaleAgain(req, c, release)
		return
	}
	release()
}

// scaleFirst builds a component that does not run yet and holds the table for as long as that takes.
func (h *host) scaleFirst(req wasmbus.V1Scale, img Image, release func()) {
	reason := h.refused()
	if reason == "" {
		reason = h.resolve(req.Config)
	}
	if reason != "" {
		h.scaleFailed(req, reason)
		release()
		return
	}
	h.c.v1.know(req.ComponentID, req.ComponentRef)
	if img.Signed {
		h.c.v1.claim(img)
	}
	start := img.Start
	if start == 0 {
		start = h.t.Start
	}
	h.after(h.scaled(start), func() {
		c := &component{ref: req.ComponentRef, code: req.ComponentRef, annotations: maps.Clone(req.Annotations), count: req.Count,
			config: slices.Clone(req.Config), limits: req.ComponentLimits, img: img}
		h.v1.components[req.ComponentID] = c
		if h.sw.DoubleScaled {
			h.scaled1x(h.id, req.ComponentID, *c, img)
		}
		h.scaled1x(req.HostID, req.ComponentID, *c, img)
		release()
	})
}

// scaleAgain builds a running component anew from its code, with another count or list of configs. The event still says
// what was; reference and annotations become the requested ones although the code stays.
func (h *host) scaleAgain(req wasmbus.V1Scale, c *component, release func()) {
	reason := h.refused()
	if reason == "" {
		reason = h.resolve(req.Config)
	}
	if reason != "" {
		h.scaleFailed(req, reason)
		release()
		return
	}
	h.after(h.scaled(h.t.Rebuild), func() {
		told := *c
		told.count = req.Count
		if !h.sw.ScaledOldAnnotation {
			told.ref, told.annotations = req.ComponentRef, req.Annotations
		}
		h.scaled1x(req.HostID, req.ComponentID, told, c.img)
		c.count, c.config = req.Count, slices.Clone(req.Config)
		c.ref, c.annotations, c.limits = req.ComponentRef, maps.Clone(req.Annotations), req.ComponentLimits
		release()
		h.allowedUpdate(req)
	})
}

// allowedUpdate follows a scale that permits another image. It passes no annotations on, so they are lost; and where the
// scale has just overwritten the reference, it sees nothing to do.
func (h *host) allowedUpdate(req wasmbus.V1Scale) {
	c := h.v1.components[req.ComponentID]
	if req.AllowUpdate && c != nil && c.ref != req.ComponentRef {
		h.updateNow(wasmbus.V1Update{ComponentID: req.ComponentID, HostID: req.HostID, NewComponentRef: req.ComponentRef})
	}
}

// update answers component.update and does it in the background (D2.2).
func (h *host) update(m Msg, req wasmbus.V1Update) {
	h.v1.componentTable.acquire(func(release func()) {
		defer release()
		c := h.v1.components[req.ComponentID]
		switch {
		case c == nil:
			h.answer(m, false, "component "+req.ComponentID+" not found", nil)
		case c.ref == req.NewComponentRef:
			h.answer(m, true, "component "+req.ComponentID+" already updated to "+req.NewComponentRef, nil)
		default:
			h.answer(m, true, "component "+req.ComponentID+" updating from "+c.ref+" to "+req.NewComponentRef, nil)
			h.updateNow(req)
		}
	})
}

// updateNow holds the component table while it fetches and builds. A failure leaves no trace but a line in the host's log.
func (h *host) updateNow(req wasmbus.V1Update) {
	end := h.begin("component.update", req.ComponentID, req.NewComponentRef, appOf(req.Annotations))
	h.v1.componentTable.acquire(func(free func()) {
		release := func() {
			end()
			free()
		}
		h.fetch(req.NewComponentRef, KindComponent, func(img Image, ok bool) {
			c := h.v1.components[req.ComponentID]
			if !ok || c == nil || img.Kind != KindComponent || h.refused() != "" {
				release()
				return
			}
			start := img.Start
			if start == 0 {
				start = h.t.Start
			}
			h.after(h.scaled(start), func() {
				c.ref, c.code, c.img, c.annotations = req.NewComponentRef, req.NewComponentRef, img, maps.Clone(req.Annotations)
				if img.Signed {
					h.c.v1.claim(img)
				}
				h.scaled1x(req.HostID, req.ComponentID, *c, img)
				if h.sw.UpdateTrailingZero {
					zero := *c
					zero.count = 0
					h.scaled1x(req.HostID, req.ComponentID, zero, img)
				}
				release()
			})
		})
	})
}

// scaled1x publishes component_scaled. hostID is what the request said, which need not be this host.
func (h *host) scaled1x(hostID, id string, c component, img Image) {
	e := wasmbus.V1ComponentScaled{Annotations: orEmpty(c.annotations), ComponentID: id, HostID: hostID, ImageRef: c.ref, MaxInstances: c.count}
	if img.Signed {
		e.PublicKey = img.Key
		e.Claims = &wasmbus.V1ComponentClaims{CallAlias: img.CallAlias, ExpiresHuman: "never", Issuer: img.Issuer, Name: img.Name,
			NotBeforeHuman: "never", Revision: int32(img.Revision), Tags: img.Tags, Version: img.Version}
	}
	h.event(e, h.id, nil)
}

const brokenComponent = "failed to extract module claims: I/O error: magic header not detected: bad magic number - " +
	"expected=[\n    0x0,\n    0x61,\n    0x73,\n    0x6d,\n] actual=[\n    0x6e,\n    0x6f,\n    0x20,\n    0x63,\n] (at offset 0x0)"

func (h *host) scaleFailed(req wasmbus.V1Scale, reason string) {
	h.event(wasmbus.V1ComponentScaleFailed{Annotations: orEmpty(req.Annotations), ComponentID: req.ComponentID, Error: reason, HostID: req.HostID,
		ImageRef: req.ComponentRef, MaxInstances: req.Count}, h.id, nil)
}

func withoutSecrets(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.HasPrefix(n, "SECRET") })
}
