package term

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// recorded are the terms that wadm 0.3.0 stored, and another program's reading of them.
func recorded(t testing.TB) (terms [][]byte, readings []json.RawMessage) {
	t.Helper()
	files, err := filepath.Glob("../testdata/recorded/*.redis.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("finding the recordings: %d files, %v", len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var steps []struct {
			Keys []struct {
				Term    string          `json:"etf_base64"`
				Decoded json.RawMessage `json:"decoded"`
			} `json:"keys"`
		}
		if err := json.Unmarshal(data, &steps); err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			for _, k := range s.Keys {
				if k.Term == "" {
					continue
				}
				b, err := base64.StdEncoding.DecodeString(k.Term)
				if err != nil {
					t.Fatal(err)
				}
				terms, readings = append(terms, b), append(readings, k.Decoded)
			}
		}
	}
	return terms, readings
}

// reading turns a term into the form of the recorded readings.
func reading(v any) any {
	switch v := v.(type) {
	case Atom:
		switch v {
		case Nil:
			return nil
		case True, False:
			return v == True
		}
		return map[string]any{"$atom": string(v)}
	case int64:
		return float64(v)
	case List:
		all := make([]any, len(v))
		for i := range v {
			all[i] = reading(v[i])
		}
		return all
	case Map:
		m := map[string]any{}
		for _, p := range v {
			if a, ok := p.Key.(Atom); ok {
				m[":"+string(a)] = reading(p.Value)
			} else {
				m[fmt.Sprint(p.Key)] = reading(p.Value)
			}
		}
		return m
	}
	return v
}

func TestRecordedTermsAreReadAsAnotherProgramReadThem(t *testing.T) {
	terms, readings := recorded(t)
	for i, b := range terms {
		v, err := Decode(b)
		if readings[i] == nil {
			if err == nil {
				t.Errorf("term %d is no term for the other program, and here %v", i, v)
			}
			continue
		}
		if err != nil {
			t.Fatalf("term %d: %v", i, err)
		}
		var want any
		if err := json.Unmarshal(readings[i], &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, reading(v)); diff != "" {
			t.Fatalf("term %d (-recorded +ours):\n%s", i, diff)
		}
	}
	if len(terms) < 100 {
		t.Fatalf("only %d recorded terms", len(terms))
	}
}

func TestRecordedTermsAreWrittenBackByteForByte(t *testing.T) {
	terms, readings := recorded(t)
	for i, b := range terms {
		if readings[i] == nil {
			continue
		}
		v, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, again) {
			t.Fatalf("term %d: %q became %q", i, b, again)
		}
	}
}

func TestBrokenTermsAreRefusedWithAPlace(t *testing.T) {
	deep := append([]byte{131}, bytes.Repeat([]byte{108, 0, 0, 0, 1}, 200)...)
	deep = append(append(deep, 106), bytes.Repeat([]byte{106}, 200)...)
	var atoms []byte
	for i := range 1001 {
		atoms = append(atoms, 119, 4)
		atoms = fmt.Appendf(atoms, "%04d", i)
	}
	for _, c := range []struct {
		name string
		in   []byte
		at   int
		what string
	}{
		{"nothing", nil, 0, "not an Erlang term"},
		{"text", []byte("{}"), 0, "not an Erlang term"},
		{"the first byte alone", []byte{131}, 1, "announced"},
		{"an unknown tag", []byte{131, 1}, 1, "tag 1 is not known"},
		{"a compressed term", []byte{131, 80, 0, 0, 0, 9, 1}, 1, "compressed"},
		{"a process id", []byte{131, 103, 100, 0, 0}, 1, "process id"},
		{"a function", []byte{131, 112, 0, 0}, 1, "function"},
		{"a binary that is cut off", []byte{131, 109, 0, 0, 0, 9, 'a'}, 1, "9 bytes are announced and 1 are left"},
		{"a binary of 4 GB", []byte{131, 109, 255, 255, 255, 255, 'a'}, 1, "announced"},
		{"a list of 4 G elements", []byte{131, 108, 255, 255, 255, 255, 106}, 1, "4294967295 elements"},
		{"a map of 4 G entries", []byte{131, 116, 255, 255, 255, 255, 106, 106}, 1, "4294967295 entries"},
		{"an improper list", []byte{131, 108, 0, 0, 0, 1, 97, 1, 97, 2}, 8, "improper"},
		{"a key twice", []byte{131, 116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 2}, 10, "twice"},
		{"not a number", []byte{131, 70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1}, 1, "float"},
		{"something after it", []byte{131, 106, 106}, 2, "1 bytes follow"},
		{"too deep", deep, 646, "nested deeper"},
		{"too many atoms", append([]byte{131, 108, 0, 0, 3, 233}, append(atoms, 106)...), 6006, "different atoms"},
		{"an atom that is no UTF-8", []byte{131, 119, 1, 0xff}, 1, "UTF-8"},
		{"a huge integer", append([]byte{131, 111, 0, 0, 8, 0, 0}, make([]byte, 2048)...), 1, "integer of 2048 bytes"},
		{"an odd sign", []byte{131, 110, 1, 2, 1}, 1, "sign"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Decode(c.in)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %v", v, err)
			}
			if e.At != c.at || !strings.Contains(e.What, c.what) {
				t.Fatalf("got %q at %d, want %q at %d", e.What, e.At, c.what, c.at)
			}
		})
	}
}

func anyTerm() *rapid.Generator[any] {
	bigger, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	leaf := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) any { return Atom(rapid.StringN(0, 255, -1).Draw(t, "atom")) }),
		rapid.Custom(func(t *rapid.T) any { return rapid.String().Draw(t, "binary") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Int64().Draw(t, "int") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Float64().Draw(t, "float") }),
		rapid.SampledFrom([]any{bigger, new(big.Int).Neg(bigger), int64(-1), int64(255), int64(256), List{}}),
	)
	var level func(depth int) *rapid.Generator[any]
	level = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return leaf
		}
		return rapid.OneOf(leaf,
			rapid.Custom(func(t *rapid.T) any { return List(rapid.SliceOfN(level(depth-1), 0, 5).Draw(t, "list")) }),
			rapid.Custom(func(t *rapid.T) any { return Tuple(rapid.SliceOfN(level(depth-1), 0, 5).Draw(t, "tuple")) }),
			rapid.Custom(func(t *rapid.T) any {
				m := Map{}
				for _, k := range rapid.SliceOfNDistinct(rapid.String(), 0, 5, rapid.ID[string]).Draw(t, "keys") {
					m = append(m, Pair{k, level(depth-1).Draw(t, "value")})
				}
				return m
			}))
	}
	return level(3)
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyTerm().Draw(t, "term")
		b, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func TestWhatIsNoTermIsNotWritten(t *testing.T) {
	var nested any = "x"
	for range MaxDepth + 2 {
		nested = List{nested}
	}
	for name, v := range map[string]any{"a Go map": map[string]any{}, "nil": nil, "deep": nested, "a long atom": Atom(strings.Repeat("ä", 256))} {
		if b, err := Encode(Tuple{v}); err == nil {
			t.Errorf("%s was written as %q", name, b)
		}
	}
}

func FuzzDecode(f *testing.F) {
	terms, _ := recorded(f)
	for _, b := range terms {
		f.Add(b)
	}
	f.Add([]byte{131, 116, 0, 0, 0, 1, 119, 2, 0xc3, 0xa4, 107, 0, 1, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Decode(data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.At < 0 || e.At > len(data) {
				t.Fatalf("the error %v names no place in %d bytes", err, len(data))
			}
			return
		}
		b, err := Encode(v)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := Decode(b)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(v, again, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
			t.Fatalf("-first +again:\n%s", diff)
		}
	})
}
