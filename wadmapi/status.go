package wadmapi

import "slices"

// StatusType is the state of an application or of one of its scalers. Source: wadm.status.{lattice}.{name} of 0.21.1.
type StatusType string

// The states.
const (
	StatusWaiting     StatusType = "waiting" // deployed, and no owner of the lattice has looked at it yet
	StatusUndeployed  StatusType = "undeployed"
	StatusReconciling StatusType = "reconciling"
	StatusDeployed    StatusType = "deployed"
	StatusFailed      StatusType = "failed"
	StatusUnhealthy   StatusType = "unhealthy"
)

// UnmarshalText reads the words of older servers too.
func (t *StatusType) UnmarshalText(text []byte) error {
	switch s := StatusType(text); s {
	case "compensating":
		*t = StatusReconciling
	case "ready":
		*t = StatusDeployed
	default:
		*t = s
	}
	return nil
}

// Legacy is the word for clients that read the deprecated status of a list: they do not know "waiting".
func (t StatusType) Legacy() StatusType {
	if t == StatusWaiting {
		return StatusUndeployed
	}
	return t
}

// StatusInfo is a state with the words that explain it.
type StatusInfo struct {
	Type    StatusType `json:"type"`
	Message string     `json:"message,omitempty"`
}

// ScalerStatus is the state of one spread, daemon or link of an application.
type ScalerStatus struct {
	ID     string     `json:"id"`
	Kind   string     `json:"kind"` // SpreadScaler, DaemonScaler, LinkScaler, ConfigScaler
	Name   string     `json:"name"`
	Status StatusInfo `json:"status"`
}

// Status is the payload on wadm.status.{lattice}.{name}, stored in the stream wadm_status.
type Status struct {
	Status     StatusInfo     `json:"status"`
	Scalers    []ScalerStatus `json:"scalers,omitempty"`
	Version    string         `json:"version"`
	Components []struct{}     `json:"components"` // deprecated, always empty, always there
}

// NewStatus is a status without scalers.
func NewStatus(t StatusType, message string) Status {
	return Status{Status: StatusInfo{Type: t, Message: message}, Components: []struct{}{}}
}

// Equal says that the two tell the same.
func (s Status) Equal(o Status) bool {
	return s.Status == o.Status && s.Version == o.Version && slices.Equal(s.Scalers, o.Scalers)
}

// The states of an application in the words of generation 0.3: deployment_status in a list, and state in deployment_state_changed (which has
// only the last two).
const (
	StateUndeployed   = "undeployed"
	StateInitializing = "initializing" // deployed, and no owner of the lattice has looked at it yet
	StateReconciling  = "reconciling"  // what runs differs from what is wanted
	StateIdle         = "idle"         // what runs is what is wanted
)

// DeploymentState is the state in the words of generation 0.3 of an application whose last status has that type. deployed says that a version of
// it is deployed; a status of "undeployed" was then told before it was. 0.3.0 itself said idle when time had passed, whatever ran; here it means that
// nothing is missing, so that failed is reconciling: what is wanted and what runs differ.
func DeploymentState(deployed bool, t StatusType) string {
	if !deployed {
		return StateUndeployed
	}
	switch t {
	case StatusDeployed:
		return StateIdle
	case StatusReconciling, StatusFailed, StatusUnhealthy:
		return StateReconciling
	}
	return StateInitializing
}
