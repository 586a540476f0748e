package wasmbus

import (
	"errors"
	"fmt"
	"math"

	"github.com/go-json-experiment/json"
)

// v1Events holds the decoder of each event of 1.x hosts.
var v1Events = map[string]eventDecoder{
	"host_started":   decodeAs(nil, plain[V1HostStarted]),
	"host_stopped":   decodeAs(nil, plain[V1HostStopped]),
	"host_heartbeat": decodeAs(startV1Heartbeat, finishV1Heartbeat),
	"component_scaled": decodeAs(nil, func(w *v1ScaledWire) (any, error) {
		if w.MaxInstances == nil {
			return nil, errors.New(`missing "max_instances"`)
		}
		w.V1ComponentScaled.MaxInstances = *w.MaxInstances
		return w.V1ComponentScaled, validIDs("component_id", w.ComponentID)
	}),
	"component_scale_failed": decodeAs(nil, checked(func(d *V1ComponentScaleFailed) []string {
		return []string{"component_id", d.ComponentID}
	})),
	"provider_started": decodeAs(nil, checked(func(d *V1ProviderStarted) []string {
		return []string{"provider_id", d.ProviderID}
	})),
	"provider_start_failed": decodeAs(nil, checked(func(d *V1ProviderStartFailed) []string {
		return []string{"provider_id", d.ProviderID}
	})),
	"provider_stopped": decodeAs(nil, checked(func(d *V1ProviderStopped) []string {
		return []string{"provider_id", d.ProviderID}
	})),
	"health_check_passed": decodeAs(nil, checked(func(d *V1HealthCheckPassed) []string {
		return []string{"provider_id", d.ProviderID}
	})),
	"health_check_failed": decodeAs(nil, checked(func(d *V1HealthCheckFailed) []string {
		return []string{"provider_id", d.ProviderID}
	})),
	"health_check_status": decodeAs(nil, checked(func(d *V1HealthCheckStatus) []string {
		return []string{"provider_id", d.ProviderID}
	})),
	"linkdef_set":        decodeAs(nil, checked(func(d *V1LinkdefSet) []string { return d.ids() })),
	"linkdef_set_failed": decodeAs(nil, checked(func(d *V1LinkdefSetFailed) []string { return d.ids() })),
	"linkdef_deleted": decodeAs(nil, checked(func(d *V1LinkdefDeleted) []string {
		return []string{"source_id", d.SourceID, "name", d.Name}
	})),
	"config_set":     decodeAs(nil, checked(func(d *V1ConfigSet) []string { return []string{"config_name", d.ConfigName} })),
	"config_deleted": decodeAs(nil, checked(func(d *V1ConfigDeleted) []string { return []string{"config_name", d.ConfigName} })),
	"labels_changed": decodeAs(nil, plain[V1LabelsChanged]),
}

// v1EventNames names the event structs of 1.x hosts.
var v1EventNames = namesByType(map[string]any{
	"host_started":           V1HostStarted{},
	"host_stopped":           V1HostStopped{},
	"host_heartbeat":         V1HostHeartbeat{},
	"component_scaled":       V1ComponentScaled{},
	"component_scale_failed": V1ComponentScaleFailed{},
	"provider_started":       V1ProviderStarted{},
	"provider_start_failed":  V1ProviderStartFailed{},
	"provider_stopped":       V1ProviderStopped{},
	"health_check_passed":    V1HealthCheckPassed{},
	"health_check_failed":    V1HealthCheckFailed{},
	"health_check_status":    V1HealthCheckStatus{},
	"linkdef_set":            V1LinkdefSet{},
	"linkdef_set_failed":     V1LinkdefSetFailed{},
	"linkdef_deleted":        V1LinkdefDeleted{},
	"config_set":             V1ConfigSet{},
	"config_deleted":         V1ConfigDeleted{},
	"labels_changed":         V1LabelsChanged{},
})

// v1ScaledWire tells a missing max_instances from 0, which is a stop.
type v1ScaledWire struct {
	V1ComponentScaled
	MaxInstances *uint32 `json:"max_instances"`
}

func (l *V1Link) ids() []string {
	return []string{"source_id", l.SourceID, "target", l.Target, "name", l.Name}
}

// noUptime stands for an uptime that a message does not tell.
const noUptime = math.MaxUint64

func startV1Heartbeat(d *V1HostHeartbeat) { d.UptimeSeconds = noUptime }

func finishV1Heartbeat(d *V1HostHeartbeat) (any, error) { return *d, d.check() }

// check refuses an inventory that lacks a list, for that would read as
// "nothing runs", and one with ids that cannot be ids.
func (inv *V1Inventory) check() error {
	switch {
	case inv.Components == nil:
		return errors.New(`missing "components"`)
	case inv.Providers == nil:
		return errors.New(`missing "providers"`)
	case inv.UptimeSeconds == noUptime:
		return errors.New(`missing "uptime_seconds"`)
	}
	for i := range inv.Components {
		if err := validIDs("component id", inv.Components[i].ID); err != nil {
			return err
		}
	}
	for i := range inv.Providers {
		if err := validIDs("provider id", inv.Providers[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// v1Reply is an answer with its typed response.
type v1Reply[T any] struct {
	Success  *bool  `json:"success"`
	Message  string `json:"message"`
	Response *T     `json:"response"`
}

// decodeV1Reply decodes an answer into its response, nil if it has none.
func decodeV1Reply[T any](what string, data []byte, start func(*T), check func(*T) error) (*T, error) {
	var reply v1Reply[T]
	var into T
	if start != nil {
		start(&into)
		reply.Response = &into
	}
	if err := unmarshal(data, &reply); err != nil {
		return nil, fmt.Errorf("decoding answer to %s: %w", what, err)
	}
	switch {
	case reply.Success == nil:
		return nil, fmt.Errorf(`decoding answer to %s: missing "success"`, what)
	case !*reply.Success:
		return nil, fmt.Errorf("asking %s: %w", what, &RefusedError{Message: reply.Message})
	case reply.Response == nil:
		return nil, nil
	}
	if check != nil {
		if err := check(reply.Response); err != nil {
			return nil, fmt.Errorf("decoding answer to %s: %w", what, err)
		}
	}
	return reply.Response, nil
}

// demandV1Reply is decodeV1Reply where an answer without a response is an error.
func demandV1Reply[T any](what string, data []byte, start func(*T), check func(*T) error) (T, error) {
	out, err := decodeV1Reply(what, data, start, check)
	if err == nil && out == nil {
		err = fmt.Errorf("decoding answer to %s: no response", what)
	}
	if err != nil {
		var none T
		return none, err
	}
	return *out, nil
}

// DecodeV1Ack decodes any answer of a 1.x host, a failure too.
func DecodeV1Ack(data []byte) (V1Ack, error) {
	var wire struct {
		Success *bool `json:"success"`
		V1Ack
	}
	if err := unmarshal(data, &wire); err != nil {
		return V1Ack{}, fmt.Errorf("decoding answer: %w", err)
	}
	if wire.Success == nil {
		return V1Ack{}, errors.New(`decoding answer: missing "success"`)
	}
	wire.V1Ack.Success = *wire.Success
	if string(wire.Response) == "null" {
		wire.Response = nil
	}
	return wire.V1Ack, nil
}

// DecodeV1HostSummary decodes one answer to host.ping. Here and below a failure
// answer is a *RefusedError.
func DecodeV1HostSummary(data []byte) (V1HostSummary, error) {
	return demandV1Reply("host.ping", data, nil, func(s *V1HostSummary) error { return validIDs("id", s.ID) })
}

// DecodeV1Inventory decodes the answer to host.get.
func DecodeV1Inventory(data []byte) (V1Inventory, error) {
	return demandV1Reply("host.get", data,
		func(inv *V1Inventory) { inv.UptimeSeconds = noUptime },
		func(inv *V1Inventory) error {
			if err := validIDs("host_id", inv.HostID); err != nil {
				return err
			}
			return inv.check()
		})
}

// DecodeV1Links decodes the answer to link.get. Ids in it are not judged: one
// odd link of somebody else must not hide the rest.
func DecodeV1Links(data []byte) ([]V1Link, error) {
	return demandV1Reply[[]V1Link]("link.get", data, nil, nil)
}

// DecodeV1Config decodes the answer to config.get; false where there is none.
func DecodeV1Config(data []byte) (V1Config, bool, error) {
	config, err := decodeV1Reply[V1Config]("config.get", data, nil, nil)
	if err != nil || config == nil {
		return nil, false, err
	}
	return *config, true, nil
}

// DecodeV1Claims decodes the answer to claims.get.
func DecodeV1Claims(data []byte) ([]map[string]string, error) {
	return demandV1Reply[[]map[string]string]("claims.get", data, nil, nil)
}

// DecodeV1ComponentAuction decodes a bid on component.auction.
func DecodeV1ComponentAuction(data []byte) (V1ComponentAuction, error) {
	return demandV1Reply("component.auction", data, nil,
		func(bid *V1ComponentAuction) error { return validIDs("host_id", bid.HostID) })
}

// DecodeV1ProviderAuction decodes a bid on provider.auction.
func DecodeV1ProviderAuction(data []byte) (V1ProviderAuction, error) {
	return demandV1Reply("provider.auction", data, nil,
		func(bid *V1ProviderAuction) error { return validIDs("host_id", bid.HostID) })
}

// EncodeV1Reply returns an answer of a 1.x host; response nil is left out.
func EncodeV1Reply(success bool, message string, response any) ([]byte, error) {
	return Encode(struct {
		Success  bool   `json:"success"`
		Message  string `json:"message"`
		Response any    `json:"response,omitzero"`
	}{success, message, response})
}

// DecodeV1Request decodes the body of a request as a host does: the result is
// the struct of the operation by value (V1Scale, V1Link, …), nil for
// operations without a body. An error is what a host answers with
// success:false.
func DecodeV1Request(op V1Op, body []byte) (any, error) {
	return decodeRequestOf(op, body, v1Requests)
}

// v1Requests holds the decoder of each operation.
var v1Requests = map[V1Op]requestDecoder{
	V1OpHostPing:  noBody,
	V1OpHostGet:   noBody,
	V1OpLinkGet:   noBody,
	V1OpClaimsGet: noBody,
	V1OpConfigGet: noBody,
	V1OpConfigDel: noBody,
	V1OpHostStop: func(body []byte) (any, error) {
		if len(body) == 0 {
			return V1StopHost{}, nil
		}
		return request(body, V1StopHost{})
	},
	V1OpComponentScale:   over(V1Scale{}, "component_id"),
	V1OpComponentUpdate:  over(V1Update{}, "component_id", "new_component_ref"),
	V1OpComponentAuction: over(V1ComponentAuction{}, "component_ref", "component_id", "constraints"),
	V1OpProviderStart:    over(V1StartProvider{}, "provider_id"),
	V1OpProviderStop: func(body []byte) (any, error) {
		wire, err := request(body, struct {
			V1StopProvider
			ProviderRef string `json:"provider_ref"`
		}{})
		if wire.ProviderID == "" {
			wire.ProviderID = wire.ProviderRef
		}
		return wire.V1StopProvider, err
	},
	V1OpProviderAuction: over(V1ProviderAuction{}, "provider_ref", "provider_id", "constraints"),
	V1OpLinkPut:         over(V1Link{Name: "default"}, "source_id", "target", "wit_namespace", "wit_package", "interfaces"),
	V1OpLinkDel:         over(V1DeleteLink{Name: "default"}, "source_id", "wit_namespace", "wit_package"),
	V1OpConfigPut:       over(V1Config(nil)),
	V1OpLabelPut:        over(V1PutLabel{}, "key", "value"),
	V1OpLabelDel:        over(V1DeleteLabel{}, "key"),
	V1OpRegistryPut:     over(map[string]Registry(nil)),
}

// requestDecoder decodes the body of one operation.
type requestDecoder func(body []byte) (any, error)

// noBody is for operations whose body no host looks at.
func noBody([]byte) (any, error) { return nil, nil }

// over decodes over defaults; required names must be there. (Maps have none:
// the default would be shared by all requests.)
func over[T any](defaults T, required ...string) requestDecoder {
	return func(body []byte) (any, error) { return request(body, defaults, required...) }
}

// decodeRequestOf decodes the body of one operation of a dialect.
func decodeRequestOf[Op V1Op | OTPOp](op Op, body []byte, decoders map[Op]requestDecoder) (any, error) {
	decode, known := decoders[op]
	if !known {
		return nil, fmt.Errorf("decoding %s request: no such operation", clip(string(op)))
	}
	out, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("decoding %s request: %w", op, err)
	}
	return out, nil
}

// request decodes a body over the defaults in out; required names must be there.
func request[T any](body []byte, out T, required ...string) (T, error) {
	if err := require(body, required...); err != nil {
		return out, err
	}
	return out, json.Unmarshal(body, &out, decodeOptions)
}

// Registry holds the credentials of one image registry, the values of a
// registry.put or registries.put body by registry. It is never to be logged.
type Registry struct {
	Type     string `json:"registryType,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
}
