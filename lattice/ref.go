package lattice

import (
	"slices"
	"strings"
)

// NormaliseRef drops the scheme of an image reference as 1.x hosts do when they report a provider: `oci://`, `http://`, `https://`,
// `wasmcloud+builtin://`, and `file://` of which the path stays. Source: A3.2 of the lattice protocol.
func NormaliseRef(ref string) string {
	for _, scheme := range [...]string{"oci://", "http://", "https://", "wasmcloud+builtin://", "file://"} {
		if rest, ok := strings.CutPrefix(ref, scheme); ok {
			return rest
		}
	}
	return ref
}

// SameRef says that two references name one image, whatever their schemes: hosts leave schemes away when they report.
func SameRef(a, b string) bool { return a == b || NormaliseRef(a) == NormaliseRef(b) }

// Equal says that the two links are one and the same, interfaces and config names in order included.
func (l Link) Equal(o Link) bool {
	return l.Slot() == o.Slot() && l.Target == o.Target && l.Values == o.Values &&
		slices.Equal(l.Interfaces, o.Interfaces) && slices.Equal(l.SourceConfig, o.SourceConfig) && slices.Equal(l.TargetConfig, o.TargetConfig)
}

// Clashes says that the lattice can keep only one of the two: an OTP slot holds one link, a 1.x slot one for each target and one for each interface.
func (l Link) Clashes(o Link) bool {
	if l.Slot() != o.Slot() || l.Equal(o) {
		return false
	}
	return l.Contract != "" || l.Target == o.Target ||
		slices.ContainsFunc(l.Interfaces, func(s string) bool { return slices.Contains(o.Interfaces, s) })
}
