package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// conformance is one line of docs/conformance.md: what an older program does, what we do, and the test that shows it.
type conformance struct {
	line              int
	id, kept, why, by string
}

func readConformance(t testing.TB, file string) []conformance {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`^[A-Z][A-Z0-9]*(-\d+)?$`)
	var rows []conformance
	line := 0
	for s := range strings.Lines(string(text)) {
		line++
		cells := strings.Split(strings.TrimSpace(s), "|")
		if len(cells) != 6 || !id.MatchString(strings.TrimSpace(cells[1])) {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		rows = append(rows, conformance{line, cells[1], cells[2], cells[3], cells[4]})
	}
	return rows
}

// checkConformance looks for each named test among the given files of dir, and for the id in the file that holds it.
func checkConformance(t testing.TB, dir string, files []string, page string, rows []conformance) []finding {
	t.Helper()
	tests := map[string][]string{} // file texts by the name of a test in them
	name := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range name.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = append(tests[m[1]], string(text))
		}
	}
	var found []finding
	seen := map[string]bool{}
	for _, r := range rows {
		say := func(format string, args ...any) {
			found = append(found, finding{at(page, r.line), r.id + " " + fmt.Sprintf(format, args...)})
		}
		if seen[r.id] {
			say("stands here twice")
		}
		seen[r.id] = true
		switch r.kept {
		case "kept", "changed", "not ours":
		default:
			say("is %q: say kept, changed or not ours", r.kept)
		}
		if r.why == "" {
			say("has no reason")
		}
		texts, known := tests[r.by]
		switch {
		case !known:
			say("names %s, and there is no such test", r.by)
		case !strings.Contains(strings.Join(texts, "\n"), r.id):
			say("names %s, and the file of that test does not mention it", r.by)
		}
	}
	return found
}

func TestConformanceNamesTests(t *testing.T) {
	dir := root(t)
	const page = "docs/conformance.md"
	rows := readConformance(t, filepath.Join(dir, page))
	if len(rows) < 80 {
		t.Fatalf("read %d lines of %s: has its form changed?", len(rows), page)
	}
	report(t, checkConformance(t, dir, sources(t, dir), page, rows))
}

func TestConformanceCheckerSeesBadLines(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a_test.go", "package a\n\n// AAA-01 AAA-02 BBB\nfunc TestOne(t *testing.T) {}\n")
	write("page.md", "| id | | what and why | test |\n|---|---|---|---|\n| AAA-01 | kept | fine | `TestOne` |\n| AAA-02 | maybe | | `TestOne` |\n"+
		"| AAA-03 | kept | x | `TestOne` |\n| AAA-01 | changed | x | `TestTwo` |\n| BBB | not ours | x | `TestOne` |\n")
	rows := readConformance(t, filepath.Join(dir, "page.md"))
	expect(t, checkConformance(t, dir, sources(t, dir), "page.md", rows),
		`page.md:4: AAA-02 is "maybe"`,
		"page.md:4: AAA-02 has no reason",
		"page.md:5: AAA-03 names TestOne, and the file of that test does not mention it",
		"page.md:6: AAA-01 stands here twice",
		"page.md:6: AAA-01 names TestTwo, and there is no such test",
	)
}
