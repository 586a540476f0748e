package oam

import (
	"fmt"
	"io"
	"strings"
)

// Render writes diagnostics for people, in the order of the source: "file:line:col:
// message", then the source line with the one before it and carets below what
// is meant. Warnings say so. It leaves out what another diagnostic covers. file
// is only shown. No colours. A failing writer is the caller's to notice.
func Render(w io.Writer, file string, src []byte, ds Diagnostics) {
	lines := splitLines(src)
	for _, d := range ds.Shown().Sorted() {
		text := d.Text()
		if d.Level == Warning {
			text = "warning: " + text
		}
		if d.Line < 1 {
			fmt.Fprintf(w, "%s: %s\n", file, withPath(d.Path, text))
			continue
		}
		fmt.Fprintf(w, "%s:%d:%d: %s\n", file, d.Line, d.Col, text)
		if d.Line > len(lines) {
			continue // the end of the source: there is nothing to show
		}
		digits := len(fmt.Sprint(d.Line))
		line, carets := excerpt(lines[d.Line-1], d.Col, d.Width)
		if d.Line > 1 && strings.HasPrefix(lines[d.Line-1], line) && strings.TrimSpace(lines[d.Line-2]) != "" {
			before, _ := excerpt(lines[d.Line-2], 1, 1)
			fmt.Fprintf(w, "   %*d | %s\n", digits, d.Line-1, before)
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("   %*d | %s", digits, d.Line, line), " "))
		fmt.Fprintf(w, "   %*s | %s\n", digits, "", carets)
	}
}

func withPath(path, text string) string {
	if path == "" {
		return text
	}
	return short(path) + ": " + text
}

// maxShown is how much of a source line is shown.
const maxShown = 120

// excerpt is the stretch of a line around a column, and the carets under it.
func excerpt(line string, col, width int) (shown, carets string) {
	runes := []rune(line)
	from := 0
	if col > maxShown*2/3 && len(runes) > maxShown {
		from = min(col-maxShown/2, len(runes))
	}
	to := min(from+maxShown, len(runes))
	var pad strings.Builder
	for _, r := range runes[from:min(max(col-1, from), to)] {
		if r != '\t' {
			r = ' ' // a tab stays a tab, so that the caret stands under its place
		}
		pad.WriteRune(r)
	}
	n := max(1, min(width, to-(col-1)))
	return strings.TrimRight(string(runes[from:to]), " \t"), pad.String() + strings.Repeat("^", n)
}

// splitLines splits as the parsers count lines.
func splitLines(src []byte) []string {
	s := strings.ToValidUTF8(string(src), "\ufffd")
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s), "\n")
}
