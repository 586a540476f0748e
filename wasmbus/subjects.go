package wasmbus

import "strings"

// EventSubject is an event subject taken apart.
type EventSubject struct {
	Dialect Dialect
	Account string // NATS account prefix, "" without
	Lattice string
	Name    string // name of the event in DialectV1, "" in DialectOTP
}

// ParseEventSubject takes an event subject of either dialect apart:
// wasmbus.evt.{lattice}.{event} or {account}.wasmbus.evt.{lattice}.{event} is
// DialectV1 (the account begins with "A"), the same without the event
// DialectOTP. Everything else is not ok.
func ParseEventSubject(subject string) (EventSubject, bool) {
	const evt = "wasmbus.evt."
	var out EventSubject
	rest, plain := strings.CutPrefix(subject, evt)
	if !plain {
		account, after, _ := strings.Cut(subject, ".")
		if rest, plain = strings.CutPrefix(after, evt); !plain || !isToken(account) {
			return EventSubject{}, false
		}
		out.Account = account
	}
	lattice, name, named := strings.Cut(rest, ".")
	if !ValidToken(lattice) || named && !ValidToken(name) {
		return EventSubject{}, false
	}
	out.Lattice, out.Name, out.Dialect = lattice, name, DialectOTP
	if named {
		out.Dialect = DialectV1
		if out.Account != "" && out.Account[0] != 'A' {
			return EventSubject{}, false
		}
	}
	return out, true
}

// ParseV1Ctl takes a control subject of a 1.x host apart; prefix "" means
// DefaultCtlPrefix. Not ok is a subject outside {prefix}.v1.{lattice}.
func ParseV1Ctl(subject, prefix string) (V1Ctl, bool) {
	if prefix == "" {
		prefix = DefaultCtlPrefix
	}
	rest, ok := strings.CutPrefix(subject, prefix+".v1.")
	if !ok {
		return V1Ctl{}, false
	}
	lattice, rest, ok := strings.Cut(rest, ".")
	noun, rest2, ok2 := strings.Cut(rest, ".")
	verb, target, _ := strings.Cut(rest2, ".")
	if !ok || !ok2 || lattice == "" || noun == "" || verb == "" {
		return V1Ctl{}, false
	}
	out := V1Ctl{Lattice: lattice, Op: V1Op(noun + "." + verb)}
	if noun == "config" {
		out.Name = target
	} else {
		out.Host = target
	}
	return out, true
}

// ParseOTPCtl takes a control subject of an OTP host apart; prefix "" means
// DefaultCtlPrefix. Not ok is a subject outside {prefix}.{lattice}.
func ParseOTPCtl(subject, prefix string) (OTPCtl, bool) {
	if prefix == "" {
		prefix = DefaultCtlPrefix
	}
	rest, ok := strings.CutPrefix(subject, prefix+".")
	if !ok {
		return OTPCtl{}, false
	}
	token := strings.Split(rest, ".")
	for _, t := range token {
		if t == "" {
			return OTPCtl{}, false
		}
	}
	switch {
	case len(token) == 4 && (token[1] == "cmd" || token[1] == "get"):
		return OTPCtl{Lattice: token[0], Op: OTPOp(token[1] + "." + token[3]), Host: token[2]}, true
	case len(token) >= 3:
		return OTPCtl{Lattice: token[0], Op: OTPOp(strings.Join(token[1:], "."))}, true
	}
	return OTPCtl{}, false
}

// maxTokenBytes bounds ids and names; NATS subjects get slow and KV stores
// refuse keys far above it.
const maxTokenBytes = 255

// ValidToken reports whether an id or name may become one token of a NATS
// subject and part of a JetStream KV key: 1 to 255 of [-/_=A-Za-z0-9]. It is
// asked once, at the edge, of everything that a host calls an id.
func ValidToken(s string) bool { return validToken(s) }

func validToken[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > maxTokenBytes {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '=', c == '/':
		default:
			return false
		}
	}
	return true
}

// isToken reports whether s can be one token of a subject at all.
func isToken(s string) bool {
	return s != "" && len(s) <= maxTokenBytes && !strings.ContainsAny(s, ".*> \t\r\n")
}

// NormaliseRef returns an image reference as 1.x hosts report that of a
// provider: without the schemes oci://, http://, https://, file:// and
// wasmcloud+builtin://. Component references are reported as they were sent, so
// both sides of a comparison go through here (protocol A3.2).
func NormaliseRef(ref string) string {
	for _, scheme := range []string{"oci://", "http://", "https://", "file://", "wasmcloud+builtin://"} {
		if rest, ok := strings.CutPrefix(ref, scheme); ok {
			return rest
		}
	}
	return ref
}
