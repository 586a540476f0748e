package client

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/wadmapi"
)

// TestAnswersOfProcessesPutTogether: who owns a lattice says so best; with other records a lattice of the same name is another one.
func TestAnswersOfProcessesPutTogether(t *testing.T) {
	a := wadmapi.ClusterReply{Process: wadmapi.Beat{Name: "b", ID: "b/1"},
		Others:   []wadmapi.Heard{{Name: "a", ID: "a/1"}, {Name: "dead", ID: "dead/1", Age: 1.5}},
		Lattices: []wadmapi.Ownership{{Lattice: "x", Owner: "a", ID: "a/1", Epoch: 3}, {Lattice: "y", Note: "no owner yet"}}}
	b := wadmapi.ClusterReply{Process: wadmapi.Beat{Name: "a", ID: "a/1"}, Others: []wadmapi.Heard{{Name: "b", ID: "b/1"}, {Name: "dead", ID: "dead/1", Age: 1.6}},
		Lattices: []wadmapi.Ownership{{Lattice: "x", Owner: "a", ID: "a/1", Epoch: 4, Should: "a"}, {Lattice: "y", Owner: "dead", ID: "dead/1", Epoch: 2}}}
	c := wadmapi.ClusterReply{Process: wadmapi.Beat{Name: "c", ID: "c/1", Store: "memory-1"}, Lattices: []wadmapi.Ownership{{Lattice: "x", Owner: "c", ID: "c/1", Epoch: 1}}}
	want := wadmapi.Cluster{
		Processes: []wadmapi.Beat{b.Process, a.Process, c.Process},
		Silent:    []wadmapi.Heard{{Name: "dead", ID: "dead/1", Age: 1.5}},
		Lattices:  []wadmapi.Ownership{b.Lattices[0], c.Lattices[0], b.Lattices[1]},
	}
	if diff := cmp.Diff(want, merge([]wadmapi.ClusterReply{a, b, c})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
