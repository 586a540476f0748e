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

var quoted = regexp.MustCompile("`([^`]+)`")

// checkSeed reads the rows of docs/seed.md: the last cell is the state, the one before names the places.
func checkSeed(page, dir string) (rows int, numbers []string, found []finding) {
	number := 0
	for line := range strings.Lines(page) {
		number++
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[4]) == "state" {
			continue
		}
		rows++
		numbers = append(numbers, strings.TrimSpace(cells[1]))
		where := at("docs/seed.md", number)
		state := strings.TrimSpace(cells[4])
		isHere := state == "here" || strings.HasPrefix(state, "here ") || strings.HasPrefix(state, "here:")
		if !isHere && !strings.HasPrefix(state, "not yet: ") {
			found = append(found, finding{where, fmt.Sprintf("state is %q: say here, or not yet and why", state)})
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
	_, _, found := checkSeed(strings.Join([]string{
		"| # | part | place | state |",
		"|---|---|---|---|",
		"| 1 | good | `doc.go`, `testdata` | here |",
		"| 2 | good | `nowhere` | not yet: comes later |",
		"| 3 | bad | `nowhere` | here (nearly) |",
		"| 4 | bad | `doc.go` | soon |",
		"| 5 | bad | somewhere | here |",
	}, "\n"), ".")
	expect(t, found,
		"docs/seed.md:5: says here, but there is no nowhere",
		`docs/seed.md:6: state is "soon"`,
		"docs/seed.md:7: names no place",
	)
}
