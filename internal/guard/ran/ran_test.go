package ran

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// eventsVariable names a file with the events of the test run that is judged.
const eventsVariable = "WADM_TEST_EVENTS"

// pages are the documents in which tests are named, from the root.
var pages = []string{"README*.md", "docs/*.md", "docs/*/*.md", "deploy/*/*.md", "deploy/*/*/*.md"}

// module is the path of our packages; those of another module below it, too.
const module = "github.com/wadm-go/wadm/"

// named is one test that a page names. Where several packages have one of that name, a page may say which it means: internal/redisstore.TestStore.
type named struct{ page, test string }

func (n named) String() string { return n.page + ": names " + n.test }

var testName = regexp.MustCompile("`((?:[a-z0-9/]+\\.)?Test[A-Z0-9]\\w*)`")

// readPages collects what the pages below dir name: each test at the first place that names it.
func readPages(t testing.TB, dir string) []named {
	t.Helper()
	var all []named
	seen := map[string]bool{}
	for _, pattern := range pages {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			page, err := filepath.Rel(dir, f)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(string(text), "\n") {
				for _, m := range testName.FindAllStringSubmatch(line, -1) {
					if seen[m[1]] {
						continue
					}
					seen[m[1]] = true
					all = append(all, named{fmt.Sprintf("%s:%d", filepath.ToSlash(page), i+1), m[1]})
				}
			}
		}
	}
	return all
}

// declared are the names of the test functions below dir, by themselves and behind the folder; those of other modules and build tags included.
func declared(t testing.TB, dir string) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != dir {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && takesT(f.Type) {
				rel, err := filepath.Rel(dir, filepath.Dir(path))
				if err != nil {
					return err
				}
				tests[f.Name.Name] = true
				tests[filepath.ToSlash(rel)+"."+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("reading the tests below %s: %v", dir, err)
	}
	return tests
}

// takesT tells a test from TestMain.
func takesT(f *ast.FuncType) bool {
	if len(f.Params.List) != 1 {
		return false
	}
	star, ok := f.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "T"
}

// outcome is what became of the tests of one name in the whole run, in all packages or in one.
type outcome struct {
	passed int
	failed []string // package, and what of the test
	left   []string // likewise, skipped
}

// readEvents sums up what `go test -json` told, by the name of a test and by package and name. What is no event is passed over: a compiler may write
// between them.
func readEvents(events []byte) map[string]*outcome {
	all := map[string]*outcome{}
	for line := range bytes.Lines(events) {
		var e struct{ Action, Package, Test string }
		if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil || e.Test == "" {
			continue
		}
		top, _, part := strings.Cut(e.Test, "/")
		for _, key := range []string{top, strings.TrimPrefix(e.Package, module) + "." + top} {
			if all[key] == nil {
				all[key] = &outcome{}
			}
			all[key].add(e.Action, e.Package+" "+e.Test, part)
		}
	}
	return all
}

// add takes one event of a test or, with part, of a part of it.
func (o *outcome) add(action, where string, part bool) {
	switch {
	case action == "pass" && !part:
		o.passed++
	case action == "fail":
		o.failed = append(o.failed, where)
	case action == "skip":
		o.left = append(o.left, where)
	}
}

// missing are the findings about names of which there is no test.
func missing(names []named, tests map[string]bool) (found []string) {
	for _, n := range names {
		if !tests[n.test] {
			found = append(found, n.String()+", and there is no such test")
		}
	}
	return found
}

// unproved are the findings about tests that did not pass in the run.
func unproved(names []named, ran map[string]*outcome) (found []string) {
	for _, n := range names {
		switch o := ran[n.test]; {
		case o == nil || o.passed+len(o.failed)+len(o.left) == 0:
			found = append(found, n.String()+", which did not run")
		case len(o.failed) > 0:
			found = append(found, fmt.Sprintf("%s, which failed: %s", n, o.failed[0]))
		case len(o.left) > 0:
			found = append(found, fmt.Sprintf("%s, which was skipped: %s", n, o.left[0]))
		}
	}
	return found
}

// TestNamedTestsRan looks for each test that a page names. With the record of a run it asks more: that the test ran there, whole, and passed.
func TestNamedTestsRan(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	names := readPages(t, root)
	if !slices.ContainsFunc(names, func(n named) bool { return strings.HasPrefix(n.page, "docs/seed.md:") }) || len(names) < 100 {
		t.Fatalf("the pages name %d tests: has their form changed?", len(names))
	}
	found := missing(names, declared(t, root))
	if file := os.Getenv(eventsVariable); file != "" {
		events, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, unproved(names, readEvents(events))...)
	}
	for _, f := range found {
		t.Error(f)
	}
}

func TestWhatIsMissingFailedOrSkippedIsSeen(t *testing.T) {
	dir := t.TempDir()
	page := "`TestGood`, `TestGone`\n| `TestBad` | `TestSkipped` |\n`TestHalf` `TestAbsent` TestNoName `Testing` `TestMain` `TestTwice` `TestGood` `TestGone`\n`a/b.TestStore` `a/c.TestStore` `a/d.TestStore`\n"
	code := `package a
func TestGood(t *testing.T) {}
func TestBad(t *testing.T) {}
func TestSkipped(t *testing.T) {}
func TestHalf(t *testing.T) {}
func TestAbsent(t *testing.T) {}
func TestTwice(t *testing.T) {}
func TestMain(m *testing.M) {}
func (x y) TestGone(t *testing.T) {}
// func TestGone(t *testing.T) {}
`
	store := "package s\nfunc TestStore(t *testing.T) {}\n"
	for name, text := range map[string]string{"docs/page.md": page, "a_test.go": code, "a/b/b_test.go": store, "a/c/c_test.go": store} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	events := `# compiling
{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"skip","Package":"p","Test":"TestSkipped"}
{"Action":"skip","Package":"p","Test":"TestHalf/one"}
{"Action":"pass","Package":"p","Test":"TestHalf"}
{"Action":"run","Package":"p","Test":"TestAbsent"}
{"Action":"pass","Package":"p","Test":"TestTwice"}
{"Action":"fail","Package":"q","Test":"TestTwice"}
{"Action":"fail","Package":"p"}
{"Action":"pass","Package":"github.com/wadm-go/wadm/a/b","Test":"TestStore"}
{"Action":"skip","Package":"github.com/wadm-go/wadm/a/c","Test":"TestStore/part"}
{"Action":"pass","Package":"github.com/wadm-go/wadm/a/c","Test":"TestStore"}
`
	names := readPages(t, dir)
	got := strings.Join(append(missing(names, declared(t, dir)), unproved(names, readEvents([]byte(events)))...), "\n")
	want := strings.Join([]string{
		"docs/page.md:1: names TestGone, and there is no such test",
		"docs/page.md:3: names TestMain, and there is no such test",
		"docs/page.md:4: names a/d.TestStore, and there is no such test",
		"docs/page.md:1: names TestGone, which did not run",
		"docs/page.md:2: names TestBad, which failed: p TestBad",
		"docs/page.md:2: names TestSkipped, which was skipped: p TestSkipped",
		"docs/page.md:3: names TestHalf, which was skipped: p TestHalf/one",
		"docs/page.md:3: names TestAbsent, which did not run",
		"docs/page.md:3: names TestMain, which did not run",
		"docs/page.md:3: names TestTwice, which failed: q TestTwice",
		"docs/page.md:4: names a/c.TestStore, which was skipped: github.com/wadm-go/wadm/a/c TestStore/part",
		"docs/page.md:4: names a/d.TestStore, which did not run",
	}, "\n")
	if got != want {
		t.Errorf("found:\n%s\nwant:\n%s", got, want)
	}
}
