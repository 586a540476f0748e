package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

const shop = `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop","annotations":{"version":"v1"}},
"spec":{"components":[{"name":"web","type":"component","properties":{"image":"registry.example/web:1"},
"traits":[{"type":"spreadscaler","properties":{"instances":1}}]}]}}`

func manifest(t *testing.T, text string) *oam.Manifest {
	t.Helper()
	d, ds := oam.Decode([]byte(text), oam.FormatJSON)
	if d == nil || ds.HasErrors() {
		t.Fatalf("reading the manifest: %v", ds)
	}
	return d.Manifest
}

const hostA lattice.HostID = "NAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func seen(id lattice.HostID, now time.Duration) lattice.Inventory {
	return lattice.Inventory{Host: id, Dialect: lattice.V1, Can: lattice.Can{Update: true, Beat: true}, Uptime: uint64(now/time.Second) + 100, Asked: now, Beat: true}
}

// driver answers what an engine asks as a lattice with one empty host would, and keeps what it sends.
type driver struct {
	e    *Engine
	now  time.Duration
	sent []ledger.Command
}

// step hands over inputs and everything that follows from them at once.
func (d *driver) step(ins ...Input) Output {
	for {
		d.now += time.Millisecond
		out := d.e.Step(d.now, ins...)
		ins = nil
		for _, s := range out.Save {
			ins = append(ins, Saved{ID: s.ID, Revision: uint64(s.ID)})
		}
		for i := range out.Send {
			d.now++
			if d.e.MaySend(&out.Send[i], d.now) {
				d.sent = append(d.sent, out.Send[i])
			}
		}
		for _, q := range out.Ask {
			switch q.Topic {
			case AskHosts:
				ins = append(ins, Observed{Events: []lattice.Event{seen(hostA, d.now)}}, Learned{ID: q.ID, Asked: d.now})
			case AskInventory:
				err := "no responders"
				var events []lattice.Event
				if q.Host == hostA {
					inv := seen(hostA, d.now)
					inv.Beat = false
					err, events = "", []lattice.Event{inv}
				}
				ins = append(ins, Learned{ID: q.ID, Asked: d.now, Events: events, Err: err})
			default:
				ins = append(ins, Learned{ID: q.ID, Asked: d.now, Err: "timeout"})
			}
		}
		if len(ins) == 0 {
			return out
		}
	}
}

func TestAnOwnerWithoutConnectionWaitsForOne(t *testing.T) {
	d := &driver{e: New(Config{Lattice: "default", Epoch: 1})}
	m := manifest(t, shop)
	d.step(SnapshotEnd{}, Connected{})
	d.step(ModelSeen{App: "shop", Revision: 2, Deployed: "v1", Manifest: m},
		WishSeen{Wish{ID: "w1", App: "shop", Operation: Deploy, Version: "v1", Manifest: oam.Canonical(m), BasedOn: 1}})
	d.now += 5 * time.Second
	d.step(Tick{})
	if len(d.sent) != 1 {
		t.Fatalf("%d commands, want the first start", len(d.sent))
	}
	d.step(Answered{ID: d.sent[0].ID, Outcome: ledger.Refused, Message: "no"}) // from now on it waits for its back-off
	d.step(Disconnected{})
	d.now += 10 * time.Minute
	out := d.step(Tick{})
	if out.Wake >= 0 && out.Wake <= d.now {
		t.Errorf("asks to be woken at %v, which at %v is at once, though it can do nothing before it is connected", out.Wake, d.now)
	}
}

func TestTheEntryOfADeadHostIsKeptForAWeekByAnOwnerOfAnOldProcess(t *testing.T) {
	const day = 24 * time.Hour
	d := &driver{e: New(Config{Lattice: "default", Epoch: 2}), now: 30 * day}
	run := Run{App: "shop", Acted: "w2", Operation: Undeploy, Deleting: true, Hosts: []string{"NDEAD"}, Manifest: oam.Canonical(manifest(t, shop))}
	d.step(Connected{})
	d.step(RunLoaded{Run: run, Revision: 7}, WishSeen{Wish{ID: "w2", App: "shop", Operation: Undeploy}}, SnapshotEnd{})
	deleting := func() bool {
		d.now += day
		d.step(Tick{})
		return d.e.View().Apps[0].Deleting
	}
	for i := range 6 {
		if !deleting() {
			t.Fatalf("the entry was closed after %d days", i+1)
		}
	}
	deleting()
	if deleting() {
		t.Error("the entry is still open after eight days")
	}
}
