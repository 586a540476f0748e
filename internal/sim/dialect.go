package sim

import "github.com/wadm-go/wadm/wasmbus"

// ParseDialect reads the name of a dialect, "v1" or "otp", for callers that have no other word with hosts.
func ParseDialect(name string) (d wasmbus.Dialect, ok bool) {
	for _, d := range []wasmbus.Dialect{wasmbus.DialectV1, wasmbus.DialectOTP} {
		if d.String() == name {
			return d, true
		}
	}
	return 0, false
}
