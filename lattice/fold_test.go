package lattice

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// foldCase is one sentence: the steps, the state afterwards, and the effect of the last step.
type foldCase struct {
	name  string
	steps []step
	want  string // State.String
	eff   Effect
}

func check(t *testing.T, cases []foldCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, eff := folded(c.steps...)
			if diff := cmp.Diff(c.want, s.String()); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.eff, eff); diff != "" {
				t.Errorf("effect of the last event (-want +got):\n%s", diff)
			}
			if wrong := recount(s); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	web2 := []Resource{runs(web, group(shop, 2))}
	check(t, []foldCase{
		{"a host that starts is there, empty and beyond doubt", []step{{0, HostStarted{Host: n1, Name: "one", Dialect: V1, Labels: map[string]string{"zone": "a"}}}},
			"host one v1 {zone=a}\n", Effect{Changed: true, Host: n1, Appeared: true, Relabelled: true}},
		{"any event of an unknown host makes it known, doubtful", []step{{0, Updated{Host: n1}}},
			"host N1 doubtful\n", Effect{Changed: true, Host: n1, Appeared: true, Doubtful: true}},
		{"a sign of life of a known host is no change", []step{begun(n1), {sec, HostSeen{Host: n1, Uptime: 1}}},
			"host n1\n", Effect{Host: n1}},
		{"a stopped host takes everything with it", []step{begun(n1), {sec, Scaled{n1, web, "web:1", shop, 2}}, {2 * sec, HostStopped{n1}}},
			"", Effect{Changed: true, Host: n1, Vanished: true, Keys: []Key{web}, Apps: []string{"shop"}}},
		{"the stop of an unknown host is nothing", []step{{0, HostStopped{n1}}}, "", Effect{}},
		{"what stops with a host that has stopped does not bring it back", []step{begun(n1), {sec, HostStopped{n1}}, {sec, Stopped{n1, web, nil, "i1"}}},
			"", Effect{}},
		{"an instance that stops on an unknown host brings nobody to life", []step{{sec, Stopped{n1, web, nil, "i1"}}}, "", Effect{}},
		{"a ping answer on its way when the host stopped does not bring it back", []step{begun(n1), {sec, HostStopped{n1}}, {2 * sec, HostSeen{Host: n1, Uptime: 2}}},
			"", Effect{}},
		{"an inventory asked for before the host stopped does not bring it back", []step{begun(n1), {20 * sec, HostStopped{n1}}, {30 * sec, Inventory{Host: n1, Asked: 19 * sec}}},
			"", Effect{}},
		{"a host that starts at once after it stopped is back", []step{begun(n1), {sec, HostStopped{n1}}, {sec, HostStarted{Host: n1}}},
			"host N1\n", Effect{Changed: true, Host: n1, Appeared: true}},
		{"a young uptime right after the stop is another life", []step{{0, HostStarted{Host: n1, Uptime: 90}}, {sec, HostStopped{n1}}, {2 * sec, HostSeen{Host: n1, Uptime: 1}}},
			"host N1 doubtful\n", Effect{Changed: true, Host: n1, Appeared: true, Doubtful: true}},
		{"a known host that starts has lost what ran on it", []step{begun(n1), {sec, Scaled{n1, web, "web:1", shop, 2}}, {2 * sec, HostStarted{Host: n1}}},
			"host n1\n", Effect{Changed: true, Host: n1, Restarted: true, Keys: []Key{web}, Apps: []string{"shop"}}},
		{"a fallen uptime is a new beginning that nobody told of", []step{{0, HostSeen{Host: n1, Uptime: 100}}, {sec, Inventory{Host: n1, Asked: sec, Uptime: 101, Resources: web2}},
			{2 * sec, HostSeen{Host: n1, Uptime: 3}}},
			"host N1 doubtful\n", Effect{Changed: true, Host: n1, Restarted: true, Doubtful: true, Keys: []Key{web}, Apps: []string{"shop"}}},
		{"one second less is how two clocks count", []step{{0, Inventory{Host: n1, Uptime: 100, Resources: web2}}, {sec, HostSeen{Host: n1, Uptime: 99}}},
			"host N1\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n", Effect{Host: n1}},
		{"an uptime of zero without a word about the host is none", []step{{0, Inventory{Host: n1, Uptime: 100, Resources: web2}}, {sec, HostSeen{Host: n1}}},
			"host N1\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n", Effect{Host: n1}},
		{"an uptime of zero in a ping answer is one", []step{{0, Inventory{Host: n1, Uptime: 100}}, {sec, HostSeen{Host: n1, Version: "1.9.2"}}},
			"host N1 doubtful\n", Effect{Changed: true, Host: n1, Restarted: true, Doubtful: true}},
		{"an inventory that shows a new beginning is believed at once", []step{{0, Inventory{Host: n1, Uptime: 100, Resources: web2}},
			{9 * sec, Inventory{Host: n1, Asked: 8 * sec, Uptime: 3, Resources: []Resource{runs(echo, group(nil, 1))}}}},
			"host N1\n  component echo echo:1 x1\n", Effect{Changed: true, Host: n1, Restarted: true, Keys: []Key{echo, web}, Apps: []string{"shop"}, Ref: "echo:1"}},
		{"labels change", []step{begun(n1), {sec, LabelsChanged{n1, map[string]string{"zone": "b"}}}},
			"host n1 {zone=b}\n", Effect{Changed: true, Host: n1, Relabelled: true}},
		{"labels asked for before they changed are old", []step{begun(n1), {5 * sec, LabelsChanged{n1, map[string]string{"zone": "b"}}},
			{6 * sec, Inventory{Host: n1, Asked: 4 * sec, Labels: map[string]string{"zone": "a"}}}},
			"host n1 {zone=b}\n", Effect{Host: n1}},
		{"a host without an id is none", []step{{0, HostStarted{}}, {0, Inventory{}}, {0, Updated{}}}, "", Effect{}},
	})
}

func TestInventories(t *testing.T) {
	two := []Resource{runs(web, group(shop, 2)), runs(http, group(shop, 1))}
	check(t, []foldCase{
		{"an inventory is what runs", []step{{0, Inventory{Host: n1, Dialect: V1, Resources: two}}},
			"host N1 v1\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n",
			Effect{Changed: true, Host: n1, Appeared: true, Keys: []Key{web, http}, Apps: []string{"shop"}}},
		{"an inventory takes away what it lacks", []step{{0, Inventory{Host: n1, Dialect: V1, Resources: two}}, {sec, Inventory{Host: n1, Asked: sec, Resources: two[1:]}}},
			"host N1 v1\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Keys: []Key{web}, Apps: []string{"shop"}}},
		{"the same inventory in another order changes nothing", []step{{0, Inventory{Host: n1, Dialect: V1, Resources: two}},
			{sec, Inventory{Host: n1, Asked: sec, Beat: true, Uptime: 1, Resources: []Resource{two[1], two[0]}}}},
			"host N1 v1\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Host: n1}},
		{"an inventory may have been put together before a later scale", []step{begun(n1), {5 * sec, Scaled{n1, web, "web:1", shop, 3}},
			{6 * sec, Inventory{Host: n1, Dialect: V1, Asked: 4 * sec, Resources: []Resource{runs(web, group(shop, 1)), two[1]}}}},
			"host n1 v1\n  component web web:1 x3 {wasmcloud.dev/appspec=shop}\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n",
			Effect{Changed: true, Host: n1, Keys: []Key{http}, Apps: []string{"shop"}}},
		{"an inventory asked for before an instance started, and which shows it, was put together after that", []step{begun(n1),
			{5 * sec, Started{Host: n1, Key: web, Ref: "web:1", Annotations: shop, Instance: "i1"}},
			{6 * sec, Inventory{Host: n1, Asked: 4 * sec, Resources: []Resource{runs(web, group(shop, 2, "i1", "i2"))}}}},
			"host n1\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Keys: []Key{web}, Apps: []string{"shop"}}},
		{"an inventory that says otherwise than an event which came since it was asked for ends no doubt", []step{begun(n1),
			{3 * sec, Updated{Host: n1}}, {5 * sec, Scaled{n1, web, "web:1", blog, 1}},
			{6 * sec, Inventory{Host: n1, Asked: 4 * sec, Resources: []Resource{runs(web, group(shop, 1))}}}},
			"host n1 doubtful\n  component web web:1 x1 {wasmcloud.dev/appspec=blog}\n", Effect{Changed: true, Host: n1, Ref: "web:1"}},
		{"and one that does not show it was not", []step{begun(n1),
			{5 * sec, Started{Host: n1, Key: web, Ref: "web:1", Annotations: shop, Instance: "i1"}},
			{6 * sec, Inventory{Host: n1, Asked: 4 * sec, Resources: []Resource{runs(web, group(shop, 2, "i2", "i3"))}}}},
			"host n1\n  component web web:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Host: n1}},
		{"an inventory asked for before a scale to zero does not bring the component back, nor end the doubt", []step{begun(n1), {3 * sec, Scaled{n1, web, "web:1", shop, 3}}, {5 * sec, Scaled{n1, web, "web:1", nil, 0}},
			{6 * sec, Inventory{Host: n1, Dialect: V1, Asked: 4 * sec, Resources: []Resource{runs(web, group(shop, 3))}}}},
			"host n1 v1 doubtful\n", Effect{Changed: true, Host: n1}},
		{"an inventory asked for after it does both", []step{begun(n1), {3 * sec, Scaled{n1, web, "web:1", shop, 3}}, {5 * sec, Scaled{n1, web, "web:1", nil, 0}},
			{6 * sec, Inventory{Host: n1, Asked: 5 * sec, Dialect: V1, Resources: []Resource{runs(web, group(shop, 3))}}}},
			"host n1 v1\n  component web web:1 x3 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Keys: []Key{web}, Apps: []string{"shop"}}},
		{"an answer overtaken by a later one is old", []step{{5 * sec, Inventory{Host: n1, Dialect: V1, Asked: 4 * sec, Resources: two}}, {6 * sec, Inventory{Host: n1, Asked: 3 * sec}}},
			"host N1 v1\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Host: n1}},
		{"an answer to a question of before the host began is old", []step{{5 * sec, HostStarted{Host: n1}}, {6 * sec, Inventory{Host: n1, Asked: 4 * sec, Resources: two}}},
			"host N1\n", Effect{Host: n1}},
		{"groups with equal annotations are one, instances come once, empty ones not at all", []step{{0, Inventory{Host: n1, Dialect: OTP, Resources: []Resource{
			{Key: web, Ref: "web:1", Groups: []Group{{shop, 2, []string{"b", "a"}}, {nil, 1, []string{"d"}}, {shop, 2, []string{"b", "c"}}, {blog, 0, nil}}}}}}},
			"host N1 otp\n  component web web:1 x1\n  component web web:1 x3 {wasmcloud.dev/appspec=shop}\n",
			Effect{Changed: true, Host: n1, Appeared: true, Keys: []Key{web}, Apps: []string{"shop"}, Ref: "web:1"}},
		{"a bare heartbeat with the same counts confirms", []step{{0, Inventory{Host: n1, Dialect: OTP, Resources: two}},
			{sec, Inventory{Host: n1, Asked: sec, Beat: true, Bare: true, Resources: []Resource{{Key: web, Groups: group(nil, 2, "x", "y")}, {Key: http, Groups: group(nil, 1)}}}}},
			"host N1 otp\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Host: n1}},
		{"a bare heartbeat with another count casts doubt and takes nothing", []step{{0, Inventory{Host: n1, Dialect: OTP, Resources: two}},
			{sec, Inventory{Host: n1, Asked: sec, Beat: true, Bare: true, Resources: []Resource{{Key: web, Groups: group(nil, 1)}, {Key: http, Groups: group(nil, 1)}}}}},
			"host N1 otp doubtful\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n",
			Effect{Changed: true, Host: n1, Doubtful: true}},
		{"a bare heartbeat that lacks a key casts doubt", []step{{0, Inventory{Host: n1, Dialect: OTP, Resources: two}}, {sec, Inventory{Host: n1, Asked: sec, Beat: true, Bare: true, Resources: []Resource{{Key: web, Groups: group(nil, 2)}}}}},
			"host N1 otp doubtful\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n",
			Effect{Changed: true, Host: n1, Doubtful: true}},
	})
}

func TestContents(t *testing.T) {
	check(t, []foldCase{
		{"a scale sets count, reference and annotations", []step{begun(n1), {sec, Scaled{n1, web, "web:1", blog, 1}}, {2 * sec, Scaled{n1, web, "web:2", shop, 4}}},
			"host n1\n  component web web:2 x4 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Keys: []Key{web}, Apps: []string{"blog", "shop"}}},
		{"the same scale again is no change", []step{begun(n1), {sec, Scaled{n1, web, "web:1", shop, 1}}, {2 * sec, Scaled{n1, web, "web:1", shop, 1}}},
			"host n1\n  component web web:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Host: n1}},
		{"a scale to zero removes, in doubt: an update in place ends with a zero of the old image", []step{begun(n1), {sec, Scaled{n1, web, "web:1", shop, 1}}, {2 * sec, Scaled{n1, web, "web:1", shop, 0}}},
			"host n1 doubtful\n", Effect{Changed: true, Host: n1, Doubtful: true, Keys: []Key{web}, Apps: []string{"shop"}}},
		{"a provider starts", []step{begun(n1), {sec, Started{n1, http, "http:1", shop, "", 0}}},
			"host n1\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Keys: []Key{http}, Apps: []string{"shop"}, Ref: "http:1"}},
		{"a second instance of a provider takes the place of the first, in doubt", []step{begun(n1), {sec, Started{n1, http, "http:1", shop, "a", 0}}, {2 * sec, Started{n1, http, "http:1", shop, "b", 0}}},
			"host n1 doubtful\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Doubtful: true, Keys: []Key{http}, Apps: []string{"shop"}}},
		{"instances of a component add up, by annotations", []step{begun(n1), {sec, Started{n1, web, "web:1", shop, "a", 0}}, {2 * sec, Started{n1, web, "web:1", shop, "b", 0}}, {3 * sec, Started{n1, web, "web:1", blog, "c", 0}}},
			"host n1\n  component web web:1 x1 {wasmcloud.dev/appspec=blog}\n  component web web:1 x2 {wasmcloud.dev/appspec=shop}\n",
			Effect{Changed: true, Host: n1, Keys: []Key{web}, Apps: []string{"blog", "shop"}}},
		{"an instance told twice counts once", []step{begun(n1), {sec, Started{n1, web, "web:1", shop, "a", 0}}, {2 * sec, Started{n1, web, "web:1", shop, "a", 0}}},
			"host n1\n  component web web:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Host: n1}},
		{"a 1.x start teaches no reference", []step{{0, HostStarted{Host: n1, Dialect: V1}}, {sec, Started{n1, http, "http:1", shop, "", 0}}},
			"host N1 v1\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Keys: []Key{http}, Apps: []string{"shop"}}},
		{"an instance stops", []step{begun(n1), {sec, Started{n1, web, "web:1", shop, "a", 0}}, {2 * sec, Started{n1, web, "web:1", blog, "b", 0}}, {3 * sec, Stopped{n1, web, nil, "a"}}},
			"host n1\n  component web web:1 x1 {wasmcloud.dev/appspec=blog}\n", Effect{Changed: true, Host: n1, Keys: []Key{web}, Apps: []string{"blog", "shop"}}},
		{"the last instance takes the item with it", []step{begun(n1), {sec, Started{n1, web, "web:1", shop, "a", 0}}, {3 * sec, Stopped{n1, web, nil, "a"}}},
			"host n1\n", Effect{Changed: true, Host: n1, Keys: []Key{web}, Apps: []string{"shop"}}},
		{"the end of an unknown instance casts doubt", []step{begun(n1), {sec, Started{n1, web, "web:1", shop, "a", 0}}, {3 * sec, Stopped{n1, web, nil, "z"}}},
			"host n1 doubtful\n  component web web:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Doubtful: true}},
		{"a provider stops", []step{begun(n1), {sec, Started{n1, http, "http:1", shop, "", 0}}, {2 * sec, Stopped{n1, http, nil, "http"}}},
			"host n1\n", Effect{Changed: true, Host: n1, Keys: []Key{http}, Apps: []string{"shop"}}},
		{"the end of a provider's instance of before leaves the one that runs", []step{begun(n1), {sec, Started{n1, http, "http:1", shop, "b", 0}}, {2 * sec, Stopped{n1, http, nil, "a"}}},
			"host n1 doubtful\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Doubtful: true}},
		{"a failed start changes nothing that runs", []step{begun(n1), {sec, StartFailed{Host: n1, Key: web, Ref: "web:9", Error: "no"}}}, "host n1\n", Effect{Host: n1}},
		{"a refused second reference teaches whose key it is", []step{begun(n1), {sec, StartFailed{Host: n1, Ref: "web:9", SameKey: "MWEB"}}}, "host n1\n", Effect{Changed: true, Host: n1, Ref: "web:9"}},
		{"health is told of the provider", []step{begun(n1), {sec, Started{n1, http, "http:1", shop, "", 0}}, {2 * sec, Health{n1, http, true}}},
			"host n1\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop} healthy\n", Effect{Changed: true, Host: n1, Keys: []Key{http}, Apps: []string{"shop"}}},
		{"the same health again is no change", []step{begun(n1), {sec, Started{n1, http, "http:1", shop, "", 0}}, {2 * sec, Health{n1, http, false}}, {3 * sec, Health{n1, http, false}}},
			"host n1\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop} unhealthy\n", Effect{Host: n1}},
		{"another instance has shown nothing of its health", []step{begun(n1), {sec, Started{n1, http, "http:1", shop, "a", 0}}, {2 * sec, Health{n1, http, true}}, {3 * sec, Stopped{n1, http, nil, "a"}}, {4 * sec, Started{n1, http, "http:1", shop, "b", 0}}},
			"host n1\n  provider http http:1 x1 {wasmcloud.dev/appspec=shop}\n", Effect{Changed: true, Host: n1, Keys: []Key{http}, Apps: []string{"shop"}}},
		{"health of a provider that we do not know casts doubt", []step{begun(n1), {2 * sec, Health{n1, http, true}}},
			"host n1 doubtful\n", Effect{Changed: true, Host: n1, Doubtful: true}},
		{"a key without an id is none", []step{begun(n1), {sec, Scaled{Host: n1, Count: 1}}, {sec, Started{Host: n1}}, {sec, Stopped{Host: n1}}, {sec, Health{Host: n1}}}, "host n1\n", Effect{}},
	})
}

func TestEvidence(t *testing.T) {
	s, _ := folded(begun(n1), step{3 * sec, Started{n1, web, "web:1", shop, "a", 0}}, step{5 * sec, Stopped{n1, web, nil, "a"}}, step{6 * sec, Started{n1, http, "http:1", shop, "", 0}})
	for _, c := range []struct {
		name string
		key  Key
		want time.Duration
	}{
		{"the end of what is gone", web, 5 * sec}, {"the start of what runs", http, 6 * sec}, {"the inventory for everything else", echo, 0},
	} {
		if got := s.Evidence(n1, c.key); got != c.want {
			t.Errorf("%s: evidence at %v, want %v", c.name, got, c.want)
		}
	}
	if got := s.Evidence(n2, web); got != Never {
		t.Errorf("of an unknown host: %v", got)
	}
	s.Apply(Inventory{Host: n1, Asked: 8 * sec}, 9*sec)
	if got := s.Evidence(n1, web); got != 8*sec {
		t.Errorf("after an inventory asked for at 8 s: %v", got)
	}
	s.Reset(10 * sec)
	if got := s.Evidence(n1, web); got != Never {
		t.Errorf("in a new time of listening: %v", got)
	}
	if s.Apply(Inventory{Host: n1, Asked: 9 * sec}, 11*sec); s.Evidence(n1, web) != Never {
		t.Error("an answer of before the new time of listening counts")
	}
}

func TestAnUnchangedHeartbeatOfA1xHostIsAnInventory(t *testing.T) {
	can := Can{Beat: true}
	inv := Inventory{Host: n1, Can: can, Dialect: V1, Beat: true, Resources: []Resource{runs(web, group(shop, 2))}}
	s, _ := folded(step{sec, inv})
	beat := HostSeen{Host: n1, Can: can, Dialect: V1, Uptime: 30, Beat: true}
	if eff := s.Apply(beat, 31*sec); eff.Changed || s.Host(n1).InventoryAsked != 31*sec {
		t.Errorf("after the heartbeat: effect %+v, inventory asked %v", eff, s.Host(n1).InventoryAsked)
	}
	s.Apply(Updated{Host: n1}, 32*sec)
	beat.Uptime = 60
	if s.Apply(beat, 61*sec); s.Host(n1).InventoryAsked != 31*sec || !s.Host(n1).Doubtful {
		t.Errorf("a doubt is not ended by `as before`: %+v", s.Host(n1))
	}
}
