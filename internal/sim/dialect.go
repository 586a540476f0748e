package sim

import (
	"fmt"
	"strings"

	"github.com/wadm-go/wadm/wasmbus"
)

// ParseDialect reads the name of a dialect, "v1" or "otp", for callers that have no other word with hosts.
func ParseDialect(name string) (d wasmbus.Dialect, ok bool) {
	for _, d := range []wasmbus.Dialect{wasmbus.DialectV1, wasmbus.DialectOTP} {
		if d.String() == name {
			return d, true
		}
	}
	return 0, false
}

// HostVersions are the versions that simulated hosts were held against, by the names that people give them: OTP hosts differ a lot between them.
func HostVersions(d wasmbus.Dialect) []string {
	if d == wasmbus.DialectOTP {
		return []string{"0.57.1", "0.57", "0.58", "0.63"}
	}
	return []string{"1.9"}
}

// HostVersion is the full number of a version by the name that people give it, "0.58.2" for "0.58"; "" stays "".
func HostVersion(d wasmbus.Dialect, name string) (string, error) {
	full := map[string]string{"": "", "0.57.1": "0.57.1", "0.57": "0.57.4", "0.58": "0.58.2", "0.63": "0.63.2"}
	if d == wasmbus.DialectV1 {
		full = map[string]string{"": "", "1.9": "1.9.2"}
	}
	for short, long := range full {
		if name == short || name == long {
			return long, nil
		}
	}
	return "", fmt.Errorf("finding the host version %q: hosts of dialect %s are %s", name, d, strings.Join(HostVersions(d), ", "))
}
