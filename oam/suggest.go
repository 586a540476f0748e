package oam

import "slices"

// maxCandidates bounds the work of one suggestion.
const maxCandidates = 200

// suggest is the candidate that was probably meant, or "": at most a third of
// the letters differ. Of equally near ones the first wins.
func suggest(word string, candidates []string) string {
	if len(word) > 64 || word == "" {
		return ""
	}
	best, limit := "", len([]rune(word))/3+1
	for _, c := range candidates[:min(len(candidates), maxCandidates)] {
		if c == word || len(c) > 64 {
			continue
		}
		if d := distance([]rune(word), []rune(c)); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between two words.
func distance(a, b []rune) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = slices.Min([]int{last[j] + 1, row[j-1] + 1, last[j-1] + same})
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
