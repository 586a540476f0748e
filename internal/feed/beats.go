package feed

import (
	"maps"
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

type timestamp = time.Duration

// lateAfter is when a beat of a host whose period is not known yet counts as missed: one and a half of the usual period.
const lateAfter = 45 * time.Second

// forgetAfter is when a host that was not heard any more is forgotten, should there be too many.
const forgetAfter = 10 * time.Minute

// beat is the last decoded heartbeat of a host.
type beat struct {
	hash    [16]byte
	dialect lattice.Dialect
	clean   bool      // nothing else has changed what is believed of the host since
	at      timestamp // when the last heartbeat came
	period  timestamp // between the last two, 0 = not known
}

// beats remembers the last heartbeat of each host, so that the next one is recognised without decoding it. A forgotten beat costs one
// decoding; a beat believed wrongly would hide a change for ever, so every doubt forgets.
type beats struct {
	max     int
	of      map[lattice.HostID]*beat
	expired timestamp // when room was last made
}

func newBeats(limit int) beats { return beats{max: limit, of: make(map[lattice.HostID]*beat)} }

// again tells whether a heartbeat equals the last one of its host and nothing else was heard of the host meanwhile. After a
// missed beat the answer is no: the host may have been given up, and then even the old contents are news.
func (b *beats) again(got wasmbus.Fingerprint, d lattice.Dialect, now timestamp) (lattice.HostID, bool) {
	last := b.of[lattice.HostID(got.Host)] // no allocation: the compiler knows this form
	if last == nil || !last.clean || last.hash != got.Hash || last.dialect != d {
		return "", false
	}
	gap := now - last.at
	late := gap > lateAfter
	if last.period > 0 {
		late = gap > last.period+last.period/2
	}
	last.at, last.period = now, gap
	if late {
		return "", false
	}
	return lattice.HostID(got.Host), true
}

// remember keeps a heartbeat that was decoded just now.
func (b *beats) remember(host lattice.HostID, hash [16]byte, d lattice.Dialect, now timestamp) {
	last := b.of[host]
	if last == nil {
		if len(b.of) >= b.max {
			b.expire(now)
		}
		if len(b.of) >= b.max {
			return // hosts above the bound are decoded each time
		}
		last = &beat{}
		b.of[host] = last
	} else if now > last.at {
		last.period = now - last.at
	}
	last.hash, last.dialect, last.clean, last.at = hash, d, true, now
}

// expire makes room: hosts that were killed never say that they are gone. It looks at all of them, at most once a minute.
func (b *beats) expire(now timestamp) {
	if now-b.expired < time.Minute && b.expired > 0 {
		return
	}
	b.expired = now
	maps.DeleteFunc(b.of, func(_ lattice.HostID, last *beat) bool { return now-last.at > forgetAfter })
}

func (b *beats) touch(host lattice.HostID) {
	if last := b.of[host]; last != nil {
		last.clean = false
	}
}

func (b *beats) clear() { clear(b.of) }

// note looks at an event that is no heartbeat: one that changes what a host carries makes its next heartbeat news.
func (b *beats) note(event lattice.Event) {
	switch e := event.(type) {
	case lattice.HostStarted:
		b.touch(e.Host)
	case lattice.HostStopped:
		delete(b.of, e.Host)
	case lattice.Scaled:
		b.touch(e.Host)
	case lattice.Started:
		b.touch(e.Host)
	case lattice.Stopped:
		b.touch(e.Host)
	case lattice.StartFailed:
		b.touch(e.Host)
	case lattice.Updated:
		b.touch(e.Host)
	case lattice.LabelsChanged:
		b.touch(e.Host)
	}
}
