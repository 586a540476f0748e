package lattice

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// CanonicalJSON is the one spelling of a JSON value in which equal values are equal texts: keys sorted, no space, whole numbers as they are, however long,
// and others as Go writes them, for a host may write them in another way than they were sent. Nothing is {}, what is no JSON is returned as it is.
func CanonicalJSON(raw []byte) string {
	if len(raw) == 0 {
		return "{}"
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil || dec.More() {
		return string(raw)
	}
	out, err := json.Marshal(withPlainNumbers(v))
	if err != nil {
		return string(raw)
	}
	return string(out)
}

func withPlainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return plainNumber(v)
	case []any:
		for i := range v {
			v[i] = withPlainNumbers(v[i])
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			v[k] = withPlainNumbers(v[k])
		}
	}
	return v
}

// plainNumber leaves a whole number as it is: as a float it would lose digits.
func plainNumber(n json.Number) any {
	if !strings.ContainsAny(string(n), ".eE") {
		if n == "-0" {
			return 0
		}
		return n
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return n // beyond what a float holds
	}
	return f
}
