package oam

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// app wraps components, indented as list items, into a manifest.
func app(components string) string {
	return "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: my-app\n  annotations: {version: v1}\nspec:\n  components:\n" + components
}

// linkTo is a link trait to wasi:keyvalue/store; more are further properties.
func linkTo(target, more string) string {
	return "{type: link, properties: {namespace: wasi, package: keyvalue, interfaces: [store], target: " + target + more + "}}"
}

func told(ds Diagnostics, which func(Diagnostic) bool) []string {
	var out []string
	for _, d := range ds {
		if which(d) {
			out = append(out, d.Level.String()[:1]+" "+d.Text())
		}
	}
	return out
}

func isCompat(d Diagnostic) bool { return d.Compat }
func isOwn(d Diagnostic) bool    { return !d.Compat }

func validated(t *testing.T, src string) Diagnostics {
	t.Helper()
	d, ds := Decode([]byte(src), FormatYAML)
	if d == nil || ds.HasErrors() {
		t.Fatalf("decoding: %v\n%s", ds, src)
	}
	return Validate(d)
}

const scaled = "traits: [{type: spreadscaler, properties: {instances: 1}}]"

func TestTheRulesOfTheOtherImplementationWithItsTexts(t *testing.T) {
	for _, tc := range []struct {
		name string
		src  string
		want []string
	}{
		{"VAL-01 a secret with a policy that has a backend", shopFront, nil},
		{"VAL-02 a link to nobody", app(`
    - {name: a, type: component, properties: {image: i}, traits: [` + linkTo("httpclient", "") + `]}`), []string{
			`E The following capability component(s) are missing from the manifest: ["httpclient"]`,
			`W link (target [httpclient]) target [httpclient] is not a listed component`}},
		{"VAL-02 a named link to nobody, and another", app(`
    - {name: a, type: component, properties: {image: i}, traits: [` + linkTo("z", ", name: second") + `, ` + linkTo("b", "") + `]}`), []string{
			`E The following capability component(s) are missing from the manifest: ["b", "z"]`,
			`W link (name [second]) target [z] is not a listed component`,
			`W link (target [b]) target [b] is not a listed component`}},
		{"VAL-03 an interface that the package does not have", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: link, properties: {namespace: wasi, package: keyvalue, interfaces: [atomic], target: a}}]}`),
			[]string{`W unrecognized interface [wasi:keyvalue/atomic]`}},
		{"VAL-04 a package that the namespace does not have", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: link, properties: {namespace: wasi, package: keyvalues, interfaces: [atomics], target: a}}]}`),
			[]string{`W unrecognized interface [wasi:keyvalues/atomics]`}},
		{"VAL-05 a namespace that nobody checks", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: link, properties: {namespace: my-wasi, package: my-kv, interfaces: [my-atomics], target: a}}]}`), nil},
		{"VAL-06 an unused secret policy without backend", app(`
    - {name: a, type: component, properties: {image: i}, ` + scaled + `}
  policies: [{name: p, type: policy.secret.wasmcloud.dev/v1alpha1, properties: {}}]`), nil},
		{"secrets with bad policies", app(`
    - name: a
      type: component
      properties:
        image: i
        secrets: [{name: s, properties: {policy: p, key: k}}, {name: t, properties: {policy: q, key: k}}, {name: u, properties: {policy: r, key: k}}]
  policies: [{name: p, type: other, properties: {}}, {name: q, type: policy.secret.wasmcloud.dev/v1alpha1, properties: {}}]`), []string{
			`E secret 's' is mapped to policy 'p' which is not a secret policy. Expected type 'policy.secret.wasmcloud.dev/v1alpha1'`,
			`E secret 't' is mapped to policy 'q' which does not include a 'backend' property`,
			`E secret 'u' is mapped to unknown policy 'r'`}},
		{"VAL-07 names of link configs given twice", app(`
    - {name: a, type: component, properties: {image: i}, traits: [` +
			linkTo("{name: a, config: [{name: redis-url, properties: {u: x}}, {name: shared}]}", ", name: one") + `, ` +
			linkTo("{name: a, config: [{name: redis-url, properties: {u: x}}, {name: shared}]}", ", name: two, source: {config: [{name: port, properties: {p: '1'}}, {name: port, properties: {p: '1'}}]}") + `]}`), []string{
			`E Duplicate link config name found: 'redis-url'`, `E Duplicate link config name found: 'port'`}},
		{"VAL-08 the old spelling of link configs", app(`
    - {name: a, type: component, properties: {image: i}, traits: [` + linkTo("a", ", source_config: [], target_config: []") + `]}`), []string{
			`W one of the components' link trait contains a source_config key, please use source:config: rather`,
			`W one of the components' link trait contains a target_config key, please use target:config: rather`}},
		{"VAL-09 two pairs of one name", app(`
    - {name: ui, type: component, properties: {image: i}}
    - {name: ui, type: component, properties: {image: i}}
    - {name: vets, type: component, properties: {image: i}}
    - {name: vets, type: component, properties: {image: i}}`), []string{
			`E Duplicate component name in manifest: ui`, `E Duplicate component name in manifest: vets`}},
		{"VAL-10 and a scaler without instances", app(`
    - {name: ui, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {spread: [{name: x, requirements: {}}]}}]}
    - {name: ui, type: component, properties: {image: i}}`), []string{
			`E Duplicate component name in manifest: ui`,
			`E Scaler trait deserialized as custom trait, ensure fields are correct: {"spread":[{"name":"x","requirements":{}}]}`}},
		{"VAL-11 and 12 one id twice, of whatever type", app(`
    - {name: a, type: component, properties: {image: i, id: ui}, ` + scaled + `}
    - {name: b, type: capability, properties: {image: i, id: ui}}
    - {name: c, type: component, properties: {image: i, id: ui}, ` + scaled + `}`), []string{
			`E Duplicate component identifier in manifest: ui`, `E Duplicate component identifier in manifest: ui`}},
		{"VAL-13 an old linkdef with link properties to nobody", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: linkdef, properties: {namespace: wasi, package: http, interfaces: [bad], target: httpclyent}}]}`),
			[]string{`E The following capability component(s) are missing from the manifest: ["httpclyent"]`}},
		{"VAL-14 one interface to two targets under one name", app(`
    - name: httpserver
      type: capability
      properties: {image: i}
      traits:
        - {type: link, properties: {namespace: wasi, package: http, interfaces: [incoming-handler], target: a}}
        - {type: link, properties: {namespace: wasi, package: http, interfaces: [incoming-handler], target: b, name: default}}
    - {name: a, type: component, properties: {image: i}, ` + scaled + `}
    - {name: b, type: component, properties: {image: i}, ` + scaled + `}`),
			[]string{`E Duplicate link found inside component 'httpserver': default (wasi:http/incoming-handler)`}},
		{"VAL-15 two links of one package with different interfaces", app(`
    - {name: a, type: component, properties: {image: i}, traits: [` + linkTo("a", "") + `, {type: link, properties: {namespace: wasi, package: keyvalue, interfaces: [atomics], target: a}}]}`), nil},
		{"VAL-16 an interface twice in one link", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: link, properties: {namespace: wasi, package: keyvalue, interfaces: [atomics, atomics], target: a}}]}`),
			[]string{`E Duplicate link found inside component 'a': default (wasi:keyvalue/atomics)`}},
		{"VAL-17 a very long image", app("    - {name: a, type: component, properties: {image: \"file:///" + strings.Repeat("x", 4000) + "\"}, " + scaled + "}"), nil},
		{"VAL-18 and 19 both of image and application, and neither", app(`
    - {name: a, type: component, properties: {image: i, application: {name: x, component: y}}}
    - {name: b, type: component, properties: {}}`), []string{
			`E Component cannot have both 'image' and 'application' properties`, `E Component must have either 'image' or 'application' property`}},
		{"VAL-20 a reference to another application", app(`
    - {name: a, type: component, properties: {application: {name: x, component: y}}}`), nil},
		{"what a reference may not carry", app(`
    - {name: a, type: component, properties: {application: {name: x, component: y}, config: [{name: c}]}}
    - {name: b, type: component, properties: {application: {name: x, component: z}}, ` + scaled + `}
    - {name: c, type: component, properties: {application: {name: w, component: z}, secrets: [{name: s, properties: {policy: p, key: k}}]}}
  policies: [{name: p, type: policy.secret.wasmcloud.dev/v1alpha1, properties: {backend: v}}]`), []string{
			`E Shared component 'x' cannot specify additional 'config'`, `E Shared component 'x' cannot include a scaler trait`,
			`E Shared component 'w' cannot specify additional 'secrets'`}},
		{"VAL-23 annotation keys, sorted, and labels before them", `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: a, annotations: {my_prefix/a: x, a/b/c: y, -x: z}, labels: {bad/: w}}
spec: {components: []}`, []string{
			`E Invalid OAM label: ("bad/", "w")`,
			`E Invalid OAM annotation: ("-x", "z")`, `E Invalid OAM annotation: ("a/b/c", "y")`, `E Invalid OAM annotation: ("my_prefix/a", "x")`}},
		{"VAL-24 a link without target", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: link, properties: {namespace: wasi, package: keyvalue, interfaces: [store]}}]}`), []string{
			`E The following capability component(s) are missing from the manifest: [""]`, `W link (target []) target [] is not a listed component`}},
		{"VAL-25 a version that is reserved", strings.Replace(app("    []"), "v1}", "latest}", 1), []string{`E latest is not allowed in wadm`}},
		{"links of another shape", app(`
    - name: a
      type: component
      properties: {image: i}
      traits:
        - {type: link, properties: {namespace: wasi}}
        - {type: link, properties: {namespace: wasi, target: {}}}
        - {type: link, properties: {namespace: wasi, target: {name: zz}}}`), []string{
			`E custom link is missing 'target' property`, `E custom link is missing 'target' name property`, `W custom link target [zz] is not a listed component`,
			`E Link trait deserialized as custom trait, ensure fields are correct: {"namespace":"wasi"}`,
			`E Link trait deserialized as custom trait, ensure fields are correct: {"namespace":"wasi","target":{}}`,
			`E Link trait deserialized as custom trait, ensure fields are correct: {"namespace":"wasi","target":{"name":"zz"}}`}},
		{"the properties of a link on a scaler pass", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {namespace: n, package: p, interfaces: [i], target: a}}]}`), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, told(validated(t, tc.src), isCompat)); diff != "" {
				t.Errorf("(-theirs +ours):\n%s", diff)
			}
		})
	}
}

func TestNamesOfApplications(t *testing.T) {
	for name, ok := range map[string]bool{
		"mymanifest": true, "my-manifest": true, "my_manifest": true, "mymanifest-v2-v3-final": true,
		"my.manifest": false, "my manifest": false, "": false, "größe": false, "a*": false, ">": false,
		strings.Repeat("a", 255): true, strings.Repeat("a", 256): false,
	} {
		if ValidName(name) != ok {
			t.Errorf("ValidName(%q) = %v", name, !ok)
		}
		src := strings.Replace(app("    []"), "my-app", fmt.Sprintf("%q", name), 1)
		if got := validated(t, src); got.HasErrors() == ok {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestKeysOfLabelsAndAnnotations(t *testing.T) {
	for key, ok := range map[string]bool{
		"foo": true, "app.oam.io/name": true, "justaregularstring": true, "dash-period.numb3r/any_v4lue": true, "a": true,
		"experimental.wasmcloud.dev/shared": true, strings.Repeat("a", 63): true, strings.Repeat("a", 63) + "/b": true,
		"my_prefix/app-name": false, "1my_prefix/app-name": false, "my_prefix---/app-name": false, "my_prefix/app-name...": false,
		"1my-prefix/a": false, "my-prefix-/a": false, "a..b/c": false, "/a": false, "a/": false, "a/b/c": false, "-x": false, "": false,
		strings.Repeat("a", 64): false, strings.Repeat("a", 255): false, strings.Repeat("a", 64) + "/b": false, "é": false,
		strings.Repeat("a.", 126) + "a/b": true, strings.Repeat("a.", 127) + "a/b": false,
	} {
		if validKey(key) != ok {
			t.Errorf("validKey(%q) = %v", key, !ok)
		}
	}
}

func TestAPutIsJudgedByVersionAndTrimmedNameFirst(t *testing.T) {
	for _, tc := range []struct{ name, version, want string }{
		{"a.b", "latest", `invalid manifest version, errors: "latest is not allowed in wadm"`},
		{"a.b", "v1", "Manifest name a.b contains invalid characters. Manifest names can only contain alphanumeric characters, dashes, and underscores."},
		{" pad ", "v1", `manifest name [ pad ] is not allowed (should match regex [^[-\w]+$])`},
	} {
		src := strings.NewReplacer("my-app", fmt.Sprintf("%q", tc.name), "v1}", tc.version+"}").Replace(app("    []"))
		d, ds := Decode([]byte(src), FormatYAML)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		got := ValidatePut(d)
		if first := got.Errors()[0]; first.Message != tc.want || first.Line == 0 {
			t.Errorf("%q %q: first error %+v", tc.name, tc.version, first)
		}
		if shown := got.Shown(); tc.version == "v1" && len(shown) != 1 {
			t.Errorf("%q: told more than once: %v", tc.name, shown)
		}
	}
}

func TestADocumentWithoutSourceIsValidatedByPaths(t *testing.T) {
	d := &Document{Manifest: &Manifest{Metadata: Metadata{Name: "a b"}, Spec: Spec{Components: []Component{{Name: "x"}}}}}
	got := Validate(d)
	if !got.HasErrors() {
		t.Fatal("no error")
	}
	for _, x := range got {
		if x.Line != 0 || x.Path == "" || x.Place() != x.Path {
			t.Errorf("%+v", x)
		}
	}
	if Validate(nil) != nil || Validate(&Document{}) != nil || ValidatePut(nil) != nil {
		t.Error("nothing to validate, yet something is wrong with it")
	}
}
