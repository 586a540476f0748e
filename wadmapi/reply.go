package wadmapi

import (
	"bytes"
	"encoding/json"
)

// Result is the outcome of a request. Clients of 0.21.1 know these words and no others.
type Result string

// The results. Which operation gives which is said at the replies.
const (
	ResultError        Result = "error"
	ResultSuccess      Result = "success"
	ResultNotFound     Result = "notfound"
	ResultCreated      Result = "created"
	ResultNewVersion   Result = "newversion"
	ResultDeleted      Result = "deleted"
	ResultNoop         Result = "noop"
	ResultAcknowledged Result = "acknowledged"
	ResultOK           Result = "ok"
)

// VersionRequest is the body of get, delete and deploy. A nil version means the newest for get and deploy, and all of them for delete.
type VersionRequest struct {
	Version *string `json:"version,omitempty"`
}

// Latest is the version that deploy takes for "the newest" and that no manifest may have.
const Latest = "latest"

// ErrorReply answers a request that failed early, whatever it asked for.
type ErrorReply struct {
	Message string `json:"message"`
	Result  Result `json:"result"` // ResultError
}

// NewError makes an ErrorReply.
func NewError(message string) ErrorReply { return ErrorReply{Message: message, Result: ResultError} }

// PutErrorReply answers a put of a manifest with mistakes. Message is the first of Errors in the words that 0.21.1 would have used.
type PutErrorReply struct {
	Message string     `json:"message"`
	Result  Result     `json:"result"` // ResultError
	Errors  []PutError `json:"errors"` // ours: every mistake, in the order of the manifest
}

// PutError is one mistake in a manifest.
type PutError struct {
	Message    string `json:"message"`
	Path       string `json:"path,omitempty"`   // spec.components[0].properties.image
	Line       int    `json:"line,omitempty"`   // from 1, in the body as it was sent
	Column     int    `json:"column,omitempty"` // from 1, in characters
	Width      int    `json:"width,omitempty"`  // characters to underline
	Suggestion string `json:"suggestion,omitempty"`
}

// PutReply answers a put: created, newversion, or an error in one of the error replies.
type PutReply struct {
	Result         Result `json:"result"`
	TotalVersions  int    `json:"total_versions"`
	CurrentVersion string `json:"current_version"`
	Message        string `json:"message"`
	Name           string `json:"name"`
}

// GetReply answers a get: success with the manifest, or notfound.
type GetReply struct {
	Result   Result          `json:"result"`
	Message  string          `json:"message"`
	Manifest json.RawMessage `json:"manifest,omitempty"`
}

// ListReply answers model.get without a name: success, or error with no models. model.list answers Models alone.
type ListReply struct {
	Result  Result         `json:"result"`
	Message string         `json:"message"`
	Models  []ModelSummary `json:"models"`
}

// ModelSummary is one application in a list. Status and StatusMessage repeat DetailedStatus for older clients, except that "waiting"
// reads "undeployed" there.
type ModelSummary struct {
	Name            string     `json:"name"`
	Version         string     `json:"version"` // the newest one stored
	Description     *string    `json:"description"`
	DeployedVersion *string    `json:"deployed_version"`
	DetailedStatus  Status     `json:"detailed_status"`
	Status          StatusType `json:"status"`
	StatusMessage   string     `json:"status_message"`
}

// VersionsReply answers versions: success, notfound or error; oldest version first.
type VersionsReply struct {
	Result   Result        `json:"result"`
	Message  string        `json:"message"`
	Versions []VersionInfo `json:"versions"`
}

// VersionInfo is one stored version.
type VersionInfo struct {
	Version  string `json:"version"`
	Deployed bool   `json:"deployed"`
}

// DeleteReply answers a delete: deleted, noop or error. Undeploy says whether what runs is taken away too.
type DeleteReply struct {
	Result   Result `json:"result"`
	Message  string `json:"message"`
	Undeploy bool   `json:"undeploy"`
}

// DeployReply answers deploy and undeploy: acknowledged (accepted, not running yet), notfound or error. Version is what is deployed
// now; null for undeploy.
type DeployReply struct {
	Result  Result  `json:"result"`
	Message string  `json:"message"`
	Name    string  `json:"name"`
	Version *string `json:"version"`
}

// StatusReply answers status: ok, or error.
type StatusReply struct {
	Result  Result  `json:"result"`
	Message string  `json:"message"`
	Status  *Status `json:"status,omitempty"`
}

// HostsReply answers host.list: success, or error with no hosts.
type HostsReply struct {
	Result  Result `json:"result"`
	Message string `json:"message"`
	Hosts   []Host `json:"hosts"`
}

// Host is a host as the owner of its lattice sees it.
type Host struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Dialect string            `json:"dialect"` // v1, otp
	Version string            `json:"version,omitempty"`
	Labels  map[string]string `json:"labels"`
	State   string            `json:"state"`                      // alive, busy or silent
	Age     float64           `json:"age_seconds"`                // since the last sign of life
	BeatAge *float64          `json:"beat_age_seconds,omitempty"` // since the last heartbeat, absent before the first
	Uptime  uint64            `json:"uptime_seconds"`             // as the host said it then
	Runs    []Running         `json:"runs"`
}

// Running is one component or provider on a host.
type Running struct {
	Kind      string `json:"kind"` // component, provider
	ID        string `json:"id"`
	Reference string `json:"reference"`
	Updated   string `json:"updated_to,omitempty"` // the reference of the code that runs after an update in place, where the host reports the one from before
	Count     int    `json:"count"`
	App       string `json:"application,omitempty"` // whose it is; empty for what we do not manage
	Component string `json:"component,omitempty"`   // its name in the manifest
	Spread    string `json:"spread,omitempty"`      // that it was started for
	Link      string `json:"link_name,omitempty"`   // of a provider of an OTP host
	Orphan    bool   `json:"orphan,omitempty"`      // of an application that is neither deployed nor being removed
	Released  bool   `json:"released,omitempty"`    // of an application that was undeployed without stopping it
}

// Encode writes a reply or another of this package's objects as JSON, with nothing escaped that JSON does not demand. It fails only on a
// malformed manifest within.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
