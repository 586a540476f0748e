package client_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// recording answers as the real 0.3.0 did: a request gets the next recorded answer to the same subject and body, from where the tape stands. What was never
// recorded, or got no answer then, gets none.
type recording struct {
	mu    sync.Mutex
	tape  []exchange
	at    int
	asked []string
}

type exchange struct {
	Mark, Subject, Text string
	Payload, Answer     json.RawMessage
}

// unexpected is what 0.3.0 says to every subject that it does not know, whatever the body: a get without a name, a status, and ours among them.
const unexpected = `{"message":"Received unexpected API request","result":"error"}`

func play(t *testing.T) (*recording, *client.Client) {
	t.Helper()
	raw, err := os.ReadFile("testdata/otp_api.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		r.tape = append(r.tape, e)
	}
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	if _, err := nc.QueueSubscribe("wadm.api.>", "wadm_api_server", r.answer); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	c, _ := dial(t, natstest.Connect(t, srv), client.WithTimeout(2*time.Second))
	return r, c
}

// wind puts the tape to the first request of that mark.
func (r *recording) wind(t *testing.T, mark string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = slices.IndexFunc(r.tape, func(e exchange) bool { return e.Mark == mark })
	if r.at < 0 {
		t.Fatalf("nothing was recorded as %q", mark)
	}
	r.asked = nil
}

func (r *recording) answer(m *nats.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, strings.TrimPrefix(m.Subject, "wadm.api.default.")+" "+string(m.Data))
	if !strings.Contains(m.Subject, ".model.") || m.Subject == "wadm.api.default.model.get" || strings.Contains(m.Subject, ".model.status.") {
		_ = m.Respond([]byte(unexpected))
		return
	}
	for i := r.at; i < len(r.tape); i++ {
		if e := &r.tape[i]; e.Subject == m.Subject && same(append(e.Payload, e.Text...), m.Data) {
			r.at = i + 1
			_ = m.Respond(e.Answer)
			return
		}
	}
}

// same compares two bodies, as JSON where they are that.
func same(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil {
		return cmp.Equal(x, y)
	}
	return bytes.Equal(a, b)
}

func (r *recording) questions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// body is the manifest that was put then.
func (r *recording) body(mark string) []byte {
	for _, e := range r.tape {
		if e.Mark == mark {
			return append(slices.Clone([]byte(e.Payload)), e.Text...)
		}
	}
	return nil
}

func TestPutsToTheReal030(t *testing.T) {
	r, c := play(t)
	reply, err := c.Put(t.Context(), r.body("put, second version"), "application/yaml")
	if err != nil || reply.Name != "echo" || reply.CurrentVersion != "0.0.2" || reply.TotalVersions != 2 || reply.Result != wadmapi.ResultNewVersion {
		t.Errorf("a put gives %+v, %v", reply, err)
	}
	if g, known := c.Generation(); !known || g != wadmapi.Generation03 {
		t.Errorf("the generation is %v, %v", g, known)
	}
	r.wind(t, "put again, same version")
	_, err = c.Put(t.Context(), r.body("put again, same version"), "")
	if !errors.Is(err, client.ErrExists) || err.Error() != "Model echo v0.0.1 already exists in lattice default, operation rejected" {
		t.Errorf("a version that is there gives %v", err)
	}
	r.wind(t, "put, three errors")
	_, err = c.Put(t.Context(), r.body("put, three errors"), "")
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Unwrap() != nil || !strings.HasPrefix(refused.Message, "Failed to put model spec: No matching targets") {
		t.Errorf("a manifest with mistakes gives %v", err)
	}
}

func TestQuestionsToTheReal030(t *testing.T) {
	r, c := play(t)
	ctx := t.Context()

	r.wind(t, "list")
	list, err := c.List(ctx)
	if err != nil || !slices.IsSortedFunc(list, func(a, b wadmapi.ModelSummary) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("list: %v", err)
	}
	names := map[string]string{}
	for _, m := range list {
		names[m.Name] = m.Version + " " + *m.Description + " " + string(m.DetailedStatus.Status.Type) + " " + string(m.Status)
	}
	if names["json"] != "1.0.0 From JSON undeployed undeployed" || len(names) != 6 {
		t.Errorf("list gives %v", names)
	}

	r.wind(t, "versions, just deployed")
	versions, err := c.Versions(ctx, "echo")
	if diff := cmp.Diff([]wadmapi.VersionInfo{{Version: "0.0.1", Deployed: true}, {Version: "0.0.2"}}, versions); err != nil || diff != "" {
		t.Errorf("versions: %v\n%s", err, diff)
	}
	r.wind(t, "versions of an unknown model")
	if _, err := c.Versions(ctx, "echo"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("versions of what is not there: %v", err)
	}

	r.wind(t, "get")
	raw, err := c.Get(ctx, "echo", "0.0.1")
	doc, found := oam.Decode(raw, oam.FormatJSON)
	if err != nil || found.HasErrors() || doc.Manifest.Metadata.Name != "echo" || len(doc.Manifest.Spec.Components) == 0 {
		t.Errorf("get gives %s, %v %v", raw, err, found)
	}
	r.wind(t, "get, JSON model")
	if raw, err := c.Get(ctx, "json", "1.0.0"); err != nil || !json.Valid(raw) {
		t.Errorf("get of JSON gives %s, %v", raw, err)
	}
	r.wind(t, "get, unknown version")
	if _, err := c.Get(ctx, "echo", "9.9.9"); !errors.Is(err, client.ErrNotFound) || err.Error() != "Failed to query model: No such model version in store: echo 9.9.9" {
		t.Errorf("get of what is not there: %v", err)
	}

	r.wind(t, "status (a later operation)")
	if _, err := c.Hosts(ctx); !errors.Is(err, client.ErrUnsupported) || !strings.Contains(err.Error(), "wash get hosts") {
		t.Errorf("hosts gives %v", err)
	}
	if older, err := c.IsOlder(ctx); err != nil || !older {
		t.Errorf("it is older: %v, %v", older, err)
	}
}

// Where a version is demanded, the newest one is named. A client that knows nothing yet asks what both generations understand, so that a deploy without a
// version is not sent to a server on which that would be another one.
func TestWhatTheReal030CannotDoByItself(t *testing.T) {
	r, c := play(t)
	ctx := t.Context()
	r.wind(t, "versions with garbage body") // the versions of echo come next when 0.0.1 is deployed
	reply, err := c.Deploy(ctx, "echo", "")
	asked := r.questions()
	if !errors.Is(err, context.DeadlineExceeded) || len(asked) != 2 || asked[1] != `model.deploy.echo {"version":"0.0.2"}` {
		t.Errorf("a deploy without a version gives %+v, %v after %q", reply, err, asked) // nobody deployed just that in the recording
	}
	r.wind(t, "deploy")
	reply, err = c.Deploy(ctx, "echo", "0.0.1")
	if err != nil || reply.Result != wadmapi.ResultAcknowledged || *reply.Version != "0.0.1" || reply.Name != "echo" {
		t.Errorf("deploy gives %+v, %v", reply, err)
	}
	r.wind(t, "deploy another version")
	if reply, err = c.Deploy(ctx, "echo", "v0.0.2"); err != nil || *reply.Version != "0.0.2" {
		t.Errorf("deploy with v gives %+v, %v", reply, err)
	}
	r.wind(t, "list, just deployed")
	s, err := c.Status(ctx, "echo")
	if err != nil || s.Version != "0.0.1" || s.Status.Type != wadmapi.StatusWaiting {
		t.Errorf("status just after the deploy gives %+v, %v", s, err)
	}
	r.wind(t, "list")
	if s, err := c.Status(ctx, "nobody"); err != nil || s.Status.Type != wadmapi.StatusUndeployed {
		t.Errorf("status of nobody gives %+v, %v", s, err)
	}
	r.wind(t, "list, just deployed")
	list, err := c.List(ctx)
	at := slices.IndexFunc(list, func(m wadmapi.ModelSummary) bool { return m.Name == "echo" })
	if err != nil || at < 0 || list[at].DeployedVersion == nil || *list[at].DeployedVersion != "0.0.1" || list[at].Version != "0.0.2" {
		t.Errorf("list gives %+v, %v", list, err)
	}
	r.wind(t, "get, vv1 as vv1")
	if raw, err := c.Get(ctx, "vv", "vv1"); err != nil || !strings.Contains(string(raw), "vv") {
		t.Errorf("get of a version with v gives %s, %v", raw, err)
	}
}

func TestRemovalsFromTheReal030(t *testing.T) {
	r, c := play(t)
	ctx := t.Context()
	r.wind(t, "undeploy of an unknown model")
	if reply, err := c.Undeploy(ctx, "echo"); err != nil || reply.Result != wadmapi.ResultAcknowledged || reply.Name != "echo" {
		t.Errorf("undeploy gives %+v, %v", reply, err)
	}
	r.wind(t, "undeploy of an unknown model")
	_, err := c.Undeploy(ctx, "echo", client.Stop())
	if !errors.Is(err, client.ErrUnsupported) || !strings.Contains(err.Error(), "wash ctl stop") || len(r.questions()) != 1 {
		t.Errorf("an undeploy that shall stop gives %v after %q", err, r.questions())
	}
	r.wind(t, "del, unknown version")
	if reply, err := c.Delete(ctx, "echo", "9"); err != nil || reply.Result != wadmapi.ResultNoop {
		t.Errorf("a delete of what is not there gives %+v, %v", reply, err)
	}
	r.wind(t, "del, the last version, with v")
	if reply, err := c.Delete(ctx, "echo", "v0.0.1"); err != nil || reply.Result != wadmapi.ResultDeleted || reply.Undeploy {
		t.Errorf("a delete gives %+v, %v", reply, err)
	}
	r.wind(t, "versions of an unknown model")
	if _, err := c.Versions(ctx, "echo"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("versions: %v", err)
	}
}

// old030 keeps versions as 0.3.0 does, for what no recording has in this order: all versions of an application deleted one by one.
func TestAllVersionsAreDeletedOneByOne(t *testing.T) {
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	var mu sync.Mutex
	stored := []string{"v1", "", "0.0.1"} // newest first; v1 was put as vv1
	var asked []string
	if _, err := nc.Subscribe("wadm.api.default.model.>", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, strings.TrimPrefix(m.Subject, "wadm.api.default.model.")+" "+string(m.Data))
		if strings.Contains(m.Subject, ".versions.") {
			all := []wadmapi.Version03{}
			for _, v := range stored {
				all = append(all, wadmapi.Version03{Version: v})
			}
			body, _ := wadmapi.Encode(wadmapi.NewReply03(all))
			_ = m.Respond(body)
			return
		}
		var in struct{ Version string }
		_ = json.Unmarshal(m.Data, &in)
		version := strings.TrimPrefix(in.Version, "v")
		at := slices.Index(stored, version)
		if at < 0 {
			_ = m.Respond([]byte(`{"message":"Failed to delete model version: {:error, \"No such model version in store: echo ` + version + `\"}","result":"error"}`))
			return
		}
		stored = slices.Delete(stored, at, at+1)
		body, _ := wadmapi.Encode(wadmapi.NewReply03(wadmapi.Deleted03{Version: version}))
		_ = m.Respond(body)
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	c, _ := dial(t, natstest.Connect(t, srv))
	reply, err := c.Delete(t.Context(), "echo", "")
	mu.Lock()
	if err != nil || reply.Result != wadmapi.ResultDeleted || len(stored) != 0 {
		t.Errorf("deleting all gives %+v, %v; left are %q after %q", reply, err, stored, asked)
	}
	mu.Unlock()
	if reply, err = c.Delete(t.Context(), "echo", "0.0.1", client.AllVersions()); err != nil || reply.Result != wadmapi.ResultNoop {
		t.Errorf("deleting all of nothing gives %+v, %v", reply, err)
	}
}
