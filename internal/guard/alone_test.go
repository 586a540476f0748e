package guard

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// foreign is what a file says when it needs the machine or the place where it was written. The patterns are put
// together from halves, or this file would find itself.
var foreign = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`\.\./` + `shared\b`), "a folder outside the repository"},
	{regexp.MustCompile(`(^|[^\w./-])/(work|` + `root|farm)/`), "an absolute path of one machine"},
	{regexp.MustCompile(`/home/` + `[a-z]`), "an absolute path of one machine"},
	{regexp.MustCompile(`/` + `Users/[A-Za-z]`), "an absolute path of one machine"},
	{regexp.MustCompile(`\b(` + strings.Join([]string{
		`(proxy|sum)\.` + `golang\.org`, `registry\.` + `npmjs\.org`, `(files\.)?` + `pythonhosted\.org`, `pypi\.` + `org`,
		`(static\.|index\.)?crates\.` + `io`, `repo1?\.maven\.` + `(apache\.)?org`, `(deb|security)\.` + `debian\.org`,
	}, "|") + `)\b`), "the host of a package registry: the ordinary clients know where theirs is"},
}

// checkAlone reads every text file and reports each line that leans on something outside.
func checkAlone(t testing.TB, dir string, files []string) []finding {
	t.Helper()
	var found []finding
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) {
			continue // deleted, and git does not know it yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 {
			continue // no text
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			for _, f := range foreign {
				if m := f.pattern.Find(line); m != nil {
					found = append(found, finding{at(name, i+1), "mentions " + strings.TrimSpace(string(m)) + ": " + f.why})
				}
			}
		}
	}
	return found
}

// tracked lists what git would commit, from dir.
func tracked(t testing.TB, dir string) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("asking git for the files: %v", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}

func TestStandsAlone(t *testing.T) {
	dir := root(t)
	report(t, checkAlone(t, dir, tracked(t, dir)))
}

func TestStandsAloneCheckerSeesEachKind(t *testing.T) {
	dir := t.TempDir()
	slash := "/"
	text := strings.Join([]string{
		"open(../" + "shared/x)",
		slash + "work/main",
		"cd " + slash + "root/go",
		"in " + slash + "home/me",
		"GOPROXY=https://proxy." + "golang.org,direct",
		"from https://registry." + "npmjs.org/x",
		"fine: a frame" + "work/main, ./work/x, ghcr.io/a/b:1, https://golang.org/x, registry.example/x",
	}, "\n")
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.bin"), []byte("\x00 ../"+"shared"), 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, checkAlone(t, dir, []string{"a.txt", "b.bin", "gone.txt"}),
		"a.txt:1: mentions ../"+"shared",
		"a.txt:2: mentions "+slash+"work/",
		"a.txt:3: mentions "+slash+"root/",
		"a.txt:4: mentions "+slash+"home/m",
		"a.txt:5: mentions proxy."+"golang.org",
		"a.txt:6: mentions registry."+"npmjs.org",
	)
}
