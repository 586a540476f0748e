package lattice

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// beatOf is what a host says every period: components and providers, each of one application.
func beatOf(host int, keys int, key func(host, i int) string) Inventory {
	inv := Inventory{Host: HostID(fmt.Sprintf("N%055d", host)), Dialect: V1, Can: Can{Beat: true, Update: true}, Beat: true,
		Labels: map[string]string{"hostcore.os": "linux", "zone": fmt.Sprint(host % 3)}, Resources: make([]Resource, keys)}
	for i := range inv.Resources {
		kind, count := Component, 10
		if i%10 == 9 {
			kind, count = Provider, 1
		}
		app := fmt.Sprintf("app-%d", i/10)
		inv.Resources[i] = Resource{Key: Key{Kind: kind, ID: key(host, i)}, Ref: fmt.Sprintf("registry.example/acme/component-%d:1.2.%d", i, i),
			Groups: []Group{{Count: count, Annotations: Annotations{AppAnnotation: app, ManagerAnnotation: Manager,
				"wasmcloud.dev/scaler": fmt.Sprintf("%064x", i), "wasmcloud.dev/spread_name": "default"}}}}
	}
	return inv
}

func everywhere(_, i int) string { return fmt.Sprintf("app_%d-component_%d", i/10, i) }
func once(host, i int) string    { return fmt.Sprintf("app_%d-component_%d_%d", i/10, i, host) }

func full(hosts, keys int, key func(host, i int) string) *State {
	s := New()
	for host := range hosts {
		s.Apply(beatOf(host, keys, key), 0)
	}
	return s
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMem prints what 100,000 (component, host) pairs cost: 100 components on each of 1,000 hosts, and components of which each
// runs on one host only. The aim is 25 MB.
func BenchmarkMem(b *testing.B) {
	for _, c := range []struct {
		name string
		key  func(host, i int) string
	}{{"on-every-host", everywhere}, {"on-one-host-each", once}} {
		b.Run(c.name, func(b *testing.B) {
			var grown uint64
			for b.Loop() {
				before := heap()
				s := full(1000, 100, c.key)
				grown = heap() - before
				runtime.KeepAlive(s)
			}
			b.ReportMetric(float64(grown)/1e6, "MB")
			b.ReportMetric(float64(grown)/1e5, "B/pair")
		})
	}
}

// BenchmarkApplyBeatUnchanged is a decoded heartbeat that says what is known already.
func BenchmarkApplyBeatUnchanged(b *testing.B) {
	const hosts = 1000
	s := full(hosts, 100, everywhere)
	beats := make([]Event, hosts)
	for i := range beats {
		beats[i] = beatOf(i, 100, everywhere)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if eff := s.Apply(beats[i%hosts], time.Duration(i)*time.Millisecond); eff.Changed {
			b.Fatal("an unchanged heartbeat changed something")
		}
		i++
	}
}

// BenchmarkApplyScaled is one component whose count changes, in a lattice of 100,000 pairs.
func BenchmarkApplyScaled(b *testing.B) {
	const hosts = 1000
	s := full(hosts, 100, everywhere)
	r := beatOf(0, 100, everywhere).Resources[42]
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		ev := Scaled{Host: s.sorted[i%hosts].ID, Key: r.Key, Ref: r.Ref, Annotations: r.Groups[0].Annotations, Count: 1 + i%7}
		s.Apply(ev, time.Duration(i)*time.Millisecond)
		i++
	}
}

// BenchmarkHostLost is the loss of one host of 1,000 with 100 components each.
func BenchmarkHostLost(b *testing.B) {
	s := full(1000, 100, everywhere)
	beat := beatOf(500, 100, everywhere)
	for b.Loop() {
		s.Bury(beat.Host, 0)
		b.StopTimer()
		s.Apply(beat, 0)
		b.StartTimer()
	}
}

// BenchmarkClone is a copy of 100,000 pairs for a reader.
func BenchmarkClone(b *testing.B) {
	s := full(1000, 100, everywhere)
	b.ReportAllocs()
	for b.Loop() {
		runtime.KeepAlive(s.Clone())
	}
}
