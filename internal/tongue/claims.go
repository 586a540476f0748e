package tongue

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// withClaims appends what an event says of the image behind it, if it does.
func withClaims(h Heard, claimed lattice.Event) Heard {
	if claimed != nil {
		h.Events = append(h.Events, claimed)
	}
	return h
}

func said(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func claimedActor(key string, c *wasmbus.OTPActorClaims) lattice.Event {
	if c == nil {
		return nil
	}
	return lattice.Claimed{ID: key, Claims: lattice.Claims{Name: said(c.Name), Issuer: c.Issuer, CallAlias: said(c.CallAlias),
		Version: said(c.Version), Revision: c.Revision, Contracts: c.Caps, Tags: c.Tags}}
}

func claimedProvider(d *wasmbus.OTPProviderStarted) lattice.Event {
	if d.Claims == nil {
		return nil
	}
	return lattice.Claimed{ID: d.PublicKey, Claims: lattice.Claims{Name: said(d.Claims.Name), Issuer: d.Claims.Issuer,
		Version: said(d.Claims.Version), Contract: d.ContractID, Tags: d.Claims.Tags}}
}

func claimedComponentV1(id string, c *wasmbus.V1ComponentClaims) lattice.Event {
	if c == nil {
		return nil
	}
	return lattice.Claimed{ID: id, Claims: lattice.Claims{Name: said(c.Name), Issuer: c.Issuer, CallAlias: said(c.CallAlias),
		Version: said(c.Version), Revision: int64(c.Revision), Tags: c.Tags}}
}

func claimedProviderV1(id string, c *wasmbus.V1ProviderClaims) lattice.Event {
	if c == nil {
		return nil
	}
	return lattice.Claimed{ID: id, Claims: lattice.Claims{Name: said(c.Name), Issuer: c.Issuer, Version: said(c.Version), Tags: c.Tags}}
}

// ReadClaims reads the claims that one host of the lattice knows. An entry without a key is left out.
func ReadClaims(data []byte, asked time.Duration) (lattice.ClaimsTold, error) {
	all, err := wasmbus.DecodeOTPClaims(data)
	if err != nil {
		return lattice.ClaimsTold{}, fmt.Errorf("reading the claims: %w", err)
	}
	out := lattice.ClaimsTold{Asked: asked, By: make(map[string]lattice.Claims, len(all))}
	for i := range all {
		c := &all[i]
		if !wasmbus.ValidToken(c.Sub) {
			continue
		}
		revision, err := strconv.ParseInt(c.Rev, 10, 64)
		if err != nil {
			revision = 0
		}
		out.By[c.Sub] = lattice.Claims{Name: c.Name, Issuer: c.Issuer, CallAlias: c.CallAlias, Version: said(c.Version), Revision: revision,
			Contracts: listed(c.Caps), Contract: said(c.ContractID), Tags: listed(c.Tags)}
	}
	return out, nil
}

// listed takes a list apart that is joined by commas.
func listed(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// invokedOTP is one invocation.
func invokedOTP(from, to wasmbus.OTPEntity, operation string, tally lattice.Tally) lattice.Event {
	end := func(e wasmbus.OTPEntity) lattice.End {
		return lattice.End{ID: e.PublicKey, Link: strings.TrimSpace(said(e.LinkName)), Contract: strings.TrimSpace(said(e.ContractID))}
	}
	return lattice.Invoked{Invocation: lattice.Invocation{From: end(from), To: end(to), Operation: operation}, Tally: tally}
}
