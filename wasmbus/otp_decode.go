package wasmbus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// otpEvents holds the decoder of each event of OTP hosts.
var otpEvents = map[string]eventDecoder{
	"host_started":       decodeAs(nil, plain[OTPHostStarted]),
	"host_stopped":       decodeAs(nil, plain[OTPHostStopped]),
	"host_heartbeat":     decodeAs(startOTPHeartbeat, finishOTPHeartbeat),
	"actor_started":      decodeAs(nil, checked(func(d *OTPActorStarted) []string { return actorIDs(d.PublicKey, d.InstanceID) })),
	"actor_start_failed": decodeAs(nil, plain[OTPActorStartFailed]),
	"actor_stopped":      decodeAs(nil, checked(func(d *OTPActorStopped) []string { return actorIDs(d.PublicKey, d.InstanceID) })),
	"actor_updated":      decodeAs(nil, checked(func(d *OTPActorUpdated) []string { return actorIDs(d.PublicKey, d.InstanceID) })),
	"actor_update_failed": decodeAs(nil, checked(func(d *OTPActorUpdateFailed) []string {
		return actorIDs(d.PublicKey, d.InstanceID)
	})),
	"actors_started":      decodeAs(nil, checked(func(d *OTPActorsStarted) []string { return []string{"public_key", d.PublicKey} })),
	"actors_start_failed": decodeAs(nil, plain[OTPActorsStartFailed]),
	"actors_stopped":      decodeAs(nil, plain[OTPActorsStopped]),
	"provider_started": decodeAs(nil, checked(func(d *OTPProviderStarted) []string {
		return providerIDs(d.PublicKey, d.LinkName, "instance_id", d.InstanceID)
	})),
	"provider_start_failed": decodeAs(nil, plain[OTPProviderStartFailed]),
	"provider_stopped": decodeAs(nil, checked(func(d *OTPProviderStopped) []string {
		return providerIDs(d.PublicKey, d.LinkName)
	})),
	"health_check_passed": decodeAs(nil, checked(func(d *OTPHealthCheckPassed) []string {
		return providerIDs(d.PublicKey, d.LinkName)
	})),
	"health_check_failed": decodeAs(nil, checked(func(d *OTPHealthCheckFailed) []string {
		return providerIDs(d.PublicKey, d.LinkName)
	})),
	"health_check_status": decodeAs(nil, checked(func(d *OTPHealthCheckStatus) []string {
		return providerIDs(d.PublicKey, d.LinkName)
	})),
	"linkdef_set":          decodeAs(nil, checked(func(d *OTPLinkdefSet) []string { return d.ids() })),
	"linkdef_deleted":      decodeAs(nil, checked(func(d *OTPLinkdefDeleted) []string { return d.ids() })),
	"refmap_set":           decodeAs(nil, checked(func(d *OTPRefmapSet) []string { return []string{"public_key", d.PublicKey} })),
	"invocation_succeeded": decodeAs(nil, plain[OTPInvocationSucceeded]),
	"invocation_failed":    decodeAs(nil, plain[OTPInvocationFailed]),
}

// otpEventNames names the event structs of OTP hosts.
var otpEventNames = namesByType(map[string]any{
	"host_started":          OTPHostStarted{},
	"host_stopped":          OTPHostStopped{},
	"host_heartbeat":        OTPHeartbeat{},
	"actor_started":         OTPActorStarted{},
	"actor_start_failed":    OTPActorStartFailed{},
	"actor_stopped":         OTPActorStopped{},
	"actor_updated":         OTPActorUpdated{},
	"actor_update_failed":   OTPActorUpdateFailed{},
	"actors_started":        OTPActorsStarted{},
	"actors_start_failed":   OTPActorsStartFailed{},
	"actors_stopped":        OTPActorsStopped{},
	"provider_started":      OTPProviderStarted{},
	"provider_start_failed": OTPProviderStartFailed{},
	"provider_stopped":      OTPProviderStopped{},
	"health_check_passed":   OTPHealthCheckPassed{},
	"health_check_failed":   OTPHealthCheckFailed{},
	"health_check_status":   OTPHealthCheckStatus{},
	"linkdef_set":           OTPLinkdefSet{},
	"linkdef_deleted":       OTPLinkdefDeleted{},
	"refmap_set":            OTPRefmapSet{},
	"invocation_succeeded":  OTPInvocationSucceeded{},
	"invocation_failed":     OTPInvocationFailed{},
})

func actorIDs(key, instance string) []string {
	return []string{"public_key", key, "instance_id", instance}
}

// providerIDs are the ids of a provider: hosts take an empty link name.
func providerIDs(key, link string, more ...string) []string {
	out := append([]string{"public_key", key}, more...)
	if link != "" {
		out = append(out, "link_name", link)
	}
	return out
}

func (l *OTPLinkdef) ids() []string {
	return providerIDs(l.ProviderID, l.LinkName, "actor_id", l.ActorID)
}

// otpHeartbeatWire is OTPHeartbeat on the wire.
type otpHeartbeatWire struct {
	Actors        otpActors              `json:"actors"`
	FriendlyName  string                 `json:"friendly_name"`
	Labels        map[string]string      `json:"labels"`
	Providers     []OTPHeartbeatProvider `json:"providers"`
	UptimeHuman   string                 `json:"uptime_human"`
	UptimeSeconds uint64                 `json:"uptime_seconds"`
	Version       string                 `json:"version"`
}

// otpActors is the list form or the count form; both nil is neither.
type otpActors struct {
	list   []OTPHeartbeatInstance
	counts map[string]int
}

// UnmarshalJSONFrom takes either form in the same pass as the rest.
func (a *otpActors) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*a = otpActors{}
	switch dec.PeekKind() {
	case '[':
		return json.UnmarshalDecode(dec, &a.list)
	case '{':
		return json.UnmarshalDecode(dec, &a.counts)
	}
	if err := dec.SkipValue(); err != nil {
		return err
	}
	return errors.New("actors are neither a list nor an object")
}

// MarshalJSONTo sends the form that is there.
func (a otpActors) MarshalJSONTo(enc *jsontext.Encoder) error {
	if a.counts != nil {
		return json.MarshalEncode(enc, a.counts)
	}
	return json.MarshalEncode(enc, a.list)
}

// MarshalJSON sends the count form where Counts is set, else the list form.
func (h OTPHeartbeat) MarshalJSON() ([]byte, error) {
	return json.Marshal(otpHeartbeatWire{
		Actors: otpActors{h.Instances, h.Counts}, FriendlyName: h.FriendlyName, Labels: h.Labels,
		Providers: h.Providers, UptimeHuman: h.UptimeHuman, UptimeSeconds: h.UptimeSeconds, Version: h.Version,
	}, encodeOptions)
}

func startOTPHeartbeat(w *otpHeartbeatWire) { w.UptimeSeconds = noUptime }

// maxCount bounds what a host may claim to run of one key: whoever folds it
// may make that many instances.
const maxCount = 1 << 20

// finishOTPHeartbeat refuses what would read as "nothing runs" without saying
// it, and the later form of heartbeats that names actors by "id".
func finishOTPHeartbeat(w *otpHeartbeatWire) (any, error) {
	switch {
	case w.Actors.list == nil && w.Actors.counts == nil:
		return nil, errors.New(`missing "actors"`)
	case w.Providers == nil:
		return nil, errors.New(`missing "providers"`)
	case w.UptimeSeconds == noUptime:
		return nil, errors.New(`missing "uptime_seconds"`)
	}
	for _, inst := range w.Actors.list {
		if err := validIDs(actorIDs(inst.PublicKey, inst.InstanceID)...); err != nil {
			return nil, err
		}
	}
	for key, n := range w.Actors.counts {
		if !ValidToken(key) || n < 0 || n > maxCount {
			return nil, fmt.Errorf("actors: %q: %d is not a count", clip(key), n)
		}
	}
	for _, p := range w.Providers {
		if err := validIDs(providerIDs(p.PublicKey, p.LinkName)...); err != nil {
			return nil, err
		}
	}
	return OTPHeartbeat{
		Instances: w.Actors.list, Counts: w.Actors.counts, FriendlyName: w.FriendlyName, Labels: w.Labels,
		Providers: w.Providers, UptimeHuman: w.UptimeHuman, UptimeSeconds: w.UptimeSeconds, Version: w.Version,
	}, nil
}

// UnmarshalJSON keeps what can be an annotation of ours: string values of an
// object.
func (a *OTPAnnotations) UnmarshalJSON(raw []byte) error {
	*a = nil
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var all map[string]string
	if err := json.Unmarshal(raw, &all, decodeOptions); err == nil {
		*a = all
		return nil
	}
	var mixed map[string]jsontext.Value
	if err := json.Unmarshal(raw, &mixed, decodeOptions); err != nil {
		return err
	}
	all = make(map[string]string, len(mixed))
	for name, value := range mixed {
		var text string
		if value.Kind() == '"' && json.Unmarshal(value, &text) == nil {
			all[name] = text
		}
	}
	*a = all
	return nil
}

// DecodeOTPAck decodes the answer to a command, accepted:false too.
func DecodeOTPAck(data []byte) (OTPAck, error) {
	var wire struct {
		Accepted *bool  `json:"accepted"`
		Error    string `json:"error"`
	}
	if err := unmarshal(data, &wire); err != nil {
		return OTPAck{}, fmt.Errorf("decoding answer: %w", err)
	}
	if wire.Accepted == nil {
		return OTPAck{}, errors.New(`decoding answer: missing "accepted"`)
	}
	return OTPAck{Accepted: *wire.Accepted, Error: wire.Error}, nil
}

// otpReply decodes a bare reply; a failure ack in its place is a *RefusedError.
func otpReply[T any](what string, data []byte, check func(*T) error) (T, error) {
	var out T
	err := unmarshal(data, &out)
	if err == nil {
		err = check(&out)
	}
	if err == nil {
		return out, nil
	}
	var none T
	if ack, ackErr := DecodeOTPAck(data); ackErr == nil && !ack.Accepted {
		return none, fmt.Errorf("asking %s: %w", what, &RefusedError{Message: ack.Error})
	}
	return none, fmt.Errorf("decoding reply to %s: %w", what, err)
}

// DecodeOTPHostSummary decodes one reply to ping.hosts. Here and below an
// accepted:false is a *RefusedError.
func DecodeOTPHostSummary(data []byte) (OTPHostSummary, error) {
	return otpReply("ping.hosts", data, func(s *OTPHostSummary) error { return validIDs("id", s.ID) })
}

// DecodeOTPInventory decodes the reply to get.{host}.inv.
func DecodeOTPInventory(data []byte) (OTPInventory, error) {
	return otpReply("get.inv", data, (*OTPInventory).check)
}

// check refuses an inventory that lacks a list and merges repeated entries.
func (inv *OTPInventory) check() error {
	switch {
	case inv.Actors == nil:
		return errors.New(`missing "actors"`)
	case inv.Providers == nil:
		return errors.New(`missing "providers"`)
	}
	if err := validIDs("host_id", inv.HostID); err != nil {
		return err
	}
	at := make(map[string]int, len(inv.Actors))
	seen := map[string]bool{}
	merged := inv.Actors[:0]
	for _, actor := range inv.Actors {
		if err := validIDs("actor id", actor.ID); err != nil {
			return err
		}
		i, known := at[actor.ID]
		if !known {
			i = len(merged)
			at[actor.ID] = i
			merged = append(merged, actor)
			merged[i].Instances = make([]OTPInventoryInstance, 0, len(actor.Instances))
		}
		for _, inst := range actor.Instances {
			if err := validIDs("instance_id", inst.InstanceID); err != nil {
				return err
			}
			if !seen[inst.InstanceID] {
				seen[inst.InstanceID] = true
				merged[i].Instances = append(merged[i].Instances, inst)
			}
		}
	}
	inv.Actors = merged
	for _, p := range inv.Providers {
		if err := validIDs(providerIDs(p.ID, p.LinkName)...); err != nil {
			return err
		}
	}
	return nil
}

// DecodeOTPLinks decodes the reply to get.links. Ids in it are not judged: one
// odd link of somebody else must not hide the rest.
func DecodeOTPLinks(data []byte) ([]OTPLinkdef, error) {
	reply, err := otpReply("get.links", data, func(r *OTPLinksReply) error { return present(r.Links, "links") })
	return reply.Links, err
}

// DecodeOTPClaims decodes the reply to get.claims.
func DecodeOTPClaims(data []byte) ([]OTPClaims, error) {
	reply, err := otpReply("get.claims", data, func(r *OTPClaimsReply) error { return present(r.Claims, "claims") })
	return reply.Claims, err
}

func present[T any](list []T, name string) error {
	if list == nil {
		return fmt.Errorf("missing %q", name)
	}
	return nil
}

// DecodeOTPActorAuction decodes a bid on auction.actor.
func DecodeOTPActorAuction(data []byte) (OTPActorAuction, error) {
	return otpReply("auction.actor", data, func(bid *OTPActorAuction) error { return validIDs("host_id", bid.HostID) })
}

// DecodeOTPProviderAuction decodes a bid on auction.provider.
func DecodeOTPProviderAuction(data []byte) (OTPProviderAuction, error) {
	return otpReply("auction.provider", data, func(bid *OTPProviderAuction) error { return validIDs("host_id", bid.HostID) })
}

// DecodeOTPRequest decodes the body of a request as a host does: the result is
// the struct of the operation by value (OTPLaunchActor, OTPLinkdef, …), nil for
// operations without a body. An error is what a host refuses, does not answer,
// or accepts and drops (protocol B1, D3).
func DecodeOTPRequest(op OTPOp, body []byte) (any, error) {
	return decodeRequestOf(op, body, otpRequests)
}

// otpRequests holds the decoder of each operation.
var otpRequests = map[OTPOp]requestDecoder{
	OTPOpPingHosts:       noBody,
	OTPOpInventory:       noBody,
	OTPOpClaims:          noBody,
	OTPOpLinks:           noBody,
	OTPOpAuctionActor:    over(OTPActorAuction{}, "actor_ref"),
	OTPOpAuctionProvider: over(OTPProviderAuction{LinkName: "default"}, "provider_ref"),
	OTPOpLaunchActor:     func(body []byte) (any, error) { return launchActor(body) },
	OTPOpStopActor: func(body []byte) (any, error) {
		out, err := request(body, OTPStopActor{}, "actor_ref", "count")
		if err == nil && out.Count < 0 {
			err = errors.New("negative count")
		}
		return out, err
	},
	OTPOpScale:          over(OTPScale{}, "actor_id", "actor_ref", "count"),
	OTPOpUpdate:         over(OTPUpdate{}, "new_actor_ref"),
	OTPOpLaunchProvider: func(body []byte) (any, error) { return launchProvider(body) },
	OTPOpStopProvider:   over(OTPStopProvider{}, "provider_ref", "link_name"),
	OTPOpStopHost:       over(OTPStopHost{}),
	OTPOpLinkdefPut:     over(OTPLinkdef{}, "actor_id", "contract_id", "link_name", "provider_id"),
	OTPOpLinkdefDel:     over(OTPDeleteLinkdef{}, "actor_id", "contract_id", "link_name"),
	OTPOpRegistriesPut:  over(map[string]Registry(nil)),
}

// launchActor tells a count that is left out (one) from null, which a host
// accepts and never carries out.
func launchActor(body []byte) (OTPLaunchActor, error) {
	wire, err := request(body, struct {
		OTPLaunchActor
		Count jsontext.Value `json:"count"`
	}{}, "actor_ref")
	out := wire.OTPLaunchActor
	if err != nil {
		return out, err
	}
	out.Count = 1
	if wire.Count != nil {
		if out.Count, err = strconv.Atoi(string(wire.Count)); err != nil {
			return out, fmt.Errorf("count %s is not a whole number", clip(string(wire.Count)))
		}
	}
	return out, nil
}

// launchProvider takes a configuration that is JSON instead of a text of JSON.
func launchProvider(body []byte) (OTPLaunchProvider, error) {
	wire, err := request(body, struct {
		OTPLaunchProvider
		Configuration jsontext.Value `json:"configuration"`
	}{}, "provider_ref", "link_name")
	out := wire.OTPLaunchProvider
	switch raw := wire.Configuration; {
	case err != nil, len(raw) == 0, raw.Kind() == 'n':
	case raw.Kind() == '"':
		err = json.Unmarshal(raw, &out.Configuration)
	default:
		out.Configuration = string(raw)
	}
	return out, err
}

// OTPSameKeyRefusal reports whether the error text of an actor_start_failed or
// actors_start_failed says that the public key already runs on the host from
// another reference, and which key that is. It is the only way to learn that
// two references share a key before the second one ever ran.
func OTPSameKeyRefusal(errText string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(OTPErrorText(errText), "Cannot start new instance of ")
	if !ok {
		return "", false
	}
	key, rest, ok = strings.Cut(rest, " ")
	// 0.63 leaves out "OCI" before both words "reference".
	if !ok || !ValidToken(key) ||
		!strings.Contains(rest, "already running with different OCI reference") &&
			!strings.Contains(rest, "already running with different reference") {
		return "", false
	}
	return key, true
}

// OTPErrorText returns an error text of an OTP host without the quotes and
// escapes of its inspected form.
func OTPErrorText(errText string) string {
	if len(errText) < 2 || errText[0] != '"' || errText[len(errText)-1] != '"' {
		return errText
	}
	if text, err := strconv.Unquote(errText); err == nil {
		return text
	}
	return errText[1 : len(errText)-1]
}
