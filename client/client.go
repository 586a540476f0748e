// Package client talks to a wadm server over NATS: it puts manifests, deploys and undeploys applications, and asks about them and their hosts.
//
// It knows the subjects and replies of package wadmapi and turns a refusal into a typed error. It opens no connection and reads no file:
// the caller brings a NATS connection and the bytes of a manifest. It works with wadm 0.21.1 too, save for [Client.Hosts] and [Client.Observed]. The command line
// stands on it, and so may any other program.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
	return request[wadmapi.PutReply](ctx, c, m)
}

// Deploy says that a version of an application shall run; an empty version is the one put last. The server has accepted when it returns;
// what runs is told by Status. Errors: ErrNotFound for an unknown application, *Error for an unknown version or a refusal.
func (c *Client) Deploy(ctx context.Context, app, version string) (wadmapi.DeployReply, error) {
	return ask[wadmapi.DeployReply](ctx, c, wadmapi.OpDeploy, app, version)
}

// Undeploy says that nothing of an application shall run. It is no error if nothing was to run. Errors: ErrNotFound.
func (c *Client) Undeploy(ctx context.Context, app string) (wadmapi.DeployReply, error) {
	return ask[wadmapi.DeployReply](ctx, c, wadmapi.OpUndeploy, app, "")
}

// Delete takes a version of an application out of the store, or all of them when version is empty; what runs of it is undeployed. When there
// was nothing to delete, the result is wadmapi.ResultNoop and no error.
func (c *Client) Delete(ctx context.Context, app, version string) (wadmapi.DeleteReply, error) {
	return ask[wadmapi.DeleteReply](ctx, c, wadmapi.OpDelete, app, version)
}

// List gives all applications of the lattice by ascending name.
func (c *Client) List(ctx context.Context) ([]wadmapi.ModelSummary, error) {
	r, err := request[wadmapi.ListReply](ctx, c, nats.NewMsg(wadmapi.ModelSubject(c.lattice, wadmapi.OpGet, "")))
	return r.Models, err
}

// Get gives the manifest of a version, or of the one put last when version is empty, in normalised form. Errors: ErrNotFound.
func (c *Client) Get(ctx context.Context, app, version string) (json.RawMessage, error) {
	r, err := ask[wadmapi.GetReply](ctx, c, wadmapi.OpGet, app, version)
	return r.Manifest, err
}

// Versions gives the stored versions of an application, oldest first. Errors: ErrNotFound.
func (c *Client) Versions(ctx context.Context, app string) ([]wadmapi.VersionInfo, error) {
	r, err := ask[wadmapi.VersionsReply](ctx, c, wadmapi.OpVersions, app, "")
	return r.Versions, err
}

// Status gives the last status told of an application. One that does not exist is "undeployed".
func (c *Client) Status(ctx context.Context, app string) (wadmapi.Status, error) {
	r, err := ask[wadmapi.StatusReply](ctx, c, wadmapi.OpStatus, app, "")
	if err != nil || r.Status == nil {
		return wadmapi.NewStatus(wadmapi.StatusUndeployed, ""), err
	}
	return *r.Status, nil
}

// Hosts gives the hosts of the lattice, as the owner of the lattice sees them.
func (c *Client) Hosts(ctx context.Context) ([]wadmapi.Host, error) {
	r, err := request[wadmapi.HostsReply](ctx, c, nats.NewMsg(wadmapi.HostListSubject(c.lattice)))
	return r.Hosts, err
}

// Observed gives all that the owner of the lattice has observed.
func (c *Client) Observed(ctx context.Context) (wadmapi.Lattice, error) {
	r, err := request[wadmapi.LatticeReply](ctx, c, nats.NewMsg(wadmapi.LatticeGetSubject(c.lattice)))
	if err != nil || r.Lattice == nil {
		return wadmapi.Lattice{}, err
	}
	return *r.Lattice, nil
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

// ask sends a request about one application. An empty version sends no body, which older servers understand too.
func ask[R any](ctx context.Context, c *Client, op wadmapi.Op, app, version string) (R, error) {
	var none R
	if err := fits(app); err != nil {
		return none, err
	}
	m := nats.NewMsg(wadmapi.ModelSubject(c.lattice, op, app))
	if version != "" {
		body, err := wadmapi.Encode(wadmapi.VersionRequest{Version: &version})
		if err != nil {
			return none, fmt.Errorf("asking for version %q: %w", version, err)
		}
		m.Data = body
	}
	return request[R](ctx, c, m)
}

// fits keeps a name from becoming another subject. It does not judge more: a server may hold names that it would not take today.
func fits(app string) error {
	if app == "" || strings.ContainsAny(app, ".*> \t\r\n") {
		return fmt.Errorf("application name %q is not allowed: only letters, digits, dashes and underscores are", app)
	}
	return nil
}

// request sends a message and decodes the reply, or the refusal.
func request[R any](ctx context.Context, c *Client, m *nats.Msg) (R, error) {
	var reply R
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	asked := time.Now()
	answer, err := c.nc.RequestMsgWithContext(ctx, m)
	if errors.Is(err, nats.ErrNoResponders) {
		return reply, &Error{Op: m.Subject, Message: noServer(c), sentinel: ErrNoServer}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return reply, &lateError{subject: m.Subject, after: time.Since(asked)}
	}
	if err != nil {
		return reply, fmt.Errorf("asking %s: %w", m.Subject, err)
	}
	var refusal wadmapi.PutErrorReply // the members that every refusal has, and those of put
	if err := json.Unmarshal(answer.Data, &refusal); err != nil {
		return reply, fmt.Errorf("reading the reply to %s: %w", m.Subject, err)
	}
	switch refusal.Result {
	case wadmapi.ResultError:
		e := &Error{Op: m.Subject, Message: refusal.Message, Mistakes: refusal.Errors}
		if strings.Contains(refusal.Message, "already exists") { // what clients of 0.21.1 look for
			e.sentinel = ErrExists
		}
		return reply, e
	case wadmapi.ResultNotFound:
		return reply, &Error{Op: m.Subject, Message: refusal.Message, sentinel: ErrNotFound}
	}
	if err := json.Unmarshal(answer.Data, &reply); err != nil {
		return reply, fmt.Errorf("reading the reply to %s: %w", m.Subject, err)
	}
	return reply, nil
}

func noServer(c *Client) string {
	return fmt.Sprintf("connected to NATS at %s, but no wadm server was listening for lattice %q: start one with  wadm  or  wadm dev", c.nc.ConnectedUrlRedacted(), c.lattice)
}
