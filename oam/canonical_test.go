package oam

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCanonicalIsTheFormOfTheOtherImplementation(t *testing.T) {
	d, ds := Check([]byte(shopFront), FormatYAML)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	want := `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop-front",` +
		`"annotations":{"description":"storefront","version":"1.4.0"},"labels":{"team.example.com/owner":"web"}},` +
		`"spec":{"components":[{"name":"cart","type":"component","properties":{"image":"registry.example.com/cart:1.4.0",` +
		`"config":[{"name":"limits","properties":{"max_items":"50"}},{"name":"global-flags"}],` +
		`"secrets":[{"name":"api-token","properties":{"policy":"vault","key":"shop/cart","field":"token"}}]},` +
		`"traits":[{"type":"spreadscaler","properties":{"instances":6,"spread":[{"name":"east","requirements":{"region":"east"},"weight":75},` +
		`{"name":"west","requirements":{"region":"west"},"weight":25}]}},{"type":"link","properties":{"namespace":"wasi","package":"keyvalue",` +
		`"interfaces":["store","atomics"],"target":{"name":"kv","config":[{"name":"kv-url","properties":{"url":"redis://10.0.0.9"}}]}}}]},` +
		`{"name":"web","type":"capability","properties":{"application":{"name":"platform","component":"http"}},` +
		`"traits":[{"type":"link","properties":{"namespace":"wasi","package":"http","interfaces":["incoming-handler"],` +
		`"source":{"config":[{"name":"web-addr","properties":{"address":"0.0.0.0:8080"}}]},"target":{"name":"cart"}}}]},` +
		`{"name":"kv","type":"capability","properties":{"image":"registry.example.com/kv:0.28.1"}}],` +
		`"policies":[{"name":"vault","properties":{"backend":"vault-prod","role_name":"shop"},"type":"policy.secret.wasmcloud.dev/v1alpha1"}]}}`
	if diff := cmp.Diff(want, string(Canonical(d.Manifest))); diff != "" {
		t.Error(diff)
	}
	if got := Hash(d.Manifest); len(got) != 64 || got != Hash(d.Manifest) {
		t.Errorf("hash %q", got)
	}
}

func TestHashTellsManifestsApart(t *testing.T) {
	d, _ := Decode([]byte(shopFront), FormatYAML)
	before := Hash(d.Manifest)
	d.Manifest.Spec.Components[0].Traits[0].Scaler.Instances++
	if Hash(d.Manifest) == before {
		t.Error("one more instance is another manifest")
	}
}

func TestStringsAreEscapedNoMoreThanNeeded(t *testing.T) {
	for _, s := range []string{"<a&b>", "tab\tquote\"back\\slash\nline\rend", "\u2028 ✓ 汉字", "\b\f\x01"} {
		got := appendString(nil, s)
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != s {
			t.Errorf("%q became %s, read back as %q (%v)", s, got, back, err)
		}
	}
	if got := string(appendString(nil, "<&>\u2028\x01")); got != "\"<&>\u2028\\u0001\"" {
		t.Errorf("got %s", got)
	}
}

// manifests draws any manifest that Decode can give.
func manifests() *rapid.Generator[*Manifest] {
	return rapid.Custom(func(t *rapid.T) *Manifest {
		m := &Manifest{APIVersion: apiVersion, Kind: kindApplication, Metadata: Metadata{Name: word(t), Annotations: textMap(t)}}
		if labels := textMap(t); len(labels) > 0 {
			m.Metadata.Labels = labels
		}
		form03 := rapid.Bool().Draw(t, "0.3 form")
		for range rapid.IntRange(0, 3).Draw(t, "components") {
			m.Spec.Components = append(m.Spec.Components, component(t, form03))
		}
		for range rapid.IntRange(0, 2).Draw(t, "policies") {
			m.Spec.Policies = append(m.Spec.Policies, Policy{Name: word(t), Type: SecretPolicyType, Properties: textMap(t)})
		}
		return m
	})
}

func word(t *rapid.T) string {
	return rapid.StringMatching(`[a-z0-9é~<"\\. -]{1,12}`).Draw(t, "word")
}

func textMap(t *rapid.T) map[string]string {
	return rapid.MapOfN(rapid.StringMatching(`[a-z./" ]{0,6}`), rapid.StringMatching(`(?s)[a-z0-9 \n\t"✓]{0,8}`), 0, 3).Draw(t, "map")
}

func component(t *rapid.T, form03 bool) Component {
	c := Component{Name: word(t), Type: rapid.SampledFrom([]ComponentType{ComponentKind, CapabilityKind}).Draw(t, "type")}
	p := &c.Properties
	if rapid.Bool().Draw(t, "shared") {
		p.Application = &SharedApplication{Name: word(t), Component: word(t)}
	} else {
		p.Image = word(t)
	}
	if rapid.Bool().Draw(t, "id") {
		p.ID = word(t)
	}
	p.Config, p.Secrets = configs(t), secrets(t)
	if form03 {
		p.Contract, p.LinkName = word(t), word(t)
	}
	if rapid.Bool().Draw(t, "traits") {
		c.Traits = []Trait{}
		for range rapid.IntRange(0, 3).Draw(t, "count") {
			c.Traits = append(c.Traits, trait(t, form03))
		}
	}
	return c
}

func configs(t *rapid.T) []Config {
	var out []Config
	for range rapid.IntRange(0, 2).Draw(t, "configs") {
		c := Config{Name: word(t)}
		if rapid.Bool().Draw(t, "managed") {
			c.Properties = textMap(t)
		}
		out = append(out, c)
	}
	return out
}

func secrets(t *rapid.T) []Secret {
	var out []Secret
	for range rapid.IntRange(0, 1).Draw(t, "secrets") {
		out = append(out, Secret{Name: word(t), Properties: SecretProperties{Policy: word(t), Key: word(t), Version: "1"}})
	}
	return out
}

func trait(t *rapid.T, form03 bool) Trait {
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		l := &Link{Namespace: word(t), Package: word(t), Interfaces: rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,4}`), 0, 3).Draw(t, "interfaces")}
		l.Target = LinkTarget{Name: word(t), Config: configs(t), Secrets: secrets(t)}
		if rapid.Bool().Draw(t, "named") {
			l.Name = word(t)
		}
		if rapid.Bool().Draw(t, "source") {
			l.Source = &LinkEnd{Config: configs(t), Secrets: secrets(t)}
		}
		return Trait{Type: TraitLink, Link: l}
	case 1:
		s := &Scaler{Instances: rapid.IntRange(0, MaxInstances).Draw(t, "instances")}
		for range rapid.IntRange(0, 3).Draw(t, "spreads") {
			sp := Spread{Name: word(t), Requirements: textMap(t)}
			if rapid.Bool().Draw(t, "weighted") {
				w := rapid.IntRange(0, 1000).Draw(t, "weight")
				sp.Weight = &w
			}
			s.Spread = append(s.Spread, sp)
		}
		return Trait{Type: rapid.SampledFrom([]string{TraitSpreadScaler, TraitDaemonScaler}).Draw(t, "scaler"), Scaler: s}
	case 2:
		if form03 {
			return Trait{Type: TraitLinkDef, LinkDef: &LinkDef{Target: word(t), Values: json.RawMessage(`{"a":[1,2.50,null,true],"b":{"c":"d"}}`)}}
		}
	}
	return Trait{Type: "ours/" + word(t), Custom: json.RawMessage(`{"a":[1,-2e3,null,false],"z":{"instances":"x"}}`)}
}

func TestDecodeOfCanonicalIsTheSameManifest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := manifests().Draw(t, "manifest")
		for _, format := range []Format{FormatJSON, FormatYAML, FormatAuto} {
			d, ds := Decode(Canonical(m), format)
			if ds.HasErrors() {
				t.Fatalf("format %d: %v\n%s", format, ds, Canonical(m))
			}
			if diff := cmp.Diff(m, d.Manifest); diff != "" {
				t.Fatalf("format %d (-before +after):\n%s", format, diff)
			}
		}
	})
}
