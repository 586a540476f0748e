package oam

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is what a value is after YAML's or JSON's own typing.
type kind int

const (
	nullKind kind = iota
	boolKind
	intKind
	floatKind
	textKind
	listKind
	mapKind
)

// node is one value of the source with its place. YAML and JSON both become
// nodes; everything after that is one path. Aliased values share nodes.
type node struct {
	kind kind
	// text of a scalar: the source text of a plain one, the content of a
	// quoted one. A map's keys are text nodes.
	text string
	keys []*node
	vals []*node
	// line and col start at 1; width is the length of the source text on its
	// line, as far as it is known.
	line, col, width int
	// size counts this node and all below, aliases expanded.
	size int
}

// place is a stretch of one source line.
type place struct{ line, col, width int }

func (n *node) place() place {
	if n == nil {
		return place{}
	}
	return place{n.line, n.col, max(n.width, 1)}
}

// get is the value under a key; nil when there is none.
func (n *node) get(key string) *node {
	_, v := n.entry(key)
	return v
}

func (n *node) entry(key string) (k, v *node) {
	if n == nil || n.kind != mapKind {
		return nil, nil
	}
	for i, k := range n.keys {
		if k.text == key {
			return k, n.vals[i]
		}
	}
	return nil, nil
}

func (n *node) isNull() bool { return n == nil || n.kind == nullKind }

// describe names a value as error texts do: integer `1`, string "a", a map.
func (n *node) describe() string {
	switch n.kind {
	case boolKind:
		return "boolean `" + n.text + "`"
	case intKind:
		return "integer `" + n.text + "`"
	case floatKind:
		return "floating point `" + n.text + "`"
	case textKind:
		return "string " + strconv.Quote(clip(n.text, 40))
	case listKind:
		return "sequence"
	case mapKind:
		return "map"
	}
	return "null"
}

// clip shortens a text for a message.
func clip(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit]) + "…"
}

// field appends a key to a path, quoted where a dot or bracket would mislead.
func field(path, key string) string {
	plain := key != ""
	for _, r := range key {
		if r != '_' && r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			plain = false
		}
	}
	switch {
	case !plain:
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// under appends a path of plain keys, as in "properties.target.name".
func under(path, rest string) string { return path + "." + rest }

// item appends an index to a path.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// short is a path as messages show it.
func short(path string) string { return strings.TrimPrefix(path, "spec.") }

// in says where, for a message: " in components[0]", or nothing at the root.
func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + short(path)
}

// segments splits a path: keys as strings, indices as ints.
func segments(path string) []any {
	var out []any
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			if strings.HasPrefix(path, `["`) {
				quoted, err := strconv.QuotedPrefix(path[1:])
				if err != nil {
					return out
				}
				key, _ := strconv.Unquote(quoted)
				out = append(out, key)
				path = strings.TrimPrefix(path[1+len(quoted):], "]")
				continue
			}
			end := strings.IndexByte(path, ']')
			if end < 0 {
				return out
			}
			i, err := strconv.Atoi(path[1:end])
			if err != nil {
				return out
			}
			out = append(out, i)
			path = path[end+1:]
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			out = append(out, path[:end])
			path = path[end:]
		}
	}
	return out
}

// find walks a path as far as the source goes and gives the deepest value on
// it: a field that is missing is shown at what should have had it. Old
// spellings stand for the new: replicas, source_config, target_config, and a
// target that is only a name.
func find(root *node, path string) *node {
	segs := segments(path)
	n := root
	for i := 0; i < len(segs) && n != nil; i++ {
		next := step(n, segs, &i)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func step(n *node, segs []any, i *int) *node {
	if index, ok := segs[*i].(int); ok {
		if n.kind == listKind && index >= 0 && index < len(n.vals) {
			return n.vals[index]
		}
		return nil
	}
	key := segs[*i].(string)
	v := n.get(key)
	switch key {
	case "instances":
		if v == nil {
			return n.get("replicas")
		}
	case "source", "target":
		return oldEnd(n, key, v, segs, i)
	}
	return v
}

// oldEnd walks to one end of a link in its old spelling: its config beside it,
// and a target that is only a name.
func oldEnd(n *node, key string, v *node, segs []any, i *int) *node {
	if v != nil && (v.kind == mapKind || key == "source") {
		return v
	}
	if *i+1 < len(segs) && segs[*i+1] == "config" {
		if old := n.get(key + "_config"); old != nil {
			*i++
			return old
		}
	}
	if v != nil && v.kind == textKind {
		*i = len(segs)
	}
	return v
}
