package wasmbus

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// v1Message is an event of a 1.x host with the given data.
func v1Message(name, data string) []byte {
	return []byte(`{"specversion":"1.0","id":"1","type":"com.wasmcloud.lattice.` + name + `","source":"` + testHost +
		`","datacontenttype":"application/json","time":"2025-03-01T12:00:00Z","data":` + data + `}`)
}

func TestDecodingV1Events(t *testing.T) {
	const beatRest = `"friendly_name":"f","labels":{},"version":"1.9.2","uptime_human":"2s","uptime_seconds":2`
	for _, c := range []struct {
		name  string
		event string
		data  string
		want  any // nil: an error
	}{
		{"unknown keys and any order are accepted", "component_scaled",
			`{"x":{"y":[1]},"max_instances":3,"component_id":"c","annotations":{"b":"2","a":"1"},"image_ref":"r","host_id":"h"}`,
			V1ComponentScaled{ComponentID: "c", MaxInstances: 3, HostID: "h", ImageRef: "r", Annotations: map[string]string{"a": "1", "b": "2"}}},
		{"the count zero is a stop", "component_scaled", `{"max_instances":0,"component_id":"c"}`, V1ComponentScaled{ComponentID: "c"}},
		{"no count is not a stop", "component_scaled", `{"component_id":"c"}`, nil},
		{"the count null is not a stop", "component_scaled", `{"component_id":"c","max_instances":null}`, nil},
		{"a negative count", "component_scaled", `{"component_id":"c","max_instances":-1}`, nil},
		{"a count that is text", "component_scaled", `{"component_id":"c","max_instances":"1"}`, nil},
		{"an id with a dot", "component_scaled", `{"component_id":"a.b","max_instances":1}`, nil},
		{"no id", "component_scaled", `{"max_instances":1}`, nil},
		{"nulls in claims", "component_scaled",
			`{"component_id":"c","max_instances":1,"claims":{"call_alias":null,"issuer":"A","tags":null,"name":null,"version":null}}`,
			V1ComponentScaled{ComponentID: "c", MaxInstances: 1, Claims: &V1ComponentClaims{Issuer: "A"}}},
		{"tags that are one string", "provider_started", `{"provider_id":"p","claims":{"issuer":"A","tags":"t"}}`,
			V1ProviderStarted{ProviderID: "p", Claims: &V1ProviderClaims{Issuer: "A", Tags: StringList{"t"}}}},
		{"the last of two equal names counts", "config_set", `{"config_name":"a","config_name":"b"}`, V1ConfigSet{ConfigName: "b"}},
		{"a heartbeat", "host_heartbeat", `{"components":[],"providers":[],` + beatRest + `}`,
			V1HostHeartbeat{V1Inventory{
				Components: []V1InventoryComponent{}, Providers: []V1InventoryProvider{}, Labels: map[string]string{},
				FriendlyName: "f", Version: "1.9.2", UptimeHuman: "2s", UptimeSeconds: 2,
			}}},
		{"a heartbeat without components is not an empty host", "host_heartbeat", `{"providers":[],` + beatRest + `}`, nil},
		{"a heartbeat with providers null", "host_heartbeat", `{"components":[],"providers":null,` + beatRest + `}`, nil},
		{"a heartbeat without uptime", "host_heartbeat", `{"components":[],"providers":[],"labels":{}}`, nil},
		{"a heartbeat with a component without id", "host_heartbeat", `{"components":[{}],"providers":[],` + beatRest + `}`, nil},
		{"a heartbeat whose component is no object", "host_heartbeat", `{"components":["c"],"providers":[],` + beatRest + `}`, nil},
		{"data that is a list", "host_stopped", `[]`, nil},
		{"data null", "host_stopped", `null`, nil},
		{"labels that are no map", "host_stopped", `{"labels":["a"]}`, nil},
		{"an event that nobody knows", "component_vanished", `{"a":1}`, Unknown{Name: "component_vanished"}},
		{"a link with another kind of name", "linkdef_set", `{"source_id":"a","target":"b","name":"x y","wit_namespace":"w","wit_package":"p"}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev, err := DecodeV1Event(V1EventSubject("default", c.event), v1Message(c.event, c.data))
			if (err == nil) != (c.want != nil) {
				t.Fatalf("got %+v, %v; want %+v", ev.Data, err, c.want)
			}
			if diff := cmp.Diff(c.want, ev.Data); diff != "" {
				t.Error(diff)
			}
			if err == nil && ev.Host != testHost {
				t.Errorf("host %q", ev.Host)
			}
		})
	}
}

func TestDecodingV1EventsRefusesBrokenEnvelopes(t *testing.T) {
	subject := V1EventSubject("default", "host_stopped")
	good := string(v1Message("host_stopped", `{"labels":{}}`))
	if _, err := DecodeV1Event(subject, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ subject, body string }{
		"a type that is not the subject's": {V1EventSubject("default", "host_started"), good},
		"the subject of an OTP host":       {"wasmbus.evt.default", good},
		"a command":                        {V1Subjects{Lattice: "default"}.HostPing(), good},
		"a host that is no token":          {subject, strings.Replace(good, testHost, "a b", 1)},
		"no host":                          {subject, strings.Replace(good, `"source":"`+testHost+`",`, "", 1)},
		"no data":                          {subject, strings.Replace(good, `,"data":{"labels":{}}`, "", 1)},
		"nothing":                          {subject, ""},
		"null":                             {subject, "null"},
		"a list":                           {subject, "[]"},
		"two values":                       {subject, good + "{}"},
		"cut off":                          {subject, good[:len(good)-2]},
		"invalid UTF-8":                    {subject, strings.Replace(good, `"labels":{}`, "\"labels\":{\"a\":\"\xff\"}", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			if ev, err := DecodeV1Event(c.subject, []byte(c.body)); err == nil {
				t.Errorf("decoded as %+v", ev)
			}
		})
	}
}

func TestSizeAndDepthAreBounded(t *testing.T) {
	deep := `{"labels":{},"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`
	if _, err := DecodeV1Event(V1EventSubject("d", "host_stopped"), v1Message("host_stopped", deep)); !errors.Is(err, ErrTooDeep) {
		t.Errorf("deep: %v", err)
	}
	if _, err := DecodeV1Links([]byte(`{"success":true,"message":"","response":` + deep + `}`)); !errors.Is(err, ErrTooDeep) {
		t.Errorf("deep answer: %v", err)
	}
	big := `{"x":"` + strings.Repeat("a", MaxMessageBytes) + `"}`
	if _, err := DecodeV1Event(V1EventSubject("d", "host_stopped"), v1Message("host_stopped", big)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("big: %v", err)
	}
	if _, err := DecodeOTPAck([]byte(big)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("big answer: %v", err)
	}
	if _, ok := NewFingerprinter(testSeed).Heartbeat([]byte(big)); ok {
		t.Error("fingerprint of a big message")
	}
}

// otpMessage is an event of an OTP host with the given data.
func otpMessage(name, source, data string) []byte {
	return []byte(`{"data":` + data + `,"datacontenttype":"application/json","id":"1","source":"` + source +
		`","specversion":"1.0","time":"2022-09-01T12:00:00.000001Z","type":"com.wasmcloud.lattice.` + name + `"}`)
}

func TestDecodingOTPEvents(t *testing.T) {
	const rest = `"providers":[],"labels":{},"friendly_name":"f","version":"0.58.2","uptime_seconds":9,"uptime_human":"9 s"`
	beat := func(instances []OTPHeartbeatInstance, counts map[string]int) OTPHeartbeat {
		return OTPHeartbeat{
			Instances: instances, Counts: counts, Providers: []OTPHeartbeatProvider{}, Labels: map[string]string{},
			FriendlyName: "f", Version: "0.58.2", UptimeSeconds: 9, UptimeHuman: "9 s",
		}
	}
	link := OTPLinkdef{ActorID: "M1", ProviderID: "V1", ContractID: "acme:thing", Values: OTPValues{"port": []byte("8080")}}
	for _, c := range []struct {
		name, event, source, data string
		want                      any // nil: an error
	}{
		{"a heartbeat with a list", "host_heartbeat", testHost, `{"actors":[{"public_key":"M1","instance_id":"i"}],` + rest + `}`,
			beat([]OTPHeartbeatInstance{{PublicKey: "M1", InstanceID: "i"}}, nil)},
		{"a heartbeat with an empty list", "host_heartbeat", testHost, `{"actors":[],` + rest + `}`, beat([]OTPHeartbeatInstance{}, nil)},
		{"a heartbeat with counts", "host_heartbeat", testHost, `{"actors":{"M1":2},` + rest + `}`, beat(nil, map[string]int{"M1": 2})},
		{"a heartbeat with no counts", "host_heartbeat", testHost, `{"actors":{},` + rest + `}`, beat(nil, map[string]int{})},
		{"a heartbeat that names actors by id", "host_heartbeat", testHost,
			`{"actors":[{"id":"M1","image_ref":"r","name":"n","instances":[]}],` + rest + `}`, nil},
		{"a heartbeat without actors is not an empty host", "host_heartbeat", testHost, `{` + rest + `}`, nil},
		{"a heartbeat with actors null", "host_heartbeat", testHost, `{"actors":null,` + rest + `}`, nil},
		{"a heartbeat with actors a string", "host_heartbeat", testHost, `{"actors":"x",` + rest + `}`, nil},
		{"a negative count", "host_heartbeat", testHost, `{"actors":{"M1":-1},` + rest + `}`, nil},
		{"an endless count", "host_heartbeat", testHost, `{"actors":{"M1":99999999},` + rest + `}`, nil},
		{"a count that is a fraction", "host_heartbeat", testHost, `{"actors":{"M1":1.5},` + rest + `}`, nil},
		{"nulls in claims", "actor_started", testHost,
			`{"public_key":"M1","instance_id":"i","claims":{"caps":null,"tags":null,"name":null,"issuer":"A"}}`,
			OTPActorStarted{PublicKey: "M1", InstanceID: "i", Claims: &OTPActorClaims{Issuer: "A"}}},
		{"annotations that are no strings are left out", "actor_started", testHost,
			`{"public_key":"M1","instance_id":"i","annotations":{"a":"1","wasmcloud.dev/appspec":5,"l":[]}}`,
			OTPActorStarted{PublicKey: "M1", InstanceID: "i", Annotations: OTPAnnotations{"a": "1"}}},
		{"no instance", "actor_started", testHost, `{"public_key":"M1"}`, nil},
		{"a link from nowhere in particular", "linkdef_set", "n/a",
			`{"actor_id":"M1","provider_id":"V1","contract_id":"acme:thing","link_name":"","values":{"port":8080}}`, OTPLinkdefSet{link}},
		{"another event from nowhere in particular", "host_stopped", "n a", `{"labels":{}}`, nil},
		{"the echo of a request", "actors_stopped", testHost,
			`{"host_id":"N","public_key":"registry.example/mini:0.1.0","count":2,"remaining":-2,"annotations":{}}`,
			OTPActorsStopped{HostID: "N", PublicKey: "registry.example/mini:0.1.0", Count: 2, Remaining: -2, Annotations: OTPAnnotations{}}},
		{"a call between an actor and a provider", "invocation_failed", testHost,
			`{"source":{"public_key":"V1","contract_id":"c","link_name":"l"},"dest":{"public_key":"M1","contract_id":null,"link_name":null},"operation":"o","bytes":4}`,
			OTPInvocationFailed{Bytes: 4, Operation: "o", Dest: OTPEntity{PublicKey: "M1"},
				Source: OTPEntity{PublicKey: "V1", ContractID: new("c"), LinkName: new("l")}}},
		{"a failed update", "actor_update_failed", testHost, `{"public_key":"M1","instance_id":"i","revision":2,"reason":"no"}`,
			OTPActorUpdateFailed{PublicKey: "M1", InstanceID: "i", Revision: 2, Reason: "no"}},
		{"an event that nobody knows", "actor_scaled", testHost, `{}`, Unknown{Name: "actor_scaled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, subject := range []string{OTPEventSubject("default"), "ACCOUNT." + OTPEventSubject("default")} {
				ev, err := DecodeOTPEvent(subject, otpMessage(c.event, c.source, c.data))
				if (err == nil) != (c.want != nil) {
					t.Fatalf("got %+v, %v; want %+v", ev.Data, err, c.want)
				}
				if diff := cmp.Diff(c.want, ev.Data); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestALinkEventFromNowhereHasNoHost(t *testing.T) {
	ev, err := DecodeOTPEvent(OTPEventSubject("d"), otpMessage("linkdef_deleted", "n/a", `{"actor_id":"M1","provider_id":"V1"}`))
	if err != nil || ev.Host != "" || ev.Source != "n/a" {
		t.Errorf("host %q, source %q, %v", ev.Host, ev.Source, err)
	}
}

func TestEncodingEventsNamesOnlyEvents(t *testing.T) {
	if out, err := EncodeEvent(Envelope{}, V1Scale{}); err == nil {
		t.Errorf("encoded %s", out)
	}
	if got := EventName(Unknown{Name: "x"}); got != "x" {
		t.Errorf("name %q", got)
	}
	out, err := EncodeEvent(Envelope{ID: "1", Source: testHost, Time: "t"}, V1HealthCheckFailed{HostID: "h", ProviderID: "p"})
	want := `{"specversion":"1.0","id":"1","type":"com.wasmcloud.lattice.health_check_failed","source":"` + testHost +
		`","datacontenttype":"application/json","time":"t","data":{"host_id":"h","provider_id":"p"}}`
	if err != nil || string(out) != want {
		t.Errorf("%s, %v", out, err)
	}
}

// fuzzSeeds adds recorded messages of one dialect to a corpus.
func fuzzSeeds(f *testing.F, dir string, add func(subject string, body []byte)) {
	kinds := map[string]int{}
	for _, l := range recordings(f, dir) {
		if !strings.Contains(l.subject, "wasmbus.evt.") || len(l.body) > 4096 {
			continue
		}
		out, _, _ := scanOutline(l.body)
		if kinds[string(out.kind)]++; kinds[string(out.kind)] <= 3 {
			add(l.subject, l.body)
		}
	}
}

func FuzzDecodeV1Event(f *testing.F) {
	fuzzSeeds(f, "v1", func(subject string, body []byte) { f.Add(subject, body) })
	f.Fuzz(func(t *testing.T, subject string, body []byte) { checkRoundTrip(t, DecodeV1Event, subject, body) })
}

func FuzzDecodeOTPEvent(f *testing.F) {
	fuzzSeeds(f, "otp-host", func(subject string, body []byte) { f.Add(subject, body) })
	f.Fuzz(func(t *testing.T, subject string, body []byte) { checkRoundTrip(t, DecodeOTPEvent, subject, body) })
}

// checkRoundTrip: what decodes encodes, and decodes to the same again.
func checkRoundTrip(t *testing.T, decode func(string, []byte) (Event, error), subject string, body []byte) {
	ev, err := decode(subject, body)
	if err != nil {
		return
	}
	if _, ok := ev.Data.(Unknown); ok {
		return
	}
	// Only these may differ: an empty attribute is filled in.
	if ev.SpecVersion == "" || ev.DataContentType == "" {
		return
	}
	back, err := EncodeEvent(ev.Envelope, ev.Data)
	if err != nil {
		t.Fatalf("encoding %+v: %v", ev, err)
	}
	again, err := decode(subject, back)
	if err != nil {
		t.Fatalf("decoding %s again: %v", back, err)
	}
	twice, err := EncodeEvent(again.Envelope, again.Data)
	if err != nil || string(twice) != string(back) {
		t.Fatalf("%s, then %s, %v", back, twice, err)
	}
}

func FuzzHeartbeatFingerprint(f *testing.F) {
	for _, dir := range []string{"v1", "otp-host"} {
		fuzzSeeds(f, dir, func(_ string, body []byte) { f.Add(body) })
	}
	printer := NewFingerprinter(testSeed)
	f.Fuzz(func(t *testing.T, body []byte) {
		fp, ok := printer.Heartbeat(body)
		if !ok {
			return
		}
		for _, decode := range []func() (Event, error){
			func() (Event, error) { return DecodeV1Event(V1EventSubject("d", "host_heartbeat"), body) },
			func() (Event, error) { return DecodeOTPEvent(OTPEventSubject("d"), body) },
		} {
			ev, err := decode()
			// Two uptimes in one message: the caller compares (Fingerprinter.Heartbeat).
			if err != nil || strings.Count(string(body), "uptime_seconds") != 1 {
				continue
			}
			uptime := uint64(0)
			switch beat := ev.Data.(type) {
			case V1HostHeartbeat:
				uptime = beat.UptimeSeconds
			case OTPHeartbeat:
				uptime = beat.UptimeSeconds
			}
			if ev.Host != string(fp.Host) || uptime != fp.UptimeSeconds {
				t.Fatalf("fingerprint of %s at %d, decoded %s at %d", fp.Host, fp.UptimeSeconds, ev.Host, uptime)
			}
		}
	})
}

func BenchmarkDecodeHeartbeat(b *testing.B) {
	msg := bigBeat(b, 100, 125)
	subject := V1EventSubject("default", "host_heartbeat")
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeV1Event(subject, msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeComponentScaled(b *testing.B) {
	msg := v1Message("component_scaled", `{"annotations":{"wasmcloud.dev/appspec":"my-app","wasmcloud.dev/managed-by":"wadm"},"host_id":"`+
		testHost+`","image_ref":"ghcr.io/acme/http:1.2.0","max_instances":10,"component_id":"my_app-http_comp"}`)
	subject := V1EventSubject("default", "component_scaled")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeV1Event(subject, msg); err != nil {
			b.Fatal(err)
		}
	}
}
