// Package client talks to a wadm server over NATS: it puts manifests, deploys and undeploys applications, and asks about them and their hosts.
//
// It knows the subjects and replies of package wadmapi and turns a refusal into a typed error. It opens no connection and reads no file:
// the caller brings a NATS connection and the bytes of a manifest. The command line stands on it, and so may any other program.
//
// The server may be of either generation, also the real wadm 0.21.1 or 0.3.0: a Client learns which from the first reply that tells, and its results are
// the same for both, as far as the server knows them. What a server cannot do is an error, [ErrUnsupported].
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/wadmapi"
)

// DefaultTimeout bounds a request whose context has no deadline.
const DefaultTimeout = 10 * time.Second

// Client asks the wadm server of one lattice. Its methods may be called from several goroutines.
type Client struct {
	nc      *nats.Conn
	lattice string
	timeout time.Duration
	speaks  atomic.Int32 // generation of the server + 1, 0: not known yet
}

// Option changes a Client.
type Option func(*Client)

// WithTimeout bounds requests whose context has no deadline, instead of DefaultTimeout.
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.timeout = d } }

// New makes a client for a lattice. The connection stays the caller's. The error says that no lattice may have that name.
func New(nc *nats.Conn, lattice string, opts ...Option) (*Client, error) {
	if err := wadmapi.ValidName(lattice); err != nil {
		return nil, fmt.Errorf("lattice %w", err)
	}
	c := &Client{nc: nc, lattice: lattice, timeout: DefaultTimeout}
	for _, opt := range opts {
		opt(c)
	}
	return c, nil
}

// Lattice is the lattice that the client asks about.
func (c *Client) Lattice() string { return c.lattice }

// Put stores a manifest as a new version of the application that it names, and deploys nothing. contentType is application/yaml,
// application/json, or empty to let the server find out. Errors: ErrExists, or an *Error with every mistake of the manifest and its place.
func (c *Client) Put(ctx context.Context, manifest []byte, contentType string) (wadmapi.PutReply, error) {
	m := nats.NewMsg(wadmapi.ModelSubject(c.lattice, wadmapi.OpPut, ""))
	m.Data = manifest
	if contentType != "" {
		m.Header.Set("Content-Type", contentType)
	}
	a, err := c.ask(ctx, m)
	if err != nil {
		return wadmapi.PutReply{}, err
	}
	if a.is03() {
		return c.put03(ctx, a)
	}
	return decode[wadmapi.PutReply](a)
}

// Deploy says that a version of an application shall run; an empty version is the one put last. The server has accepted when it returns;
// what runs is told by Status. Errors: ErrNotFound for an unknown application, *Error for an unknown version or a refusal.
func (c *Client) Deploy(ctx context.Context, app, version string) (wadmapi.DeployReply, error) {
	named, err := c.name(ctx, app, version)
	if err != nil {
		return wadmapi.DeployReply{}, err
	}
	a, err := c.askAbout(ctx, wadmapi.OpDeploy, app, wadmapi.VersionRequest{Version: named})
	if err != nil {
		return wadmapi.DeployReply{}, err
	}
	if a.is03() {
		return deployed03(app, named), nil
	}
	return decode[wadmapi.DeployReply](a)
}

// List gives all applications of the lattice by ascending name. The real 0.3.0 does not say which version is deployed, so it is asked for each
// application that is; where it does not answer that, DeployedVersion is nil.
func (c *Client) List(ctx context.Context) ([]wadmapi.ModelSummary, error) {
	if g, known := c.Generation(); !known || g == wadmapi.Generation021 {
		a, err := c.ask(ctx, nats.NewMsg(wadmapi.ModelSubject(c.lattice, wadmapi.OpGet, "")))
		if err == nil {
			r, err := decode[wadmapi.ListReply](a)
			return r.Models, err
		}
		if !c.is03() {
			return nil, err
		}
	}
	return c.list03(ctx)
}

// Get gives the manifest of a version, or of the one put last when version is empty, in normalised form. Errors: ErrNotFound.
func (c *Client) Get(ctx context.Context, app, version string) (json.RawMessage, error) {
	named, err := c.name(ctx, app, version)
	if err != nil {
		return nil, err
	}
	a, err := c.askAbout(ctx, wadmapi.OpGet, app, wadmapi.VersionRequest{Version: named})
	if err != nil {
		return nil, err
	}
	if a.is03() {
		return manifest03(a)
	}
	r, err := decode[wadmapi.GetReply](a)
	return r.Manifest, err
}

// Versions gives the stored versions of an application, oldest first. Errors: ErrNotFound.
func (c *Client) Versions(ctx context.Context, app string) ([]wadmapi.VersionInfo, error) {
	a, err := c.askAbout(ctx, wadmapi.OpVersions, app, nil)
	if err != nil {
		return nil, err
	}
	if a.is03() {
		return versions03(app, a)
	}
	r, err := decode[wadmapi.VersionsReply](a)
	return r.Versions, err
}

// Status gives the last status told of an application. One that does not exist is "undeployed". The real 0.3.0 tells a state alone, and says "idle" when
// time has passed, which reads "deployed" here and proves nothing.
func (c *Client) Status(ctx context.Context, app string) (wadmapi.Status, error) {
	if !c.is03() {
		a, err := c.askAbout(ctx, wadmapi.OpStatus, app, nil)
		if err == nil {
			return status(a)
		}
		if !c.is03() {
			return wadmapi.NewStatus(wadmapi.StatusUndeployed, ""), err
		}
	}
	return c.status03(ctx, app)
}

func status(a *answer) (wadmapi.Status, error) {
	r, err := decode[wadmapi.StatusReply](a)
	if err != nil || r.Status == nil {
		return wadmapi.NewStatus(wadmapi.StatusUndeployed, ""), err
	}
	return *r.Status, nil
}

// Hosts gives the hosts of the lattice, as the owner of the lattice sees them. Errors: ErrUnsupported from the real 0.21.1 and 0.3.0.
func (c *Client) Hosts(ctx context.Context) ([]wadmapi.Host, error) {
	a, err := c.ask(ctx, nats.NewMsg(wadmapi.HostListSubject(c.lattice)))
	if err != nil {
		return nil, err
	}
	r, err := decode[wadmapi.HostsReply](a)
	return r.Hosts, err
}

// Observed gives all that the owner of the lattice has observed. Errors: ErrUnsupported from the real 0.21.1 and 0.3.0.
func (c *Client) Observed(ctx context.Context) (wadmapi.Lattice, error) {
	a, err := c.ask(ctx, nats.NewMsg(wadmapi.LatticeGetSubject(c.lattice)))
	if err != nil {
		return wadmapi.Lattice{}, err
	}
	r, err := decode[wadmapi.LatticeReply](a)
	if err != nil || r.Lattice == nil {
		return wadmapi.Lattice{}, err
	}
	return *r.Lattice, nil
}

// Generation is what the server speaks; false while no reply has told.
func (c *Client) Generation() (wadmapi.Generation, bool) {
	g := c.speaks.Load()
	return wadmapi.Generation(max(g-1, 0)), g > 0
}

// SubscribeStatus sends each status that is told of an application from now on, until ctx ends; the channel is closed then. A reader that
// is slow gets the newest and misses those in between. Subscribe first and ask Status next, so that nothing is missed.
func (c *Client) SubscribeStatus(ctx context.Context, app string) (<-chan wadmapi.Status, error) {
	if err := fits(app); err != nil {
		return nil, err
	}
	subject := wadmapi.StatusSubject(c.lattice, app)
	msgs := make(chan *nats.Msg, 1024)
	sub, err := c.nc.ChanSubscribe(subject, msgs)
	if err != nil {
		return nil, fmt.Errorf("subscribing to %s: %w", subject, err)
	}
	if err := flush(ctx, c); err != nil {
		_ = sub.Unsubscribe() // the connection is what failed
		return nil, fmt.Errorf("subscribing to %s: %w", subject, err)
	}
	out := make(chan wadmapi.Status, 1)
	go func() {
		defer close(out)
		defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is closed
		for {
			select {
			case <-ctx.Done():
				return
			case m := <-msgs:
				var s wadmapi.Status
				if json.Unmarshal(m.Data, &s) != nil {
					continue // not a status: somebody else publishes there
				}
				select {
				case <-out:
				default:
				}
				out <- s // one place, just emptied, and nobody else sends
			}
		}
	}()
	return out, nil
}

func flush(ctx context.Context, c *Client) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	return c.nc.FlushWithContext(ctx)
}

func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.timeout)
}
