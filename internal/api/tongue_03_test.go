package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

// The states of an application as a list of generation 0.3 shows them.
func TestDeploymentStatus(t *testing.T) {
	told := func(kind wadmapi.StatusType, version string) *wadmapi.Status {
		s := wadmapi.NewStatus(kind, "")
		s.Version = version
		return &s
	}
	for _, tt := range []struct {
		name     string
		deployed string
		told     *wadmapi.Status
		want     string
	}{
		{"not deployed", "", nil, "undeployed"},
		{"not deployed, and what was told is old", "", told(wadmapi.StatusDeployed, "v1"), "undeployed"},
		{"being taken away", "", told(wadmapi.StatusReconciling, ""), "undeployed"},
		{"deployed, and no owner has looked at it", "v1", nil, "initializing"},
		{"deployed, and there is no owner", "v1", told(wadmapi.StatusWaiting, ""), "initializing"},
		{"deployed again after an undeploy", "v1", told(wadmapi.StatusUndeployed, ""), "initializing"},
		{"another version is deployed since", "v2", told(wadmapi.StatusDeployed, "v1"), "initializing"},
		{"no host is there", "v1", told(wadmapi.StatusWaiting, "v1"), "reconciling"},
		{"something is missing", "v1", told(wadmapi.StatusReconciling, "v1"), "reconciling"},
		{"something has failed", "v1", told(wadmapi.StatusFailed, "v1"), "reconciling"},
		{"a provider is ill", "v1", told(wadmapi.StatusUnhealthy, "v1"), "reconciling"},
		{"all is there", "v1", told(wadmapi.StatusDeployed, "v1"), "idle"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source := fixedStatus{}
			if tt.told != nil {
				source["default.shop"] = *tt.told
			}
			b := newBench(t, func(o *Options) { o.Generation, o.Status = wadmapi.Generation03, source })
			if _, err := b.store.PutModel(t.Context(), "default", *model(t, "shop", 2, tt.deployed), 0); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf(`{"data":[{"deployment_status":%q,"description":"Unnamed Application","name":"shop","version":"v2"}],"result":"success"}`, tt.want)
			if got := b.model("list", ""); got != want {
				t.Errorf("the list is %s", got)
			}
		})
	}
}

// What clients of 0.3.0 show of a body that is no JSON.
func TestDecodeErrorsAsOf030(t *testing.T) {
	for body, want := range map[string]string{
		``:                        `%Jason.DecodeError{position: 0, token: nil, data: ""}`,     // recorded
		`{`:                       `%Jason.DecodeError{position: 1, token: nil, data: "{"}`,    // recorded
		`nope`:                    `%Jason.DecodeError{position: 0, token: nil, data: "nope"}`, // recorded
		`{"a":nul}`:               `%Jason.DecodeError{position: 5, token: nil, data: "{\"a\":nul}"}`,
		"{\n\t\"a\\b\" x":         `%Jason.DecodeError{position: 9, token: nil, data: "{\n\t\"a\\b\" x"}`,
		"#{x}":                    `%Jason.DecodeError{position: 0, token: nil, data: "\#{x}"}`,
		"\xff\x00":                `%Jason.DecodeError{position: 0, token: nil, data: <<255, 0>>}`,
		"a\x00":                   `%Jason.DecodeError{position: 0, token: nil, data: <<97, 0>>}`,
		strings.Repeat("ö", 5000): `%Jason.DecodeError{position: 0, token: nil, data: "` + strings.Repeat("ö", 4096) + `" <> ...}`,
	} {
		if got := decodeError([]byte(body)); got != want {
			t.Errorf("%.40q gives %.200s, want %.200s", body, got, want)
		}
	}
}

// A store that generation 0.21 has written to is served as it is: its versions have a v, and neither text nor time.
func TestWhatGeneration021HasStored(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Generation = wadmapi.Generation03 })
	if _, err := b.store.PutModel(t.Context(), "default", *model(t, "shop", 2, ""), 0); err != nil {
		t.Fatal(err)
	}
	want := `{"data":[{"created":null,"deployed":false,"version":"v2"},{"created":null,"deployed":false,"version":"v1"}],"result":"success"}`
	if got := b.model("versions.shop", ""); got != want {
		t.Errorf("the versions are %s", got)
	}
	if got := b.model("get.shop", `{"version":"1"}`); !strings.Contains(got, "No such model version in store: shop 1") {
		t.Errorf("version 1 is %s", got)
	}
	got := b.model("get.shop", `{"version":"v1"}`)
	if !strings.Contains(got, `"vetted":{"components":[{"image":"registry.example/web:1","name":"web","traits":[]}],"description":"Unnamed Application","name":"shop","version":"v1"}`) || !strings.Contains(got, `\"type\":\"component\"`) {
		t.Errorf("version v1 is %s", got)
	}
	if got := b.model("deploy.shop", `{"version":"v1"}`); got != `{"data":{"acknowledged":true},"result":"success"}` {
		t.Errorf("the deploy is answered %s", got)
	}
}

// The same server, told to answer as 0.21, reads what generation 0.3 has stored.
func TestWhatGeneration03HasStored(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Generation = wadmapi.Generation03 })
	b.model("put", "metadata: {name: shop, annotations: {version: v1.0.0}}\nspec: {components: []}\n")
	now := time.Now().Truncate(time.Millisecond)
	m, _, err := b.store.Model(t.Context(), "default", "shop")
	if err != nil || len(m.Versions) != 1 {
		t.Fatal(m, err)
	}
	v := m.Versions[0]
	if age := now.Sub(v.Created); v.Version != "1.0.0" || age < 0 || age > patience || !strings.HasPrefix(string(v.Raw), "metadata: {name: shop") {
		t.Errorf("stored is %q of %v: %s", v.Version, v.Created, v.Raw)
	}
	want := `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","annotations":{"version":"1.0.0"}},"spec":{"components":[]}}`
	if string(v.Manifest) != want {
		t.Errorf("the manifest is %s", v.Manifest)
	}
	old := New(b.nc, Options{Models: b.store, Wishes: b.store, Status: noStatus{}})
	subject := wadmapi.Subject{Lattice: "default", Category: wadmapi.CategoryModel, Op: wadmapi.OpGet, Name: "shop"}
	reply := old.tongue.show(subject, Request{Op: wadmapi.OpGet}, old.find(t.Context(), subject))
	if got := reply.(wadmapi.GetReply); got.Result != wadmapi.ResultSuccess || string(got.Manifest) != want {
		t.Errorf("generation 0.21 says %+v", got)
	}
}

// A manifest of the 1.x form is taken in either generation, by its own rules.
func TestBothFormsIn03(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Generation = wadmapi.Generation03 })
	if got := b.model("put", hello("v1")); got != `{"data":{"current_version":"1","name":"hello"},"result":"success"}` {
		t.Errorf("a manifest of the 1.x form is answered %s", got)
	}
	got := b.model("put", strings.Replace(hello("v2"), "image:", "imagee:", 1))
	if want := `{"message":"Failed to put model spec: unknown field \"imagee\" in components[0].properties; did you mean \"image\"? (manifest:13:9)","result":"error"}`; got != want {
		t.Errorf("one with a slip is answered %s", got)
	}
	if got := b.model("get.hello", `{"version":"1"}`); !strings.Contains(got, `"vetted":{"components":[{"image":"registry.example/web:1","name":"web","traits":[]}],"description":"says hello","name":"hello","version":"1"}`) {
		t.Errorf("it is got as %s", got)
	}
}

func TestHostileRequestsIn03(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Generation = wadmapi.Generation03 })
	b.model("put", "metadata: {name: shop, annotations: {version: 1.0}}\nspec: {components: []}\n")
	put := func(links string) string {
		return "metadata: {name: x}\nspec: {components: [{name: p, type: capability, properties: {image: i, contract: c}}, {name: a, type: actor, properties: {image: i}, traits: [" + links + "]}]}\n"
	}
	for _, tt := range []struct{ name, op, body, want string }{
		{"a text that is almost true", "undeploy.shop", `{"destructive":"true "}`, `Failed to stop deployment monitor: destructive must be true or false, found \"true \"`},
		{"two words that contradict", "undeploy.shop", `{"destructive":"true","non_destructive":"true"}`, `Failed to stop deployment monitor: destructive and non_destructive are both true: they contradict each other`},
		{"an endless body", "get.shop", strings.Repeat(" ", 64<<10) + "{}", `Failed to query model: the body is 65538 bytes long, at most 65536 are allowed`},
		{"an endless body of what reads any", "undeploy.shop", strings.Repeat(" ", 64<<10) + "[]", `Failed to stop deployment monitor: the body is 65538 bytes long, at most 65536 are allowed`},
		{"a version that is a number", "deploy.shop", `{"version":1.0}`, `Failed to deploy app spec: version must be a string`},
		{"a version that is a number, in JSON", "put", `{"metadata":{"name":"x","annotations":{"version":1}},"spec":{"components":[]}}`, `Failed to put model spec: invalid type: integer ` + "`1`" + `, expected a string in metadata.annotations.version: quote it, \"1\" (manifest:1:50)`},
		{"link values that are no map", "put", put("{type: linkdef, properties: {target: p, values: [1]}}"), `Failed to put model spec: invalid type: sequence, expected a map in components[1].traits[0].properties.values (manifest:2:191)`},
		{"a link to what is no capability", "put", put("{type: linkdef, properties: {target: a, values: {}}}"), `Failed to put model spec: No matching targets found for link definition target a`},
		{"an alias to itself", "put", "metadata: &a [*a]", `Failed to put model spec: alias *a contains itself (manifest:1:15)`},
		{"too deep", "put", strings.Repeat("[", 20_000), `Failed to put model spec: reading YAML: nested deeper than 64 levels`},
		{"a version with a control character", "put", "metadata: {name: x, annotations: {version: \"a\\u0007\"}}\nspec: {components: []}", `Failed to put model spec: version \"a\\a\" contains a control character`},
		{"what is not looked at", "put", "metadata: {name: x, labels: [not, looked, at], annotations: {other: {deep: 1}}}\nspec: {components: [], policies: 7}\nmore: 1", ""},
	} {
		got := b.model(tt.op, tt.body)
		if tt.want != "" && !strings.HasPrefix(got, `{"message":"`+tt.want) {
			t.Errorf("%s: %.300s, want %s", tt.name, got, tt.want)
		}
		if tt.want == "" && !strings.Contains(got, `"success"`) {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
	for subject, want := range map[string]string{
		"wadm.api.größe.model.list":                              `Received unexpected API request: lattice name \"größe\" is not allowed`,
		"wadm.api.default.model.del.größe":                       `Failed to delete model version: {:error, \"No such model version in store: größe 1\"}`,
		"wadm.api.default.model.get.\xff":                        `Failed to query model: {:error, `,
		"wadm.api.default.model.get." + strings.Repeat("a", 300): `Failed to query model: {:error, \"No such model version in store: aaa`,
		"wadm.api.default.model.history.shop":                    `Received unexpected API request`,
		"wadm.api.default.host.frob":                             `Received unexpected API request`,
		"wadm.api.default.model.get.shop.more":                   `Received unexpected API request`,
	} {
		if got := b.ask(subject, `{"version":"1"}`); !strings.HasPrefix(got, `{"message":"`+want) {
			t.Errorf("%.60s is answered %.200s", subject, got)
		}
	}
	if got := b.model("undeploy.größe", `{}`); got != `{"data":{},"result":"success"}` {
		t.Errorf("an undeploy of nothing is answered %s", got)
	}
}

func TestStorageFailuresIn03(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Generation = wadmapi.Generation03 })
	b.model("put", "metadata: {name: shop}\nspec: {components: []}\n")
	b.store.mu.Lock()
	b.store.before = func(string, string) error { return errBroken }
	b.store.mu.Unlock()
	const app, gone = `application \"shop\": the disk is gone`, `the disk is gone`
	for op, want := range map[string]string{
		"put":           `Failed to store model version: reading the record of ` + app,
		"get.shop":      `Failed to query model: {:error, \"reading the record of application \\\"shop\\\": the disk is gone\"}`,
		"list":          `Failed to query models: {:error, \"` + gone + `\"}`,
		"versions.shop": `Failed to query model version history: {:error, \"reading the record of application \\\"shop\\\": the disk is gone\"}`,
		"deploy.shop":   `Failed to deploy app spec: reading the wish of ` + app,
		"undeploy.shop": `Failed to stop deployment monitor: reading the wish of ` + app,
		"del.shop":      `Failed to delete model version: {:error, \"reading the wish of application \\\"shop\\\": the disk is gone\"}`,
	} {
		body := `{"version":"0.0.0"}`
		if op == "put" {
			body = "metadata: {name: shop, annotations: {version: x}}\nspec: {components: []}\n"
		}
		if got := b.model(op, body); got != `{"message":"`+want+`","result":"error"}` {
			t.Errorf("%s is answered %s, want %s", op, got, want)
		}
	}
}

// One record that cannot be read is said where it is asked for, and hides nothing.
func TestABadRecordIn03(t *testing.T) {
	srv := natstest.Start(t)
	st := unreadableStore{newStore(t)}
	s := New(natstest.Connect(t, srv), Options{Models: st, Wishes: st, Status: noStatus{}, Generation: wadmapi.Generation03})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, nc: natstest.Connect(t, srv), store: st.watchedStore, service: s}
	b.model("put", "metadata: {name: good}\nspec: {components: []}\n")
	const broken = "the stored record cannot be read" // and why, if the store knows
	for op, want := range map[string]string{
		"get.bad":      `{"message":"Failed to query model: {:error, \"` + broken + `\"}","result":"error"}`,
		"versions.bad": `{"message":"Failed to query model version history: {:error, \"` + broken + `\"}","result":"error"}`,
		"deploy.bad":   `{"message":"Failed to deploy app spec: ` + broken + `","result":"error"}`,
		"list": `{"data":[{"deployment_status":"undeployed","description":null,"name":"bad","version":null},` +
			`{"deployment_status":"undeployed","description":"Unnamed Application","name":"good","version":"0.0.0"}],"result":"success"}`,
	} {
		if got := b.model(op, `{"version":"1"}`); got != want {
			t.Errorf("%s is answered %s", op, got)
		}
	}
}

// The two generations do not take each other's requests: they stand in different queue groups.
func TestQueueGroupsOfTheGenerations(t *testing.T) {
	srv := natstest.Start(t)
	for _, g := range bothGenerations {
		st := newStore(t)
		if err := New(natstest.Connect(t, srv), Options{Models: st, Wishes: st, Status: noStatus{}, Generation: g}).Start(); err != nil {
			t.Fatal(err)
		}
	}
	nc := natstest.Connect(t, srv)
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("wadm.api.default.model.list", inbox, nil); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for range 2 {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		got[string(m.Data)] = true
	}
	if !got["[]"] || !got[`{"data":[],"result":"success"}`] {
		t.Errorf("the answers are %v", got)
	}
	if wadmapi.Generation03.QueueGroup() != "wadm_api_server" || wadmapi.Generation021.QueueGroup() != "wadm_server" {
		t.Error("the queue groups have other names than those of the servers of their time")
	}
}

func TestTheEmptyVersionIn03(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Generation = wadmapi.Generation03 })
	b.model("put", "metadata: {name: shop, annotations: {version: v}}\nspec: {components: []}\n")
	got := b.model("deploy.shop", `{}`)
	if want := `{"message":"Failed to deploy app spec: Application shop  cannot be deployed: its version is empty; put it again with a version","result":"error"}`; got != want {
		t.Errorf("the deploy is answered %s", got)
	}
	if got := b.model("del.shop", `{}`); got != `{"data":{"version":""},"result":"success"}` {
		t.Errorf("the delete is answered %s", got)
	}
}

// 0.3.0 took any name. What it has stored is kept, listed, and got and deleted where a subject can carry the name.
func TestOddNamesThatAreStored(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Generation = wadmapi.Generation03 })
	for _, name := range []string{"größe", "a.b c", "x:versions"} {
		m := model(t, "any", 1, "")
		m.Name, m.Versions[0].Version = name, "1"
		if _, err := b.store.PutModel(t.Context(), "default", *m, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"größe", "x:versions"} {
		if got := b.model("get."+name, `{"version":"1"}`); !strings.Contains(got, `"result":"success"`) {
			t.Errorf("get of %s is answered %s", name, got)
		}
		if got := b.model("deploy."+name, `{"version":"1"}`); !strings.Contains(got, "cannot be deployed: name ") {
			t.Errorf("deploy of %s is answered %s", name, got)
		}
		if got := b.model("del."+name, `{"version":"1"}`); got != `{"data":{"version":"1"},"result":"success"}` {
			t.Errorf("del of %s is answered %s", name, got)
		}
	}
	if got := b.model("get.a.b", `{"version":"1"}`); !strings.Contains(got, "Received unexpected API request") {
		t.Errorf("a name that no subject carries is answered %s", got)
	}
	if got := b.model("list", ""); got != `{"data":[{"deployment_status":"undeployed","description":"Unnamed Application","name":"a.b c","version":"1"}],"result":"success"}` {
		t.Errorf("the list is %s", got)
	}
}
