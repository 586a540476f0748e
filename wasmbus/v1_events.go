package wasmbus

// The data of the events of 1.x hosts (protocol A5). The host that sent one is
// Event.Host; HostID in the data repeats what a request said and may be "".

// V1HostStarted is the data of host_started.
type V1HostStarted struct {
	FriendlyName  string            `json:"friendly_name"`
	Labels        map[string]string `json:"labels"`
	UptimeSeconds uint64            `json:"uptime_seconds"`
	Version       string            `json:"version"`
}

// V1HostStopped is the data of host_stopped. No event tells of what ran there.
type V1HostStopped struct {
	Labels map[string]string `json:"labels"`
}

// V1HostHeartbeat is the data of host_heartbeat: a whole inventory.
type V1HostHeartbeat struct {
	V1Inventory
}

// V1ComponentScaled is the data of component_scaled: MaxInstances 0 is a stop.
// Annotations and ImageRef may be those from before the change.
type V1ComponentScaled struct {
	Annotations  map[string]string  `json:"annotations"`
	Claims       *V1ComponentClaims `json:"claims,omitempty"`
	ComponentID  string             `json:"component_id"`
	HostID       string             `json:"host_id"`
	ImageRef     string             `json:"image_ref"`
	MaxInstances uint32             `json:"max_instances"`
	PublicKey    string             `json:"public_key,omitempty"`
}

// V1ComponentScaleFailed is the data of component_scale_failed.
type V1ComponentScaleFailed struct {
	Annotations  map[string]string `json:"annotations"`
	ComponentID  string            `json:"component_id"`
	Error        string            `json:"error"`
	HostID       string            `json:"host_id"`
	ImageRef     string            `json:"image_ref"`
	MaxInstances uint32            `json:"max_instances"`
	PublicKey    string            `json:"public_key,omitempty"`
}

// V1ComponentClaims are the claims of a signed component.
type V1ComponentClaims struct {
	CallAlias      *string    `json:"call_alias"`
	ExpiresHuman   string     `json:"expires_human"`
	Issuer         string     `json:"issuer"`
	Name           *string    `json:"name"`
	NotBeforeHuman string     `json:"not_before_human"`
	Revision       int32      `json:"revision"`
	Tags           StringList `json:"tags"`
	Version        *string    `json:"version"`
}

// V1ProviderClaims are the claims of a signed provider.
type V1ProviderClaims struct {
	ExpiresHuman   string     `json:"expires_human"`
	Issuer         string     `json:"issuer"`
	Name           *string    `json:"name"`
	NotBeforeHuman string     `json:"not_before_human"`
	Tags           StringList `json:"tags"`
	Version        *string    `json:"version"`
}

// StringList is a list of strings that claims may leave null; nil is null.
// When decoded a single string is a list of one.
type StringList []string

// V1ProviderStarted is the data of provider_started. ImageRef is normalised.
// The last four are set for signed providers only.
type V1ProviderStarted struct {
	Annotations map[string]string `json:"annotations"`
	Claims      *V1ProviderClaims `json:"claims,omitempty"`
	HostID      string            `json:"host_id"`
	ImageRef    string            `json:"image_ref"`
	InstanceID  string            `json:"instance_id,omitempty"`
	LinkName    string            `json:"link_name,omitempty"`
	ProviderID  string            `json:"provider_id"`
	PublicKey   string            `json:"public_key,omitempty"`
}

// V1ProviderStartFailed is the data of provider_start_failed.
type V1ProviderStartFailed struct {
	Error       string `json:"error"`
	HostID      string `json:"host_id"`
	LinkName    string `json:"link_name"`
	ProviderID  string `json:"provider_id"`
	ProviderRef string `json:"provider_ref"`
}

// V1ProviderStopped is the data of provider_stopped.
type V1ProviderStopped struct {
	Annotations map[string]string `json:"annotations"`
	HostID      string            `json:"host_id"`
	InstanceID  string            `json:"instance_id"`
	LinkName    string            `json:"link_name"`
	ProviderID  string            `json:"provider_id"`
	PublicKey   string            `json:"public_key"`
	Reason      string            `json:"reason"`
}

// V1HealthCheckPassed is the data of health_check_passed: unhealthy before.
type V1HealthCheckPassed struct {
	HostID     string `json:"host_id"`
	ProviderID string `json:"provider_id"`
}

// V1HealthCheckFailed is the data of health_check_failed: healthy before.
type V1HealthCheckFailed struct {
	HostID     string `json:"host_id"`
	ProviderID string `json:"provider_id"`
}

// V1HealthCheckStatus is the data of health_check_status: as before, which may
// be unhealthy.
type V1HealthCheckStatus struct {
	HostID     string `json:"host_id"`
	ProviderID string `json:"provider_id"`
}

// V1LinkdefSet is the data of linkdef_set.
type V1LinkdefSet struct {
	V1Link
}

// V1LinkdefSetFailed is the data of linkdef_set_failed.
type V1LinkdefSetFailed struct {
	Error string `json:"error"`
	V1Link
}

// V1LinkdefDeleted is the data of linkdef_deleted. Target is "" and Interfaces
// nil if no stored link matched.
type V1LinkdefDeleted struct {
	Interfaces   []string `json:"interfaces,omitzero"`
	Name         string   `json:"name"`
	SourceID     string   `json:"source_id"`
	Target       string   `json:"target,omitempty"`
	WITNamespace string   `json:"wit_namespace"`
	WITPackage   string   `json:"wit_package"`
}

// V1ConfigSet is the data of config_set.
type V1ConfigSet struct {
	ConfigName string `json:"config_name"`
}

// V1ConfigDeleted is the data of config_deleted.
type V1ConfigDeleted struct {
	ConfigName string `json:"config_name"`
}

// V1LabelsChanged is the data of labels_changed; Labels is the whole new set.
type V1LabelsChanged struct {
	HostID string            `json:"host_id"`
	Labels map[string]string `json:"labels"`
}
