package wasmbus

// DefaultCtlPrefix begins all control subjects unless hosts were started with
// another. For a lattice seen under a NATS account it is "{account}.wasmbus.ctl".
const DefaultCtlPrefix = "wasmbus.ctl"

// Wildcards over the event subjects of 1.x hosts in all lattices, plain and
// behind an account prefix.
const (
	V1EventsAll         = "wasmbus.evt.*.>"
	V1EventsAllAccounts = "*.wasmbus.evt.*.>"
)

// V1Subjects builds the control subjects of one lattice of 1.x hosts. Prefix
// is "" for DefaultCtlPrefix. Ids and names must have passed ValidToken.
type V1Subjects struct{ Prefix, Lattice string }

func (s V1Subjects) at(rest string) string {
	prefix := s.Prefix
	if prefix == "" {
		prefix = DefaultCtlPrefix
	}
	return prefix + ".v1." + s.Lattice + "." + rest
}

// HostPing is wasmbus.ctl.v1.{lattice}.host.ping.
func (s V1Subjects) HostPing() string { return s.at("host.ping") }

// HostGet is wasmbus.ctl.v1.{lattice}.host.get.{host}.
func (s V1Subjects) HostGet(host string) string { return s.at("host.get." + host) }

// HostStop is wasmbus.ctl.v1.{lattice}.host.stop.{host}.
func (s V1Subjects) HostStop(host string) string { return s.at("host.stop." + host) }

// ComponentScale is wasmbus.ctl.v1.{lattice}.component.scale.{host}.
func (s V1Subjects) ComponentScale(host string) string { return s.at("component.scale." + host) }

// ComponentUpdate is wasmbus.ctl.v1.{lattice}.component.update.{host}.
func (s V1Subjects) ComponentUpdate(host string) string { return s.at("component.update." + host) }

// ComponentAuction is wasmbus.ctl.v1.{lattice}.component.auction.
func (s V1Subjects) ComponentAuction() string { return s.at("component.auction") }

// ProviderStart is wasmbus.ctl.v1.{lattice}.provider.start.{host}.
func (s V1Subjects) ProviderStart(host string) string { return s.at("provider.start." + host) }

// ProviderStop is wasmbus.ctl.v1.{lattice}.provider.stop.{host}.
func (s V1Subjects) ProviderStop(host string) string { return s.at("provider.stop." + host) }

// ProviderAuction is wasmbus.ctl.v1.{lattice}.provider.auction.
func (s V1Subjects) ProviderAuction() string { return s.at("provider.auction") }

// LinkPut is wasmbus.ctl.v1.{lattice}.link.put.
func (s V1Subjects) LinkPut() string { return s.at("link.put") }

// LinkDel is wasmbus.ctl.v1.{lattice}.link.del.
func (s V1Subjects) LinkDel() string { return s.at("link.del") }

// LinkGet is wasmbus.ctl.v1.{lattice}.link.get.
func (s V1Subjects) LinkGet() string { return s.at("link.get") }

// ClaimsGet is wasmbus.ctl.v1.{lattice}.claims.get.
func (s V1Subjects) ClaimsGet() string { return s.at("claims.get") }

// ConfigPut is wasmbus.ctl.v1.{lattice}.config.put.{name}.
func (s V1Subjects) ConfigPut(name string) string { return s.at("config.put." + name) }

// ConfigGet is wasmbus.ctl.v1.{lattice}.config.get.{name}.
func (s V1Subjects) ConfigGet(name string) string { return s.at("config.get." + name) }

// ConfigDel is wasmbus.ctl.v1.{lattice}.config.del.{name}.
func (s V1Subjects) ConfigDel(name string) string { return s.at("config.del." + name) }

// LabelPut is wasmbus.ctl.v1.{lattice}.label.put.{host}.
func (s V1Subjects) LabelPut(host string) string { return s.at("label.put." + host) }

// LabelDel is wasmbus.ctl.v1.{lattice}.label.del.{host}.
func (s V1Subjects) LabelDel(host string) string { return s.at("label.del." + host) }

// RegistryPut is wasmbus.ctl.v1.{lattice}.registry.put.
func (s V1Subjects) RegistryPut() string { return s.at("registry.put") }

// What a host subscribes. Those named …Queue are the queue groups of the
// subjects that only one host of the lattice answers.

// HostAll is wasmbus.ctl.v1.{lattice}.host.*.{host}.
func (s V1Subjects) HostAll(host string) string { return s.at("host.*." + host) }

// ComponentAll is wasmbus.ctl.v1.{lattice}.component.*.{host}.
func (s V1Subjects) ComponentAll(host string) string { return s.at("component.*." + host) }

// ProviderAll is wasmbus.ctl.v1.{lattice}.provider.*.{host}.
func (s V1Subjects) ProviderAll(host string) string { return s.at("provider.*." + host) }

// LabelAll is wasmbus.ctl.v1.{lattice}.label.*.{host}.
func (s V1Subjects) LabelAll(host string) string { return s.at("label.*." + host) }

// LinkAll is wasmbus.ctl.v1.{lattice}.link.*.
func (s V1Subjects) LinkAll() string { return s.at("link.*") }

// LinkQueue is wasmbus.ctl.v1.{lattice}.link.
func (s V1Subjects) LinkQueue() string { return s.at("link") }

// ClaimsQueue is wasmbus.ctl.v1.{lattice}.claims.
func (s V1Subjects) ClaimsQueue() string { return s.at("claims") }

// ConfigAll is wasmbus.ctl.v1.{lattice}.config.>.
func (s V1Subjects) ConfigAll() string { return s.at("config.>") }

// ConfigQueue is wasmbus.ctl.v1.{lattice}.config.
func (s V1Subjects) ConfigQueue() string { return s.at("config") }

// V1EventSubject is wasmbus.evt.{lattice}.{event}, where a 1.x host publishes
// an event; the name is the type without EventTypePrefix.
func V1EventSubject(lattice, name string) string { return "wasmbus.evt." + lattice + "." + name }

// V1Events is wasmbus.evt.{lattice}.>, all events of one lattice of 1.x hosts.
func V1Events(lattice string) string { return "wasmbus.evt." + lattice + ".>" }

// V1Op names an operation of the control interface, as it stands in the subject.
type V1Op string

// The operations of the control interface v1.
const (
	V1OpHostPing         V1Op = "host.ping"
	V1OpHostGet          V1Op = "host.get"
	V1OpHostStop         V1Op = "host.stop"
	V1OpComponentScale   V1Op = "component.scale"
	V1OpComponentUpdate  V1Op = "component.update"
	V1OpComponentAuction V1Op = "component.auction"
	V1OpProviderStart    V1Op = "provider.start"
	V1OpProviderStop     V1Op = "provider.stop"
	V1OpProviderAuction  V1Op = "provider.auction"
	V1OpLinkPut          V1Op = "link.put"
	V1OpLinkDel          V1Op = "link.del"
	V1OpLinkGet          V1Op = "link.get"
	V1OpClaimsGet        V1Op = "claims.get"
	V1OpConfigPut        V1Op = "config.put"
	V1OpConfigGet        V1Op = "config.get"
	V1OpConfigDel        V1Op = "config.del"
	V1OpLabelPut         V1Op = "label.put"
	V1OpLabelDel         V1Op = "label.del"
	V1OpRegistryPut      V1Op = "registry.put"
)

// V1Ctl is a control subject of a 1.x lattice taken apart. Op may be one that
// no host knows (then it has the first two tokens after the lattice): hosts
// answer "unsupported subject".
type V1Ctl struct {
	Lattice string
	Op      V1Op
	Host    string // of host, component, provider and label operations on one host
	Name    string // of config operations; holds dots if the subject had too many tokens
}

// Supported reports whether hosts serve the subject: a known operation with as
// many tokens as it takes. They answer "unsupported subject" to the rest of
// what they subscribe.
func (c V1Ctl) Supported() bool {
	switch c.Op {
	case V1OpHostGet, V1OpHostStop, V1OpComponentScale, V1OpComponentUpdate,
		V1OpProviderStart, V1OpProviderStop, V1OpLabelPut, V1OpLabelDel:
		return isToken(c.Host)
	case V1OpConfigPut, V1OpConfigGet, V1OpConfigDel:
		return isToken(c.Name)
	case V1OpHostPing, V1OpComponentAuction, V1OpProviderAuction, V1OpLinkPut, V1OpLinkDel,
		V1OpLinkGet, V1OpClaimsGet, V1OpRegistryPut:
		return c.Host == ""
	}
	return false
}
