package tongue

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

func typeName(v any) string { return fmt.Sprintf("%T", v) }

const (
	hostA = lattice.HostID("NA000000000000000000000000000000000000000000000000000000")
	keyM  = "MA222222222222222222222222222222222222222222222222222222"
	keyV  = "VA222222222222222222222222222222222222222222222222222222"
)

func TestHearingV1(t *testing.T) {
	const at = 5 * time.Second
	can := lattice.Can{Update: true, Beat: true}
	tests := map[string]struct {
		data any
		want []lattice.Event
	}{
		"a host that started is named by the source of the event": {
			wasmbus.V1HostStarted{FriendlyName: "bold", Labels: map[string]string{"zone": "a"}, Version: "1.9.2", UptimeSeconds: 1},
			[]lattice.Event{lattice.HostStarted{Host: hostA, Dialect: lattice.V1, Can: can, Name: "bold", Labels: map[string]string{"zone": "a"}, Version: "1.9.2", Uptime: 1}},
		},
		"a heartbeat is an inventory asked for when it came": {
			wasmbus.V1HostHeartbeat{V1Inventory: wasmbus.V1Inventory{FriendlyName: "bold", Version: "1.9.2", UptimeSeconds: 30,
				Components: []wasmbus.V1InventoryComponent{{ID: "app-web", ImageRef: "oci://r/web:1", MaxInstances: 3, Annotations: map[string]string{"a": "b"}}},
				Providers:  []wasmbus.V1InventoryProvider{{ID: "app-http", ImageRef: "r/http:1"}}}},
			[]lattice.Event{lattice.Inventory{Host: hostA, Dialect: lattice.V1, Can: can, Name: "bold", Version: "1.9.2", Uptime: 30, Asked: at, Beat: true,
				Resources: []lattice.Resource{
					{Key: lattice.Key{ID: "app-web"}, Ref: "oci://r/web:1", Groups: []lattice.Group{{Annotations: lattice.Annotations{"a": "b"}, Count: 3}}},
					{Key: lattice.Key{Kind: lattice.Provider, ID: "app-http"}, Ref: "r/http:1", Groups: []lattice.Group{{Count: 1}}}}}},
		},
		"a scale event is a count, and the host id in its data is not believed": {
			wasmbus.V1ComponentScaled{HostID: "somebody else", ComponentID: "app-web", ImageRef: "file:///web.wasm", MaxInstances: 0},
			[]lattice.Event{lattice.Scaled{Host: hostA, Key: lattice.Key{ID: "app-web"}, Ref: "file:///web.wasm"}},
		},
		"the instance id of a provider is filler": {
			wasmbus.V1ProviderStarted{ProviderID: "app-http", ImageRef: "wasmcloud+builtin://http-server", InstanceID: "app-http"},
			[]lattice.Event{lattice.Started{Host: hostA, Key: lattice.Key{Kind: lattice.Provider, ID: "app-http"}, Ref: "wasmcloud+builtin://http-server"}},
		},
		"a builtin provider that does not start is known by its reference": {
			wasmbus.V1ProviderStartFailed{ProviderID: "app-http", ProviderRef: "wasmcloud+builtin://http-server", Error: "no"},
			[]lattice.Event{lattice.StartFailed{Host: hostA, Key: lattice.Key{Kind: lattice.Provider, ID: "app-http"}, Ref: "wasmcloud+builtin://http-server", Count: 1, Error: "no"}},
		},
		"an unchanged health says nothing, it may be bad": {wasmbus.V1HealthCheckStatus{ProviderID: "app-http"}, nil},
		"a failed probe": {
			wasmbus.V1HealthCheckFailed{ProviderID: "app-http"},
			[]lattice.Event{lattice.Health{Host: hostA, Key: lattice.Key{Kind: lattice.Provider, ID: "app-http"}}},
		},
		"a link that was refused": {
			wasmbus.V1LinkdefSetFailed{V1Link: wasmbus.V1Link{SourceID: "a", Target: "b", Name: "default", WITNamespace: "wasi", WITPackage: "http"}, Error: "no config"},
			[]lattice.Event{lattice.LinkFailed{Link: lattice.Link{Source: "a", Target: "b", Name: "default", Namespace: "wasi", Package: "http"}, Error: "no config"}},
		},
		"a link that was deleted without a target": {
			wasmbus.V1LinkdefDeleted{SourceID: "a", Name: "default", WITNamespace: "wasi", WITPackage: "http"},
			[]lattice.Event{lattice.LinkDeleted{Slot: lattice.Slot{Source: "a", Name: "default", Namespace: "wasi", Package: "http"}}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := hearV1(wasmbus.Event{Host: string(hostA), Data: tt.data}, at)
			if !got.Known || got.Host != hostA {
				t.Errorf("known %v, host %q", got.Known, got.Host)
			}
			if diff := cmp.Diff(tt.want, got.Events); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestHearingOTP(t *testing.T) {
	const at = 5 * time.Second
	can := lattice.Can{Relative: true, StopAll: true, Live: true, Claims: true}
	component := lattice.Key{ID: keyM}
	provider := lattice.Key{Kind: lattice.Provider, ID: keyV, Link: "default"}
	tests := map[string]struct {
		data any
		want []lattice.Event
	}{
		"the list form of a heartbeat counts instances and keeps their ids": {
			wasmbus.OTPHeartbeat{UptimeSeconds: 9, Version: "0.58.2",
				Instances: []wasmbus.OTPHeartbeatInstance{{InstanceID: "i1", PublicKey: keyM}, {InstanceID: "i2", PublicKey: keyM}},
				Providers: []wasmbus.OTPHeartbeatProvider{{PublicKey: keyV, LinkName: "default", InstanceID: "i3"}}},
			[]lattice.Event{lattice.Inventory{Host: hostA, Dialect: lattice.OTP, Can: can, Version: "0.58.2", Uptime: 9, Asked: at, Beat: true, Bare: true,
				Resources: []lattice.Resource{
					{Key: component, Groups: []lattice.Group{{Count: 2, Instances: []string{"i1", "i2"}}}},
					{Key: provider, Groups: []lattice.Group{{Count: 1, Instances: []string{"i3"}}}}}}},
		},
		"the count form of a heartbeat has no ids": {
			wasmbus.OTPHeartbeat{Counts: map[string]int{keyM: 2}, Version: "0.63.2"},
			[]lattice.Event{lattice.Inventory{Host: hostA, Dialect: lattice.OTP, Can: lattice.Can{Relative: true, StopAll: true, Live: true, Claims: true, ByAge: true}, Version: "0.63.2", Asked: at, Beat: true, Bare: true,
				Resources: []lattice.Resource{{Key: component, Groups: []lattice.Group{{Count: 2}}}}}},
		},
		"one event for one instance": {
			wasmbus.OTPActorStarted{PublicKey: keyM, ImageRef: "oci://r/echo:1", InstanceID: "i1", Annotations: wasmbus.OTPAnnotations{"a": "b"}},
			[]lattice.Event{lattice.Started{Host: hostA, Key: component, Ref: "oci://r/echo:1", Instance: "i1", Annotations: lattice.Annotations{"a": "b"}}},
		},
		"actors_started tells again what the single events told": {wasmbus.OTPActorsStarted{PublicKey: keyM, Count: 2}, nil},
		"actors_stopped is sent when nothing stopped (SRV-12)":   {wasmbus.OTPActorsStopped{PublicKey: keyM, Count: 2}, nil},
		"actors_start_failed comes as actor_start_failed too":    {wasmbus.OTPActorsStartFailed{ImageRef: "r/echo:2"}, nil},
		"a live update casts doubt": {
			wasmbus.OTPActorUpdated{PublicKey: keyM, InstanceID: "i1"},
			[]lattice.Event{lattice.Updated{Host: hostA, Key: component, Instance: "i1"}},
		},
		"a failed start names the reference": {
			wasmbus.OTPActorStartFailed{ActorRef: "r/echo:2", Error: "boom"},
			[]lattice.Event{lattice.StartFailed{Host: hostA, Ref: "r/echo:2", Error: "boom"}},
		},
		"a module that does not load names its key": {
			wasmbus.OTPActorStartFailed{ActorRef: keyM, Error: "boom"},
			[]lattice.Event{lattice.StartFailed{Host: hostA, Key: component, Error: "boom"}},
		},
		"a provider that does not start is known by reference and link name": {
			wasmbus.OTPProviderStartFailed{ProviderRef: "r/http:1", LinkName: "default", Error: `"Provider is already running on this host"`},
			[]lattice.Event{lattice.StartFailed{Host: hostA, Key: lattice.Key{Kind: lattice.Provider, Link: "default"}, Ref: "r/http:1", Count: 1, Error: "Provider is already running on this host"}},
		},
		"the values of a link have one spelling": {
			wasmbus.OTPLinkdefSet{OTPLinkdef: wasmbus.OTPLinkdef{ActorID: keyM, ProviderID: keyV, ContractID: "c", LinkName: "default",
				Values: wasmbus.OTPValues{"b": []byte(`{ "y": 1.0, "x": [1 , 2] }`), "a": []byte(`"text"`)}}},
			[]lattice.Event{lattice.LinkSet{Link: lattice.Link{Source: keyM, Target: keyV, Contract: "c", Name: "default", Values: `{"a":"text","b":{"x":[1,2],"y":1}}`}}},
		},
		"a reference gets its id": {
			wasmbus.OTPRefmapSet{OCIURL: "oci://r/echo:1", PublicKey: keyM},
			[]lattice.Event{lattice.RefLearned{Ref: "oci://r/echo:1", ID: keyM}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := hearOTP(wasmbus.Event{Host: string(hostA), Data: tt.data}, at)
			if !got.Known || got.Host != hostA {
				t.Errorf("known %v, host %q", got.Known, got.Host)
			}
			if diff := cmp.Diff(tt.want, got.Events); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnInventoryOfAnOTPHostKeepsAnnotationsApart(t *testing.T) {
	one := wasmbus.OTPAnnotations{"app": "one"}
	got := inventoryOTP(hostA, &wasmbus.OTPInventory{Actors: []wasmbus.OTPInventoryActor{{ID: keyM, ImageRef: "oci://r/echo:1", Instances: []wasmbus.OTPInventoryInstance{
		{InstanceID: "i1", Annotations: one}, {InstanceID: "i2", Annotations: wasmbus.OTPAnnotations{"app": "two"}}, {InstanceID: "i3", Annotations: one}}}}}, 3)
	want := lattice.Inventory{Host: hostA, Dialect: lattice.OTP, Can: lattice.Can{Relative: true, StopAll: true, Live: true, Claims: true}, Asked: 3, Resources: []lattice.Resource{
		{Key: lattice.Key{ID: keyM}, Ref: "oci://r/echo:1", Groups: []lattice.Group{
			{Annotations: lattice.Annotations{"app": "one"}, Count: 2, Instances: []string{"i1", "i3"}},
			{Annotations: lattice.Annotations{"app": "two"}, Count: 1, Instances: []string{"i2"}}}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestASecondReferenceOfARunningKeyNamesTheKey(t *testing.T) {
	for _, m := range recorded(t, "otp-host/*upgrade.jsonl") {
		if strings.Contains(string(m.Payload), "lattice.actor_start_failed") {
			got, err := Event(lattice.OTP, m.Subject, m.Payload, 0)
			if err != nil {
				t.Fatal(err)
			}
			failed := got.Events[0].(lattice.StartFailed)
			if !strings.HasPrefix(failed.SameKey, "M") || failed.Ref == "" || failed.Key.ID != "" {
				t.Errorf("%s: %+v", m.at, failed)
			}
			return
		}
	}
	t.Fatal("no recording of a refused upgrade")
}

func TestWhatHasNoWords(t *testing.T) {
	v1, otp := Voice{Lattice: "l", Dialect: lattice.V1}, Voice{Lattice: "l", Dialect: lattice.OTP}
	tests := map[string]struct {
		voice Voice
		cmd   ledger.Command
		no    error
	}{
		"an OTP lattice has no configs":          {otp, ledger.Command{Action: ledger.PutConfig, ConfigName: "c"}, ErrNoSuchWord},
		"an update in place needs the key":       {otp, ledger.Command{Action: ledger.Update, Host: hostA}, errNoKey},
		"a relative verb without a difference":   {otp, ledger.Command{Action: ledger.Scale, Host: hostA, From: 2, To: 2}, errNothing},
		"a relative stop needs the key":          {otp, ledger.Command{Action: ledger.Scale, Host: hostA, From: 2, To: 1}, errNoKey},
		"a count below zero":                     {v1, ledger.Command{Action: ledger.Scale, Host: hostA, To: -1}, errNegative},
		"a host that would be a wildcard":        {v1, ledger.Command{Action: ledger.Scale, Host: "*", To: 1}, nil},
		"a config name that would be two tokens": {v1, ledger.Command{Action: ledger.PutConfig, ConfigName: "a.b"}, nil},
		"no dialect":                             {Voice{Lattice: "l"}, ledger.Command{Action: ledger.PutLink}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := tt.voice.Command(&tt.cmd)
			if err == nil || tt.no != nil && !errors.Is(err, tt.no) {
				t.Errorf("got %+v, %v; want the error %v", m, err, tt.no)
			}
		})
	}
}

func TestUpdateNamesTheNewReference(t *testing.T) {
	m, err := Voice{Lattice: "l", Dialect: lattice.V1}.Command(&ledger.Command{Action: ledger.Update, Host: hostA, Update: "r/web:2",
		Target: ledger.Target{ID: "app-web", Ref: "oci://r/web:1"}, Annotations: lattice.Annotations{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"component_id": "app-web", "host_id": string(hostA), "new_component_ref": "r/web:2", "annotations": map[string]any{"a": "b"}}
	if diff := cmp.Diff(want, asJSON(t, m.Body)); diff != "" || m.Subject != "wasmbus.ctl.v1.l.component.update."+string(hostA) {
		t.Errorf("%s (-want +got):\n%s", m.Subject, diff)
	}
}

func TestWhatMustNotOvertake(t *testing.T) {
	v1, otp := Voice{Lattice: "l", Dialect: lattice.V1}, Voice{Lattice: "l", Dialect: lattice.OTP}
	say := func(v Voice, c ledger.Command) Message {
		m, err := v.Command(&c)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	link := func(source, name string) ledger.Command {
		return ledger.Command{Action: ledger.PutLink, Link: lattice.Link{Source: source, Name: name, SourceConfig: []string{"c"}, TargetConfig: []string{"b", "c"}}}
	}
	if a, b := say(v1, link("s", "x")), say(v1, link("s", "y")); a.Lane == "" || a.Lane != b.Lane {
		t.Errorf("two links of one source have the lanes %q and %q", a.Lane, b.Lane)
	}
	if a, b := say(v1, link("s", "x")), say(v1, link("t", "x")); a.Lane == b.Lane {
		t.Errorf("links of two sources share the lane %q", a.Lane)
	}
	if m := say(v1, link("s", "x")); !cmp.Equal(m.Needs, []string{"b", "c"}) {
		t.Errorf("a link reads the configs %q", m.Needs)
	}
	put := say(v1, ledger.Command{Action: ledger.PutConfig, ConfigName: "c"})
	if put.Sets != "c" || string(put.Body) != "{}" {
		t.Errorf("a config put sets %q with %s", put.Sets, put.Body)
	}
	lp := ledger.Command{Action: ledger.Scale, Host: hostA, To: 1, Target: ledger.Target{Kind: lattice.Provider, Ref: "r/p:1", Link: "default"}}
	other := lp
	other.Target.Link = "second"
	if a, b := say(otp, lp), say(otp, other); a.Lane == "" || a.Lane == b.Lane {
		t.Errorf("two starts under different link names have the lanes %q and %q", a.Lane, b.Lane)
	}
	sa := ledger.Command{Action: ledger.Scale, Host: hostA, From: 1, Target: ledger.Target{ID: keyM}}
	sp := ledger.Command{Action: ledger.Scale, Host: hostA, From: 1, Target: ledger.Target{Kind: lattice.Provider, ID: keyV, Link: "default"}}
	if a, b := say(otp, sa).Ack, say(otp, sp).Ack; a != AckAfterStop || b != AckAfterGoodbye {
		t.Errorf("sa waits %s and sp %s", a, b)
	}
}

func FuzzEvent(f *testing.F) {
	for _, m := range recorded(f, "v1/host_*.jsonl")[:200] {
		f.Add(m.Subject, []byte(m.Payload))
	}
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		for _, d := range []lattice.Dialect{lattice.V1, lattice.OTP} {
			if got, err := Event(d, subject, data, 1); err == nil && got.Known && got.Beat && len(got.Events) != 1 {
				t.Errorf("a heartbeat means %d events", len(got.Events))
			}
		}
	})
}
