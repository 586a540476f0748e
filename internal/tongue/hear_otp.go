package tongue

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// hearOTP translates an event of an OTP host (protocol B4). What is known but never folded: actors_started, whose instances came one
// by one before (its claims are taken); actors_start_failed, whose refusal comes as actor_start_failed too; actors_stopped, which is sent
// when nothing stopped; health_check_status, which is sent of the unhealthy too.
func hearOTP(e wasmbus.Event, at time.Duration) Heard {
	host := lattice.HostID(e.Host)
	switch d := e.Data.(type) {
	case wasmbus.OTPHostStarted:
		started := lattice.HostStarted{Host: host, Dialect: lattice.OTP, Can: canOTP(d.Version), Name: d.FriendlyName, Labels: d.Labels, Version: d.Version}
		if d.UptimeSeconds != nil {
			started.Uptime = *d.UptimeSeconds
		}
		return heard(host, started)
	case wasmbus.OTPHostStopped:
		return heard(host, lattice.HostStopped{Host: host})
	case wasmbus.OTPHeartbeat:
		return Heard{Host: host, Known: true, Beat: true, Events: []lattice.Event{beatOTP(host, &d, at)}}
	case wasmbus.OTPLinkdefSet:
		return heard(host, lattice.LinkSet{Link: linkOTP(d.OTPLinkdef)})
	case wasmbus.OTPLinkdefDeleted:
		l := linkOTP(d.OTPLinkdef)
		return heard(host, lattice.LinkDeleted{Slot: l.Slot(), Target: l.Target})
	case wasmbus.OTPInvocationSucceeded:
		return heard(host, invokedOTP(d.Source, d.Dest, d.Operation, lattice.Tally{Succeeded: 1, Bytes: d.Bytes}))
	case wasmbus.OTPInvocationFailed:
		return heard(host, invokedOTP(d.Source, d.Dest, d.Operation, lattice.Tally{Failed: 1, Bytes: d.Bytes}))
	case wasmbus.OTPRefmapSet:
		return heard(host, lattice.RefLearned{Ref: ref(d.OCIURL), ID: d.PublicKey})
	case wasmbus.Unknown:
		return Heard{Host: host, Name: d.Name}
	}
	return hearInstanceOTP(host, e.Data)
}

// hearInstanceOTP translates what happened to one instance, or did not.
func hearInstanceOTP(host lattice.HostID, data any) Heard {
	switch d := data.(type) {
	case wasmbus.OTPActorStarted:
		return withClaims(heard(host, lattice.Started{Host: host, Key: componentOTP(d.PublicKey), Ref: ref(d.ImageRef),
			Annotations: annotations(d.Annotations), Instance: d.InstanceID}), claimedActor(d.PublicKey, d.Claims))
	case wasmbus.OTPActorStartFailed:
		return heard(host, actorStartFailed(host, &d))
	case wasmbus.OTPActorStopped:
		return heard(host, lattice.Stopped{Host: host, Key: componentOTP(d.PublicKey), Annotations: annotations(d.Annotations), Instance: d.InstanceID})
	case wasmbus.OTPActorUpdated:
		return heard(host, lattice.Updated{Host: host, Key: componentOTP(d.PublicKey), Instance: d.InstanceID})
	case wasmbus.OTPActorUpdateFailed:
		return heard(host, lattice.Updated{Host: host, Key: componentOTP(d.PublicKey), Instance: d.InstanceID, Error: cmp.Or(d.Reason, "the host does not say why")})
	case wasmbus.OTPActorsStarted:
		return withClaims(heard(host), claimedActor(d.PublicKey, d.Claims))
	case wasmbus.OTPActorsStartFailed, wasmbus.OTPActorsStopped, wasmbus.OTPHealthCheckStatus:
		return heard(host)
	case wasmbus.OTPProviderStarted:
		return withClaims(heard(host, lattice.Started{Host: host, Key: providerOTP(d.PublicKey, d.LinkName), Ref: ref(d.ImageRef),
			Annotations: annotations(d.Annotations), Instance: d.InstanceID}), claimedProvider(&d))
	case wasmbus.OTPProviderStartFailed:
		return heard(host, lattice.StartFailed{Host: host, Key: providerOTP("", d.LinkName), Ref: ref(d.ProviderRef), Count: 1,
			Error: wasmbus.OTPErrorText(d.Error)})
	case wasmbus.OTPProviderStopped:
		return heard(host, lattice.Stopped{Host: host, Key: providerOTP(d.PublicKey, d.LinkName),
			Annotations: annotations(d.Annotations), Instance: d.InstanceID})
	case wasmbus.OTPHealthCheckPassed:
		return heard(host, lattice.Health{Host: host, Key: providerOTP(d.PublicKey, d.LinkName), Healthy: true})
	case wasmbus.OTPHealthCheckFailed:
		return heard(host, lattice.Health{Host: host, Key: providerOTP(d.PublicKey, d.LinkName)})
	}
	return Heard{Host: host}
}

func componentOTP(id string) lattice.Key { return lattice.Key{Kind: lattice.Component, ID: id} }
func providerOTP(id, link string) lattice.Key {
	return lattice.Key{Kind: lattice.Provider, ID: id, Link: link}
}

// actorStartFailed tells the two meanings of actor_ref apart: the reference of the image, or the public key when the module itself
// did not load.
func actorStartFailed(host lattice.HostID, d *wasmbus.OTPActorStartFailed) lattice.StartFailed {
	failed := lattice.StartFailed{Host: host, Key: componentOTP(""), Error: wasmbus.OTPErrorText(d.Error)}
	if isComponentKey(d.ActorRef) {
		failed.Key.ID = d.ActorRef
	} else {
		failed.Ref = ref(d.ActorRef)
	}
	if key, ok := wasmbus.OTPSameKeyRefusal(d.Error); ok {
		failed.SameKey = key
	}
	return failed
}

// isComponentKey tells a component's public key from an image reference: 56 characters of base 32, the first one M.
func isComponentKey(s string) bool {
	return len(s) == 56 && s[0] == 'M' && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// beatOTP is what a heartbeat shows: counts, and in the list form instance ids, but never annotations.
func beatOTP(host lattice.HostID, d *wasmbus.OTPHeartbeat, at time.Duration) lattice.Inventory {
	inv := lattice.Inventory{Host: host, Dialect: lattice.OTP, Can: canOTP(d.Version), Name: d.FriendlyName, Labels: d.Labels,
		Version: d.Version, Uptime: d.UptimeSeconds, Asked: at, Beat: true, Bare: true}
	for _, key := range slices.Sorted(maps.Keys(d.Counts)) {
		inv.Resources = append(inv.Resources, lattice.Resource{Key: componentOTP(key), Groups: single(nil, d.Counts[key])})
	}
	index := make(map[string]int)
	for _, one := range d.Instances {
		i, ok := index[one.PublicKey]
		if !ok {
			i = len(inv.Resources)
			index[one.PublicKey] = i
			inv.Resources = append(inv.Resources, lattice.Resource{Key: componentOTP(one.PublicKey), Groups: single(nil, 0)})
		}
		group := &inv.Resources[i].Groups[0]
		group.Count++
		group.Instances = append(group.Instances, one.InstanceID)
	}
	for _, p := range d.Providers {
		var ids []string
		if p.InstanceID != "" {
			ids = []string{p.InstanceID}
		}
		inv.Resources = append(inv.Resources, lattice.Resource{Key: providerOTP(p.PublicKey, p.LinkName), Groups: single(nil, 1, ids...)})
	}
	return inv
}

// inventoryOTP is the answer to get.{host}.inv, which lacks the version and the uptime.
func inventoryOTP(host lattice.HostID, d *wasmbus.OTPInventory, at time.Duration) lattice.Inventory {
	inv := lattice.Inventory{Host: host, Dialect: lattice.OTP, Can: canOTP(""), Name: d.FriendlyName, Labels: d.Labels, Asked: at,
		Resources: make([]lattice.Resource, 0, len(d.Actors)+len(d.Providers))}
	for i := range d.Actors {
		a := &d.Actors[i]
		inv.Resources = append(inv.Resources, lattice.Resource{Key: componentOTP(a.ID), Ref: ref(a.ImageRef), Groups: groupsOTP(a.Instances)})
	}
	for i := range d.Providers {
		p := &d.Providers[i]
		var ids []string
		if p.InstanceID != "" {
			ids = []string{p.InstanceID}
		}
		inv.Resources = append(inv.Resources, lattice.Resource{Key: providerOTP(p.ID, p.LinkName), Ref: ref(p.ImageRef),
			Groups: single(annotations(p.Annotations), 1, ids...)})
	}
	return inv
}

// groupsOTP puts instances of equal annotations together, in the order in which the host lists them.
func groupsOTP(instances []wasmbus.OTPInventoryInstance) []lattice.Group {
	var groups []lattice.Group
	for i := range instances {
		one := &instances[i]
		at := slices.IndexFunc(groups, func(g lattice.Group) bool {
			return maps.Equal(g.Annotations, annotations(one.Annotations))
		})
		if at < 0 {
			at = len(groups)
			groups = append(groups, lattice.Group{Annotations: annotations(one.Annotations)})
		}
		groups[at].Count++
		groups[at].Instances = append(groups[at].Instances, one.InstanceID)
	}
	return groups
}

func linkOTP(l wasmbus.OTPLinkdef) lattice.Link {
	return lattice.Link{Source: l.ActorID, Target: l.ProviderID, Name: l.LinkName, Contract: l.ContractID, Values: canonicalValues(l.Values)}
}

// canonicalValues is the spelling of a link's values that both sides of a comparison have.
func canonicalValues(v wasmbus.OTPValues) string {
	text, err := json.Marshal(v)
	if err != nil || v == nil {
		return "{}" // the codec has checked them; no values are {}
	}
	return lattice.CanonicalJSON(text)
}
