package wasmbus

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEventSubjectsParse(t *testing.T) {
	for _, c := range []struct {
		subject string
		want    EventSubject // zero: not ok
	}{
		{"wasmbus.evt.default.host_started", EventSubject{DialectV1, "", "default", "host_started"}},
		{"wasmbus.evt.default", EventSubject{DialectOTP, "", "default", ""}},
		{"ACCOUNT.wasmbus.evt.default", EventSubject{DialectOTP, "ACCOUNT", "default", ""}},
		{"b-tenant.wasmbus.evt.default", EventSubject{DialectOTP, "b-tenant", "default", ""}},
		{"ACCOUNT.wasmbus.evt.default.host_started", EventSubject{DialectV1, "ACCOUNT", "default", "host_started"}},
		{"b-tenant.wasmbus.evt.default.host_started", EventSubject{}},
		{"wasmbus.evt.default.host.started", EventSubject{}},
		{"wasmbus.evt..host_started", EventSubject{}},
		{"wasmbus.evt.default.", EventSubject{}},
		{"wasmbus.evt.", EventSubject{}},
		{"wasmbus.evt", EventSubject{}},
		{"wasmbus.evt.*", EventSubject{}},
		{"wasmbus.rpcevt.default", EventSubject{}},
		{".wasmbus.evt.default", EventSubject{}},
		{"a.b.wasmbus.evt.default", EventSubject{}},
		{"", EventSubject{}},
	} {
		got, ok := ParseEventSubject(c.subject)
		if got != c.want || ok != (c.want != EventSubject{}) {
			t.Errorf("%q: got %+v, %v; want %+v", c.subject, got, ok, c.want)
		}
	}
}

func TestV1ControlSubjectsAreBuiltAndParsed(t *testing.T) {
	s := V1Subjects{Lattice: "default"}
	for subject, want := range map[string]V1Ctl{
		s.HostPing():           {"default", V1OpHostPing, "", ""},
		s.HostGet("H"):         {"default", V1OpHostGet, "H", ""},
		s.HostStop("H"):        {"default", V1OpHostStop, "H", ""},
		s.ComponentScale("H"):  {"default", V1OpComponentScale, "H", ""},
		s.ComponentUpdate("H"): {"default", V1OpComponentUpdate, "H", ""},
		s.ComponentAuction():   {"default", V1OpComponentAuction, "", ""},
		s.ProviderStart("H"):   {"default", V1OpProviderStart, "H", ""},
		s.ProviderStop("H"):    {"default", V1OpProviderStop, "H", ""},
		s.ProviderAuction():    {"default", V1OpProviderAuction, "", ""},
		s.LinkPut():            {"default", V1OpLinkPut, "", ""},
		s.LinkDel():            {"default", V1OpLinkDel, "", ""},
		s.LinkGet():            {"default", V1OpLinkGet, "", ""},
		s.ClaimsGet():          {"default", V1OpClaimsGet, "", ""},
		s.ConfigPut("c"):       {"default", V1OpConfigPut, "", "c"},
		s.ConfigGet("c"):       {"default", V1OpConfigGet, "", "c"},
		s.ConfigDel("c"):       {"default", V1OpConfigDel, "", "c"},
		s.LabelPut("H"):        {"default", V1OpLabelPut, "H", ""},
		s.LabelDel("H"):        {"default", V1OpLabelDel, "H", ""},
		s.RegistryPut():        {"default", V1OpRegistryPut, "", ""},
	} {
		got, ok := ParseV1Ctl(subject, "")
		if !ok || got != want || !got.Supported() {
			t.Errorf("%s: got %+v, %v, supported %v; want %+v", subject, got, ok, got.Supported(), want)
		}
	}
	for _, subject := range []string{s.ConfigPut("a.b"), s.HostPing() + ".x", s.HostGet(""), s.at("component.foo.H"), s.at("foo.bar")} {
		if got, ok := ParseV1Ctl(subject, ""); ok && got.Supported() {
			t.Errorf("%s is supported: %+v", subject, got)
		}
	}
	for _, subject := range []string{"wasmbus.ctl.default.ping.hosts", "wasmbus.ctl.v1.default", "wasmbus.ctl.v1.default.host", "other.v1.default.host.ping", ""} {
		if got, ok := ParseV1Ctl(subject, ""); ok {
			t.Errorf("%q: %+v", subject, got)
		}
	}
	tenant := V1Subjects{Prefix: "ACCOUNT.wasmbus.ctl", Lattice: "l"}
	if got := tenant.HostPing(); got != "ACCOUNT.wasmbus.ctl.v1.l.host.ping" {
		t.Error(got)
	}
	if got, ok := ParseV1Ctl(tenant.LinkGet(), tenant.Prefix); !ok || got.Lattice != "l" {
		t.Errorf("%+v, %v", got, ok)
	}
}

func TestOTPControlSubjectsAreBuiltAndParsed(t *testing.T) {
	s := OTPSubjects{Lattice: "default"}
	for subject, want := range map[string]OTPCtl{
		s.PingHosts():         {"default", OTPOpPingHosts, ""},
		s.Inventory("H"):      {"default", OTPOpInventory, "H"},
		s.Claims():            {"default", OTPOpClaims, ""},
		s.Links():             {"default", OTPOpLinks, ""},
		s.AuctionActor():      {"default", OTPOpAuctionActor, ""},
		s.AuctionProvider():   {"default", OTPOpAuctionProvider, ""},
		s.LaunchActor("H"):    {"default", OTPOpLaunchActor, "H"},
		s.StopActor("H"):      {"default", OTPOpStopActor, "H"},
		s.Scale("H"):          {"default", OTPOpScale, "H"},
		s.Update("H"):         {"default", OTPOpUpdate, "H"},
		s.LaunchProvider("H"): {"default", OTPOpLaunchProvider, "H"},
		s.StopProvider("H"):   {"default", OTPOpStopProvider, "H"},
		s.StopHost("H"):       {"default", OTPOpStopHost, "H"},
		s.LinkdefPut():        {"default", OTPOpLinkdefPut, ""},
		s.LinkdefDel():        {"default", OTPOpLinkdefDel, ""},
		s.RegistriesPut():     {"default", OTPOpRegistriesPut, ""},
	} {
		if got, ok := ParseOTPCtl(subject, ""); !ok || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", subject, got, ok, want)
		}
	}
	for _, subject := range []string{"wasmbus.ctl.default", "wasmbus.ctl.default..hosts", "wasmbus.ctl", "other.default.ping.hosts"} {
		if got, ok := ParseOTPCtl(subject, ""); ok {
			t.Errorf("%q: %+v", subject, got)
		}
	}
}

func TestLawBuiltEventSubjectsParseBack(t *testing.T) {
	token := rapid.StringMatching(`[-A-Za-z0-9_]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		lattice, name := token.Draw(t, "lattice"), token.Draw(t, "name")
		if got, ok := ParseEventSubject(V1EventSubject(lattice, name)); !ok || got != (EventSubject{DialectV1, "", lattice, name}) {
			t.Fatalf("%+v, %v", got, ok)
		}
		if got, ok := ParseEventSubject(OTPEventSubject(lattice)); !ok || got != (EventSubject{DialectOTP, "", lattice, ""}) {
			t.Fatalf("%+v, %v", got, ok)
		}
	})
}

func TestTokens(t *testing.T) {
	for s, want := range map[string]bool{
		"my_app-http_comp": true, testHost: true, "a/b=c": true, "n/a": true, strings.Repeat("a", 255): true,
		"": false, "a.b": false, "a b": false, "*": false, ">": false, "a>": false, "ü": false, "a\n": false,
		"a:b": false, "$JS": false, strings.Repeat("a", 256): false,
	} {
		if got := ValidToken(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestReferencesAreNormalisedAsHostsReportThem(t *testing.T) {
	for ref, want := range map[string]string{
		"oci://ghcr.io/a/b:1":              "ghcr.io/a/b:1",
		"http://r.example/a:1":             "r.example/a:1",
		"https://r.example/a:1":            "r.example/a:1",
		"file:///srv/wasm/x.par":           "/srv/wasm/x.par",
		"wasmcloud+builtin://http-server":  "http-server",
		"ghcr.io/a/b:1":                    "ghcr.io/a/b:1",
		"bindle://x/y":                     "bindle://x/y",
		"ghcr.io/oci://a":                  "ghcr.io/oci://a",
		"":                                 "",
		"ghcr.io/a/b@sha256:0000000000000": "ghcr.io/a/b@sha256:0000000000000",
	} {
		if got := NormaliseRef(ref); got != want {
			t.Errorf("%q: %q, want %q", ref, got, want)
		}
	}
}

func TestTheRefusalOfASecondReferenceTellsTheKey(t *testing.T) {
	const key = "MAVFH5M6MQRY6BEZSXXV4VOQ2MDRSBNYMAUALHGHEWUHHUIBA2HUNXXA"
	seen := map[string]int{}
	for _, l := range recordings(t, "otp-host") {
		if !strings.HasSuffix(l.subject, "wasmbus.evt.default") {
			continue
		}
		ev, err := DecodeOTPEvent(l.subject, l.body)
		if err != nil {
			t.Fatalf("%s: %v", l.at, err)
		}
		var text string
		switch d := ev.Data.(type) {
		case OTPActorStartFailed:
			text = d.Error
		case OTPActorsStartFailed:
			text = d.Error
		case OTPProviderStartFailed:
			text = d.Error
		default:
			continue
		}
		got, ok := OTPSameKeyRefusal(text)
		if want := strings.Contains(text, "To upgrade an actor"); ok != want || ok && got != key {
			t.Errorf("%s: %q tells %q, %v", l.at, text, got, ok)
		}
		if ok {
			seen[l.at[:len("otp-host/0.5")]]++
		}
	}
	if seen["otp-host/0.5"] == 0 || seen["otp-host/0.6"] == 0 {
		t.Errorf("versions seen: %v", seen)
	}
	for _, text := range []string{"", `"`, `""`, "Cannot start new instance of ", "Cannot start new instance of M1", "it is already running with different reference"} {
		if got, ok := OTPSameKeyRefusal(text); ok {
			t.Errorf("%q tells %q", text, got)
		}
	}
}

func TestErrorTextsOfOTPHostsLoseTheirQuotes(t *testing.T) {
	for text, want := range map[string]string{
		`"a \"b\" c"`: `a "b" c`, `plain`: `plain`, `"bad \q"`: `bad \q`, `"`: `"`, ``: ``,
	} {
		if got := OTPErrorText(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestRepeatedActorsOfAnInventoryAreMerged(t *testing.T) {
	const entry = `{"id":"M1","image_ref":"r","name":"n","instances":[
		{"instance_id":"i","annotations":{"a":"1"},"revision":1},{"instance_id":"j","annotations":{},"revision":1}]}`
	inv, err := DecodeOTPInventory([]byte(`{"host_id":"N1","labels":{},"friendly_name":"f","providers":[],"actors":[` +
		entry + `,{"id":"M2","image_ref":"s","name":"m","instances":[{"instance_id":"k"}]},` + entry + `]}`))
	want := []OTPInventoryActor{
		{ID: "M1", ImageRef: "r", Name: "n", Instances: []OTPInventoryInstance{
			{InstanceID: "i", Annotations: OTPAnnotations{"a": "1"}, Revision: 1},
			{InstanceID: "j", Annotations: OTPAnnotations{}, Revision: 1},
		}},
		{ID: "M2", ImageRef: "s", Name: "m", Instances: []OTPInventoryInstance{{InstanceID: "k"}}},
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, inv.Actors); diff != "" {
		t.Error(diff)
	}
}
