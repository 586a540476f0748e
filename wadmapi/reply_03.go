package wadmapi

import "encoding/json"

// This file is the replies of generation 0.3. The members of every object stand in alphabetical order, as 0.3.0 wrote them. An error is an
// ErrorReply, whatever was asked.

// QueueGroup03 is the queue group of generation 0.3.
const QueueGroup03 = "wadm_api_server"

// Unexpected is the message of the reply to a subject that means nothing to generation 0.3.
const Unexpected SubjectError = "Received unexpected API request"

// Reply03 is every reply of generation 0.3 that is no error: Data is one of the types below.
type Reply03 struct {
	Data   any    `json:"data"`
	Result Result `json:"result"` // ResultSuccess
}

// NewReply03 makes a reply.
func NewReply03(data any) Reply03 { return Reply03{Data: data, Result: ResultSuccess} }

// Put03 is the data of a put.
type Put03 struct {
	CurrentVersion string `json:"current_version"`
	Name           string `json:"name"`
}

// Get03 is the data of a get: the text as it was put, and what 0.3.0 made of it.
type Get03 struct {
	Raw    string          `json:"raw"`
	Vetted json.RawMessage `json:"vetted"`
}

// Summary03 is one application of a list; the data of a list is an array of them. Version and Description are those of the version put
// last, null when there is none.
type Summary03 struct {
	DeploymentStatus string  `json:"deployment_status"`
	Description      *string `json:"description"`
	Name             *string `json:"name"`
	Version          *string `json:"version"`
}

// Version03 is one stored version; the data of versions is an array of them, the newest first.
type Version03 struct {
	Created  *string `json:"created"` // ISO 8601, UTC, with milliseconds; null: the store does not know
	Deployed bool    `json:"deployed"`
	Version  string  `json:"version"`
}

// Deleted03 is the data of a delete.
type Deleted03 struct {
	Version string `json:"version"`
}

// Deployed03 is the data of a deploy: accepted, not running yet.
type Deployed03 struct {
	Acknowledged bool `json:"acknowledged"`
}

// Undeployed03 is the data of an undeploy: an empty object.
type Undeployed03 struct{}

// Time03 is the layout of a time in generation 0.3.
const Time03 = "2006-01-02T15:04:05.000Z"

// UndeployKeys are members of the bodies of undeploy and delete that say what becomes of what runs: booleans, or the strings "true" and "false".
type UndeployKeys struct {
	Destructive    *bool `json:"destructive,omitempty"`     // undeploy: stop it
	NonDestructive *bool `json:"non_destructive,omitempty"` // undeploy: let it run
	Undeploy       *bool `json:"undeploy,omitempty"`        // delete: stop it, or let it run
	DeleteAll      *bool `json:"delete_all,omitempty"`      // delete: all versions, whatever version says
}
