package oam

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a source may be at most.
const (
	MaxSource   = 1 << 20 // bytes
	MaxDepth    = 64      // levels
	MaxExpanded = 10_000  // values that aliases stand for, all together
	// maxDiagnostics bounds what one manifest can make us say on each level.
	maxDiagnostics = 100
)

// Format says how the source is read.
type Format int

const (
	// FormatAuto is a request without a content type: YAML, else JSON.
	FormatAuto Format = iota
	// FormatYAML is YAML only.
	FormatYAML
	// FormatJSON is JSON only, and a number is never text.
	FormatJSON
)

// Document is a decoded manifest with the place of every value. The zero
// Document with a Manifest is one without a source: its diagnostics have a path
// but no line.
type Document struct {
	Manifest *Manifest

	root *node
	// grammar03: read by the grammar of wadm 0.3.0.
	grammar03 bool
	// shape says, by the path of a trait, why its properties are not what its
	// type needs.
	shape map[string]Diagnostics
	// broken holds the paths of values that could not be decoded, so that
	// Validate does not complain about what is only missing because of them.
	broken []string
}

// Decode reads a manifest, YAML and JSON through one path. It reports every
// error it finds, not only the first, and never panics; the document is nil
// only when nothing could be decoded.
//
// Scalars where text is wanted: outside components (name, annotations, labels,
// policies) YAML numbers, booleans and null count by their source text, as with
// wadm 0.21.1; inside components, and everywhere in FormatJSON, they are errors
// that say to quote them.
//
// Refused: more than MaxSource bytes, invalid UTF-8, control characters,
// nesting deeper than MaxDepth, aliases that stand for more than MaxExpanded
// values, merge keys, duplicate keys, a second document.
func Decode(src []byte, format Format) (*Document, Diagnostics) {
	ds := &sink{}
	root, typed := parse(src, format, ds)
	if root == nil {
		return nil, ds.list
	}
	inspect(root, ds, map[*node]bool{}, true)
	if root.kind != mapKind {
		ds.fail(root.place(), "", "invalid type: "+root.describe()+", expected a manifest")
		return nil, ds.list
	}
	d := &decoder{sink: ds, root: root, typed: typed, doc: &Document{root: root, shape: map[string]Diagnostics{}}}
	d.doc.Manifest = d.manifest(root)
	d.doc.broken = ds.broken
	return d.doc, ds.list
}

// Check decodes and validates: everything that is wrong at once.
func Check(src []byte, format Format) (*Document, Diagnostics) {
	d, ds := Decode(src, format)
	if d != nil {
		ds = append(ds, Validate(d)...)
	}
	return d, ds
}

// Position is the place of a value by its path, such as
// "spec.components[0].properties.image" or `metadata.annotations["a.b/c"]`. A
// path that the source lacks gives the place of the deepest value that is
// there; 0, 0 means there is no source.
func (d *Document) Position(path string) (line, col int) {
	p := d.place(path)
	return p.line, p.col
}

func (d *Document) place(path string) place {
	if d.root == nil {
		return place{}
	}
	return find(d.root, path).place()
}

// isBroken tells whether the value at the path, one above it, or one below it
// could not be decoded.
func (d *Document) isBroken(path string) bool {
	for _, b := range d.broken {
		if within(b, path) || within(path, b) {
			return true
		}
	}
	return false
}

// within tells whether a path leads through another one.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// parse gives the nodes, and whether scalars are typed everywhere.
func parse(src []byte, format Format, ds *sink) (*node, bool) {
	if len(src) > MaxSource {
		ds.fail(place{1, 1, 1}, "", fmt.Sprintf("the manifest has %d bytes, %d is the most", len(src), MaxSource))
		return nil, false
	}
	if !checkCharacters(src, ds) {
		return nil, false
	}
	switch format {
	case FormatJSON:
		return parseJSON(src, ds), true
	case FormatYAML:
		return parseYAML(src, ds, false), false
	}
	n := parseYAML(src, ds, false)
	body := bytes.TrimLeft(src, " \t\r\n")
	if n != nil || len(body) == 0 || body[0] != '{' {
		return n, false
	}
	asJSON := &sink{}
	if n = parseJSON(src, asJSON); n != nil {
		ds.list = nil
		return n, true
	}
	if bytes.HasPrefix(bytes.TrimLeft(body[1:], " \t\r\n"), []byte{'"'}) {
		ds.list = asJSON.list // it is meant as JSON: its error says more
	}
	return nil, false
}

// checkCharacters refuses what is no text, with its place.
func checkCharacters(src []byte, ds *sink) bool {
	line, col := 1, 1
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			ds.fail(place{line, col, 1}, "", fmt.Sprintf("invalid UTF-8: byte 0x%02x", src[i]))
			return false
		case isControl(r) && r != '\n' && r != '\r' && r != '\t':
			ds.fail(place{line, col, 1}, "", fmt.Sprintf("control character U+%04X", r))
			return false
		}
		i += n
		col++
		if r == '\n' || r == '\r' && (i >= len(src) || src[i] != '\n') || r == '\u2028' || r == '\u2029' {
			line, col = line+1, 1
		}
	}
	return true
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }

// inspect finds what is wrong with a value wherever it stands: duplicate keys,
// where a key may stand once only, and control characters that came in by an
// escape.
func inspect(n *node, ds *sink, seen map[*node]bool, once bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if n.kind == textKind {
		inspectText(n, ds)
	}
	first := make(map[string]*node, len(n.keys))
	for _, k := range n.keys {
		if before := first[k.text]; before != nil && once {
			ds.fail(k.place(), "", fmt.Sprintf("duplicate key %q: it is already on line %d", clip(k.text, 40), before.line))
			continue
		}
		first[k.text] = k
		inspectText(k, ds)
	}
	for _, v := range n.vals {
		inspect(v, ds, seen, once)
	}
}

func inspectText(n *node, ds *sink) {
	for _, r := range n.text {
		if isControl(r) && r != '\n' && r != '\r' && r != '\t' {
			ds.fail(n.place(), "", fmt.Sprintf("control character U+%04X in a string", r))
			return
		}
	}
}

// sink collects diagnostics, up to a bound for each level: warnings must neither hide errors nor become one.
type sink struct {
	list   Diagnostics
	added  map[Level]int // also those that were swallowed
	broken []string
}

// add appends one; full sinks swallow it and say so once.
func (ds *sink) add(d Diagnostic) {
	if ds.added == nil {
		ds.added = map[Level]int{}
	}
	ds.added[d.Level]++
	switch n := ds.added[d.Level]; {
	case n <= maxDiagnostics:
		ds.list = append(ds.list, d)
	case n == maxDiagnostics+1:
		message := "too much is wrong: the rest is not shown"
		if d.Level == Warning {
			message = "more warnings than can be shown"
		}
		ds.list = append(ds.list, Diagnostic{Level: d.Level, Message: message, Path: d.Path, Line: d.Line, Col: d.Col, Width: 1})
	}
}

func (ds *sink) full(level Level) bool { return ds.added[level] > maxDiagnostics }

// fail reports an error at a place and remembers the path as broken.
func (ds *sink) fail(at place, path, message string) {
	ds.add(at.diagnostic(Error, path, message))
	if path != "" && len(ds.broken) <= maxDiagnostics {
		ds.broken = append(ds.broken, path)
	}
}

func (p place) diagnostic(level Level, path, message string) Diagnostic {
	return Diagnostic{Level: level, Message: message, Path: path, Line: p.line, Col: p.col, Width: p.width}
}
