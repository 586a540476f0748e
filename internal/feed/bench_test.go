package feed

import (
	"fmt"
	"testing"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// BenchmarkHeartbeat is what one heartbeat of a host with 100 components costs the subscription's goroutine: unchanged, and decoded.
func BenchmarkHeartbeat(b *testing.B) {
	inv := wasmbus.V1Inventory{HostID: hostA, FriendlyName: "bold", Version: "1.9.2", Labels: map[string]string{"zone": "a"}, Providers: []wasmbus.V1InventoryProvider{},
		UptimeSeconds: 30, UptimeHuman: "30s"}
	for i := range 100 {
		inv.Components = append(inv.Components, wasmbus.V1InventoryComponent{ID: fmt.Sprint("app-component-", i), ImageRef: "ghcr.io/acme/component:1.2.3", MaxInstances: 10,
			Annotations: map[string]string{"wasmcloud.dev/appspec": "app", "wasmcloud.dev/managed-by": "wadm", "wasmcloud.dev/spread_name": "default",
				"wasmcloud.dev/scaler": "3f1c9b7d3f1c9b7d3f1c9b7d3f1c9b7d3f1c9b7d3f1c9b7d3f1c9b7d3f1c9b7d"}})
	}
	body := event(b, hostA, wasmbus.V1HostHeartbeat{V1Inventory: inv})
	for name, changed := range map[string]bool{"unchanged": false, "changed": true} {
		b.Run(name, func(b *testing.B) {
			f := New(Config{Lattice: "default", Now: func() time.Duration { return 0 }})
			hear := f.Ear("v1", [16]byte{1})
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if changed {
					f.Touch(hostA)
				}
				hear(onBeat, body)
				f.Take()
			}
		})
	}
}
