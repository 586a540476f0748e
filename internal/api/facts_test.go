package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is remembered of a manifest at its put is what reading it from the store would tell.
func TestMemoryKnowsWhatReadingTells(t *testing.T) {
	var m memory
	accepted := 0
	for _, line := range load(t, "api_put") {
		if !strings.HasSuffix(line.Subject, "model.put") {
			continue
		}
		r, refused := parsePut([]byte(line.body()), "", false, Stamp{ULID: "01"})
		if refused != nil {
			continue
		}
		accepted++
		m.remember(r.Canonical, r.Put)
		if diff := cmp.Diff(readFacts(r.Canonical), m.facts(r.Canonical), cmp.AllowUnexported(facts{})); diff != "" {
			t.Errorf("%s (-read +remembered):\n%s", line.body(), diff)
		}
	}
	if accepted < 10 {
		t.Errorf("only %d recorded manifests are accepted", accepted)
	}
	if f := m.facts(json.RawMessage(`{`)); f.problem == "" {
		t.Error("a broken manifest is remembered as a good one")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	for i := range 2*maxRemembered + 10 {
		m.keep([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, facts{ids: []string{fmt.Sprint(i)}})
	}
	if len(m.read) > maxRemembered {
		t.Errorf("%d manifests are remembered", len(m.read))
	}
}

func BenchmarkDecideDeploy(b *testing.B) {
	other := *model(b, "tools", 1, "v1")
	var components []string
	for i := range 100 {
		components = append(components, fmt.Sprintf(`{"name":"c%d","type":"component","properties":{"image":"registry.example/c%d:1"},`+
			`"traits":[{"type":"spreadscaler","properties":{"instances":10}}]}`, i, i))
	}
	shop := *model(b, "shop", 1, "")
	shop.Versions[0].Manifest = json.RawMessage(`{"apiVersion":"a","kind":"b","metadata":{"name":"shop","annotations":{"version":"v1"}},"spec":{"components":[` +
		strings.Join(components, ",") + `]}}`)
	var known memory
	f := Found{Model: &shop, Facts: known.facts}
	for range 20 {
		f.Others = append(f.Others, other)
	}
	r := Request{Op: "deploy", App: "shop"}
	for b.Loop() {
		if Decide(f, r).Wish == nil {
			b.Fatal("refused")
		}
	}
}
