package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// Script is a transcript taken apart.
type Script struct {
	Dialects []string // "v1", "otp"
	Options  map[string]string
	items    []item
}

// item is a line that is kept as it is, or a group of commands with its outcomes.
type item struct {
	text     string // comment or empty line
	group    bool
	line     int // of the file, from 1
	commands []Command
	raw      []string // the lines of the commands
	want     map[string]string
}

// Command is one command with the lines that belong to it.
type Command struct {
	Line    int
	Only    string // dialect, "" = all
	Name    string
	Args    []string
	Block   []string
	Comment string
}

const divider = "----"

// Parse takes a transcript apart. The head is the comment lines "# dialects: v1 otp" and "# options: …", by default v1 alone.
func Parse(text string) (*Script, error) {
	s := &Script{Dialects: []string{"v1"}, Options: map[string]string{}}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i < len(lines); {
		line := lines[i]
		if line == "" || strings.HasPrefix(line, "#") {
			s.head(line)
			s.items = append(s.items, item{text: line})
			i++
			continue
		}
		it, next, err := s.group(lines, i)
		if err != nil {
			return nil, err
		}
		s.items = append(s.items, it)
		i = next
	}
	return s, nil
}

func (s *Script) head(line string) {
	if list, ok := strings.CutPrefix(line, "# dialects:"); ok {
		s.Dialects = strings.Fields(list)
	}
	if list, ok := strings.CutPrefix(line, "# options:"); ok {
		for _, f := range strings.Fields(list) {
			k, v, _ := strings.Cut(f, "=")
			s.Options[k] = v
		}
	}
}

func (s *Script) group(lines []string, i int) (item, int, error) {
	it := item{group: true, line: i + 1, want: map[string]string{}}
	for ; i < len(lines) && lines[i] != "" && !strings.HasPrefix(lines[i], divider); i++ {
		line := lines[i]
		it.raw = append(it.raw, line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, " ") {
			if len(it.commands) == 0 {
				return it, i, fmt.Errorf("line %d: an indented line belongs to no command", i+1)
			}
			last := &it.commands[len(it.commands)-1]
			last.Block = append(last.Block, strings.TrimSpace(line))
			continue
		}
		c := Command{Line: i + 1}
		fields := strings.Fields(line)
		if d, ok := strings.CutPrefix(fields[0], "["); ok && len(fields) > 1 {
			c.Only, fields = strings.TrimSuffix(d, "]"), fields[1:]
		}
		c.Name, c.Args = fields[0], fields[1:]
		it.commands = append(it.commands, c)
	}
	for i < len(lines) && strings.HasPrefix(lines[i], divider) {
		who := strings.TrimSpace(strings.TrimPrefix(lines[i], divider))
		var want []string
		for i++; i < len(lines) && lines[i] != "" && !strings.HasPrefix(lines[i], divider); i++ {
			want = append(want, lines[i])
		}
		it.want[who] = strings.Join(want, "\n")
	}
	return it, i, nil
}

// Play runs the script on each of its dialects and returns the transcript as it comes out.
func (s *Script) Play() (string, error) {
	got := map[string][]string{}
	for _, d := range s.Dialects {
		w, err := newWorld(d, s.Options)
		if err != nil {
			return "", err
		}
		for i := range s.items {
			out, err := w.group(&s.items[i])
			if err != nil {
				return "", fmt.Errorf("on %s: %w", d, err)
			}
			got[d] = append(got[d], out)
		}
	}
	var b strings.Builder
	for i := range s.items {
		it := &s.items[i]
		if !it.group {
			b.WriteString(it.text + "\n")
			continue
		}
		for _, line := range it.raw {
			b.WriteString(line + "\n")
		}
		b.WriteString(s.outcome(got, i))
	}
	return b.String(), nil
}

// outcome writes what a group printed: once where the dialects agree.
func (s *Script) outcome(got map[string][]string, i int) string {
	first := got[s.Dialects[0]][i]
	same := !slices.ContainsFunc(s.Dialects, func(d string) bool { return got[d][i] != first })
	if same {
		if first == "" {
			return ""
		}
		return divider + "\n" + first
	}
	var b strings.Builder
	for _, d := range s.Dialects {
		if got[d][i] != "" {
			b.WriteString(divider + " " + d + "\n" + got[d][i])
		}
	}
	return b.String()
}

func (w *world) group(it *item) (string, error) {
	w.out, w.began, w.watched, w.least, w.most = nil, w.plane.Bus.Now(), nil, map[string]int{}, map[string]int{}
	for i := range it.commands {
		c := &it.commands[i]
		if c.Only != "" && c.Only != w.dialect {
			continue
		}
		if err := w.command(c); err != nil {
			return "", fmt.Errorf("line %d: %s: %w", c.Line, c.Name, err)
		}
	}
	w.counted()
	var b strings.Builder
	for _, line := range w.out {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String(), nil
}
