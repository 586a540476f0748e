package node

import (
	"context"
	"encoding/json"
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// Bounds of an answer about a whole lattice: how long its lists are at first, and how much less than the server's bound the message may have, for
// headers and what is around it.
const (
	latticeLimit = 4096
	messageRoom  = 1024
)

// answerLattice is the API's wadm.api.{lattice}.lattice.get: what the owner has observed.
func (p *process) answerLattice(ctx context.Context, name, op, app string, _ []byte) ([]byte, bool) {
	if op != string(wadmapi.OpGet) || app != "" {
		return nil, false
	}
	answer, err := p.askOwner(ctx, name, "lattice", "get", (*owner).tellLattice)
	if err != nil {
		return refuseLattice(err), true
	}
	return answer, true
}

func refuseLattice(why error) []byte {
	body, err := wadmapi.Encode(wadmapi.LatticeReply{Result: wadmapi.ResultError, Message: why.Error()})
	if err != nil {
		return []byte(`{"result":"error","message":"the lattice cannot be written"}`)
	}
	return body
}

// tellLattice is the whole answer. Of a lattice that does not fit into one message the longest lists are cut until it does.
func (o *owner) tellLattice(ctx context.Context) []byte {
	decay := o.t.p.cfg.HostDecay
	snap, err := readOf(ctx, o, func(m Machine) lattice.Snapshot { return m.Snapshot(decay, latticeLimit) })
	if err != nil {
		return refuseLattice(err)
	}
	largest := int(o.t.p.nc.MaxPayload())
	if largest <= 0 {
		largest = 1 << 20
	}
	return fitLattice(snap, time.Now(), largest-messageRoom)
}

func fitLattice(snap lattice.Snapshot, now time.Time, largest int) []byte {
	for limit := latticeLimit; ; limit /= 2 {
		body, err := wadmapi.Encode(renderLattice(snap.Cut(limit), now))
		switch {
		case err != nil:
			return refuseLattice(err)
		case len(body) <= largest || limit == 0:
			return body
		}
	}
}

// renderLattice is what clients see of a snapshot that is the state at now.
func renderLattice(snap lattice.Snapshot, now time.Time) wadmapi.LatticeReply {
	r := renderer{snap: &snap, now: now}
	out := &wadmapi.Lattice{
		ID: snap.ID, At: now.UTC().Format(time.RFC3339Nano), ListeningSince: r.wall(snap.Since),
		Hosts: []wadmapi.LatticeHost{}, Components: r.resources(snap.Components), Providers: r.resources(snap.Providers), Links: []wadmapi.LatticeLink{},
		RefMap: map[string]string{}, Claims: map[string]wadmapi.Claims{}, Invocations: []wadmapi.InvocationCount{},
		Parameters: wadmapi.LatticeParameters{HostStatusDecay: snap.Decay.Seconds()}, LeftOut: leftOut(snap.Left),
		Dropped: wadmapi.LatticeDroppedWork{Events: snap.Dropped, Invocations: snap.InvocationsLost},
	}
	for i := range snap.Hosts {
		out.Hosts = append(out.Hosts, r.host(&snap.Hosts[i]))
	}
	for i := range snap.Links {
		out.Links = append(out.Links, renderLink(&snap.Links[i]))
	}
	for _, ref := range snap.Refs {
		out.RefMap[ref.Ref] = ref.ID
	}
	for _, c := range snap.Claims {
		out.Claims[c.ID] = wadmapi.Claims{Name: c.Name, Issuer: c.Issuer, CallAlias: c.CallAlias, Version: c.Version, Revision: c.Revision,
			Contracts: c.Contracts, Contract: c.Contract, Tags: c.Tags}
	}
	for _, i := range snap.Invocations {
		out.Invocations = append(out.Invocations, wadmapi.InvocationCount{From: wadmapi.InvocationEnd(i.From), To: wadmapi.InvocationEnd(i.To),
			Operation: i.Operation, Succeeded: i.Succeeded, Failed: i.Failed, Bytes: i.Bytes})
	}
	reply := wadmapi.LatticeReply{Result: wadmapi.ResultSuccess, Message: "Successfully fetched the lattice", Lattice: out}
	if len(out.LeftOut) > 0 {
		reply.Message = "The lattice is too large for one reply: left_out counts what is missing"
	}
	return reply
}

// leftOut names the lists of which something is missing.
func leftOut(l lattice.Left) map[string]int {
	out := map[string]int{}
	for name, n := range map[string]int{"hosts": l.Hosts, "components": l.Components, "providers": l.Providers, "instances": l.Instances,
		"links": l.Links, "refmap": l.Refs, "claims": l.Claims, "invocations": l.Invocations} {
		if n > 0 {
			out[name] = n
		}
	}
	return out
}

// renderer turns the monotonic times of a snapshot into those of clocks on walls.
type renderer struct {
	snap *lattice.Snapshot
	now  time.Time
}

func (r *renderer) age(at time.Duration) time.Duration { return max(r.snap.At-at, 0) }

func (r *renderer) wall(at time.Duration) string {
	return r.now.Add(-r.age(at)).UTC().Format(time.RFC3339)
}

func (r *renderer) host(h *lattice.HostSnapshot) wadmapi.LatticeHost {
	out := wadmapi.LatticeHost{ID: string(h.ID), Name: h.Name, Dialect: string(h.Dialect), Version: h.Version, Labels: h.Labels, Status: h.Status.String(),
		FirstSeen: r.wall(h.FirstSeen), LastSeen: r.wall(h.LastSeen), Age: r.age(h.LastSeen).Seconds(), Uptime: h.Uptime, Doubtful: h.Doubtful}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if h.LastBeat != lattice.Never {
		beat := r.age(h.LastBeat).Seconds()
		out.BeatAge = &beat
	}
	return out
}

func (r *renderer) resources(all []lattice.Running) []wadmapi.LatticeResource {
	out := make([]wadmapi.LatticeResource, 0, len(all))
	claims := make(map[string]*lattice.ClaimsOf, len(r.snap.Claims))
	for i := range r.snap.Claims {
		claims[r.snap.Claims[i].ID] = &r.snap.Claims[i]
	}
	for _, one := range all {
		res := wadmapi.LatticeResource{ID: one.Key.ID, Link: one.Key.Link, Count: one.Count, Instances: make([]wadmapi.LatticeInstance, 0, len(one.Instances))}
		if c := claims[one.Key.ID]; c != nil {
			res.Name, res.Issuer = c.Name, c.Issuer
		}
		for i := range one.Instances {
			res.Instances = append(res.Instances, r.instance(&one.Instances[i]))
		}
		out = append(out, res)
	}
	return out
}

func (r *renderer) instance(i *lattice.Instance) wadmapi.LatticeInstance {
	out := wadmapi.LatticeInstance{Host: string(i.Host), ID: i.ID, Reference: i.Ref, App: i.Annotations[lattice.AppAnnotation], Annotations: i.Annotations,
		Count: i.Count, FirstSeen: r.wall(i.FirstSeen), Age: r.age(i.FirstSeen).Seconds()}
	if i.Healthy != lattice.HealthUnknown {
		out.Health = i.Healthy.String()
	}
	return out
}

func renderLink(l *lattice.Link) wadmapi.LatticeLink {
	out := wadmapi.LatticeLink{Source: l.Source, Target: l.Target, Name: l.Name, Contract: l.Contract, Namespace: l.Namespace, Package: l.Package,
		Interfaces: l.Interfaces, SourceConfig: l.SourceConfig, TargetConfig: l.TargetConfig}
	if l.Values != "" && json.Valid([]byte(l.Values)) {
		out.Values = json.RawMessage(l.Values)
	}
	return out
}
