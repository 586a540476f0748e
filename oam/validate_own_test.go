package oam

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOurOwnRules(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		name string
		src  string
		want []string // suggestion included
	}{
		{"a link to a misspelt component", app(`
    - {name: web, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {instances: 1}}, ` + linkTo("kv-sotre", "") + `]}
    - {name: kv-store, type: capability, properties: {image: i}}`),
			[]string{`E link target "kv-sotre" is not a component of this manifest; did you mean "kv-store"?`}},
		{"weights that add up to 0", app(`
    - {name: web, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {instances: 1, spread: [{name: a, weight: 0}]}}]}`),
			[]string{`E weights of component "web" add up to 0: at least one spread must be above 0`}},
		{"a spread name twice", app(`
    - {name: web, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {instances: 1, spread: [{name: a}, {name: a}]}}]}`),
			[]string{`E duplicate spread name "a" in component "web"`}},
		{"two scalers", app(`
    - {name: web, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {instances: 1}}, {type: daemonscaler, properties: {instances: 1}}]}`),
			[]string{`E component "web" has more than one scaler: they would undo each other's work; use one with several spreads`}},
		{"too many instances", app(`
    - {name: web, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {instances: 100001}}]}`),
			[]string{`E component "web" wants 100001 instances, 100000 are the most`}},
		{"a weight beyond reason", app(`
    - {name: web, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {instances: 1, spread: [{name: a, weight: 2000000000}]}}]}`),
			[]string{`E weight 2000000000 is above 1000000000`}},
		{"an id that is no token", app(`
    - {name: web, type: component, properties: {image: i, id: a.b}, ` + scaled + `}`),
			[]string{`E id "a.b" is not allowed: letters, digits, - _ = / only, at most 255 of them: it is part of a subject and a key`}},
		{"a derived id that is too long", app(`
    - {name: ` + long[:250] + `, type: component, properties: {image: i}, ` + scaled + `}`),
			[]string{`E the id of component "` + long[:40] + `…" would be "my_app-` + long[:73] + `…", which is too long: give it one by properties.id`}},
		{"names that derive one id", app(`
    - {name: a-b, type: component, properties: {image: i}, ` + scaled + `}
    - {name: a_b, type: component, properties: {image: i}, ` + scaled + `}`),
			[]string{`E components "a-b" and "a_b" both get the id "my_app-a_b": rename one, or give it another by properties.id`}},
		{"an explicit id that another derives", app(`
    - {name: a, type: component, properties: {image: i}, ` + scaled + `}
    - {name: b, type: component, properties: {image: i, id: my_app-a}, ` + scaled + `}`),
			[]string{`E components "a" and "b" both get the id "my_app-a": rename one, or give it another by properties.id`}},
		{"names of links and of external configs", app(`
    - {name: a, type: component, properties: {image: i, config: [{name: a.b}, {name: "c d", properties: {}}]}, traits: [{type: spreadscaler, properties: {instances: 1}}, ` + linkTo("a", `, name: "x y"`) + `]}`),
			[]string{`E link name "x y" is not allowed: letters, digits, - _ = / only, at most 255 of them: it is part of a subject and a key`,
				`E config name "a.b" is not allowed: letters, digits, - _ = / only, at most 255 of them: it is part of a subject and a key`}},
		{"one config name with two sets of values", app(`
    - {name: a, type: component, properties: {image: i, config: [{name: c, properties: {k: "1"}}]}, traits: [{type: spreadscaler, properties: {instances: 1}}, ` + linkTo("{name: a, config: [{name: c, properties: {k: '2'}}]}", "") + `]}
    - {name: b, type: component, properties: {image: i, config: [{name: c, properties: {k: "1"}}]}, ` + scaled + `}`),
			[]string{`E config "c" has other values in components[0].properties.config[0]: both are kept as "my_app-c"`}},
		{"one secret name with two keys", app(`
    - {name: a, type: component, properties: {image: i, secrets: [{name: s, properties: {policy: p, key: k}}, {name: s, properties: {policy: p, key: l}}]}, ` + scaled + `}
  policies: [{name: p, type: policy.secret.wasmcloud.dev/v1alpha1, properties: {backend: v}}]`),
			[]string{`E secret "s" is another one elsewhere: both are kept as "SECRET_my_app-s"`}},
		{"what does nothing", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: spreadscalar, properties: {instances: 1}}, {type: linkdef, properties: {namespace: n, package: p, interfaces: [i], target: a}}]}
    - {name: p, type: capability, properties: {image: i}, traits: [` + linkTo("q", "") + `]}
    - {name: q, type: capability, properties: {image: i}, traits: [{type: daemonscaler, properties: {namespace: n, package: p, interfaces: [i], target: a}}]}
    - {name: r, type: capability, properties: {image: i}, traits: [{type: link, properties: {namespace: n, package: p, interfaces: [], target: a}}]}`),
			[]string{
				`W the link in components[3].traits[0].properties has no interfaces: it does nothing`,
				`W trait of type "spreadscalar" is not known: it does nothing; did you mean "spreadscaler"?`,
				`W trait linkdef with the properties of a link does nothing: its type is link now`,
				`W link from provider "p" to provider "q" does nothing: hosts link a provider to a component only`,
				`W trait daemonscaler with the properties of a link does nothing`,
				`W component "a" has no scaler: it is never started`}},
		{"another envelope", `
apiVersion: v1
kind: Pod
metadata: {name: ` + long[:64] + `, annotations: {version: ` + long + `}}
spec: {components: []}`, []string{
			`W apiVersion "v1" is not core.oam.dev/v1beta1: it is read as that`, `W kind "Pod" is not Application: it is read as that`,
			`W the application's name is longer than 63 characters: other tools may refuse it`,
			`E the version has 300 bytes, 255 are the most`}},
		{"a version of two lines", strings.Replace(app("    []"), "v1}", `"v1\nv2"}`, 1), []string{`E the version holds a control character`}},
		{"an empty name of a component and of a config", app(`
    - {name: "", type: component, properties: {image: i, config: [{name: "", properties: {}}]}, ` + scaled + `}`), []string{
			`E the name of a component is empty`, `E the name of a config is empty`}},
		{"malformed links, where 0.21.1 dies", app(`
    - name: a
      type: component
      properties: {image: i}
      traits:
        - {type: spreadscaler, properties: {instances: 1}}
        - {type: link, properties: {namespace: 1, package: [x], interfaces: "y", name: null, target: a}}
        - {type: link, properties: {instances: 1}}
        - {type: link, properties: {namespace: wasi, package: http, interfaces: [1], target: a, name: ""}}`), []string{
			"E invalid type: integer `1`, expected a string in components[0].traits[1].properties.namespace: quote it, \"1\"",
			"E invalid type: sequence, expected a string in components[0].traits[1].properties.package",
			`E invalid type: string "y", expected a sequence in components[0].traits[1].properties.interfaces`,
			"E invalid type: null, expected a string in components[0].traits[1].properties.name",
			`W unknown field "instances" in components[0].traits[2].properties: it is ignored`,
			"E missing field `namespace` in components[0].traits[2].properties",
			"E missing field `package` in components[0].traits[2].properties",
			"E missing field `interfaces` in components[0].traits[2].properties",
			"E missing field `target` in components[0].traits[2].properties",
			"E invalid type: integer `1`, expected a string in components[0].traits[3].properties.interfaces[0]: quote it, \"1\"",
			"E the link's name is empty in components[0].traits[3].properties: leave it out for the default"}},
		{"scalers that are none", app(`
    - {name: a, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {instnaces: 1}}]}
    - {name: b, type: component, properties: {image: i}, traits: [{type: daemonscaler, properties: {instances: 1, replicas: 1}}]}
    - {name: c, type: component, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: "3", spread: [{name: x, weight: -1, requirements: {gpu: true}}]}}]}`), []string{
			`E unknown field "instnaces" in components[0].traits[0].properties; did you mean "instances"?`,
			"E missing field `instances` in components[0].traits[0].properties",
			"E instances and replicas are the same in components[1].traits[0].properties: give one of them",
			`E invalid type: string "3", expected a whole number in components[2].traits[0].properties.replicas`,
			"E invalid type: boolean `true`, expected a string in components[2].traits[0].properties.spread[0].requirements.gpu: quote it, \"true\"",
			"E invalid value: integer `-1`, expected 0 or more in components[2].traits[0].properties.spread[0].weight"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := validated(t, tc.src)
			if diff := cmp.Diff(tc.want, told(got, isOwn)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, d := range got {
				if d.Line < 1 || d.Col < 1 || d.Width < 1 || d.Path == "" {
					t.Errorf("no place: %+v", d)
				}
			}
		})
	}
}

func TestTheFormIsToldByContent(t *testing.T) {
	for _, tc := range []struct {
		name, components string
		want             Form
	}{
		{"nothing special", "    - {name: a, type: actor, properties: {image: i}}", Form1x},
		{"a contract", "    - {name: a, type: capability, properties: {image: i, contract: c}}", Form03},
		{"a link_name", "    - {name: a, type: capability, properties: {image: i, link_name: l}}", Form03},
		{"a linkdef with values", "    - {name: a, type: actor, properties: {image: i}, traits: [{type: linkdef, properties: {target: b, values: {}}}]}", Form03},
		{"a linkdef without values", "    - {name: a, type: actor, properties: {image: i}, traits: [{type: linkdef, properties: {target: b}}]}", Form1x},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, _ := Decode([]byte(app(tc.components)), FormatYAML)
			if got := d.Manifest.Form(); got != tc.want || got.String() == "" {
				t.Errorf("got %v", got)
			}
			c := &d.Manifest.Spec.Components[0]
			if defs := c.LinkDefs(); len(defs) != strings.Count(tc.components, "values") || len(c.Links()) != 0 {
				t.Errorf("linkdefs %v", defs)
			}
		})
	}
}

// app03 is a manifest of the 0.3 form with its bare envelope.
func app03(components string) string {
	return "metadata: {name: x}\nspec:\n  components:\n" + components
}

const provider03 = "\n    - {name: web, type: capability, properties: {image: i, contract: c}, traits: [{type: spreadscaler, properties: {replicas: 1}}]}"

func linkdef(target string) string {
	return "{type: linkdef, properties: {target: " + target + ", values: {}}}"
}

func TestTheRulesOfThe03Form(t *testing.T) {
	const one = "{type: spreadscaler, properties: {replicas: 1}}"
	for _, tc := range []struct {
		name        string
		src         string
		compat, own []string
	}{
		{"V3VAL-01 weights of 80 and 20 and a link", app03(`
    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 4, spread: [{name: e, weight: 80}, {name: w, weight: 20}]}}, ` + linkdef("web") + `]}` + provider03), nil, nil},
		{"V3VAL-02 no spread", app03("    - {name: a, type: actor, properties: {image: i}, traits: [" + one + "]}" + provider03), nil, nil},
		{"V3VAL-03 a spread without requirements", app03(`
    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 4, spread: [{name: all, weight: 67}, {name: w, requirements: {z: w}, weight: 33}]}}]}` + provider03), nil, nil},
		{"V3VAL-04 the last found comes first", app03(`
    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 4, spread: [{name: e, weight: 70}, {name: w, weight: 20}]}}, ` + linkdef("webcarp") + `]}
    - {name: httpserver, type: capability, properties: {image: i, contract: c}, traits: [` + one + `]}`),
			[]string{"E No matching targets found for link definition target webcarp", "E Spread scaler weight does not add up to 100"},
			[]string{`E linkdef target "webcarp" is not a capability of this manifest`}},
		{"two spreads without weights are 200", app03(`
    - {name: a, type: actor, properties: {image: i}, traits: [{type: spreadscaler, properties: {replicas: 4, spread: [{name: e}, {name: w}]}}]}` + provider03),
			[]string{"E Spread scaler weight does not add up to 100"}, nil},
		{"a target that is there twice", app03("    - {name: a, type: actor, properties: {image: i}, traits: [" + one + ", " + linkdef("web") + "]}" + provider03 + provider03),
			[]string{"E Duplicate component name in manifest: web", "E Too many targets matching link definition target web"}, nil},
		{"a linkdef to an actor", app03("    - {name: a, type: actor, properties: {image: i}, traits: [" + one + ", " + linkdef("a") + "]}"),
			[]string{"E No matching targets found for link definition target a"},
			[]string{`E linkdef target "a" is not a capability of this manifest`}},
		{"a linkdef on a capability", app03("    - {name: p, type: capability, properties: {image: i, contract: d}, traits: [" + linkdef("web") + "]}" + provider03), nil,
			[]string{`E linkdef on the capability "p": only a component links to a provider`, `W capability "p" has no scaler: it is never started`}},
		{"two linkdefs that a host cannot tell apart", app03(`
    - {name: a, type: actor, properties: {image: i}, traits: [` + one + `, ` + linkdef("web") + `, ` + linkdef("other") + `]}
    - {name: other, type: capability, properties: {image: j, contract: c}, traits: [` + one + `]}` + provider03), nil,
			[]string{`E component "a" has two linkdefs for contract "c" and link name "default": a host keeps one`}},
		{"a capability without contract", app03("    - {name: p, type: capability, properties: {image: i}}" + provider03), nil,
			[]string{`E capability "p" has no contract: in a manifest of the 0.3 form every capability needs one`, `W capability "p" has no scaler: it is never started`}},
		{"a contract and a link_name on a component", app03("    - {name: a, type: actor, properties: {image: i, contract: c, link_name: l}, traits: [" + one + "]}"), nil,
			[]string{`E a contract belongs to a capability, and "a" is a component`, `E a link_name belongs to a capability, and "a" is a component`}},
		{"parts of the other form", app03(`
    - {name: a, type: actor, properties: {image: i, id: x, config: [{name: c}]}, traits: [` + one + `, ` + linkTo("web", "") + `]}` + provider03), nil,
			[]string{
				`E id in components[0].properties belongs to the 1.x form, and the rest of the manifest is of the 0.3 form (contract, link_name, linkdef)`,
				`E config in components[0].properties belongs to the 1.x form, and the rest of the manifest is of the 0.3 form (contract, link_name, linkdef)`,
				`E a link trait in components[0] belongs to the 1.x form, and the rest of the manifest is of the 0.3 form (contract, link_name, linkdef)`}},
		{"a linkdef that is half of one", app("    - {name: a, type: actor, properties: {image: i}, traits: [" + one + ", {type: linkdef, properties: {target: a, valeus: {}}}]}"), nil,
			[]string{`E unknown field "valeus" in components[0].traits[1].properties; did you mean "values"?`, "E missing field `values` in components[0].traits[1].properties"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := validated(t, tc.src)
			if diff := cmp.Diff(tc.compat, told(got, isCompat)); diff != "" {
				t.Errorf("theirs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.own, told(got, isOwn)); diff != "" {
				t.Errorf("ours (-want +got):\n%s", diff)
			}
		})
	}
}
