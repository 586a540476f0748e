package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// manifest is the canonical form of an application with one component; properties are added to the component's.
func manifest(t testing.TB, app, version, properties string) json.RawMessage {
	t.Helper()
	src := fmt.Sprintf(`{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":%q,"annotations":{"version":%q}},
		"spec":{"components":[{"name":"web","type":"component","properties":{%s}}]}}`, app, version, properties)
	doc, found := oam.Decode([]byte(src), oam.FormatJSON)
	if found.HasErrors() {
		t.Fatal(found.Errors()[0].Text())
	}
	return oam.Canonical(doc.Manifest)
}

const image = `"image":"registry.example/web:1"`

// model has versions v1, v2, … of an application, one of them deployed.
func model(t testing.TB, app string, versions int, deployed string) *store.Model {
	m := &store.Model{Name: app, Deployed: deployed, Unknown: map[string]json.RawMessage{"kept": json.RawMessage("1")}}
	for i := range versions {
		v := fmt.Sprintf("v%d", i+1)
		m.Versions = append(m.Versions, store.Version{Version: v, Manifest: manifest(t, app, v, image)})
	}
	return m
}

// outline is a decision in one line: what is written and told, without the bodies.
func outline(d Decision) string {
	var parts []string
	if d.Wish != nil {
		op := string(d.Wish.Operation)
		if d.Wish.Release {
			op += " (letting go)"
		}
		parts = append(parts, fmt.Sprintf("wish %s %s on %d", op, d.Wish.Version, d.Wish.BasedOn))
	}
	switch {
	case d.Remove:
		parts = append(parts, "remove")
	case d.Record != nil:
		var vs []string
		for _, v := range d.Record.Versions {
			vs = append(vs, v.Version)
		}
		parts = append(parts, fmt.Sprintf("record [%s] deployed %q", strings.Join(vs, " "), d.Record.Deployed))
	}
	for _, e := range d.Events {
		parts = append(parts, e.Name)
	}
	reply, err := wadmapi.Encode(d.Reply)
	if err != nil {
		reply = []byte(err.Error())
	}
	return strings.Join(append(parts, string(reply)), "; ")
}

func TestDecide(t *testing.T) {
	v := func(s string) *string { return &s }
	put := func(version string) Request {
		doc, _ := oam.Decode(manifest(t, "shop", version, image), oam.FormatJSON)
		return Request{Op: wadmapi.OpPut, App: "shop", Version: &version, Put: doc.Manifest, Canonical: oam.Canonical(doc.Manifest)}
	}
	op := func(op wadmapi.Op, version *string) Request {
		return Request{Op: op, App: "shop", Version: version, Stamp: Stamp{ID: "w"}}
	}
	for _, tt := range []struct {
		name  string
		model *store.Model
		req   Request
		want  string
	}{
		{"the first put creates", nil, put("v1"),
			`record [v1] deployed ""; {"result":"created","total_versions":1,"current_version":"v1","message":"Successfully put manifest shop v1","name":"shop"}`},
		{"another put adds a version and deploys nothing", model(t, "shop", 2, "v1"), put("v3"),
			`record [v1 v2 v3] deployed "v1"; {"result":"newversion","total_versions":3,"current_version":"v3","message":"Successfully put manifest shop v3","name":"shop"}`},
		{"a version can be put once", model(t, "shop", 2, "v1"), put("v1"),
			`{"message":"Manifest version v1 already exists","result":"error"}`},
		{"put never writes over a record that cannot be read", &store.Model{Name: "shop"}, put("v1"),
			`{"message":"Internal storage error","result":"error"}`},

		{"deploy takes the version put last", model(t, "shop", 2, ""), op(wadmapi.OpDeploy, nil),
			`wish deploy v2 on 7; record [v1 v2] deployed "v2"; manifest_published; {"result":"acknowledged","message":"Successfully deployed application shop v2","name":"shop","version":"v2"}`},
		{"deploy latest likewise", model(t, "shop", 2, "v1"), op(wadmapi.OpDeploy, v("latest")),
			`wish deploy v2 on 7; record [v1 v2] deployed "v2"; manifest_published; {"result":"acknowledged","message":"Successfully deployed application shop v2","name":"shop","version":"v2"}`},
		{"deploying what is deployed is a new wish and writes the record", model(t, "shop", 2, "v1"), op(wadmapi.OpDeploy, v("v1")),
			`wish deploy v1 on 7; record [v1 v2] deployed "v1"; manifest_published; {"result":"acknowledged","message":"Successfully deployed application shop v1","name":"shop","version":"v1"}`},
		{"deploy of an unknown version is an error", model(t, "shop", 2, "v1"), op(wadmapi.OpDeploy, v("v9")),
			`{"result":"error","message":"Application with the name 'shop' does not have a version 'v9' to deploy","name":"shop","version":"v9"}`},
		{"the empty version is not the newest", model(t, "shop", 2, "v1"), op(wadmapi.OpDeploy, v("")),
			`{"result":"error","message":"Application with the name 'shop' does not have a version '' to deploy","name":"shop","version":""}`},
		{"deploy of an unknown application repeats the version asked for", nil, op(wadmapi.OpDeploy, v("v9")),
			`{"result":"notfound","message":"Application with the name shop not found","name":"shop","version":"v9"}`},

		{"undeploy hands over what ran", model(t, "shop", 2, "v1"), op(wadmapi.OpUndeploy, nil),
			`wish undeploy v1 on 7; record [v1 v2] deployed ""; manifest_unpublished; {"result":"acknowledged","message":"Successfully undeployed application shop","name":"shop","version":null}`},
		{"undeploy again is acknowledged and told again", model(t, "shop", 2, ""), op(wadmapi.OpUndeploy, nil),
			`wish undeploy v2 on 7; record [v1 v2] deployed ""; manifest_unpublished; {"result":"acknowledged","message":"Application shop was already undeployed","name":"shop","version":null}`},
		{"what is deployed in name only was already undeployed", model(t, "shop", 2, "gone"), op(wadmapi.OpUndeploy, nil),
			`wish undeploy v2 on 7; record [v1 v2] deployed ""; manifest_unpublished; {"result":"acknowledged","message":"Application shop was already undeployed","name":"shop","version":null}`},
		{"undeploy of an unknown application", nil, op(wadmapi.OpUndeploy, nil),
			`{"result":"notfound","message":"Application with the name shop not found","name":"shop","version":null}`},

		{"delete takes all versions and what runs", model(t, "shop", 2, "v1"), op(wadmapi.OpDelete, nil),
			`wish delete v1 on 7; remove; manifest_unpublished; {"result":"deleted","message":"Successfully deleted application shop","undeploy":true}`},
		{"delete of what runs undeploys and keeps the others", model(t, "shop", 3, "v2"), op(wadmapi.OpDelete, v("v2")),
			`wish undeploy v2 on 7; record [v1 v3] deployed ""; manifest_unpublished; {"result":"deleted","message":"Successfully deleted version v2 of application shop","undeploy":true}`},
		{"delete of another version disturbs nothing", model(t, "shop", 3, "v2"), op(wadmapi.OpDelete, v("v3")),
			`record [v1 v2] deployed "v2"; {"result":"deleted","message":"Successfully deleted version v3 of application shop","undeploy":false}`},
		{"delete of the last version takes the record", model(t, "shop", 1, ""), op(wadmapi.OpDelete, v("v1")),
			`wish delete v1 on 7; remove; manifest_unpublished; {"result":"deleted","message":"Successfully deleted last version of application shop","undeploy":true}`},
		{"delete of a version that is not there takes nothing down", model(t, "shop", 2, "v1"), op(wadmapi.OpDelete, v("latest")),
			`{"result":"noop","message":"Application version latest doesn't exist","undeploy":false}`},
		{"delete of an unknown application is told to the world", nil, op(wadmapi.OpDelete, nil),
			`manifest_unpublished; {"result":"noop","message":"Application shop doesn't exist or was already deleted","undeploy":false}`},
		{"a record that cannot be read can be deleted", &store.Model{Name: "shop"}, op(wadmapi.OpDelete, nil),
			`wish delete  on 7; remove; manifest_unpublished; {"result":"deleted","message":"Successfully deleted application shop","undeploy":true}`},
		{"and not deployed", &store.Model{Name: "shop"}, op(wadmapi.OpDeploy, nil),
			`{"result":"error","message":"Internal storage error","name":"shop","version":null}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before *store.Model
			if tt.model != nil {
				c := tt.model.Clone()
				before = &c
			}
			d := Decide(Found{Model: tt.model, Revision: 7}, tt.req)
			if diff := cmp.Diff(tt.want, outline(d)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, tt.model); diff != "" {
				t.Errorf("the record that was read has changed:\n%s", diff)
			}
			if d.Record != nil && tt.model != nil && len(d.Record.Unknown) != 1 {
				t.Error("members that we do not know are lost")
			}
			if d.Wish != nil && d.Record == nil && !d.Remove {
				t.Error("a wish without a record write could be overtaken")
			}
		})
	}
}

func TestDeployRefuses(t *testing.T) {
	secret := `"secrets":[{"name":"s","properties":{"policy":"p","key":"k"}}]`
	withPolicy := func(m json.RawMessage) json.RawMessage {
		return json.RawMessage(strings.Replace(string(m), `"spec":{`, `"spec":{"policies":[{"name":"p","type":"policy.secret.wasmcloud.dev/v1alpha1","properties":{"backend":"b"}}],`, 1))
	}
	link := func(end string) json.RawMessage {
		return withPolicy(json.RawMessage(`{"apiVersion":"a","kind":"b","metadata":{"name":"shop","annotations":{"version":"v1"}},"spec":{"components":[
			{"name":"web","type":"component","properties":{"image":"x"},"traits":[{"type":"link","properties":{"namespace":"wasi","package":"keyvalue","interfaces":["store"],
			` + end + `}}]}]}}`))
	}
	other := func(app, version, properties, deployed string) store.Model {
		return store.Model{Name: app, Deployed: deployed, Versions: []store.Version{{Version: version, Manifest: manifest(t, app, version, properties)}}}
	}
	prefix := "Application shop v1 cannot be deployed: "
	later := prefix + "secrets and components of other applications are not supported yet: "
	for _, tt := range []struct {
		name     string
		app      string
		manifest json.RawMessage
		others   []store.Model
		want     string
	}{
		{"nothing that it can run", "shop", manifest(t, "shop", "v1", image), nil, ""},
		{"secrets of a component", "shop", withPolicy(manifest(t, "shop", "v1", image+","+secret)), nil, later + "spec.components[0].properties.secrets"},
		{"secrets at the source of a link", "shop", link(`"target":{"name":"web"},"source":{` + secret + `}`), nil, later + "spec.components[0].traits[0].properties.source.secrets"},
		{"secrets at its target", "shop", link(`"target":{"name":"web",` + secret + `}`), nil, later + "spec.components[0].traits[0].properties.target.secrets"},
		{"components of other applications", "shop", manifest(t, "shop", "v1", `"application":{"name":"base","component":"web"}`), nil, later + "spec.components[0].properties.application"},
		{"an id that another deployed application wrote", "shop", manifest(t, "shop", "v1", image+`,"id":"agent"`),
			[]store.Model{other("tools", "v1", image+`,"id":"agent"`, "v1")}, "Component identifier 'agent' is already deployed in a different application 'tools'."},
		{"an id that another application's name leads to", "sh-op", manifest(t, "sh-op", "v1", image),
			[]store.Model{other("sh_op", "v1", image, "v1")}, "Component identifier 'sh_op-web' is already deployed in a different application 'sh_op'."},
		{"not an id of an application that is not deployed", "shop", manifest(t, "shop", "v1", image+`,"id":"agent"`),
			[]store.Model{other("tools", "v1", image+`,"id":"agent"`, "")}, ""},
		{"not its own id", "shop", manifest(t, "shop", "v1", image), []store.Model{other("shop", "v1", image, "v1")}, ""},
		{"not because another's manifest cannot be read", "shop", manifest(t, "shop", "v1", image),
			[]store.Model{{Name: "tools", Deployed: "v1", Versions: []store.Version{{Version: "v1", Manifest: json.RawMessage(`[`)}}}}, ""},
		{"a name that a store held and no subject may have", "größe", manifest(t, "shop", "v1", image), nil,
			`Application größe v1 cannot be deployed: name "größe" is not allowed: only letters, digits, dashes and underscores are`},
		{"a stored manifest that cannot be read", "shop", json.RawMessage(`{"metadata":`), nil, prefix + "the stored manifest cannot be read: "},
		{"a stored manifest that put would refuse", "shop", manifest(t, "shop", "v1", image+`,"id":"a b"`), nil, prefix + `id "a b" is not allowed`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &store.Model{Name: tt.app, Versions: []store.Version{{Version: "v1", Manifest: tt.manifest}}}
			d := Decide(Found{Model: m, Others: tt.others}, Request{Op: wadmapi.OpDeploy, App: tt.app})
			var message string
			switch r := d.Reply.(type) {
			case wadmapi.DeployReply:
				if r.Result != wadmapi.ResultAcknowledged {
					message = r.Message
				}
			case wadmapi.ErrorReply:
				message = r.Message
			}
			if (tt.want == "") != (message == "") || !strings.HasPrefix(message, tt.want) {
				t.Errorf("refused with %q, want %q", message, tt.want)
			}
			if (message == "") != (d.Wish != nil) {
				t.Errorf("refused: %t, a wish: %t", message != "", d.Wish != nil)
			}
		})
	}
}

func TestTheEmptyVersionIsNotDeployed(t *testing.T) {
	m := &store.Model{Name: "shop", Versions: []store.Version{{Version: "", Manifest: manifest(t, "shop", "", image)}}}
	d := Decide(Found{Model: m}, Request{Op: wadmapi.OpDeploy, App: "shop"})
	if r := d.Reply.(wadmapi.DeployReply); r.Result != wadmapi.ResultError || d.Wish != nil {
		t.Errorf("deploying the empty version gives %+v", r)
	}
}

func TestPutNamesMissingSharedComponents(t *testing.T) {
	doc, _ := oam.Decode(manifest(t, "shop", "v1", `"application":{"name":"base","component":"web"}`), oam.FormatJSON)
	shared := store.Model{Name: "base", Deployed: "v1", Versions: []store.Version{{Version: "v1", Manifest: json.RawMessage(
		strings.Replace(string(manifest(t, "base", "v1", image)), `"annotations":{`, `"annotations":{"experimental.wasmcloud.dev/shared":"true",`, 1))}}}
	asleep := shared.Clone()
	asleep.Deployed = ""
	for _, tt := range []struct {
		name   string
		others []store.Model
		want   string
	}{
		{"none is there", nil, `["web"]`},
		{"it is there and not deployed", []store.Model{asleep}, `["web"]`},
		{"it is deployed and not shared", []store.Model{*model(t, "base", 1, "v1")}, `["web"]`},
		{"it is deployed and shared", []store.Model{shared}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := "v1"
			d := Decide(Found{Others: tt.others}, Request{Op: wadmapi.OpPut, App: "shop", Version: &v, Put: doc.Manifest, Canonical: oam.Canonical(doc.Manifest)})
			want := "Successfully put manifest shop v1"
			if tt.want != "" {
				want += ", but some shared components are not deployed: " + tt.want
			}
			if got := d.Reply.(wadmapi.PutReply).Message; got != want {
				t.Errorf("put says %q, want %q", got, want)
			}
		})
	}
}

// FuzzDecide: no request and no record, however broken, makes a decision panic, change the record that was read, or wish without writing.
func FuzzDecide(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"a","kind":"b","metadata":{"name":"shop","annotations":{"version":"v1"}},"spec":{"components":[]}}`), "application/json", []byte(`{"version":"v1"}`), "v1", "del")
	f.Add([]byte("metadata: &a [*a]"), "text/yaml; charset=utf-8", []byte(`null`), "", "deploy")
	f.Add([]byte(nil), "a/b/c", []byte(`{"version":1}`), "latest", "undeploy")
	f.Fuzz(func(t *testing.T, manifest []byte, contentType string, body []byte, deployed, op string) {
		m := &store.Model{Name: "shop", Deployed: deployed}
		if len(body)%3 != 0 {
			m.Versions = []store.Version{{Version: "v1", Manifest: manifest}, {Version: deployed, Manifest: body}}
		}
		before := m.Clone()
		var requests []Request
		take := func(g wadmapi.Generation, r Request, refusal any) {
			if refusal == nil {
				r.Generation = g
				requests = append(requests, r)
			} else if _, err := wadmapi.Encode(refusal); err != nil {
				t.Errorf("a refusal that cannot be sent: %v", err)
			}
		}
		for _, g := range []wadmapi.Generation{wadmapi.Generation021, wadmapi.Generation03} {
			r, refusal := tongueOf(g).put(message{manifest, contentType, len(contentType)%2 == 0}, Stamp{ULID: "01"})
			take(g, r, refusal)
			switch wadmapi.Op(op) {
			case wadmapi.OpDeploy, wadmapi.OpUndeploy, wadmapi.OpDelete:
				r, refusal = tongueOf(g).body(wadmapi.Subject{Op: wadmapi.Op(op), Name: "shop"}, body)
				take(g, r, refusal)
			}
		}
		for _, r := range requests {
			for _, found := range []*store.Model{nil, m} {
				d := Decide(Found{Model: found, Others: []store.Model{{Name: "x", Deployed: "v1", Versions: m.Versions}}}, r)
				if d.Reply == nil {
					t.Errorf("%s: no reply", r.Op)
				}
				if d.Wish != nil && d.Record == nil && !d.Remove {
					t.Errorf("%s: a wish without a record", r.Op)
				}
			}
		}
		if diff := cmp.Diff(before, *m); diff != "" {
			t.Errorf("the record has changed:\n%s", diff)
		}
	})
}
