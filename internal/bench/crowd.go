package main

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wasmbus"
)

// The lattice of the rows heartbeat-steady, hostloss and mem: 1,000 hosts with 100 components each, which are 100 applications of 100
// components with 10 instances each, every instance on a host of its own.
const (
	crowdHosts      = 1000
	crowdApps       = 100
	crowdComponents = 100
	crowdInstances  = 10
	crowdPairs      = crowdApps * crowdComponents * crowdInstances
)

// crowd is that lattice at rest: what runs is what is wanted.
type crowd struct {
	wishes []engine.Wish
	runs   [crowdHosts][]piece
}

// piece is one component on one host.
type piece struct {
	id, ref     string
	annotations map[string]string
}

func hostID(i int) string { return fmt.Sprintf("N%055d", i) }

func appName(i int) string { return fmt.Sprintf("app-%02d", i) }

// usualMix is how many applications a host has components of, and so how many hosts an application lies on: ten of each on a hundred.
const usualMix = 10

// newCrowd makes the applications and lays their instances out: each host carries components of as many applications as mix says, in equal
// parts, from 1 (an application has its ten hosts for itself) to 100 (every application lies on every host). Mix divides 100.
func newCrowd(mix int) (*crowd, error) {
	c := &crowd{}
	span := crowdInstances * mix // hosts of an application
	for app := range crowdApps {
		m, err := decode(manifest(appName(app), "v1", crowdComponents, crowdInstances))
		if err != nil {
			return nil, err
		}
		c.wishes = append(c.wishes, deployWish(m))
		wanted := plan.Want(m, lattice.V1)
		for i := range wanted.Resources {
			r := &wanted.Resources[i]
			notes := maps.Clone(map[string]string(r.Annotations))
			notes[plan.SpreadAnnotation] = r.Shares[0].Spread.Name
			for n := range crowdInstances {
				host := app/mix*span + (i*crowdInstances+n)%span
				c.runs[host] = append(c.runs[host], piece{r.ID, r.Ref, notes})
			}
		}
	}
	return c, nil
}

func deployWish(m *oam.Manifest) engine.Wish {
	return engine.Wish{ID: "wish " + m.Metadata.Name, App: m.Metadata.Name, Operation: engine.Deploy, Version: m.Version(), Manifest: oam.Canonical(m)}
}

// manifest is an application of components that differ in their names only.
func manifest(app, version string, components, instances int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: %s\n  annotations: {version: %s}\nspec:\n  components:\n", app, version)
	for i := range components {
		fmt.Fprintf(&s, "    - name: c%02d\n      type: component\n      properties: {image: \"registry.example/acme/c%02d:1.0.0\"}\n      traits:\n        - type: spreadscaler\n          properties: {instances: %d}\n", i, i, instances)
	}
	return s.String()
}

func decode(text string) (*oam.Manifest, error) {
	doc, found := oam.Decode([]byte(text), oam.FormatYAML)
	if doc == nil || doc.Manifest == nil {
		return nil, fmt.Errorf("reading a manifest of our own: %v", found)
	}
	return doc.Manifest, nil
}

// inventory is what a host runs, as the codec would hand it over.
func (c *crowd) inventory(host int, asked time.Duration) lattice.Inventory {
	inv := lattice.Inventory{Host: lattice.HostID(hostID(host)), Dialect: lattice.V1, Can: lattice.Can{Beat: true, Update: true},
		Name: hostID(host), Labels: labels(host), Version: "1.9.2", Uptime: 1000, Asked: asked}
	for _, p := range c.runs[host] {
		inv.Resources = append(inv.Resources, lattice.Resource{Key: lattice.Key{ID: p.id}, Ref: p.ref,
			Groups: []lattice.Group{{Annotations: p.annotations, Count: 1}}})
	}
	return inv
}

func labels(host int) map[string]string {
	return map[string]string{"hostcore.arch": "x86_64", "hostcore.os": "linux", "hostcore.osfamily": "unix", "zone": fmt.Sprint(host % 3)}
}

// beat is a host's heartbeat as it comes over the wire.
func (c *crowd) beat(host int, uptime uint64) ([]byte, error) {
	inv := wasmbus.V1Inventory{HostID: hostID(host), FriendlyName: hostID(host), Labels: labels(host), Version: "1.9.2",
		UptimeSeconds: uptime, UptimeHuman: fmt.Sprintf("%ds", uptime), Providers: []wasmbus.V1InventoryProvider{}}
	for _, p := range c.runs[host] {
		inv.Components = append(inv.Components, wasmbus.V1InventoryComponent{ID: p.id, ImageRef: p.ref, Name: p.id, MaxInstances: 1, Annotations: p.annotations})
	}
	return wasmbus.EncodeEvent(wasmbus.Envelope{ID: fmt.Sprintf("01890000-0000-7000-8000-%012d", host), Source: hostID(host),
		Time: time.Unix(1700000000+int64(uptime), 0).UTC().Format(time.RFC3339Nano)}, wasmbus.V1HostHeartbeat{V1Inventory: inv})
}
