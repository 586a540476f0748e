package node

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
)

// garbageRoom is how much garbage may lie about before it is collected, however little is alive. A server of few applications keeps some ten MB, and
// the runtime would have it collect after as much again: once in each larger deploy, in the very moment in which hosts wait for commands. A server
// that keeps more than this collects as the runtime would have it.
const garbageRoom = 32 << 20

// usualPercent is what the runtime does unless it is told otherwise: as much garbage as is alive.
const usualPercent = 100

var garbageOnce sync.Once

// leaveGarbage applies garbageRoom to this process, unless who runs it has decided with GOGC. GOMEMLIMIT bounds it as ever.
func leaveGarbage() {
	garbageOnce.Do(func() {
		if os.Getenv("GOGC") == "" {
			keepRoom(garbageRoom)
		}
	})
}

// keepRoom sets the percentage anew after each collection, when it is known how much is alive: something that is found to be garbage by each of them.
func keepRoom(room uint64) (stop func()) {
	var stopped atomic.Bool
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	last := 0
	var after func(*collected)
	after = func(c *collected) {
		if stopped.Load() {
			return
		}
		metrics.Read(live)
		if live[0].Value.Kind() == metrics.KindUint64 {
			if percent := percentFor(live[0].Value.Uint64(), room); percent != last {
				last = percent
				debug.SetGCPercent(percent)
			}
		}
		runtime.SetFinalizer(c, after)
	}
	after(&collected{})
	return func() { stopped.Store(true) }
}

// collected is what is garbage at each collection. It has a size, so that it is a thing of its own.
type collected struct{ _ [16]byte }

// percentFor is how much garbage in percent of what is alive is as much as the room, and never less than usual. It goes by steps, for each change of it
// stops the program for a moment.
func percentFor(live, room uint64) int {
	const step = usualPercent / 4
	percent := room * usualPercent / max(live, 1<<20)
	return int(max(percent/step*step, usualPercent))
}
