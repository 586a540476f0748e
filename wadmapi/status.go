package wadmapi

// StatusType is the state of an application or of one of its scalers. Source: wadm.status.{lattice}.{name} of 0.21.1.
type StatusType string

// The states. Waiting is only told by lists.
const (
	StatusWaiting     StatusType = "waiting"
	StatusUndeployed  StatusType = "undeployed"
	StatusReconciling StatusType = "reconciling"
	StatusDeployed    StatusType = "deployed"
	StatusFailed      StatusType = "failed"
	StatusUnhealthy   StatusType = "unhealthy"
)

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
