package wasmbus

import "encoding/json"

// Requests and replies of OTP hosts (protocol B2, B3). "Actor" is the word of
// this dialect for a component.

// OTPAnnotations are annotations in the dialect of OTP hosts, which take and
// return any JSON. Values that are no strings, and a body that is no object,
// are dropped when decoded: such a thing cannot be ours. nil is sent as {}.
type OTPAnnotations map[string]string

// OTPValues are the values of a link, name to raw JSON value: hosts hand them
// on untouched, and numbers occur. nil is sent as {}.
type OTPValues map[string]json.RawMessage

// OTPLaunchActor is the body of cmd.{host}.la. ActorRef is an image reference.
// Hosts start two instances for Count 0 and three for -1, so send 1 or more.
type OTPLaunchActor struct {
	ActorRef    string         `json:"actor_ref"`
	Annotations OTPAnnotations `json:"annotations"`
	Count       int            `json:"count"` // 1 where a body leaves it out
	HostID      string         `json:"host_id,omitempty"`
}

// OTPStopActor is the body of cmd.{host}.sa. ActorRef is a public key, despite
// its name. Count 0 stops all that match the annotations.
type OTPStopActor struct {
	ActorRef    string            `json:"actor_ref"`
	Annotations map[string]string `json:"annotations"`
	Count       int               `json:"count"`
	HostID      string            `json:"host_id,omitempty"`
}

// OTPScale is the body of cmd.{host}.scale; what it starts has no annotations.
type OTPScale struct {
	ActorID  string `json:"actor_id"`
	ActorRef string `json:"actor_ref"`
	Count    int    `json:"count"`
	HostID   string `json:"host_id,omitempty"`
}

// OTPUpdate is the body of cmd.{host}.upd.
type OTPUpdate struct {
	ActorID     string `json:"actor_id"`
	HostID      string `json:"host_id,omitempty"`
	NewActorRef string `json:"new_actor_ref"`
}

// OTPLaunchProvider is the body of cmd.{host}.lp. Configuration is a JSON text
// inside a string ("" is left out).
type OTPLaunchProvider struct {
	Annotations   OTPAnnotations `json:"annotations"`
	Configuration string         `json:"configuration,omitempty"`
	ContractID    string         `json:"contract_id,omitempty"`
	HostID        string         `json:"host_id,omitempty"`
	LinkName      string         `json:"link_name"`
	ProviderRef   string         `json:"provider_ref"`
}

// OTPStopProvider is the body of cmd.{host}.sp. ProviderRef is a public key,
// despite its name. It ends the provider on every host of the lattice.
type OTPStopProvider struct {
	ContractID  string `json:"contract_id,omitempty"`
	HostID      string `json:"host_id,omitempty"`
	LinkName    string `json:"link_name"`
	ProviderRef string `json:"provider_ref"`
}

// OTPStopHost is the body of cmd.{host}.stop; hosts ignore the time-out.
type OTPStopHost struct {
	HostID  string `json:"host_id,omitempty"`
	Timeout uint64 `json:"timeout,omitempty"` // milliseconds
}

// OTPLinkdef is the body of linkdefs.put, an entry of the get.links reply and
// the data of linkdef_set and linkdef_deleted. ID is never part of a request.
type OTPLinkdef struct {
	ActorID    string    `json:"actor_id"`
	ContractID string    `json:"contract_id"`
	ID         string    `json:"id,omitempty"`
	LinkName   string    `json:"link_name"`
	ProviderID string    `json:"provider_id"`
	Values     OTPValues `json:"values"`
}

// OTPDeleteLinkdef is the body of linkdefs.del.
type OTPDeleteLinkdef struct {
	ActorID    string `json:"actor_id"`
	ContractID string `json:"contract_id"`
	LinkName   string `json:"link_name"`
}

// OTPActorAuction is the body of auction.actor, and with HostID set the reply
// of a willing host.
type OTPActorAuction struct {
	ActorRef    string            `json:"actor_ref"`
	Constraints map[string]string `json:"constraints"`
	HostID      string            `json:"host_id,omitempty"`
}

// OTPProviderAuction is the body of auction.provider, and with HostID set the
// reply of a willing host.
type OTPProviderAuction struct {
	Constraints map[string]string `json:"constraints"`
	HostID      string            `json:"host_id,omitempty"`
	LinkName    string            `json:"link_name"` // "default" where a body leaves it out
	ProviderRef string            `json:"provider_ref"`
}

// OTPAck is the answer to every command. Accepted says that the body was
// understood, not that anything will happen.
type OTPAck struct {
	Accepted bool   `json:"accepted"`
	Error    string `json:"error"`
}

// OTPHostSummary is the reply to ping.hosts, one per host.
type OTPHostSummary struct {
	ClusterIssuers string            `json:"cluster_issuers"`
	CtlHost        string            `json:"ctl_host"`
	FriendlyName   string            `json:"friendly_name"`
	ID             string            `json:"id"`
	Issuer         string            `json:"issuer"`
	JSDomain       *string           `json:"js_domain"`
	Labels         map[string]string `json:"labels"`
	LatticePrefix  string            `json:"lattice_prefix"`
	ProvRPCHost    string            `json:"prov_rpc_host"`
	RPCHost        string            `json:"rpc_host"`
	UptimeHuman    string            `json:"uptime_human"`
	UptimeSeconds  uint64            `json:"uptime_seconds"`
	Version        string            `json:"version"`
}

// OTPInventory is the reply to get.{host}.inv. Both lists are there even if
// empty. Entries of one key (hosts to 0.57.1 repeat them) are merged when
// decoded.
type OTPInventory struct {
	Actors       []OTPInventoryActor    `json:"actors"`
	FriendlyName string                 `json:"friendly_name"`
	HostID       string                 `json:"host_id"`
	Issuer       string                 `json:"issuer,omitempty"`
	Labels       map[string]string      `json:"labels"`
	Providers    []OTPInventoryProvider `json:"providers"`
}

// OTPInventoryActor is all instances of one public key on a host. ImageRef is
// that of the first instance.
type OTPInventoryActor struct {
	ID        string                 `json:"id"`
	ImageRef  string                 `json:"image_ref"`
	Instances []OTPInventoryInstance `json:"instances"`
	Name      string                 `json:"name"` // "N/A" if the claims are unknown
}

// OTPInventoryInstance is one running instance. Revision is that of the last
// artifact of the key started anywhere in the lattice: it tells nothing of
// this instance.
type OTPInventoryInstance struct {
	Annotations OTPAnnotations `json:"annotations"`
	InstanceID  string         `json:"instance_id"`
	Revision    int64          `json:"revision"`
}

// OTPInventoryProvider is one provider of a host. ContractID comes from 0.60.
type OTPInventoryProvider struct {
	Annotations OTPAnnotations `json:"annotations"`
	ContractID  string         `json:"contract_id,omitempty"`
	ID          string         `json:"id"`
	ImageRef    string         `json:"image_ref"`
	InstanceID  string         `json:"instance_id"`
	LinkName    string         `json:"link_name"`
	Name        string         `json:"name"`
	Revision    int64          `json:"revision"`
}

// OTPClaims is one entry of the get.claims reply. Lists are joined by commas.
type OTPClaims struct {
	CallAlias  string  `json:"call_alias"`
	Caps       string  `json:"caps"`
	ContractID *string `json:"contract_id,omitempty"` // from 0.63, "" for actors
	Issuer     string  `json:"iss"`
	Name       string  `json:"name"`
	Rev        string  `json:"rev"`
	Sub        string  `json:"sub"` // the public key
	Tags       string  `json:"tags"`
	Version    *string `json:"version"`
}

// OTPLinksReply is the reply to get.links.
type OTPLinksReply struct {
	Links []OTPLinkdef `json:"links"`
}

// OTPClaimsReply is the reply to get.claims.
type OTPClaimsReply struct {
	Claims []OTPClaims `json:"claims"`
}
