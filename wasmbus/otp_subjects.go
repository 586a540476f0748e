package wasmbus

// Wildcards over the event subjects of OTP hosts in all lattices, plain and
// behind an account prefix.
const (
	OTPEventsAll         = "wasmbus.evt.*"
	OTPEventsAllAccounts = "*.wasmbus.evt.*"
)

// OTPSubjects builds the control subjects of one lattice of OTP hosts. Prefix
// is "" for DefaultCtlPrefix; OTP hosts work only with one of two tokens.
type OTPSubjects struct{ Prefix, Lattice string }

func (s OTPSubjects) at(rest string) string { return s.QueueGroup() + "." + rest }

// QueueGroup is wasmbus.ctl.{lattice}, the queue group of get.* and linkdefs.*.
func (s OTPSubjects) QueueGroup() string {
	prefix := s.Prefix
	if prefix == "" {
		prefix = DefaultCtlPrefix
	}
	return prefix + "." + s.Lattice
}

// PingHosts is wasmbus.ctl.{lattice}.ping.hosts. It must be sent with a reply
// subject: without one, hosts from 0.60 lose their connection for seconds.
func (s OTPSubjects) PingHosts() string { return s.at("ping.hosts") }

// Inventory is wasmbus.ctl.{lattice}.get.{host}.inv.
func (s OTPSubjects) Inventory(host string) string { return s.at("get." + host + ".inv") }

// Claims is wasmbus.ctl.{lattice}.get.claims.
func (s OTPSubjects) Claims() string { return s.at("get.claims") }

// Links is wasmbus.ctl.{lattice}.get.links.
func (s OTPSubjects) Links() string { return s.at("get.links") }

// AuctionActor is wasmbus.ctl.{lattice}.auction.actor.
func (s OTPSubjects) AuctionActor() string { return s.at("auction.actor") }

// AuctionProvider is wasmbus.ctl.{lattice}.auction.provider.
func (s OTPSubjects) AuctionProvider() string { return s.at("auction.provider") }

// LaunchActor is wasmbus.ctl.{lattice}.cmd.{host}.la.
func (s OTPSubjects) LaunchActor(host string) string { return s.at("cmd." + host + ".la") }

// StopActor is wasmbus.ctl.{lattice}.cmd.{host}.sa.
func (s OTPSubjects) StopActor(host string) string { return s.at("cmd." + host + ".sa") }

// Scale is wasmbus.ctl.{lattice}.cmd.{host}.scale.
func (s OTPSubjects) Scale(host string) string { return s.at("cmd." + host + ".scale") }

// Update is wasmbus.ctl.{lattice}.cmd.{host}.upd.
func (s OTPSubjects) Update(host string) string { return s.at("cmd." + host + ".upd") }

// LaunchProvider is wasmbus.ctl.{lattice}.cmd.{host}.lp.
func (s OTPSubjects) LaunchProvider(host string) string { return s.at("cmd." + host + ".lp") }

// StopProvider is wasmbus.ctl.{lattice}.cmd.{host}.sp.
func (s OTPSubjects) StopProvider(host string) string { return s.at("cmd." + host + ".sp") }

// StopHost is wasmbus.ctl.{lattice}.cmd.{host}.stop.
func (s OTPSubjects) StopHost(host string) string { return s.at("cmd." + host + ".stop") }

// LinkdefPut is wasmbus.ctl.{lattice}.linkdefs.put.
func (s OTPSubjects) LinkdefPut() string { return s.at("linkdefs.put") }

// LinkdefDel is wasmbus.ctl.{lattice}.linkdefs.del.
func (s OTPSubjects) LinkdefDel() string { return s.at("linkdefs.del") }

// RegistriesPut is wasmbus.ctl.{lattice}.registries.put.
func (s OTPSubjects) RegistriesPut() string { return s.at("registries.put") }

// What a host subscribes; GetAll and LinkdefAll in QueueGroup, the rest plainly.

// CmdAll is wasmbus.ctl.{lattice}.cmd.{host}.*.
func (s OTPSubjects) CmdAll(host string) string { return s.at("cmd." + host + ".*") }

// GetAll is wasmbus.ctl.{lattice}.get.*.
func (s OTPSubjects) GetAll() string { return s.at("get.*") }

// AuctionAll is wasmbus.ctl.{lattice}.auction.>.
func (s OTPSubjects) AuctionAll() string { return s.at("auction.>") }

// LinkdefAll is wasmbus.ctl.{lattice}.linkdefs.*.
func (s OTPSubjects) LinkdefAll() string { return s.at("linkdefs.*") }

// OTPEventSubject is wasmbus.evt.{lattice}, where OTP hosts publish all events.
func OTPEventSubject(lattice string) string { return "wasmbus.evt." + lattice }

// OTPInvocationSubject is wasmbus.rpcevt.{lattice}, where hosts from 0.59 publish invocation_succeeded and invocation_failed; before, these came on
// OTPEventSubject.
func OTPInvocationSubject(lattice string) string { return "wasmbus.rpcevt." + lattice }

// OTPOp names an operation of the OTP control interface, without the host.
type OTPOp string

// The operations of the OTP control interface.
const (
	OTPOpPingHosts       OTPOp = "ping.hosts"
	OTPOpInventory       OTPOp = "get.inv"
	OTPOpClaims          OTPOp = "get.claims"
	OTPOpLinks           OTPOp = "get.links"
	OTPOpAuctionActor    OTPOp = "auction.actor"
	OTPOpAuctionProvider OTPOp = "auction.provider"
	OTPOpLaunchActor     OTPOp = "cmd.la"
	OTPOpStopActor       OTPOp = "cmd.sa"
	OTPOpScale           OTPOp = "cmd.scale"
	OTPOpUpdate          OTPOp = "cmd.upd"
	OTPOpLaunchProvider  OTPOp = "cmd.lp"
	OTPOpStopProvider    OTPOp = "cmd.sp"
	OTPOpStopHost        OTPOp = "cmd.stop"
	OTPOpLinkdefPut      OTPOp = "linkdefs.put"
	OTPOpLinkdefDel      OTPOp = "linkdefs.del"
	OTPOpRegistriesPut   OTPOp = "registries.put"
)

// OTPCtl is a control subject of an OTP lattice taken apart. Op may be one
// that no host knows: hosts do not answer it.
type OTPCtl struct {
	Lattice string
	Op      OTPOp
	Host    string // of cmd.* and get.inv
}
