package sim

import "slices"

// Msg is one message on the bus, in either direction.
type Msg struct {
	Subject string
	Reply   string // inbox of a request, "" where nobody waits for an answer
	Header  map[string][]string
	Data    []byte

	// From is the id of the host that sent it, "" for clients. It is not part of the message: the bus keeps the order of
	// one sender only, and faults are aimed at it.
	From string
}

const (
	statusHeader = "Status"
	noResponders = "503"
)

// NoResponders reports whether m is the server's word that nobody listens on the subject of a request.
func (m Msg) NoResponders() bool {
	return len(m.Data) == 0 && slices.Equal(m.Header[statusHeader], []string{noResponders})
}

// matches reports whether a NATS pattern (tokens, * for one token, > for the rest) covers a subject.
func matches(pattern, subject string) bool {
	for {
		p, restP, moreP := cutToken(pattern)
		s, restS, moreS := cutToken(subject)
		if p == ">" {
			return s != ""
		}
		if p != "*" && p != s || s == "" {
			return false
		}
		if !moreP || !moreS {
			return moreP == moreS
		}
		pattern, subject = restP, restS
	}
}

func cutToken(s string) (token, rest string, more bool) {
	for i := range len(s) {
		if s[i] == '.' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
