package plan

import (
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

func TestSilences(t *testing.T) {
	const host = lattice.HostID("N1")
	key := lattice.Key{Kind: lattice.Component, ID: "MWEB"}
	ours, theirs := lattice.Annotations{lattice.AppAnnotation: "blog"}, lattice.Annotations{lattice.AppAnnotation: "shop"}
	stop := ledger.Command{App: "blog", Action: ledger.Scale, Host: host, Target: ledger.Target{Kind: lattice.Component, ID: key.ID}, From: 2}
	byAge := lattice.Can{Relative: true, StopAll: true, ByAge: true}
	for _, tc := range []struct {
		name   string
		can    lattice.Can
		edit   func(*ledger.Command)
		groups []lattice.Group
		want   bool
	}{
		{"the last of ours went, others run on", canOTP, nil, []lattice.Group{{Annotations: theirs, Count: 3}}, true},
		{"what nobody marked runs on", canOTP, nil, []lattice.Group{{Count: 1}}, true},
		{"some of ours stay", canOTP, func(c *ledger.Command) { c.To = 1 }, []lattice.Group{{Annotations: theirs, Count: 3}, {Annotations: ours, Count: 1}}, false},
		{"nobody else runs it", canOTP, nil, nil, false},
		{"by age, ours were the oldest", byAge, nil, []lattice.Group{{Annotations: theirs, Count: 3}}, false},
		{"by age, some of the others were older", byAge, func(c *ledger.Command) { c.Ahead = 2 }, []lattice.Group{{Annotations: theirs, Count: 3}}, false},
		{"by age, all of the others were older", byAge, func(c *ledger.Command) { c.Ahead = 3 }, []lattice.Group{{Annotations: theirs, Count: 3}}, true},
		{"a 1.x host has no such calls", lattice.Can{Update: true, Beat: true}, nil, []lattice.Group{{Annotations: theirs, Count: 3}}, false},
		{"a provider has none", canOTP, func(c *ledger.Command) { c.Target.Kind = lattice.Provider }, []lattice.Group{{Annotations: theirs, Count: 3}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := lattice.New()
			inv := lattice.Inventory{Host: host, Dialect: lattice.OTP, Can: tc.can, Version: "0.58.2", Asked: sec}
			if len(tc.groups) > 0 {
				inv.Resources = []lattice.Resource{{Key: key, Ref: "web:1", Groups: tc.groups}}
			}
			s.Apply(inv, sec)
			c := stop
			if tc.edit != nil {
				tc.edit(&c)
			}
			if got := Silences(&View{State: s, Ledger: ledger.New(ledger.Defaults())}, &c); got != tc.want {
				t.Errorf("silences: %t, want %t", got, tc.want)
			}
		})
	}
}
