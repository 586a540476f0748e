package node

import "time"

const (
	blindAfter = 10 * time.Second // without its hosts, an owner lets others go before it
	blindFor   = 5 * time.Minute  // and for so long after it was the owner; twice as long each time, until it has reached them
	blindMost  = time.Hour
)

// sight is whether a process can reach the hosts of a lattice. Only an owner has a connection to them, so one that could not reach them does not know
// when it could: it is believed blind for a while, and tries again when its turn has come.
type sight struct {
	dark  time.Duration // since when the owner cannot reach the hosts; 0 = it can, or there is no owner
	until time.Duration // believed blind
	times int
}

// look takes in how things stand now.
func (s *sight) look(now time.Duration, owns, reached bool) {
	switch {
	case owns && reached:
		*s = sight{}
	case !owns:
		s.dark = 0
	case s.dark == 0:
		s.dark = now
	case now-s.dark >= blindAfter:
		if !s.blind(now) {
			s.times++
		}
		s.until = now + min(blindFor<<min(s.times-1, 10), blindMost)
	}
}

func (s *sight) blind(now time.Duration) bool { return now < s.until }
