package guard

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// banned is one row of docs/words.md: a word that code may not declare, outside of a few directories.
type banned struct {
	word, say string
	allowed   []string
}

// wordRules is what docs/words.md forbids. The page is the rule; the test only reads it.
type wordRules struct {
	names    []banned
	packages []string
}

func readWords(t testing.TB, file string) wordRules {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r wordRules
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
			continue
		}
		switch section {
		case "Forbidden as names in code":
			cells := strings.Split(line, "|")
			if len(cells) != 5 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[1]) == "never" {
				continue
			}
			r.names = append(r.names, banned{strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), list(cells[3])})
		case "Forbidden as names of packages":
			r.packages = append(r.packages, list(line)...)
		}
	}
	return r
}

// list cuts "a, b" into its parts.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// checkWords looks at every name that the given files of dir declare. Names that they only use are not theirs.
func checkWords(t testing.TB, dir string, files []string, rules wordRules) []finding {
	t.Helper()
	var found []finding
	for _, name := range files {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parsing %s: %v", name, err)
		}
		if slices.Contains(rules.packages, strings.TrimSuffix(f.Name.Name, "_test")) {
			found = append(found, finding{name, fmt.Sprintf("package %s says nothing; name it after what it is about", f.Name.Name)})
		}
		where := filepath.ToSlash(filepath.Dir(name))
		for _, id := range declared(f) {
			for _, b := range rules.names {
				if !under(where, b.allowed...) && slices.ContainsFunc(cut(id.Name), b.hits) {
					found = append(found, finding{at(name, fset.Position(id.Pos()).Line),
						fmt.Sprintf("declares %s: say %s, not %s (docs/words.md)", id.Name, b.say, b.word)})
				}
			}
		}
	}
	return found
}

// hits tells whether a word is the banned one or its plural.
func (b banned) hits(word string) bool {
	return word == b.word || word == b.word+"s" || (strings.HasSuffix(b.word, "y") && word == b.word[:len(b.word)-1]+"ies")
}

// declared collects the names that a file gives to its own things.
func declared(f *ast.File) []*ast.Ident {
	var ids []*ast.Ident
	exprs := func(list ...ast.Expr) {
		for _, e := range list {
			if id, ok := e.(*ast.Ident); ok {
				ids = append(ids, id)
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			ids = append(ids, n.Name)
		case *ast.TypeSpec:
			ids = append(ids, n.Name)
		case *ast.ValueSpec:
			ids = append(ids, n.Names...)
		case *ast.Field:
			ids = append(ids, n.Names...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				exprs(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				exprs(n.Key, n.Value)
			}
		}
		return true
	})
	return ids
}

// cut takes a name apart into lower-case words: HTTPNodePool2 is http, node, pool.
func cut(name string) []string {
	var words []string
	runes := []rune(name)
	start := 0
	flush := func(end int) {
		if w := strings.ToLower(strings.Trim(string(runes[start:end]), "_0123456789")); w != "" {
			words = append(words, w)
		}
		start = end
	}
	for i := 1; i < len(runes); i++ {
		low := func(j int) bool { return j < len(runes) && unicode.IsLower(runes[j]) }
		switch {
		case runes[i] == '_', unicode.IsUpper(runes[i]) && (!unicode.IsUpper(runes[i-1]) || low(i+1)):
			flush(i)
		case unicode.IsDigit(runes[i-1]) && !unicode.IsDigit(runes[i]):
			flush(i)
		}
	}
	flush(len(runes))
	return words
}

func TestWords(t *testing.T) {
	dir := root(t)
	rules := readWords(t, filepath.Join(dir, "docs/words.md"))
	if len(rules.names) < 10 || len(rules.packages) < 5 {
		t.Fatalf("read %d names and %d packages from docs/words.md: have its headings changed?", len(rules.names), len(rules.packages))
	}
	report(t, checkWords(t, dir, sources(t, dir), rules))
}

func TestWordsCheckerSeesDeclaredNames(t *testing.T) {
	rules := readWords(t, "testdata/words/words.md")
	expect(t, checkWords(t, "testdata/words", []string{"plan/bad.go", "wasmbus/good.go"}, rules),
		"plan/bad.go: package util says nothing",
		"plan/bad.go:7: declares ActorID: say component, not actor",
		"plan/bad.go:10: declares capabilities: say provider, not capability",
		"plan/bad.go:13: declares startActors: say component, not actor",
		"plan/bad.go:13: declares node: say host, not node",
		"plan/bad.go:14: declares myNode: say host, not node",
		"plan/bad.go:15: declares NODE_1: say host, not node",
		"plan/bad.go:16: declares actor: say component, not actor",
	)
}

func TestNamesAreCutIntoWords(t *testing.T) {
	for name, want := range map[string]string{
		"HTTPNodePool2": "http node pool",
		"nodeID":        "node id",
		"NODE_NAME":     "node name",
		"v2Actor":       "v actor",
		"factory":       "factory",
		"x":             "x",
		"_":             "",
	} {
		if got := strings.Join(cut(name), " "); got != want {
			t.Errorf("%s is cut into %q, want %q", name, got, want)
		}
	}
}
