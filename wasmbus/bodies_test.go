package wasmbus

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBodiesHaveTheShapeThatIsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name string
		body any
		want string
	}{
		{"a scale names its configs and allow_update always", V1Scale{ComponentRef: "r", ComponentID: "c", Count: 2, HostID: "h"},
			`{"component_ref":"r","component_id":"c","count":2,"host_id":"h","config":[],"allow_update":false}`},
		{"a scale with everything", V1Scale{
			ComponentRef: "r", ComponentID: "c", Annotations: map[string]string{"b": "2", "a": "1"}, Count: 2, HostID: "h",
			Config: []string{"x"}, AllowUpdate: true, ComponentLimits: map[string]string{"m": "1"},
		}, `{"component_ref":"r","component_id":"c","annotations":{"a":"1","b":"2"},"count":2,"host_id":"h","config":["x"],"allow_update":true,"component_limits":{"m":"1"}}`},
		{"an update without annotations", V1Update{ComponentID: "c", HostID: "h", NewComponentRef: "r"},
			`{"component_id":"c","host_id":"h","new_component_ref":"r"}`},
		{"a provider start", V1StartProvider{ProviderID: "p", ProviderRef: "r", HostID: "h"},
			`{"provider_id":"p","provider_ref":"r","host_id":"h","config":[]}`},
		{"a link without configs", V1Link{SourceID: "a", Target: "b", Name: "default", WITNamespace: "wasi", WITPackage: "http"},
			`{"source_id":"a","target":"b","name":"default","wit_namespace":"wasi","wit_package":"http","interfaces":[],"source_config":[],"target_config":[]}`},
		{"a config", V1Config{"b": "<2>", "a": "1"}, `{"a":"1","b":"<2>"}`},
		{"a component of an inventory", V1InventoryComponent{ID: "c", ImageRef: "r", MaxInstances: 1},
			`{"annotations":{},"id":"c","image_ref":"r","limits":null,"max_instances":1,"revision":0}`},
		{"a component with limits", V1InventoryComponent{ID: "c", Limits: V1Limits{"m": "1"}},
			`{"annotations":{},"id":"c","image_ref":"","limits":{"m":"1"},"max_instances":0,"revision":0}`},
		{"a launch without annotations", OTPLaunchActor{ActorRef: "r", Count: 1, HostID: "h"},
			`{"actor_ref":"r","annotations":{},"count":1,"host_id":"h"}`},
		{"a stop", OTPStopActor{ActorRef: "M1", Annotations: map[string]string{"wasmcloud.dev/appspec": "echo"}, Count: 1},
			`{"actor_ref":"M1","annotations":{"wasmcloud.dev/appspec":"echo"},"count":1}`},
		{"a link without values", OTPLinkdef{ActorID: "M1", ContractID: "c", LinkName: "l", ProviderID: "V1"},
			`{"actor_id":"M1","contract_id":"c","link_name":"l","provider_id":"V1","values":{}}`},
		{"a heartbeat with a list", OTPHeartbeat{Instances: []OTPHeartbeatInstance{{InstanceID: "i", PublicKey: "M1"}}},
			`{"actors":[{"instance_id":"i","public_key":"M1"}],"friendly_name":"","labels":{},"providers":[],"uptime_human":"","uptime_seconds":0,"version":""}`},
		{"a heartbeat of an idle host", OTPHeartbeat{}, `{"actors":[],"friendly_name":"","labels":{},"providers":[],"uptime_human":"","uptime_seconds":0,"version":""}`},
		{"a heartbeat with counts", OTPHeartbeat{Counts: map[string]int{"M2": 1, "M1": 2}},
			`{"actors":{"M1":2,"M2":1},"friendly_name":"","labels":{},"providers":[],"uptime_human":"","uptime_seconds":0,"version":""}`},
		{"the claims of a provider", OTPProviderClaims{Issuer: "A"},
			`{"expires_human":"","issuer":"A","name":null,"not_before_human":"","tags":null,"version":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Encode(c.body)
			if err != nil || string(got) != c.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestAnswersOfV1HostsAreEncoded(t *testing.T) {
	for want, response := range map[string]any{
		`{"success":true,"message":"m"}`:                       nil,
		`{"success":true,"message":"m","response":[]}`:         []V1Link(nil),
		`{"success":true,"message":"m","response":{"k":"v"}}`:  V1Config{"k": "v"},
		`{"success":true,"message":"m","response":{"key":""}}`: V1DeleteLabel{},
	} {
		got, err := EncodeV1Reply(true, "m", response)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}

func TestStringsThatAreNoTextDoNotEncode(t *testing.T) {
	if out, err := Encode(V1DeleteLabel{Key: "\xff"}); err == nil {
		t.Errorf("encoded %s", out)
	}
}

func TestAFailureAnswerIsARefusal(t *testing.T) {
	v1 := []byte(`{"success":false,"message":"no such thing"}`)
	otp := []byte(`{"accepted":false,"error":"no such thing"}`)
	for name, decode := range map[string]func() error{
		"host.ping":         func() error { _, err := DecodeV1HostSummary(v1); return err },
		"host.get":          func() error { _, err := DecodeV1Inventory(v1); return err },
		"link.get":          func() error { _, err := DecodeV1Links(v1); return err },
		"config.get":        func() error { _, _, err := DecodeV1Config(v1); return err },
		"claims.get":        func() error { _, err := DecodeV1Claims(v1); return err },
		"component.auction": func() error { _, err := DecodeV1ComponentAuction(v1); return err },
		"provider.auction":  func() error { _, err := DecodeV1ProviderAuction(v1); return err },
		"ping.hosts":        func() error { _, err := DecodeOTPHostSummary(otp); return err },
		"get.inv":           func() error { _, err := DecodeOTPInventory(otp); return err },
		"get.links":         func() error { _, err := DecodeOTPLinks(otp); return err },
		"get.claims":        func() error { _, err := DecodeOTPClaims(otp); return err },
		"auction.actor":     func() error { _, err := DecodeOTPActorAuction(otp); return err },
		"auction.provider":  func() error { _, err := DecodeOTPProviderAuction(otp); return err },
	} {
		var refused *RefusedError
		if err := decode(); !errors.As(err, &refused) || refused.Message != "no such thing" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ack, err := DecodeV1Ack(v1); err != nil || ack.Success || ack.Message != "no such thing" {
		t.Errorf("%+v, %v", ack, err)
	}
	if ack, err := DecodeOTPAck(otp); err != nil || ack.Accepted || ack.Error != "no such thing" {
		t.Errorf("%+v, %v", ack, err)
	}
}

func TestAnswersWithoutWhatWasAskedAreErrors(t *testing.T) {
	for _, body := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"success":true,"message":""}`, `{"success":true,"message":"","response":null}`,
		`{"success":true,"message":"","response":{}}`, `{"success":"yes"}`, `{"accepted":true,"error":""}`, `{`,
	} {
		for name, decode := range map[string]func([]byte) error{
			"host.ping":         func(b []byte) error { _, err := DecodeV1HostSummary(b); return err },
			"host.get":          func(b []byte) error { _, err := DecodeV1Inventory(b); return err },
			"link.get":          func(b []byte) error { _, err := DecodeV1Links(b); return err },
			"component.auction": func(b []byte) error { _, err := DecodeV1ComponentAuction(b); return err },
			"ping.hosts":        func(b []byte) error { _, err := DecodeOTPHostSummary(b); return err },
			"get.inv":           func(b []byte) error { _, err := DecodeOTPInventory(b); return err },
			"get.links":         func(b []byte) error { _, err := DecodeOTPLinks(b); return err },
			"get.claims":        func(b []byte) error { _, err := DecodeOTPClaims(b); return err },
			"auction.provider":  func(b []byte) error { _, err := DecodeOTPProviderAuction(b); return err },
		} {
			if decode([]byte(body)) == nil {
				t.Errorf("%s: %q decodes", name, body)
			}
		}
	}
}

func TestAConfigThatIsNotStoredIsNoError(t *testing.T) {
	config, found, err := DecodeV1Config([]byte(`{"success":true,"message":"Configuration not found"}`))
	if config != nil || found || err != nil {
		t.Errorf("%v, %v, %v", config, found, err)
	}
	config, found, err = DecodeV1Config([]byte(`{"success":true,"message":"","response":{}}`))
	if len(config) != 0 || !found || err != nil {
		t.Errorf("empty: %v, %v, %v", config, found, err)
	}
}

func TestRequestsAreFilledInAsHostsDo(t *testing.T) {
	for _, c := range []struct {
		name string
		got  func() (any, error)
		want any
	}{
		{"a scale under the wrong key is a stop", v1Body(V1OpComponentScale, `{"component_id":"c","max_instances":5}`), V1Scale{ComponentID: "c"}},
		{"a link without name", v1Body(V1OpLinkPut, `{"source_id":"a","target":"b","wit_namespace":"w","wit_package":"p","interfaces":[]}`),
			V1Link{SourceID: "a", Target: "b", Name: "default", WITNamespace: "w", WITPackage: "p", Interfaces: []string{}}},
		{"a provider stopped by its reference", v1Body(V1OpProviderStop, `{"host_id":"h","provider_ref":"p"}`), V1StopProvider{HostID: "h", ProviderID: "p"}},
		{"a provider stop without anything", v1Body(V1OpProviderStop, `{}`), V1StopProvider{}},
		{"a host stop without a body", v1Body(V1OpHostStop, ``), V1StopHost{}},
		{"a ping with a body", v1Body(V1OpHostPing, `{{{`), nil},
		{"a launch without a count", otpBody(OTPOpLaunchActor, `{"actor_ref":"r"}`), OTPLaunchActor{ActorRef: "r", Count: 1}},
		{"a launch of less than nothing", otpBody(OTPOpLaunchActor, `{"actor_ref":"","count":-1}`), OTPLaunchActor{Count: -1}},
		{"an auction without a link name", otpBody(OTPOpAuctionProvider, `{"provider_ref":"r"}`), OTPProviderAuction{ProviderRef: "r", LinkName: "default"}},
		{"a configuration that is an object", otpBody(OTPOpLaunchProvider, `{"provider_ref":"r","link_name":"","configuration":{"a":1}}`),
			OTPLaunchProvider{ProviderRef: "r", Configuration: `{"a":1}`}},
		{"a configuration that is a text", otpBody(OTPOpLaunchProvider, `{"provider_ref":"r","link_name":"","configuration":"{\"a\":1}"}`),
			OTPLaunchProvider{ProviderRef: "r", Configuration: `{"a":1}`}},
		{"credentials", v1Body(V1OpRegistryPut, `{"r.example":{"registryType":"oci","token":"t"}}`), map[string]Registry{"r.example": {Type: "oci", Token: "t"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.got()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func v1Body(op V1Op, body string) func() (any, error) {
	return func() (any, error) { return DecodeV1Request(op, []byte(body)) }
}

func otpBody(op OTPOp, body string) func() (any, error) {
	return func() (any, error) { return DecodeOTPRequest(op, []byte(body)) }
}
