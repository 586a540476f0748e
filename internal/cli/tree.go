package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wadm-go/wadm/wadmapi"
)

// maxPlaces is how many hosts one line names.
const maxPlaces = 8

// Tree draws an application: a head line, then a line for each part. end is the word behind the version; took, if given, says by index how
// long providers needed to start.
func Tree(w io.Writer, v *View, took map[int]time.Duration) {
	for _, line := range treeLines(v, took) {
		fmt.Fprintln(w, line)
	}
}

// headLine is the line above a tree and, at the end of a deployment, below it.
func headLine(v *View, word string) string {
	return fmt.Sprintf("  %s  %s  %s", v.App, shortVersion(v.Version), word)
}

// treeLines lays the parts out in columns: name and kind, then count and hosts (of links: what they carry), then a remark.
func treeLines(v *View, took map[int]time.Duration) []string {
	nameWidth, kindWidth := 0, 0
	for i := range v.Parts {
		p := &v.Parts[i]
		if p.Kind != "link" && p.Kind != "config" {
			nameWidth, kindWidth = max(nameWidth, width(p.Name)), max(kindWidth, width(p.Kind))
		}
	}
	first := nameWidth + 3 + kindWidth + 3
	for i := range v.Parts {
		if v.Parts[i].Kind == "link" {
			first = max(first, width(v.Parts[i].Name)+3)
		}
	}
	countWidth := 0
	for i := range v.Parts {
		countWidth = max(countWidth, width(count(&v.Parts[i])))
	}
	middle, remarks := make([]string, len(v.Parts)), make([]string, len(v.Parts))
	second := 0
	for i := range v.Parts {
		p := &v.Parts[i]
		middle[i], remarks[i] = middleOf(p, countWidth), remark(v, i, took)
		w := width(middle[i])
		if remarks[i] != "" && middle[i] != "" {
			w += 2
		}
		second = max(second, w)
	}
	lines := make([]string, 0, len(v.Parts))
	for i := range v.Parts {
		p := &v.Parts[i]
		stem := "  ├─ "
		if i == len(v.Parts)-1 {
			stem = "  └─ "
		}
		label := p.Name
		switch p.Kind {
		case "link":
		case "config":
			label = "config " + p.Name
		default:
			label = pad(pad(p.Name, nameWidth+3)+p.Kind, first)
		}
		line := stem + pad(pad(label, first)+middle[i], first+second) + remarks[i]
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

func count(p *Part) string {
	if p.Kind == "link" || p.Kind == "config" {
		return ""
	}
	if p.Unknown && p.Have < p.Want {
		return fmt.Sprintf("?/%d", p.Want)
	}
	return fmt.Sprintf("%d/%d", p.Have, p.Want)
}

func middleOf(p *Part, countWidth int) string {
	switch p.Kind {
	case "link":
		return p.About
	case "config":
		return ""
	}
	return pad(count(p), countWidth+2) + places(p)
}

// places says where a part runs. A provider has one instance on a host, so no number is needed there.
func places(p *Part) string {
	var out []string
	for i, w := range p.Where {
		if i == maxPlaces {
			out = append(out, fmt.Sprintf("and %d more", len(p.Where)-i))
			break
		}
		if p.Kind == "provider" && w.Count == 1 {
			out = append(out, w.Host)
			continue
		}
		out = append(out, fmt.Sprintf("%s %d", w.Host, w.Count))
	}
	return strings.Join(out, " · ")
}

// remark is what is worth saying beside the numbers.
func remark(v *View, i int, took map[int]time.Duration) string {
	p := &v.Parts[i]
	var words []string
	if p.Old > 0 {
		words = append(words, plural(p.Old, "of another image", "of another image"))
	}
	switch {
	case p.Message != "":
		words = append(words, p.Message)
	case p.Kind == "link" || p.Kind == "config":
		words = append(words, standing(p))
	case p.done() && p.Want > 0 && took[i] > 0 && p.Kind == "provider":
		words = append(words, "started in "+roughly(took[i]))
	case p.Status != "" && p.Status != wadmapi.StatusDeployed:
		words = append(words, string(p.Status))
	}
	return strings.Join(words, ", ")
}

// standing says of a link or a config whether it is there.
func standing(p *Part) string {
	switch {
	case p.Unknown:
		return "left in place"
	case p.Kind == "link" && p.Have == 1:
		return "linked"
	case p.Kind == "link":
		return "not linked"
	case p.Have == 1:
		return "set"
	}
	return "not confirmed"
}

// roughly is a duration for people.
func roughly(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func width(s string) int { return utf8.RuneCountInString(s) }

func pad(s string, to int) string {
	if n := to - width(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}
