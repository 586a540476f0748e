package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/wadm-go/wadm/oam"
)

const fileScheme = "file://"

// edit replaces the bytes from start to end.
type edit struct {
	start, end int
	text       string
}

// absolutePaths rewrites each string value that is a file:// reference relative to the manifest into an absolute one, as wash does: hosts do
// not know where the manifest lay. Everything else keeps its bytes, so that the positions in error messages hold. Errors: the file is not
// there, or the value is written in a way that cannot be replaced in place. Source that is no YAML or JSON is returned as it is.
func absolutePaths(src []byte, format oam.Format, dir string) ([]byte, error) {
	if !bytes.Contains(src, []byte(fileScheme)) || len(src) > oam.MaxSource {
		return src, nil
	}
	var edits []edit
	var err error
	if format == oam.FormatJSON {
		edits, err = jsonEdits(src, dir)
	} else {
		edits, err = yamlEdits(src, dir)
	}
	if err != nil || len(edits) == 0 {
		return src, err
	}
	slices.SortFunc(edits, func(a, b edit) int { return b.start - a.start })
	out := bytes.Clone(src)
	for i, e := range edits {
		if i > 0 && e.end > edits[i-1].start {
			continue // the same value, reached twice
		}
		out = slices.Replace(out, e.start, e.end, []byte(e.text)...)
	}
	return out, nil
}

// isRelative tells whether a value is a file:// reference that wash would rewrite.
func isRelative(value string) bool {
	rest, ok := strings.CutPrefix(value, fileScheme)
	return ok && rest != "" && rest[0] != '/'
}

// resolved is the absolute form of a relative reference.
func resolved(value, dir string) (string, error) {
	path := filepath.Join(dir, strings.TrimPrefix(value, fileScheme))
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("relative file path [%s] (resolved to [%s]) does not exist", value, path)
	}
	u := url.URL{Scheme: "file", Path: path}
	return u.String(), nil
}

// jsonEdits looks at string tokens only; a key is one that a colon follows.
func jsonEdits(src []byte, dir string) ([]edit, error) {
	var edits []edit
	for i := 0; i < len(src); i++ {
		if src[i] != '"' {
			continue
		}
		end := i + 1
		for end < len(src) && src[end] != '"' {
			if src[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(src) {
			return edits, nil // broken: the parser will say so
		}
		var value string
		isKey := bytes.HasPrefix(bytes.TrimLeft(src[end+1:], " \t\r\n"), []byte(":"))
		if json.Unmarshal(src[i:end+1], &value) == nil && isRelative(value) && !isKey {
			text, err := resolved(value, dir)
			if err != nil {
				return nil, err
			}
			quoted, err := json.Marshal(text)
			if err != nil {
				return nil, fmt.Errorf("rewriting %q: %w", value, err)
			}
			edits = append(edits, edit{i, end + 1, string(quoted)})
		}
		i = end
	}
	return edits, nil
}

// yamlEdits finds the scalars by the YAML parser and replaces them where they stand.
func yamlEdits(src []byte, dir string) ([]edit, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(src, &root); err != nil {
		return nil, nil //nolint:nilerr // the manifest's own parser says what is wrong, with the place
	}
	starts := lineStarts(src)
	var edits []edit
	seen := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node) error
	walk = func(n *yaml.Node) error {
		if n == nil || seen[n] {
			return nil
		}
		seen[n] = true
		if n.Kind == yaml.ScalarNode && isRelative(n.Value) {
			e, err := yamlEdit(src, starts, n, dir)
			if err != nil {
				return err
			}
			edits = append(edits, e)
		}
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				continue // a key
			}
			if err := walk(child); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(&root); err != nil {
		return nil, err
	}
	return edits, nil
}

func yamlEdit(src []byte, starts []int, n *yaml.Node, dir string) (edit, error) {
	text, err := resolved(n.Value, dir)
	if err != nil {
		return edit{}, err
	}
	at := offset(src, starts, n.Line, n.Column)
	if at < len(src) && (src[at] == '\'' || src[at] == '"') {
		at++
	}
	if at > len(src) || !bytes.HasPrefix(src[at:], []byte(n.Value)) {
		return edit{}, fmt.Errorf("line %d: write the reference %s on one line, without escapes, tags or anchors", n.Line, n.Value)
	}
	// The URL form escapes what YAML would take for something else: blanks, #, quotes.
	return edit{at, at + len(n.Value), text}, nil
}

func lineStarts(src []byte) []int {
	starts := []int{0}
	for i, c := range src {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// offset is the byte at a line and a column of characters, both from 1; the length of src if there is no such place.
func offset(src []byte, starts []int, line, col int) int {
	if line < 1 || line > len(starts) {
		return len(src)
	}
	at := starts[line-1]
	for range col - 1 {
		if at >= len(src) {
			break
		}
		at++
		for at < len(src) && src[at]&0xC0 == 0x80 { // inside a character
			at++
		}
	}
	return at
}
