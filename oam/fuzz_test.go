package oam

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/recorded/manifests/*.yaml")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src, uint8(FormatAuto))
	}
	for _, src := range []string{
		simpleYAML, simpleJSON, shopFront, "a: &b [*b]", "? {a: b}\n: c", "{\"a\":\"\\ud83d\"}", "a: |\n  x\n", "\xef\xbb\xbfa: 1", "a: 'x\ny'",
		"apiVersion: a\r\nkind: b\rmetadata: {name: \"\u2028\"}\nspec: {components: [x, {traits: [{type: link, properties: {namespace: 1}}]}]}",
		app03("    - {name: a, type: actor, properties: {image: i}, traits: [" + linkdef("web") + "]}" + provider03),
	} {
		for _, format := range []Format{FormatAuto, FormatYAML, FormatJSON} {
			f.Add([]byte(src), uint8(format))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, format uint8) {
		d, ds := Check(src, Format(format%3))
		if d == nil && !ds.HasErrors() {
			t.Fatal("nothing decoded and nothing said")
		}
		lines := splitLines(src)
		for _, x := range append(ds, Diagnostic{Line: 1, Col: 1, Width: 1, Message: "x"}) {
			if x.Line < 1 || x.Line > len(lines)+1 || x.Col < 1 || x.Width < 1 || x.Message == "" {
				t.Fatalf("outside of the source: %+v", x)
			}
			if utf8.Valid(src) && x.Line <= len(lines) && x.Col > utf8.RuneCountInString(lines[x.Line-1])+2 {
				t.Fatalf("outside of its line %q: %+v", lines[x.Line-1], x)
			}
		}
		var out bytes.Buffer
		Render(&out, "f", src, ds)
		if strings.Count(out.String(), "f:") < len(ds.Shown()) {
			t.Fatalf("%d diagnostics rendered as\n%s", len(ds.Shown()), out.String())
		}
		if d == nil || ds.HasErrors() {
			return
		}
		canonical := Canonical(d.Manifest)
		again, errs := Decode(canonical, FormatJSON)
		if errs.HasErrors() {
			t.Fatalf("%v\n%s", errs, canonical)
		}
		if !bytes.Equal(canonical, Canonical(again.Manifest)) {
			t.Fatalf("the normalised form is not stable:\n%s\n%s", canonical, Canonical(again.Manifest))
		}
		for i := range d.Manifest.Spec.Components {
			c := &d.Manifest.Spec.Components[i]
			if id := d.Manifest.EffectiveID(c); !ValidToken(id) {
				t.Fatalf("a valid manifest gives the id %q", id)
			}
			if s, daemon := c.Scaler(); s != nil && !daemon {
				total := 0
				for _, share := range Shares(s) {
					total += share.Count
				}
				if total != s.Instances {
					t.Fatalf("%d of %d instances placed", total, s.Instances)
				}
			}
		}
	})
}
