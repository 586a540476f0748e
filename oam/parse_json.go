package oam

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// parseJSON reads one JSON value into nodes. It exists beside the YAML parser
// because JSON is not quite a subset of YAML: surrogate escapes and keys longer
// than 1,024 characters are no YAML.
func parseJSON(src []byte, ds *sink) *node {
	p := jsonParser{s: string(src), line: 1, ds: ds}
	p.s = strings.TrimPrefix(p.s, "\ufeff")
	n := p.value(0)
	if n != nil {
		p.space()
		if p.i < len(p.s) {
			return p.fail("trailing characters")
		}
	}
	return n
}

type jsonParser struct {
	s         string
	i         int // bytes read
	line      int
	lineStart int // where the line begins
	ds        *sink

	// The last column asked for: a source of one long line is counted once, not
	// again for each value.
	seenAt, seenRunes int
}

func (p *jsonParser) col(i int) int {
	if p.seenAt < p.lineStart || p.seenAt > i {
		p.seenAt, p.seenRunes = p.lineStart, 0
	}
	p.seenRunes += utf8.RuneCountInString(p.s[p.seenAt:i])
	p.seenAt = i
	return p.seenRunes + 1
}

func (p *jsonParser) fail(message string) *node {
	p.ds.fail(place{p.line, p.col(min(p.i, len(p.s))), 1}, "", message)
	return nil
}

func (p *jsonParser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case '\n':
			p.line++
			p.lineStart = p.i + 1
		case '\r':
			if p.i+1 >= len(p.s) || p.s[p.i+1] != '\n' {
				p.line++
				p.lineStart = p.i + 1
			}
		case ' ', '\t':
		default:
			return
		}
		p.i++
	}
}

func (p *jsonParser) value(depth int) *node {
	p.space()
	if p.i >= len(p.s) {
		return p.fail("EOF while parsing a value")
	}
	if depth > MaxDepth {
		return p.fail(errDepth.Error())
	}
	n := &node{line: p.line, col: p.col(p.i), size: 1}
	start := p.i
	switch c := p.s[p.i]; {
	case c == '{':
		return p.object(n, depth)
	case c == '[':
		return p.array(n, depth)
	case c == '"':
		text, ok := p.str()
		if !ok {
			return nil
		}
		n.kind, n.text = textKind, text
	case c == '-' || c >= '0' && c <= '9':
		if !p.number(n) {
			return p.fail("invalid number")
		}
	default:
		if !p.constant(n) {
			return p.fail("expected value")
		}
	}
	n.width = utf8.RuneCountInString(p.s[start:p.i])
	return n
}

// number reads a number; when there is none, p.i stays.
func (p *jsonParser) number(n *node) bool {
	end := p.i
	for end < len(p.s) && strings.IndexByte("+-.eE0123456789", p.s[end]) >= 0 {
		end++
	}
	n.text = p.s[p.i:end]
	n.kind = numberKind(strings.TrimPrefix(n.text, "-"))
	if n.kind == textKind || !validNumber(n.text) {
		return false
	}
	p.i = end
	return true
}

// constant reads true, false or null.
func (p *jsonParser) constant(n *node) bool {
	rest := p.s[p.i:]
	switch {
	case strings.HasPrefix(rest, "true"):
		n.kind, n.text = boolKind, "true"
	case strings.HasPrefix(rest, "false"):
		n.kind, n.text = boolKind, "false"
	case strings.HasPrefix(rest, "null"):
		n.kind, n.text = nullKind, "null"
	default:
		return false
	}
	p.i += len(n.text)
	return true
}

// validNumber tells whether a text that numberKind takes is a JSON number too.
func validNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits, rest := span(s)
	if digits == "" {
		return false
	}
	if strings.HasPrefix(rest, ".") {
		frac, _ := span(rest[1:])
		return frac != ""
	}
	return true
}

func (p *jsonParser) object(n *node, depth int) *node {
	n.kind = mapKind
	p.i++
	for first := true; ; first = false {
		p.space()
		if p.i >= len(p.s) {
			return p.fail("EOF while parsing an object")
		}
		if p.s[p.i] == '}' && first {
			p.i++
			return n
		}
		if p.s[p.i] != '"' {
			if p.s[p.i] == '}' {
				return p.fail("trailing comma")
			}
			return p.fail("key must be a string")
		}
		key := &node{kind: textKind, line: p.line, col: p.col(p.i), size: 1}
		start := p.i
		text, ok := p.str()
		if !ok {
			return nil
		}
		key.text, key.width = text, utf8.RuneCountInString(p.s[start:p.i])
		p.space()
		if p.i >= len(p.s) {
			return p.fail("EOF while parsing an object")
		}
		if p.s[p.i] != ':' {
			return p.fail("expected `:`")
		}
		p.i++
		v := p.value(depth + 1)
		if v == nil {
			return nil
		}
		n.add(key, v)
		if end, ok := p.next('}', "an object"); !ok {
			return nil
		} else if end {
			return n
		}
	}
}

func (p *jsonParser) array(n *node, depth int) *node {
	n.kind = listKind
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		return n
	}
	for {
		v := p.value(depth + 1)
		if v == nil {
			return nil
		}
		n.add(nil, v)
		if end, ok := p.next(']', "a list"); !ok {
			return nil
		} else if end {
			return n
		}
	}
}

// next reads the comma or the closing bracket after an element.
func (p *jsonParser) next(closing byte, what string) (end, ok bool) {
	p.space()
	switch {
	case p.i >= len(p.s):
		p.fail("EOF while parsing " + what)
		return false, false
	case p.s[p.i] == closing:
		p.i++
		return true, true
	case p.s[p.i] == ',':
		p.i++
		return false, true
	}
	p.fail(fmt.Sprintf("expected `,` or `%c`", closing))
	return false, false
}

// str reads a string literal; p.i stands on its opening quote.
func (p *jsonParser) str() (string, bool) {
	var b strings.Builder
	for p.i++; p.i < len(p.s); {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return b.String(), true
		case c == '\\':
			if !p.escape(&b) {
				return "", false
			}
		case c < ' ':
			p.fail("control character found while parsing a string")
			return "", false
		default:
			b.WriteByte(c)
			p.i++
		}
	}
	p.fail("EOF while parsing a string")
	return "", false
}

func (p *jsonParser) escape(b *strings.Builder) bool {
	if p.i+1 >= len(p.s) {
		p.fail("EOF while parsing a string")
		return false
	}
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if k := strings.IndexByte(from, p.s[p.i+1]); k >= 0 {
		b.WriteByte(to[k])
		p.i += 2
		return true
	}
	r, ok := p.hex(p.i)
	if !ok {
		p.fail("invalid escape")
		return false
	}
	p.i += 6
	if utf16.IsSurrogate(r) {
		low, ok := p.hex(p.i)
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			p.i -= 6
			p.fail("lone surrogate in hex escape")
			return false
		}
		p.i += 6
	}
	b.WriteRune(r)
	return true
}

// hex reads the escape \uXXXX at a place.
func (p *jsonParser) hex(at int) (rune, bool) {
	if at+6 > len(p.s) || p.s[at] != '\\' || p.s[at+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(p.s[at+2:at+6], 16, 32)
	return rune(v), err == nil && !strings.ContainsAny(p.s[at+2:at+6], "+-_")
}
