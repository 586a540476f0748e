package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/wadm-go/wadm/wadmapi"
)

// Removal changes what an undeploy or a delete does. Where neither Stop nor LetRun is given, the server decides: one of generation 0.21 stops what runs,
// one of generation 0.3 lets it run.
type Removal func(*removal)

type removal struct {
	stop *bool
	all  bool
}

// Stop has what runs stopped. Errors: ErrUnsupported from the real 0.3.0, which cannot.
func Stop() Removal { return func(r *removal) { r.stop = new(true) } }

// LetRun has what runs let go: it goes on, and the next deploy adopts it. Errors: ErrUnsupported from the real 0.21.1, which would stop it.
func LetRun() Removal { return func(r *removal) { r.stop = new(false) } }

// AllVersions deletes all versions, whatever version is named.
func AllVersions() Removal { return func(r *removal) { r.all = true } }

// removeRequest is the body of undeploy and delete.
type removeRequest struct {
	Version *string `json:"version,omitempty"`
	wadmapi.UndeployKeys
}

// removal collects the changes, and refuses what the server would not heed: it must not stop what should run on, or say that it stopped what runs.
func (c *Client) removal(ctx context.Context, changes []Removal) (removal, error) {
	var r removal
	for _, change := range changes {
		change(&r)
	}
	if r.stop == nil {
		return r, nil
	}
	older, err := c.IsOlder(ctx)
	if err != nil || !older {
		return r, err
	}
	e := &Error{sentinel: ErrUnsupported}
	switch {
	case c.is03() && *r.stop:
		e.Message = "wadm 0.3.0 cannot stop what runs, it only lets go of it: undeploy without that, and stop actors and providers on their hosts, with  wash ctl stop"
	case !c.is03() && !*r.stop:
		e.Message = "this wadm knows no letting go, it would stop what runs: leave the application deployed"
	default:
		return r, nil // it does so anyway
	}
	return r, e
}

// Undeploy says that nothing of an application shall run. It is no error if nothing was to run. Errors: ErrNotFound, where the server tells that there is
// no such application.
func (c *Client) Undeploy(ctx context.Context, app string, changes ...Removal) (wadmapi.DeployReply, error) {
	r, err := c.removal(ctx, changes)
	if err != nil {
		return wadmapi.DeployReply{}, err
	}
	a, err := c.askAbout(ctx, wadmapi.OpUndeploy, app, removeRequest{UndeployKeys: wadmapi.UndeployKeys{Destructive: r.stop}})
	if err != nil {
		return wadmapi.DeployReply{}, err
	}
	if a.is03() {
		return wadmapi.DeployReply{Result: wadmapi.ResultAcknowledged, Message: fmt.Sprintf("Successfully undeployed application %s", app), Name: app}, nil
	}
	return decode[wadmapi.DeployReply](a)
}

// Delete takes a version of an application out of the store, or all of them when version is empty; what runs of it is undeployed. When there
// was nothing to delete, the result is wadmapi.ResultNoop and no error.
func (c *Client) Delete(ctx context.Context, app, version string, changes ...Removal) (wadmapi.DeleteReply, error) {
	r, err := c.removal(ctx, changes)
	if err != nil {
		return wadmapi.DeleteReply{}, err
	}
	body := removeRequest{UndeployKeys: wadmapi.UndeployKeys{Undeploy: r.stop}}
	if version == "" || r.all {
		return c.deleteAll(ctx, app, body)
	}
	body.Version = &version
	return c.deleteOne(ctx, app, body)
}

func (c *Client) deleteOne(ctx context.Context, app string, body removeRequest) (wadmapi.DeleteReply, error) {
	a, err := c.askAbout(ctx, wadmapi.OpDelete, app, body)
	var refused *Error
	if errors.Is(err, ErrNotFound) && errors.As(err, &refused) {
		return wadmapi.DeleteReply{Result: wadmapi.ResultNoop, Message: refused.Message}, nil
	}
	if err != nil {
		return wadmapi.DeleteReply{}, err
	}
	if !a.is03() {
		return decode[wadmapi.DeleteReply](a)
	}
	r, err := decode03[wadmapi.Deleted03](a)
	return wadmapi.DeleteReply{
		Result: wadmapi.ResultDeleted, Message: fmt.Sprintf("Successfully deleted version %s of application %s", r.Version, app), Undeploy: body.Undeploy != nil && *body.Undeploy,
	}, err
}

// deleteAll deletes all versions. The real 0.3.0 can do that only one by one.
func (c *Client) deleteAll(ctx context.Context, app string, body removeRequest) (wadmapi.DeleteReply, error) {
	body.DeleteAll = new(true)
	versions, err := c.versionsToDelete(ctx, app)
	if err != nil {
		return wadmapi.DeleteReply{}, err
	}
	reply, err := c.deleteOne(ctx, app, body)
	if err != nil || !c.is03() || len(versions) == 0 {
		return reply, err
	}
	if versions, err = c.versionsToDelete(ctx, app); err != nil {
		return reply, err
	}
	body.DeleteAll = nil
	for _, v := range versions {
		named := stored03(v.Version)
		body.Version = &named
		if _, err := c.deleteOne(ctx, app, body); err != nil {
			return reply, fmt.Errorf("deleting version %q: %w", v.Version, err)
		}
	}
	return wadmapi.DeleteReply{
		Result: wadmapi.ResultDeleted, Message: fmt.Sprintf("Successfully deleted application %s", app), Undeploy: body.Undeploy != nil && *body.Undeploy,
	}, nil
}

// versionsToDelete are those that a server of generation 0.3 has; nil for one of 0.21, which deletes all by itself. That there are none is no error.
func (c *Client) versionsToDelete(ctx context.Context, app string) ([]wadmapi.VersionInfo, error) {
	if g, known := c.Generation(); known && g == wadmapi.Generation021 {
		return nil, nil
	}
	versions, err := c.Versions(ctx, app)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return versions, err
}
