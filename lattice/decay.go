package lattice

import "time"

// DefaultDecay is the age of a heartbeat at which a host stops being healthy; each further time of that length makes it worse by one.
const DefaultDecay = 35 * time.Second

// HostStatus is what the age of a host's last heartbeat says of it. It is shown and never acted on: whether a host is dead is found out
// by asking it.
type HostStatus uint8

// The statuses, from the best to the worst.
const (
	Healthy HostStatus = iota
	Warn
	Fail
	Unavailable
)

func (s HostStatus) String() string {
	return [...]string{"healthy", "warn", "fail", "unavailable"}[min(s, Unavailable)]
}

// Status divides the age of the last heartbeat by decay (DefaultDecay if it is not above 0), without a rest: 0 is healthy, 1 warn, 2 fail,
// more unavailable. Of a host that has sent no heartbeat yet the age of its first sign of life counts.
func (h *Host) Status(now, decay time.Duration) HostStatus {
	if decay <= 0 {
		decay = DefaultDecay
	}
	age := max(now-max(h.LastBeat, h.FirstSeen), 0)
	return HostStatus(min(age/decay, time.Duration(Unavailable)))
}
