package api

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/wadmapi"
)

// Each request is told in the events of generation 0.3, before it is answered.
func TestWhatChangedIsToldBeforeTheReply(t *testing.T) {
	var mu sync.Mutex
	var got []string
	b := newBench(t, func(o *Options) {
		o.Flat = func(e wadmapi.FlatEvent) {
			mu.Lock()
			defer mu.Unlock()
			data, _ := json.Marshal(e.Data)
			got = append(got, e.Name+" "+string(data))
		}
	})
	event := func(name, version string) string {
		return name + ` {"lattice_id":"default","name":"shop","version":"` + version + `"}`
	}
	for _, step := range []struct {
		name, op, body string
		want           []string
	}{
		{"a put", "put", newsManifest("1"), []string{event("model_version_created", "1")}},
		{"the same once more is refused", "put", newsManifest("1"), nil},
		{"another", "put", newsManifest("2"), []string{event("model_version_created", "2")}},
		{"a third", "put", newsManifest("3"), []string{event("model_version_created", "3")}},
		{"an undeploy of what is not deployed", "undeploy.shop", "", nil},
		{"a deploy", "deploy.shop", `{"version":"1"}`, []string{event("model_deployed", "1")}},
		{"a deploy of the same", "deploy.shop", `{"version":"1"}`, nil},
		{"a deploy of another says nothing of the one before", "deploy.shop", `{"version":"2"}`, []string{event("model_deployed", "2")}},
		{"a deploy of what is not there", "deploy.shop", `{"version":"9"}`, nil},
		{"a delete of what does not run", "del.shop", `{"version":"3"}`, []string{event("model_version_deleted", "3")}},
		{"a delete of what is not there", "del.shop", `{"version":"3"}`, nil},
		{"an undeploy", "undeploy.shop", "", []string{event("model_undeployed", "2")}},
		{"a deploy again", "deploy.shop", `{"version":"1"}`, []string{event("model_deployed", "1")}},
		{"a delete of all", "del.shop", "", []string{event("model_undeployed", "1"), event("model_version_deleted", "1"), event("model_version_deleted", "2")}},
		{"a delete of nothing", "del.shop", "", nil},
	} {
		reply := b.model(step.op, step.body)
		mu.Lock()
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s, answered %s:\n%s", step.name, reply, diff)
		}
		got = nil
		mu.Unlock()
	}
}

func newsManifest(version string) string {
	return strings.ReplaceAll(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","annotations":{"version":"VERSION"}},`+
		`"spec":{"components":[{"name":"web","type":"component","properties":{"image":"registry.example/web:1"}}]}}`, "VERSION", version)
}
