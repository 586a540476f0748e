package node

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	const mb = 1 << 20
	tests := map[string]struct {
		live, room uint64
		want       int
	}{
		"nothing alive is taken for a little":         {0, 32 * mb, 3200},
		"a small heap gets the room":                  {8 * mb, 32 * mb, 400},
		"it goes by steps":                            {9 * mb, 32 * mb, 350},
		"a heap as large as the room goes as usual":   {32 * mb, 32 * mb, 100},
		"a large heap goes as usual":                  {900 * mb, 32 * mb, 100},
		"no heap is collected more often than it was": {40 * mb, 32 * mb, 100},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := percentFor(tt.live, tt.room); got != tt.want {
				t.Errorf("%d bytes alive: %d%%, want %d%%", tt.live, got, tt.want)
			}
		})
	}
}

// TestRoomFollowsWhatIsAlive lets a heap grow and looks at the percentage that the runtime works with.
func TestRoomFollowsWhatIsAlive(t *testing.T) {
	before := debug.SetGCPercent(usualPercent)
	stop := keepRoom(64 << 20)
	small := untilPercent(t, func(p int) bool { return p > usualPercent })
	kept := make([]byte, 80<<20)
	untilPercent(t, func(p int) bool { return p == usualPercent })
	if kept[0] != 0 || small <= usualPercent {
		t.Error("what is kept is not alive")
	}
	runtime.KeepAlive(kept)
	untilPercent(t, func(p int) bool { return p > usualPercent })
	stop()
	untilPercent(t, func(int) bool { // one that runs already may set it once more
		debug.SetGCPercent(before)
		return gcPercent() == before
	})
}

// untilPercent collects until the percentage pleases: it is set after the collection, by the runtime's own goroutine.
func untilPercent(t *testing.T, pleases func(int) bool) int {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		debug.FreeOSMemory() // a whole collection
		p := gcPercent()
		if pleases(p) {
			return p
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("the percentage stays %d", p)
		}
	}
}

func gcPercent() int {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return int(s[0].Value.Uint64())
}
