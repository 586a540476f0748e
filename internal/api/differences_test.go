package api

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/wadmapi"
)

// difference is one thing that we answer otherwise than 0.21.1, on purpose. same makes the two replies equal if they differ in this and in
// nothing else. docs/differences-0.21.md explains each to users.
type difference struct {
	reason string
	at     string // file:n of the one request; empty: wherever it shows
	same   func(want, got string) (string, string)
}

var (
	putDone   = regexp.MustCompile(`^\{"result":"(?:created|newversion)".*"current_version":"(.*?)","message":"Successfully put manifest (\S+) `)
	errorsKey = regexp.MustCompile(`,"errors":\[.*\]\}$`)
)

var differences = []difference{
	{reason: "put names the version that was put, not the one before it", same: func(want, got string) (string, string) {
		m := putDone.FindStringSubmatch(want)
		if m == nil {
			return want, got
		}
		i := strings.Index(want, `"message":"`)
		j := strings.IndexAny(want[i+len(`"message":"`):], `,"`) // a text of 0.21.1's goes on after a comma
		return want[:i] + `"message":"Successfully put manifest ` + m[2] + " " + m[1] + want[i+len(`"message":"`)+j:], got
	}},
	{reason: "a refused manifest carries all its mistakes in errors", same: func(want, got string) (string, string) {
		return want, errorsKey.ReplaceAllString(got, "}")
	}},
	{reason: "the detail of a manifest that cannot be parsed is in our words, with its place", same: cutBoth("Unable to parse manifest: ", "Unsupported content type")},
	{reason: "the detail of a body that cannot be parsed is in our words, with its place", same: cutBoth(" application request: ", "")},
	{reason: "what was refused at deploy is not deployed", at: "api_deploy:439", same: func(want, got string) (string, string) {
		return eachSummary(want, func(s *wadmapi.ModelSummary) {
			if s.Name == "shared-user" {
				s.DeployedVersion = nil
			}
		}), got
	}},
	{reason: "waiting is said only of what is deployed; list and status agree", same: func(want, got string) (string, string) {
		return eachSummary(want, func(s *wadmapi.ModelSummary) {
			if s.DeployedVersion == nil && s.DetailedStatus.Status.Type == wadmapi.StatusWaiting {
				s.DetailedStatus = wadmapi.NewStatus(wadmapi.StatusUndeployed, "")
				s.StatusMessage = ""
			}
		}), got
	}},
	{reason: "the status carries the deployed version", same: func(want, got string) (string, string) {
		return eachSummary(want, func(s *wadmapi.ModelSummary) {
			if s.DeployedVersion != nil {
				s.DetailedStatus.Version = *s.DeployedVersion
			}
		}), got
	}},
}

// only holds replies that differ whole, by request.
var only = []struct{ at, reason, ours string }{
	{"api_put:119", "content types may have parameters",
		`{"result":"newversion","total_versions":4,"current_version":"4","message":"Successfully put manifest json 4","name":"json"}`},
	{"api_put:122", "text/yaml is YAML",
		`{"result":"newversion","total_versions":4,"current_version":"4","message":"Successfully put manifest json 4","name":"json"}`},
	{"api_put:231", "letters beyond ASCII in a name are refused at the door, not by the store",
		`{"message":"Manifest name gruen_ü contains invalid characters. Manifest names can only contain alphanumeric characters, dashes, and underscores.","result":"error"}`},
	{"api_put:238", "missing shared components are named, not dumped",
		`{"result":"created","total_versions":1,"current_version":"v1.0.0","message":"Successfully put manifest shared-user v1.0.0, but some shared components are not deployed: [\"base\"]","name":"shared-user"}`},
	{"api_put:282", "a spread may leave out its requirements; what is refused here is the second scaler",
		`{"message":"component \"a\" has more than one scaler: they would undo each other's work; use one with several spreads (manifest:1:328)","result":"error"}`},
	{"api_put:286", "an id must be one token of a subject and a legal key",
		`{"message":"id \"same id\" is not allowed: letters, digits, - _ = / only, at most 255 of them: it is part of a subject and a key (manifest:1:198)","result":"error"}`},
	{"api_put:483", "an id must be one token of a subject and a legal key", `{"result":"notfound","message":"Application with the name v8 not found"}`},
	{"api_put:562", "an id must be one token of a subject and a legal key",
		`{"result":"noop","message":"Application v8 doesn't exist or was already deleted","undeploy":false}`},
	{"api_put:450", "two configs of one name with other values would overwrite each other",
		`{"message":"config \"c\" has other values in components[0].properties.config[0]: both are kept as \"v17-c\" (manifest:1:248)","result":"error"}`},
	{"api_put:505", "two configs of one name with other values would overwrite each other", `{"result":"notfound","message":"Application with the name v17 not found"}`},
	{"api_put:655", "two configs of one name with other values would overwrite each other",
		`{"result":"noop","message":"Application v17 doesn't exist or was already deleted","undeploy":false}`},
	{"api_delete:59", "delete_all deletes all versions, whatever version says",
		`{"result":"deleted","message":"Successfully deleted application hello","undeploy":true}`},
	{"api_deploy:187", "waiting is said only of what is deployed; list and status agree",
		`{"result":"ok","message":"Successfully fetched status for application hello","status":{"status":{"type":"waiting","message":"Waiting for status: Lattice contains no hosts, deployment not started."},"version":"v0.0.2","components":[]}}`},
	{"api_deploy:193", "components of other applications are not supported yet", sharedRefused},
	{"api_deploy:229", "components of other applications are not supported yet", sharedRefused},
	{"api_deploy:272", "components of other applications are not supported yet", sharedRefused},
}

const sharedRefused = `{"result":"error","message":"Application shared-user v1.0.0 cannot be deployed: secrets and components of other applications are not supported yet: spec.components[0].properties.application","name":"shared-user","version":"v1.0.0"}`

func init() {
	for _, o := range only {
		differences = append(differences, difference{o.reason, o.at, func(want, got string) (string, string) {
			if got == o.ours {
				return got, got
			}
			return want, got
		}})
	}
}

// eventDifferences are the requests after which other events are seen than recorded.
var eventDifferences = map[string][]string{
	"api_deploy:272": nil, // not deployed, see above
	"api_delete:11":  nil, // a delete of a version that is not there takes nothing down
	"api_delete:18":  nil, // likewise
}

// undo takes back what we accepted and 0.21.1 did not, so that the run goes on as recorded.
var undo = map[string][2]string{
	"api_put:119": {"del.json", `{"version":"4"}`},
	"api_put:122": {"del.json", `{"version":"4"}`},
}

// cutBoth forgets what follows a text that both replies have, unless it is followed by that other text.
func cutBoth(after, unless string) func(want, got string) (string, string) {
	return func(want, got string) (string, string) {
		w, wrest, ok := strings.Cut(want, after)
		g, grest, both := strings.Cut(got, after)
		if !ok || !both || wrest == grest || unless != "" && strings.HasPrefix(wrest, unless) && strings.HasPrefix(grest, unless) {
			return want, got
		}
		return w + after + "…", g + after + "…"
	}
}

// eachSummary rewrites the models of a list in either form.
func eachSummary(reply string, change func(*wadmapi.ModelSummary)) string {
	var list wadmapi.ListReply
	var bare []wadmapi.ModelSummary
	var out any
	switch {
	case strings.HasPrefix(reply, "["):
		if json.Unmarshal([]byte(reply), &bare) != nil {
			return reply
		}
		out = bare
	case strings.Contains(reply, `"models":`):
		if json.Unmarshal([]byte(reply), &list) != nil {
			return reply
		}
		bare, out = list.Models, list
	default:
		return reply
	}
	for i := range bare {
		change(&bare[i])
	}
	text, err := wadmapi.Encode(out)
	if err != nil {
		return reply
	}
	return string(text)
}

// eventLine is an event without what is different each time.
func eventLine(subject string, payload []byte) string {
	var e wadmapi.Event
	if err := json.Unmarshal(payload, &e); err != nil {
		return subject + " " + err.Error()
	}
	var data any // members sorted: 0.21.1 sends them so, and their order means nothing
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return subject + " " + err.Error()
	}
	e.ID, e.Time = "", ""
	e.Data, _ = json.Marshal(data)
	text, _ := wadmapi.Encode(e)
	return subject + " " + masked(string(text))
}

func names(events []*nats.Msg) []string {
	var out []string
	for _, m := range events {
		out = append(out, eventLine(m.Subject, m.Data))
	}
	return out
}
