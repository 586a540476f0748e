package lattice

import "testing"

func TestEqualValuesAreEqualTexts(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"keys are sorted and blanks dropped", `{"b": 1, "a": {"d": 2, "c": "x"}}`, `{"a":{"c":"x","d":2},"b":1}`},
		{"nothing is an empty object", ``, `{}`},
		{"what is no JSON stays as it is", `{"a"`, `{"a"`},
		{"what is more than one value stays as it is", `{} {}`, `{} {}`},
		{"a whole number keeps its digits", `{"id":12345678901234567890,"less":-9007199254740993}`, `{"id":12345678901234567890,"less":-9007199254740993}`},
		{"in lists too", `[[12345678901234567890,{"n":9007199254740993}]]`, `[[12345678901234567890,{"n":9007199254740993}]]`},
		{"other numbers have one spelling", `[1.0,10e-1,2.50,1E3,1e21,-0]`, `[1,1,2.5,1000,1e+21,0]`},
		{"what no float holds is kept", `[1e400]`, `[1e400]`},
		{"any other value is kept", `[null,true,"x<y",{}]`, `[null,true,"x\u003cy",{}]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := CanonicalJSON([]byte(tc.in))
			if got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if again := CanonicalJSON([]byte(got)); again != got {
				t.Errorf("once more it is %s", again)
			}
		})
	}
}
