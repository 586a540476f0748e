package wasmbus

import "bytes"

// scanner walks raw JSON without decoding or allocating. It is lenient inside
// nested values (only strings and brackets are understood), because a decoder
// looks at the same bytes afterwards, or has looked at equal bytes before.
type scanner struct {
	b       []byte
	i       int
	tooDeep bool
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// take skips white space and consumes c if it is next.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// str consumes a string and returns what stands between the quotes, as it is.
func (s *scanner) str() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	start := s.i
	for {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			return nil, false
		}
		end := s.i + n
		s.i = end + 1
		slashes := 0
		for end-slashes > start && s.b[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return s.b[start:end], true
		}
	}
}

// key consumes a member name and its colon.
func (s *scanner) key() ([]byte, bool) {
	name, ok := s.str()
	return name, ok && s.take(':')
}

// scalar consumes a number, true, false or null without judging it.
func (s *scanner) scalar() bool {
	start := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', '}', ']', ' ', '\t', '\r', '\n', '"', '{', '[', ':':
			return s.i > start
		}
		s.i++
	}
	return s.i > start
}

// value consumes any value that begins at the given depth (0: the message).
func (s *scanner) value(depth int) bool {
	s.space()
	if s.i >= len(s.b) {
		return false
	}
	switch s.b[s.i] {
	case '"':
		_, ok := s.str()
		return ok
	case '{', '[':
		return s.nested(depth)
	}
	return s.scalar()
}

// nested consumes an object or array by its brackets; kinds has a bit for each
// open one, set for an object.
func (s *scanner) nested(depth int) bool {
	var kinds uint64
	open := 0
	for s.i < len(s.b) {
		c := s.b[s.i]
		switch c {
		case '"':
			if _, ok := s.str(); !ok {
				return false
			}
			continue
		case '{', '[':
			if depth+open >= MaxDepth {
				s.tooDeep = true
				return false
			}
			kinds <<= 1
			if c == '{' {
				kinds |= 1
			}
			open++
		case '}', ']':
			if (kinds&1 == 1) != (c == '}') {
				return false
			}
			kinds >>= 1
			open--
			if open == 0 {
				s.i++
				return true
			}
		}
		s.i++
	}
	return false
}

// outline is what a scan of a CloudEvent finds. Strings are raw; a member that
// is missing, no string, or written with escapes is nil.
type outline struct {
	kind, source []byte // the attributes type and source
	data         []byte // the data object from brace to brace
	clear        bool   // none of the three came twice or under an escaped name
	sawData      bool
}

// scanOutline finds the outline of a CloudEvent. Not ok: not an object, or too
// deep, which tooDeep tells.
func scanOutline(msg []byte) (out outline, tooDeep, ok bool) {
	s := scanner{b: msg}
	out.clear = true
	if !s.take('{') {
		return out, false, false
	}
	for first := true; ; first = false {
		if s.take('}') {
			s.space()
			return out, false, s.i == len(msg)
		}
		if !first && !s.take(',') {
			return out, false, false
		}
		name, ok := s.key()
		if !ok {
			return out, false, false
		}
		s.space()
		start := s.i
		if !s.value(1) {
			return out, s.tooDeep, false
		}
		out.note(name, msg[start:s.i])
	}
}

// note keeps one member of the envelope.
func (o *outline) note(name, value []byte) {
	var slot *[]byte
	switch string(name) {
	case "type":
		slot = &o.kind
	case "source":
		slot = &o.source
	case "data":
		if o.sawData {
			o.clear = false
		}
		if o.sawData, o.data = true, value; value[0] != '{' {
			o.data = nil
		}
		return
	default:
		if bytes.IndexByte(name, '\\') >= 0 {
			o.clear = false
		}
		return
	}
	if *slot != nil {
		o.clear = false
	}
	*slot = unquote(value)
}

// unquote returns the content of a raw string without escapes, else nil.
func unquote(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 {
		return nil
	}
	return raw[1 : len(raw)-1]
}
