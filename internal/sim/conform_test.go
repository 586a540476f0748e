package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/wasmbus"
)

// The checks of lattice-protocol D7, each over NATS and on the bus.

var (
	ctlV1  = wasmbus.V1Subjects{Lattice: "default"}
	ctlOTP = wasmbus.OTPSubjects{Lattice: "default"}
	otp    = Options{Dialect: wasmbus.DialectOTP}
	otp63  = Options{Dialect: wasmbus.DialectOTP, Version: "0.63.2"}
)

// names are the names of events, in order.
func names(l *lab, events []Msg) []string {
	l.t.Helper()
	var out []string
	for _, m := range events {
		out = append(out, wasmbus.EventName(decode(l, m).Data))
	}
	return out
}

func decode(l *lab, m Msg) wasmbus.Event {
	l.t.Helper()
	subject, ok := wasmbus.ParseEventSubject(m.Subject)
	if !ok {
		l.t.Fatalf("event on a subject that is none: %s", m.Subject)
	}
	decodeEvent := wasmbus.DecodeV1Event
	if subject.Dialect == wasmbus.DialectOTP {
		decodeEvent = wasmbus.DecodeOTPEvent
	}
	e, err := decodeEvent(m.Subject, m.Data)
	if err != nil {
		l.t.Fatalf("decoding %s: %v\n%s", m.Subject, err, m.Data)
	}
	return e
}

// without leaves out events by name.
func without(list []string, drop ...string) []string {
	return slices.DeleteFunc(list, func(n string) bool { return slices.Contains(drop, n) })
}

func ackV1(l *lab, m Msg) wasmbus.V1Ack {
	l.t.Helper()
	ack, err := wasmbus.DecodeV1Ack(m.Data)
	if err != nil {
		l.t.Fatalf("decoding an answer: %v\n%s", err, m.Data)
	}
	return ack
}

func ackOTP(l *lab, m Msg) wasmbus.OTPAck {
	l.t.Helper()
	ack, err := wasmbus.DecodeOTPAck(m.Data)
	if err != nil {
		l.t.Fatalf("decoding an answer: %v\n%s", err, m.Data)
	}
	return ack
}

func equal(l *lab, what string, got, want any) {
	l.t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		l.t.Errorf("%s: want (-), got (+)\n%s", what, diff)
	}
}

func TestOneHostAnswersForTheLatticeAndAllAnswerAPing(t *testing.T) {
	inBoth(t, Options{}, func(l *lab) {
		l.addHost(HostSpec{Name: "host-a"})
		l.addHost(HostSpec{Name: "host-b"})
		for i := range 100 {
			if n := len(l.ask(ctlV1.LinkGet(), "", 50*time.Millisecond)); n != 1 {
				t.Fatalf("link.get number %d: %d answers, want one", i, n)
			}
		}
		equal(l, "answers to a ping", len(l.ask(ctlV1.HostPing(), "", time.Second)), 2)
	})
}

func TestAScaleOnAFreshHostIsAckedThenToldTwiceThenBeaten(t *testing.T) {
	inBoth(t, Options{}, func(l *lab) {
		a := l.addHost(HostSpec{Name: "host-a"})
		l.newEvents()
		l.publish(Msg{Subject: ctlV1.ComponentScale(a), Reply: "_INBOX.scale",
			Data: []byte(`{"component_ref":"acme.io/web:1","component_id":"web","count":3,"annotations":{"k":"v"},"host_id":"` + a + `"}`)})
		l.wait(5 * time.Second)
		came := l.arrived()
		if len(came) != 3 || came[0].Subject != "_INBOX.scale" {
			t.Fatalf("want an answer and two events, got %v", came)
		}
		first, second := decode(l, came[1]), decode(l, came[2])
		equal(l, "the two events", second.Data, first.Data)
		equal(l, "the event", first.Data, wasmbus.V1ComponentScaled{Annotations: map[string]string{"k": "v"}, ComponentID: "web", HostID: a,
			ImageRef: "acme.io/web:1", MaxInstances: 3})
		l.wait(30 * time.Second)
		beats := l.newEvents()
		beat, ok := decode(l, beats[0]).Data.(wasmbus.V1HostHeartbeat)
		if len(beats) != 1 || !ok {
			t.Fatalf("want one heartbeat, got %v", names(l, beats))
		}
		equal(l, "the heartbeat's components", beat.Components, []wasmbus.V1InventoryComponent{
			{ID: "web", ImageRef: "acme.io/web:1", Annotations: map[string]string{"k": "v"}, MaxInstances: 3}})
	})
}

func TestAScaleWithTheKeyMaxInstancesStopsTheComponent(t *testing.T) {
	inBoth(t, Options{}, func(l *lab) {
		a := l.addHost(HostSpec{})
		l.one(ctlV1.ComponentScale(a), `{"component_ref":"acme.io/web:1","component_id":"web","count":3}`)
		l.wait(5 * time.Second)
		l.one(ctlV1.ComponentScale(a), `{"component_ref":"acme.io/web:1","component_id":"web","max_instances":4}`)
		l.wait(5 * time.Second)
		l.do(func(c *Cluster) { equal(l, "components", len(c.Truth().Hosts[0].Components), 0) })
	})
}

func TestTwoProviderStarts(t *testing.T) {
	inBoth(t, Options{}, func(l *lab) {
		a := l.addHost(HostSpec{})
		body := `{"provider_ref":"acme.io/http:1","provider_id":"http"}`
		for i := range 2 {
			l.publish(Msg{Subject: ctlV1.ProviderStart(a), Reply: fmt.Sprintf("_INBOX.start.%d", i), Data: []byte(body)})
		}
		l.newEvents()
		l.wait(time.Second)
		for _, m := range l.arrived() {
			equal(l, "both quick starts are accepted", ackV1(l, m).Success, true)
		}
		l.wait(5 * time.Second)
		equal(l, "events of the quick starts", names(l, l.newEvents()), []string{"provider_started", "provider_start_failed"})
		equal(l, "a later start is refused", ackV1(l, l.one(ctlV1.ProviderStart(a), body)).Success, false)
		l.wait(3 * time.Second)
		equal(l, "events of the later start", len(without(names(l, l.newEvents()), "health_check_passed")), 0)
	})
}

func TestAStoppedHostTellsOfNothingButItself(t *testing.T) {
	inBoth(t, Options{}, func(l *lab) {
		a := l.addHost(HostSpec{})
		l.one(ctlV1.ComponentScale(a), `{"component_ref":"acme.io/web:1","component_id":"web","count":3}`)
		l.wait(5 * time.Second)
		l.newEvents()
		equal(l, "the answer", ackV1(l, l.one(ctlV1.HostStop(a), "")).Success, true)
		events := l.newEvents()
		equal(l, "events", names(l, events), []string{"host_stopped"})
		equal(l, "no responders", l.one(ctlV1.HostGet(a), "").NoResponders(), true)
	})
	inBoth(t, otp, func(l *lab) {
		a := l.addHost(HostSpec{})
		l.one(ctlOTP.LaunchActor(a), `{"actor_ref":"acme.io/echo:1","count":2}`)
		l.one(ctlOTP.LaunchProvider(a), `{"provider_ref":"acme.io/http:1","link_name":"default"}`)
		l.wait(4 * time.Second)
		l.newEvents()
		equal(l, "the answer", ackOTP(l, l.one(ctlOTP.StopHost(a), `{}`)).Accepted, true)
		l.wait(2 * time.Second)
		equal(l, "events of an OTP host", names(l, l.newEvents()),
			[]string{"actor_stopped", "actor_stopped", "provider_stopped", "host_stopped", "host_stopped"})
	})
}

func TestAKilledHostIsSilentAndHasNoResponders(t *testing.T) {
	inBoth(t, Options{}, func(l *lab) {
		a := l.addHost(HostSpec{Name: "host-a"})
		l.newEvents()
		l.do(func(c *Cluster) {
			if err := c.Kill("host-a"); err != nil {
				t.Error(err)
			}
		})
		equal(l, "no responders", l.one(ctlV1.ComponentScale(a), `{"component_id":"web"}`).NoResponders(), true)
		l.wait(time.Minute)
		equal(l, "events", len(l.newEvents()), 0)
		l.do(func(c *Cluster) {
			if err := c.Return("host-a"); err != nil {
				t.Error(err)
			}
		})
		l.wait(time.Second)
		started := l.newEvents()
		equal(l, "events of its return", names(l, started), []string{"host_started"})
		equal(l, "its id", decode(l, started[0]).Host, a)
	})
}

func TestLinkPutRefusesAnUnknownConfigAndAnotherTarget(t *testing.T) {
	inBoth(t, Options{}, func(l *lab) {
		l.addHost(HostSpec{})
		l.newEvents()
		link := func(target, config string) string {
			return `{"source_id":"web","target":"` + target + `","name":"default","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"],"source_config":[` + config + `]}`
		}
		put := func(body string) (success bool, event string) {
			ack := ackV1(l, l.one(ctlV1.LinkPut(), body))
			return ack.Success, strings.Join(names(l, l.newEvents()), " ")
		}
		for _, step := range []struct {
			name, body string
			success    bool
			event      string
		}{
			{"a config that does not exist", link("kv", `"none"`), false, "linkdef_set_failed"},
			{"a good link", link("kv", ""), true, "linkdef_set"},
			{"the same again", link("kv", ""), true, "linkdef_set"},
			{"another target", link("redis", ""), false, "linkdef_set_failed"},
		} {
			success, event := put(step.body)
			equal(l, step.name, []any{success, event}, []any{step.success, step.event})
		}
		links, err := wasmbus.DecodeV1Links(l.one(ctlV1.LinkGet(), "").Data)
		if err != nil {
			t.Fatal(err)
		}
		equal(l, "stored links", len(links), 1)
	})
}

func TestAnUnknownConfigIsASuccessWithoutResponse(t *testing.T) {
	inBoth(t, Options{}, func(l *lab) {
		l.addHost(HostSpec{})
		equal(l, "the answer", ackV1(l, l.one(ctlV1.ConfigGet("none"), "")), wasmbus.V1Ack{Success: true, Message: "Configuration not found"})
	})
}

func TestLaunchedInstancesAreDistinctAndForeignAnnotationsStopNothing(t *testing.T) {
	inBoth(t, otp, func(l *lab) {
		a := l.addHost(HostSpec{})
		l.newEvents()
		l.one(ctlOTP.LaunchActor(a), `{"actor_ref":"acme.io/echo:1","count":2,"annotations":{"wasmcloud.dev/appspec":"mine"}}`)
		l.wait(4 * time.Second)
		ids := map[string]bool{}
		key := ""
		for _, m := range l.newEvents() {
			if started, ok := decode(l, m).Data.(wasmbus.OTPActorStarted); ok {
				ids[started.InstanceID], key = true, started.PublicKey
			}
		}
		equal(l, "distinct instance ids", len(ids), 2)
		body := `{"actor_ref":"` + key + `","count":1,"annotations":{"wasmcloud.dev/appspec":"other"}}`
		equal(l, "the answer", ackOTP(l, l.one(ctlOTP.StopActor(a), body)).Accepted, true)
		equal(l, "events", len(l.newEvents()), 0)
	})
}

func TestAPingWithoutReplySubject(t *testing.T) {
	inBoth(t, otp, func(l *lab) {
		l.addHost(HostSpec{})
		l.addHost(HostSpec{})
		l.newEvents()
		l.publish(Msg{Subject: ctlOTP.PingHosts()})
		l.wait(time.Second)
		equal(l, "events", names(l, l.newEvents()), []string{"host_heartbeat", "host_heartbeat"})
	})
	inBoth(t, otp63, func(l *lab) {
		a := l.addHost(HostSpec{})
		l.newEvents()
		l.publish(Msg{Subject: ctlOTP.PingHosts()})
		l.wait(500 * time.Millisecond)
		equal(l, "a host from 0.60 is deaf", l.one(ctlOTP.Inventory(a), "").NoResponders(), true)
		l.wait(4 * time.Second)
		equal(l, "and mute", len(l.newEvents()), 0)
		equal(l, "but not for ever", l.one(ctlOTP.Inventory(a), "").NoResponders(), false)
	})
}

func TestEveryEventIsACloudEventOnTheSubjectOfItsDialect(t *testing.T) {
	for _, opts := range []Options{{}, otp, otp63} {
		inBoth(t, opts, func(l *lab) {
			a := l.addHost(HostSpec{})
			v1 := opts.Dialect != wasmbus.DialectOTP
			if v1 {
				l.one(ctlV1.ComponentScale(a), `{"component_ref":"acme.io/web:1","component_id":"web","count":3}`)
				l.one(ctlV1.ComponentScale(a), `{"component_ref":"acme.io/missing:1","component_id":"none","count":3}`)
				l.one(ctlV1.ProviderStart(a), `{"provider_ref":"acme.io/http:1","provider_id":"http"}`)
				l.one(ctlV1.ConfigPut("c"), `{"k":"v"}`)
				l.one(ctlV1.ConfigDel("c"), "")
				l.one(ctlV1.LabelPut(a), `{"key":"zone","value":"a"}`)
			} else {
				l.one(ctlOTP.LaunchActor(a), `{"actor_ref":"acme.io/echo:1","count":2}`)
				l.one(ctlOTP.LaunchActor(a), `{"actor_ref":"acme.io/missing:1"}`)
				l.one(ctlOTP.LaunchProvider(a), `{"provider_ref":"acme.io/http:1","link_name":"default"}`)
				l.one(ctlOTP.LinkdefPut(), `{"actor_id":"MA","provider_id":"VP","contract_id":"c","link_name":"default"}`)
			}
			l.wait(40 * time.Second)
			events := l.newEvents()
			if len(events) < 8 {
				t.Fatalf("only %d events", len(events))
			}
			for _, m := range events {
				var attributes map[string]any
				if err := json.Unmarshal(m.Data, &attributes); err != nil {
					t.Fatal(err)
				}
				var have []string
				for k := range attributes {
					have = append(have, k)
				}
				slices.Sort(have)
				equal(l, "attributes", have, []string{"data", "datacontenttype", "id", "source", "specversion", "time", "type"})
				e := decode(l, m)
				want := wasmbus.OTPEventSubject("default")
				if v1 {
					want = wasmbus.V1EventSubject("default", strings.TrimPrefix(e.Type, wasmbus.EventTypePrefix))
				}
				equal(l, "subject", m.Subject, want)
				if _, err := time.Parse(time.RFC3339Nano, e.Time); err != nil || e.SpecVersion != "1.0" {
					t.Errorf("time %q (%v), specversion %q", e.Time, err, e.SpecVersion)
				}
			}
		})
	}
}
