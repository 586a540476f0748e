package wasmbus

import "encoding/json"

// The data of the events of OTP hosts (protocol B4, B5), all on one subject.

// OTPHostStarted is the data of host_started; the last two come from 0.61.
type OTPHostStarted struct {
	FriendlyName  string            `json:"friendly_name"`
	Labels        map[string]string `json:"labels"`
	UptimeSeconds *uint64           `json:"uptime_seconds,omitempty"`
	Version       string            `json:"version,omitempty"`
}

// OTPHostStopped is the data of host_stopped; hosts to 0.59 send it twice.
type OTPHostStopped struct {
	Labels map[string]string `json:"labels"`
}

// OTPHeartbeat is the data of host_heartbeat in either form. To 0.59 Instances
// lists every instance, from 0.60 Counts gives a number per public key;
// the other one is nil. Neither tells annotations: an inventory does.
type OTPHeartbeat struct {
	Instances     []OTPHeartbeatInstance
	Counts        map[string]int
	FriendlyName  string
	Labels        map[string]string
	Providers     []OTPHeartbeatProvider
	UptimeHuman   string
	UptimeSeconds uint64
	Version       string
}

// OTPHeartbeatInstance is one entry of the list form.
type OTPHeartbeatInstance struct {
	InstanceID string `json:"instance_id"`
	PublicKey  string `json:"public_key"`
}

// OTPHeartbeatProvider is one provider of a heartbeat; InstanceID to 0.59.
type OTPHeartbeatProvider struct {
	ContractID string `json:"contract_id"` // "n/a" if the claims are unknown
	InstanceID string `json:"instance_id,omitempty"`
	LinkName   string `json:"link_name"`
	PublicKey  string `json:"public_key"`
}

// OTPActorStarted is the data of actor_started, one per instance. APIVersion
// is a number, from 0.62 the string "n/a".
type OTPActorStarted struct {
	Annotations OTPAnnotations  `json:"annotations"`
	APIVersion  json.RawMessage `json:"api_version,omitzero"`
	Claims      *OTPActorClaims `json:"claims,omitempty"`
	ImageRef    string          `json:"image_ref"`
	InstanceID  string          `json:"instance_id"`
	PublicKey   string          `json:"public_key"`
}

// OTPActorClaims are the claims of an actor; what the artifact leaves out is null.
type OTPActorClaims struct {
	CallAlias      *string    `json:"call_alias"`
	Caps           StringList `json:"caps"`
	ExpiresHuman   string     `json:"expires_human"`
	Issuer         string     `json:"issuer"`
	Name           *string    `json:"name"`
	NotBeforeHuman string     `json:"not_before_human"`
	Revision       int64      `json:"revision"`
	Tags           StringList `json:"tags"`
	Version        *string    `json:"version"`
}

// OTPProviderClaims are the claims of a provider.
type OTPProviderClaims struct {
	ExpiresHuman   string     `json:"expires_human"`
	Issuer         string     `json:"issuer"`
	Name           *string    `json:"name"`
	NotBeforeHuman string     `json:"not_before_human"`
	Tags           StringList `json:"tags"`
	Version        *string    `json:"version"`
}

// OTPActorStartFailed is the data of actor_start_failed. ActorRef is the image
// reference, or the public key if the module itself failed to load.
type OTPActorStartFailed struct {
	ActorRef string `json:"actor_ref"`
	Error    string `json:"error"` // often with its own quotes: see OTPErrorText
}

// OTPActorStopped is the data of actor_stopped, one per instance; Annotations
// come from 0.62.1, nil before.
type OTPActorStopped struct {
	Annotations OTPAnnotations `json:"annotations,omitzero"`
	InstanceID  string         `json:"instance_id"`
	PublicKey   string         `json:"public_key"`
}

// OTPActorUpdated is the data of actor_updated, one per instance.
type OTPActorUpdated struct {
	InstanceID string `json:"instance_id"`
	PublicKey  string `json:"public_key"`
	Revision   int64  `json:"revision"`
}

// OTPActorUpdateFailed is the data of actor_update_failed, one per instance.
type OTPActorUpdateFailed struct {
	InstanceID string `json:"instance_id"`
	PublicKey  string `json:"public_key"`
	Reason     string `json:"reason"`
	Revision   int64  `json:"revision"`
}

// OTPActorsStarted is the data of actors_started (from 0.63), one per command.
type OTPActorsStarted struct {
	Annotations OTPAnnotations  `json:"annotations"`
	Claims      *OTPActorClaims `json:"claims,omitempty"`
	Count       int             `json:"count"`
	HostID      string          `json:"host_id"`
	ImageRef    string          `json:"image_ref"`
	PublicKey   string          `json:"public_key"`
}

// OTPActorsStartFailed is the data of actors_start_failed (from 0.63).
// PublicKey is "N/A" if it was not known.
type OTPActorsStartFailed struct {
	Annotations OTPAnnotations `json:"annotations"`
	Error       string         `json:"error"`
	HostID      string         `json:"host_id"`
	ImageRef    string         `json:"image_ref"`
	PublicKey   string         `json:"public_key"`
}

// OTPActorsStopped is the data of actors_stopped (from 0.63). It is sent even
// if nothing stopped, and PublicKey repeats the request, whatever it was: it
// must never be folded into what is observed.
type OTPActorsStopped struct {
	Annotations OTPAnnotations `json:"annotations"`
	Count       int            `json:"count"` // as requested
	HostID      string         `json:"host_id"`
	PublicKey   string         `json:"public_key"`
	Remaining   int            `json:"remaining"` // may be negative
}

// OTPProviderStarted is the data of provider_started.
type OTPProviderStarted struct {
	Annotations OTPAnnotations     `json:"annotations"`
	Claims      *OTPProviderClaims `json:"claims,omitempty"`
	ContractID  string             `json:"contract_id"`
	ImageRef    string             `json:"image_ref"`
	InstanceID  string             `json:"instance_id"`
	LinkName    string             `json:"link_name"`
	PublicKey   string             `json:"public_key"`
}

// OTPProviderStartFailed is the data of provider_start_failed.
type OTPProviderStartFailed struct {
	Error       string `json:"error"`
	LinkName    string `json:"link_name"`
	ProviderRef string `json:"provider_ref"`
}

// OTPProviderStopped is the data of provider_stopped, one per process;
// Annotations come from 0.62.1, nil before.
type OTPProviderStopped struct {
	Annotations OTPAnnotations `json:"annotations,omitzero"`
	ContractID  string         `json:"contract_id"`
	InstanceID  string         `json:"instance_id"`
	LinkName    string         `json:"link_name"`
	PublicKey   string         `json:"public_key"`
	Reason      string         `json:"reason"`
}

// OTPHealthCheckPassed is the data of health_check_passed; ContractID from 0.62.
type OTPHealthCheckPassed struct {
	ContractID string `json:"contract_id,omitempty"`
	LinkName   string `json:"link_name"`
	PublicKey  string `json:"public_key"`
}

// OTPHealthCheckFailed is the data of health_check_failed.
type OTPHealthCheckFailed struct {
	ContractID string `json:"contract_id,omitempty"`
	LinkName   string `json:"link_name"`
	PublicKey  string `json:"public_key"`
}

// OTPHealthCheckStatus is the data of health_check_status (from 0.62): as
// before, which may be unhealthy.
type OTPHealthCheckStatus struct {
	ContractID string `json:"contract_id,omitempty"`
	LinkName   string `json:"link_name"`
	PublicKey  string `json:"public_key"`
}

// OTPLinkdefSet is the data of linkdef_set; Source is "n/a" from 0.60.
type OTPLinkdefSet struct {
	OTPLinkdef
}

// OTPLinkdefDeleted is the data of linkdef_deleted.
type OTPLinkdefDeleted struct {
	OTPLinkdef
}

// OTPRefmapSet is the data of refmap_set: which key an image reference has.
type OTPRefmapSet struct {
	OCIURL    string `json:"oci_url"`
	PublicKey string `json:"public_key"`
}

// OTPInvocationSucceeded is the data of invocation_succeeded: one call between
// two entities. It says nothing about what runs.
type OTPInvocationSucceeded struct {
	Bytes     uint64    `json:"bytes"`
	Dest      OTPEntity `json:"dest"`
	Operation string    `json:"operation"`
	Source    OTPEntity `json:"source"`
}

// OTPInvocationFailed is the data of invocation_failed.
type OTPInvocationFailed struct {
	Bytes     uint64    `json:"bytes"`
	Dest      OTPEntity `json:"dest"`
	Operation string    `json:"operation"`
	Source    OTPEntity `json:"source"`
}

// OTPEntity is one end of an invocation.
type OTPEntity struct {
	ContractID *string `json:"contract_id"`
	LinkName   *string `json:"link_name"`
	PublicKey  string  `json:"public_key"`
}
