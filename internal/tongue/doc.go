// Package tongue translates between the words of a dialect of hosts and the neutral words of the core: host events and
// answers become lattice events, commands and questions become a subject and a body.
//
// It knows both dialects, v1 and OTP, and what each of their words means. It never connects, waits or remembers: bytes and
// values in, values out. The feed calls it for events, control for everything else; they are two shells that must not import
// each other, and one translator is one truth.
package tongue

import (
	"strconv"
	"strings"

	"github.com/wadm-go/wadm/lattice"
)

// canV1 is what a 1.x host is able to do, whatever its version.
var canV1 = lattice.Can{Update: true, Beat: true}

// canOTP is what an OTP host of the version is able to do. Hosts whose word does not tell the version are taken for old ones; the
// lattice keeps what it knows of them.
func canOTP(version string) lattice.Can {
	return lattice.Can{Relative: true, StopAll: true, Live: true, Claims: true, ByAge: minor(version) >= 63}
}

// minor is the second number of a version 0.N.P, 0 where it is none.
func minor(version string) int {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 || parts[0] != "0" {
		return 0
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0
	}
	return n
}

// annotations hands over a map that the codec made for us alone; the lattice shares it between instances.
func annotations[M ~map[string]string](m M) lattice.Annotations { return lattice.Annotations(m) }

// single is the one group of a key that a host keeps only once.
func single(a lattice.Annotations, count int, instances ...string) []lattice.Group {
	return []lattice.Group{{Annotations: a, Count: count, Instances: instances}}
}

// ref is an image reference as the host tells it. It is not normalised: a 1.x scale must name the very text that the host reports, and the core
// compares with lattice.SameRef.
func ref(s string) string { return s }
