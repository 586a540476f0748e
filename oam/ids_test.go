package oam

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSanitise(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"dashes become underscores", "echo-component", "echo_component"},
		{"blanks and capitals", "My ThInG", "my_thing"},
		{"dots", "thing.wasm", "thing_wasm"},
		{"each character of a script becomes one underscore", "größe", "gr__e"},
		{"a letter whose lower case is ASCII", "\u212a8s", "k8s"},
		{"the dotted capital I is two characters in lower case", "İ", "i_"},
		{"empty stays empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Sanitise(tc.in); got != tc.want {
				t.Errorf("Sanitise(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestEffectiveID(t *testing.T) {
	for _, tc := range []struct {
		name string
		app  string
		c    Component
		want string
	}{
		{"IDN-01 an explicit id is taken as it is", "mymodel", Component{Name: "echo", Properties: Properties{ID: "myid"}}, "myid"},
		{"IDN-02 whatever the names are", "some app", Component{Name: " echo ", Properties: Properties{ID: "myid"}}, "myid"},
		{"IDN-03 derived from both names", "mymodel", Component{Name: "echo-component"}, "mymodel-echo_component"},
		{"IDN-04 blanks in the application's name", "some model name with spaces cause yaml", Component{Name: "echo"}, "some_model_name_with_spaces_cause_yaml-echo"},
		{"IDN-05 capitals and dots", "My ThInG", Component{Name: "thing.wasm"}, "my_thing-thing_wasm"},
		{"a shared component has the other application's id", "mine",
			Component{Name: "web", Properties: Properties{Application: &SharedApplication{Name: "platform", Component: "http"}}}, "platform-http"},
		{"unless the reference gives one", "mine",
			Component{Name: "web", Properties: Properties{ID: "x", Application: &SharedApplication{Name: "platform", Component: "http"}}}, "x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &Manifest{Metadata: Metadata{Name: tc.app}}
			if got := m.EffectiveID(&tc.c); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// shopFront is the example that the golden scaler ids were computed from.
const shopFront = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: shop-front
  annotations: {version: "1.4.0", description: "storefront"}
  labels: {team.example.com/owner: web}
spec:
  policies:
    - name: vault
      type: policy.secret.wasmcloud.dev/v1alpha1
      properties: {backend: vault-prod, role_name: shop}
  components:
    - name: cart
      type: component
      properties:
        image: registry.example.com/cart:1.4.0
        config: [{name: limits, properties: {max_items: "50"}}, {name: global-flags}]
        secrets: [{name: api-token, properties: {policy: vault, key: shop/cart, field: token}}]
      traits:
        - type: spreadscaler
          properties:
            instances: 6
            spread:
              - {name: east, requirements: {region: east}, weight: 75}
              - {name: west, requirements: {region: west}, weight: 25}
        - type: link
          properties:
            namespace: wasi
            package: keyvalue
            interfaces: [store, atomics]
            target: {name: kv, config: [{name: kv-url, properties: {url: "redis://10.0.0.9"}}]}
    - name: web
      type: capability
      properties: {application: {name: platform, component: http}}
      traits:
        - type: link
          properties:
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            target: {name: cart}
            source: {config: [{name: web-addr, properties: {address: "0.0.0.0:8080"}}]}
    - name: kv
      type: capability
      properties: {image: "registry.example.com/kv:0.28.1"}
`

func TestScalerIDsAreThoseThatRunAlready(t *testing.T) {
	d, ds := Check([]byte(shopFront), FormatYAML)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	m := d.Manifest
	spread := func(name string) string {
		c := m.Component(name)
		return SpreadScalerID(m.Metadata.Name, c.Name, m.EffectiveID(c), c.Properties.Image, m.ConfigNames(c))
	}
	link := func(app, source string) string {
		c := m.Component(source)
		l := c.Links()[0]
		target := m.EffectiveID(m.Component(l.Target.Name))
		return LinkScalerID(app, l.LinkName(), m.EffectiveID(c), target, l.Namespace, l.Package, l.Interfaces,
			m.SourceConfigNames(l), m.TargetConfigNames(l))
	}
	const rust = "ghcr.io/wasmcloud/components/http-hello-world-rust:0.1.0"
	for _, tc := range []struct{ name, got, want string }{
		{"hello-world, as a real host reported it",
			SpreadScalerID("hello-world", "http-component", "hello_world-http_component", rust, nil),
			"a648fe966cbdb0a0dee3252a416f824858bbf0c1a24be850ef632626ddbb5133"},
		{"an explicit id",
			SpreadScalerID("hello-simple", "hello", "http_hello_world", rust, nil),
			"51f5a7b765665fbd56fb630960d59b2b6b5f41507ccfd5fe1eaca6b154f3c6ac"},
		{"a link with a source config",
			LinkScalerID("hello-simple", "default", "http_server", "http_hello_world", "wasi", "http",
				[]string{"incoming-handler"}, []string{"hello_simple-httpaddr"}, nil),
			"0fcff01255dc1d2cf54a276555e7cf894fae75a49d273d1a0264a609e9a62aa5"},
		{"configs managed and external, and a secret", spread("cart"),
			"612bdc92778e2e89c4e74e6f388446b7162f6f08a342350f2d55fb5221f0f231"},
		{"a provider without traits", spread("kv"),
			"96ac140ec5e0d175d69cd0fe38d1fbf7511e0d9902bfa25c8dafedcbc9a93b3a"},
		{"a link with two interfaces", link(m.Metadata.Name, "cart"),
			"0e701bb4d1270af046b0b5c11dac7a99c20343d659418fd48c378f218bdfeffe"},
		{"a link from a shared component is under the other application", link("platform", "web"),
			"620bb7e9946b61b65a42142e74a13309e0cabe830699eaf08a57ff083d6ecc14"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.got != tc.want {
				t.Errorf("got %s, want %s", tc.got, tc.want)
			}
		})
	}
	if diff := cmp.Diff([]string{"shop_front-limits", "global-flags", "SECRET_shop_front-api_token"}, m.ConfigNames(m.Component("cart"))); diff != "" {
		t.Error(diff)
	}
}

func TestScalerIDsTellApart(t *testing.T) {
	spread := SpreadScalerID("a", "c", "i", "img", nil)
	for name, other := range map[string]string{
		"IDN-06 a list of configs":    SpreadScalerID("a", "c", "i", "img", []string{"foobar"}),
		"IDN-06 a daemonscaler":       DaemonScalerID("a", "c", "i", "img", nil),
		"IDN-06 its list of configs":  DaemonScalerID("a", "c", "i", "img", []string{"foobar"}),
		"IDN-07 a link":               LinkScalerID("a", "default", "s", "t", "n", "p", []string{"i"}, nil, nil),
		"IDN-07 with a source config": LinkScalerID("a", "default", "s", "t", "n", "p", []string{"i"}, []string{"x"}, nil),
		"IDN-07 with a target config": LinkScalerID("a", "default", "s", "t", "n", "p", []string{"i"}, nil, []string{"y"}),
	} {
		if other == spread || len(other) != 64 {
			t.Errorf("%s: %s", name, other)
		}
	}
	if spread != SpreadScalerID("a", "c", "i", "img", []string{}) {
		t.Error("no configs is no configs")
	}
}
