package guard

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// page is one document, taken apart as far as the guards ask.
type page struct {
	name   string
	links  map[int][]string // targets by line
	titles []string         // "## Title", in order
	blocks []string         // code blocks, with their language
	rows   int              // of tables
}

var (
	link     = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	codeSpan = regexp.MustCompile("`[^`]*`")
)

func readPage(t testing.TB, dir, name string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	p := page{name: name, links: map[int][]string{}}
	var block []string
	for i, line := range strings.Split(string(text), "\n") {
		switch fence := strings.HasPrefix(line, "```"); {
		case block != nil && fence:
			p.blocks, block = append(p.blocks, strings.Join(block, "\n")), nil
		case block != nil || fence:
			block = append(block, line)
		default:
			if strings.HasPrefix(line, "#") {
				p.titles = append(p.titles, line)
			}
			if strings.HasPrefix(line, "|") {
				p.rows++
			}
			for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, "x"), -1) {
				p.links[i+1] = append(p.links[i+1], m[1])
			}
		}
	}
	return p
}

// anchors are the names under which the titles of a page are linked to, as GitHub makes them: small letters and digits of any script, "-" for a blank.
func (p page) anchors() []string {
	var all []string
	for _, title := range p.titles {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(strings.TrimLeft(title, "#"))))
	}
	return all
}

// checkLinks looks whether what a page links to inside the repository is there, the title included.
func checkLinks(t testing.TB, dir string, names []string) (found []finding) {
	t.Helper()
	for _, name := range names {
		p := readPage(t, dir, name)
		for line, targets := range p.links {
			for _, target := range targets {
				if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
					continue
				}
				file, anchor, _ := strings.Cut(target, "#")
				to := p
				if file != "" {
					rel := path.Join(path.Dir(name), file)
					if _, err := os.Stat(filepath.Join(dir, rel)); err != nil {
						found = append(found, finding{at(name, line), "links to " + target + ", and there is no " + rel})
						continue
					}
					if anchor == "" {
						continue
					}
					to = readPage(t, dir, rel)
				}
				if !slices.Contains(to.anchors(), anchor) {
					found = append(found, finding{at(name, line), "links to " + target + ", and no title there is called so"})
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int { return strings.Compare(a.where, b.where) })
	return found
}

const inChinese = ".zh-CN.md"

// checkTwins compares each page that there is in two languages with its twin: the same code blocks, byte for byte, the same titles and tables by number,
// and a link from each to the other.
func checkTwins(t testing.TB, dir string, names []string) (pairs int, found []finding) {
	t.Helper()
	for _, name := range names {
		first, ok := strings.CutSuffix(name, inChinese)
		if !ok {
			continue
		}
		if first += ".md"; !slices.Contains(names, first) {
			found = append(found, finding{name, "has no twin: there is no " + first})
			continue
		}
		pairs++
		a, b := readPage(t, dir, first), readPage(t, dir, name)
		for _, p := range []struct {
			page
			twin string
		}{{a, name}, {b, first}} {
			if !slices.ContainsFunc(slices.Collect(maps.Values(p.links)), func(targets []string) bool { return slices.Contains(targets, path.Base(p.twin)) }) {
				found = append(found, finding{p.name, "has no link to " + path.Base(p.twin)})
			}
		}
		for i := range max(len(a.blocks), len(b.blocks)) {
			if i >= len(a.blocks) || i >= len(b.blocks) || a.blocks[i] != b.blocks[i] {
				found = append(found, finding{name, fmt.Sprintf("code block %d is another one than in %s", i+1, first)})
				break
			}
		}
		if levels(a.titles) != levels(b.titles) {
			found = append(found, finding{name, "has other titles than " + first})
		}
		if a.rows != b.rows {
			found = append(found, finding{name, fmt.Sprintf("has %d lines of tables, %s %d", b.rows, first, a.rows)})
		}
	}
	return pairs, found
}

// levels are the depths of titles, in order.
func levels(titles []string) string {
	var s strings.Builder
	for _, title := range titles {
		fmt.Fprint(&s, len(title)-len(strings.TrimLeft(title, "#")))
	}
	return s.String()
}

// documents are the pages of the repository; what lies in testdata belongs to its test.
func documents(t testing.TB, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(tracked(t, dir), func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return !strings.HasSuffix(name, ".md") || strings.Contains(name, "testdata/") || err != nil
	})
}

func TestLinksLeadSomewhere(t *testing.T) {
	dir := root(t)
	names := documents(t, dir)
	if !slices.Contains(names, "README.md") {
		t.Fatalf("found %d pages, and README.md is none of them", len(names))
	}
	report(t, checkLinks(t, dir, names))
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	dir := root(t)
	pairs, found := checkTwins(t, dir, documents(t, dir))
	if pairs < 2 {
		t.Errorf("%d pages are there in two languages; README and docs/guide-otp have to be", pairs)
	}
	report(t, found)
}

func TestPageCheckersSeeBadPages(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.md":       "# One\n[zh](a.zh-CN.md) [b](b.md#zwei-größen-03) [out](https://example.org/x) [here](#one) `[no](none.md)`\n```sh\n[no](none.md)\n```\n|x|\n",
		"a.zh-CN.md": "# 一\n[en](a.md) [c](c.md)\n```sh\n[no](none.md)\n```\n|x|\n",
		"b.md":       "## Zwei *Größen*: 0.3\n[a](a.md#two) [x](sub/x.md)\n```\none\n```\n",
		"b.zh-CN.md": "# 二\n[b](b.md)\n```\ntwo\n```\n|x|\n",
		"d.zh-CN.md": "# 四\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"a.md", "a.zh-CN.md", "b.md", "b.zh-CN.md", "d.zh-CN.md"}
	expect(t, checkLinks(t, dir, names),
		"a.zh-CN.md:2: links to c.md, and there is no c.md",
		"b.md:2: links to a.md#two, and no title",
		"b.md:2: links to sub/x.md, and there is no sub/x.md",
	)
	_, found := checkTwins(t, dir, names)
	expect(t, found,
		"b.md: has no link to b.zh-CN.md",
		"b.zh-CN.md: code block 1 is another one than in b.md",
		"b.zh-CN.md: has other titles than b.md",
		"b.zh-CN.md: has 1 lines of tables, b.md 0",
		"d.zh-CN.md: has no twin",
	)
}
