package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// crowd is an owner of many small applications, all of them deployed and whole.
func crowd(b *testing.B, apps, hosts int) *driver {
	d := &driver{e: New(Config{Lattice: "default", Epoch: 1})}
	base := shop
	ins := []Input{Connected{}}
	var beats []lattice.Event
	for h := range hosts {
		inv := seen(lattice.HostID(fmt.Sprintf("N%04d", h)), time.Second)
		for i := h; i < apps; i += hosts {
			name := fmt.Sprintf("app%05d", i)
			m := strings.ReplaceAll(base, `"name":"shop"`, `"name":"`+name+`"`)
			doc, _ := oam.Decode([]byte(m), oam.FormatJSON)
			ins = append(ins, ModelSeen{App: name, Revision: uint64(i + 1), Deployed: "v1", Manifest: doc.Manifest})
			id := name + "-web"
			inv.Resources = append(inv.Resources, lattice.Resource{Key: lattice.Key{ID: id}, Ref: "registry.example/web:1", Groups: []lattice.Group{{Count: 1, Annotations: lattice.Annotations{
				lattice.AppAnnotation: name, lattice.ManagerAnnotation: lattice.Manager,
				"wasmcloud.dev/scaler": oam.SpreadScalerID(name, "web", id, "registry.example/web:1", nil), "wasmcloud.dev/spread_name": "default"}}}})
		}
		beats = append(beats, inv)
	}
	d.now = time.Second
	d.e.Step(d.now, append(ins, SnapshotEnd{})...)
	d.now += time.Second
	d.drain(d.e.Step(d.now, Observed{Events: beats}))
	d.now += 10 * time.Second
	d.drain(d.e.Step(d.now, Tick{}))
	if n := len(d.e.View().Apps); n != apps {
		b.Fatalf("%d applications, want %d", n, apps)
	}
	return d
}

// drain answers questions and saves, without hosts.
func (d *driver) drain(out Output) {
	for len(out.Save)+len(out.Ask) > 0 {
		var ins []Input
		for _, s := range out.Save {
			ins = append(ins, Saved{ID: s.ID, Revision: uint64(s.ID)})
		}
		for _, q := range out.Ask {
			in := Learned{ID: q.ID, Asked: d.now}
			if h := d.e.state.Host(q.Host); h != nil {
				inv := lattice.Inventory{Host: h.ID, Dialect: h.Dialect, Can: h.Can, Uptime: h.Uptime, Asked: d.now}
				for _, it := range h.Items() {
					inv.Resources = append(inv.Resources, lattice.Resource{Key: it.Key, Ref: it.Ref, Groups: it.Groups})
				}
				in.Events = []lattice.Event{inv}
			}
			ins = append(ins, in)
		}
		d.now += time.Millisecond
		out = d.e.Step(d.now, ins...)
	}
}

// One instance of one application ends and comes back: what that costs must not grow with the number of applications.
func BenchmarkEventAmongManyApplications(b *testing.B) {
	for _, apps := range []int{100, 10_000} {
		b.Run(fmt.Sprint(apps), func(b *testing.B) {
			d := crowd(b, apps, 100)
			key := lattice.Key{ID: "app00000-web"}
			it := d.e.state.Host("N0000").Item(key)
			notes := it.Groups[0].Annotations
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.now += time.Microsecond
				out := d.e.Step(d.now, Observed{Events: []lattice.Event{lattice.Scaled{Host: "N0000", Key: key, Ref: "registry.example/web:1", Annotations: notes, Count: 1 + i%2}}})
				for _, c := range out.Send {
					d.e.MaySend(&c, d.now+1)
				}
			}
		})
	}
}

// A new owner hears a thousand hosts, one answer at a time.
func BenchmarkOwnerAmongManyHosts(b *testing.B) {
	for b.Loop() {
		d := crowd(b, 10_000, 1000)
		d.now += time.Second
		d.e.Step(d.now, Disconnected{})
		d.now += time.Second
		out := d.e.Step(d.now, Connected{})
		hosts := d.e.state.Hosts()
		for _, q := range out.Ask {
			if q.Topic != AskInventory {
				continue
			}
			h := hosts[0]
			hosts = hosts[1:]
			inv := lattice.Inventory{Host: h.ID, Dialect: h.Dialect, Can: h.Can, Uptime: h.Uptime, Asked: d.now}
			for _, it := range h.Items() {
				inv.Resources = append(inv.Resources, lattice.Resource{Key: it.Key, Ref: it.Ref, Groups: it.Groups})
			}
			d.now += time.Microsecond
			d.e.Step(d.now, Learned{ID: q.ID, Asked: d.now - 1, Events: []lattice.Event{inv}})
		}
	}
}
