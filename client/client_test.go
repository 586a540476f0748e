package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/api"
	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

type statuses map[string]wadmapi.Status

func (s statuses) Status(_, app string) (wadmapi.Status, bool) { st, ok := s[app]; return st, ok }

// serve runs the API service and returns a client of it with its connection.
func serve(t *testing.T) (*client.Client, *nats.Conn) { return serveAs(t, wadmapi.Generation021) }

func serveAs(t *testing.T, g wadmapi.Generation) (*client.Client, *nats.Conn) {
	t.Helper()
	srv := natstest.Start(t)
	st := memstore.New()
	hosts, err := wadmapi.Encode(wadmapi.HostsReply{Result: wadmapi.ResultSuccess, Hosts: []wadmapi.Host{{ID: "NA", Labels: map[string]string{"zone": "a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	s := api.New(natstest.Connect(t, srv), api.Options{
		Models: st, Wishes: st, Status: statuses{"told": wadmapi.NewStatus(wadmapi.StatusFailed, "no host")},
		Log: slog.New(slog.DiscardHandler), Generation: g,
		Handlers: map[wadmapi.Category]api.Handler{wadmapi.CategoryHost: func(context.Context, string, string, string, []byte) ([]byte, bool) {
			return hosts, true
		}},
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return dial(t, natstest.Connect(t, srv))
}

func dial(t *testing.T, nc *nats.Conn, opts ...client.Option) (*client.Client, *nats.Conn) {
	t.Helper()
	c, err := client.New(nc, "default", opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c, nc
}

func manifest(version string) []byte {
	return fmt.Appendf(nil, "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    version: %s\n"+
		"spec:\n  components:\n    - name: web\n      type: component\n      properties:\n        image: registry.example/web:1\n", version)
}

func TestLifeOfAnApplication(t *testing.T) {
	c, _ := serve(t)
	ctx := t.Context()
	for i, v := range []string{"v1", "v2"} {
		r, err := c.Put(ctx, manifest(v), "application/yaml")
		if err != nil || r.CurrentVersion != v || r.TotalVersions != i+1 {
			t.Fatalf("put %s gives %+v, %v", v, r, err)
		}
	}
	if r, err := c.Deploy(ctx, "shop", ""); err != nil || *r.Version != "v2" {
		t.Errorf("deploy of the newest gives %+v, %v", r, err)
	}
	if r, err := c.Deploy(ctx, "shop", "v1"); err != nil || *r.Version != "v1" {
		t.Errorf("deploy of v1 gives %+v, %v", r, err)
	}
	list, err := c.List(ctx)
	if err != nil || len(list) != 1 || *list[0].DeployedVersion != "v1" || list[0].DetailedStatus.Status.Type != wadmapi.StatusWaiting {
		t.Errorf("list gives %+v, %v", list, err)
	}
	versions, err := c.Versions(ctx, "shop")
	if diff := cmp.Diff([]wadmapi.VersionInfo{{Version: "v1", Deployed: true}, {Version: "v2"}}, versions); diff != "" || err != nil {
		t.Errorf("versions: %v\n%s", err, diff)
	}
	got, err := c.Get(ctx, "shop", "v2")
	if err != nil || !json.Valid(got) || !strings.Contains(string(got), `"version":"v2"`) {
		t.Errorf("get gives %s, %v", got, err)
	}
	if s, err := c.Status(ctx, "shop"); err != nil || s.Version != "v1" {
		t.Errorf("status gives %+v, %v", s, err)
	}
	if s, err := c.Status(ctx, "told"); err != nil || s.Status.Message != "no host" {
		t.Errorf("status gives %+v, %v", s, err)
	}
	if r, err := c.Undeploy(ctx, "shop"); err != nil || r.Version != nil {
		t.Errorf("undeploy gives %+v, %v", r, err)
	}
	if r, err := c.Delete(ctx, "shop", "v1"); err != nil || r.Result != wadmapi.ResultDeleted {
		t.Errorf("delete of v1 gives %+v, %v", r, err)
	}
	if r, err := c.Delete(ctx, "shop", ""); err != nil || !r.Undeploy {
		t.Errorf("delete gives %+v, %v", r, err)
	}
	if r, err := c.Delete(ctx, "shop", ""); err != nil || r.Result != wadmapi.ResultNoop {
		t.Errorf("delete again gives %+v, %v", r, err)
	}
	if hosts, err := c.Hosts(ctx); err != nil || len(hosts) != 1 || hosts[0].Labels["zone"] != "a" {
		t.Errorf("hosts gives %+v, %v", hosts, err)
	}
}

func TestRefusalsAreTyped(t *testing.T) {
	c, _ := serve(t)
	ctx := t.Context()
	if _, err := c.Put(ctx, manifest("v1"), ""); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		do   func() error
		is   error
		text string
	}{
		{"a version that is there", func() error { _, err := c.Put(ctx, manifest("v1"), ""); return err }, client.ErrExists, "Manifest version v1 already exists"},
		{"an application that is not", func() error { _, err := c.Deploy(ctx, "nobody", ""); return err }, client.ErrNotFound, "Application with the name nobody not found"},
		{"versions of one that is not", func() error { _, err := c.Versions(ctx, "nobody"); return err }, client.ErrNotFound, "Application with the name nobody not found"},
		{"a version that is not there", func() error { _, err := c.Get(ctx, "shop", "v9"); return err }, client.ErrNotFound, "Application shop with version v9 doesn't exist"},
		{"a version that cannot be deployed", func() error { _, err := c.Deploy(ctx, "shop", "v9"); return err }, nil,
			"Application with the name 'shop' does not have a version 'v9' to deploy"},
		{"a name that would be another subject", func() error { _, err := c.Undeploy(ctx, "a.b"); return err }, nil,
			`application name "a.b" is not allowed: only letters, digits, dashes and underscores are`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			if err == nil || err.Error() != tt.text || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	_, err := c.Put(ctx, []byte(strings.Replace(string(manifest("v2")), "image:", "imagee:", 1)), "")
	var refused *client.Error
	if !errors.As(err, &refused) || len(refused.Mistakes) == 0 || refused.Mistakes[0].Line != 12 || refused.Mistakes[0].Suggestion != "image" {
		t.Errorf("a mistaken manifest gives %+v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	srv := natstest.Start(t)
	c, nc := dial(t, natstest.Connect(t, srv), client.WithTimeout(50*time.Millisecond))
	_, err := c.List(t.Context())
	if !errors.Is(err, client.ErrNoServer) || !strings.Contains(err.Error(), "no wadm server was listening") {
		t.Errorf("without a server the error is %v", err)
	}
	if _, err := nc.Subscribe("wadm.api.>", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "asking wadm.api.default.model.get: no answer within ") {
		t.Errorf("a server that does not answer gives %v", err)
	}
	if _, err := client.New(nc, "a.b"); err == nil {
		t.Error("a lattice may not be called a.b")
	}
}

func TestSubscribeStatus(t *testing.T) {
	c, nc := dial(t, natstest.Connect(t, natstest.Start(t)))
	ctx, cancel := context.WithCancel(t.Context())
	ch, err := c.SubscribeStatus(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"not a status", `{"status":{"type":"compensating","message":"one"},"version":"v1","components":[]}`} {
		if err := nc.Publish("wadm.status.default.shop", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if s := <-ch; s.Status.Type != wadmapi.StatusReconciling || s.Version != "v1" {
		t.Errorf("the status is %+v", s)
	}
	// A slow reader gets the newest in the end.
	for i := range 200 {
		if err := nc.Publish("wadm.status.default.shop", fmt.Appendf(nil, `{"status":{"type":"failed","message":"%d"}}`, i)); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for s := range ch {
		if s.Status.Message == "199" {
			break
		}
	}
	cancel()
	for range ch { // closed at the end of ctx, or this test never ends
	}
}
