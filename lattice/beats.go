package lattice

import "time"

const (
	defaultPeriod = 30 * time.Second
	minPeriod     = 200 * time.Millisecond
	maxPeriod     = 5 * time.Minute

	// A host that was busy sends the beats that it missed back to back: such intervals tell nothing about its period.
	minInterval = 50 * time.Millisecond
)

// beats learns the period of one host's heartbeats. The longest of the last three intervals is taken, for a beat held back once
// must not make a host look dead, and OTP hosts send one more beat for each ping.
type beats struct {
	intervals [3]time.Duration
	known     uint8         // intervals filled
	next      uint8         // the one to overwrite
	ticking   bool          // the last beat was heard in this time of listening, so the time since is an interval
	fallback  time.Duration // until two intervals are known
}

func (b *beats) beat(last, now time.Duration) {
	if b.ticking && now-last >= minInterval {
		b.intervals[b.next] = now - last
		b.next = (b.next + 1) % uint8(len(b.intervals))
		b.known = min(b.known+1, uint8(len(b.intervals)))
	}
	b.ticking = true
}

func (b *beats) period() time.Duration {
	if b.known < 2 {
		return b.fallback
	}
	longest := max(b.intervals[0], b.intervals[1], b.intervals[2]) // those not filled are zero
	return min(max(longest, minPeriod), maxPeriod)
}

// again forgets what was learned: the host began anew.
func (b *beats) again() { *b = beats{fallback: b.fallback} }
