package tongue

import (
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// hearV1 translates an event of a 1.x host (protocol A5). The host is always the event's source: host_id in the data repeats what a
// request said.
func hearV1(e wasmbus.Event, at time.Duration) Heard {
	host := lattice.HostID(e.Host)
	switch d := e.Data.(type) {
	case wasmbus.V1HostStarted:
		return heard(host, lattice.HostStarted{Host: host, Dialect: lattice.V1, Can: canV1, Name: d.FriendlyName,
			Labels: d.Labels, Version: d.Version, Uptime: d.UptimeSeconds})
	case wasmbus.V1HostStopped:
		return heard(host, lattice.HostStopped{Host: host})
	case wasmbus.V1HostHeartbeat:
		inv := inventoryV1(host, &d.V1Inventory, at)
		inv.Beat = true
		return Heard{Host: host, Known: true, Beat: true, Events: []lattice.Event{inv}}
	case wasmbus.V1ComponentScaled:
		return withClaims(heard(host, lattice.Scaled{Host: host, Key: componentV1(d.ComponentID), Ref: ref(d.ImageRef),
			Annotations: annotations(d.Annotations), Count: int(d.MaxInstances)}), claimedComponentV1(d.ComponentID, d.Claims))
	case wasmbus.V1ComponentScaleFailed:
		return heard(host, lattice.StartFailed{Host: host, Key: componentV1(d.ComponentID), Ref: ref(d.ImageRef),
			Count: int(d.MaxInstances), Error: d.Error})
	case wasmbus.V1ProviderStarted:
		// The instance id of a 1.x provider is its id again: filler, so it is left out.
		return withClaims(heard(host, lattice.Started{Host: host, Key: providerV1(d.ProviderID), Ref: ref(d.ImageRef),
			Annotations: annotations(d.Annotations)}), claimedProviderV1(d.ProviderID, d.Claims))
	case wasmbus.V1ProviderStartFailed:
		return heard(host, lattice.StartFailed{Host: host, Key: providerV1(d.ProviderID), Ref: ref(d.ProviderRef), Count: 1, Error: d.Error})
	case wasmbus.V1ProviderStopped:
		return heard(host, lattice.Stopped{Host: host, Key: providerV1(d.ProviderID)})
	case wasmbus.V1HealthCheckPassed:
		return heard(host, lattice.Health{Host: host, Key: providerV1(d.ProviderID), Healthy: true})
	case wasmbus.V1HealthCheckFailed:
		return heard(host, lattice.Health{Host: host, Key: providerV1(d.ProviderID)})
	case wasmbus.V1HealthCheckStatus:
		return heard(host) // "as before", which may be unhealthy
	case wasmbus.V1LabelsChanged:
		return heard(host, lattice.LabelsChanged{Host: host, Labels: d.Labels})
	}
	return hearStoredV1(host, e.Data)
}

// hearStoredV1 translates what happened to links and configs, which belong to the lattice and not to the host that says it.
func hearStoredV1(host lattice.HostID, data any) Heard {
	switch d := data.(type) {
	case wasmbus.V1LinkdefSet:
		return heard(host, lattice.LinkSet{Link: linkV1(d.V1Link)})
	case wasmbus.V1LinkdefSetFailed:
		return heard(host, lattice.LinkFailed{Link: linkV1(d.V1Link), Error: d.Error})
	case wasmbus.V1LinkdefDeleted:
		return heard(host, lattice.LinkDeleted{Target: d.Target,
			Slot: lattice.Slot{Source: d.SourceID, Name: d.Name, Namespace: d.WITNamespace, Package: d.WITPackage}})
	case wasmbus.V1ConfigSet:
		return heard(host, lattice.ConfigSet{Name: d.ConfigName})
	case wasmbus.V1ConfigDeleted:
		return heard(host, lattice.ConfigDeleted{Name: d.ConfigName})
	case wasmbus.Unknown:
		return Heard{Host: host, Name: d.Name}
	}
	return Heard{Host: host}
}

func componentV1(id string) lattice.Key { return lattice.Key{Kind: lattice.Component, ID: id} }
func providerV1(id string) lattice.Key  { return lattice.Key{Kind: lattice.Provider, ID: id} }

func inventoryV1(host lattice.HostID, d *wasmbus.V1Inventory, at time.Duration) lattice.Inventory {
	inv := lattice.Inventory{Host: host, Dialect: lattice.V1, Can: canV1, Name: d.FriendlyName, Labels: d.Labels,
		Version: d.Version, Uptime: d.UptimeSeconds, Asked: at,
		Resources: make([]lattice.Resource, 0, len(d.Components)+len(d.Providers))}
	for i := range d.Components {
		c := &d.Components[i]
		inv.Resources = append(inv.Resources, lattice.Resource{Key: componentV1(c.ID), Ref: ref(c.ImageRef),
			Groups: single(annotations(c.Annotations), int(c.MaxInstances))})
	}
	for i := range d.Providers {
		p := &d.Providers[i]
		inv.Resources = append(inv.Resources, lattice.Resource{Key: providerV1(p.ID), Ref: ref(p.ImageRef),
			Groups: single(annotations(p.Annotations), 1)})
	}
	return inv
}

func linkV1(l wasmbus.V1Link) lattice.Link {
	return lattice.Link{Source: l.SourceID, Target: l.Target, Name: l.Name, Namespace: l.WITNamespace, Package: l.WITPackage,
		Interfaces: l.Interfaces, SourceConfig: l.SourceConfig, TargetConfig: l.TargetConfig}
}
