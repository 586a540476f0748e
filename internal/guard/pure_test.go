package guard

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pureStd is all of the standard library that the core may import. An allow-list, because purity is lost by what
// nobody thought of. time is here for its types: its clock is banned below.
var pureStd = []string{
	"bytes", "cmp", "container/heap", "crypto/sha256", "encoding/hex", "encoding/json", "errors", "fmt", "hash",
	"hash/fnv", "iter", "maps", "math", "math/bits", "regexp", "slices", "sort", "strconv", "strings", "time",
	"unicode", "unicode/utf8",
}

// impureStd is what the word packages, and the translator between them and the core, may not import: they may read and write text, but not meet the world.
var impureStd = []string{"context", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "net", "net/http",
	"os", "os/exec", "os/signal", "sync", "sync/atomic", "syscall", "unsafe"}

// bannedFuncs read a clock, start one, or speak to a person, in packages that are otherwise allowed.
var bannedFuncs = map[string]string{
	"time.Now":       "time comes in as a value (Input.Now)",
	"time.Since":     "time comes in as a value (Input.Now)",
	"time.Until":     "time comes in as a value (Input.Now)",
	"time.After":     "ask for Output.Wake instead",
	"time.AfterFunc": "ask for Output.Wake instead",
	"time.NewTimer":  "ask for Output.Wake instead",
	"time.NewTicker": "ask for Output.Wake instead",
	"time.Tick":      "ask for Output.Wake instead",
	"time.Sleep":     "ask for Output.Wake instead",
	"fmt.Print":      "return it; a shell prints",
	"fmt.Printf":     "return it; a shell prints",
	"fmt.Println":    "return it; a shell prints",
	"fmt.Scan":       "input comes in as a value",
	"fmt.Scanf":      "input comes in as a value",
	"fmt.Scanln":     "input comes in as a value",
}

// purity checks one type-checked package.
type purity struct {
	dir    string // files are reported relative to it
	fset   *token.FileSet
	info   *types.Info
	strict bool                    // the core: the allow-list, no channels, no unsorted map walks
	reason map[string]map[int]bool // file → lines that carry an order comment
	sorted map[*ast.CallExpr]bool  // calls of maps.Keys and its kin whose result is sorted at once
	found  []finding
}

func (c *purity) add(n ast.Node, format string, args ...any) {
	pos := c.fset.Position(n.Pos())
	rel, err := filepath.Rel(c.dir, pos.Filename)
	if err != nil {
		rel = pos.Filename
	}
	c.found = append(c.found, finding{at(filepath.ToSlash(rel), pos.Line), fmt.Sprintf(format, args...)})
}

// excused tells whether the line of n, or the one before, says why the order of a map does not matter there.
func (c *purity) excused(n ast.Node) bool {
	pos := c.fset.Position(n.Pos())
	lines := c.reason[pos.Filename]
	return lines[pos.Line] || lines[pos.Line-1]
}

func (c *purity) file(f *ast.File) {
	c.imports(f)
	name := c.fset.Position(f.Pos()).Filename
	c.reason[name] = map[int]bool{}
	for _, group := range f.Comments {
		for _, line := range group.List {
			why, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(line.Text, "//")), "order:")
			if ok && strings.TrimSpace(why) != "" {
				c.reason[name][c.fset.Position(line.Pos()).Line] = true
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		c.node(n)
		return true
	})
}

func (c *purity) imports(f *ast.File) {
	for _, imp := range f.Imports {
		path, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			continue // the compiler says it better
		}
		_, own := ours(path)
		switch {
		case own: // TestFloors knows which
		case !c.strict && slices.Contains(impureStd, path):
			c.add(imp, "imports %s: a codec meets no world", path)
		case c.strict && !slices.Contains(pureStd, path):
			c.add(imp, "imports %s: not on the allow-list of the core", path)
		}
	}
}

func (c *purity) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		c.add(n, "starts a goroutine: one owner calls, nothing runs beside it")
	case *ast.SelectStmt:
		c.add(n, "selects: what happens first must not be chance")
	case *ast.ChanType:
		c.add(n, "uses a channel: inputs and outputs are values")
	case *ast.SendStmt:
		c.add(n, "sends on a channel: return it in the output")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			c.add(n, "receives from a channel: let it come in as an input")
		}
	case *ast.Ident:
		c.use(n)
	case *ast.CallExpr:
		c.call(n)
	case *ast.RangeStmt:
		if t := c.info.TypeOf(n.X); c.strict && t != nil && isMap(t) && !c.excused(n) {
			c.add(n, "ranges over a map: walk slices.Sorted(maps.Keys(…)), or say `// order: …` why it does not matter")
		}
	}
}

// use looks at every name that is used, called or not: a clock handed on as a function value is a clock too.
func (c *purity) use(id *ast.Ident) {
	switch obj := c.info.Uses[id].(type) {
	case *types.Builtin:
		if obj.Name() == "print" || obj.Name() == "println" {
			c.add(id, "uses %s: return it; a shell prints", obj.Name())
		}
	case *types.Func:
		if obj.Pkg() == nil || obj.Signature().Recv() != nil {
			return
		}
		name := obj.Pkg().Path() + "." + obj.Name()
		if why, bad := bannedFuncs[name]; bad {
			c.add(id, "uses %s: %s", name, why)
		}
	}
}

// call sees to the iterators over maps: as unsorted as the maps themselves, unless the call around them sorts.
func (c *purity) call(call *ast.CallExpr) {
	if !c.strict {
		return
	}
	switch c.callee(call) {
	case "slices.Sorted", "slices.SortedFunc", "slices.SortedStableFunc", "maps.Collect", "maps.Insert":
		for _, arg := range call.Args {
			if inner, ok := ast.Unparen(arg).(*ast.CallExpr); ok {
				c.sorted[inner] = true
			}
		}
	case "maps.Keys", "maps.Values", "maps.All":
		if !c.sorted[call] && !c.excused(call) {
			c.add(call, "walks a map by %s: put slices.Sorted around it, or say `// order: …` why it does not matter", c.callee(call))
		}
	}
}

// callee is the full name of the package function that is called, or nothing.
func (c *purity) callee(call *ast.CallExpr) string {
	fun := ast.Unparen(call.Fun)
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X // an explicit type argument
	}
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if f, ok := c.info.Uses[sel.Sel].(*types.Func); ok && f.Pkg() != nil && f.Signature().Recv() == nil {
		return f.Pkg().Path() + "." + f.Name()
	}
	return ""
}

// isMap also sees the map behind a name, and behind a type parameter that only maps satisfy.
func isMap(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Map:
		return true
	case *types.Interface:
		if _, generic := types.Unalias(t).(*types.TypeParam); !generic {
			return false
		}
		for e := range u.EmbeddedTypes() {
			if union, ok := e.(*types.Union); ok && union.Len() == 1 {
				e = union.Term(0).Type()
			}
			if isMap(e) {
				return true
			}
		}
	}
	return false
}

// checkPure type-checks the packages against the compiled form of what they import and walks their files.
// Test files are not looked at: a test may use whatever it likes.
func checkPure(t testing.TB, dir string, strict bool, pkgs []pkg) []finding {
	t.Helper()
	exports := map[string]string{}
	for _, p := range pkgs {
		exports[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	compiled := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var found []finding
	for _, p := range pkgs {
		if p.DepOnly || len(p.GoFiles) == 0 {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatalf("parsing %s: %v", name, err)
			}
			files = append(files, f)
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
		if _, err := (&types.Config{Importer: compiled}).Check(p.ImportPath, fset, files, info); err != nil {
			t.Fatalf("checking the types of %s: %v", p.ImportPath, err)
		}
		c := &purity{dir: dir, fset: fset, info: info, strict: strict,
			reason: map[string]map[int]bool{}, sorted: map[*ast.CallExpr]bool{}}
		for _, f := range files {
			c.file(f)
		}
		found = append(found, c.found...)
	}
	return found
}

// existing turns directories of ours into patterns, leaving out those that have no Go file yet.
func existing(t testing.TB, dir string, names []string) []string {
	t.Helper()
	var patterns []string
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil && len(sources(t, filepath.Join(dir, name))) > 0 {
			patterns = append(patterns, "./"+name+"/...")
		}
	}
	return patterns
}

func TestCoreIsPure(t *testing.T) {
	dir := root(t)
	for _, set := range []struct {
		name   string
		strict bool
		dirs   []string
	}{{"core", true, core}, {"what processes know of each other", true, together}, {"words and their translator", false, slices.Concat(words, translate)}} {
		t.Run(set.name, func(t *testing.T) {
			patterns := existing(t, dir, set.dirs)
			if len(patterns) == 0 {
				t.Fatalf("none of %v exists", set.dirs)
			}
			args := append([]string{"-export", "-deps"}, patterns...)
			report(t, checkPure(t, dir, set.strict, goList(t, dir, args...)))
		})
	}
}

func TestPurityCheckerSeesEachImpurity(t *testing.T) {
	const dir = "testdata/pure"
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	pkgs := goList(t, dir, "-export", "-deps", "./...")
	t.Run("in the core", func(t *testing.T) {
		expect(t, checkPure(t, abs, true, pkgs),
			"bad/bad.go:6: imports log/slog: not on the allow-list",
			"bad/bad.go:8: imports math/rand/v2: not on the allow-list",
			"bad/bad.go:9: imports sync: not on the allow-list",
			"bad/bad.go:14: uses time.Now",
			"bad/bad.go:18: receives from a channel",
			"bad/bad.go:18: uses time.After",
			"bad/bad.go:23: uses a channel",
			"bad/bad.go:24: starts a goroutine",
			"bad/bad.go:24: sends on a channel",
			"bad/bad.go:25: selects",
			"bad/bad.go:26: receives from a channel",
			"bad/bad.go:28: uses println",
			"bad/bad.go:29: uses fmt.Println",
			"bad/bad.go:35: ranges over a map",
			"bad/bad.go:38: walks a map by maps.Keys",
			"bad/bad.go:42: ranges over a map",
			"bad/bad.go:50: ranges over a map",
			"bad/bad.go:57: ranges over a map",
		)
	})
	t.Run("in the words, where order and the allow-list are not asked for", func(t *testing.T) {
		found := checkPure(t, abs, false, pkgs)
		if len(found) != 13 {
			t.Errorf("%d findings, want those of the core without the five about maps: %v", len(found), found)
		}
	})
}
