package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

const (
	shutdownDelay = 300 * time.Millisecond // slept by hosts to 0.59 after each shutdown
	shutdownWait  = 2 * time.Second        // for the answer of a provider
	keyLength     = 56
)

// launchProvider answers lp, then fetches and starts (lattice-protocol B3, D3).
func (h *host) launchProvider(m Msg, r wasmbus.OTPLaunchProvider) {
	if h.runningOTP(h.c.otp.keyOf(r.ProviderRef), r.LinkName) != nil {
		if h.version.from(57, 2) {
			h.event(wasmbus.OTPProviderStartFailed{LinkName: r.LinkName, ProviderRef: r.ProviderRef,
				Error: "Ignoring request to start provider, " + r.ProviderRef + " (" + r.LinkName + ") is already running"}, h.id, nil)
		}
		if h.version.from(57, 4) {
			h.ack(m, "Provider with that link name is already running on this host")
			return
		}
		h.ack(m, "")
		return
	}
	h.ack(m, "")
	header := h.trace()
	failed := func(reason string) {
		h.event(wasmbus.OTPProviderStartFailed{Error: reason, LinkName: r.LinkName, ProviderRef: r.ProviderRef}, h.id, header)
	}
	if h.storing(r.ProviderRef) {
		h.after(h.t.Warm, func() { failed(`"Not enough bytes to be a valid PAR file"`) })
		return
	}
	end := h.begin("cmd.lp", r.LinkName, r.ProviderRef, appOf(r.Annotations))
	h.otp.starting++
	h.fetchOTP(r.ProviderRef, KindProvider, func(img Image, reason string) {
		h.otp.starting--
		h.stored(r.ProviderRef)
		if h.otp.lost > 0 {
			h.otp.lost--
			end()
			return
		}
		if _, known := h.c.Registry.Images[r.ProviderRef]; !known && r.ContractID != "" {
			img.Contract = r.ContractID // hosts ignore it, but an image that nobody described is what the caller takes it for
		}
		if reason == "" && img.Kind == KindComponent {
			reason = `"numeric field was not a number: QUFZS0oy when getting cksum for "`
		}
		if reason == "" && img.Kind != KindProvider {
			reason = `"Not enough files found in provider archive. Is this a complete archive?"`
		}
		if reason == "" {
			if refused := h.refused(); refused != "" {
				reason = `"` + refused + `"`
			}
		}
		if reason != "" {
			failed(reason)
			end()
			return
		}
		h.spawnOTP(r, img, failed, end)
	})
}

// spawnOTP starts the process. The look at what runs and the start lie apart, so to 0.62 two starts at once both succeed.
func (h *host) spawnOTP(r wasmbus.OTPLaunchProvider, img Image, failed func(string), end func()) {
	if h.runningOTP(img.Key, r.LinkName) != nil {
		if !h.sw.SecondStartSilent {
			failed(`"Provider is already running on this host"`)
		}
		end()
		return
	}
	h.after(h.scaled(h.t.Spawn), func() {
		defer end()
		if h.sw.SecondStartSilent && h.runningOTP(img.Key, r.LinkName) != nil {
			return
		}
		misbehave(&img, r.Configuration)
		h.c.otp.claim(img)
		h.c.otp.refmap[r.ProviderRef] = img.Key
		p := &process{id: uuid(h.c.rng), key: img.Key, link: r.LinkName, ref: r.ProviderRef, annotations: maps.Clone(r.Annotations), img: img, begun: h.c.now}
		h.otp.processes = append(h.otp.processes, p)
		h.event(wasmbus.OTPProviderStarted{Annotations: r.Annotations, ContractID: img.Contract, ImageRef: p.ref, InstanceID: p.id, LinkName: p.link,
			PublicKey: p.key, Claims: &wasmbus.OTPProviderClaims{ExpiresHuman: "never", Issuer: img.Issuer, Name: img.Name,
				NotBeforeHuman: "immediately", Version: img.Version}}, h.id, nil)
		h.event(wasmbus.OTPRefmapSet{OCIURL: p.ref, PublicKey: p.key}, h.id, nil)
		h.probeOTP(p, 0)
		if img.Exit > 0 {
			h.after(img.Exit, func() { h.exited(p, nil) })
		}
	})
}

// misbehave lets a provider act as its configuration says: {"mode": "exit1" | "die" | "deaf" | "sick" | "sick-later"}.
func misbehave(img *Image, configuration string) {
	var c struct{ Mode string }
	if json.Unmarshal([]byte(configuration), &c) != nil {
		return
	}
	switch c.Mode {
	case "exit1":
		img.Exit = 50 * time.Millisecond
	case "die":
		img.Exit = 8 * time.Second
	case "deaf":
		img.Deaf = true
	case "sick":
		img.Sick = true
	case "sick-later":
		img.SickAfter = 10 * time.Second
	}
}

func (h *host) runningOTP(key, link string) *process {
	for _, p := range slices.Backward(h.otp.processes) {
		if p.key == key && p.link == link {
			return p
		}
	}
	return nil
}

// probeOTP sets the n-th question for health. The subject of a probe names no host, so any process of the
// key and link name in the lattice answers for all.
func (h *host) probeOTP(p *process, n int) {
	at := p.begun + time.Duration(n)*h.t.Probe // +5 s, then the clock that began at the start: +30 s, +60 s
	if n == 0 {
		at = p.begun + h.t.FirstProbe
	}
	h.c.schedule(at, h, func() {
		if !slices.Contains(h.otp.processes, p) {
			return
		}
		well := false
		for _, other := range h.c.hosts {
			for _, q := range other.otp.processes {
				answers := !q.hung && !q.img.Sick && (q.img.SickAfter == 0 || h.c.now < q.begun+q.img.SickAfter)
				well = well || other.alive && q.key == p.key && q.link == p.link && answers
			}
		}
		wait := h.t.Handle
		if !well {
			wait = shutdownWait
		}
		h.after(wait, func() { h.healthOTP(p, well) })
		h.probeOTP(p, n+1)
	})
}

func (h *host) healthOTP(p *process, well bool) {
	if !slices.Contains(h.otp.processes, p) {
		return
	}
	contract := ""
	if h.version.from(62, 0) {
		contract = p.img.Contract
	}
	was := p.healthy
	p.healthy = well
	switch {
	case well && !was:
		h.event(wasmbus.OTPHealthCheckPassed{ContractID: contract, LinkName: p.link, PublicKey: p.key}, h.id, nil)
	case !well && was:
		h.event(wasmbus.OTPHealthCheckFailed{ContractID: contract, LinkName: p.link, PublicKey: p.key}, h.id, nil)
	case h.version.from(62, 0):
		h.event(wasmbus.OTPHealthCheckStatus{ContractID: contract, LinkName: p.link, PublicKey: p.key}, h.id, nil)
	}
}

// exited is the end of a process, by whatever cause.
func (h *host) exited(p *process, header map[string][]string) {
	if !slices.Contains(h.otp.processes, p) {
		return
	}
	h.otp.processes = slices.DeleteFunc(h.otp.processes, func(q *process) bool { return p == q })
	e := wasmbus.OTPProviderStopped{ContractID: p.img.Contract, InstanceID: p.id, LinkName: p.link, PublicKey: p.key, Reason: "normal"}
	if h.sw.StopAnnotations {
		e.Annotations = wasmbus.OTPAnnotations(orEmpty(p.annotations))
	}
	h.event(e, h.id, header)
}

// stopProviderOTP answers sp when the provider has ended here.
func (h *host) stopProviderOTP(m Msg, r wasmbus.OTPStopProvider) {
	if h.version.from(60, 0) && len(r.ProviderRef) != keyLength {
		h.ack(m, refusalOTP[wasmbus.OTPOpStopProvider])
		return
	}
	if h.runningOTP(r.ProviderRef, r.LinkName) == nil {
		h.ack(m, "")
		return
	}
	var header map[string][]string
	if h.version.from(63, 0) {
		header = h.trace()
	}
	h.after(h.shutDownProvider(r.ProviderRef, r.LinkName, header), func() { h.ack(m, "") })
}

// shutDownProvider sends the shutdown request and returns how long this host waits until it is done. The subject of the
// request names no host: whatever runs under the key and link name exits, on every host of the lattice. Each reports it.
func (h *host) shutDownProvider(key, link string, header map[string][]string) time.Duration {
	answered := false
	for _, other := range h.c.hosts {
		if !h.shutdownReaches(other) {
			continue
		}
		for _, p := range other.otp.processes {
			if p.key == key && p.link == link && !p.img.Deaf && !p.hung {
				answered = true
				other.after(h.t.Shutdown, func() { other.exited(p, header) })
			}
		}
	}
	wait := h.t.Shutdown
	if !answered {
		wait = shutdownWait
	}
	if !h.version.from(60, 0) {
		wait += shutdownDelay
	}
	h.after(wait, func() { // what is left here is killed
		for _, p := range slices.Clone(h.otp.processes) {
			if p.key == key && p.link == link {
				h.exited(p, header)
			}
		}
	})
	return wait
}

// shutdownReaches says that processes on the other host hear this host's shutdown request.
func (h *host) shutdownReaches(other *host) bool {
	if !other.alive || other.spec.Dialect != wasmbus.DialectOTP {
		return false
	}
	return other == h || h.sw.SharedShutdown && other.cut == whole
}

func (h *host) crashProviderOTP(key, link string) error {
	p := h.runningOTP(key, link)
	if p == nil {
		return fmt.Errorf("crashing provider %s (%s) on host %q: it is not running", key, link, h.name)
	}
	h.exited(p, nil)
	return nil
}
