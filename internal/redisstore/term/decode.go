package term

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// Decode reads one whole term. The error is an *Error.
func Decode(data []byte) (any, error) {
	if len(data) > MaxSize {
		return nil, &Error{0, fmt.Sprintf("%d bytes are more than the %d that are read", len(data), MaxSize)}
	}
	d := &decoder{data: data, atoms: map[Atom]struct{}{}}
	if len(data) == 0 || data[0] != magic {
		return nil, &Error{0, "not an Erlang term: it does not begin with 131"}
	}
	d.at = 1
	v, err := d.term(0)
	if err != nil {
		return nil, err
	}
	if d.at != len(data) {
		return nil, d.errorf(d.at, "%d bytes follow the term", len(data)-d.at)
	}
	return v, nil
}

type decoder struct {
	data  []byte
	at    int
	terms int
	atoms map[Atom]struct{}
}

func (d *decoder) errorf(at int, format string, args ...any) *Error {
	return &Error{at, fmt.Sprintf(format, args...)}
}

// take hands over n bytes, which are those of data.
func (d *decoder) take(tag, n int) ([]byte, error) {
	if n < 0 || n > len(d.data)-d.at {
		return nil, d.errorf(tag, "%d bytes are announced and %d are left", n, len(d.data)-d.at)
	}
	b := d.data[d.at : d.at+n]
	d.at += n
	return b, nil
}

// size reads a length of 1, 2 or 4 bytes.
func (d *decoder) size(tag, width int) (int, error) {
	b, err := d.take(tag, width)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return n, nil
}

// sized reads a length and that many bytes.
func (d *decoder) sized(tag, width int) ([]byte, error) {
	n, err := d.size(tag, width)
	if err != nil {
		return nil, err
	}
	return d.take(tag, n)
}

func (d *decoder) term(depth int) (any, error) {
	tag := d.at
	if d.terms++; d.terms > MaxTerms {
		return nil, d.errorf(tag, "more than %d terms", MaxTerms)
	}
	if depth > MaxDepth {
		return nil, d.errorf(tag, "nested deeper than %d", MaxDepth)
	}
	kind, err := d.take(tag, 1)
	if err != nil {
		return nil, err
	}
	switch kind[0] {
	case tagSmallInt, tagInt, tagFloat:
		return d.number(tag, kind[0])
	case tagSmallBig, tagLargeBig:
		return d.large(tag, width(kind[0] == tagSmallBig, 1, 4))
	case tagAtom, tagSmallAtom, tagAtomUTF8, tagSmallUTF8:
		return d.atom(tag, kind[0])
	case tagBinary:
		b, err := d.sized(tag, 4)
		return string(b), err
	case tagNil:
		return List{}, nil
	case tagString:
		return d.bytes(tag)
	case tagList:
		return d.list(tag, depth)
	case tagSmallTuple, tagLargeTuple:
		return d.tuple(tag, width(kind[0] == tagSmallTuple, 1, 4), depth)
	case tagMap:
		return d.mapping(tag, depth)
	}
	if what, ok := refused[kind[0]]; ok {
		return nil, d.errorf(tag, "%s (tag %d) has no place here", what, kind[0])
	}
	return nil, d.errorf(tag, "the tag %d is not known", kind[0])
}

func width(small bool, narrow, wide int) int {
	if small {
		return narrow
	}
	return wide
}

// bytes is a list of small integers, which Erlang writes in short.
func (d *decoder) bytes(tag int) (any, error) {
	b, err := d.sized(tag, 2)
	if err != nil {
		return nil, err
	}
	if d.terms += len(b); d.terms > MaxTerms {
		return nil, d.errorf(tag, "more than %d terms", MaxTerms)
	}
	all := make(List, len(b))
	for i, c := range b {
		all[i] = int64(c)
	}
	return all, nil
}

func (d *decoder) tuple(tag, width, depth int) (any, error) {
	n, err := d.size(tag, width)
	if err != nil {
		return nil, err
	}
	all, err := d.elements(tag, n, depth)
	if err != nil {
		return nil, err
	}
	return Tuple(all), nil
}

func (d *decoder) number(tag int, kind byte) (any, error) {
	switch kind {
	case tagSmallInt:
		b, err := d.take(tag, 1)
		if err != nil {
			return nil, err
		}
		return int64(b[0]), nil
	case tagInt:
		b, err := d.take(tag, 4)
		if err != nil {
			return nil, err
		}
		return int64(int32(binary.BigEndian.Uint32(b))), nil
	case tagFloat:
		b, err := d.take(tag, 8)
		if err != nil {
			return nil, err
		}
		f := math.Float64frombits(binary.BigEndian.Uint64(b))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, d.errorf(tag, "a float that Erlang does not have")
		}
		return f, nil
	}
	return nil, d.errorf(tag, "the tag %d is no number", kind)
}

func (d *decoder) large(tag, width int) (any, error) {
	n, err := d.size(tag, width)
	if err != nil {
		return nil, err
	}
	if n > MaxBig {
		return nil, d.errorf(tag, "an integer of %d bytes is more than the %d that are read", n, MaxBig)
	}
	b, err := d.take(tag, n+1)
	if err != nil {
		return nil, err
	}
	if b[0] > 1 {
		return nil, d.errorf(tag, "the sign %d of an integer", b[0])
	}
	digits := slices.Clone(b[1:])
	slices.Reverse(digits)
	v := new(big.Int).SetBytes(digits)
	if b[0] == 1 {
		v.Neg(v)
	}
	if small, ok := fitsInt64(v); ok {
		return small, nil
	}
	return v, nil
}

func (d *decoder) atom(tag int, kind byte) (any, error) {
	b, err := d.sized(tag, width(kind == tagSmallAtom || kind == tagSmallUTF8, 1, 2))
	if err != nil {
		return nil, err
	}
	var name string
	if kind == tagAtom || kind == tagSmallAtom {
		name = latin1(b)
	} else if name = string(b); !utf8.Valid(b) {
		return nil, d.errorf(tag, "an atom that is not UTF-8")
	}
	if utf8.RuneCountInString(name) > 255 {
		return nil, d.errorf(tag, "an atom of more than 255 characters")
	}
	a := Atom(name)
	if d.atoms[a] = struct{}{}; len(d.atoms) > MaxAtoms {
		return nil, d.errorf(tag, "more than %d different atoms", MaxAtoms)
	}
	return a, nil
}

func latin1(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// elements reads n terms. Each takes a byte at least, so what is announced is not believed beyond what is there.
func (d *decoder) elements(tag, n, depth int) ([]any, error) {
	if n > len(d.data)-d.at {
		return nil, d.errorf(tag, "%d elements are announced and %d bytes are left", n, len(d.data)-d.at)
	}
	all := make([]any, 0, min(n, 64))
	for range n {
		v, err := d.term(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (d *decoder) list(tag, depth int) (any, error) {
	n, err := d.size(tag, 4)
	if err != nil {
		return nil, err
	}
	all, err := d.elements(tag, n, depth)
	if err != nil {
		return nil, err
	}
	end, err := d.take(tag, 1)
	if err != nil {
		return nil, err
	}
	if end[0] != tagNil {
		return nil, d.errorf(d.at-1, "an improper list")
	}
	return List(all), nil
}

func (d *decoder) mapping(tag, depth int) (any, error) {
	n, err := d.size(tag, 4)
	if err != nil {
		return nil, err
	}
	if n > (len(d.data)-d.at)/2 {
		return nil, d.errorf(tag, "%d entries are announced and %d bytes are left", n, len(d.data)-d.at)
	}
	m := make(Map, 0, min(n, 64))
	seen := make(map[string]struct{}, min(n, 64))
	for range n {
		at := d.at
		key, err := d.term(depth + 1)
		if err != nil {
			return nil, err
		}
		id, err := identity(key)
		if err != nil {
			return nil, d.errorf(at, "%v", err)
		}
		if _, twice := seen[id]; twice {
			return nil, d.errorf(at, "a map has a key twice")
		}
		seen[id] = struct{}{}
		value, err := d.term(depth + 1)
		if err != nil {
			return nil, err
		}
		m = append(m, Pair{key, value})
	}
	return m, nil
}

// identity tells keys apart; one key may be written in several ways.
func identity(key any) (string, error) {
	switch k := key.(type) {
	case Atom:
		return "a" + string(k), nil
	case string:
		return "b" + k, nil
	}
	b, err := Encode(key)
	return string(b), err
}
