package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

func manifest03(version string) []byte {
	return fmt.Appendf(nil, "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    version: %s\n    description: a shop\n"+
		"spec:\n  components:\n    - name: web\n      type: actor\n      properties:\n        image: registry.example/web:1\n", version)
}

// One story, told by a server of each generation: the results are the same, but for what generation 0.3 does not say.
func TestBothGenerationsGiveTheSameResults(t *testing.T) {
	for _, g := range []wadmapi.Generation{wadmapi.Generation021, wadmapi.Generation03} {
		t.Run(g.String(), func(t *testing.T) {
			c, _ := serveAs(t, g)
			ctx := t.Context()
			if _, known := c.Generation(); known {
				t.Error("the generation is known before a reply")
			}
			if list, err := c.List(ctx); err != nil || len(list) != 0 {
				t.Errorf("the list of nothing gives %v, %v", list, err)
			}
			if got, known := c.Generation(); !known || got != g {
				t.Errorf("the generation is %v, %v", got, known)
			}
			for i, v := range []string{"1", "2"} {
				r, err := c.Put(ctx, manifest03(v), "application/yaml")
				want := wadmapi.PutReply{Result: wadmapi.ResultCreated, TotalVersions: i + 1, CurrentVersion: v, Name: "shop", Message: "Successfully put manifest shop " + v}
				if i > 0 {
					want.Result = wadmapi.ResultNewVersion
				}
				if diff := cmp.Diff(want, r); err != nil || diff != "" {
					t.Errorf("put %s: %v\n%s", v, err, diff)
				}
			}
			if _, err := c.Put(ctx, manifest03("2"), ""); !errors.Is(err, client.ErrExists) {
				t.Errorf("put again gives %v", err)
			}
			two, one := "2", "1"
			r, err := c.Deploy(ctx, "shop", "")
			if diff := cmp.Diff(wadmapi.DeployReply{Result: wadmapi.ResultAcknowledged, Message: "Successfully deployed application shop 2", Name: "shop", Version: &two}, r); err != nil || diff != "" {
				t.Errorf("deploy of the newest: %v\n%s", err, diff)
			}
			if r, err := c.Deploy(ctx, "shop", "1"); err != nil || *r.Version != one {
				t.Errorf("deploy gives %+v, %v", r, err)
			}
			versions, err := c.Versions(ctx, "shop")
			if diff := cmp.Diff([]wadmapi.VersionInfo{{Version: "1", Deployed: true}, {Version: "2"}}, versions); err != nil || diff != "" {
				t.Errorf("versions: %v\n%s", err, diff)
			}
			list, err := c.List(ctx)
			if err != nil || len(list) != 1 || list[0].Version != "2" || list[0].DeployedVersion == nil || *list[0].DeployedVersion != "1" || *list[0].Description != "a shop" ||
				list[0].DetailedStatus.Status.Type != wadmapi.StatusWaiting || list[0].Status != wadmapi.StatusUndeployed {
				t.Errorf("list gives %+v, %v", list, err)
			}
			if s, err := c.Status(ctx, "shop"); err != nil || s.Version != "1" || s.Status.Type != wadmapi.StatusWaiting {
				t.Errorf("status gives %+v, %v", s, err)
			}
			if raw, err := c.Get(ctx, "shop", ""); err != nil || !json.Valid(raw) || !strings.Contains(string(raw), `"version":"2"`) {
				t.Errorf("get of the newest gives %s, %v", raw, err)
			}
			if _, err := c.Get(ctx, "shop", "9"); !errors.Is(err, client.ErrNotFound) {
				t.Errorf("get of what is not there gives %v", err)
			}
			if s, err := c.Status(ctx, "told"); err != nil || s.Status.Message != "no host" {
				t.Errorf("what was told of an application gives %+v, %v", s, err)
			}
			if _, err := c.Deploy(ctx, "nobody", ""); !errors.Is(err, client.ErrNotFound) {
				t.Errorf("deploy of nobody gives %v", err)
			}
			if hosts, err := c.Hosts(ctx); err != nil || len(hosts) != 1 {
				t.Errorf("hosts gives %v, %v", hosts, err)
			}
			if older, err := c.IsOlder(ctx); err != nil || older {
				t.Errorf("a server of ours is older: %v, %v", older, err)
			}
			if r, err := c.Undeploy(ctx, "shop", client.LetRun()); err != nil || r.Result != wadmapi.ResultAcknowledged {
				t.Errorf("undeploy gives %+v, %v", r, err)
			}
			if r, err := c.Delete(ctx, "shop", "1", client.Stop()); err != nil || r.Result != wadmapi.ResultDeleted {
				t.Errorf("delete gives %+v, %v", r, err)
			}
			if r, err := c.Delete(ctx, "shop", "1"); err != nil || r.Result != wadmapi.ResultNoop {
				t.Errorf("delete again gives %+v, %v", r, err)
			}
			if r, err := c.Delete(ctx, "shop", "1", client.AllVersions()); err != nil || r.Result != wadmapi.ResultDeleted {
				t.Errorf("delete of all gives %+v, %v", r, err)
			}
			if r, err := c.Delete(ctx, "shop", ""); err != nil || r.Result != wadmapi.ResultNoop {
				t.Errorf("delete of all again gives %+v, %v", r, err)
			}
			if got, known := c.Generation(); !known || got != g {
				t.Errorf("at the end the generation is %v, %v", got, known)
			}
		})
	}
}

// What a server would not heed is not sent: the real 0.21.1 stops what runs whatever a request says.
func TestAnOldServerIsNotAskedToLetGo(t *testing.T) {
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	asked := make(chan string, 10)
	if _, err := nc.Subscribe("wadm.api.>", func(m *nats.Msg) {
		asked <- m.Subject + " " + string(m.Data)
		reply := `{"result":"error","message":"Unsupported subject: ` + m.Subject + `"}`
		if strings.Contains(m.Subject, ".model.") {
			reply = `{"result":"acknowledged","message":"","name":"shop","version":null}`
		}
		_ = m.Respond([]byte(reply))
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	c, _ := dial(t, natstest.Connect(t, srv))
	for name, do := range map[string]func() error{
		"undeploy": func() error { _, err := c.Undeploy(t.Context(), "shop", client.LetRun()); return err },
		"delete":   func() error { _, err := c.Delete(t.Context(), "shop", "1", client.LetRun()); return err },
	} {
		if err := do(); !errors.Is(err, client.ErrUnsupported) || !strings.Contains(err.Error(), "it would stop what runs") {
			t.Errorf("%s gives %v", name, err)
		}
		if got := <-asked; got != "wadm.api.default.host.list " || len(asked) != 0 {
			t.Errorf("%s asked %q and %d more", name, got, len(asked))
		}
	}
	if _, err := c.Undeploy(t.Context(), "shop", client.Stop()); err != nil {
		t.Errorf("what it does anyway is refused: %v", err)
	}
}

// A server may be started anew with the other generation: the next reply tells.
func TestAServerOfTheOtherGenerationTakesOver(t *testing.T) {
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	c, _ := dial(t, natstest.Connect(t, srv))
	answer := func(replies map[string]string) func() {
		sub, err := nc.Subscribe("wadm.api.>", func(m *nats.Msg) {
			reply := replies[strings.TrimPrefix(m.Subject, "wadm.api.default.model.")]
			if reply == "" {
				reply = unexpected
			}
			_ = m.Respond([]byte(reply))
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.Flush()
		return func() { _ = sub.Unsubscribe(); _ = nc.Flush() }
	}
	of021 := map[string]string{
		"get": `{"result":"success","message":"","models":[{"name":"a"}]}`, "list": `[{"name":"a"}]`,
		"status.a": `{"result":"ok","message":"","status":{"status":{"type":"deployed"},"version":"1","components":[]}}`,
	}
	of03 := map[string]string{
		"get": unexpected, "status.a": unexpected, "versions.a": `{"data":[{"created":null,"deployed":true,"version":"1"}],"result":"success"}`,
		"list": `{"data":[{"deployment_status":"idle","description":7,"name":"a","version":"1"},{"deployment_status":"undeployed","description":null,"name":null,"version":null}],"result":"success"}`,
	}
	for _, server := range []map[string]string{of021, of03, of021, of03} {
		stop := answer(server)
		if s, err := c.Status(t.Context(), "a"); err != nil || s.Status.Type != wadmapi.StatusDeployed || s.Version != "1" {
			t.Errorf("status gives %+v, %v", s, err)
		}
		stop()
	}
	for _, server := range []map[string]string{of021, of03, of021} {
		stop := answer(server)
		list, err := c.List(t.Context())
		if err != nil || len(list) == 0 || list[len(list)-1].Name != "a" {
			t.Errorf("list gives %+v, %v", list, err)
		}
		stop()
	}
}
