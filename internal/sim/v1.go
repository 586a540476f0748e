package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// v1Host is what a 1.x host holds in one life.
type v1Host struct {
	components map[string]*component
	providers  map[string]*provider

	// The two tables' locks: what holds one delays everything that wants to look (lattice-protocol A5.8).
	componentTable gate
	providerTable  gate

	view    map[string][]wasmbus.V1Link // links by source, as far as this host has heard
	viewAt  int                         // entries of the store's log that are in view
	watched map[string]bool             // configs that the process has seen once: it does not miss them later
	stops   bool                        // shutting down
}

type component struct {
	ref, code   string // the reference that is reported, and the one whose code runs
	annotations map[string]string
	count       uint32
	config      []string
	limits      map[string]string
	img         Image // of the code
}

type provider struct {
	ref         string
	annotations map[string]string
	config      []string
	img         Image
	builtin     bool
	healthy     bool
	hung        bool
	begun       time.Duration
}

const builtinScheme = "wasmcloud+builtin://"

func (h *host) bootV1() {
	h.v1 = v1Host{components: map[string]*component{}, providers: map[string]*provider{}, watched: map[string]bool{}}
	h.v1.view, h.v1.viewAt = h.c.v1.snapshot()
	h.subscribe(true)
	h.after(0, func() {
		h.event(wasmbus.V1HostStarted{FriendlyName: h.name, Labels: h.allLabels(), Version: h.spec.Version}, h.id, nil)
	})
	h.beatV1(1)
}

// beatV1 sets the n-th heartbeat. The schedule is fixed from the start of the host: what a lock holds up comes late, and
// the beats missed meanwhile follow back to back.
func (h *host) beatV1(n int) {
	h.c.schedule(max(h.c.now, h.started+time.Duration(n)*h.t.Heartbeat), h, func() {
		h.inventoryV1(func(inv wasmbus.V1Inventory) {
			if h.v1.stops {
				return
			}
			h.event(wasmbus.V1HostHeartbeat{V1Inventory: inv}, h.id, nil)
			h.beatV1(n + 1)
		})
	})
}

// inventoryV1 needs both tables.
func (h *host) inventoryV1(done func(wasmbus.V1Inventory)) {
	h.v1.componentTable.acquire(func(releaseComponents func()) {
		h.v1.providerTable.acquire(func(releaseProviders func()) {
			done(h.inventoryNowV1())
			releaseProviders()
		})
		releaseComponents()
	})
}

func (h *host) inventoryNowV1() wasmbus.V1Inventory {
	inv := wasmbus.V1Inventory{
		Components: []wasmbus.V1InventoryComponent{}, Providers: []wasmbus.V1InventoryProvider{}, FriendlyName: h.name, HostID: h.id,
		Labels: h.allLabels(), UptimeHuman: uptimeV1(h.uptime()), UptimeSeconds: h.uptime(), Version: h.spec.Version,
	}
	for _, id := range slices.Sorted(maps.Keys(h.v1.components)) {
		c := h.v1.components[id]
		e := wasmbus.V1InventoryComponent{ID: id, ImageRef: c.ref, Annotations: orEmpty(c.annotations), MaxInstances: c.count, Limits: c.limits}
		if c.img.Signed {
			e.Name, e.Revision = text(c.img.Name), int32(c.img.Revision)
		}
		inv.Components = append(inv.Components, e)
	}
	for _, id := range slices.Sorted(maps.Keys(h.v1.providers)) {
		p := h.v1.providers[id]
		e := wasmbus.V1InventoryProvider{ID: id, ImageRef: wasmbus.NormaliseRef(p.ref), Annotations: orEmpty(p.annotations)}
		if p.img.Signed && !p.builtin {
			e.Name, e.Revision = text(p.img.Name), int32(p.img.Revision)
		}
		inv.Providers = append(inv.Providers, e)
	}
	return inv
}

func (h *host) subscriptionsV1() []Subscription {
	s := wasmbus.V1Subjects{Lattice: h.c.opts.Lattice}
	subs := []Subscription{
		{s.HostPing(), ""}, {s.HostAll(h.id), ""}, {s.ComponentAll(h.id), ""}, {s.ProviderAll(h.id), ""}, {s.LabelAll(h.id), ""},
		{s.RegistryPut(), ""}, {s.LinkAll(), s.LinkQueue()}, {s.ClaimsGet(), s.ClaimsQueue()}, {s.ConfigAll(), s.ConfigQueue()},
	}
	if h.sw.ComponentAuction {
		subs = append(subs, Subscription{s.ComponentAuction(), ""})
	}
	if h.sw.ProviderAuction {
		subs = append(subs, Subscription{s.ProviderAuction(), ""})
	}
	return subs
}

// badBodyV1 is what a host answers to a body that it cannot read.
var badBodyV1 = map[wasmbus.V1Op]string{
	wasmbus.V1OpHostStop:         "failed to deserialize stop command",
	wasmbus.V1OpComponentScale:   "failed to deserialize component scale command",
	wasmbus.V1OpComponentUpdate:  "failed to deserialize component update command",
	wasmbus.V1OpComponentAuction: "failed to deserialize component auction command",
	wasmbus.V1OpProviderStart:    "failed to deserialize provider start command",
	wasmbus.V1OpProviderStop:     "failed to deserialize provider stop command",
	wasmbus.V1OpProviderAuction:  "failed to deserialize provider auction command",
	wasmbus.V1OpLinkPut:          "failed to deserialize wrpc link definition",
	wasmbus.V1OpLinkDel:          "failed to deserialize wrpc link definition",
	wasmbus.V1OpConfigPut:        "config data should be a map of string -> string",
	wasmbus.V1OpLabelPut:         "failed to deserialize put label request",
	wasmbus.V1OpLabelDel:         "failed to deserialize delete label request",
	wasmbus.V1OpRegistryPut:      "failed to deserialize registry credential map",
}

// questionsV1 change nothing, so they are not in the journal.
var questionsV1 = []wasmbus.V1Op{wasmbus.V1OpHostPing, wasmbus.V1OpHostGet, wasmbus.V1OpComponentAuction, wasmbus.V1OpProviderAuction,
	wasmbus.V1OpLinkGet, wasmbus.V1OpClaimsGet, wasmbus.V1OpConfigGet}

func (h *host) handleV1(m Msg) {
	ctl, ok := wasmbus.ParseV1Ctl(m.Subject, "")
	if !ok || strings.Contains(ctl.Name, ".") {
		h.answer(m, false, "unsupported subject", nil)
		return
	}
	question := slices.Contains(questionsV1, ctl.Op)
	if _, known := badBodyV1[ctl.Op]; !known && !question && ctl.Op != wasmbus.V1OpConfigDel {
		h.answer(m, false, "unsupported subject", nil)
		return
	}
	body, err := wasmbus.DecodeV1Request(ctl.Op, m.Data)
	if err != nil {
		h.answer(m, false, badBodyV1[ctl.Op], nil)
		return
	}
	if !question {
		h.c.record(h, string(ctl.Op), ctl.Name, m.Data)
	}
	switch ctl.Op {
	case wasmbus.V1OpConfigPut, wasmbus.V1OpConfigGet, wasmbus.V1OpConfigDel:
		h.handleConfig(m, ctl, body)
	case wasmbus.V1OpLinkPut, wasmbus.V1OpLinkDel, wasmbus.V1OpLinkGet:
		h.handleLink(m, body)
	case wasmbus.V1OpHostPing, wasmbus.V1OpHostGet, wasmbus.V1OpClaimsGet, wasmbus.V1OpComponentAuction, wasmbus.V1OpProviderAuction:
		h.handleQuestion(m, ctl.Op, body)
	default:
		h.handleCommand(m, body)
	}
}

func (h *host) handleCommand(m Msg, body any) {
	switch b := body.(type) {
	case wasmbus.V1Scale:
		h.scale(m, b)
	case wasmbus.V1Update:
		h.update(m, b)
	case wasmbus.V1StartProvider:
		h.startProvider(m, b)
	case wasmbus.V1StopProvider:
		h.stopProvider(m, b)
	case wasmbus.V1PutLabel:
		h.putLabel(m, b)
	case wasmbus.V1DeleteLabel:
		h.deleteLabel(m, b)
	case wasmbus.V1StopHost:
		if b.HostID != "" && b.HostID != h.id {
			h.answer(m, false, "invalid host_id ["+b.HostID+"]", nil)
			return
		}
		h.answer(m, true, "successfully handled stop host", nil)
		h.shutDownV1(time.Duration(b.Timeout) * time.Millisecond)
	default: // registry.put: nothing here needs credentials
		h.answer(m, true, "successfully put registries", nil)
	}
}

func (h *host) handleQuestion(m Msg, op wasmbus.V1Op, body any) {
	switch op {
	case wasmbus.V1OpHostPing:
		h.answer(m, true, "", wasmbus.V1HostSummary{
			ID: h.id, Labels: h.allLabels(), FriendlyName: h.name, UptimeSeconds: h.uptime(), UptimeHuman: uptimeV1(h.uptime()), Version: h.spec.Version,
			CtlHost: "nats://127.0.0.1:4222", RPCHost: "nats://127.0.0.1:4222", Lattice: h.c.opts.Lattice,
		})
	case wasmbus.V1OpHostGet:
		h.inventoryV1(func(inv wasmbus.V1Inventory) { h.answer(m, true, "", inv) })
	case wasmbus.V1OpClaimsGet:
		h.answer(m, true, "", h.c.v1.claimsList())
	case wasmbus.V1OpComponentAuction:
		b, ok := body.(wasmbus.V1ComponentAuction)
		if !ok || !h.fits(b.Constraints) {
			return
		}
		if h.sw.AuctionIDBug {
			b.ComponentID = b.ComponentRef
		}
		if _, runs := h.v1.components[b.ComponentID]; runs {
			return
		}
		b.HostID, b.Constraints = h.id, orEmpty(b.Constraints)
		h.answer(m, true, "", b)
	case wasmbus.V1OpProviderAuction:
		b, ok := body.(wasmbus.V1ProviderAuction)
		if _, runs := h.v1.providers[b.ProviderID]; !ok || runs || !h.fits(b.Constraints) {
			return
		}
		b.HostID, b.Constraints = h.id, orEmpty(b.Constraints)
		h.answer(m, true, "", b)
	}
}

// shutDownV1 ends the host in good order: no event tells of what ran there. A lock holds up host_stopped, and past the
// deadline it is not sent at all.
func (h *host) shutDownV1(timeout time.Duration) {
	if h.v1.stops {
		return
	}
	h.v1.stops = true
	h.subscribe(false)
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	h.after(timeout, h.die)
	h.v1.componentTable.acquire(func(func()) {
		h.event(wasmbus.V1HostStopped{Labels: h.allLabels()}, h.id, nil)
		h.after(0, h.die) // not at once: the caller may be in the middle of something
	})
}

func (h *host) putLabel(m Msg, b wasmbus.V1PutLabel) {
	if strings.HasPrefix(strings.ToLower(b.Key), "hostcore.") {
		h.answer(m, false, "hostcore.* labels cannot be set dynamically", nil)
		return
	}
	h.labels = h.allLabels()
	h.labels[b.Key] = b.Value
	h.event(wasmbus.V1LabelsChanged{HostID: h.id, Labels: h.allLabels()}, h.id, nil)
	h.answer(m, true, "successfully put label", nil)
}

func (h *host) deleteLabel(m Msg, b wasmbus.V1DeleteLabel) {
	labels := h.allLabels()
	if _, ok := labels[b.Key]; !ok {
		h.answer(m, true, "successfully deleted label (no such label)", nil)
		return
	}
	delete(labels, b.Key)
	h.labels = labels
	h.event(wasmbus.V1LabelsChanged{HostID: h.id, Labels: h.allLabels()}, h.id, nil)
	h.answer(m, true, "successfully deleted label", nil)
}

// answer replies in the envelope of 1.x hosts; response nil is left out.
func (h *host) answer(m Msg, success bool, message string, response any) {
	h.reply(m, mustEncode(wasmbus.EncodeV1Reply(success, message, response)), nil)
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
