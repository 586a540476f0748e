package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/wadmapi"
)

// answer is a reply that is no refusal.
type answer struct {
	subject string
	raw     []byte
	data    json.RawMessage // of generation 0.3; nil otherwise
}

func (a *answer) is03() bool { return a.data != nil }

// decode reads an answer of generation 0.21.
func decode[R any](a *answer) (R, error) {
	var r R
	if err := json.Unmarshal(a.raw, &r); err != nil {
		return r, fmt.Errorf("reading the reply to %s: %w", a.subject, err)
	}
	return r, nil
}

// decode03 reads the data of one of generation 0.3.
func decode03[R any](a *answer) (R, error) {
	var r R
	if err := json.Unmarshal(a.data, &r); err != nil {
		return r, fmt.Errorf("reading the reply to %s: %w", a.subject, err)
	}
	return r, nil
}

// askAbout sends a request about one application. A nil body is an empty one.
func (c *Client) askAbout(ctx context.Context, op wadmapi.Op, app string, body any) (*answer, error) {
	if err := fits(app); err != nil {
		return nil, err
	}
	m := nats.NewMsg(wadmapi.ModelSubject(c.lattice, op, app))
	if body != nil {
		text, err := wadmapi.Encode(body)
		if err != nil {
			return nil, fmt.Errorf("asking %s: %w", m.Subject, err)
		}
		m.Data = text
	}
	return c.ask(ctx, m)
}

// fits keeps a name from becoming another subject. It does not judge more: a server may hold names that it would not take today.
func fits(app string) error {
	if app == "" || strings.ContainsAny(app, ".*> \t\r\n") {
		return fmt.Errorf("application name %q is not allowed: only letters, digits, dashes and underscores are", app)
	}
	return nil
}

// ask sends a request, learns from the reply which generation the server is of, and makes a refusal an error.
func (c *Client) ask(ctx context.Context, m *nats.Msg) (*answer, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	asked := time.Now()
	reply, err := c.nc.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, &Error{Op: m.Subject, Message: noServer(c), sentinel: ErrNoServer}
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &lateError{subject: m.Subject, after: time.Since(asked)}
	case err != nil:
		return nil, fmt.Errorf("asking %s: %w", m.Subject, err)
	}
	a := &answer{subject: m.Subject, raw: reply.Data}
	if bytes.HasPrefix(bytes.TrimSpace(a.raw), []byte("[")) { // the list of generation 0.21 in its older form
		c.learn(wadmapi.Generation021)
		return a, nil
	}
	var head struct {
		wadmapi.PutErrorReply // the members that every refusal has, and those of put

		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(a.raw, &head); err != nil {
		return nil, fmt.Errorf("reading the reply to %s: %w", m.Subject, err)
	}
	if head.Result == wadmapi.ResultSuccess {
		a.data = head.Data
	}
	failed := head.Result == wadmapi.ResultError
	switch {
	case failed && speaks03(head.Message):
		c.learn(wadmapi.Generation03)
	case failed, !strings.HasPrefix(m.Subject, wadmapi.APIPrefix+"."+c.lattice+"."+string(wadmapi.CategoryModel)+"."):
		// No word of either generation; what is no operation on models is ours, alike in both.
	case a.is03():
		c.learn(wadmapi.Generation03)
	default:
		c.learn(wadmapi.Generation021)
	}
	if failed || head.Result == wadmapi.ResultNotFound {
		return nil, c.refusal(m.Subject, &head.PutErrorReply)
	}
	return a, nil
}

// refusal is the error for a reply that refuses.
func (c *Client) refusal(subject string, r *wadmapi.PutErrorReply) error {
	e := &Error{Op: subject, Message: plain03(r.Message), Mistakes: r.Errors}
	switch {
	case r.Result == wadmapi.ResultNotFound, strings.Contains(r.Message, absent03):
		e.sentinel = ErrNotFound
	case strings.Contains(r.Message, "already exists"): // what clients of 0.21.1 look for; 0.3.0 says it too
		e.sentinel = ErrExists
	case r.Message == string(wadmapi.Unexpected), strings.HasPrefix(r.Message, "Unsupported subject"):
		e.sentinel = ErrUnsupported
		if subject == wadmapi.HostListSubject(c.lattice) || subject == wadmapi.LatticeGetSubject(c.lattice) {
			e.Message = "this wadm tells nothing of hosts: ask them, with  wash get hosts  and  wash get inventory"
		}
	}
	return e
}

func (c *Client) learn(g wadmapi.Generation) { c.speaks.Store(int32(g) + 1) }

func (c *Client) is03() bool {
	g, known := c.Generation()
	return known && g == wadmapi.Generation03
}

func noServer(c *Client) string {
	return fmt.Sprintf("connected to NATS at %s, but no wadm server was listening for lattice %q: start one with  wadm  or  wadm dev", c.nc.ConnectedUrlRedacted(), c.lattice)
}
