// Package tongue translates between the words of a dialect of hosts and the neutral words of the core: host events and
// answers become lattice events, commands and questions become a subject and a body.
//
// It knows both dialects, v1 and OTP, and what each of their words means. It never connects, waits or remembers: bytes and
// values in, values out. The feed calls it for events, control for everything else; they are two shells that must not import
// each other, and one translator is one truth.
package tongue

import "github.com/wadm-go/wadm/lattice"

// What the hosts of a dialect are able to do, whatever their version.
var (
	canV1  = lattice.Can{Update: true, Beat: true}
	canOTP = lattice.Can{Relative: true, StopAll: true}
)

// annotations hands over a map that the codec made for us alone; the lattice shares it between instances.
func annotations[M ~map[string]string](m M) lattice.Annotations { return lattice.Annotations(m) }

// single is the one group of a key that a host keeps only once.
func single(a lattice.Annotations, count int, instances ...string) []lattice.Group {
	return []lattice.Group{{Annotations: a, Count: count, Instances: instances}}
}

// ref is an image reference as the host tells it. It is not normalised: a 1.x scale must name the very text that the host reports, and the core
// compares with lattice.SameRef.
func ref(s string) string { return s }
