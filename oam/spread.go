package oam

import (
	"math/bits"
	"slices"
)

// Share is how many instances one spread gets.
type Share struct {
	Spread Spread
	Count  int
	// Index is the spread's place in the manifest, -1 for the default spread.
	Index int
}

// Shares divides a spreadscaler's instances over its spreads, heaviest first;
// equal weights keep manifest order. Each gets floor(instances × weight ÷ sum),
// and what is left goes one by one to the heaviest. Nothing is ever lost: wadm
// 0.3.0 truncated instead, so 4 at 80/20 ran as 3 and 0; here, for both forms,
// it is 4 and 0.
//
// Without spreads the one share is the default spread. If all weights are 0,
// which Validate refuses, no share gets anything.
//
// For a daemonscaler there is nothing to divide: Instances runs on each
// matching host.
func Shares(s *Scaler) []Share {
	n := max(s.Instances, 0)
	if len(s.Spread) == 0 {
		return []Share{{Spread: Spread{Name: DefaultName, Requirements: map[string]string{}}, Count: n, Index: -1}}
	}
	shares := make([]Share, len(s.Spread))
	var sum uint64
	for i, sp := range s.Spread {
		shares[i] = Share{Spread: sp, Index: i}
		sum += uint64(max(sp.EffectiveWeight(), 0))
	}
	slices.SortStableFunc(shares, func(a, b Share) int {
		return b.Spread.EffectiveWeight() - a.Spread.EffectiveWeight()
	})
	if sum == 0 {
		return shares
	}
	left := n
	for i := range shares {
		hi, lo := bits.Mul64(uint64(n), uint64(max(shares[i].Spread.EffectiveWeight(), 0)))
		q, _ := bits.Div64(hi, lo, sum) // the weight is at most the sum, so hi < sum
		shares[i].Count = int(q)
		left -= int(q)
	}
	for i := 0; i < left && i < len(shares); i++ {
		shares[i].Count++
	}
	return shares
}
