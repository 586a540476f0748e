package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

var bothGenerations = []wadmapi.Generation{wadmapi.Generation021, wadmapi.Generation03}

// What a body says of what runs, and of the other versions, means the same in both generations.
func TestKeysOfUndeployAndDelete(t *testing.T) {
	for _, tt := range []struct {
		op   wadmapi.Op
		body string
		want string // release, "-" where it is not said; " all"
		fail string // the end of the message
	}{
		{op: wadmapi.OpUndeploy, body: `{}`, want: "-"},
		{op: wadmapi.OpUndeploy, body: `{"destructive":true}`, want: "false"},
		{op: wadmapi.OpUndeploy, body: `{"destructive":"true"}`, want: "false"},
		{op: wadmapi.OpUndeploy, body: `{"destructive":"false"}`, want: "true"},
		{op: wadmapi.OpUndeploy, body: `{"non_destructive":true}`, want: "true"},
		{op: wadmapi.OpUndeploy, body: `{"non_destructive":"false"}`, want: "false"},
		{op: wadmapi.OpUndeploy, body: `{"destructive":true,"non_destructive":false}`, want: "false"},
		{op: wadmapi.OpUndeploy, body: `{"destructive":"false","non_destructive":true}`, want: "true"},
		{op: wadmapi.OpUndeploy, body: `{"destructive":null}`, want: "-"},
		{op: wadmapi.OpUndeploy, body: `{"undeploy":false,"delete_all":"yes"}`, want: "-"}, // of a delete
		{op: wadmapi.OpUndeploy, body: `{"destructive":true,"non_destructive":true}`, fail: "destructive and non_destructive are both true: they contradict each other"},
		{op: wadmapi.OpUndeploy, body: `{"destructive":false,"non_destructive":"false"}`, fail: "destructive and non_destructive are both false: they contradict each other"},
		{op: wadmapi.OpUndeploy, body: `{"destructive":"true "}`, fail: `destructive must be true or false, found "true "`},
		{op: wadmapi.OpUndeploy, body: `{"destructive":"True"}`, fail: `destructive must be true or false, found "True"`},
		{op: wadmapi.OpUndeploy, body: `{"non_destructive":1}`, fail: `non_destructive must be true or false, found 1`},
		{op: wadmapi.OpUndeploy, body: `{"destructive":""}`, fail: `destructive must be true or false, found ""`},
		{op: wadmapi.OpDelete, body: `{"version":"1","undeploy":false}`, want: "true"},
		{op: wadmapi.OpDelete, body: `{"version":"1","undeploy":"true"}`, want: "false"},
		{op: wadmapi.OpDelete, body: `{"version":"1","delete_all":"true"}`, want: "- all"},
		{op: wadmapi.OpDelete, body: `{"delete_all":true,"undeploy":"false"}`, want: "true all"},
		{op: wadmapi.OpDelete, body: `{"version":"1","delete_all":false}`, want: "-"},
		{op: wadmapi.OpDelete, body: `{"undeploy":"no"}`, fail: `undeploy must be true or false, found "no"`},
		{op: wadmapi.OpDelete, body: `{"delete_all":["` + strings.Repeat("x", 80) + `"]}`, fail: `delete_all must be true or false, found ["` + strings.Repeat("x", 38) + "…"},
		{op: wadmapi.OpDelete, body: `{"destructive":"maybe"}`, want: "-"}, // of an undeploy
	} {
		for _, g := range bothGenerations {
			t.Run(fmt.Sprintf("%s %s %s", g, tt.op, tt.body), func(t *testing.T) {
				r, refusal := tongueOf(g).body(wadmapi.Subject{Op: tt.op, Name: "shop"}, []byte(tt.body))
				if tt.fail != "" {
					if e, ok := refusal.(wadmapi.ErrorReply); !ok || !strings.HasSuffix(e.Message, ": "+tt.fail) {
						t.Errorf("the reply is %v, want %q", refusal, tt.fail)
					}
					return
				}
				got := "-"
				if r.Release != nil {
					got = fmt.Sprint(*r.Release)
				}
				if r.All {
					got += " all"
				}
				if refusal != nil || got != tt.want {
					t.Errorf("it is read as %q (%v), want %q", got, refusal, tt.want)
				}
			})
		}
	}
}

func TestDecideWhatBecomesOfWhatRuns(t *testing.T) {
	v := func(s string) *string { return &s }
	yes, no := true, false
	undeployed := func(release bool) Last { return Last{engine.Undeploy, release} }
	for _, tt := range []struct {
		name  string
		model *store.Model
		last  Last
		req   Request
		want  string
	}{
		{"nothing said, and the server stops", model(t, "shop", 2, "v1"), Last{}, Request{Op: wadmapi.OpUndeploy},
			`wish undeploy v1 on 7; record [v1 v2] deployed ""; manifest_unpublished`},
		{"nothing said, and the server lets go", model(t, "shop", 2, "v1"), Last{}, Request{Op: wadmapi.OpUndeploy, LetGo: true},
			`wish undeploy (letting go) v1 on 7; record [v1 v2] deployed ""; manifest_unpublished`},
		{"said to let go", model(t, "shop", 2, "v1"), Last{}, Request{Op: wadmapi.OpUndeploy, Release: &yes},
			`wish undeploy (letting go) v1 on 7; record [v1 v2] deployed ""; manifest_unpublished`},
		{"said to stop", model(t, "shop", 2, "v1"), Last{}, Request{Op: wadmapi.OpUndeploy, Release: &no, LetGo: true},
			`wish undeploy v1 on 7; record [v1 v2] deployed ""; manifest_unpublished`},
		{"what was deployed again after it was let go is stopped", model(t, "shop", 2, "v1"), Last{engine.Deploy, false}, Request{Op: wadmapi.OpUndeploy},
			`wish undeploy v1 on 7; record [v1 v2] deployed ""; manifest_unpublished`},

		{"what was let go is not stopped by a second undeploy that does not say so", model(t, "shop", 2, ""), undeployed(true), Request{Op: wadmapi.OpUndeploy},
			`wish undeploy (letting go) v2 on 7; record [v1 v2] deployed ""; manifest_unpublished`},
		{"but by one that does", model(t, "shop", 2, ""), undeployed(true), Request{Op: wadmapi.OpUndeploy, Release: &no},
			`wish undeploy v2 on 7; record [v1 v2] deployed ""; manifest_unpublished`},
		{"nor by a delete", model(t, "shop", 2, ""), undeployed(true), Request{Op: wadmapi.OpDelete},
			`wish delete (letting go) v2 on 7; remove; manifest_unpublished`},
		{"a stop under way goes on when the application is deleted", model(t, "shop", 2, ""), undeployed(false), Request{Op: wadmapi.OpDelete, All: true, LetGo: true},
			`wish delete v2 on 7; remove; manifest_unpublished`},
		{"what was deleted before says nothing of what has been put since", model(t, "shop", 1, ""), Last{}, Request{Op: wadmapi.OpDelete, Version: v("v1"), LetGo: true},
			`wish delete (letting go) v1 on 7; remove; manifest_unpublished`},

		{"delete of what runs lets it go", model(t, "shop", 3, "v2"), Last{}, Request{Op: wadmapi.OpDelete, Version: v("v2"), Release: &yes},
			`wish undeploy (letting go) v2 on 7; record [v1 v3] deployed ""; manifest_unpublished`},
		{"delete of the last version lets it go", model(t, "shop", 1, "v1"), Last{}, Request{Op: wadmapi.OpDelete, Version: v("v1"), Release: &yes},
			`wish delete (letting go) v1 on 7; remove; manifest_unpublished`},
		{"delete of another version disturbs nothing, whatever is said of what runs", model(t, "shop", 3, "v2"), Last{}, Request{Op: wadmapi.OpDelete, Version: v("v3"), Release: &no},
			`record [v1 v2] deployed "v2"`},
		{"all versions go, whatever version says", model(t, "shop", 3, "v2"), Last{}, Request{Op: wadmapi.OpDelete, Version: v("v9"), All: true},
			`wish delete v2 on 7; remove; manifest_unpublished`},
	} {
		for _, g := range bothGenerations {
			t.Run(fmt.Sprintf("%s %s", g, tt.name), func(t *testing.T) {
				tt.req.Generation, tt.req.App = g, "shop"
				d := Decide(Found{Model: tt.model, Revision: 7, Last: tt.last}, tt.req)
				d.Reply = ""
				if diff := cmp.Diff(tt.want+`; ""`, outline(d)); diff != "" {
					t.Errorf("the decision differs (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// The reply of 0.21 says whether what runs is taken away, and the wish that is stored says it to the owner.
func TestWhatRunsIsLetGo(t *testing.T) {
	b := newBench(t)
	b.model("put", hello("v1"))
	b.model("put", hello("v2"))
	b.model("deploy.hello", "")
	released := func(want bool) {
		t.Helper()
		if w := b.store.wish("hello"); w.Release != want || w.Operation == engine.Deploy {
			t.Errorf("the wish is %s, letting go: %t; want %t", w.Operation, w.Release, want)
		}
	}
	b.result(b.model("undeploy.hello", `{"non_destructive":"true"}`), wadmapi.ResultAcknowledged)
	released(true)
	b.result(b.model("undeploy.hello", ""), wadmapi.ResultAcknowledged)
	released(true)
	b.result(b.model("undeploy.hello", `{"destructive":true}`), wadmapi.ResultAcknowledged)
	released(false)
	b.model("deploy.hello", "")
	want := `{"result":"deleted","message":"Successfully deleted version v2 of application hello","undeploy":false}`
	if got := b.model("del.hello", `{"version":"v2","undeploy":false}`); got != want {
		t.Errorf("the delete is answered %s", got)
	}
	released(true)
	want = `{"result":"deleted","message":"Successfully deleted application hello","undeploy":false}`
	if got := b.model("del.hello", `{"version":"v7","delete_all":"true"}`); got != want {
		t.Errorf("the delete of all is answered %s", got)
	}
	released(true)
	b.result(b.model("get.hello", ""), wadmapi.ResultNotFound)
}

func TestTheServerSaysWhatAnUndeployMeans(t *testing.T) {
	for _, tt := range []struct {
		generation wadmapi.Generation
		undeploy   string
		want       bool
	}{
		{wadmapi.Generation021, "", false}, {wadmapi.Generation021, "release", true}, {wadmapi.Generation021, "stop", false},
		{wadmapi.Generation03, "", true}, {wadmapi.Generation03, "stop", false}, {wadmapi.Generation03, "release", true},
	} {
		b := newBench(t, func(o *Options) {
			o.Generation = tt.generation
			var err error
			if o.Undeploy, err = ParseUndeployDefault(tt.undeploy); err != nil {
				t.Fatal(err)
			}
		})
		b.model("put", hello("1"))
		b.model("deploy.hello", `{"version":"1"}`)
		b.model("undeploy.hello", `{}`)
		if w := b.store.wish("hello"); w.Operation != engine.Undeploy || w.Release != tt.want {
			t.Errorf("%s with %q: the wish is %s, letting go: %t", tt.generation, tt.undeploy, w.Operation, w.Release)
		}
	}
	if _, err := ParseUndeployDefault("destroy"); err == nil {
		t.Error("an unknown default is taken")
	}
}

// A deploy that fails half way puts back what was asked before it, else the owner would stop what had been let go.
func TestAFailedDeployLeavesLetGoWhatWas(t *testing.T) {
	w, s := newWriter(t, model(t, "shop", 2, "v1"))
	yes := true
	if _, err := w.change(t.Context(), "default", Request{Op: wadmapi.OpUndeploy, App: "shop", Release: &yes, Stamp: Stamp{ID: "undeploy"}}); err != nil {
		t.Fatal(err)
	}
	failed := false
	s.before = func(call, _ string) error {
		if call == "PutModel" && !failed {
			failed = true
			return errBroken
		}
		return nil
	}
	if _, err := w.change(t.Context(), "default", Request{Op: wadmapi.OpDeploy, App: "shop", Stamp: Stamp{ID: "deploy"}}); err == nil {
		t.Fatal("the deploy does not fail")
	}
	if got := s.wish("shop"); got.ID != "deploy-back" || got.Operation != engine.Undeploy || !got.Release {
		t.Errorf("the wish is %s: %s, letting go: %t", got.ID, got.Operation, got.Release)
	}
}
