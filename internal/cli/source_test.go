package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wadm-go/wadm/oam"
)

func write(t *testing.T, name, body string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSourceIsFoundInTheOrderOfWash(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "shop", "no extension")
	write(t, "shop.yaml", "a: 1")
	write(t, "shop.json", "{}")
	write(t, "shop.YML", "b: 2")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/m.yaml" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("c: 3"))
	}))
	defer srv.Close()
	for _, tt := range []struct {
		name, arg, stdin string
		app, body        string
		format           oam.Format
		code             int
		err              string
	}{
		{name: "a dash is standard input", arg: "-", stdin: "x: 1", body: "x: 1"},
		{name: "empty standard input is a mistake", arg: "-", stdin: " \n", code: 1, err: "standard input is empty"},
		{name: "a YAML file", arg: "shop.yaml", body: "a: 1", format: oam.FormatYAML},
		{name: "the other extension, in capitals", arg: "shop.YML", body: "b: 2", format: oam.FormatYAML},
		{name: "a JSON file", arg: "shop.json", body: "{}", format: oam.FormatJSON},
		{name: "a file named like an application wins, and its extension is wrong", arg: "shop", code: 2, err: `manifest file "shop" must end in .yaml, .yml or .json`},
		{name: "a name that is no file is an application", arg: "store", app: "store"},
		{name: "a URL", arg: srv.URL + "/m.yaml", body: "c: 3"},
		{name: "a URL that is not there", arg: srv.URL + "/n.yaml", code: 1, err: "404 Not Found"},
		{name: "another scheme", arg: "ftp://host/x.yaml", code: 2, err: "only http and https"},
		{name: "a file that is not there", arg: "nowhere.yaml", code: 1, err: `manifest file "nowhere.yaml" does not exist`},
		{name: "neither of them", arg: "a b", code: 2, err: "invalid manifest source: a b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := loadSource(t.Context(), tt.arg, strings.NewReader(tt.stdin))
			if Code(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("the error is %v (code %d), want %q (code %d)", err, Code(err), tt.err, tt.code)
			}
			if s.App != tt.app || string(s.Bytes) != tt.body || s.Format != tt.format {
				t.Errorf("loading gives %+v", s)
			}
		})
	}
}

func TestLocalPathsAreMadeAbsoluteInPlace(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "build/a.wasm"), "")
	write(t, filepath.Join(dir, "b #1.wasm"), "")
	abs := "file://" + filepath.ToSlash(dir)
	for _, tt := range []struct{ name, file, in, want, err string }{
		{"a plain scalar, and all else untouched", "m.yaml", "# c\nimage:   file://./build/a.wasm   # here\nn: 1\n", "# c\nimage:   " + abs + "/build/a.wasm   # here\nn: 1\n", ""},
		{"quotes stay", "m.yaml", `a: "file://build/a.wasm"` + "\nb: 'file://build/a.wasm'\n", `a: "` + abs + `/build/a.wasm"` + "\nb: '" + abs + "/build/a.wasm'\n", ""},
		{"two on one line behind wide letters", "m.yaml", "ü: [file://build/a.wasm, 'ä', file://build/a.wasm]\n", "ü: [" + abs + "/build/a.wasm, 'ä', " + abs + "/build/a.wasm]\n", ""},
		{"what YAML would take for a comment is escaped", "m.yaml", `a: "file://b #1.wasm"`, `a: "` + abs + `/b%20%231.wasm"`, ""},
		{"a key is no value", "m.yaml", "file://build/a.wasm: 1\n", "file://build/a.wasm: 1\n", ""},
		{"absolute ones stay", "m.yaml", "a: file:///build/a.wasm\n", "a: file:///build/a.wasm\n", ""},
		{"an alias is rewritten once", "m.yaml", "a: &x file://build/a.wasm\nb: *x\n", "", "without escapes, tags or anchors"},
		{"a block scalar cannot be replaced", "m.yaml", "a: >-\n  file://build/a.wasm\n", "", "write the reference file://build/a.wasm on one line"},
		{"a file that is not there", "m.yaml", "a: file://gone.wasm\n", "", "relative file path [file://gone.wasm] (resolved to [" + dir + "/gone.wasm]) does not exist"},
		{"JSON: values, not keys", "m.json", `{"file://build/a.wasm": "file://build/a.wasm", "x": ["a\"file://", "file:\/\/build/a.wasm"]}`,
			`{"file://build/a.wasm": "` + abs + `/build/a.wasm", "x": ["a\"file://", "` + abs + `/build/a.wasm"]}`, ""},
		{"what is no YAML is left to its parser", "m.yaml", "a: [file://build/a.wasm\n", "a: [file://build/a.wasm\n", ""},
		{"what is no JSON likewise", "m.json", `{"a": "file://build`, `{"a": "file://build`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := loadSource(t.Context(), write(t, filepath.Join(dir, tt.file), tt.in), nil)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("the error is %v, want %q", err, tt.err)
			}
			if err == nil && string(s.Bytes) != tt.want {
				t.Errorf("the bytes are\n%s\nwant\n%s", s.Bytes, tt.want)
			}
			if err == nil && string(s.Original) != tt.in {
				t.Errorf("the original is %q", s.Original)
			}
		})
	}
}

func FuzzLocalPaths(f *testing.F) {
	f.Add([]byte("a: file://x"), false)
	f.Add([]byte(`{"a":"file://x"}`), true)
	f.Add([]byte("a: &b !t file://x\n? *b"), false)
	f.Add([]byte("\"file://\\"), true)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte, asJSON bool) {
		format := oam.FormatYAML
		if asJSON {
			format = oam.FormatJSON
		}
		out, err := absolutePaths(src, format, filepath.Join(dir, "nowhere"))
		if err != nil || bytes.Equal(out, src) {
			return
		}
		// Only file://.. and its like exist there. Lines stay where they are, or errors would name other ones.
		if !bytes.Contains(out, []byte("file:///")) || bytes.Count(out, []byte("\n")) != bytes.Count(src, []byte("\n")) {
			t.Errorf("changed %q into %q", src, out)
		}
	})
}
