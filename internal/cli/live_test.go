package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/wadmapi"
)

// screen is as much of a terminal as Progress needs: text, line feeds, and the two movements.
type screen struct {
	lines []string
	row   int
}

func (s *screen) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		var up int
		switch {
		case strings.HasPrefix(text, "\x1b[J"):
			s.lines, text = s.lines[:min(s.row, len(s.lines))], text[3:]
		case strings.HasPrefix(text, "\x1b["):
			if _, err := fmt.Sscanf(text, "\x1b[%dA", &up); err != nil {
				return 0, fmt.Errorf("a sequence that the screen does not know: %q", text)
			}
			s.row -= up
			text = text[strings.IndexByte(text, 'A')+1:]
		case text[0] == '\r':
			text = text[1:]
		default:
			line, rest, ok := strings.Cut(text, "\n")
			if !ok || s.row < 0 {
				return 0, fmt.Errorf("row %d: text without an end: %q", s.row, text)
			}
			s.lines = append(s.lines[:min(s.row, len(s.lines))], line)
			s.row++
			text = rest
		}
	}
	return len(p), nil
}

func moment(have int, message string, doing ...string) Moment {
	m := Moment{View: View{App: "shop", Version: "v8", Parts: []Part{
		{Kind: "component", Name: "web", Want: 4, Have: have, Status: wadmapi.StatusReconciling},
		{Kind: "link", Name: "web → kv", Want: 1, Have: 1, Status: wadmapi.StatusDeployed},
		{Kind: "config", Name: "c", Want: 1},
	}}, Doing: doing}
	if have > 0 {
		m.Parts[0].Where = []Placed{{"host-a", have}}
	}
	if message != "" {
		m.Parts[0].Status, m.Parts[0].Message = wadmapi.StatusFailed, message
	}
	return m
}

func TestProgressIsRedrawnOnATerminal(t *testing.T) {
	s := &screen{}
	p := &Progress{w: s, live: true, width: 60}
	p.Show(moment(0, "", "web on host-a: starting 0 → 4", "web on host-b: starting 0 → 1"))
	p.Show(moment(2, "registry answered 401 for a reference that is so long that it does not fit"))
	want := []string{
		"[██████████░░░░░░░░] 3/5   shop v8",
		"  web: registry answered 401 for a reference that is so lo…",
	}
	if diff := cmp.Diff(want, s.lines); diff != "" {
		t.Error(diff)
	}
	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprint("web on host-", i))
	}
	p.Show(moment(4, "", many...))
	if n := len(s.lines); n != 1+maxLines+1 || s.lines[n-1] != "  and 4 more" {
		t.Errorf("the screen shows %q", s.lines)
	}
	p.Close()
	if len(s.lines) != 0 || s.row != 0 {
		t.Errorf("after the end the screen shows %q", s.lines)
	}
}

func TestProgressIsALineForEachChangeElsewhere(t *testing.T) {
	var b strings.Builder
	p := NewProgress(&b)
	for _, m := range []Moment{moment(0, ""), moment(0, "no room"), moment(0, "no room"), moment(2, "no room"), moment(4, "")} {
		p.Show(m)
	}
	p.Close()
	want := "web  0/4  no room\nweb  2/4  host-a 2  no room\nweb  4/4  host-a 4\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestGrowingEndsWithTheTree(t *testing.T) {
	var b strings.Builder
	g := NewGrowing(&b, "shop", "v8")
	g.Show(moment(1, ""))
	m := moment(4, "")
	m.Parts[0].Status, m.Elapsed = wadmapi.StatusDeployed, 63*time.Millisecond
	g.End(m, true)
	want := `  shop  v8  deploying
  ├─ web   component   4/4  host-a 4
  ├─ web → kv                       linked
  └─ config c                       not confirmed
  shop  v8  deployed in 63 ms
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}
