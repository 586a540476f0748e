package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the path under which our own packages are imported.
const module = "github.com/wadm-go/wadm"

// finding is one broken rule: where, and what to do about it.
type finding struct {
	where string // file:line from the root of the module, or a package
	what  string
}

func (f finding) String() string { return f.where + ": " + f.what }

// report fails the test once per finding.
func report(t *testing.T, found []finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

// expect compares findings on a bad sample with what the sample was written to provoke. Each want is the beginning
// of a finding, in order.
func expect(t *testing.T, found []finding, want ...string) {
	t.Helper()
	var got []string
	for _, f := range found {
		got = append(got, f.String())
	}
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Errorf("found:\n  %s\nwant findings that begin with:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// root is the top of the module: the tests of a package run in its own directory.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("finding the root of the module: %v", err)
	}
	return dir
}

// pkg is what `go list -json` says about one package, as far as the guards ask.
type pkg struct {
	ImportPath string
	Name       string
	Dir        string
	Export     string // file with the compiled types, with -export
	Standard   bool
	DepOnly    bool // listed only because another package needs it
	GoFiles    []string
	Imports    []string
	Deps       []string // every import, to any depth
}

// goList asks the go command about packages, in dir.
func goList(t testing.TB, dir string, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Dir,Export,Standard,DepOnly,GoFiles,Imports,Deps"}, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("reading the answer of go list: %v", err)
		}
		all = append(all, p)
	}
}

// ours tells whether a package belongs to this module, and its path inside it ("." for the root).
func ours(path string) (rel string, ok bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// under tells whether rel is one of the given directories or lies below one of them.
func under(rel string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return rel == d || strings.HasPrefix(rel, d+"/") })
}

// sources lists the Go files below dir, from it, without testdata and without modules of their own.
func sources(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && path != dir
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if hidden || d.Name() == "testdata" || (nested == nil && path != dir) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") {
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walking %s: %v", dir, err)
	}
	return files
}

// at writes a place the way editors jump to.
func at(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }
