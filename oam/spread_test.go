package oam

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// spreads reads weights such as "80,20,none".
func spreads(weights string) []Spread {
	var out []Spread
	for i, w := range strings.Split(weights, ",") {
		s := Spread{Name: fmt.Sprint("s", i)}
		if w != "none" {
			var n int
			fmt.Sscan(w, &n)
			s.Weight = &n
		}
		out = append(out, s)
	}
	return out
}

// TestSharesAreThoseOfTheOtherImplementation is SPR of docs/conformance.md.
func TestSharesAreThoseOfTheOtherImplementation(t *testing.T) {
	for _, tc := range []struct {
		n       int
		weights string
		want    string // weight:count, heaviest first
	}{
		{1, "100", "100:1"},
		{10, "100,100", "100:5 100:5"},
		{7, "30,40", "40:4 30:3"},
		{7, "100,100", "100:4 100:3"},
		{10, "none,none", "100:5 100:5"},
		{103, "42,3,37,384", "384:85 42:10 37:8 3:0"},
		{103, "42,3,37", "42:53 37:47 3:3"},
		{412, "50,25,25", "50:206 25:103 25:103"},
		{9, "33,33,33", "33:3 33:3 33:3"},
		{12, "25,25,50", "50:6 25:3 25:3"},
		{5, "40,40,20", "40:2 40:2 20:1"},
		{5, "40,40", "40:3 40:2"},
		{3, "40,20", "40:2 20:1"},
		{4, "80,20", "80:4 20:0"},
		{2, "33,33,34", "34:1 33:1 33:0"},
		{1, "50,50", "50:1 50:0"},
		{100, "1,1,1", "1:34 1:33 1:33"},
		{10, "none,0", "100:10 0:0"},
		{0, "80,20", "80:0 20:0"},
		{9, "0,0", "0:0 0:0"},
		{100_000, "1000000000,1000000000,1", "1000000000:50000 1000000000:50000 1:0"},
	} {
		t.Run(fmt.Sprintf("%d over %s", tc.n, tc.weights), func(t *testing.T) {
			var got []string
			for _, s := range Shares(&Scaler{Instances: tc.n, Spread: spreads(tc.weights)}) {
				got = append(got, fmt.Sprintf("%d:%d", s.Spread.EffectiveWeight(), s.Count))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithoutSpreadsAllGoesToTheDefault(t *testing.T) {
	want := []Share{{Spread: Spread{Name: "default", Requirements: map[string]string{}}, Count: 12, Index: -1}}
	if diff := cmp.Diff(want, Shares(&Scaler{Instances: 12})); diff != "" {
		t.Error(diff)
	}
}

func TestSharesLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Scaler{Instances: rapid.IntRange(0, MaxInstances).Draw(t, "instances")}
		weights := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 8).Draw(t, "weights")
		sum := 0
		for i := range weights {
			sum += weights[i]
			s.Spread = append(s.Spread, Spread{Name: fmt.Sprint(i), Weight: &weights[i]})
		}
		shares := Shares(s)
		total, seen := 0, map[int]bool{}
		for i, share := range shares {
			total += share.Count
			seen[share.Index] = true
			w := share.Spread.EffectiveWeight()
			if i > 0 && w > shares[i-1].Spread.EffectiveWeight() {
				t.Fatalf("share %d is heavier than the one before: %v", i, shares)
			}
			if i > 0 && w == shares[i-1].Spread.EffectiveWeight() && share.Index < shares[i-1].Index {
				t.Fatalf("equal weights left manifest order: %v", shares)
			}
			if exact := s.Instances * w; sum > 0 && (share.Count < exact/sum || share.Count > exact/sum+1) || w == 0 && share.Count > 0 {
				t.Fatalf("share %v of %d is not near %d/%d", share, s.Instances, exact, sum)
			}
		}
		if sum > 0 && total != s.Instances {
			t.Fatalf("%d of %d are placed", total, s.Instances)
		}
		if len(seen) != len(weights) {
			t.Fatalf("%d spreads, %d shares", len(weights), len(seen))
		}
	})
}
