package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

func TestAnAcceptedConfigIsBelievedUnlessReadOtherwiseMeanwhile(t *testing.T) {
	const sent, acked = 10 * time.Second, 11 * time.Second
	values := map[string]string{"k": "1"}
	for _, tc := range []struct {
		name  string
		read  *lattice.Config
		known bool
	}{
		{"nothing was read", nil, true},
		{"it was read before the put was sent", &lattice.Config{Asked: sent - 1}, true},
		{"it was read while the put was under way, and as it was put", &lattice.Config{Asked: sent + 1, Found: true, Values: values}, true},
		{"it was read while the put was under way, and was not there", &lattice.Config{Asked: sent + 1}, false},
		{"it was read while the put was under way, with other values", &lattice.Config{Asked: sent + 1, Found: true, Values: map[string]string{"k": "0"}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := New(Config{Lattice: "default", Epoch: 1})
			e.Step(time.Second, Connected{}, SnapshotEnd{})
			e.now = acked
			if tc.read != nil {
				tc.read.Name = "c"
				e.state.Apply(*tc.read, acked)
			}
			e.acceptedConfig(lattice.Config{Name: "c", Asked: sent, Found: true, Values: values})
			got, _ := e.state.Config("c")
			if known := got.Asked != lattice.Never; known != tc.known || known && (!got.Found || got.Values["k"] != "1") {
				t.Errorf("after the acknowledgement: known %v, %+v; want known %v", known, got, tc.known)
			}
		})
	}
}
