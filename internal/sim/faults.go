package sim

import (
	"fmt"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// Mute is how much of what a host says gets lost: probabilities from 0 to 1.
type Mute struct {
	Acks   float64 // answers to requests
	Events float64
}

// Kill ends a host without a word, as a power cut does: nothing is published, and requests to it find no responders.
func (c *Cluster) Kill(key string) error {
	h, err := c.living(key)
	if err != nil {
		return err
	}
	h.die()
	return nil
}

// Stop ends a host in good order, as SIGTERM does.
func (c *Cluster) Stop(key string) error {
	h, err := c.living(key)
	if err != nil {
		return err
	}
	if h.spec.Dialect == wasmbus.DialectOTP {
		h.terminateOTP()
	} else {
		h.shutDownV1(0)
	}
	return nil
}

// Return starts a dead host again under the same id. Nothing runs on it and its uptime begins anew. A living host is
// killed first.
func (c *Cluster) Return(key string) error {
	h, err := c.find(key)
	if err != nil {
		return err
	}
	if h.alive {
		h.die()
	}
	h.boot()
	return nil
}

// Replace starts a host with the same name and labels under a new id, which it returns; a living one is killed first. That
// is what happens to a host that was started without a seed.
func (c *Cluster) Replace(key string) (string, error) {
	h, err := c.find(key)
	if err != nil {
		return "", err
	}
	if h.alive {
		h.die()
	}
	spec := h.spec
	spec.ID = ""
	return c.AddHost(spec), nil
}

// Slow makes fetches and starts of a host take factor times as long; 1 is usual.
func (c *Cluster) Slow(key string, factor float64) error {
	h, err := c.find(key)
	if err != nil {
		return err
	}
	if factor <= 0 {
		return fmt.Errorf("slowing host %q: the factor is %v, it has to be more than 0", key, factor)
	}
	h.slow = factor
	return nil
}

// Mute lets a part of what a host says get lost.
func (c *Cluster) Mute(key string, m Mute) error {
	h, err := c.find(key)
	if err != nil {
		return err
	}
	h.mute = m
	return nil
}

// RefuseStarts makes every start on a host fail in the background, as a policy does; "" ends it.
func (c *Cluster) RefuseStarts(key, reason string) error {
	h, err := c.find(key)
	if err != nil {
		return err
	}
	h.refuse = reason
	return nil
}

// FailStarts makes the next n starts on a host fail.
func (c *Cluster) FailStarts(key string, n int) error {
	h, err := c.find(key)
	if err != nil {
		return err
	}
	h.failN = n
	return nil
}

// Cut takes a host off the network while everything on it runs on. What it says is kept and sent at once when it is
// healed, with the old times. Requests to it find no responders or, if silent (the server has not noticed), get no answer.
func (c *Cluster) Cut(key string, silent bool) error {
	h, err := c.living(key)
	if err != nil {
		return err
	}
	h.cut = cutClosed
	if silent {
		h.cut = cutSilent
	}
	c.subs++
	return nil
}

// Heal ends [Cluster.Cut].
func (c *Cluster) Heal(key string) error {
	h, err := c.find(key)
	if err != nil {
		return err
	}
	h.cut = whole
	c.subs++
	held := h.held
	h.held = nil
	for _, m := range held {
		h.publish(m)
	}
	return nil
}

// CrashActor ends the oldest instance of a public key on an OTP host: its supervisor starts another. The fourth crash
// within five seconds takes all components of the host with it.
func (c *Cluster) CrashActor(key, publicKey string) error {
	h, err := c.living(key)
	if err != nil {
		return err
	}
	if h.spec.Dialect != wasmbus.DialectOTP {
		return fmt.Errorf("crashing %s on host %q: only OTP hosts run components as processes", publicKey, key)
	}
	return h.crashActor(publicKey)
}

// CrashProvider ends the process of a provider: 1.x hosts start it again at once and say nothing, OTP hosts report that it
// stopped. id is the provider id or public key; link is the link name of an OTP provider.
func (c *Cluster) CrashProvider(key, id, link string) error {
	h, err := c.living(key)
	if err != nil {
		return err
	}
	if h.spec.Dialect == wasmbus.DialectOTP {
		return h.crashProviderOTP(id, link)
	}
	return h.crashProviderV1(id)
}

// HangProvider makes the process of a provider stand still, or go on: it answers no probe and nothing else shows. id and
// link are as in [Cluster.CrashProvider].
func (c *Cluster) HangProvider(key, id, link string, hung bool) error {
	h, err := c.living(key)
	if err != nil {
		return err
	}
	p, q := h.v1.providers[id], h.runningOTP(id, link)
	switch {
	case p != nil:
		p.hung = hung
	case q != nil:
		q.hung = hung
	default:
		return fmt.Errorf("hanging provider %q on host %q: it is not running", id, h.name)
	}
	return nil
}

// SetSwitches changes the peculiarities of a host at once.
func (c *Cluster) SetSwitches(key string, sw Switches) error {
	h, err := c.find(key)
	if err != nil {
		return err
	}
	h.sw = sw
	h.listens = nil
	c.subs++
	return nil
}

func (c *Cluster) living(key string) (*host, error) {
	h, err := c.find(key)
	if err != nil {
		return nil, err
	}
	if !h.alive {
		return nil, fmt.Errorf("finding host %q: it is not running", key)
	}
	return h, nil
}

// breakFor is how long the connection of an OTP host stays broken.
func (h *host) breakFor(d time.Duration) {
	h.deaf = h.c.now + d
	h.c.subs++
	h.after(d, func() { h.c.subs++ })
}
