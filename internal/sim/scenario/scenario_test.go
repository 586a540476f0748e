package scenario_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/sim/scenario"
)

var rewrite = flag.Bool("rewrite", false, "write what comes out into the files; judge the difference before it is committed")

const files = "../../../testdata/scenarios/*.txt"

func TestTranscriptsComeOutAsTheyAreWritten(t *testing.T) {
	names, err := filepath.Glob(files)
	if err != nil || len(names) == 0 {
		t.Fatalf("looking for transcripts: %v, found %d", err, len(names))
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := scenario.Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Play()
			if err != nil {
				t.Fatal(err)
			}
			if got == string(text) {
				return
			}
			if !*rewrite {
				t.Fatalf("the transcript differs (-written +now):\n%s", cmp.Diff(string(text), got))
			}
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}
