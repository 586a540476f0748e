package lattice

import (
	"testing"
	"time"
)

func TestWhenAFallenUptimeIsANewLife(t *testing.T) {
	const at = 10 * time.Minute
	for _, tc := range []struct {
		name   string
		after  time.Duration // since the host said that it was up for 600 s
		uptime uint64
		anew   bool
	}{
		{"it may have begun in the meantime", 30 * time.Second, 20, true},
		{"it has been killed and is back at once", 2 * time.Second, 1, true},
		{"a heartbeat that waited somewhere tells of before", time.Second, 597, false},
		{"one second less is how two counts differ", time.Second, 599, false},
		{"it has been away for hours", 3 * time.Hour, 3600, false}, // 600 s is less
		{"it has been away for hours and began lately", 3 * time.Hour, 60, true},
		{"no host is up for so long", time.Hour, 1 << 62, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := New()
			s.Apply(HostSeen{Host: "N1", Dialect: V1, Uptime: 600, Beat: true}, at)
			s.Apply(Scaled{Host: "N1", Key: Key{ID: "web"}, Ref: "web:1", Count: 2}, at+1)
			eff := s.Apply(HostSeen{Host: "N1", Dialect: V1, Uptime: tc.uptime, Beat: true}, at+tc.after)
			if eff.Restarted != tc.anew || (s.Host("N1").Item(Key{ID: "web"}) == nil) != tc.anew {
				t.Errorf("began anew: %v, want %v", eff.Restarted, tc.anew)
			}
		})
	}
}
