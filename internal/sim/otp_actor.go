package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

const (
	unsubscribing = 500 * time.Millisecond // what it takes to end the call subscription of a key
	stormWindow   = 5 * time.Second
	stormCrashes  = 4 // so many crashes within stormWindow take the supervisor down
	updating      = 50 * time.Millisecond

	// maxLaunch is how many instances one command starts at most. A real host would try a billion, and die of it.
	maxLaunch = 10_000
)

// launchActor answers la, then fetches and starts (lattice-protocol B3, D3).
func (h *host) launchActor(m Msg, r wasmbus.OTPLaunchActor) {
	h.ack(m, "")
	count := max(r.Count, -maxLaunch)
	if count < 1 {
		count = 2 - count // the loop of the host runs downwards: 0 starts two, -1 three
	}
	count = min(count, maxLaunch)
	h.startActors(r.ActorRef, r.Annotations, count, true)
}

// startActors is the work of la and scale. Scale is quieter about what goes wrong.
func (h *host) startActors(ref string, annotations wasmbus.OTPAnnotations, count int, launched bool) {
	header := h.trace()
	failed := func(key, reason string, plural, single bool) {
		if h.sw.PluralEvents && plural {
			h.event(wasmbus.OTPActorsStartFailed{Annotations: annotations, Error: reason, HostID: h.id, ImageRef: ref, PublicKey: key}, h.id, header)
		}
		if single && launched {
			h.event(wasmbus.OTPActorStartFailed{ActorRef: ref, Error: reason}, h.id, header)
		}
	}
	if h.storing(ref) {
		h.after(h.t.Warm, func() {
			failed("N/A", h.noClaims("unexpected end-of-file (at offset 0x1c)"), true, true)
		})
		return
	}
	h.otp.starting++
	end := h.begin("cmd.la", "", ref, appOf(annotations))
	h.fetchOTP(ref, KindComponent, func(img Image, reason string) {
		defer end()
		h.stored(ref)
		h.otp.starting--
		if h.otp.lost > 0 {
			h.otp.lost--
			return
		}
		switch {
		case reason != "":
			failed("N/A", reason, false, true)
			return
		case img.Unsigned:
			failed("N/A", `"No claims found in source module"`, true, true)
			return
		case img.Kind != KindComponent:
			failed("N/A", h.noClaims("magic header not detected: bad magic number (at offset 0x0)"), true, true)
			return
		}
		if other := h.otherRef(img.Key, ref); other {
			failed(img.Key, h.sameKeyText(img.Key, ref), true, true)
			return
		}
		if reason := h.refused(); reason != "" {
			failed(img.Key, `"`+reason+`"`, true, true)
			return
		}
		h.c.otp.claim(img)
		for range count {
			h.otp.actors = append(h.otp.actors, h.newActor(ref, annotations, img))
		}
		h.otp.called[img.Key] = true
		if h.sw.PluralEvents {
			h.event(wasmbus.OTPActorsStarted{Annotations: annotations, Claims: actorClaims(img), Count: count, HostID: h.id, ImageRef: ref, PublicKey: img.Key},
				h.id, header)
		}
	})
}

// noClaims says that an artifact is no module; why is told from 0.60 on.
func (h *host) noClaims(why string) string {
	if h.version.from(60, 0) {
		return `"Failed to extract claims from module: I/O error: ` + why + `"`
	}
	return `"Failed to extract claims from module"`
}

// storing reports whether a start is just writing the image to disk, in place: what reads it meanwhile reads a short file.
// Otherwise the caller becomes that start, if the image is not there yet.
func (h *host) storing(ref string) bool {
	if h.sw.ColdImageRace && h.otp.writing[ref] {
		return true
	}
	if !h.fetched[ref] {
		h.otp.writing[ref] = true
	}
	return false
}

func (h *host) stored(ref string) { delete(h.otp.writing, ref) }

// newActor makes one instance and tells of it.
func (h *host) newActor(ref string, annotations wasmbus.OTPAnnotations, img Image) *actor {
	a := &actor{id: uuid(h.c.rng), key: img.Key, ref: ref, code: ref, annotations: maps.Clone(annotations), img: img}
	api := json.RawMessage(fmt.Sprint(img.APIVersion))
	if h.version.from(62, 0) {
		api = json.RawMessage(`"n/a"`)
	}
	started := wasmbus.OTPActorStarted{Annotations: annotations, APIVersion: api, Claims: actorClaims(img), ImageRef: ref, InstanceID: a.id, PublicKey: img.Key}
	h.c.otp.refmap[ref] = img.Key
	refmap := wasmbus.OTPRefmapSet{OCIURL: ref, PublicKey: img.Key}
	if h.version.from(60, 0) {
		h.event(refmap, h.id, nil)
		h.event(started, h.id, nil)
	} else {
		h.event(started, h.id, nil)
		h.event(refmap, h.id, nil)
	}
	return a
}

// otherRef reports whether the key runs on this host from another reference than ref. What counts is what the first
// instance was started from, even after a live update.
func (h *host) otherRef(key, ref string) bool {
	i := slices.IndexFunc(h.otp.actors, func(a *actor) bool { return a.key == key })
	return i >= 0 && h.otp.actors[i].ref != ref
}

func (h *host) sameKeyText(key, ref string) string {
	if h.version.from(61, 0) {
		return `"Cannot start new instance of ` + key + ` from ref '` + ref + `', it is already running with different reference. To upgrade an actor, use live update."`
	}
	return `"Cannot start new instance of ` + key + ` from OCI '` + ref + `', it is already running with different OCI reference. To upgrade an actor, use live update."`
}

// stopActor answers sa after its work, and half a second later still if the key's call subscription goes.
func (h *host) stopActor(m Msg, r wasmbus.OTPStopActor) {
	if h.stopInstances(r.ActorRef, r.Annotations, r.Count) {
		h.after(unsubscribing, func() { h.ack(m, "") })
		return
	}
	h.ack(m, "")
}

// stopInstances ends up to count instances, oldest first, 0 meaning all, and reports whether the host ceased to take
// calls for the key. To 0.62 the annotations choose first and the count then; from 0.63 the count cuts before the
// annotations choose, so that fewer than asked may end.
func (h *host) stopInstances(key string, annotations map[string]string, count int) (unsubscribed bool) {
	header := h.trace()
	var running []*actor
	for _, a := range h.otp.actors {
		if a.key == key {
			running = append(running, a)
		}
	}
	matching := slices.DeleteFunc(slices.Clone(running), func(a *actor) bool { return !subset(annotations, a.annotations) })
	chosen, counted := matching, matching
	if h.version.from(63, 0) && count > 0 {
		counted = running
		chosen = slices.DeleteFunc(slices.Clone(running[:min(count, len(running))]), func(a *actor) bool { return !subset(annotations, a.annotations) })
	} else if count > 0 {
		chosen = matching[:min(count, len(matching))]
	}
	for _, a := range chosen {
		h.endActor(a)
	}
	if h.sw.PluralEvents && count > 0 {
		h.event(wasmbus.OTPActorsStopped{Annotations: wasmbus.OTPAnnotations(annotations), Count: count, HostID: h.id, PublicKey: key,
			Remaining: len(running) - count}, h.id, header)
	}
	if (count == 0 || len(counted) <= count) && h.otp.called[key] {
		// A start in the half second that this takes is not recorded. Here it is taken for the worse: its calls end with the others.
		delete(h.otp.called, key)
		h.after(unsubscribing, func() { delete(h.otp.called, key) })
		return true
	}
	return false
}

func (h *host) endActor(a *actor) {
	h.otp.actors = slices.DeleteFunc(h.otp.actors, func(b *actor) bool { return a == b })
	e := wasmbus.OTPActorStopped{InstanceID: a.id, PublicKey: a.key}
	if h.sw.StopAnnotations {
		e.Annotations = wasmbus.OTPAnnotations(orEmpty(a.annotations))
	}
	h.event(e, h.id, nil)
}

func subset(part, whole map[string]string) bool {
	for k, v := range part {
		if have, ok := whole[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// scaleActor answers first. Annotations play no part, and what it starts has none.
func (h *host) scaleActor(m Msg, r wasmbus.OTPScale) {
	h.ack(m, "")
	running, ref := 0, r.ActorRef
	for _, a := range h.otp.actors {
		if a.key == r.ActorID {
			running++
			if ref == "" {
				ref = a.ref
			}
		}
	}
	switch {
	case r.Count > running && ref != "":
		h.startActors(ref, nil, min(r.Count-running, maxLaunch), false)
	case r.Count < running:
		h.stopInstances(r.ActorID, nil, running-max(r.Count, 0))
	}
}

const updateRefused = "Unable to perform live update: error"

// updateActor swaps the code of all instances of a key in place. The reference of the instances stays the old one. An
// image that cannot be fetched or bears no claims breaks the handler: no answer.
func (h *host) updateActor(m Msg, r wasmbus.OTPUpdate) {
	header := h.trace()
	h.fetchOTP(r.NewActorRef, KindComponent, func(img Image, reason string) {
		if reason != "" || img.Unsigned || img.Kind != KindComponent {
			return
		}
		known, ok := h.c.otp.claims[img.Key]
		if !ok || img.Revision <= known.Revision {
			h.ack(m, updateRefused)
			return
		}
		h.c.otp.claim(img)
		h.c.otp.refmap[r.NewActorRef] = img.Key
		h.event(wasmbus.OTPRefmapSet{OCIURL: r.NewActorRef, PublicKey: img.Key}, h.id, header)
		h.after(h.scaled(updating), func() {
			for _, a := range h.otp.actors {
				if a.key == img.Key {
					a.img, a.code = img, r.NewActorRef
					h.event(wasmbus.OTPActorUpdated{InstanceID: a.id, PublicKey: a.key, Revision: img.Revision}, h.id, header)
				}
			}
			h.ack(m, "")
		})
	})
}

// crashActor: the supervisor starts another instance with the same annotations and no word of the old one.
func (h *host) crashActor(key string) error {
	i := slices.IndexFunc(h.otp.actors, func(a *actor) bool { return a.key == key })
	if i < 0 {
		return fmt.Errorf("crashing %s on host %q: no instance of it runs there", key, h.name)
	}
	h.otp.crashes = slices.DeleteFunc(h.otp.crashes, func(at time.Duration) bool { return at+stormWindow < h.c.now })
	h.otp.crashes = append(h.otp.crashes, h.c.now)
	if len(h.otp.crashes) >= stormCrashes && h.sw.CrashWipesActors {
		h.otp.actors, h.otp.crashes, h.otp.called = nil, nil, map[string]bool{}
		return nil
	}
	old := h.otp.actors[i]
	h.otp.actors = slices.Delete(h.otp.actors, i, i+1)
	h.otp.actors = append(h.otp.actors, h.newActor(old.ref, old.annotations, old.img))
	return nil
}

func actorClaims(img Image) *wasmbus.OTPActorClaims {
	return &wasmbus.OTPActorClaims{CallAlias: img.CallAlias, Caps: img.Caps, ExpiresHuman: "never", Issuer: img.Issuer, Name: img.Name,
		NotBeforeHuman: "immediately", Revision: img.Revision, Tags: img.Tags, Version: img.Version}
}

// fetchOTP is fetch with what an OTP host refuses by the look of a reference; reason is "" if it worked.
func (h *host) fetchOTP(ref string, asked Kind, done func(img Image, reason string)) {
	_, tag := splitRef(ref)
	if !parsesOTP(ref) || tag == "latest" && !h.spec.Latest {
		reason := fetchErrorOTP(ref, Image{Fail: Missing})
		if strings.HasPrefix(ref, "file://") && h.version.from(61, 0) {
			reason = `"actor file loading is disabled"`
		}
		h.after(h.t.Handle, func() { done(Image{}, reason) })
		return
	}
	h.fetch(ref, asked, func(img Image, ok bool) {
		if !ok {
			done(img, fetchErrorOTP(ref, img))
			return
		}
		done(img, "")
	})
}
