package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/wadmapi"
)

func TestEventsAreOneLineEach(t *testing.T) {
	own := func(name string, data any) []byte { return wadmapi.EncodeEvent("1", "not a time", name, data) }
	flat := func(name string, d wadmapi.FlatData) []byte {
		d.Name, d.Version = "echo", "1"
		return wadmapi.EncodeFlat("1", "not a time", wadmapi.FlatEvent{Name: name, Data: d})
	}
	scale := wadmapi.CommandEvent{App: "shop", Version: "v2", Component: "web", Action: "scale", Host: "NA", To: 3, Reason: "too-few"}
	failed := scale
	failed.Message = "no room\nhere\x1b[2J"
	for _, tt := range []struct {
		name string
		body []byte
		want string
	}{
		{"a deploy", own("manifest_published", json.RawMessage(`{"metadata":{"name":"shop","annotations":{"version":"v2"}}}`)), "shop v2  deploy requested"},
		{"an undeploy", own("manifest_unpublished", wadmapi.Unpublished{Name: "shop"}), "shop  undeploy requested"},
		{"a command to a host that is known by name", own("command_sent", scale), "shop v2  scale web 0 → 3 on host-a (too-few)"},
		{"a failure, on one line and without what a screen would obey", own("command_failed", failed), "shop v2  !scale web 0 → 3 on host-a failed: no room here [2J"},
		{"a failure without words", own("command_failed", scale), "shop v2  !scale web 0 → 3 on host-a failed: the host gives no cause"},
		{"a link", own("command_sent", wadmapi.CommandEvent{App: "shop", Component: "web", Action: "put_link", Target: "a -(default)-> b", Reason: "link-missing"}),
			"shop  put link a -(default)-> b (link-missing)"},
		{"a component that is gone from the manifest", own("command_sent", wadmapi.CommandEvent{App: "shop", Action: "scale", Target: "shop-web", From: 2, Host: "NB", Reason: "undeployed"}),
			"shop  scale shop-web 2 → 0 on NB (undeployed)"},
		{"an image", own("command_sent", wadmapi.CommandEvent{App: "shop", Component: "web", Action: "update", Host: "NA", Reason: "image-changed"}),
			"shop  update web on host-a (image-changed)"},
		{"an interruption beforehand", own("interruption_expected", wadmapi.InterruptionEvent{App: "shop", Version: "v2", Component: "web", Host: "NA", Message: "web:1 stops on NA (2) before web:2 starts there"}),
			"shop v2  web: web:1 stops on host-a (2) before web:2 starts there"},
		{"an interruption afterwards", own("interruption_ended", wadmapi.InterruptionEvent{App: "shop", Version: "v2", Component: "web", Host: "NA", Message: "interrupted: web for 1.2s on NA"}),
			"shop v2  interrupted: web for 1.2s on host-a"},
		{"a status", own("status_changed", wadmapi.StatusEvent{App: "shop", From: "reconciling", To: "deployed"}), "shop  +reconciling → deployed"},
		{"one that fails", own("status_changed", wadmapi.StatusEvent{App: "shop", From: "failed", To: "failed", Message: "no host"}), "shop  !failed: no host"},
		{"a host that comes, by its name from then on", own("host_found", wadmapi.HostEvent{Host: "NB", Name: "host-b"}), "host-b  found"},
		{"a host that goes", own("host_lost", wadmapi.HostEvent{Host: "NB", Reason: "silent", Apps: []string{"a", "b"}}), "host-b  !lost (silent), ran a, b"},
		{"an owner", own("owner_changed", wadmapi.OwnerEvent{Owner: "p1", Epoch: 4}), "owner is p1, epoch 4"},
		{"what is not known here", own("news", map[string]int{"a": 1}), `news {"a":1}`},
		{"a version", flat("model_version_created", wadmapi.FlatData{}), "echo 1  version stored"},
		{"a version that goes", flat("model_version_deleted", wadmapi.FlatData{}), "echo 1  version deleted"},
		{"a deploy of 0.3.0", flat("model_deployed", wadmapi.FlatData{}), "echo 1  deploy requested"},
		{"an undeploy of 0.3.0", flat("model_undeployed", wadmapi.FlatData{}), "echo 1  undeploy requested"},
		{"a state", flat("deployment_state_changed", wadmapi.FlatData{State: "reconciling"}), "echo 1  reconciling"},
		{"the good end", flat("deployment_state_changed", wadmapi.FlatData{State: "idle"}), "echo 1  +idle"},
		{"an action of 0.3.0", flat("control_action_taken", wadmapi.FlatData{ActionType: "start"}), "echo 1  start"},
		{"an action with its reason", flat("control_action_taken", wadmapi.FlatData{ActionType: "stop", Reason: "too-many"}), "echo 1  stop (too-many)"},
		{"one that failed", flat("control_action_failed", wadmapi.FlatData{ActionType: "start", Message: "no"}), "echo 1  !start failed: no"},
		{"an error", flat("reconciliation_error_occurred", wadmapi.FlatData{Message: "1 errors occurred"}), "echo 1  !1 errors occurred"},
		{"a flat one that is not known here", flat("news", wadmapi.FlatData{}), `echo 1  news {"lattice_id":"","name":"echo","version":"1"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var told client.Told
			told.Raw = tt.body
			if err := json.Unmarshal(tt.body, &told.Event); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(told.Event.Type, wadmapi.FlatTypePrefix) {
				told.Flat = &wadmapi.FlatData{}
				if err := json.Unmarshal(told.Event.Data, told.Flat); err != nil {
					t.Fatal(err)
				}
			}
			for _, colours := range []bool{false, true} {
				var b bytes.Buffer
				p := &eventPrinter{w: &b, colours: colours, names: map[string]string{"NA": "host-a"}}
				if strings.Contains(tt.want, "host-b") {
					p.names["NB"] = "host-b"
				}
				if err := p.print(told); err != nil {
					t.Fatal(err)
				}
				want := strings.NewReplacer("!", "", "+", "").Replace(tt.want)
				if colours {
					want = painted(tt.want)
				}
				if got := b.String(); got != "not a time  "+want+"\n" {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			}
		})
	}
}

// painted turns the marks of the table into colours: ! is bad, + is good, to the end of the line.
func painted(s string) string {
	for mark, colour := range map[string]string{"!": colourBad, "+": colourGood} {
		if before, after, ok := strings.Cut(s, mark); ok {
			return before + colour + after + colourEnd
		}
	}
	return s
}

func TestAnEventsTimeIsThatOfTheReader(t *testing.T) {
	var b bytes.Buffer
	p := &eventPrinter{w: &b, names: map[string]string{}}
	var told client.Told
	if err := json.Unmarshal(wadmapi.EncodeEvent("1", "2026-01-02T03:04:05.678Z", "news", 1), &told.Event); err != nil {
		t.Fatal(err)
	}
	if err := p.print(told); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(b.String(), ":05  news 1\n") || len(b.String()) != len("00:04:05  news 1\n") {
		t.Errorf("printed %q", b.String())
	}
}
