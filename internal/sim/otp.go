package sim

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// otpHost is what an OTP host holds in one life.
type otpHost struct {
	actors    []*actor        // oldest first
	processes []*process      // providers; of two of one key and link name only the later is listed
	called    map[string]bool // public keys whose calls this host takes (its call subscriptions)
	writing   map[string]bool // images that a start is just storing on disk
	starting  int             // starts acknowledged and not done, which a broken connection may swallow
	lost      int             // of those, how many it did swallow
	crashes   []time.Duration
	stops     bool
}

// actor is one instance.
type actor struct {
	id          string // instance id
	key         string
	ref, code   string // what it was started from, and what runs in it since a live update
	annotations wasmbus.OTPAnnotations
	img         Image // of the code
}

// process is one provider process.
type process struct {
	id             string
	key, link, ref string
	annotations    wasmbus.OTPAnnotations
	img            Image
	healthy        bool
	hung           bool
	begun          time.Duration
}

func (h *host) bootOTP() {
	h.otp = otpHost{called: map[string]bool{}, writing: map[string]bool{}}
	started := wasmbus.OTPHostStarted{FriendlyName: h.name, Labels: h.allLabels()}
	if h.version.from(61, 0) {
		zero := uint64(0)
		started.UptimeSeconds, started.Version = &zero, h.spec.Version
	}
	h.after(0, func() {
		h.event(started, h.id, nil)
		if h.sw.HeartbeatAtStart {
			h.heartbeatOTP(nil)
		}
	})
	late := time.Duration(h.c.rng.Int64N(int64(50 * time.Millisecond)))
	if h.sw.LateSubscription && h.c.rng.IntN(25) == 0 || h.sw.AlwaysLate {
		late = 2100 * time.Millisecond
	}
	h.after(late, func() { h.subscribe(true) })
	if h.sw.LinkFanOut {
		h.after(20*time.Millisecond, func() {
			for _, l := range h.c.otp.sorted() {
				h.event(wasmbus.OTPLinkdefSet{OTPLinkdef: *l}, linkSource, nil)
			}
		})
	}
	h.beatOTP(1)
}

func (h *host) beatOTP(n int) {
	h.c.schedule(h.started+time.Duration(n)*h.t.Heartbeat, h, func() {
		h.heartbeatOTP(nil)
		h.beatOTP(n + 1)
	})
}

// heartbeatOTP publishes a heartbeat in the form of the version. It never tells annotations.
func (h *host) heartbeatOTP(header map[string][]string) {
	beat := wasmbus.OTPHeartbeat{FriendlyName: h.name, Labels: h.allLabels(), UptimeHuman: uptimeOTP(h.uptime()), UptimeSeconds: h.uptime(),
		Version: h.spec.Version, Providers: []wasmbus.OTPHeartbeatProvider{}}
	if h.sw.HeartbeatCounts {
		beat.Counts = map[string]int{}
	} else {
		beat.Instances = []wasmbus.OTPHeartbeatInstance{}
	}
	for _, a := range h.otp.actors {
		if h.sw.HeartbeatCounts {
			beat.Counts[a.key]++
		} else {
			beat.Instances = append(beat.Instances, wasmbus.OTPHeartbeatInstance{InstanceID: a.id, PublicKey: a.key})
		}
	}
	for _, p := range h.listedOTP() {
		e := wasmbus.OTPHeartbeatProvider{ContractID: p.img.Contract, LinkName: p.link, PublicKey: p.key}
		if !h.sw.HeartbeatCounts {
			e.InstanceID = p.id
		}
		beat.Providers = append(beat.Providers, e)
	}
	h.event(beat, h.id, header)
}

// listedOTP leaves out a process that another of the same key and link name has pushed out of the list.
func (h *host) listedOTP() []*process {
	var listed []*process
	for i, p := range h.otp.processes {
		if !slices.ContainsFunc(h.otp.processes[i+1:], func(q *process) bool { return q.key == p.key && q.link == p.link }) {
			listed = append(listed, p)
		}
	}
	return listed
}

func (h *host) subscriptionsOTP() []Subscription {
	s := wasmbus.OTPSubjects{Lattice: h.c.opts.Lattice}
	group := s.QueueGroup()
	return []Subscription{
		{s.PingHosts(), ""}, {s.Inventory(h.id), ""}, {s.CmdAll(h.id), ""}, {s.AuctionAll(), ""}, {s.RegistriesPut(), ""},
		{s.GetAll(), group}, {s.LinkdefAll(), group},
	}
}

// body is what a host makes of the body of a request before it looks inside.
type body struct {
	parsed   any  // the struct of the operation, nil where it has none or does not decode
	json     bool // it is JSON
	object   bool // it is a JSON object
	complete bool // it has all required keys, neither null nor false
	good     bool // the values are of the right type
}

// requiredOTP are the keys without which a host refuses a body.
var requiredOTP = map[wasmbus.OTPOp][]string{
	wasmbus.OTPOpLaunchActor:     {"actor_ref"},
	wasmbus.OTPOpStopActor:       {"actor_ref", "count"},
	wasmbus.OTPOpScale:           {"actor_id", "actor_ref", "count"},
	wasmbus.OTPOpUpdate:          {"new_actor_ref"},
	wasmbus.OTPOpLaunchProvider:  {"provider_ref", "link_name"},
	wasmbus.OTPOpStopProvider:    {"provider_ref", "link_name"},
	wasmbus.OTPOpLinkdefPut:      {"actor_id", "contract_id", "link_name", "provider_id"},
	wasmbus.OTPOpLinkdefDel:      {"actor_id", "contract_id", "link_name"},
	wasmbus.OTPOpAuctionActor:    {"actor_ref"},
	wasmbus.OTPOpAuctionProvider: {"provider_ref"},
}

// refusalOTP is what a host answers to a body that it refuses; what is not here gets no answer.
var refusalOTP = map[wasmbus.OTPOp]string{
	wasmbus.OTPOpLaunchActor:     "Invalid launch actor JSON request",
	wasmbus.OTPOpStopActor:       "Invalid request to stop actor",
	wasmbus.OTPOpScale:           "Invalid scale actor JSON request",
	wasmbus.OTPOpUpdate:          "Invalid JSON request to update actor",
	wasmbus.OTPOpLaunchProvider:  "Improperly formed start provider command JSON",
	wasmbus.OTPOpStopProvider:    "Invalid JSON request for stop provider",
	wasmbus.OTPOpLinkdefPut:      "Invalid link definition put request",
	wasmbus.OTPOpLinkdefDel:      "Invalid link definition removal request",
	wasmbus.OTPOpAuctionActor:    "Invalid JSON request for actor auction",
	wasmbus.OTPOpAuctionProvider: "Invalid JSON request to auction provider",
}

func readBody(op wasmbus.OTPOp, data []byte) body {
	b := body{json: json.Valid(data)}
	var keys map[string]json.RawMessage
	b.object = b.json && json.Unmarshal(data, &keys) == nil && keys != nil
	b.complete = b.object && !slices.ContainsFunc(requiredOTP[op], func(k string) bool {
		v := bytes.TrimSpace(keys[k])
		return len(v) == 0 || string(v) == "null" || string(v) == "false"
	})
	parsed, err := wasmbus.DecodeOTPRequest(op, data)
	if b.good = err == nil; b.good {
		b.parsed = parsed
	}
	return b
}

func (h *host) handleOTP(m Msg) {
	ctl, ok := wasmbus.ParseOTPCtl(m.Subject, "")
	if !ok {
		return
	}
	switch ctl.Op {
	case wasmbus.OTPOpPingHosts:
		h.pingOTP(m)
		return
	case wasmbus.OTPOpInventory:
		h.tell(m, h.inventoryOTP(), nil)
		return
	case wasmbus.OTPOpClaims:
		h.tell(m, map[string]any{"claims": h.c.otp.claimsList(h.version.from(63, 0))}, nil)
		return
	case wasmbus.OTPOpLinks:
		h.tell(m, map[string]any{"links": h.linksOTP()}, nil)
		return
	case wasmbus.OTPOpRegistriesPut:
		if !json.Valid(m.Data) {
			h.ack(m, "Failed to update registry credential map")
			return
		}
		h.ack(m, "")
		return
	}
	b := readBody(ctl.Op, m.Data)
	switch ctl.Op {
	case wasmbus.OTPOpAuctionActor, wasmbus.OTPOpAuctionProvider:
		h.auctionOTP(m, ctl.Op, b)
	case wasmbus.OTPOpStopHost:
		if !b.object {
			return // it breaks the handler
		}
		h.c.record(h, string(ctl.Op), "", m.Data)
		h.ack(m, "")
		h.stopOTP()
	default:
		h.commandOTP(m, ctl.Op, b)
	}
}

func (h *host) commandOTP(m Msg, op wasmbus.OTPOp, b body) {
	refusal, known := refusalOTP[op]
	if !known {
		return // logged, not answered
	}
	if h.spoilt(m, op, b, refusal) {
		return
	}
	h.c.record(h, string(op), "", m.Data)
	h.obeyOTP(m, b.parsed)
}

// spoilt deals with a body that is not as it should be: refused, left unanswered, or accepted and dropped, by the command.
func (h *host) spoilt(m Msg, op wasmbus.OTPOp, b body, refusal string) bool {
	launch := op == wasmbus.OTPOpLaunchActor
	switch {
	case (launch || !h.version.from(57, 2)) && b.json && !b.object, op == wasmbus.OTPOpUpdate && !b.json && !h.version.from(60, 0):
		return true // it breaks the handler
	case !b.complete:
		h.ack(m, refusal)
		return true
	case !b.good && launch:
		h.ack(m, "") // and then nothing
		return true
	}
	return !b.good
}

func (h *host) obeyOTP(m Msg, parsed any) {
	switch r := parsed.(type) {
	case wasmbus.OTPLaunchActor:
		h.launchActor(m, r)
	case wasmbus.OTPStopActor:
		h.stopActor(m, r)
	case wasmbus.OTPScale:
		h.scaleActor(m, r)
	case wasmbus.OTPUpdate:
		h.updateActor(m, r)
	case wasmbus.OTPLaunchProvider:
		h.launchProvider(m, r)
	case wasmbus.OTPStopProvider:
		h.stopProviderOTP(m, r)
	case wasmbus.OTPLinkdef:
		h.putLinkdef(m, r)
	case wasmbus.OTPDeleteLinkdef:
		h.deleteLinkdef(m, r)
	}
}

// pingOTP answers, then beats. From 0.60 a ping without a reply subject breaks the connection: the host is deaf and mute
// for seconds, and half of the starts that it has acknowledged are never done.
func (h *host) pingOTP(m Msg) {
	if m.Reply == "" && h.sw.BlindPingBreaks {
		down := 2 * time.Second
		if h.c.rng.IntN(4) == 0 {
			down = 3400 * time.Millisecond
		}
		for range h.otp.starting - h.otp.lost {
			if h.c.rng.IntN(2) == 0 {
				h.otp.lost++
			}
		}
		h.breakFor(down)
		return
	}
	var header map[string][]string
	if h.version.from(63, 0) {
		header = h.trace()
	}
	h.tell(m, wasmbus.OTPHostSummary{
		ClusterIssuers: h.issuer(), CtlHost: "127.0.0.1", FriendlyName: h.name, ID: h.id, Issuer: h.issuerFrom572(), Labels: h.allLabels(),
		LatticePrefix: h.c.opts.Lattice, ProvRPCHost: "127.0.0.1", RPCHost: "127.0.0.1", UptimeHuman: uptimeOTP(h.uptime()),
		UptimeSeconds: h.uptime(), Version: h.spec.Version,
	}, header)
	h.after(time.Duration(h.c.rng.Int64N(int64(44*time.Millisecond))), func() { h.heartbeatOTP(header) })
}

func (h *host) inventoryOTP() wasmbus.OTPInventory {
	inv := wasmbus.OTPInventory{Actors: []wasmbus.OTPInventoryActor{}, FriendlyName: h.name, HostID: h.id, Issuer: h.issuerFrom572(),
		Labels: h.allLabels(), Providers: []wasmbus.OTPInventoryProvider{}}
	at := map[string]int{}
	for _, a := range h.otp.actors {
		name, revision := h.c.otp.told(a.key)
		i, ok := at[a.key]
		if !ok {
			i = len(inv.Actors)
			at[a.key] = i
			inv.Actors = append(inv.Actors, wasmbus.OTPInventoryActor{ID: a.key, ImageRef: a.ref, Name: name})
		}
		inv.Actors[i].Instances = append(inv.Actors[i].Instances,
			wasmbus.OTPInventoryInstance{Annotations: a.annotations, InstanceID: a.id, Revision: revision})
	}
	for _, p := range h.listedOTP() {
		name, revision := h.c.otp.told(p.key)
		e := wasmbus.OTPInventoryProvider{Annotations: p.annotations, ID: p.key, ImageRef: p.ref, InstanceID: p.id, LinkName: p.link, Name: name, Revision: revision}
		if h.version.from(60, 0) {
			e.ContractID = p.img.Contract
		}
		inv.Providers = append(inv.Providers, e)
	}
	if !h.version.from(57, 2) { // one entry for each instance, all alike
		var all []wasmbus.OTPInventoryActor
		for _, e := range inv.Actors {
			all = append(all, slices.Repeat([]wasmbus.OTPInventoryActor{e}, len(e.Instances))...)
		}
		inv.Actors = slices.Concat([]wasmbus.OTPInventoryActor{}, all)
	}
	return inv
}

func (h *host) auctionOTP(m Msg, op wasmbus.OTPOp, b body) {
	if m.Reply == "" && h.sw.BlindPingBreaks {
		h.breakFor(2 * time.Second)
		return
	}
	if !b.complete || !b.good {
		h.ack(m, refusalOTP[op])
		return
	}
	var header map[string][]string
	if h.version.from(63, 0) {
		header = h.trace()
	}
	switch r := b.parsed.(type) {
	case wasmbus.OTPActorAuction:
		if h.fits(r.Constraints) {
			r.HostID, r.Constraints = h.id, orEmpty(r.Constraints)
			h.tell(m, r, header)
		}
	case wasmbus.OTPProviderAuction:
		if h.fits(r.Constraints) && h.runningOTP(h.c.otp.keyOf(r.ProviderRef), r.LinkName) == nil {
			r.HostID, r.Constraints = h.id, orEmpty(r.Constraints)
			h.tell(m, r, header)
		}
	}
}

// ack answers a command; an empty reason is yes.
func (h *host) ack(m Msg, reason string) {
	h.tell(m, wasmbus.OTPAck{Accepted: reason == "", Error: reason}, nil)
}

func (h *host) tell(m Msg, answer any, header map[string][]string) {
	h.reply(m, mustEncode(wasmbus.Encode(answer)), header)
}

func (h *host) trace() map[string][]string {
	if !h.sw.Traceparent {
		return nil
	}
	return traceparent(h.c.rng)
}

func (h *host) issuer() string { return publicKey(keyCluster, "cluster "+h.c.opts.Lattice) }

func (h *host) issuerFrom572() string {
	if h.version.from(57, 2) {
		return h.issuer()
	}
	return ""
}
