package wasmbus

import "encoding/json"

// V1Scale is the body of component.scale (protocol A4.1). Count 0 stops the
// component; the key is "count" although everything else says max_instances.
type V1Scale struct {
	ComponentRef    string            `json:"component_ref,omitempty"`
	ComponentID     string            `json:"component_id"`
	Annotations     map[string]string `json:"annotations,omitzero"`
	Count           uint32            `json:"count"`
	HostID          string            `json:"host_id"`
	Config          []string          `json:"config"` // names of configs, later ones win
	AllowUpdate     bool              `json:"allow_update"`
	ComponentLimits map[string]string `json:"component_limits,omitempty"`
}

// V1Update is the body of component.update (A4.2): another image for a running
// component. Annotations replace the old ones, none means none.
type V1Update struct {
	ComponentID     string            `json:"component_id"`
	HostID          string            `json:"host_id"`
	NewComponentRef string            `json:"new_component_ref"`
	Annotations     map[string]string `json:"annotations,omitempty"`
}

// V1ComponentAuction is the body of component.auction (A4.3), and with HostID
// set the response of a willing host.
type V1ComponentAuction struct {
	ComponentRef string            `json:"component_ref"`
	ComponentID  string            `json:"component_id"`
	HostID       string            `json:"host_id,omitempty"`
	Constraints  map[string]string `json:"constraints"`
}

// V1ProviderAuction is the body of provider.auction (A4.4), and with HostID
// set the response of a willing host.
type V1ProviderAuction struct {
	HostID      string            `json:"host_id,omitempty"`
	ProviderRef string            `json:"provider_ref"`
	ProviderID  string            `json:"provider_id"`
	Constraints map[string]string `json:"constraints"`
}

// V1StartProvider is the body of provider.start (A4.5).
type V1StartProvider struct {
	ProviderID  string            `json:"provider_id"`
	ProviderRef string            `json:"provider_ref"`
	HostID      string            `json:"host_id"`
	Config      []string          `json:"config"`
	Annotations map[string]string `json:"annotations,omitzero"`
}

// V1StopProvider is the body of provider.stop (A4.7). When it is decoded,
// provider_ref is taken as another word for provider_id, as hosts do.
type V1StopProvider struct {
	HostID     string `json:"host_id"`
	ProviderID string `json:"provider_id"`
}

// V1Link is the body of link.put, an entry of the link.get response and the
// data of linkdef_set (A4.8). Configs are names of stored configs.
type V1Link struct {
	SourceID     string   `json:"source_id"`
	Target       string   `json:"target"`
	Name         string   `json:"name"` // "default" where a body leaves it out
	WITNamespace string   `json:"wit_namespace"`
	WITPackage   string   `json:"wit_package"`
	Interfaces   []string `json:"interfaces"`
	SourceConfig []string `json:"source_config"`
	TargetConfig []string `json:"target_config"`
}

// V1DeleteLink is the body of link.del (A4.8).
type V1DeleteLink struct {
	SourceID     string `json:"source_id"`
	Name         string `json:"name"` // "default" where a body leaves it out
	WITNamespace string `json:"wit_namespace"`
	WITPackage   string `json:"wit_package"`
}

// V1Config is the body of config.put and the response of config.get (A4.9).
type V1Config map[string]string

// V1PutLabel is the body of label.put (A4.10).
type V1PutLabel struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// V1DeleteLabel is the body of label.del (A4.10).
type V1DeleteLabel struct {
	Key string `json:"key"`
}

// V1StopHost is the body of host.stop (A4.12); an empty body is the zero value.
type V1StopHost struct {
	HostID  string `json:"host_id,omitempty"`
	Timeout uint64 `json:"timeout,omitempty"` // milliseconds, 0: the host's own 10 s
}

// V1Ack is the answer of a 1.x host to anything (A2). Response is nil where
// the host sent none.
type V1Ack struct {
	Success  bool            `json:"success"`
	Message  string          `json:"message"`
	Response json.RawMessage `json:"response,omitzero"`
}

// V1HostSummary is the response to host.ping, one per host (A3.1).
type V1HostSummary struct {
	ID            string            `json:"id"`
	Labels        map[string]string `json:"labels"`
	FriendlyName  string            `json:"friendly_name"`
	UptimeSeconds uint64            `json:"uptime_seconds"`
	UptimeHuman   string            `json:"uptime_human,omitempty"`
	Version       string            `json:"version,omitempty"`
	JSDomain      string            `json:"js_domain,omitempty"`
	CtlHost       string            `json:"ctl_host,omitempty"`
	RPCHost       string            `json:"rpc_host,omitempty"`
	Lattice       string            `json:"lattice"`
}

// V1Inventory is the response to host.get and the data of host_heartbeat
// (A3.2). Both lists are there even if empty: a body without them is an error,
// for it would read as "nothing runs".
type V1Inventory struct {
	Components    []V1InventoryComponent `json:"components"`
	FriendlyName  string                 `json:"friendly_name"`
	HostID        string                 `json:"host_id"`
	Labels        map[string]string      `json:"labels"`
	Providers     []V1InventoryProvider  `json:"providers"`
	UptimeHuman   string                 `json:"uptime_human"`
	UptimeSeconds uint64                 `json:"uptime_seconds"`
	Version       string                 `json:"version"`
}

// V1InventoryComponent is one component of an inventory. ImageRef is as it was
// requested.
type V1InventoryComponent struct {
	Annotations  map[string]string `json:"annotations"`
	ID           string            `json:"id"`
	ImageRef     string            `json:"image_ref"`
	Limits       V1Limits          `json:"limits"`
	MaxInstances uint32            `json:"max_instances"`
	Name         string            `json:"name,omitempty"`
	Revision     int32             `json:"revision"`
}

// V1InventoryProvider is one provider of an inventory. ImageRef is normalised
// (NormaliseRef).
type V1InventoryProvider struct {
	Annotations map[string]string `json:"annotations"`
	ID          string            `json:"id"`
	ImageRef    string            `json:"image_ref,omitempty"`
	Name        string            `json:"name,omitempty"`
	Revision    int32             `json:"revision"`
}

// V1Limits are the limits of a component; nil is sent as null.
type V1Limits map[string]string
