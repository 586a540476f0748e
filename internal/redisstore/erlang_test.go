package redisstore

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// An Erlang term reader of its own, for the tests alone: it shares nothing with package term, so that both would have to make the same
// mistake. It reads what 0.3.0's Erlang takes (all forms of atoms, proper lists) into the form of the recorded readings, and panics on the rest.
type erlang struct{ rest []byte }

// readErlang is a term as the recordings show it: ":key" for atom keys, {"$atom": …} for atoms, nil, true and false as such.
func readErlang(data []byte) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	e := &erlang{data}
	if e.number(1) != 131 {
		panic("no term")
	}
	v = e.value()
	if len(e.rest) > 0 {
		panic("something follows")
	}
	return v, nil
}

func (e *erlang) cut(n uint64) []byte {
	b := e.rest[:n]
	e.rest = e.rest[n:]
	return b
}

func (e *erlang) number(width uint64) uint64 {
	var b [8]byte
	copy(b[8-width:], e.cut(width))
	return binary.BigEndian.Uint64(b[:])
}

// name tells an atom from everything else.
func (e *erlang) name() (string, bool) {
	tag := e.rest[0]
	switch tag {
	case 'd', 's': // Latin-1
		e.cut(1)
		size := e.number(map[byte]uint64{'d': 2, 's': 1}[tag])
		var text strings.Builder
		for _, b := range e.cut(size) {
			text.WriteRune(rune(b))
		}
		return text.String(), true
	case 'v', 'w': // UTF-8
		e.cut(1)
		return string(e.cut(e.number(map[byte]uint64{'v': 2, 'w': 1}[tag]))), true
	}
	return "", false
}

func (e *erlang) value() any {
	if atom, ok := e.name(); ok {
		switch atom {
		case "nil":
			return nil
		case "true", "false":
			return atom == "true"
		}
		return map[string]any{"$atom": atom}
	}
	switch tag := e.number(1); tag {
	case 'a':
		return float64(e.number(1))
	case 'b':
		return float64(int32(e.number(4)))
	case 'F':
		return math.Float64frombits(e.number(8))
	case 'n':
		size := e.number(1)
		sign, total := e.number(1), 0.0
		for i, b := range e.cut(size) {
			total += float64(b) * math.Pow(256, float64(i))
		}
		return total * (1 - 2*float64(sign))
	case 'm':
		return string(e.cut(e.number(4)))
	case 'k':
		all := []any{}
		for _, b := range e.cut(e.number(2)) {
			all = append(all, float64(b))
		}
		return all
	case 'j':
		return []any{}
	case 'l':
		all := []any{}
		for range e.number(4) {
			all = append(all, e.value())
		}
		if e.number(1) != 'j' {
			panic("improper list")
		}
		return all
	case 't':
		all := map[string]any{}
		for range e.number(4) {
			key, atom := e.name()
			if atom {
				key = ":" + key
			} else {
				key = e.value().(string)
			}
			if _, twice := all[key]; twice {
				panic("key twice: " + key)
			}
			all[key] = e.value()
		}
		return all
	default:
		panic(fmt.Sprintf("tag %d", tag))
	}
}

// fromJSON reads a recorded reading.
func fromJSON(data []byte) any {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		panic(err)
	}
	return v
}
