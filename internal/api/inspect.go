package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// inspect writes a text as 0.3.0's language shows one to people: quoted, or as its bytes when it is none.
func inspect(s string) string {
	const most = 4096 // characters that are shown
	if !utf8.ValidString(s) {
		return inspectBytes(s)
	}
	var b strings.Builder
	b.WriteByte('"')
	shown := 0
	for i, r := range s {
		if shown++; shown > most {
			return b.String() + `" <> ...`
		}
		switch {
		case r == '"' || r == '\\' || r == '#' && strings.HasPrefix(s[i:], "#{"):
			b.WriteByte('\\')
			b.WriteRune(r)
		case escaped(r) != 0:
			b.WriteByte('\\')
			b.WriteByte(escaped(r))
		case r < ' ' || r >= 0x7f && r <= 0x9f:
			return inspectBytes(s)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func inspectBytes(s string) string {
	const most = 50
	var parts []string
	for i := range len(s) {
		if i == most {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, fmt.Sprint(s[i]))
	}
	return "<<" + strings.Join(parts, ", ") + ">>"
}

// escaped is the letter that stands for a control character which counts as printable, or 0.
func escaped(r rune) byte {
	switch r {
	case '\a':
		return 'a'
	case '\b':
		return 'b'
	case 0x1b:
		return 'e'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	case '\v':
		return 'v'
	case 0x7f:
		return 'd'
	}
	return 0
}

// decodeError writes why a body is no JSON as 0.3.0 did. Its position is that of the first byte that fits nowhere; a word that is none of null, true and
// false fits nowhere from its first letter.
func decodeError(body []byte) string {
	at := len(body)
	var syntax *json.SyntaxError
	if err := syntaxError(body); errors.As(err, &syntax) && !strings.HasPrefix(syntax.Error(), "unexpected end") {
		at = max(int(syntax.Offset)-1, 0)
		if strings.Contains(syntax.Error(), " in literal ") {
			at -= len(body[:at]) - len(bytes.TrimRight(body[:at], "abcdefghijklmnopqrstuvwxyz"))
		}
	}
	return fmt.Sprintf("%%Jason.DecodeError{position: %d, token: nil, data: %s}", at, inspect(string(body)))
}
