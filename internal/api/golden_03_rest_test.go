package api

import (
	"encoding/json"
	"regexp"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// goldenRest are the differences in what was asked beside hosts, by request.
var goldenRest = map[int]golden{
	52: fails("linkdefs", `Failed to put model spec: linkdef on the capability \"p\": only a component links to a provider (manifest:21:21)`),
	53: fails("linkdefs", "Failed to deploy app spec: No such model version in store: bad 1"),
	54: {row: "linkdefs", change: withoutBad},
	55: {row: "linkdefs", ours: `{"data":[],"result":"success"}`},
}

func withoutBad(want string) string {
	return eachListed(want, func(e map[string]any) bool { return e["name"] != "bad" })
}

var anyState = regexp.MustCompile(`"deployment_status":"[a-z]+"`)

// maskedRest hides states too: no host is here, so they cannot be the recorded ones.
func maskedRest(reply string) string {
	return anyState.ReplaceAllString(masked03(reply), `"deployment_status":"<state>"`)
}

// TestRepliesBesideHostsEqualThoseOf030 sends what was asked in all other recordings of 0.3.0, each on an empty store. What had no answer then (0.3.0 waited
// for a host, or for another of its nodes) has one here.
func TestRepliesBesideHostsEqualThoseOf030(t *testing.T) {
	replies := map[int]string{}
	lines := load(t, "otp_rest")
	for _, line := range lines {
		if line.Re != 0 {
			replies[line.Re] = string(line.Payload)
		}
	}
	for rest := lines; len(rest) > 0; {
		name := rest[0].Mark
		n := 1
		for n < len(rest) && rest[n].Mark == "" {
			n++
		}
		asked := rest[1:n]
		rest = rest[n:]
		t.Run(name, func(t *testing.T) {
			s := newStage(t, false)
			for _, line := range asked {
				if line.Re == 0 {
					s.compareRest(line, replies[line.N])
				}
			}
		})
	}
}

func (s *stage) compareRest(line recorded, want string) {
	s.t.Helper()
	got := maskedRest(s.send(line))
	if want == "" {
		var reply struct{ Result string }
		if err := json.Unmarshal([]byte(got), &reply); err != nil || reply.Result != "success" {
			s.t.Errorf("%s had no answer in 0.3.0, and is answered %s", line.Subject, got)
		}
		return
	}
	want = maskedRest(want)
	switch d, ok := goldenRest[line.N]; {
	case ok && d.change != nil:
		want = d.change(want)
	case ok:
		want = d.ours
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		s.t.Errorf("%d %s: the reply differs (-0.3.0 +ours):\n%s", line.N, line.Subject, diff)
	}
}
