// Package good does all that the core may do.
package good

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Due is plain arithmetic on times that came in.
func Due(now time.Time, after time.Duration) time.Time { return now.Add(after) }

// Sum walks maps in the three permitted ways.
func Sum(m map[string]int) string {
	sum := 0
	// order: addition does not care.
	for _, v := range m {
		sum += v
	}
	for _, v := range m { // order: neither does this one.
		sum += v
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		sum += m[k]
	}
	copied := maps.Collect(maps.All(m))
	return fmt.Sprint(sum, len(copied))
}
