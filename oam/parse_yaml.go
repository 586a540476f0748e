package oam

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// limits stops the parser itself, before a deep source costs anything.
type limits struct{}

var errDepth = fmt.Errorf("nested deeper than %d levels", MaxDepth)

// CheckDepth is called by the parser at each deeper level.
func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > MaxDepth {
		return errDepth
	}
	return nil
}

// CheckAlias allows everything: aliases are counted where they are expanded.
func (limits) CheckAlias(int, int) error { return nil }

// parseYAML reads one document into nodes, or with last the last one of several.
// An empty source is an empty map.
func parseYAML(src []byte, ds *sink, last bool) *node {
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithPlugin(limits{}))
	if err != nil {
		ds.fail(place{1, 1, 1}, "", "reading YAML: "+err.Error())
		return nil
	}
	var doc, second yaml.Node
	if err := loader.Load(&doc); err != nil {
		if errors.Is(err, io.EOF) || bytes.IndexFunc(src, func(r rune) bool { return r > ' ' }) < 0 {
			return &node{kind: mapKind, line: 1, col: 1, size: 1}
		}
		ds.yamlError(err)
		return nil
	}
	for {
		err := loader.Load(&second)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			ds.yamlError(err)
			return nil
		}
		if !last {
			ds.fail(place{second.Line, second.Column, 1}, "", "more than one document: a manifest is one")
			return nil
		}
		doc, second = second, yaml.Node{}
	}
	b := yamlBuilder{ds: ds, done: map[*yaml.Node]*node{}, open: map[*yaml.Node]bool{}}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return &node{kind: mapKind, line: 1, col: 1, size: 1}
	}
	n := b.build(doc.Content[0])
	if b.failed {
		return nil
	}
	if n.kind == nullKind {
		return &node{kind: mapKind, line: n.line, col: n.col, size: 1}
	}
	return n
}

// yamlError turns the parser's error into a diagnostic.
func (ds *sink) yamlError(err error) {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		ds.fail(place{1, 1, 1}, "", "reading YAML: "+err.Error())
		return
	}
	at := le.Mark
	if at.Line == 0 {
		at = le.ContextMark
	}
	message := le.Message
	if errors.Is(err, errDepth) || strings.Contains(message, errDepth.Error()) {
		message = errDepth.Error()
	} else if le.ContextMsg != "" {
		message += " " + le.ContextMsg
		if le.ContextMark.Line > 0 && le.ContextMark.Line != at.Line {
			message += " that starts on line " + strconv.Itoa(le.ContextMark.Line)
		}
	}
	ds.fail(place{max(at.Line, 1), max(at.Column, 1), 1}, "", "reading YAML: "+message)
}

// yamlBuilder turns the parser's nodes into ours, expanding aliases by sharing.
type yamlBuilder struct {
	ds       *sink
	done     map[*yaml.Node]*node
	open     map[*yaml.Node]bool // being built: an alias to one is a cycle
	expanded int
	failed   bool
}

func (b *yamlBuilder) build(y *yaml.Node) *node {
	if b.failed {
		return &node{}
	}
	if y.Kind == yaml.AliasNode {
		return b.alias(y)
	}
	n := &node{line: y.Line, col: y.Column, size: 1}
	if y.Anchor != "" {
		b.open[y] = true
		defer func() { delete(b.open, y); b.done[y] = n }()
	}
	switch y.Kind {
	case yaml.ScalarNode:
		b.scalar(y, n)
	case yaml.SequenceNode:
		n.kind = listKind
		for _, c := range y.Content {
			n.add(nil, b.build(c))
		}
	case yaml.MappingNode:
		n.kind = mapKind
		for i := 0; i+1 < len(y.Content); i += 2 {
			k := b.build(y.Content[i])
			if y.Content[i].Tag == "!!merge" {
				b.ds.fail(k.place(), "", "merge keys (<<) are not supported: write the fields out")
				continue
			}
			if k.kind >= listKind {
				b.ds.fail(k.place(), "", "a key must be text, not a "+k.describe())
			}
			n.add(&node{kind: textKind, text: k.text, line: k.line, col: k.col, width: k.width, size: 1}, b.build(y.Content[i+1]))
		}
	}
	if y.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(y.Tag, "!!") {
		b.ds.fail(n.place(), "", "tag "+clip(y.Tag, 40)+" is not supported")
	}
	return n
}

func (n *node) add(key, val *node) {
	if key != nil {
		n.keys = append(n.keys, key)
	}
	n.vals = append(n.vals, val)
	n.size += val.size
}

func (b *yamlBuilder) alias(y *yaml.Node) *node {
	at := place{y.Line, y.Column, utf8.RuneCountInString(y.Value) + 1}
	target := y.Alias
	if target == nil || b.open[target] {
		b.ds.fail(at, "", "alias *"+clip(y.Value, 40)+" contains itself")
		b.failed = true
		return &node{}
	}
	n := b.done[target]
	if n == nil {
		n = b.build(target)
	}
	b.expanded += n.size
	if b.expanded > MaxExpanded {
		b.ds.fail(at, "", fmt.Sprintf("aliases expand to more than %d values", MaxExpanded))
		b.failed = true
	}
	return n
}

func (b *yamlBuilder) scalar(y *yaml.Node, n *node) {
	n.text, n.kind = y.Value, textKind
	n.width = utf8.RuneCountInString(y.Value)
	quoted := y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
	block := y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	switch {
	case quoted:
		n.width += 2
	case block:
		n.width = 1
	}
	if y.Style&yaml.TaggedStyle != 0 {
		switch y.Tag {
		case "!!str":
		case "!!int", "!!float", "!!bool", "!!null":
			n.kind = plainKind(y.Value)
		default:
			if strings.HasPrefix(y.Tag, "!!") {
				b.ds.fail(n.place(), "", "tag "+clip(y.Tag, 40)+" is not supported")
			}
		}
		return
	}
	if !quoted && !block {
		n.kind = plainKind(y.Value)
	}
}

// plainKind types a plain scalar by the core schema of YAML 1.2: yes, on and
// 0123 are text, unlike in YAML 1.1.
func plainKind(s string) kind {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nullKind
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return boolKind
	}
	unsigned := strings.TrimLeft(s[:1], "+-") + s[1:]
	switch strings.ToLower(unsigned) {
	case ".inf":
		return floatKind
	case ".nan":
		if s == unsigned {
			return floatKind
		}
		return textKind
	}
	if len(unsigned) > 2 && unsigned[0] == '0' && strings.ContainsRune("xob", rune(unsigned[1])) {
		base := map[byte]int{'x': 16, 'o': 8, 'b': 2}[unsigned[1]]
		if _, err := strconv.ParseUint(unsigned[2:], base, 64); err == nil {
			return intKind
		}
		return textKind
	}
	return numberKind(unsigned)
}

// numberKind tells integers and floats in decimal notation from text. A
// leading zero before another digit makes it text: 0123 is more often a code
// than a number.
func numberKind(s string) kind {
	digits, rest := span(s)
	k := intKind
	if strings.HasPrefix(rest, ".") {
		var frac string
		frac, rest = span(rest[1:])
		if digits+frac == "" {
			return textKind
		}
		k = floatKind
	} else if digits == "" {
		return textKind
	}
	if len(digits) > 1 && digits[0] == '0' {
		return textKind
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		var exp string
		exp, rest = span(strings.TrimLeft(rest[1:min(2, len(rest))], "+-") + rest[min(2, len(rest)):])
		if exp == "" {
			return textKind
		}
		k = floatKind
	}
	if rest != "" {
		return textKind
	}
	return k
}

func span(s string) (digits, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}
