package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds the file, in bytes. A thousand lattices need a tenth of it.
const maxFile = 4 << 20

// entry is one key of a file with its value, which is a list where several are allowed.
type entry struct {
	key   string
	texts []string
	list  bool
	place string
	value string // place of the value
}

// file is what was read of one.
type file struct {
	name     string
	entries  []entry
	lattices map[string][]entry
	faults   []string
}

// latticesKey holds the settings of single lattices.
const latticesKey = "lattices"

// readFile reads a file of settings. What it says wrong is in faults, all of it; an error means that it could not be read at all.
func readFile(name string) (*file, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	body, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	if len(body) > maxFile {
		return nil, fmt.Errorf("reading the settings: %s is larger than %d bytes", name, maxFile)
	}
	return parse(name, body), nil
}

// shallow stops the parser before a deep source costs anything: settings are four levels deep.
type shallow struct{}

// CheckDepth is called by the parser at each deeper level.
func (shallow) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > 16 {
		return errors.New("nested deeper than any setting is")
	}
	return nil
}

// CheckAlias refuses none: each alias is a fault by itself.
func (shallow) CheckAlias(int, int) error { return nil }

// parse reads the text of a file.
func parse(name string, body []byte) *file {
	f := &file{name: name, lattices: map[string][]entry{}}
	loader, err := yaml.NewLoader(bytes.NewReader(body), yaml.WithPlugin(shallow{}))
	if err != nil {
		f.faults = append(f.faults, fmt.Sprintf("%s: %v", name, err))
		return f
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return f // empty
	case err != nil:
		f.broken(err)
		return f
	}
	switch err := loader.Load(&second); {
	case err == nil:
		f.fault(&second, "a second document: there is one")
		return f
	case !errors.Is(err, io.EOF):
		f.broken(err)
		return f
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return f
	}
	f.entries = f.mapping(doc.Content[0], "the file", func(key, value *yaml.Node) bool {
		if key.Value != latticesKey {
			return false
		}
		f.readLattices(value)
		return true
	})
	return f
}

func (f *file) broken(err error) {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		f.faults = append(f.faults, fmt.Sprintf("%s: %v", f.name, err))
		return
	}
	at := le.Mark
	if at.Line == 0 {
		at = le.ContextMark
	}
	f.faults = append(f.faults, fmt.Sprintf("%s:%d:%d: reading YAML: %s", f.name, max(at.Line, 1), max(at.Column, 1), le.Message))
}

func (f *file) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", f.name, n.Line, n.Column) }

func (f *file) fault(n *yaml.Node, format string, args ...any) {
	f.faults = append(f.faults, f.at(n)+": "+fmt.Sprintf(format, args...))
}

// mapping reads keys and their values. own takes what is more than a value.
func (f *file) mapping(n *yaml.Node, what string, own func(key, value *yaml.Node) bool) []entry {
	if n.Kind != yaml.MappingNode {
		f.fault(n, "%s must be keys with values", what)
		return nil
	}
	var all []entry
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			f.fault(key, "a key must be the name of a setting")
			continue
		}
		if first, twice := seen[key.Value]; twice {
			f.fault(key, "`%s` stands here again, first in line %d", key.Value, first)
			continue
		}
		seen[key.Value] = key.Line
		if own != nil && own(key, value) {
			continue
		}
		if e, ok := f.entry(key, value); ok {
			all = append(all, e)
		}
	}
	return all
}

func (f *file) entry(key, value *yaml.Node) (entry, bool) {
	e := entry{key: key.Value, place: f.at(key), value: f.at(value)}
	parts := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		e.list, parts = true, value.Content
	}
	for _, n := range parts {
		switch {
		case n.Kind == yaml.AliasNode:
			f.fault(n, "aliases are not supported: write the value out")
			return e, false
		case n.Kind != yaml.ScalarNode:
			f.fault(n, "`%s` must be a value or a list of values", key.Value)
			return e, false
		case n.Tag == "!!null":
			f.fault(n, "`%s` has no value: give one, or leave the key out", key.Value)
			return e, false
		}
		e.texts = append(e.texts, n.Value)
	}
	return e, true
}

func (f *file) readLattices(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	f.mapping(n, "`"+latticesKey+"`", func(key, value *yaml.Node) bool {
		f.lattices[key.Value] = nil
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			return true // a lattice without settings of its own is one all the same
		}
		f.lattices[key.Value] = f.mapping(value, "lattice `"+key.Value+"`", nil)
		return true
	})
}

// unknown words a key that does not exist, with the nearest one that does.
func unknown(e entry, known []string) string {
	text := fmt.Sprintf("%s: unknown key `%s`", e.place, e.key)
	if near := nearest(e.key, known); near != "" {
		text += fmt.Sprintf(", did you mean `%s`?", near)
	}
	return text
}

// nearest is the word that takes the fewest changes, "" if even that takes many. Underscores are as good as dashes, and the end is enough.
func nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if len(word) > 2 && strings.HasSuffix(k, "-"+word) {
			return k
		}
		if d := distance(strings.ReplaceAll(strings.ToLower(word), "_", "-"), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to put, take or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
