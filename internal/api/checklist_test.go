package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

const helloYAML = `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: hello
  annotations:
    description: says hello%s
spec:
  components:
    - name: web
      type: component
      properties:
        image: registry.example/web:1
`

func hello(version string) string {
	if version != "" {
		version = "\n    version: " + version
	}
	return fmt.Sprintf(helloYAML, version)
}

// decoded reads a reply.
func decoded[T any](t *testing.T, reply string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(reply), &v); err != nil {
		t.Fatalf("%v in %s", err, reply)
	}
	return v
}

func (b *bench) result(reply string, want wadmapi.Result) string {
	b.t.Helper()
	r := decoded[struct {
		Result  wadmapi.Result
		Message string
	}](b.t, reply)
	if r.Result != want || r.Message == "" {
		b.t.Errorf("the reply is %s, want a message and %s", reply, want)
	}
	return r.Message
}

func (b *bench) versions() string {
	b.t.Helper()
	r := decoded[wadmapi.VersionsReply](b.t, b.model("versions.hello", ""))
	var out []string
	for _, v := range r.Versions {
		mark := ""
		if v.Deployed {
			mark = "*"
		}
		out = append(out, v.Version+mark)
	}
	return strings.Join(out, " ")
}

// What a client of generation 0.21 relies on, one point after another.
func TestWhatClientsRelyOn(t *testing.T) {
	t.Run("a manifest without a version gets one, and another one each time", func(t *testing.T) {
		b := newBench(t)
		first := decoded[wadmapi.PutReply](t, b.model("put", hello("")))
		if first.Result != wadmapi.ResultCreated || len(first.CurrentVersion) != 26 || first.TotalVersions != 1 {
			t.Errorf("the first put gives %+v", first)
		}
		got := decoded[wadmapi.GetReply](t, b.model("get.hello", ""))
		doc, _ := oam.Decode(got.Manifest, oam.FormatJSON)
		if doc.Manifest.Version() != first.CurrentVersion {
			t.Errorf("get returns the version %q, put said %q", doc.Manifest.Version(), first.CurrentVersion)
		}
		second := decoded[wadmapi.PutReply](t, b.model("put", hello("")))
		if second.Result != wadmapi.ResultNewVersion || second.TotalVersions != 2 || second.CurrentVersion == first.CurrentVersion {
			t.Errorf("the second put gives %+v", second)
		}
	})
	t.Run("versions and content types", func(t *testing.T) {
		b := newBench(t)
		b.result(b.model("put", hello("v1")), wadmapi.ResultCreated)
		if m := b.result(b.model("put", hello("v1")), wadmapi.ResultError); !strings.Contains(m, "already exists") {
			t.Errorf("the same version again: %q", m)
		}
		b.result(b.model("put", hello("latest")), wadmapi.ResultError)
		asJSON := string(manifest(t, "hello", "v2", image))
		b.result(b.model("put", asJSON, "Content-Type", "application/json"), wadmapi.ResultNewVersion)
		b.result(b.model("put", hello("v3"), "content-type", "Application/YAML; charset=UTF-8"), wadmapi.ResultNewVersion)
		b.result(b.model("put", hello("v4"), "Content-Type", "application/x-yaml"), wadmapi.ResultNewVersion)
		b.result(b.model("put", hello("v5"), "Content-Type", "text/plain"), wadmapi.ResultError)
		b.result(b.model("put", hello("v5"), "Content-Type", "text/yaml; charset=latin1"), wadmapi.ResultError)
		b.result(b.model("put", hello("v5"), "Content-Type", ""), wadmapi.ResultError)
		if n := len(decoded[wadmapi.ListReply](t, b.model("get", "")).Models); n != 1 || b.versions() != "v1 v2 v3 v4" {
			t.Errorf("%d summaries, versions %s", n, b.versions())
		}
		b.result(b.model("get.hello", `{"version":"v2"}`), wadmapi.ResultSuccess)
		b.result(b.model("del.hello", `{"version":"v2"}`), wadmapi.ResultDeleted)
		if got := b.versions(); got != "v1 v3 v4" {
			t.Errorf("after deleting v2 the versions are %s", got)
		}
	})
	t.Run("deleting", func(t *testing.T) {
		b := newBench(t)
		for _, body := range []string{"", `{"version":null}`, `{}`} {
			b.model("put", hello("v1"))
			b.model("put", hello("v2"))
			b.result(b.model("del.hello", body), wadmapi.ResultDeleted)
			b.result(b.model("get.hello", ""), wadmapi.ResultNotFound)
		}
		b.model("put", hello("v1"))
		b.result(b.model("del.hello", `{"version":"v9"}`), wadmapi.ResultNoop)
		b.result(b.model("del.hello", `{"version":"v1"}`), wadmapi.ResultDeleted)
		b.result(b.model("del.hello", ""), wadmapi.ResultNoop)
		b.result(b.model("put", hello("v1")), wadmapi.ResultCreated)
	})
	t.Run("deploying, undeploying and their events", func(t *testing.T) {
		b := newBench(t)
		events := b.events("wadm.evt.default.>")
		seen := func(want string) {
			t.Helper()
			var got []string
			for _, m := range taken(events) {
				got = append(got, decoded[wadmapi.Event](t, string(m.Data)).Type)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("events %q, want %q", got, want)
			}
		}
		flags := func(want string) {
			t.Helper()
			if got := b.versions(); got != want {
				t.Errorf("versions %s, want %s", got, want)
			}
		}
		b.result(b.model("deploy.nobody", ""), wadmapi.ResultNotFound)
		b.result(b.model("undeploy.nobody", ""), wadmapi.ResultNotFound)
		b.model("put", hello("v1"))
		b.model("put", hello("v2"))
		seen("")
		b.result(b.model("deploy.hello", ""), wadmapi.ResultAcknowledged)
		seen("com.wadm.manifest_published")
		flags("v1 v2*")
		b.result(b.model("deploy.hello", `{"version":"v1"}`), wadmapi.ResultAcknowledged)
		flags("v1* v2")
		b.result(b.model("deploy.hello", `{"version":"latest"}`), wadmapi.ResultAcknowledged)
		flags("v1 v2*")
		taken(events)
		b.result(b.model("undeploy.hello", ""), wadmapi.ResultAcknowledged)
		seen("com.wadm.manifest_unpublished")
		flags("v1 v2")
		b.model("deploy.hello", "")
		taken(events)
		b.result(b.model("del.hello", `{"version":"v2"}`), wadmapi.ResultDeleted)
		seen("com.wadm.manifest_unpublished")
		b.model("deploy.hello", "")
		taken(events)
		b.result(b.model("del.hello", ""), wadmapi.ResultDeleted)
		seen("com.wadm.manifest_unpublished")
	})
	t.Run("status and list of what never ran", func(t *testing.T) {
		b := newBench(t)
		b.model("put", hello("v1"))
		s := decoded[wadmapi.StatusReply](t, b.model("status.hello", ""))
		if s.Result != wadmapi.ResultOK || s.Status == nil || s.Status.Status.Type != wadmapi.StatusUndeployed {
			t.Errorf("its status is %+v", s)
		}
		for _, m := range decoded[[]map[string]any](t, b.model("list", "ignored")) {
			if m["status"] != "undeployed" {
				t.Errorf("it is listed as %v", m)
			}
		}
	})
}

func TestTwoServersAnswerEachRequestOnce(t *testing.T) {
	srv := natstest.Start(t)
	st := newStore(t)
	for range 2 {
		if err := New(natstest.Connect(t, srv), Options{Models: st, Wishes: st, Status: noStatus{}}).Start(); err != nil {
			t.Fatal(err)
		}
	}
	nc := natstest.Connect(t, srv)
	inbox := nc.NewInbox()
	replies := make(chan *nats.Msg, 64)
	if _, err := nc.ChanSubscribe(inbox, replies); err != nil {
		t.Fatal(err)
	}
	const requests = 20
	for i := range requests {
		if err := nc.PublishRequest("wadm.api.default.model.put", inbox, manifest(t, "hello", fmt.Sprint(i), image)); err != nil {
			t.Fatal(err)
		}
	}
	kinds := map[wadmapi.Result]int{}
	for range requests {
		kinds[decoded[wadmapi.PutReply](t, string((<-replies).Data)).Result]++
	}
	if kinds[wadmapi.ResultCreated] != 1 || kinds[wadmapi.ResultNewVersion] != requests-1 {
		t.Errorf("the replies are %v", kinds)
	}
	// Every request was counted once above; a second answer to one would come before this one.
	if _, err := nc.Request("wadm.api.default.model.list", nil, patience); err != nil || len(replies) != 0 {
		t.Errorf("%d replies too many (%v)", len(replies), err)
	}
}
