package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// decoded reads a manifest as it was stored.
func decoded(t *testing.T, yaml string) *oam.Manifest {
	t.Helper()
	d, problems := oam.Decode([]byte(yaml), oam.FormatYAML)
	if d == nil || problems.HasErrors() {
		t.Fatal(problems)
	}
	return d.Manifest
}

var inside = cmpopts.IgnoreUnexported(Wanted{}, Resource{}, Link{})

// The scaler ids here are those that 0.21.1 stamps on what it starts: recorded from a real lattice (hello-world), and computed by the recipe that was
// confirmed there. Another id would make every instance of a lattice that is taken over a stranger's.
func TestWhatIsWantedOfA1xLattice(t *testing.T) {
	m := decoded(t, `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop-front, annotations: {version: "1.4.0"}}
spec:
  components:
    - name: cart
      type: component
      properties:
        image: registry.example.com/cart:1.4.0
        config: [{name: limits, properties: {max_items: "50"}}, {name: global-flags}]
      traits:
        - type: link
          properties: {namespace: wasi, package: keyvalue, interfaces: [store, atomics], target: {name: kv, config: [{name: kv-url, properties: {url: "redis://10.0.0.9"}}]}}
        - type: spreadscaler
          properties:
            instances: 6
            spread: [{name: west, requirements: {region: west}, weight: 25}, {name: east, requirements: {region: east}, weight: 75}]
    - name: kv
      type: capability
      properties: {image: "registry.example.com/kv:0.28.1"}
    - name: idle
      type: component
      properties: {image: idle:1, id: my-idle}
`)
	ours := func(scaler string) lattice.Annotations {
		return lattice.Annotations{"wasmcloud.dev/appspec": "shop-front", "wasmcloud.dev/managed-by": "wadm", "wasmcloud.dev/scaler": scaler}
	}
	weight := func(n int) *int { return &n }
	cart := oam.SpreadScalerID("shop-front", "cart", "shop_front-cart", "registry.example.com/cart:1.4.0", []string{"shop_front-limits", "global-flags"})
	kv := "96ac140ec5e0d175d69cd0fe38d1fbf7511e0d9902bfa25c8dafedcbc9a93b3a"
	idle := oam.SpreadScalerID("shop-front", "idle", "my-idle", "idle:1", nil)
	want := &Wanted{
		App: "shop-front", Version: "1.4.0", Revision: oam.Hash(m), Dialect: lattice.V1,
		Resources: []Resource{
			{
				Name: "cart", ID: "shop_front-cart", Ref: "registry.example.com/cart:1.4.0", Scaler: Spread, ScalerID: cart, Instances: 6,
				Shares: []oam.Share{
					{Spread: oam.Spread{Name: "east", Requirements: map[string]string{"region": "east"}, Weight: weight(75)}, Count: 5, Index: 1},
					{Spread: oam.Spread{Name: "west", Requirements: map[string]string{"region": "west"}, Weight: weight(25)}, Count: 1, Index: 0},
				},
				Config: []string{"shop_front-limits", "global-flags"}, Annotations: ours(cart), Display: "shop_front-cart",
			},
			{
				Name: "kv", Kind: lattice.Provider, ID: "shop_front-kv", Ref: "registry.example.com/kv:0.28.1", Scaler: Spread, ScalerID: kv, Instances: 1,
				Shares:      []oam.Share{{Spread: oam.Spread{Name: "default", Requirements: map[string]string{}}, Count: 1, Index: -1}},
				Annotations: ours(kv), Display: "shop_front-kv",
			},
			{Name: "idle", ID: "my-idle", Ref: "idle:1", ScalerID: idle, Annotations: ours(idle), Display: "my-idle"},
		},
		Links: []Link{{
			Component: "cart",
			Want: lattice.Link{
				Source: "shop_front-cart", Target: "shop_front-kv", Name: "default", Namespace: "wasi", Package: "keyvalue",
				Interfaces: []string{"store", "atomics"}, TargetConfig: []string{"shop_front-kv_url"},
			},
			Values:   valuesHash(map[string]Config{"shop_front-kv_url": {Values: map[string]string{"url": "redis://10.0.0.9"}}}, lattice.Link{TargetConfig: []string{"shop_front-kv_url"}}),
			ScalerID: "0e701bb4d1270af046b0b5c11dac7a99c20343d659418fd48c378f218bdfeffe",
			Display:  "shop_front-cart -(wasi:keyvalue)-> shop_front-kv",
		}},
		Configs: []Config{
			{Name: "global-flags"},
			{Name: "shop_front-kv_url", Managed: true, Values: map[string]string{"url": "redis://10.0.0.9"}},
			{Name: "shop_front-limits", Managed: true, Values: map[string]string{"max_items": "50"}},
		},
		Order: []PartID{{Link: 1}, {Component: "cart"}, {Component: "kv"}}, // as the traits come; a component without a scaler is not told of
	}
	got := Want(m, lattice.V1)
	if diff := cmp.Diff(want, got, inside); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	west := ours(cart)
	west[SpreadAnnotation] = "west"
	same(t, "annotations of the spread west", west, got.Resources[0].spreads[1])
}

func TestScalerIDsAreThoseOf0211(t *testing.T) {
	const rust = "ghcr.io/wasmcloud/components/http-hello-world-rust:0.1.0"
	for _, tc := range []struct {
		name, app string
		c         oam.Component
		want      string
	}{
		{"as a real host reported it", "hello-world", component("http-component", image(rust), scaled(1)), "a648fe966cbdb0a0dee3252a416f824858bbf0c1a24be850ef632626ddbb5133"},
		{"with an id of its own", "hello-simple", component("hello", image(rust), scaled(1), func(c *oam.Component) { c.Properties.ID = "http_hello_world" }),
			"51f5a7b765665fbd56fb630960d59b2b6b5f41507ccfd5fe1eaca6b154f3c6ac"},
		{"a provider without traits", "shop-front", provider("kv", image("registry.example.com/kv:0.28.1")), "96ac140ec5e0d175d69cd0fe38d1fbf7511e0d9902bfa25c8dafedcbc9a93b3a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := app(tc.c)
			m.Metadata.Name = tc.app
			r := Want(m, lattice.V1).Resources[0]
			if r.ScalerID != tc.want || r.Annotations[ScalerAnnotation] != tc.want {
				t.Errorf("got %s, annotated %s, want %s", r.ScalerID, r.Annotations[ScalerAnnotation], tc.want)
			}
		})
	}
	t.Run("a daemon has its own", func(t *testing.T) {
		r := Want(app(component("echo", daemon(1))), lattice.V1).Resources[0]
		if want := oam.DaemonScalerID("shop", "echo", "shop-echo", "echo:1", nil); r.ScalerID != want {
			t.Errorf("got %s, want %s", r.ScalerID, want)
		}
	})
}

func TestWhatIsWantedOfAnOTPLattice(t *testing.T) {
	contractLink := trait(oam.Trait{Type: oam.TraitLinkDef, LinkDef: &oam.LinkDef{Target: "kv", Values: []byte(`{"b":2,"a":"1"}`)}})
	m := app(component("echo", scaled(2), contractLink), contracted("kv", scaled(1), func(c *oam.Component) { c.Properties.LinkName = "redis" }), contracted("idle"))
	mine := lattice.Annotations{"wasmcloud.dev/appspec": "shop"}
	share := func(n int) []oam.Share {
		return []oam.Share{{Spread: oam.Spread{Name: "default", Requirements: map[string]string{}}, Count: n, Index: -1}}
	}
	id := func(name string) string { return oam.SpreadScalerID("shop", name, "shop-"+name, name+":1", nil) }
	want := &Wanted{
		App: "shop", Version: "v1", Revision: oam.Hash(m), Dialect: lattice.OTP,
		Resources: []Resource{
			{Name: "echo", Ref: "echo:1", Scaler: Spread, ScalerID: id("echo"), Instances: 2, Shares: share(2), Annotations: mine, Display: "shop-echo"},
			{Name: "kv", Kind: lattice.Provider, Ref: "kv:1", LinkName: "redis", Contract: "wasmcloud:kv", Scaler: Spread, ScalerID: id("kv"), Instances: 1, Shares: share(1), Annotations: mine, Display: "shop-kv"},
			{Name: "idle", Kind: lattice.Provider, Ref: "idle:1", LinkName: "default", Contract: "wasmcloud:idle", ScalerID: id("idle"), Annotations: mine, Display: "shop-idle"},
		},
		Links: []Link{{
			Component: "echo", Want: lattice.Link{Name: "redis", Contract: "wasmcloud:kv", Values: `{"a":"1","b":2}`}, SourceRef: "echo:1", TargetRef: "kv:1",
			ScalerID: oam.LinkScalerID("shop", "redis", "shop-echo", "shop-kv", "wasmcloud:kv", "", nil, nil, nil), Display: "shop-echo -(wasmcloud:kv)-> shop-kv",
		}},
		Order: []PartID{{Component: "echo"}, {Link: 1}, {Component: "kv"}},
	}
	if diff := cmp.Diff(want, Want(m, lattice.OTP), inside); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// O6 is one of them.
func TestWhatADialectCannotCarryIsNamed(t *testing.T) {
	contractLink := trait(oam.Trait{Type: oam.TraitLinkDef, LinkDef: &oam.LinkDef{Target: "kv"}})
	secret := []oam.Secret{{Name: "token"}}
	for _, tc := range []struct {
		name    string
		dialect lattice.Dialect
		m       *oam.Manifest
		want    []string
	}{
		{"1.x: a contract", lattice.V1, app(component("a"), contracted("kv")), []string{"components[1].properties.contract: 1.x hosts know no contracts"}},
		{"1.x: the link name of a provider", lattice.V1, app(provider("kv", func(c *oam.Component) { c.Properties.LinkName = "x" })),
			[]string{"components[0].properties.link_name: 1.x hosts know no link names of providers"}},
		{"1.x: a linkdef", lattice.V1, app(component("a", scaled(1), contractLink), provider("kv")), []string{"components[0].traits[1]: 1.x hosts know no linkdefs; use a link trait"}},
		{"1.x: all of them at once", lattice.V1, app(component("a", contractLink), contracted("kv")),
			[]string{"components[0].traits[0]: 1.x hosts know no linkdefs; use a link trait", "components[1].properties.contract: 1.x hosts know no contracts"}},
		{"OTP: a capability without a contract", lattice.OTP, app(provider("kv")), []string{"components[0].properties.contract: OTP hosts need the contract of a capability"}},
		{"OTP: a named config", lattice.OTP, app(component("a", with(config("x")))), []string{"components[0].properties.config: OTP hosts have no named configs"}},
		{"OTP: an interface link", lattice.OTP, app(component("a", linked("kv")), contracted("kv")),
			[]string{"components[0].traits[0].properties: OTP hosts know no interface links; use a linkdef trait"}},
		{"V3-17 (changed) OTP: a linkdef on a capability", lattice.OTP, app(contracted("kv", contractLink)), []string{"components[0].traits[0]: a linkdef leads from a component to a capability of this manifest"}},
		{"OTP: a linkdef to a component", lattice.OTP, app(component("a", contractLink), component("kv")),
			[]string{"components[0].traits[0]: a linkdef leads from a component to a capability of this manifest"}},
		{"both: a shared component", lattice.V1, app(component("a", func(c *oam.Component) { c.Properties.Application = &oam.SharedApplication{Name: "x", Component: "y"} })),
			[]string{"components[0].properties.application: shared components are not supported yet"}},
		{"SEC-01 SEC-02 SEC-03 (not ours) a secret", lattice.OTP, app(component("a", func(c *oam.Component) { c.Properties.Secrets = secret })),
			[]string{"components[0].properties.secrets: secrets are not supported yet"}},
		{"a secret of a link", lattice.V1, app(component("a", linked("kv", func(l *oam.Link) { l.Target.Secrets = secret })), provider("kv")),
			[]string{"components[0].traits[0].properties.secrets: secrets are not supported yet"}},
		{"1.x: nothing, where all can be told", lattice.V1, app(component("a", scaled(1), linked("kv"), with(config("x"))), provider("kv")), nil},
		{"OTP: nothing, where all can be told", lattice.OTP, app(component("a", scaled(1), contractLink), contracted("kv", scaled(1))), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := Want(tc.m, tc.dialect)
			var got []string
			for _, g := range w.Refused {
				if g.Why != NotCarried {
					t.Errorf("refused as %s", g.Why)
				}
				got = append(got, g.Detail)
			}
			same(t, "refused", tc.want, got)
		})
	}
}

// Nothing is done of what cannot be carried as a whole: the rest alone would be a lie.
func TestARefusedManifestCommandsNothing(t *testing.T) {
	w := given(app(component("echo", scaled(1)), contracted("kv")), host("N1"), runsAs("N1", lattice.Key{ID: "shop-old"}, "old:1", 1, lattice.Annotations{lattice.AppAnnotation: "shop"}))
	res := w.pass()
	same(t, "commands", []string(nil), lines(res.Commands))
	if res.Leftover != 1 {
		t.Errorf("%d leftovers are told, 1 runs", res.Leftover)
	}
}
