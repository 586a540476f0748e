package lattice

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Claims is what a signed image says of itself, as the hosts tell it. Everything may be missing; nothing that we decide depends on it.
type Claims struct {
	Name      string
	Issuer    string // public key of who signed
	CallAlias string
	Version   string
	Revision  int64    // 0 = not told
	Contracts []string // what a component was signed for, e.g. wasmcloud:httpserver (OTP)
	Contract  string   // what a provider serves (OTP)
	Tags      []string
}

// Equal says that the two tell the same.
func (c Claims) Equal(o Claims) bool {
	return c.Name == o.Name && c.Issuer == o.Issuer && c.CallAlias == o.CallAlias && c.Version == o.Version && c.Revision == o.Revision &&
		c.Contract == o.Contract && slices.Equal(c.Contracts, o.Contracts) && slices.Equal(c.Tags, o.Tags)
}

// size is the number of bytes of all texts; ok is false when there are more of them than may be kept.
func (c *Claims) size() (n int, ok bool) {
	if len(c.Contracts) > maxClaimTexts || len(c.Tags) > maxClaimTexts || !legible(c.Name, c.Issuer, c.CallAlias, c.Version, c.Contract) ||
		!legible(c.Contracts...) || !legible(c.Tags...) {
		return 0, false
	}
	n = len(c.Name) + len(c.Issuer) + len(c.CallAlias) + len(c.Version) + len(c.Contract)
	for _, t := range c.Contracts {
		n += len(t)
	}
	for _, t := range c.Tags {
		n += len(t)
	}
	return n, true
}

// own copies the texts, so that no payload stays alive for their sake.
func (c Claims) own() Claims {
	own := func(all []string) []string {
		if len(all) == 0 {
			return nil
		}
		out := make([]string, len(all))
		for i, t := range all {
			out[i] = strings.Clone(t)
		}
		return out
	}
	return Claims{
		Name: strings.Clone(c.Name), Issuer: strings.Clone(c.Issuer), CallAlias: strings.Clone(c.CallAlias), Version: strings.Clone(c.Version),
		Revision: c.Revision, Contract: strings.Clone(c.Contract), Contracts: own(c.Contracts), Tags: own(c.Tags),
	}
}

// claimBook keeps the claims of each id. They stay when the last instance ends, as they do with hosts.
type claimBook struct {
	by    map[string]claimed
	bytes int
	swept time.Duration // when room was last made
}

type claimed struct {
	Claims
	at   time.Duration // when they were told, or asked for
	size int
}

func newClaimBook() claimBook { return claimBook{by: map[string]claimed{}, swept: Never} }

func (b claimBook) clone() claimBook {
	b.by = maps.Clone(b.by)
	return b
}

// ClaimsOf is what is known of the image behind an id. Of two images under one id the last one told counts.
func (s *State) ClaimsOf(id string) (Claims, bool) {
	c, ok := s.claims.by[id]
	return c.Claims, ok
}

// claim takes what is told of one id, unless something newer is known.
func (s *State) claim(id string, told Claims, at, now time.Duration) {
	if id == "" {
		return
	}
	old, known := s.claims.by[id]
	if known && (at < old.at || old.Equal(told)) {
		return
	}
	size, ok := told.size()
	if !ok || !legible(id) || !known && !s.roomForClaims(now) || s.claims.bytes-old.size+size > maxClaimsBytes {
		s.dropped++
		return
	}
	s.claims.bytes += size - old.size
	s.claims.by[strings.Clone(id)] = claimed{told.own(), at, size}
}

// roomForClaims forgets, when the book is full, those of ids that run nowhere; at most once a minute.
func (s *State) roomForClaims(now time.Duration) bool {
	if len(s.claims.by) < maxClaims {
		return true
	}
	if s.claims.swept != Never && now-s.claims.swept < time.Minute {
		return false
	}
	s.claims.swept = now
	runs := make(map[string]bool, len(s.places))
	// order: a set
	for k := range s.places {
		runs[k.ID] = true
	}
	// order: each one is looked at by itself
	for id, c := range s.claims.by {
		if !runs[id] {
			s.claims.bytes -= c.size
			delete(s.claims.by, id)
		}
	}
	return len(s.claims.by) < maxClaims
}

// claimsTold takes the table of one host. It holds the artifact of each key that was started last, wherever that was.
func (s *State) claimsTold(ev ClaimsTold, now time.Duration) {
	for _, id := range slices.Sorted(maps.Keys(ev.By)) {
		s.claim(id, ev.By[id], min(ev.Asked, now), now)
	}
}
