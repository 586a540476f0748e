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

// shown are the rows of docs/conformance.md that a transcript shows.
var shown = map[string]string{
	"O8": "no-host-fits", "O9": "host-returned", "O11": "overlapping-spreads", "O14": "start-refused",
	"SRV-01": "stops-by-age-otp",
	"SRV-02": "crash-otp",
	"SRV-03": "crash-storm-otp",
	"SRV-04": "provider-shared-end-otp",
	"SRV-05": "two-processes-otp",
	"SRV-06": "newer-tag-otp",
	"SRV-07": "late-host-otp",
	"SRV-08": "silenced-otp",
	"SRV-09": "host-stops-otp",
	"SRV-10": "image-change-otp",
	"SRV-11": "no-refmap-otp",
}

func TestEveryRowHasItsTranscript(t *testing.T) {
	for row, name := range shown {
		if _, err := os.Stat(strings.Replace(files, "*", name, 1)); err != nil {
			t.Errorf("%s: %v", row, err)
		}
	}
}

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
