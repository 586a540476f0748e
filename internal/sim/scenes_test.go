package sim

import (
	"maps"
	"slices"
	"time"
)

// The two hosts of the 1.x recordings, which were made one after the other.
const (
	hostA = "NAU2UBR3W44SJJPR7T4WOK4AGAJ4UHDPVJQK6WHLF2E3THAA42MJB2NY"
	hostB = "NBHT6CAGZ27GZUYFBPFL2J5TVM6ML3M6CIMLYAJIODADYA7IJHDPHP6M"
)

// both1x is a scene in which both ran already, a since msA and b since msB.
func both1x(file string, msA, msB int64) scene {
	return scene{
		file: file, version: "1.9.2",
		started:  map[string]int64{hostA: msA, hostB: msB},
		names:    map[string]string{hostA: "fragrant-robot-9072", hostB: "sparkling-lake-8463"},
		labels:   map[string]map[string]string{hostA: {"name": "a", "tier": "edge", "zone": "east"}, hostB: {"name": "b", "zone": "west"}},
		builtins: map[string][]string{hostA: {"http-server", "http-client"}, hostB: {}},
		images: map[string]Image{
			"file:///srv/wasm/broken.wasm": {Kind: KindBroken},
			"127.0.0.1:9/x/y:1.0":          {Fail: Refused},
		},
	}
}

func (s scene) but(change func(*scene)) scene {
	s.images, s.except, s.at = maps.Clone(s.images), maps.Clone(s.except), maps.Clone(s.at)
	change(&s)
	return s
}

func ctl1x(subject, body string) Msg {
	return Msg{Subject: "wasmbus.ctl.v1.default." + subject, Data: []byte(body)}
}

const webScale = `{"component_ref":"file:///srv/wasm/hello.wasm","component_id":"web","annotations":{"wasmcloud.dev/managed-by":"test","k":"v"},"count":2,"host_id":"` + hostA + `"}`

// otpScene is a scene of OTP hosts with the images of the recordings' registry.
func otpScene(file, version string) scene {
	s := func(text string) *string { return &text }
	const issuer = "ACYMGAAYKJ2NK25DAXIKDUBPNCYA5UJJN4NCK2BUCUHYI4ROXQ7QWF2A"
	mini := Image{Kind: KindComponent, Signed: true, Key: "MAVFH5M6MQRY6BEZSXXV4VOQ2MDRSBNYMAUALHGHEWUHHUIBA2HUNXXA", Issuer: issuer, Name: s("Mini"),
		Version: s("0.1.0"), Caps: []string{"acme:thing", "wasmcloud:builtin:logging"}, Tags: []string{}, Revision: 1}
	mini2 := mini
	mini2.Version, mini2.Revision = s("0.2.0"), 2
	thing := Image{Kind: KindProvider, Signed: true, Key: "VCZF6PFWTHT5LTYTX5TOZJTNFYXEMWQOJMH5RW2FSQWVBQXMROBXFQXK", Issuer: issuer, Name: s("Thing"),
		Version: s("0.1.0"), Contract: "acme:thing", Revision: 1}
	thing2 := thing
	thing2.Version, thing2.Revision = s("0.2.0"), 2
	return scene{file: file, version: version, images: map[string]Image{
		"registry.example/mini:0.1.0": mini, "registry.example/mini:0.1.1": mini, "registry.example/mini-copy:0.1.0": mini, "registry.example/mini:0.2.0": mini2,
		"registry.example/thing:0.1.0": thing, "registry.example/thing-copy:0.1.0": thing, "registry.example/thing:0.2.0": thing2,
		"registry.example/mini:9.9.9": {Fail: Missing}, "registry.example/nothing:0.1.0": {Fail: Missing}, "127.0.0.1:1/mini:0.1.0": {Fail: Refused},
		"registry.example/unsigned:0.1.0": {Kind: KindComponent, Unsigned: true}, "registry.example/notwasm:0.1.0": {Kind: KindBroken},
		"registry.example/macthing:0.1.0": {Kind: KindBroken},
	}}
}

func kill(c *Cluster, id string) { must(c.Kill(id)) }
func term(c *Cluster, id string) { must(c.Stop(id)) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func scenes() []scene {
	return slices.Concat(scenes1x(), scenesOTP(), scenesOTPQuirks())
}

func scenes1x() []scene {
	return []scene{
		both1x("v1-host_components", -20090, -20110),
		both1x("v1-host_config_links", -20000, -20000),
		both1x("v1-host_providers", -88490, -88575).but(func(s *scene) {
			s.images["file:///srv/wasm/hello.wasm"] = Image{Start: 30270 * time.Millisecond}
			s.images["file:///srv/wasm/unit.wasm"] = Image{Start: 15 * time.Millisecond}
		}),
		{file: "v1-host_update", version: "1.9.2", at: map[int64]func(*Cluster, string){69310: term}},
		{file: "v1-host_life", version: "1.9.2", at: map[int64]func(*Cluster, string){67547: term, 73569: kill}},
		both1x("v1-host_queries", -2100, -2100),
		both1x("v1-host_stop", -202600, -202600).but(func(s *scene) {
			s.before = []Msg{ctl1x("component.scale."+hostA, webScale)}
		}),
		both1x("v1-host_signed", -197800, -197800).but(func(s *scene) {
			s.before = []Msg{ctl1x("component.scale."+hostA, webScale)}
		}),
		{file: "v1-provider_process", version: "1.9.2", images: providerProcess(), at: map[int64]func(*Cluster, string){
			52092: func(c *Cluster, id string) { must(c.CrashProvider(id, "psrv", "")) },
			62744: func(c *Cluster, id string) { must(c.HangProvider(id, "psrv", "", true)) },
			99177: func(c *Cluster, id string) { must(c.HangProvider(id, "psrv", "", false)) },
		}},
	}
}

// providerProcess are the images of that recording: a big component that takes 17 s to compile, and a signed archive.
func providerProcess() map[string]Image {
	s := func(text string) *string { return &text }
	const issuer = "ABPPZR2RTHESZRX7BMPS3ZSCT5NGR7WSGAKVWD4V22LHONNF3O6EHK57"
	return map[string]Image{
		"file:///srv/wasm/hello_s.wasm": {Kind: KindComponent, Signed: true, Key: "MBFZOZUU77PJER5ZLSFJIDHKL2XR2QFQVQ5C3RQ226W7W5BOYHAKC7RU", Issuer: issuer,
			Name: s("hello-web"), Version: s("0.4.2"), CallAlias: s("hello/web"), Tags: []string{"demo", "test"}, Revision: 3, Start: 17030 * time.Millisecond},
		"file:///srv/wasm/http-server.par": {Kind: KindProvider, Signed: true, Key: "VCCMRZILERXQB554O4WO4CNH5C6PPRPE3EM7HZ5Q5IQ6EL7SGU5PX5DU", Issuer: issuer,
			Name: s("http server"), Version: s("0.28.0"), Revision: 7, Pull: 2 * time.Second},
	}
}

// Why windows of OTP recordings differ.
const (
	oddAnnotations = "annotations that are no strings: hosts hand them on as they came, wasmbus drops them"
	byChance       = "what several processes say at once comes in any order"
	noResolver     = "the host asks DNS for the registry of a bare key; here nothing resolves names"
)

// oddly excepts the windows that show annotations which are no map of strings.
func oddly(s *scene, windows ...int64) {
	s.except = map[int64]string{}
	for _, from := range windows {
		s.except[from] = oddAnnotations
	}
}

func scenesOTP() []scene {
	ends := map[int64]func(*Cluster, string){19938: term, 33707: kill}
	return []scene{
		otpScene("otp-0.57-actors", "0.57.4"),
		otpScene("otp-0.57.1-providers", "0.57.1").but(func(s *scene) {
			s.except = map[int64]string{8969: "the ping reply of 0.57.1 has no issuer; wasmbus always writes one"}
		}),
		otpScene("otp-0.58-actors", "0.58.2"),
		otpScene("otp-0.58-actor-errors", "0.58.2").but(func(s *scene) { oddly(s, 51672, 53174, 53477, 54978, 71197) }),
		otpScene("otp-0.58-providers", "0.58.2"),
		otpScene("otp-0.58-provider-health", "0.58.2").but(func(s *scene) { s.at = map[int64]func(*Cluster, string){75933: term} }),
		otpScene("otp-0.58-links", "0.58.2").but(func(s *scene) { s.at = map[int64]func(*Cluster, string){14079: kill} }),
		otpScene("otp-0.58-upgrade", "0.58.2"),
		otpScene("otp-0.58-update", "0.58.2"),
		otpScene("otp-0.58-scale", "0.58.2"),
		otpScene("otp-0.58-ends", "0.58.2").but(func(s *scene) { s.at = ends }),
		otpScene("otp-0.58-two-hosts", "0.58.2"),
		otpScene("otp-0.63-actors", "0.63.2").but(func(s *scene) {
			s.switches = func(sw *Switches) { sw.ColdImageRace = true } // the second of two la of a new image reads a short file
		}),
		otpScene("otp-0.63-actor-errors", "0.63.2").but(func(s *scene) {
			oddly(s, 51676, 53179, 53481, 54984, 71207)
			s.except[36657] = noResolver
		}),
		otpScene("otp-0.63-providers", "0.63.2").but(func(s *scene) { s.except = map[int64]string{60054: noResolver} }),
		otpScene("otp-0.63-provider-health", "0.63.2").but(func(s *scene) {
			s.at = map[int64]func(*Cluster, string){78920: term}
			s.except = map[int64]string{6807: byChance}
		}),
		otpScene("otp-0.63-links", "0.63.2").but(func(s *scene) { s.at = map[int64]func(*Cluster, string){14150: kill} }),
		otpScene("otp-0.63-upgrade", "0.63.2"),
		otpScene("otp-0.63-update", "0.63.2"),
		otpScene("otp-0.63-scale", "0.63.2"),
		otpScene("otp-0.63-ends", "0.63.2").but(func(s *scene) { s.at = map[int64]func(*Cluster, string){20231: term, 34103: kill} }),
		otpScene("otp-0.63-two-hosts", "0.63.2").but(func(s *scene) {
			s.except = map[int64]string{10497: byChance, 12112: byChance, 12558: byChance, 13406: byChance}
		}),
	}
}

// What cannot be repeated in the recordings of single peculiarities, and why.
const (
	noIssuer  = "the ping reply of 0.57.1 has no issuer; wasmbus always writes one"
	whichOne  = "which of the instances takes a call, and crashes, is by chance"
	brokenPut = "what a broken connection still lets through is by chance: of four runs two lost the start"
)

const mini = "MAVFH5M6MQRY6BEZSXXV4VOQ2MDRSBNYMAUALHGHEWUHHUIBA2HUNXXA"

func crash(c *Cluster, id string) { must(c.CrashActor(id, mini)) }

func killProvider(c *Cluster, id string) {
	must(c.CrashProvider(id, "VCZF6PFWTHT5LTYTX5TOZJTNFYXEMWQOJMH5RW2FSQWVBQXMROBXFQXK", "default"))
}

// lateFor makes a host deaf that has just begun, as it happens in one start of 25.
func lateFor(id string, d time.Duration) func(*Cluster, string) {
	return func(c *Cluster, _ string) {
		h := c.byID(id)
		h.subscribe(false)
		h.after(d, func() { h.subscribe(true) })
	}
}

// scenesOTPQuirks are the recordings of single peculiarities of OTP hosts.
func scenesOTPQuirks() []scene {
	acts := func(all map[int64]func(*Cluster, string)) func(*scene) { return func(s *scene) { s.at = all } }
	return []scene{
		otpScene("otp-0.57.1-actors", "0.57.1").but(func(s *scene) {
			s.switches = func(sw *Switches) { sw.ColdImageRace = true }
			s.except = map[int64]string{13790: noIssuer, 45733: noIssuer, 56266: noIssuer}
		}),
		otpScene("otp-0.57-upgrade", "0.57.4"),
		otpScene("otp-0.57-two-hosts", "0.57.4").but(acts(map[int64]func(*Cluster, string){
			2750: lateFor("NDMUPRQKPK2OG52UJVFYH7O57E5KB3WITIP2QTCGM7TPJFCMDEZKWFBQ", 2*time.Second),
		})),
		otpScene("otp-0.58-provider-race", "0.58.2"),
		otpScene("otp-0.63-provider-race", "0.63.2"),
		otpScene("otp-0.63-actor-crash", "0.63.2").but(acts(map[int64]func(*Cluster, string){
			9720: crash, 18432: crash, 18634: crash, 18834: crash, 19034: crash,
		})),
		otpScene("otp-0.58-sa-rpc", "0.58.2"),
		otpScene("otp-0.63-sa-rpc", "0.63.2").but(func(s *scene) {
			s.at = map[int64]func(*Cluster, string){7668: crash, 9378: crash, 12882: crash}
			s.except = map[int64]string{9172: whichOne, 9875: whichOne}
		}),
		otpScene("otp-0.58-refmap", "0.58.2"),
		otpScene("otp-0.63-refmap", "0.63.2").but(func(s *scene) { s.except = map[int64]string{21796: byChance} }),
		otpScene("otp-0.58-heartbeats", "0.58.2"),
		otpScene("otp-0.63-heartbeats", "0.63.2"),
		otpScene("otp-0.58-link-ghost", "0.58.2"),
		otpScene("otp-0.63-link-ghost", "0.63.2"),
		otpScene("otp-0.58-start", "0.58.2").but(acts(map[int64]func(*Cluster, string){103906: term})),
		otpScene("otp-0.63-start", "0.63.2").but(acts(map[int64]func(*Cluster, string){109099: term})),
		otpScene("otp-0.57.1-odd", "0.57.1").but(func(s *scene) {
			s.at = map[int64]func(*Cluster, string){20976: killProvider}
			s.except = map[int64]string{25280: byChance}
		}),
		otpScene("otp-0.58-odd", "0.58.2").but(func(s *scene) {
			s.at = map[int64]func(*Cluster, string){5026: killProvider}
			s.except = map[int64]string{9330: byChance}
		}),
		otpScene("otp-0.63-odd", "0.63.2").but(func(s *scene) {
			s.at = map[int64]func(*Cluster, string){4869: killProvider}
			s.except = map[int64]string{7172: byChance, 9174: byChance}
		}),
		otpScene("otp-0.63-blind-ping", "0.63.2").but(func(s *scene) {
			s.except = map[int64]string{7274: brokenPut, 7316: brokenPut, 7417: brokenPut}
		}),
	}
}
