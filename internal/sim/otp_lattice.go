package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// linkSource is the source of link events from 0.60 on: they belong to no host.
const linkSource = "n/a"

// otpData is what the OTP hosts of a lattice keep in their cache.
type otpData struct {
	linkdefs map[slotOTP]*wasmbus.OTPLinkdef
	claims   map[string]Image  // by public key: the last artifact that was started anywhere
	refmap   map[string]string // image reference → public key
}

type slotOTP struct{ actor, contract, link string }

func newOTPData() otpData {
	return otpData{linkdefs: map[slotOTP]*wasmbus.OTPLinkdef{}, claims: map[string]Image{}, refmap: map[string]string{}}
}

func (d *otpData) claim(img Image) { d.claims[img.Key] = img }

// keyOf returns the key that the lattice knows for a reference; a key stands for itself.
func (d *otpData) keyOf(ref string) string {
	if key, ok := d.refmap[ref]; ok {
		return key
	}
	return ref
}

// told is the name and revision that inventories give for a key: those of the claims table, not of the instance.
func (d *otpData) told(key string) (name string, revision int64) {
	img, ok := d.claims[key]
	if !ok {
		return "N/A", 0
	}
	return text(img.Name), img.Revision
}

func (d *otpData) claimsList(contracts bool) []wasmbus.OTPClaims {
	list := []wasmbus.OTPClaims{}
	for _, key := range slices.Sorted(maps.Keys(d.claims)) {
		img := d.claims[key]
		e := wasmbus.OTPClaims{CallAlias: text(img.CallAlias), Issuer: img.Issuer, Name: text(img.Name), Rev: strconv.FormatInt(img.Revision, 10),
			Sub: key, Version: img.Version}
		contract := img.Contract
		if img.Kind == KindComponent {
			contract = ""
			e.Caps, e.Tags = strings.Join(img.Caps, ","), strings.Join(img.Tags, ",")
		}
		if contracts {
			e.ContractID = &contract
		}
		list = append(list, e)
	}
	return list
}

func (d *otpData) sorted() []*wasmbus.OTPLinkdef {
	return slices.SortedFunc(maps.Values(d.linkdefs), func(a, b *wasmbus.OTPLinkdef) int {
		return cmp.Or(cmp.Compare(a.ActorID, b.ActorID), cmp.Compare(a.ContractID, b.ContractID), cmp.Compare(a.LinkName, b.LinkName))
	})
}

func (h *host) linksOTP() []wasmbus.OTPLinkdef {
	list := []wasmbus.OTPLinkdef{}
	for _, l := range h.c.otp.sorted() {
		told := *l
		if !h.version.from(60, 0) {
			told.ID = ""
		}
		list = append(list, told)
	}
	return list
}

// putLinkdef upserts. To 0.59 each put has a new id and one event; from 0.60 the id comes from the slot, and the handler
// tells of the link, then each host process once more when the change reaches it.
func (h *host) putLinkdef(m Msg, r wasmbus.OTPLinkdef) {
	r.ID = uuid(h.c.rng)
	if h.version.from(60, 0) {
		sum := sha256.Sum256([]byte(r.ActorID + r.ContractID + r.LinkName))
		r.ID = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	h.c.otp.linkdefs[slotOTP{r.ActorID, r.ContractID, r.LinkName}] = &r
	h.event(wasmbus.OTPLinkdefSet{OTPLinkdef: r}, h.linkSource(), h.trace())
	h.ack(m, "")
	h.fanOut(wasmbus.OTPLinkdefSet{OTPLinkdef: r}, true)
}

func (h *host) deleteLinkdef(m Msg, r wasmbus.OTPDeleteLinkdef) {
	slot := slotOTP{r.ActorID, r.ContractID, r.LinkName}
	old := h.c.otp.linkdefs[slot]
	if old == nil {
		h.ack(m, "")
		return
	}
	delete(h.c.otp.linkdefs, slot)
	h.event(wasmbus.OTPLinkdefDeleted{OTPLinkdef: *old}, h.linkSource(), h.trace())
	h.ack(m, "")
	h.fanOut(wasmbus.OTPLinkdefDeleted{OTPLinkdef: *old}, false)
}

func (h *host) linkSource() string {
	if h.version.from(60, 0) {
		return linkSource
	}
	return h.id
}

// fanOut repeats a link event on every host process that hears of the change, the handler's own only of a put.
func (h *host) fanOut(data any, handlerToo bool) {
	if !h.sw.LinkFanOut {
		return
	}
	for _, other := range h.c.hosts {
		if other.alive && other.spec.Dialect == wasmbus.DialectOTP && (other != h || handlerToo) {
			other.after(other.kvDelay, func() { other.event(data, linkSource, nil) })
		}
	}
}

const (
	stopPause   = 300 * time.Millisecond // after the answer, from 0.60; after host_stopped, to 0.59
	purgeStart  = 100 * time.Millisecond
	purgeActors = 500 * time.Millisecond // for each key
)

// stopOTP is the stop command. To 0.59 a host ends key by key and provider by provider before it says that it stopped,
// and says so twice; from 0.60 all at once.
func (h *host) stopOTP() {
	if h.otp.stops {
		return
	}
	h.otp.stops = true
	if h.version.from(60, 0) {
		h.after(stopPause, func() { h.purgeAtOnce() })
		return
	}
	wait := h.purgeInTurn(purgeStart)
	h.after(wait, func() { h.event(wasmbus.OTPHostStopped{Labels: h.allLabels()}, h.id, nil) })
	h.after(wait+stopPause, func() {
		if h.sw.DoubleStopped {
			h.event(wasmbus.OTPHostStopped{Labels: h.allLabels()}, h.id, nil)
		}
		h.after(0, h.die)
	})
}

// terminateOTP is SIGTERM: to 0.59 the host says that it stopped and then ends what runs.
func (h *host) terminateOTP() {
	if h.otp.stops {
		return
	}
	h.otp.stops = true
	h.subscribe(false)
	if h.version.from(60, 0) {
		h.purgeAtOnce()
		return
	}
	h.event(wasmbus.OTPHostStopped{Labels: h.allLabels()}, h.id, nil)
	h.after(h.purgeInTurn(0), h.die)
}

func (h *host) purgeAtOnce() {
	for _, a := range slices.Clone(h.otp.actors) {
		h.endActor(a)
	}
	wait := time.Duration(0)
	for _, p := range h.listedOTP() {
		var header map[string][]string
		if h.version.from(63, 0) {
			header = h.trace()
		}
		wait = max(wait, h.shutDownProvider(p.key, p.link, header))
	}
	h.after(wait, func() {
		h.event(wasmbus.OTPHostStopped{Labels: h.allLabels()}, h.id, nil)
		h.after(0, h.die)
	})
}

// purgeInTurn ends everything, beginning after wait, and returns when it will be done.
func (h *host) purgeInTurn(wait time.Duration) time.Duration {
	var keys []string
	for _, a := range h.otp.actors {
		if !slices.Contains(keys, a.key) {
			keys = append(keys, a.key)
		}
	}
	for _, key := range keys {
		h.after(wait, func() { h.stopInstances(key, nil, 0) })
		wait += purgeActors
	}
	for _, p := range h.listedOTP() {
		h.after(wait, func() { h.shutDownProvider(p.key, p.link, nil) })
		wait += shutdownDelay + h.t.Shutdown
	}
	return wait
}
