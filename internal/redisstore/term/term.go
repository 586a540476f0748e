// Package term reads and writes Erlang's external term format, as far as wadm 0.3.0 stored terms: atoms, binaries, numbers, lists, tuples
// and maps.
//
// It knows bytes alone: what a term means is its caller's, package redisstore. It never builds an atom table, never trusts a length, and
// answers hostile bytes with an error that names the place. Whatever stands for something that lives in one Erlang node (process ids,
// references, functions), compressed terms and improper lists are refused.
//
// A term is one of these Go values: Atom, string (a binary), int64, *big.Int (beyond 64 bits), float64, List, Tuple, Map.
package term

import (
	"fmt"
	"math/big"
)

// Atom is an Erlang atom, at most 255 characters.
type Atom string

// The atoms that Elixir writes for JSON's words.
const (
	Nil   Atom = "nil"
	True  Atom = "true"
	False Atom = "false"
)

// List is a proper list.
type List []any

// Tuple is a tuple.
type Tuple []any

// Pair is one entry of a map.
type Pair struct{ Key, Value any }

// Map is a map in the order of its bytes. Decode never returns one with a key twice.
type Map []Pair

// Get returns what an atom key stands for.
func (m Map) Get(key Atom) (any, bool) {
	for _, p := range m {
		if p.Key == key {
			return p.Value, true
		}
	}
	return nil, false
}

// Limits of what Decode takes.
const (
	MaxSize  = 64 << 20  // bytes
	MaxDepth = 128       // of lists, tuples and maps inside each other
	MaxTerms = 1_000_000 // in one term
	MaxAtoms = 1_000     // different ones: a record of 0.3.0 has a dozen
	MaxBig   = 1 << 10   // bytes of a large integer
)

// Error is what is wrong with the bytes of a term, and where.
type Error struct {
	At   int // offset of the tag at fault
	What string
}

func (e *Error) Error() string { return fmt.Sprintf("byte %d of the term: %s", e.At, e.What) }

// The tags of the format.
const (
	magic         = 131
	tagFloat      = 70
	tagCompressed = 80
	tagSmallInt   = 97
	tagInt        = 98
	tagAtom       = 100
	tagSmallTuple = 104
	tagLargeTuple = 105
	tagNil        = 106
	tagString     = 107
	tagList       = 108
	tagBinary     = 109
	tagSmallBig   = 110
	tagLargeBig   = 111
	tagSmallAtom  = 115
	tagMap        = 116
	tagAtomUTF8   = 118
	tagSmallUTF8  = 119
)

var refused = map[byte]string{
	tagCompressed: "a compressed term", 77: "a bit string", 82: "an atom of a cache", 88: "a process id", 103: "a process id", 89: "a port",
	102: "a port", 120: "a port", 90: "a reference", 101: "a reference", 114: "a reference", 112: "a function", 113: "a function", 117: "a function",
	99: "a float written as text",
}

func fitsInt64(n *big.Int) (int64, bool) {
	if n.IsInt64() {
		return n.Int64(), true
	}
	return 0, false
}
