package wadmapi

// LatticeGetSubject is where all that is observed of a lattice is asked for.
func LatticeGetSubject(lattice string) string {
	return Subject{Lattice: lattice, Category: CategoryLattice, Op: OpGet}.String()
}

// LatticeReply answers lattice.get: success, or error without a lattice.
type LatticeReply struct {
	Result  Result   `json:"result"`
	Message string   `json:"message"`
	Lattice *Lattice `json:"lattice,omitempty"`
}

// Lattice is what the owner of a lattice has observed, in the parts that wadm 0.3.0 kept it in. Times are RFC 3339, ages seconds; both are
// those of the process that owns the lattice, which begins anew when another one takes over. Lists are sorted and never null.
type Lattice struct {
	ID             string             `json:"id"`
	At             string             `json:"at"`              // when this was so
	ListeningSince string             `json:"listening_since"` // what the owner has heard of hosts is not older
	Hosts          []LatticeHost      `json:"hosts"`           // by id
	Components     []LatticeResource  `json:"components"`      // by id
	Providers      []LatticeResource  `json:"providers"`       // by id and link name
	Links          []LatticeLink      `json:"links"`
	RefMap         map[string]string  `json:"refmap"` // reference without its scheme → id
	Claims         map[string]Claims  `json:"claims"` // by id, also of what does not run any more
	Invocations    []InvocationCount  `json:"invocations"`
	Parameters     LatticeParameters  `json:"parameters"`
	LeftOut        map[string]int     `json:"left_out"` // by the name of the list: what did not fit into the reply
	Dropped        LatticeDroppedWork `json:"dropped"`
}

// LatticeParameters are the settings that what is shown depends on.
type LatticeParameters struct {
	HostStatusDecay float64 `json:"host_status_decay_rate_seconds"`
}

// LatticeDroppedWork counts what the owner heard and could not keep.
type LatticeDroppedWork struct {
	Events      uint64 `json:"events"`
	Invocations uint64 `json:"invocations"`
}

// LatticeHost is one live host.
type LatticeHost struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Dialect   string            `json:"dialect"` // v1, otp
	Version   string            `json:"version,omitempty"`
	Labels    map[string]string `json:"labels"`
	Status    string            `json:"status"` // healthy, warn, fail or unavailable, by the age of the last heartbeat alone
	FirstSeen string            `json:"first_seen"`
	LastSeen  string            `json:"last_seen"`
	Age       float64           `json:"age_seconds"`                // since the last sign of life
	BeatAge   *float64          `json:"beat_age_seconds,omitempty"` // since the last heartbeat, absent before the first
	Uptime    uint64            `json:"uptime_seconds"`             // as the host said it then
	Doubtful  bool              `json:"doubtful,omitempty"`         // it has been asked what it runs, and has not answered yet
}

// LatticeResource is one component, or one provider under one link name, on all hosts.
type LatticeResource struct {
	ID        string            `json:"id"`
	Link      string            `json:"link_name,omitempty"` // of a provider of OTP hosts
	Count     int               `json:"count"`
	Name      string            `json:"name,omitempty"` // this and the next from the claims
	Issuer    string            `json:"issuer,omitempty"`
	Instances []LatticeInstance `json:"instances"`
}

// LatticeInstance is one instance, or, where hosts give their instances no ids (1.x), all of one host with equal annotations.
type LatticeInstance struct {
	Host        string            `json:"host_id"`
	ID          string            `json:"instance_id,omitempty"`
	Reference   string            `json:"reference"`
	App         string            `json:"application,omitempty"` // whose it is, by its annotation
	Annotations map[string]string `json:"annotations,omitempty"`
	Count       int               `json:"count"`
	FirstSeen   string            `json:"first_seen"`
	Age         float64           `json:"age_seconds"`
	Health      string            `json:"health,omitempty"` // of a provider, once its host has told it: healthy, unhealthy
}

// LatticeLink is a link of either dialect.
type LatticeLink struct {
	Source       string   `json:"source"`
	Target       string   `json:"target"`
	Name         string   `json:"name"`
	Contract     string   `json:"contract_id,omitempty"` // OTP
	Values       any      `json:"values,omitempty"`      // OTP
	Namespace    string   `json:"namespace,omitempty"`   // 1.x, as the rest
	Package      string   `json:"package,omitempty"`
	Interfaces   []string `json:"interfaces,omitempty"`
	SourceConfig []string `json:"source_config,omitempty"`
	TargetConfig []string `json:"target_config,omitempty"`
}

// Claims is what a signed image says of itself.
type Claims struct {
	Name      string   `json:"name,omitempty"`
	Issuer    string   `json:"issuer,omitempty"`
	CallAlias string   `json:"call_alias,omitempty"`
	Version   string   `json:"version,omitempty"`
	Revision  int64    `json:"revision,omitempty"`
	Contracts []string `json:"capabilities,omitempty"` // what a component was signed for
	Contract  string   `json:"contract_id,omitempty"`  // what a provider serves
	Tags      []string `json:"tags,omitempty"`
}

// InvocationCount is how often one thing was invoked since the owner took the lattice over, as hosts told: that of the caller tells of a call, and that
// of a called component does so again.
type InvocationCount struct {
	From      InvocationEnd `json:"from"`
	To        InvocationEnd `json:"to"`
	Operation string        `json:"operation"`
	Succeeded uint64        `json:"success_count"`
	Failed    uint64        `json:"fail_count"`
	Bytes     uint64        `json:"total_bytes"`
}

// InvocationEnd is one end of an invocation.
type InvocationEnd struct {
	ID       string `json:"id"`
	Link     string `json:"link_name,omitempty"`
	Contract string `json:"contract_id,omitempty"`
}
