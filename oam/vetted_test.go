package oam

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vettedOtherwise are the recorded models of which we make something else than 0.3.0 did, by name, with the reason.
var vettedOtherwise = map[string]string{
	"weightstring": `weight: "80" is an error here; 0.3.0 took it for no weight`,
}

func TestVettedIsWhatTheOtherImplementationReplied(t *testing.T) {
	seen := 0
	for _, m := range recording(t, "otp_get.jsonl") {
		var reply struct {
			Data struct {
				Raw    string          `json:"raw"`
				Vetted json.RawMessage `json:"vetted"`
			} `json:"data"`
		}
		if err := json.Unmarshal(m.Payload, &reply); err != nil {
			t.Fatal(err)
		}
		// What is missing (apiVersion, kind) is an error of Decode and no matter of Vet.
		d, ds := Decode([]byte(reply.Data.Raw), FormatAuto)
		if d == nil {
			t.Fatalf("decoding %q: %v", reply.Data.Raw, ds)
		}
		got, err := json.Marshal(Vet(d.Manifest))
		if err != nil {
			t.Fatal(err)
		}
		if why := vettedOtherwise[d.Manifest.Metadata.Name]; why != "" {
			continue
		}
		seen++
		if diff := cmp.Diff(string(reply.Data.Vetted), string(got)); diff != "" {
			t.Errorf("%s (-recorded +ours):\n%s", d.Manifest.Metadata.Name, diff)
		}
	}
	if seen < 6 {
		t.Errorf("only %d recorded replies were compared", seen)
	}
}

func TestVettedOfWhatTheGrammarOf03CannotSay(t *testing.T) {
	const head = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: shop\n  annotations: {version: V1.2}\nspec:\n  components:\n"
	for _, c := range []struct{ name, components, want string }{
		{
			"an interface link", `
    - {name: web, type: component, properties: {image: i:1}, traits: [{type: link, properties: {target: db, namespace: wasi, package: keyvalue, interfaces: [store]}}]}
    - {name: db, type: capability, properties: {image: i:2}}`, `[]`,
		},
		{"a config", `
    - {name: web, type: component, properties: {image: i:1, config: [{name: c, properties: {a: b}}]}}`, `[]`},
		{"an id", `
    - {name: web, type: component, properties: {image: i:1, id: web-1}}`, `[]`},
		{"a daemonscaler", `
    - {name: web, type: component, properties: {image: i:1}, traits: [{type: daemonscaler, properties: {instances: 1}}]}`, `[]`},
		{"a trait that nobody knows", `
    - {name: web, type: component, properties: {image: i:1}, traits: [{type: other, properties: {a: 1}}]}`, `[]`},
		{"both forms can say it", `
    - {name: web, type: component, properties: {image: i:1}, traits: [{type: spreadscaler, properties: {instances: 2}}]}`,
			`[{"image":"i:1","name":"web","traits":[{"replicas":2,"spread":[{"name":"default","requirements":null,"weight":100}]}]}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, ds := Decode([]byte(head+c.components[1:]), FormatYAML)
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			got, err := json.Marshal(Vet(d.Manifest))
			if err != nil {
				t.Fatal(err)
			}
			want := `{"components":` + c.want + `,"description":"Unnamed Application","name":"shop","version":"1.2"}`
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOneVIsStrippedAndNoMore(t *testing.T) {
	for in, want := range map[string]string{"v1": "1", "V1": "1", "vv1": "v1", "v": "", "": "", "1v": "1v", "latest": "latest"} {
		if got := StripV(in); got != want {
			t.Errorf("StripV(%q) = %q, want %q", in, got, want)
		}
	}
}
