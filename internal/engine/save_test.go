package engine

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

func TestEveryMemberOfARunRecordIsCompared(t *testing.T) {
	full := Run{App: "a", Epoch: 1, Acted: "w", Operation: Deploy, Version: "v", Manifest: json.RawMessage(`{}`), From: json.RawMessage(`{}`), Deleting: true, Released: true,
		Since: "s", Hosts: []string{"N1"}, Configs: []string{"c"}, Links: []AppliedLink{{Link: lattice.Link{Source: "a"}, Values: "x"}},
		Updates: []LiveUpdate{{ID: "M", Host: "N1", From: "a:1", To: "a:2", Instances: []string{"i"}}},
		Lists:   []AppliedList{{ID: "a", Names: []string{"c"}}},
		Intents: []Intent{{Component: "web", Target: ledger.Target{ID: "a"}, At: [][3]int{{0, 0, 1}}}}}
	same := full
	if !sameRun(&full, &same) || !sameRun(&Run{Hosts: []string{}}, &Run{}) {
		t.Error("equal records are told apart")
	}
	kind := reflect.TypeFor[Run]()
	for i := range kind.NumField() {
		other := full
		reflect.ValueOf(&other).Elem().Field(i).SetZero()
		if reflect.DeepEqual(full, other) {
			t.Errorf("the test has no value for %s", kind.Field(i).Name)
		}
		if sameRun(&full, &other) {
			t.Errorf("records that differ in %s are taken for the same", kind.Field(i).Name)
		}
	}
}
