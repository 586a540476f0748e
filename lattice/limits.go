package lattice

import (
	"math"
	"strings"
	"time"
)

// Bounds against hostile or broken hosts. They are far above any real lattice; what is beyond them is left out and counted (Dropped).
const (
	maxHosts       = 20_000
	maxItems       = 2_000_000 // (key, host) pairs
	maxHostItems   = 10_000
	maxGroups      = 1_000 // of one item
	maxInstances   = 1_000_000
	maxHostIDs     = 100_000       // instance ids on one host
	maxCount       = math.MaxInt32 // instances of one group; more counts as this
	maxText        = 1_024         // bytes of an id, a name, a reference
	maxValue       = 64 << 10
	maxNotes       = 64       // annotations of one group
	maxNotesBytes  = 64 << 20 // of all distinct annotation maps
	maxTextsBytes  = 64 << 20 // of all distinct references and texts of annotations
	maxLabels      = 1_000
	maxLabelsBytes = 16 << 10
	maxLinks       = 200_000
	maxLinkNames   = 1_000 // interfaces, or config names, of one link
	maxConfigs     = 100_000
	maxConfigBytes = 64 << 20 // of the values of all configs
	maxRefs        = 100_000
	maxClaims      = 100_000  // ids
	maxClaimTexts  = 64       // tags, or contracts, of one id
	maxClaimsBytes = 32 << 20 // of all claims

	maxInvocations     = 10_000  // different ones
	maxInvocationBytes = 8 << 20 // of their names

	maxDead    = 10_000
	maxStopped = 10_000
	deadAge    = 7 * 24 * time.Hour

	// What a host published before it stopped may come after its word that it did: a 0.58 host that is told to end says
	// host_stopped first and then lists what stopped with it. For so long only a beginning brings the host back.
	linger = 3 * time.Second
	// So late a message may be handled after one that was sent later.
	stale = 5 * time.Second
	// An answer is never later than this.
	answerAge = 5 * time.Minute
)

func legible(texts ...string) bool {
	for _, t := range texts {
		if len(t) > maxText {
			return false
		}
	}
	return true
}

// keepable tells whether a map of short texts may be kept.
func keepable(m map[string]string, entries, bytes int) bool {
	if len(m) > entries {
		return false
	}
	n := 0
	// order: a sum
	for k, v := range m {
		n += len(k) + len(v)
	}
	return n <= bytes
}

// keep copies a map, so that no payload stays alive for the sake of a few of its bytes.
func keep(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	kept := make(map[string]string, len(m))
	// order: a copy
	for k, v := range m {
		kept[strings.Clone(k)] = strings.Clone(v)
	}
	return kept
}
