package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/wadm-go/wadm/wadmapi"
)

// Progress shows how an application becomes what the manifest says: on a terminal a few lines that are drawn again and again, elsewhere one
// line for each change. It is not safe for concurrent use.
type Progress struct {
	w      io.Writer
	live   bool
	width  int
	drawn  int               // lines on the screen that belong to us
	before map[string]string // plain: what was last said of each part
	firsts bool              // plain: nothing was shown yet
}

// NewProgress shows progress on w, redrawing if it is a terminal.
func NewProgress(w io.Writer) *Progress {
	wide := columns(w)
	return &Progress{w: w, live: wide > 0, width: wide, before: map[string]string{}, firsts: true}
}

// columns is how wide a screen is, 0 for what is none.
func columns(w io.Writer) int {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok || !isTerminal(w) {
		return 0
	}
	if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 20 {
		return n
	}
	return 80
}

// Show shows one moment.
func (p *Progress) Show(m Moment) {
	if p.live {
		p.draw(liveLines(&m))
		return
	}
	for i := range m.Parts {
		part := &m.Parts[i]
		if part.Kind == "config" {
			continue
		}
		key := part.Kind + " " + part.Name
		line, before := plainLine(part), p.before[key]
		p.before[key] = line
		if before == line || before == "" && (part.done() && p.firsts || part.Have == 0 && part.Message == "") {
			continue // unchanged, as it was before we came, or nothing to say yet
		}
		fmt.Fprintln(p.w, line)
	}
	p.firsts = false
}

// left shows what is still there of an application that is being taken away.
func (p *Progress) left(app, left string) {
	if left == "" {
		return
	}
	line := app + " still runs: " + left
	if p.live {
		p.draw([]string{line})
	} else if p.before[app] != line {
		p.before[app] = line
		fmt.Fprintln(p.w, line)
	}
}

// Close takes the drawn lines away, so that the result stands alone.
func (p *Progress) Close() {
	if p.live {
		p.draw(nil)
	}
}

// draw replaces the lines drawn before. All goes out in one write, or the screen flickers.
func (p *Progress) draw(lines []string) {
	var b bytes.Buffer
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	b.WriteString("\r\x1b[J")
	for _, line := range lines {
		b.WriteString(clip(line, p.width-1) + "\n") // a line that wraps would be two to go up
	}
	p.drawn = len(lines)
	_, _ = p.w.Write(b.Bytes()) // a screen that is gone shows nothing
}

func clip(s string, to int) string {
	if width(s) <= to {
		return s
	}
	return string([]rune(s)[:to-1]) + "…"
}

const (
	barWidth = 18
	maxLines = 8
)

// liveLines are a bar and what is under way or stuck.
func liveLines(m *Moment) []string {
	have, want := m.progress()
	full := barWidth
	if want > 0 {
		full = barWidth * have / want
	}
	head := fmt.Sprintf("[%s%s] %d/%d   %s %s", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), have, want, m.App, shortVersion(m.Version))
	lines := []string{head}
	doing := slices.Clone(m.Doing)
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Message != "" && p.Status == wadmapi.StatusFailed {
			doing = append(doing, p.Name+": "+p.Message)
		}
	}
	for i, d := range doing {
		if i == maxLines {
			lines = append(lines, fmt.Sprintf("  and %d more", len(doing)-i))
			break
		}
		lines = append(lines, "  "+d)
	}
	return lines
}

// plainLine is what a log shows of a part.
func plainLine(p *Part) string {
	if p.Kind == "link" {
		return strings.TrimRight(fmt.Sprintf("%s  %s  %s", p.Name, standing(p), p.Message), " ")
	}
	words := []string{p.Name, count(p)}
	if where := places(p); where != "" {
		words = append(words, where)
	}
	if p.Old > 0 {
		words = append(words, fmt.Sprintf("(%d of another image)", p.Old))
	}
	if p.Message != "" {
		words = append(words, p.Message)
	}
	return strings.Join(words, "  ")
}
