package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

func TestBadBodiesAreAnswered(t *testing.T) {
	b := newBench(t)
	b.model("put", hello("v1"))
	for _, tt := range []struct{ name, op, body, want string }{
		{"half a body", "get.hello", `{`, `Unable to parse get application request: unexpected end of JSON input at 1:1`},
		{"null", "get.hello", `null`, `Unable to parse get application request: expected a JSON object, found null at 1:1`},
		{"blanks", "deploy.hello", ` `, `Unable to parse deploy application request: unexpected end of JSON input at 1:1`},
		{"an array", "undeploy.hello", `["v1"]`, `Unable to parse undeploy application request: expected a JSON object, found array at 1:1`},
		{"not JSON, in the third line", "del.hello", "{\n\"a\":1,\nx}", `Unable to parse delete application request: invalid character 'x' looking for beginning of object key string at 3:1`},
		{"a number for a version", "deploy.hello", `{"version":1}`, `Unable to parse deploy application request: version must be a string`},
		{"a body without end", "get.hello", strings.Repeat(" ", 64<<10) + "{}", `Unable to parse get application request: the body is 65538 bytes long, at most 65536 are allowed`},
		{"a deep body", "get.hello", strings.Repeat(`{"a":`, 10_500) + "1" + strings.Repeat("}", 10_500), `Unable to parse get application request: invalid character '{' exceeded max depth`},
		{"a link whose namespace is a number", "put", strings.Replace(hello("v2"), "registry.example/web:1\n", "x\n      traits:\n        - type: link\n          properties: {target: web, namespace: 1, package: http, interfaces: [x]}\n", 1), ``},
		{"an alias to itself", "put", "metadata: &a [*a]", `Unable to parse manifest: `},
		{"a deep manifest", "put", strings.Repeat("[", 20_000), `Unable to parse manifest: `},
		{"broken UTF-8", "put", "\xff\xfe", `Unable to parse manifest: `},
		{"an empty manifest", "put", "", `Unable to parse manifest: `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := b.result(b.model(tt.op, tt.body), wadmapi.ResultError); !strings.HasPrefix(got, tt.want) {
				t.Errorf("the reply says %q, want %q", got, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, op, body string }{
		{"members of other operations mean nothing", "undeploy.hello", `{"delete_all":7,"undeploy":[{}]}`},
		{"nor does what is written in another case", "deploy.hello", `{"VERSION":"v9","undeploy":[{}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) { b.result(b.model(tt.op, tt.body), wadmapi.ResultAcknowledged) })
	}
}

func TestMistakesCarryTheirPlaces(t *testing.T) {
	b := newBench(t)
	r := decoded[wadmapi.PutErrorReply](t, b.model("put", strings.Replace(hello("v1"), "image:", "imagee:", 1)+"    - name: web\n      type: component\n      properties: {image: y}\n"))
	if len(r.Errors) < 2 || r.Errors[0].Line != 13 || r.Errors[0].Column != 9 || r.Errors[0].Suggestion != "image" {
		t.Errorf("the mistakes are %+v", r.Errors)
	}
	if !strings.HasSuffix(r.Message, "(manifest:13:9)") {
		t.Errorf("the message is %q", r.Message)
	}
}

// O17: one subject with a letter that is no ASCII made 0.3.0 deaf.
func TestBadSubjectsAreAnswered(t *testing.T) {
	b := newBench(t)
	b.store.before = func(_, app string) error { // as a store does whose keys cannot hold every name
		if app != "" && wadmapi.ValidName(app) != nil {
			return errBroken
		}
		return nil
	}
	for _, tt := range []struct{ subject, body, want string }{
		{"wadm.api.default", "", `{"message":"Invalid subject: Expected to find API category","result":"error"}`},
		{"wadm.api.größe.model.get", "", `{"message":"Invalid subject: lattice name \"größe\" is not allowed: only letters, digits, dashes and underscores are","result":"error"}`},
		{"wadm.api.default.host.list", "", `{"message":"Unsupported subject: wadm.api.default.host.list","result":"error"}`},
		{"wadm.api.default.model.get.größe", "", `{"result":"notfound","message":"Application with the name größe not found"}`},
		{"wadm.api.default.model.get.\xff", "", `{"result":"notfound","message":"Application with the name \ufffd not found"}`},
		{"wadm.api.default.model.deploy.größe", "", `{"result":"notfound","message":"Application with the name größe not found","name":"größe","version":null}`},
		{"wadm.api.default.model.del.größe", "", `{"result":"noop","message":"Application größe doesn't exist or was already deleted","undeploy":false}`},
		{"wadm.api.default.model.get." + strings.Repeat("a", 300), "", `{"result":"notfound","message":"Application with the name ` + strings.Repeat("a", 300) + ` not found"}`},
		{"wadm.api.default.model.list", "", `[]`}, // and it still listens
	} {
		if got := b.ask(tt.subject, tt.body); got != tt.want {
			t.Errorf("%s is answered %s, want %s", tt.subject, got, tt.want)
		}
	}
}

func TestARequestWithoutReplySubjectIsCarriedOut(t *testing.T) {
	b := newBench(t)
	// One after another without waiting: they take their turns.
	for _, r := range [][2]string{{"put", hello("v1")}, {"deploy.hello", ""}, {"put", hello("v2")}, {"del.hello", `{"version":"v1"}`}, {"undeploy.hello", ""}, {"deploy.hello", ""}} {
		if err := b.nc.Publish("wadm.api.default.model."+r[0], []byte(r[1])); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.versions(); got != "v2*" {
		t.Errorf("the versions are %s", got)
	}
}

// A large manifest takes long to read; what came after it for the same application still waits for it.
func TestRequestsOnOneApplicationKeepTheirOrder(t *testing.T) {
	b := newBench(t)
	for i := range 30 {
		v := fmt.Sprint("v", i)
		big := hello(v) + strings.Repeat("# nothing\n", 20_000*(i%3))
		if err := b.nc.Publish("wadm.api.default.model.put", []byte(big)); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			body := fmt.Sprintf(`{"version":"v%d"}`, i-1)
			if err := b.nc.Publish("wadm.api.default.model.del.hello", []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		b.result(b.model("deploy.hello", fmt.Sprintf(`{"version":%q}`, v)), wadmapi.ResultAcknowledged)
	}
	if got := b.versions(); got != "v29*" {
		t.Errorf("the versions are %s", got)
	}
}

func TestStorageFailures(t *testing.T) {
	b := newBench(t)
	b.model("put", hello("v1"))
	b.model("put", hello("v2"))
	b.model("deploy.hello", "")
	b.store.mu.Lock()
	b.store.before = func(string, string) error { return errBroken }
	b.store.mu.Unlock()
	events := b.events("wadm.evt.>")
	for _, tt := range []struct{ op, body, want string }{
		{"put", hello("v3"), `{"message":"Internal storage error","result":"error"}`},
		{"get.hello", "", `{"message":"Internal storage error","result":"error"}`},
		{"get", "", `{"result":"error","message":"Internal storage error","models":[]}`},
		{"list", "", `{"result":"error","message":"Internal storage error","models":[]}`},
		{"versions.hello", "", `{"result":"error","message":"Internal storage error","versions":[]}`},
		{"deploy.hello", `{"version":"v1"}`, `{"result":"error","message":"Internal storage error","name":"hello","version":"v1"}`},
		{"undeploy.hello", "", `{"result":"error","message":"Internal storage error","name":"hello","version":null}`},
		{"del.hello", "", `{"result":"error","message":"Internal storage error when deleting application hello","undeploy":false}`},
		{"del.hello", `{"version":"v1"}`, `{"result":"error","message":"Internal storage error when deleting v1 of application hello","undeploy":false}`},
	} {
		if got := b.model(tt.op, tt.body); got != tt.want {
			t.Errorf("%s is answered %s, want %s", tt.op, got, tt.want)
		}
	}
	if got := taken(events); len(got) != 0 {
		t.Errorf("%d events of what was not stored", len(got))
	}
	b.store.mu.Lock()
	b.store.before = func(call, _ string) error {
		if call == "PutModel" {
			return fmt.Errorf("%w: %q has 2 MiB", store.ErrTooLarge, "hello")
		}
		return nil
	}
	b.store.mu.Unlock()
	if got := b.result(b.model("put", hello("v3")), wadmapi.ResultError); !strings.Contains(got, "too large") {
		t.Errorf("a full record is answered %q", got)
	}
}

func TestAPanicIsAnsweredAndStopsNothingElse(t *testing.T) {
	b := newBench(t)
	b.store.before = func(_, app string) error {
		if app == "bad" {
			panic("a bug")
		}
		return nil
	}
	want := `{"message":"Internal error","result":"error"}`
	for _, op := range []string{"get.bad", "deploy.bad", "status.bad"} {
		if got := b.model(op, ""); got != want {
			t.Errorf("%s is answered %s", op, got)
		}
	}
	if got := b.model("put", strings.Replace(hello("v1"), "name: hello", "name: bad", 1)); got != want {
		t.Errorf("put is answered %s", got)
	}
	b.result(b.model("put", hello("v1")), wadmapi.ResultCreated)
}

type fixedStatus map[string]wadmapi.Status

func (f fixedStatus) Status(lattice, app string) (wadmapi.Status, bool) {
	s, ok := f[lattice+"."+app]
	return s, ok
}

func TestStatusIsWhatTheSourceTells(t *testing.T) {
	told := wadmapi.NewStatus(wadmapi.StatusDeployed, "no owner since 12:00")
	b := newBench(t, func(o *Options) { o.Status = fixedStatus{"default.hello": told} })
	b.model("put", hello("v1"))
	b.model("deploy.hello", "")
	want := `{"status":{"type":"deployed","message":"no owner since 12:00"},"version":"v1","components":[]}`
	if got := b.model("status.hello", ""); !strings.HasSuffix(got, `"status":`+want+`}`) {
		t.Errorf("status says %s", got)
	}
	if got := b.model("list", ""); !strings.Contains(got, `"detailed_status":`+want+`,"status":"deployed","status_message":"no owner since 12:00"`) {
		t.Errorf("list says %s", got)
	}
}

func TestWaitingIsSaidOnlyOfWhatIsDeployed(t *testing.T) {
	told := wadmapi.NewStatus(wadmapi.StatusWaiting, "no owner yet")
	b := newBench(t, func(o *Options) { o.Status = fixedStatus{"default.hello": told} })
	b.model("put", hello("v1"))
	if got := b.model("status.hello", ""); !strings.HasSuffix(got, `"status":{"status":{"type":"undeployed"},"version":"","components":[]}}`) {
		t.Errorf("of what is not deployed, status says %s", got)
	}
	b.model("deploy.hello", "")
	if got := b.model("status.hello", ""); !strings.HasSuffix(got, `"status":{"status":{"type":"waiting","message":"no owner yet"},"version":"v1","components":[]}}`) {
		t.Errorf("of what is deployed, status says %s", got)
	}
}

// What generation 0.3 has no words for is said in those of 0.21, in both.
func TestListAndStatusBesideEitherGeneration(t *testing.T) {
	for _, g := range []wadmapi.Generation{wadmapi.Generation021, wadmapi.Generation03} {
		b := newBench(t, func(o *Options) { o.Generation = g })
		for subject, want := range map[string]string{
			"wadm.api.default.lattice.list":        `{"result":"success","message":"Successfully fetched list of applications","models":[]}`,
			"wadm.api.default.lattice.status.shop": `{"result":"ok","message":"Successfully fetched status for application shop","status":{"status":{"type":"undeployed"},"version":"","components":[]}}`,
		} {
			if got := b.ask(subject, ""); got != want {
				t.Errorf("in generation %s %s is answered %s, want %s", g, subject, got, want)
			}
		}
	}
}

func TestOperationsOfOthers(t *testing.T) {
	b := newBench(t, func(o *Options) {
		o.Handlers = map[wadmapi.Category]Handler{wadmapi.CategoryHost: func(_ context.Context, lattice, op, name string, body []byte) ([]byte, bool) {
			if op == "panic" {
				panic("a bug")
			}
			return fmt.Appendf(nil, "%s/%s/%s/%s", lattice, op, name, body), op == "list"
		}}
	})
	for subject, want := range map[string]string{
		"wadm.api.default.host.list":       "default/list//x",
		"wadm.api.other.host.list.größe":   "other/list/größe/x",
		"wadm.api.default.host.frob":       `{"message":"Unsupported subject: wadm.api.default.host.frob","result":"error"}`,
		"wadm.api.default.host.panic":      `{"message":"Internal error","result":"error"}`,
		"wadm.api.default.lattice.frob":    `{"message":"Unsupported subject: wadm.api.default.lattice.frob","result":"error"}`,
		"wadm.api.default.lattice.status":  `{"message":"Unsupported subject: wadm.api.default.lattice.status","result":"error"}`,
		"wadm.api.default.lattice.list.a":  `{"message":"Unsupported subject: wadm.api.default.lattice.list.a","result":"error"}`,
		"wadm.api.default.host.list.a.b.c": `{"message":"Invalid subject: Found extra components of subject, ensure your manifest name consists of only alphanumeric characters, dashes, and underscores.","result":"error"}`,
	} {
		if got := b.ask(subject, "x"); got != want {
			t.Errorf("%s is answered %s, want %s", subject, got, want)
		}
	}
}

func TestAReplyThatIsTooLargeIsSaid(t *testing.T) {
	srv := natstest.Start(t, func(o *server.Options) { o.MaxPayload = 4096 })
	st := newStore(t)
	if err := New(natstest.Connect(t, srv), Options{Models: st, Wishes: st, Status: noStatus{}}).Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if _, err := st.PutModel(t.Context(), "default", *model(t, fmt.Sprint("app", i), 1, ""), 0); err != nil {
			t.Fatal(err)
		}
	}
	reply, err := natstest.Connect(t, srv).Request("wadm.api.default.model.list", nil, patience)
	if err != nil || !strings.Contains(string(reply.Data), "the NATS server allows 4096") {
		t.Errorf("the reply is %v %v", reply, err)
	}
}

func TestEventsWithAndWithoutAStream(t *testing.T) {
	b := newBench(t)
	js, err := jetstream.New(b.nc)
	if err != nil {
		t.Fatal(err)
	}
	events := b.events("wadm.evt.>")
	deploy := func() {
		t.Helper()
		b.result(b.model("deploy.hello", ""), wadmapi.ResultAcknowledged)
		if n := len(taken(events)); n != 1 {
			t.Errorf("%d events", n)
		}
	}
	b.model("put", hello("v1"))
	deploy() // there is no stream

	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: wadmapi.EventStream, Subjects: []string{"wadm.evt.*.>"}, MaxAge: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	b.service.notify.look()
	if !b.service.notify.streamKnown() {
		t.Error("the stream is not seen")
	}
	deploy()
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 1 {
		t.Errorf("the stream holds %v (%v)", info, err)
	}

	// Purged away by somebody who stops the whole installation: the next deploy succeeds all the same, and does not wait again after that.
	if err := js.DeleteStream(t.Context(), wadmapi.EventStream); err != nil {
		t.Fatal(err)
	}
	deploy()
	if b.service.notify.streamKnown() {
		t.Error("the stream that is gone is still waited for")
	}
	deploy()
}

func TestStopAnswersWhatIsUnderWay(t *testing.T) {
	srv := natstest.Start(t)
	st := newStore(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	st.before = func(call, _ string) error {
		if call == "Models" {
			close(entered)
			<-leave
		}
		return nil
	}
	s := New(natstest.Connect(t, srv), Options{Models: st, Wishes: st, Status: noStatus{}})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	nc := natstest.Connect(t, srv)
	reply := make(chan *nats.Msg, 1)
	go func() {
		m, _ := nc.Request("wadm.api.default.model.list", nil, patience)
		reply <- m
	}()
	<-entered
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(short); err == nil {
		t.Error("Stop does not say that a request is under way")
	}
	close(leave)
	if m := <-reply; m == nil || !json.Valid(m.Data) {
		t.Errorf("the request under way is answered %v", m)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.open.Wait()
	if _, err := nc.RequestWithContext(ctx, "wadm.api.default.model.list", nil); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a stopped service leaves its subject with %v", err)
	}
}

// unreadable stands for a store that holds one record which cannot be read.
type unreadableStore struct{ *watchedStore }

func (u unreadableStore) Model(ctx context.Context, lattice, app string) (store.Model, store.Revision, error) {
	if app == "bad" {
		return store.Model{Name: app}, 1, store.ErrUnreadable
	}
	return u.watchedStore.Model(ctx, lattice, app)
}

func (u unreadableStore) Models(ctx context.Context, lattice string) ([]store.Model, error) {
	all, err := u.watchedStore.Models(ctx, lattice)
	return append([]store.Model{{Name: "bad"}}, all...), err
}

func TestABadRecordIsListed(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Models = unreadableStore{o.Models.(*watchedStore)} })
	b.model("put", hello("v1"))
	list := decoded[wadmapi.ListReply](t, b.model("get", ""))
	if len(list.Models) != 2 || list.Models[0].Name != "bad" || list.Models[0].Status != wadmapi.StatusFailed || list.Models[1].Name != "hello" {
		t.Errorf("the list is %+v", list.Models)
	}
	for _, tt := range []struct{ op, body, want string }{
		{"get.bad", "", `{"result":"error","message":"Internal storage error"}`},
		{"versions.bad", "", `{"result":"error","message":"Internal storage error","versions":[]}`},
		{"deploy.bad", "", `{"result":"error","message":"Internal storage error","name":"bad","version":null}`},
		{"put", strings.Replace(hello("v1"), "name: hello", "name: bad", 1), `{"message":"Internal storage error","result":"error"}`},
	} {
		if got := b.model(tt.op, tt.body); got != tt.want {
			t.Errorf("%s is answered %s, want %s", tt.op, got, tt.want)
		}
	}
	b.result(b.model("deploy.hello", ""), wadmapi.ResultAcknowledged)
}
