package oam

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func in03(components string) string {
	return "metadata: {name: x, annotations: {version: v1}}\nspec:\n  components:\n" + components
}

// What 0.3.0 took, and what becomes of it.
func TestDecode03(t *testing.T) {
	const actor = `{"name":"a","type":"component","properties":{"image":"i"}`
	for _, tt := range []struct{ name, src, want string }{
		{"nothing but components", "spec: {components: []}", `{"name":"Unnamed","annotations":{"version":"0.0.0"}} []`},
		{"null everywhere", "metadata: {name: , annotations: {version: , description: }}\nspec: {components: []}", `{"name":"Unnamed","annotations":{"version":"0.0.0"}} []`},
		{"what it never looked at", "apiVersion: 7\nkind: []\nmore: x\nmetadata: {name: x, labels: 3, annotations: {version: V1, other: {deep: 1}, flag: true}}\nspec: {components: [], policies: none}",
			`{"name":"x","annotations":{"flag":"true","version":"1"}} []`},
		{"the last document counts", "a: 1\n---\nmetadata: {name: x, annotations: {version: 1.10}}\nspec: {components: []}\n", `{"name":"x","annotations":{"version":"1.10"}} []`},
		{"the first of doubled keys counts", "metadata: {name: x, annotations: {version: a, version: b}}\nspec: {components: []}\nspec: {}", `{"name":"x","annotations":{"version":"a"}} []`},
		{"JSON by its first letter", `{"metadata":{"name":"x","annotations":{"version":"vv1","description":5}},"spec":{"components":[]}}`,
			`{"name":"x","annotations":{"description":"5","version":"v1"}} []`},
		{"an actor without traits", in03("    - {name: a, type: actor, properties: {image: i}, traits: }"), `{"name":"x","annotations":{"version":"1"}} [` + actor + `,"traits":[]}]`},
		{"a scaler without spread", in03("    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 2, spread: }}]}"),
			`{"name":"x","annotations":{"version":"1"}} [` + actor + `,"traits":[{"type":"spreadscaler","properties":{"instances":2}}]}]`},
		{"a weight that is no whole number is 100, and requirements are text", in03("    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 2, spread: [{name: s, weight: 80.0, requirements: {zone: 1}}]}}]}"),
			`{"name":"x","annotations":{"version":"1"}} [` + actor + `,"traits":[{"type":"spreadscaler","properties":{"instances":2,"spread":[{"name":"s","requirements":{"zone":"1"}}]}}]}]`},
		{"the 1.x form by its own rules", "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: x, annotations: {version: v1}}\nspec: {components: [{name: a, type: component, properties: {image: i}}]}",
			`{"name":"x","annotations":{"version":"1"}} [` + actor + `}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc, found := Decode03([]byte(tt.src))
			found = append(found, Validate03(doc)...)
			if found.HasErrors() {
				t.Fatal(found.Errors()[0].Text())
			}
			got := strings.TrimPrefix(string(Canonical(doc.Manifest)), `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":`)
			got = strings.TrimSuffix(strings.Replace(got, `,"spec":{"components":`, " ", 1), "}}")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("it is read otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

// Its own words where it had some; ours, with the place, where it crashed.
func TestDecode03Refuses(t *testing.T) {
	capability := "    - {name: p, type: capability, properties: {image: i, contract: c}}\n"
	for _, tt := range []struct {
		name, src string
		want      []string // with "!" in front: the words of 0.3.0
	}{
		{"no components", "metadata: {name: x}", []string{"!No components to extract from application specification"}},
		{"two components that lack something", in03("    - {type: actor, properties: {image: i}}\n    - {name: p, type: capability, properties: {image: i}}"),
			[]string{"!Cannot extract actor component from map", "!Cannot extract capability component from map"}},
		{"an unknown trait beside one that lacks something", in03("    - {name: a, type: actor, properties: {image: i}, traits: [{type: magic, properties: {}}, {type: linkdef, properties: {target: t}}]}"),
			[]string{"!Failed to extract traits"}},
		{"a trait without properties", in03("    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler}]}"), []string{"!Failed to extract traits"}},
		{"a spread without a name", in03("    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 1, spread: [{weight: 100}]}}]}"), []string{"!Failed to extract traits"}},
		{"a slip in a type", in03("    - {name: a, type: acter, properties: {image: i}}"), []string{`unknown component type "acter" in components[0]: it is actor or capability`}},
		{"a name that is a number", in03("    - {name: 7, type: actor, properties: {image: i}}"), []string{"invalid type: integer `7`, expected a string in components[0].name: quote it, \"7\""}},
		{"requirements that are no map", in03("    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 1, spread: [{name: s, requirements: east}]}}]}"),
			[]string{`invalid type: string "east", expected a map in components[0].traits[0].properties.spread[0].requirements`}},
		{"an image that is empty", in03("    - {name: a, type: actor, properties: {image: \"\"}}"), []string{"Component must have either 'image' or 'application' property"}},
		{"two links to one contract", in03(capability + "    - {name: a, type: actor, properties: {image: i}, traits: [{type: linkdef, properties: {target: p, values: {}}}, {type: linkdef, properties: {target: p, values: {}}}]}"),
			[]string{`component "a" has two linkdefs for contract "c" and link name "default": a host keeps one`}},
		{"rules, the last found first", in03("    - {name: a, type: actor, properties: {image: i}, traits: [{type: linkdef, properties: {target: t, values: {}}}, {type: spreadscaler, properties: {replicas: 1, spread: []}}]}"),
			[]string{"!Spread scaler weight does not add up to 100", "!No matching targets found for link definition target t"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc, found := Decode03([]byte(tt.src))
			if !found.HasErrors() {
				found = append(found, Validate03(doc)...)
			}
			var got []string
			for _, e := range found.Errors() {
				switch {
				case e.Compat:
					got = append(got, "!"+e.Message)
				case e.Line == 0:
					t.Errorf("%q has no place", e.Message)
				case !e.Covered:
					got = append(got, e.Message)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("what is wrong (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzDecode03: whatever comes, it does not panic; what it takes without an error is read back as the same manifest, and has a version.
func FuzzDecode03(f *testing.F) {
	for _, src := range []string{"", "{", "spec: {components: []}", "a: &a [*a]", "a\n---\nb", `{"spec":{"components":[{"type":"actor"}]}}`,
		in03("    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 2, spread: [{name: s}]}}]}")} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, found := Decode03(src)
		if doc == nil {
			if !found.HasErrors() {
				t.Error("refused without a reason")
			}
			return
		}
		found = append(found, Validate03(doc)...)
		if found.HasErrors() {
			return
		}
		if _, ok := doc.Manifest.Metadata.Annotations[AnnotationVersion]; !ok {
			t.Error("it has no version")
		}
		canonical := Canonical(doc.Manifest)
		again, more := Decode(canonical, FormatJSON)
		if more.HasErrors() || !slices.Equal(Canonical(again.Manifest), canonical) {
			t.Errorf("%s is read back otherwise: %v", canonical, more.Errors())
		}
	})
}
