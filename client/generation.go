package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// This file makes the replies of generation 0.3 those that callers know, and asks what generation 0.21 says by itself.

// absent03 stands in every error about a version that is not stored.
const absent03 = "No such model version in store"

// words03 are the beginnings of errors that no server of generation 0.21 gives.
var words03 = []string{
	string(wadmapi.Unexpected), "Failed to query model", "Failed to put model spec: ", "Failed to store model version: ", "Failed to delete model version: ",
	"Failed to deploy app spec: ", "Failed to start deployment monitor: ", "Failed to stop deployment monitor: ",
}

func speaks03(message string) bool {
	return slices.ContainsFunc(words03, func(w string) bool { return strings.HasPrefix(message, w) })
}

// plain03 takes the words out of a tuple in the language of 0.3.0, which it put into some errors: {:error, "No such …"}.
func plain03(message string) string {
	before, rest, found := strings.Cut(message, `{:error, "`)
	inner, ends := strings.CutSuffix(rest, `"}`)
	if !found || !ends {
		return message
	}
	return before + strings.ReplaceAll(inner, `\"`, `"`)
}

// stored03 is how a request names a version as replies show it: they show it without the v that a request may have, and that is taken off once.
func stored03(version string) string {
	if strings.HasPrefix(version, "v") {
		return "v" + version
	}
	return version
}

// name says which version a request about an application names: the one that is given, else none, or the newest where the server demands one. While it
// is not known which server that is, a question that both understand tells.
func (c *Client) name(ctx context.Context, app, version string) (*string, error) {
	if version != "" {
		return &version, nil
	}
	if g, known := c.Generation(); known && g == wadmapi.Generation021 {
		return nil, nil
	}
	versions, err := c.Versions(ctx, app)
	if err != nil {
		return nil, err
	}
	if !c.is03() {
		return nil, nil
	}
	newest := stored03(versions[len(versions)-1].Version)
	return &newest, nil
}

// put03 completes the reply to a put: how many versions there are now has to be asked. The version is stored whether that is answered or not.
func (c *Client) put03(ctx context.Context, a *answer) (wadmapi.PutReply, error) {
	r, err := decode03[wadmapi.Put03](a)
	if err != nil {
		return wadmapi.PutReply{}, err
	}
	out := wadmapi.PutReply{
		Result: wadmapi.ResultNewVersion, CurrentVersion: r.CurrentVersion, Name: r.Name,
		Message: fmt.Sprintf("Successfully put manifest %s %s", r.Name, r.CurrentVersion),
	}
	if versions, err := c.Versions(ctx, r.Name); err == nil {
		out.TotalVersions = len(versions)
	}
	if out.TotalVersions == 1 {
		out.Result = wadmapi.ResultCreated
	}
	return out, nil
}

func deployed03(app string, named *string) wadmapi.DeployReply {
	version := strings.TrimPrefix(*named, "v")
	return wadmapi.DeployReply{
		Result: wadmapi.ResultAcknowledged, Message: fmt.Sprintf("Successfully deployed application %s %s", app, version), Name: app, Version: &version,
	}
}

// manifest03 is the stored text in normalised form.
func manifest03(a *answer) (json.RawMessage, error) {
	r, err := decode03[wadmapi.Get03](a)
	if err != nil {
		return nil, err
	}
	doc, found := oam.Decode03([]byte(r.Raw))
	if errs := found.Errors(); doc == nil || doc.Manifest == nil || len(errs) > 0 {
		why := "it is empty"
		if len(errs) > 0 {
			why = errs[0].Text()
		}
		return nil, fmt.Errorf("reading the manifest in the reply to %s: %s", a.subject, why)
	}
	return oam.Canonical(doc.Manifest), nil
}

// versions03 are the versions, oldest first. An application without any is not there.
func versions03(app string, a *answer) ([]wadmapi.VersionInfo, error) {
	all, err := decode03[[]wadmapi.Version03](a)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &Error{Op: a.subject, Message: fmt.Sprintf("Application with the name %s not found", app), sentinel: ErrNotFound}
	}
	out := make([]wadmapi.VersionInfo, 0, len(all))
	for _, v := range slices.Backward(all) {
		out = append(out, wadmapi.VersionInfo{Version: v.Version, Deployed: v.Deployed})
	}
	return out, nil
}

// told03 is one application of a list. Whatever was put as a description is told as it is, a number too.
type told03 struct {
	wadmapi.Summary03

	Description json.RawMessage `json:"description"`
}

func (s *told03) description() *string {
	var words string
	switch {
	case len(s.Description) == 0 || string(s.Description) == "null":
		return nil
	case json.Unmarshal(s.Description, &words) != nil:
		words = string(s.Description)
	}
	return &words
}

// summaries03 is the list as it is told.
func (c *Client) summaries03(ctx context.Context) ([]told03, *answer, error) {
	a, err := c.ask(ctx, nats.NewMsg(wadmapi.ModelSubject(c.lattice, wadmapi.OpList, "")))
	if err != nil || !a.is03() {
		return nil, a, err
	}
	all, err := decode03[[]told03](a)
	return all, a, err
}

// ours asks a server of generation 0.3 what only one of ours can say, in the words of generation 0.21. false: it is the real 0.3.0.
func (c *Client) ours(ctx context.Context, subject string) (*answer, bool, error) {
	a, err := c.ask(ctx, nats.NewMsg(subject))
	if errors.Is(err, ErrUnsupported) {
		return nil, false, nil
	}
	return a, err == nil, err
}

func (c *Client) list03(ctx context.Context) ([]wadmapi.ModelSummary, error) {
	if a, ok, err := c.ours(ctx, wadmapi.LatticeListSubject(c.lattice)); ok || err != nil {
		if err != nil {
			return nil, err
		}
		r, err := decode[wadmapi.ListReply](a)
		return r.Models, err
	}
	all, a, err := c.summaries03(ctx)
	if err != nil {
		return nil, err
	}
	if !a.is03() { // another server has taken its place
		return decode[[]wadmapi.ModelSummary](a)
	}
	out := make([]wadmapi.ModelSummary, 0, len(all))
	for i := range all {
		s := &all[i]
		status := wadmapi.NewStatus(status03(s.DeploymentStatus), "")
		out = append(out, wadmapi.ModelSummary{
			Name: text(s.Name), Version: text(s.Version), Description: s.description(), DetailedStatus: status, Status: status.Status.Type.Legacy(),
		})
	}
	slices.SortFunc(out, func(a, b wadmapi.ModelSummary) int { return strings.Compare(a.Name, b.Name) })
	c.completeList(ctx, out)
	return out, nil
}

// atOnce is how many questions go to a server at once.
const atOnce = 16

// completeList asks for the deployed version of each application that has one.
func (c *Client) completeList(ctx context.Context, list []wadmapi.ModelSummary) {
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range list {
		m := &list[i]
		if m.DetailedStatus.Status.Type == wadmapi.StatusUndeployed || fits(m.Name) != nil {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if version, ok := c.deployedVersion(ctx, m.Name); ok {
				m.DeployedVersion, m.DetailedStatus.Version = &version, version
			}
		})
	}
	all.Wait()
}

// deployedVersion is the version that is deployed, if the server says so. The one that runs may be deleted meanwhile.
func (c *Client) deployedVersion(ctx context.Context, app string) (string, bool) {
	versions, err := c.Versions(ctx, app)
	if err != nil {
		return "", false
	}
	at := slices.IndexFunc(versions, func(v wadmapi.VersionInfo) bool { return v.Deployed })
	if at < 0 {
		return "", false
	}
	return versions[at].Version, true
}

func (c *Client) status03(ctx context.Context, app string) (wadmapi.Status, error) {
	none := wadmapi.NewStatus(wadmapi.StatusUndeployed, "")
	if err := fits(app); err != nil {
		return none, err
	}
	if a, ok, err := c.ours(ctx, wadmapi.LatticeStatusSubject(c.lattice, app)); ok || err != nil {
		if err != nil {
			return none, err
		}
		return status(a)
	}
	all, a, err := c.summaries03(ctx)
	if err != nil {
		return none, err
	}
	if !a.is03() {
		return c.Status(ctx, app) // another server has taken its place, and is known now
	}
	at := slices.IndexFunc(all, func(s told03) bool { return text(s.Name) == app })
	if at < 0 {
		return none, nil
	}
	s := wadmapi.NewStatus(status03(all[at].DeploymentStatus), "")
	if s.Status.Type != wadmapi.StatusUndeployed {
		s.Version, _ = c.deployedVersion(ctx, app)
	}
	return s, nil
}

// status03 is wadmapi.DeploymentState, back.
func status03(state string) wadmapi.StatusType {
	switch state {
	case wadmapi.StateInitializing:
		return wadmapi.StatusWaiting
	case wadmapi.StateReconciling:
		return wadmapi.StatusReconciling
	case wadmapi.StateIdle:
		return wadmapi.StatusDeployed
	}
	return wadmapi.StatusUndeployed
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// IsOlder tells whether the server is the real 0.21.1 or 0.3.0 or something before them, which know none of what we added. One that has no owner for the
// lattice at this moment is none.
func (c *Client) IsOlder(ctx context.Context) (bool, error) {
	_, err := c.Hosts(ctx)
	var refused *Error
	switch {
	case errors.Is(err, ErrUnsupported):
		return true, nil
	case err == nil, errors.As(err, &refused) && !errors.Is(err, ErrNoServer):
		return false, nil
	}
	return false, err
}
