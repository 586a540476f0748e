package oam

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden renders")

func TestMistakesAreShownInTheirPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/render/*.[yj]*")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			format := FormatAuto
			if strings.HasSuffix(name, ".json") {
				format = FormatJSON
			}
			_, ds := Check(src, format)
			var got bytes.Buffer
			Render(&got, name, src, ds)
			golden := strings.TrimSuffix(file, filepath.Ext(file)) + ".txt"
			if *rewrite {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-golden +got):\n%s", diff)
			}
		})
	}
}

func TestAManifestWithoutASourceIsRenderedByPath(t *testing.T) {
	var got bytes.Buffer
	Render(&got, "shop v3", nil, Diagnostics{
		{Level: Error, Message: "no", Path: "spec.components[0].name"},
		{Level: Warning, Message: "well"},
		{Level: Error, Message: "hidden", Covered: true},
	})
	if diff := cmp.Diff("shop v3: components[0].name: no\nshop v3: warning: well\n", got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestDiagnosticsAreSortedByPlaceAndLevel(t *testing.T) {
	ds := Diagnostics{
		{Level: Error, Message: "c", Line: 3, Col: 1},
		{Level: Warning, Message: "b", Line: 1, Col: 2},
		{Level: Error, Message: "a", Line: 1, Col: 1, Suggestion: "x"},
	}
	if got := ds.Sorted(); got[0].Message != "a" || got[1].Message != "b" || got[2].Message != "c" || ds[0].Message != "c" {
		t.Errorf("%v", got)
	}
	if len(ds.Errors()) != 2 || len(ds.Warnings()) != 1 || !ds.HasErrors() || ds.Warnings().HasErrors() {
		t.Error("levels are mixed up")
	}
	if got := ds[2].Text(); got != `a; did you mean "x"?` || ds[2].Place() != "1:1" || Error.String() != "Error" || Warning.String() != "Warning" {
		t.Error(got)
	}
}
