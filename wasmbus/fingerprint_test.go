package wasmbus

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var testSeed = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

const testHost = "NAHOSTAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// bigBeat is a heartbeat of a host with many components, about 380 bytes each.
func bigBeat(t testing.TB, components int, uptime uint64) []byte {
	t.Helper()
	beat := V1HostHeartbeat{V1Inventory{
		FriendlyName: "bold-lake-1834", HostID: testHost, Version: "1.9.2",
		UptimeSeconds: uptime, UptimeHuman: fmt.Sprintf("%ds", uptime),
		Labels:    map[string]string{"hostcore.arch": "x86_64", "hostcore.os": "linux", "zone": "a"},
		Providers: []V1InventoryProvider{},
	}}
	for i := range components {
		id := fmt.Sprintf("my_app-component_%d", i)
		beat.Components = append(beat.Components, V1InventoryComponent{
			ID: id, ImageRef: "ghcr.io/acme/" + id + ":1.2.0", MaxInstances: 10,
			Annotations: map[string]string{
				"wasmcloud.dev/appspec": "my-app", "wasmcloud.dev/managed-by": "wadm",
				"wasmcloud.dev/scaler":      "3f1c5a7db1e4f8a90b2c4d6e8f1a3b5c7d9e0f2a4b6c8d0e1f3a5b7c9d1e3f5a",
				"wasmcloud.dev/spread_name": "default",
			},
		})
	}
	msg, err := EncodeEvent(Envelope{ID: "1", Source: testHost, Time: "2025-03-01T12:00:00.123456789Z"}, beat)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestFingerprintsOfRecordedHeartbeatsAgreeWithTheirDecoding(t *testing.T) {
	f := NewFingerprinter(testSeed)
	beats, others := 0, 0
	for _, dir := range []string{"v1", "otp", "otp-host"} {
		for _, l := range recordings(t, dir) {
			if !strings.Contains(l.subject, "wasmbus.evt.") || badEvents[l.at] {
				continue
			}
			fp, ok := f.Heartbeat(l.body)
			if !bytes.Contains(l.body, []byte("lattice.host_heartbeat")) {
				if others++; ok {
					t.Errorf("%s: a fingerprint of another event", l.at)
				}
				continue
			}
			beats++
			if _, fast := findBeatFast(l.body); !ok || !fast {
				t.Errorf("%s: fingerprint %v, without reading everything %v", l.at, ok, fast)
				continue
			}
			uptime, host := decodedBeat(t, dir, l)
			if fp.UptimeSeconds != uptime || string(fp.Host) != host {
				t.Errorf("%s: uptime %d of %s, decoded %d of %s", l.at, fp.UptimeSeconds, fp.Host, uptime, host)
			}
		}
	}
	if beats < 500 || others < 1000 {
		t.Errorf("only %d heartbeats and %d others", beats, others)
	}
}

func decodedBeat(t *testing.T, dir string, l line) (uint64, string) {
	t.Helper()
	decode := DecodeOTPEvent
	if dir == "v1" {
		decode = DecodeV1Event
	}
	ev, err := decode(l.subject, l.body)
	if err != nil {
		t.Fatalf("%s: %v", l.at, err)
	}
	switch beat := ev.Data.(type) {
	case V1HostHeartbeat:
		return beat.UptimeSeconds, ev.Host
	case OTPHeartbeat:
		return beat.UptimeSeconds, ev.Host
	}
	t.Fatalf("%s: %T", l.at, ev.Data)
	return 0, ""
}

func TestBothWaysOfFindingTheUptimeCutTheSamePieces(t *testing.T) {
	for _, dir := range []string{"v1", "otp-host"} {
		for _, l := range recordings(t, dir) {
			fast, ok := findBeatFast(l.body)
			if !ok {
				continue
			}
			slow, ok := findBeat(l.body)
			if !ok || !slices.EqualFunc(fast.pieces[:], slow.pieces[:], bytes.Equal) ||
				fast.uptime != slow.uptime || !bytes.Equal(fast.source, slow.source) || !bytes.Equal(fast.kind, slow.kind) {
				t.Errorf("%s: %+v and %+v", l.at, fast, slow)
			}
		}
	}
}

// drawBeat draws the data members of a heartbeat without uptime, as JSON.
func drawBeat(t *rapid.T) []string {
	word := rapid.SampledFrom([]string{"a", "b", `x\"y`, `uptime_human\":`, "ü", `\\`, "}", "{", ",", ""})
	members := []string{fmt.Sprintf(`"friendly_name":"%s"`, word.Draw(t, "name"))}
	var components []string
	for range rapid.IntRange(0, 4).Draw(t, "components") {
		components = append(components, fmt.Sprintf(
			`{"id":"%s","annotations":{"uptime_seconds":"%s","uptime_human":"%s"},"max_instances":%d}`,
			rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "id"), word.Draw(t, "seconds"), word.Draw(t, "human"),
			rapid.IntRange(0, 3).Draw(t, "count")))
	}
	members = append(members, `"components":[`+strings.Join(components, ",")+`]`, `"providers":[]`)
	if rapid.Bool().Draw(t, "versioned") {
		members = append(members, fmt.Sprintf(`"version":"%s"`, word.Draw(t, "version")))
	}
	return members
}

// beatMessage puts members and an uptime into a CloudEvent; at is the place of
// the uptime among the members.
func beatMessage(members []string, at int, uptime uint64, otpOrder, human bool) []byte {
	times := fmt.Sprintf(`"uptime_seconds":%d`, uptime)
	if human {
		times = fmt.Sprintf(`"uptime_human":"%d s",`, uptime) + times
	}
	data := "{" + strings.Join(slices.Insert(slices.Clone(members), min(at, len(members)), times), ",") + "}"
	kind, source := `"type":"com.wasmcloud.lattice.host_heartbeat"`, `"source":"`+testHost+`"`
	if otpOrder {
		return []byte(`{"data":` + data + `,"id":"7",` + source + `,"specversion":"1.0",` + kind + `}`)
	}
	return []byte(`{"specversion":"1.0","id":"7",` + kind + `,` + source + `,"data":` + data + `}`)
}

func TestLawSameDataHasSameHashWhateverTheUptime(t *testing.T) {
	f := NewFingerprinter(testSeed)
	rapid.Check(t, func(t *rapid.T) {
		members := drawBeat(t)
		at := rapid.IntRange(0, len(members)).Draw(t, "at")
		human := rapid.Bool().Draw(t, "human")
		order := rapid.Bool()
		uptime := rapid.Uint64Range(0, 1e9)
		one, two := uptime.Draw(t, "one"), uptime.Draw(t, "two")
		a, okA := f.Heartbeat(beatMessage(members, at, one, order.Draw(t, "orderA"), human))
		b, okB := f.Heartbeat(beatMessage(members, at, two, order.Draw(t, "orderB"), human))
		if !okA || !okB || a.Hash != b.Hash {
			t.Fatalf("ok %v %v, hashes %x %x", okA, okB, a.Hash, b.Hash)
		}
		if a.UptimeSeconds != one || b.UptimeSeconds != two || string(a.Host) != testHost {
			t.Fatalf("read %d and %d of %s, want %d and %d", a.UptimeSeconds, b.UptimeSeconds, a.Host, one, two)
		}
	})
}

func TestLawOtherDataHasAnotherHash(t *testing.T) {
	f := NewFingerprinter(testSeed)
	rapid.Check(t, func(t *rapid.T) {
		one, other := drawBeat(t), drawBeat(t)
		two := slices.Clone(one) // with one member of another heartbeat
		i := rapid.IntRange(0, min(len(one), len(other))-1).Draw(t, "member")
		two[i] = other[i]
		at := rapid.IntRange(0, len(one)).Draw(t, "at")
		order, human := rapid.Bool().Draw(t, "order"), rapid.Bool().Draw(t, "human")
		a, okA := f.Heartbeat(beatMessage(one, at, 5, order, human))
		b, okB := f.Heartbeat(beatMessage(two, at, 5, order, human))
		if same := slices.Equal(one, two); !okA || !okB || same != (a.Hash == b.Hash) {
			t.Fatalf("ok %v %v, same data %v, hashes %x %x", okA, okB, same, a.Hash, b.Hash)
		}
	})
}

func TestLawAnyChangedByteOutsideTheUptimeChangesTheHash(t *testing.T) {
	f := NewFingerprinter(testSeed)
	msg := bigBeat(t, 20, 125)
	want, ok := f.Heartbeat(msg)
	if !ok {
		t.Fatal("no fingerprint")
	}
	data := bytes.Index(msg, []byte(`"data":`)) + len(`"data":`)
	uptime := bytes.Index(msg, []byte(`"uptime_human"`))
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(data, uptime-1).Draw(t, "at")
		other := slices.Clone(msg)
		other[at] = rapid.Byte().Filter(func(b byte) bool { return b != msg[at] }).Draw(t, "byte")
		if got, ok := f.Heartbeat(other); ok && got.Hash == want.Hash {
			t.Fatalf("byte %d changed, hash the same", at)
		}
	})
}

func TestFingerprintRefusesWhatItDoesNotUnderstand(t *testing.T) {
	data := `{"components":[],"providers":[],"uptime_human":"1s","uptime_seconds":1,"version":"1.9.2"}`
	msg := func(kind, source, data string) string {
		return `{"type":"com.wasmcloud.lattice.` + kind + `","source":"` + source + `","data":` + data + `}`
	}
	for name, body := range map[string]string{
		"another event":                      msg("host_started", testHost, data),
		"a host that is no token":            msg("host_heartbeat", "a b", data),
		"no host":                            `{"type":"com.wasmcloud.lattice.host_heartbeat","data":` + data + `}`,
		"no uptime":                          msg("host_heartbeat", testHost, `{"components":[],"providers":[]}`),
		"uptime twice":                       msg("host_heartbeat", testHost, `{"uptime_seconds":1,"a":[],"uptime_seconds":2}`),
		"an uptime that is a string":         msg("host_heartbeat", testHost, `{"uptime_seconds":"1"}`),
		"an uptime with a fraction":          msg("host_heartbeat", testHost, `{"uptime_seconds":1.5}`),
		"a negative uptime":                  msg("host_heartbeat", testHost, `{"uptime_seconds":-1}`),
		"a human uptime that is no string":   msg("host_heartbeat", testHost, `{"uptime_human":{},"uptime_seconds":1}`),
		"data twice":                         `{"data":` + data + `,` + msg("host_heartbeat", testHost, data)[1:],
		"data twice, once null":              `{"data":null,` + msg("host_heartbeat", testHost, data)[1:],
		"the source twice":                   `{"source":"N",` + msg("host_heartbeat", testHost, data)[1:],
		"an escaped name that reads as data": `{"d\u0061ta":1,` + msg("host_heartbeat", testHost, data)[1:],
		"an escaped name in data":            msg("host_heartbeat", testHost, `{"uptime_s\u0065conds":1,"uptime_seconds":1}`),
		"the uptime one level deeper":        msg("host_heartbeat", testHost, `{"a":{"b":1,"uptime_human":"1s","uptime_seconds":1}}`),
		"data that is a list":                msg("host_heartbeat", testHost, `[]`),
		"cut off":                            msg("host_heartbeat", testHost, data)[:120],
		"something behind":                   msg("host_heartbeat", testHost, data) + "x",
		"nothing":                            "",
		"deep nesting":                       msg("host_heartbeat", testHost, `{"a":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`,"uptime_seconds":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			if fp, ok := NewFingerprinter(testSeed).Heartbeat([]byte(body)); ok {
				t.Errorf("fingerprint %+v of %s", fp, body)
			}
		})
	}
}

func TestFingerprintOfAnUnusualLayoutIsFoundByReadingEverything(t *testing.T) {
	f := NewFingerprinter(testSeed)
	msg := []byte(` { "source" : "N1", "x": [ { } ], "data": { "uptime_seconds" : 7 , "components": [ ] }, "type":"com.wasmcloud.lattice.host_heartbeat" } `)
	if fp, ok := f.Heartbeat(msg); !ok || fp.UptimeSeconds != 7 || string(fp.Host) != "N1" {
		t.Errorf("got %+v, %v", fp, ok)
	}
}

func TestFingerprintDoesNotAllocateOnceWarm(t *testing.T) {
	f := NewFingerprinter(testSeed)
	msg := bigBeat(t, 100, 125)
	if n := testing.AllocsPerRun(100, func() { f.Heartbeat(msg) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSeedsGiveOtherHashes(t *testing.T) {
	msg := bigBeat(t, 3, 125)
	a, _ := NewFingerprinter(testSeed).Heartbeat(msg)
	b, _ := NewFingerprinter([16]byte{}).Heartbeat(msg)
	if a.Hash == b.Hash {
		t.Error("the seed does not matter")
	}
}

func BenchmarkFingerprint(b *testing.B) {
	msg := bigBeat(b, 100, 125)
	f := NewFingerprinter(testSeed)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := f.Heartbeat(msg); !ok {
			b.Fatal("no fingerprint")
		}
	}
}

func BenchmarkFingerprintReadingEverything(b *testing.B) {
	msg := bigBeat(b, 100, 125)
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if _, ok := findBeat(msg); !ok {
			b.Fatal("not found")
		}
	}
}

// The hashes that were weighed against each other, over the same bytes.
func BenchmarkHash(b *testing.B) {
	msg := bigBeat(b, 100, 125)
	f := NewFingerprinter(testSeed)
	one, two := maphash.MakeSeed(), maphash.MakeSeed()
	var sink uint64
	for name, hash := range map[string]func(){
		"gcm":     func() { var out [16]byte; f.hash(&out, [3][]byte{msg}); sink += uint64(out[0]) },
		"sha256":  func() { sum := sha256.Sum256(msg); sink += uint64(sum[0]) },
		"maphash": func() { sink += maphash.Bytes(one, msg) ^ maphash.Bytes(two, msg) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				hash()
			}
		})
	}
	_ = sink
}
