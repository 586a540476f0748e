package laws

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wasmbus"
	"pgregory.net/rapid"
)

// TestLaws (SRV-14) lets random things happen to random lattices and judges by what really runs. The seed that rapid prints replays a failure.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 12).Draw(t, "acts") {
			w.act()
			w.p.Run(time.Duration(rapid.SampledFrom([]int{1, 30, 500, 5_000, 40_000, 100_000}).Draw(t, "wait")) * time.Millisecond)
		}
		w.settle()
		w.judge.quiet()
	})
}

// TestSameSeedSameRun runs one random lattice twice.
func TestSameSeedSameRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		if a, b := runOnce(t, seed), runOnce(t, seed); a != b {
			t.Fatalf("two runs of one seed differ:\n%s\n---\n%s", a, b)
		}
	})
}

func runOnce(t *rapid.T, seed uint64) string {
	w := &world{t: t, want: map[string]*oam.Manifest{}, versions: map[string]int{}}
	w.p = newPlane(seed)
	w.p.Run(time.Second)
	w.p.Start()
	for _, name := range []string{"red", "green", "blue", "grey"} {
		w.p.Deploy(w.decode(strings.ReplaceAll(fixed, "NAME", name)))
	}
	w.p.Run(time.Minute)
	_ = w.p.Cluster.Kill("h1")
	w.p.Run(3 * time.Minute)
	out, _ := json.Marshal(w.p.Sent)
	return string(out) + fmt.Sprint(w.p.Told) + w.p.Cluster.String()
}

const fixed = `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: NAME, annotations: {version: v1}}
spec:
  components:
    - {name: a, type: component, properties: {image: "r.example/a:1"}, traits: [{type: spreadscaler, properties: {instances: 7}}]}
    - {name: b, type: component, properties: {image: "r.example/b:1"}, traits: [{type: spreadscaler, properties: {instances: 3}}]}
`

func (w *world) startForeign() {
	app := rapid.SampledFrom([]string{"app1", "app2"}).Draw(w.t, "foreign app")
	var live []sim.HostInfo
	for _, h := range w.p.Cluster.Hosts() {
		if h.Alive {
			live = append(live, h)
		}
	}
	if len(live) == 0 {
		return
	}
	h := live[rapid.IntRange(0, len(live)-1).Draw(w.t, "foreign host")]
	if w.otp {
		ref := "r.example/" + app + "-one:1"
		body, _ := json.Marshal(wasmbus.OTPLaunchActor{ActorRef: ref, Count: 1, HostID: h.ID})
		w.p.Bus.Publish(sim.Msg{Subject: wasmbus.OTPSubjects{Lattice: "default"}.LaunchActor(h.ID), Reply: "_INBOX.foreign", Data: body})
		w.judge.foreign[h.ID+" otp"] = w.p.Bus.Now()
		w.note("somebody starts %s on %s", ref, h.Name)
		return
	}
	id := app + "-one"
	for _, t := range w.p.Cluster.Truth().Hosts {
		if t.ID != h.ID {
			continue
		}
		for _, c := range t.Components {
			if c.ID == id {
				return // somebody who took over what we run would change it, not start it
			}
		}
	}
	body, _ := json.Marshal(map[string]any{"component_ref": "r.example/foreign:1", "component_id": id, "count": 1, "host_id": h.ID})
	w.p.Bus.Publish(sim.Msg{Subject: wasmbus.V1Subjects{Lattice: "default"}.ComponentScale(h.ID), Reply: "_INBOX.foreign", Data: body})
	w.judge.foreign[h.ID+" "+id] = w.p.Bus.Now()
	w.note("somebody starts %s on %s", id, h.Name)
}
