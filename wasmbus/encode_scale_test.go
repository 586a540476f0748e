package wasmbus

import (
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

func TestLawScalesAreEncodedAlike(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", `"\`, "é\u2028<&>", "\x00\t\n", "\xff"}), rapid.String())
	texts := rapid.OneOf(rapid.Just(map[string]string(nil)), rapid.MapOfN(text, text, 0, 4))
	rapid.Check(t, func(t *rapid.T) {
		s := V1Scale{ComponentRef: text.Draw(t, "ref"), ComponentID: text.Draw(t, "id"), Annotations: texts.Draw(t, "annotations"), Count: rapid.Uint32().Draw(t, "count"),
			HostID: text.Draw(t, "host"), Config: rapid.OneOf(rapid.Just([]string(nil)), rapid.SliceOfN(text, 0, 3)).Draw(t, "config"),
			AllowUpdate: rapid.Bool().Draw(t, "update"), ComponentLimits: texts.Draw(t, "limits")}
		want, wantErr := json.Marshal(s, encodeOptions)
		got, err := Encode(s)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err == nil && string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}
func BenchmarkEncodeScale(b *testing.B) {
	s := V1Scale{ComponentRef: "registry.example/acme/c00:1.0.0", ComponentID: "app-c00", Count: 1, HostID: "N0000000000000000000000000000000000000000000000000000001", Config: []string{},
		Annotations: map[string]string{"wasmcloud.dev/appspec": "app", "wasmcloud.dev/managed-by": "wadm", "wasmcloud.dev/scaler": "7b3a1f0e9d8c7b6a59483726150f4e3d2c1b0a99887766554433221100ffeedd", "wasmcloud.dev/spread_name": "default"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(s); err != nil {
			b.Fatal(err)
		}
	}
}
