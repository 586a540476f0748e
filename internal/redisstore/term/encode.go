package term

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
)

// Encode writes a term as Erlang/OTP 25 does, the version that wadm 0.3.0 ran on: atoms in the old Latin-1 form where they fit it, which
// every later version reads too. A Go int counts as int64. The error names a value that is no term.
func Encode(v any) ([]byte, error) { return appendTerm([]byte{magic}, v, 0) }

func appendTerm(b []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("a term is nested deeper than %d", MaxDepth)
	}
	switch v := v.(type) {
	case Atom:
		return appendAtom(b, v)
	case string:
		if len(v) > MaxSize {
			return nil, fmt.Errorf("a binary of %d bytes is too long for a term", len(v))
		}
		return append(appendSize(append(b, tagBinary), len(v)), v...), nil
	case int:
		return appendInt(b, int64(v)), nil
	case int64:
		return appendInt(b, v), nil
	case *big.Int:
		return appendBig(b, v)
	case float64:
		return appendFloat(b, v)
	case List:
		return appendList(b, v, depth)
	case Tuple:
		return appendTuple(b, v, depth)
	case Map:
		return appendMap(b, v, depth)
	}
	return nil, fmt.Errorf("a %T is no term", v)
}

func appendFloat(b []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%v is no float of Erlang", f)
	}
	return binary.BigEndian.AppendUint64(append(b, tagFloat), math.Float64bits(f)), nil
}

func appendTuple(b []byte, t Tuple, depth int) ([]byte, error) {
	if len(t) < 256 {
		b = append(b, tagSmallTuple, byte(len(t)))
	} else {
		b = appendSize(append(b, tagLargeTuple), len(t))
	}
	return appendAll(b, t, depth)
}

func appendMap(b []byte, m Map, depth int) ([]byte, error) {
	b = appendSize(append(b, tagMap), len(m))
	for _, p := range m {
		var err error
		if b, err = appendAll(b, []any{p.Key, p.Value}, depth); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendSize(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

func appendAll(b []byte, all []any, depth int) ([]byte, error) {
	for _, v := range all {
		var err error
		if b, err = appendTerm(b, v, depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// appendList writes a list of small integers as Erlang does: as a string.
func appendList(b []byte, list List, depth int) ([]byte, error) {
	if len(list) == 0 {
		return append(b, tagNil), nil
	}
	if text, ok := byteList(list); ok {
		b = binary.BigEndian.AppendUint16(append(b, tagString), uint16(len(text)))
		return append(b, text...), nil
	}
	b, err := appendAll(appendSize(append(b, tagList), len(list)), list, depth)
	if err != nil {
		return nil, err
	}
	return append(b, tagNil), nil
}

func byteList(list List) ([]byte, bool) {
	if len(list) > math.MaxUint16 {
		return nil, false
	}
	text := make([]byte, len(list))
	for i, v := range list {
		n, ok := v.(int64)
		if !ok {
			var small int
			if small, ok = v.(int); ok {
				n = int64(small)
			}
		}
		if !ok || n < 0 || n > 255 {
			return nil, false
		}
		text[i] = byte(n)
	}
	return text, true
}

func appendAtom(b []byte, a Atom) ([]byte, error) {
	latin := make([]byte, 0, len(a))
	count := 0
	for _, r := range string(a) {
		if count++; r < 256 {
			latin = append(latin, byte(r))
		}
	}
	switch {
	case count > 255:
		return nil, fmt.Errorf("the atom %.20q… is longer than 255 characters", string(a))
	case len(latin) == count:
		b = binary.BigEndian.AppendUint16(append(b, tagAtom), uint16(count))
		return append(b, latin...), nil
	}
	b = binary.BigEndian.AppendUint16(append(b, tagAtomUTF8), uint16(len(a)))
	return append(b, a...), nil
}

func appendInt(b []byte, n int64) []byte {
	switch {
	case n >= 0 && n <= 255:
		return append(b, tagSmallInt, byte(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, tagInt), uint32(int32(n)))
	}
	b, _ = appendBig(b, big.NewInt(n)) // eight bytes always fit
	return b
}

func appendBig(b []byte, n *big.Int) ([]byte, error) {
	if n.IsInt64() && n.Int64() >= math.MinInt32 && n.Int64() <= math.MaxInt32 {
		return appendInt(b, n.Int64()), nil
	}
	digits := n.Bytes()
	slices.Reverse(digits)
	sign := byte(0)
	if n.Sign() < 0 {
		sign = 1
	}
	switch {
	case len(digits) > MaxBig:
		return nil, fmt.Errorf("an integer of %d bytes is more than %d", len(digits), MaxBig)
	case len(digits) < 256:
		b = append(b, tagSmallBig, byte(len(digits)), sign)
	default:
		b = append(appendSize(append(b, tagLargeBig), len(digits)), sign)
	}
	return append(b, digits...), nil
}
