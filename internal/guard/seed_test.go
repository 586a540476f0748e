package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// parts is how many numbered parts the described program had; a row that is lost is a promise that is lost.
const parts = 21

var (
	quoted    = regexp.MustCompile("`([^`]+)`")
	namesTest = regexp.MustCompile("`([a-z0-9/]+\\.)?Test[A-Z0-9]\\w*`")
	// proofs are the ways in which a part can be known to be right, and nothing else counts as one.
	proofs = []string{"a recorded real program", "a real program's source", "our simulator alone"}
)

// checkSeed reads the rows of docs/seed.md: six columns in the table of parts (number, part, places, state, tests, proof), four in that of files
// (file, what it did, places, what shows it).
func checkSeed(page, dir string) (rows int, numbers []string, found []finding) {
	number := 0
	for line := range strings.Lines(page) {
		number++
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 && len(cells) != 8 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[3]) == "place" {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows++
		where := at("docs/seed.md", number)
		isHere := true
		if len(cells) == 8 {
			numbers = append(numbers, cells[1])
			var bad []finding
			isHere, bad = checkPart(where, cells)
			found = append(found, bad...)
		} else if cells[4] == "" {
			found = append(found, finding{where, "says not what shows it"})
		}
		places := quoted.FindAllStringSubmatch(cells[3], -1)
		if len(places) == 0 {
			found = append(found, finding{where, "names no place"})
		}
		for _, p := range places {
			if _, err := os.Stat(filepath.Join(dir, p[1])); isHere && err != nil {
				found = append(found, finding{where, "says here, but there is no " + p[1]})
			}
		}
	}
	return rows, numbers, found
}

// checkPart judges the state, the tests and the proof of one part, and tells whether it is said to be here.
func checkPart(where string, cells []string) (isHere bool, found []finding) {
	state, tests, proof := cells[4], cells[5], cells[6]
	isHere = state == "here" || strings.HasPrefix(state, "here ") || strings.HasPrefix(state, "here:")
	if !isHere {
		if !strings.HasPrefix(state, "not yet: ") {
			found = append(found, finding{where, fmt.Sprintf("state is %q: say here, or not yet and why", state)})
		}
		return false, found
	}
	if !namesTest.MatchString(tests) {
		found = append(found, finding{where, "names no test"})
	}
	if !slices.ContainsFunc(proofs, func(p string) bool { return strings.HasPrefix(proof, p) }) {
		found = append(found, finding{where, fmt.Sprintf("is proved by %q: say %s", proof, strings.Join(proofs, ", or "))})
	}
	return true, found
}

func TestSeedPlacesExist(t *testing.T) {
	dir := root(t)
	page, err := os.ReadFile(filepath.Join(dir, "docs/seed.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, numbers, found := checkSeed(string(page), dir)
	report(t, found)
	for i := range parts {
		if !slices.Contains(numbers, fmt.Sprint(i+1)) {
			t.Errorf("part %d of the described program has no row", i+1)
		}
	}
	if rows <= parts {
		t.Errorf("%d rows: the table of files is missing", rows)
	}
}

func TestSeedCheckerSeesEmptyPromises(t *testing.T) {
	_, numbers, found := checkSeed(strings.Join([]string{
		"| # | part | place | state | test | proved by |",
		"|---|---|---|---|---|---|",
		"| 1 | good | `doc.go`, `testdata` | here | `TestX` | our simulator alone |",
		"| 2 | good | `nowhere` | not yet: comes later | | |",
		"| 3 | bad | `nowhere` | here (nearly) | `TestX` | a recorded real program, 0.3.0 |",
		"| 4 | bad | `doc.go` | soon | `TestX` | our simulator alone |",
		"| 5 | bad | somewhere | here | `TestX` | our simulator alone |",
		"| 6 | bad | `doc.go` | here | the demo | a real program's source |",
		"| 7 | bad | `doc.go` | here | `TestX` | hope |",
		"",
		"| file | what it did | place | shown by |",
		"|---|---|---|---|",
		"| `a.ex` | good | `doc.go` | 1 |",
		"| `b.ex` | bad | `nowhere` | 2 |",
		"| `c.ex` | bad | `doc.go` | |",
	}, "\n"), ".")
	expect(t, found,
		"docs/seed.md:5: says here, but there is no nowhere",
		`docs/seed.md:6: state is "soon"`,
		"docs/seed.md:7: names no place",
		"docs/seed.md:8: names no test",
		`docs/seed.md:9: is proved by "hope"`,
		"docs/seed.md:14: says here, but there is no nowhere",
		"docs/seed.md:15: says not what shows it",
	)
	if got := strings.Join(numbers, " "); got != "1 2 3 4 5 6 7" {
		t.Errorf("parts %s", got)
	}
}
