package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wadm-go/wadm/oam"
)

func TestExamplesAreFlawless(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("found the examples %v, %v", files, err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, ds := oam.Check(src, oam.FormatYAML)
		for _, d := range ds {
			t.Errorf("%s:%s: %s", name, d.Place(), d.Text())
		}
		if doc == nil {
			continue
		}
		for i := range doc.Manifest.Spec.Components {
			c := &doc.Manifest.Spec.Components[i]
			scaler, _ := c.Scaler()
			sum := 0
			for j := range spreads(scaler) {
				sum += scaler.Spread[j].EffectiveWeight()
			}
			if sum != 0 && sum != 100 {
				t.Errorf("%s: the weights of %s add to %d: a reader would wonder why not to 100", name, c.Name, sum)
			}
		}
	}
}

func spreads(s *oam.Scaler) []oam.Spread {
	if s == nil {
		return nil
	}
	return s.Spread
}
