package oam

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const simpleYAML = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: my-example-app
  annotations:
    version: v0.0.1
    description: "This is my app"
spec:
  components:
    - name: userinfo
      type: actor
      properties:
        image: wasmcloud.azurecr.io/fake:1
      traits:
        - type: spreadscaler
          properties:
            replicas: 4
            spread:
              - name: eastcoast
                requirements: {zone: us-east-1}
                weight: 80
              - name: westcoast
                requirements: {}
        - type: link
          properties:
            target: webcap
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            name: default
            target_config: [{name: t}]
    - name: webcap
      type: capability
      properties: {image: wasmcloud.azurecr.io/httpserver:0.13.1}
`

const simpleJSON = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"my-example-app",
	"annotations":{"version":"v0.0.1","description":"This is my app"}},
	"spec":{"components":[{"name":"userinfo","type":"actor","properties":{"image":"wasmcloud.azurecr.io/fake:1"},
	"traits":[{"type":"spreadscaler","properties":{"replicas":4,"spread":[{"name":"eastcoast","requirements":{"zone":"us-east-1"},"weight":80},
	{"name":"westcoast","requirements":{}}]}},
	{"type":"link","properties":{"target":"webcap","namespace":"wasi","package":"http","interfaces":["incoming-handler"],"name":"default","target_config":[{"name":"t"}]}}]},
	{"name":"webcap","type":"capability","properties":{"image":"wasmcloud.azurecr.io\/httpserver:0.13.1"}}]}}`

func decoded(t *testing.T, src string, format Format) *Manifest {
	t.Helper()
	d, ds := Decode([]byte(src), format)
	if d == nil || ds.HasErrors() {
		t.Fatalf("%v\n%s", ds, src)
	}
	return d.Manifest
}

func TestYAMLAndJSONGiveTheSameManifest(t *testing.T) { // PAR-01, PAR-16
	weight := 80
	want := &Manifest{
		APIVersion: "core.oam.dev/v1beta1", Kind: "Application",
		Metadata: Metadata{Name: "my-example-app", Annotations: map[string]string{"version": "v0.0.1", "description": "This is my app"}},
		Spec: Spec{Components: []Component{
			{Name: "userinfo", Type: ComponentKind, Properties: Properties{Image: "wasmcloud.azurecr.io/fake:1"}, Traits: []Trait{
				{Type: TraitSpreadScaler, Scaler: &Scaler{Instances: 4, Spread: []Spread{
					{Name: "eastcoast", Requirements: map[string]string{"zone": "us-east-1"}, Weight: &weight},
					{Name: "westcoast", Requirements: map[string]string{}},
				}}},
				{Type: TraitLink, Link: &Link{Name: "default", Namespace: "wasi", Package: "http", Interfaces: []string{"incoming-handler"},
					Target: LinkTarget{Name: "webcap", Config: []Config{{Name: "t"}}}}},
			}},
			{Name: "webcap", Type: CapabilityKind, Properties: Properties{Image: "wasmcloud.azurecr.io/httpserver:0.13.1"}},
		}},
	}
	for _, tc := range []struct {
		name, src string
		format    Format
	}{
		{"YAML", simpleYAML, FormatYAML}, {"YAML without a content type", simpleYAML, FormatAuto},
		{"JSON", simpleJSON, FormatJSON}, {"JSON without a content type", simpleJSON, FormatAuto}, {"JSON sent as YAML", simpleJSON, FormatYAML},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := decoded(t, tc.src, tc.format)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if text, ok := got.Description(); got.Version() != "v0.0.1" || text != "This is my app" || !ok || got.Shared() {
				t.Errorf("version %q, description %q", got.Version(), text)
			}
		})
	}
}

func TestLinksOfTheOldSpelling(t *testing.T) {
	link := func(more string) *Link {
		m := decoded(t, app("    - {name: a, type: component, properties: {image: i}, traits: [{type: link, properties: {namespace: n, package: p, interfaces: [], "+more+"}}]}"), FormatYAML)
		return m.Spec.Components[0].Traits[0].Link
	}
	x := []Config{{Name: "x"}}
	for _, tc := range []struct {
		name, more string
		want       Link
	}{
		{"PAR-02 an empty source is kept", "target: {name: b, config: []}, source: {config: []}", Link{Target: LinkTarget{Name: "b"}, Source: &LinkEnd{}}},
		{"PAR-08 target_config beside a name counts", "target: b, target_config: [{name: x}]", Link{Target: LinkTarget{Name: "b", Config: x}}},
		{"PAR-08 target_config beside a map does not", "target: {name: b}, target_config: [{name: x}]", Link{Target: LinkTarget{Name: "b"}}},
		{"source_config alone counts", "target: b, source_config: [{name: x}]", Link{Target: LinkTarget{Name: "b"}, Source: &LinkEnd{Config: x}}},
		{"PAR-09 source_config beside a source does not", "target: b, source_config: [{name: old}], source: {config: [{name: x}]}", Link{Target: LinkTarget{Name: "b"}, Source: &LinkEnd{Config: x}}},
		{"unknown fields are ignored", "target: b, colour: red", Link{Target: LinkTarget{Name: "b"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.Namespace, tc.want.Package, tc.want.Interfaces = "n", "p", []string{}
			if diff := cmp.Diff(&tc.want, link(tc.more)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShapesOfTraits(t *testing.T) {
	for _, tc := range []struct{ name, trait, want string }{
		{"PAR-07 an unknown type of another shape is custom", "{type: frob, properties: {z: [1, 2.50, ~, yes, true], a: {b: 0x10}}}", `custom {"a":{"b":16},"z":[1,2.50,null,"yes",true]}`},
		{"an unknown type in the shape of a scaler", "{type: frob, properties: {instances: 2}}", "scaler"},
		{"an unknown type in the shape of a link", "{type: frob, properties: {namespace: n, package: p, interfaces: [i], target: a}}", "link"},
		{"PAR-10 replicas", "{type: daemonscaler, properties: {replicas: 3}}", "scaler"},
		{"PAR-10 replicas and instances", "{type: spreadscaler, properties: {replicas: 3, instances: 3}}", `custom {"instances":3,"replicas":3}`},
		{"PAR-12 a link in the shape of a scaler", "{type: link, properties: {instances: 1}}", `custom {"instances":1}`},
		{"PAR-12 a link with a null source is one without", "{type: link, properties: {namespace: n, package: p, interfaces: [i], target: a, source: ~}}", "link"},
		{"PAR-13 a spread without requirements", "{type: spreadscaler, properties: {instances: 3, spread: [{name: s}]}}", "scaler"},
		{"a linkdef of 0.3", "{type: linkdef, properties: {target: b, values: {b: 1, a: x}}}", `linkdef {"a":"x","b":1}`},
		{"properties that are no map", "{type: frob, properties: 3}", `custom 3`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := decoded(t, app("    - {name: a, type: component, properties: {image: i}, traits: ["+tc.trait+"]}"), FormatYAML)
			trait := m.Spec.Components[0].Traits[0]
			got := "custom " + string(trait.Custom)
			switch {
			case trait.Link != nil:
				got = "link"
			case trait.Scaler != nil:
				got = "scaler"
			case trait.LinkDef != nil:
				got = "linkdef " + string(trait.LinkDef.Values)
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestScalarsOutsideComponentsAreText(t *testing.T) {
	const meta = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: x, annotations: {version: 3.10, flag: true, none: ~, sha: 0123, day: 2001-01-01}, labels: {n: 1}}\nspec: {components: [], policies: [{name: p, type: t, properties: {x: 1}}]}"
	m := decoded(t, meta, FormatAuto)
	want := Metadata{Name: "x", Labels: map[string]string{"n": "1"},
		Annotations: map[string]string{"version": "3.10", "flag": "true", "none": "~", "sha": "0123", "day": "2001-01-01"}}
	if diff := cmp.Diff(want, m.Metadata); diff != "" {
		t.Error(diff)
	}
	if got := m.Spec.Policies[0].Properties["x"]; got != "1" {
		t.Errorf("policy property %q", got)
	}
	_, ds := Decode([]byte(`{"apiVersion":"a","kind":"b","metadata":{"name":"x","annotations":{"version":1}},"spec":{"components":[]}}`), FormatJSON)
	if !ds.HasErrors() {
		t.Error("in JSON a number is never text")
	}
}

func TestScalarsInComponentsAreTyped(t *testing.T) {
	for value, ok := range map[string]bool{
		"text": true, `"8080"`: true, "yes": true, "on": true, "0123": true, "2001-01-01": true, "1.2.3": true, "!!str 5": true, "1_000": true,
		"0x": true, "|\n              two\n              lines": true, "-": false, "8080": false, "1.0": false, "true": false, "~": false, "": false,
		"0x1F": false, "1e3": false, ".inf": false, "-.5": false, "[a]": false, "{a: b}": false, "!!int 5": false,
	} {
		src := app("    - name: a\n      type: component\n      properties:\n        image: i\n        config:\n        - name: c\n          properties:\n            k: " + value)
		_, ds := Decode([]byte(src), FormatYAML)
		if ds.HasErrors() == ok {
			t.Errorf("%q: %v", value, ds)
		}
	}
}

func TestDecodeErrorsHaveAPlaceAndTellTheFix(t *testing.T) {
	for _, tc := range []struct {
		name, src string
		format    Format
		want      []string
	}{
		{"PAR-05 a field beside type and properties", app("    - {name: a, type: component, properties: {image: i}, traits: [{type: link, properties: {}, incorrect: true}]}"), FormatYAML,
			[]string{`8:96: unknown field "incorrect" in components[0].traits[0]`}},
		{"PAR-06 a field at the top", "apiVersion: a\nkind: b\nmetadta: {}\nmetadata: {name: x, annotations: {}}\nspec: {components: []}", FormatYAML,
			[]string{`3:1: unknown field "metadta" at the top level; did you mean "metadata"?`}},
		{"PAR-11 no annotations", "apiVersion: a\nkind: b\nmetadata: {name: x}\nspec: {components: []}", FormatYAML, []string{"3:11: missing field `annotations` in metadata"}},
		{"empty", "", FormatAuto, []string{"1:1: missing field `apiVersion`", "1:1: missing field `kind`", "1:1: missing field `metadata`", "1:1: missing field `spec`"}},
		{"only a comment", "# nothing\n", FormatAuto, []string{"1:1: missing field `apiVersion`", "1:1: missing field `kind`", "1:1: missing field `metadata`", "1:1: missing field `spec`"}},
		{"a list", "- a\n", FormatAuto, []string{"1:1: invalid type: sequence, expected a manifest"}},
		{"a word", "hello", FormatAuto, []string{`1:1: invalid type: string "hello", expected a manifest`}},
		{"what is ignored is a warning", "apiVersion: a\nkind: b\nmetadata: {name: x, annotations: {}, label: {}}\nspec: {components: [], extra: 1}", FormatYAML,
			[]string{`3:38: unknown field "label" in metadata: it is ignored; did you mean "labels"?`, `4:24: unknown field "extra" in spec: it is ignored`}},
		{"the type of the description and of a provider", app("    - {name: a, type: provider, properties: {image: i}}\n    - {name: b, type: compnent, properties: {image: i}}"), FormatYAML, []string{
			`8:23: unknown component type "provider" in components[0]: it is component or capability; did you mean "capability"?`,
			`9:23: unknown component type "compnent" in components[1]: it is component or capability; did you mean "component"?`}},
		{"the other form's field", app("    - {name: a, type: component, properties: {imag: i}}"), FormatYAML, []string{`8:47: unknown field "imag" in components[0].properties; did you mean "image"?`}},
		{"a duplicate key", "apiVersion: a\nkind: b\nkind: c\nmetadata: {name: x, annotations: {}}\nspec: {components: []}", FormatYAML, []string{`3:1: duplicate key "kind": it is already on line 2`}},
		{"a duplicate key in JSON", `{"apiVersion":"a","kind":"b","kind":"c","metadata":{"name":"x","annotations":{}},"spec":{"components":[]}}`, FormatJSON, []string{`1:30: duplicate key "kind": it is already on line 1`}},
		{"a merge key", "apiVersion: a\nkind: b\nmetadata: {name: x, annotations: {<<: {a: b}}}\nspec: {components: []}", FormatYAML, []string{"3:35: merge keys (<<) are not supported: write the fields out"}},
		{"two documents", "apiVersion: a\n---\nkind: b\n", FormatYAML, []string{"2:1: more than one document: a manifest is one"}},
		{"invalid UTF-8", "apiVersion: a\nkind: \"b\xff\"\n", FormatYAML, []string{"2:9: invalid UTF-8: byte 0xff"}},
		{"a control character", "apiVersion: a\nkind: \"b\x01\"\n", FormatYAML, []string{"2:9: control character U+0001"}},
		{"a control character by an escape", "apiVersion: a\nkind: \"b\\x01\"\nmetadata: {name: x, annotations: {}}\nspec: {components: []}", FormatYAML, []string{"2:7: control character U+0001 in a string"}},
		{"NUL in JSON", `{"apiVersion":"a\u0000","kind":"b","metadata":{"name":"x","annotations":{}},"spec":{"components":[]}}`, FormatJSON, []string{"1:15: control character U+0000 in a string"}},
		{"a name of two lines", "apiVersion: a\nkind: b\nmetadata: {name: \"x\\ny\", annotations: {}}\nspec: {components: []}", FormatYAML, []string{"3:18: line break or tab in metadata.name"}},
		{"a tag of one's own", "apiVersion: !mine a\nkind: b\nmetadata: {name: x, annotations: {}}\nspec: {components: []}", FormatYAML, []string{"1:13: tag !mine is not supported"}},
		{"a map as a key", "apiVersion: a\nkind: b\nmetadata: {name: x, annotations: {{a: b}: c}}\nspec: {components: []}", FormatYAML, []string{"3:35: a key must be text, not a map"}},
		{"a tab for indentation", "metadata:\n\tname: x\n", FormatYAML, []string{"2:1: reading YAML: found character that cannot start any token while scanning for the next token"}},
		{"an open bracket", "a: [1, 2\nb: }", FormatYAML, []string{"2:2: reading YAML: did not find expected ',' or ']' while parsing a flow sequence that starts on line 1"}},
		{"YAML sent as JSON", "apiVersion: a", FormatJSON, []string{"1:1: expected value"}},
		{"a comma too much in JSON", "{\"a\": 1,\n}", FormatJSON, []string{"2:1: trailing comma"}},
		{"bad JSON without a content type", "{\"a\": \"\\ud83d\\ude00\",\n \"b\": nope}", FormatAuto, []string{"2:7: expected value"}},
		{"an alias to nothing", "a: *b", FormatYAML, []string{"1:4: reading YAML: unknown anchor 'b' referenced"}},
		{"an alias to itself", "a: &b [*b]", FormatYAML, []string{"1:8: alias *b contains itself"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, ds := Decode([]byte(tc.src), tc.format)
			var got []string
			for _, d := range ds {
				got = append(got, d.Place()+": "+d.Text())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAliasesStandForWhatTheyName(t *testing.T) {
	src := app("    - &c {name: a, type: component, properties: &p {image: i}, traits: [&t {type: spreadscaler, properties: {instances: 1}}]}\n    - {name: b, type: component, properties: *p, traits: [*t]}")
	m := decoded(t, src, FormatYAML)
	want := m.Spec.Components[0]
	want.Name = "b"
	if diff := cmp.Diff(want, m.Spec.Components[1]); diff != "" {
		t.Error(diff)
	}
}

func TestHostileSourcesAreRefusedQuickly(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), i-1)
	}
	wide := `{"apiVersion":"a","kind":"b","metadata":{"name":"x","annotations":{}},"spec":{"components":[` + strings.Repeat(`{"nmae":"x"},`, 60_000) + `{}]}}`
	for _, tc := range []struct {
		name, src string
		format    Format
		want      string
	}{
		{"too large", strings.Repeat(" ", MaxSource+1), FormatAuto, "the manifest has 1048577 bytes, 1048576 is the most"},
		{"deep lists", strings.Repeat("[", 500_000), FormatAuto, "reading YAML: nested deeper than 64 levels"},
		{"deep maps", strings.Repeat("{a: ", 200_000), FormatYAML, "reading YAML: nested deeper than 64 levels"},
		{"deep block lists", strings.Repeat("- ", 400_000), FormatYAML, "reading YAML: nested deeper than 64 levels"},
		{"deep JSON", strings.Repeat(`{"a":`, 150_000), FormatJSON, "nested deeper than 64 levels"},
		{"aliases of aliases", bomb, FormatYAML, "aliases expand to more than 10000 values"},
		{"everything wrong", wide, FormatJSON, "too much is wrong: the rest is not shown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start := time.Now()
			_, ds := Check([]byte(tc.src), tc.format)
			if !ds.HasErrors() || len(ds) > 2*2*(maxDiagnostics+1) { // decoding and rules, errors and warnings
				t.Fatalf("%d diagnostics", len(ds))
			}
			found := false
			for _, d := range ds {
				found = found || d.Message == tc.want
			}
			if !found {
				t.Errorf("got %q", ds[0].Message)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestManyWarningsStopNothingAndHideNoError(t *testing.T) {
	const head = "apiVersion: a\nkind: b\nmetadata: {name: shop, annotations: {}}\nspec:\n  components:\n"
	var components strings.Builder
	for i := range 3 * maxDiagnostics {
		fmt.Fprintf(&components, "    - {name: c%d, type: component, properties: {image: 'registry.example/c:1'}}\n", i) // never started
	}
	d, ds := Check([]byte(head+components.String()), FormatYAML)
	if d == nil || ds.HasErrors() || len(ds) != maxDiagnostics+1 || ds[maxDiagnostics].Message != "more warnings than can be shown" {
		t.Errorf("%d diagnostics, errors %v", len(ds), ds.Errors())
	}
	broken := "    - {name: last, type: component, properties: {image: a, application: {name: b, component: c}}}\n"
	if _, ds = Check([]byte(head+components.String()+broken), FormatYAML); len(ds.Errors()) != 1 || !strings.Contains(ds.Errors()[0].Message, "both 'image' and 'application'") {
		t.Errorf("behind many warnings the errors are %v", ds.Errors())
	}
}

func TestPositions(t *testing.T) {
	d, ds := Decode([]byte(simpleYAML), FormatYAML)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	for path, want := range map[string][2]int{
		"":                                    {2, 1},
		"metadata.name":                       {5, 9},
		"metadata.annotations.version":        {7, 14},
		`metadata.annotations["version"]`:     {7, 14},
		"spec.components[0].properties.image": {14, 16},
		"spec.components[0].traits[0].properties.instances":                                 {18, 23}, // replicas
		"spec.components[0].traits[0].properties.spread[1].name":                            {23, 23},
		"spec.components[0].traits[1].properties.target.name":                               {27, 21}, // only a name
		"spec.components[0].traits[1].properties.target.config[0].name":                     {32, 36}, // target_config
		"spec.components[0].traits[1].properties.source.config[0].name":                     {27, 13}, // not there: what lacks it
		"spec.components[1].properties.image":                                               {35, 27},
		"spec.components[7].name":                                                           {11, 5},
		"spec.components[zz].name":                                                          {11, 5},
		`spec.components["unfinished`:                                                       {11, 5},
		"spec.components[0].traits[0].properties.spread[0].requirements[\"a/b\"]":           {21, 31},
		"spec.components[0].traits[0].properties.spread[0].weight.deeper.than[3].there.are": {22, 25},
	} {
		if line, col := d.Position(path); [2]int{line, col} != want {
			t.Errorf("%s is at %d:%d, want %v", path, line, col, want)
		}
	}
	if line, col := (&Document{Manifest: &Manifest{}}).Position("kind"); line != 0 || col != 0 {
		t.Errorf("without a source: %d:%d", line, col)
	}
}

func TestJSONIsReadAsTheStandardLibraryReadsIt(t *testing.T) {
	for _, src := range []string{
		`{}`, ` [ ] `, `"a\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00"`, `-0`, `-0.5e-3`, `1E+5`, `0`, `12.5`, `true`, `false`, `null`,
		`[1,[2,{"a":[]}],"x"]`, "\r\n\t {\"a\" : 1 ,\r\n \"b\":[ ]}", `{"":"","é":"汉"}`,
		`{`, `[`, `[1`, `[1,`, `[1,]`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `"`, `"\x"`, `"\u12"`, `"\u+123"`,
		`"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, "\"a\nb\"", `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`, `--1`, `tru`, `nulll`, `1 2`, `{} {}`, ``, ` `, `'a'`,
	} {
		ds := &sink{}
		n := parseJSON([]byte(src), ds)
		var want any
		err := json.Unmarshal([]byte(src), &want)
		// The standard library replaces lone surrogates; a name must not change
		// silently, so here they are errors.
		lone := strings.Contains(src, `\ud800`) || src == `"\udc00"`
		if (n == nil) != (err != nil || lone) || (n == nil) != (len(ds.list) > 0) {
			t.Errorf("%q: %v, %v, want %v", src, n, ds.list, err)
			continue
		}
		if n == nil {
			continue
		}
		d := &decoder{sink: ds}
		var got any
		if err := json.Unmarshal(d.json(n, ""), &got); err != nil {
			t.Errorf("%q: written as %s: %v", src, d.json(n, ""), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", src, diff)
		}
	}
}

func TestPlainScalarsAreTypedAsYAML12Does(t *testing.T) {
	for text, want := range map[string]kind{
		"": nullKind, "~": nullKind, "Null": nullKind, "true": boolKind, "FALSE": boolKind, "0": intKind, "-12": intKind, "+5": intKind,
		"0x1F": intKind, "0o17": intKind, "0b11": intKind, "1.": floatKind, ".5": floatKind, "-1.5e+3": floatKind, "1e3": floatKind, ".inf": floatKind,
		"-.INF": floatKind, ".NaN": floatKind, "yes": textKind, "off": textKind, "007": textKind, "1_000": textKind, "0xZZ": textKind, "1e": textKind,
		".": textKind, "-": textKind, "-.nan": textKind, "1.2.3": textKind, "12:30": textKind, "é": textKind, "0x1F ": textKind, "1e+": textKind,
	} {
		if got := plainKind(text); got != want {
			t.Errorf("%q is kind %d, want %d", text, got, want)
		}
	}
}

func TestNumbersInValuesBecomeJSONNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"8080": "8080", "+5": "5", "0x1F": "31", "-0x10": "-16", "0.5": "0.5", ".5": "0.5", "1.": "1", "2.50": "2.50", "1e3": "1e3",
		"18446744073709551616": "18446744073709551616", "1e400": "", ".inf": "", ".nan": "", "1.e400": "", "0xFFFFFFFFFFFFFFFF": "",
	} {
		d, ds := Decode([]byte(app("    - {name: a, type: component, properties: {image: i}, traits: [{type: frob, properties: {n: "+text+"}}]}")), FormatYAML)
		if ds.HasErrors() != (want == "") {
			t.Errorf("%s: %v", text, ds)
			continue
		}
		if got := string(d.Manifest.Spec.Components[0].Traits[0].Custom); want != "" && got != `{"n":`+want+`}` {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestWrongTypesEverywhereAreErrorsNeverAPanic(t *testing.T) {
	paths := []string{"apiVersion", "kind", "metadata", "metadata.name", "metadata.annotations", "metadata.labels", "spec", "spec.components",
		"spec.components[0]", "spec.components[0].name", "spec.components[0].type", "spec.components[0].properties", "spec.components[0].traits",
		"spec.components[0].properties.config", "spec.components[0].properties.config[0]", "spec.components[0].properties.config[0].properties",
		"spec.components[0].properties.secrets", "spec.components[0].properties.secrets[0]", "spec.components[0].properties.secrets[0].properties",
		"spec.components[0].properties.image", "spec.components[0].traits[0]", "spec.components[0].traits[0].type",
		"spec.components[0].traits[0].properties.instances", "spec.components[0].traits[0].properties.spread",
		"spec.components[0].traits[0].properties.spread[0]", "spec.components[0].traits[0].properties.spread[0].weight",
		"spec.components[0].traits[1].properties.interfaces", "spec.components[0].traits[1].properties.target",
		"spec.components[0].traits[1].properties.target.config", "spec.components[1].properties.application", "spec.components[1].traits[0].properties.source",
		"spec.policies", "spec.policies[0]", "spec.policies[0].properties"}
	for _, path := range paths {
		for _, wrong := range []any{nil, true, 3.5, "x\ny", []any{[]any{}}, map[string]any{"x": 1.0}, -1.0} {
			d, ds := Decode([]byte(shopFront), FormatYAML)
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			var tree any
			if err := json.Unmarshal(Canonical(d.Manifest), &tree); err != nil {
				t.Fatal(err)
			}
			tree = replaced(tree, segments(path), wrong)
			src, err := json.Marshal(tree)
			if err != nil {
				t.Fatal(err)
			}
			_, ds = Check(src, FormatJSON)
			optional := wrong == nil && !strings.HasSuffix(path, "]") // null is absent
			if _, isMap := wrong.(map[string]any); isMap && strings.HasSuffix(path, ".source") {
				continue // a source with an unknown field is an empty source
			}
			if !ds.HasErrors() && !optional {
				t.Errorf("%s = %v is taken", path, wrong)
			}
			for _, x := range ds {
				if x.Line != 1 || x.Col < 1 || x.Message == "" {
					t.Errorf("%s = %v: %+v", path, wrong, x)
				}
			}
		}
	}
}

// replaced puts a value into a tree at a path.
func replaced(tree any, path []any, v any) any {
	if len(path) == 0 {
		return v
	}
	switch at := path[0].(type) {
	case string:
		tree.(map[string]any)[at] = replaced(tree.(map[string]any)[at], path[1:], v)
	case int:
		tree.([]any)[at] = replaced(tree.([]any)[at], path[1:], v)
	}
	return tree
}
