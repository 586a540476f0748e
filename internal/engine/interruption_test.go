package engine

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// A provider of another image: the old one ends before the new one starts.
func TestAnInterruptionIsToldBeforehandAndMeasured(t *testing.T) {
	provider := func(m *oam.Manifest) { m.Spec.Components[0].Type = oam.CapabilityKind }
	key := lattice.Key{Kind: lattice.Provider, ID: "shop-web"}
	begin := func(t *testing.T) *lab {
		l := newLab(t, "N1").begin(wish(Deploy, webOf("v1", 1, provider)))
		l.wait(sec)
		l.statusIs("deployed")
		l.hosts["N1"].slow = true
		l.sent, l.notices, l.told = nil, nil, nil
		l.step(wish(Deploy, webOf("v2", 1, provider, imageOf("web:2"))))
		l.expect("the old one is stopped", "scale N1 web:1 1→0 (image-changed)")
		return l
	}
	ends := func(l *lab) {
		delete(l.hosts["N1"].runs, key)
		l.step(Observed{Events: []lattice.Event{lattice.Stopped{Host: "N1", Key: key}}})
	}
	starts := func(l *lab, ref string) {
		r := asOurs(1)
		r.Key, r.Ref = key, ref
		l.hosts["N1"].runs[key] = r
		l.step(Observed{Events: []lattice.Event{lattice.Started{Host: "N1", Key: key, Ref: ref, Annotations: r.Groups[0].Annotations}}})
	}
	t.Run("it is said before the stop, and how long it was when the new one runs", func(t *testing.T) {
		l := begin(t)
		compare(t, "told first", "shop reconciling Scaling provider on 1 host(s) web:1 stops on N1 (1) before web:2 starts there, for a host runs a provider once; an interruption of about 100ms is expected", l.told[0])
		if l.notices[0].Name != wadmapi.EventInterruptionExpected {
			t.Errorf("the first notice is %+v", l.notices[0])
		}
		l.wait(2 * sec)
		ends(l)
		l.expect("the new one may start", "scale N1 web:2 0→1 (too-few)")
		l.wait(1200 * time.Millisecond)
		starts(l, "web:2")
		l.statusIs("deployed interrupted: web for 1.2s on N1")
		ended := l.news(wadmapi.EventInterruptionEnded)
		if len(ended) != 1 {
			t.Fatalf("told %+v", ended)
		}
		n := ended[0].(wadmapi.InterruptionEvent)
		if n.Seconds < 1.19 || n.Seconds > 1.21 || n.Host != "N1" || n.From != "web:1" || n.To != "web:2" || n.Instances != 1 || n.Component != "web" || n.Version != "v2" {
			t.Errorf("told %+v", n)
		}
	})
	t.Run("what comes next is expected to take as long, and the next deploy forgets what was measured", func(t *testing.T) {
		l := begin(t)
		ends(l)
		l.wait(1200 * time.Millisecond)
		starts(l, "web:2")
		l.told = nil
		l.step(wish(Deploy, webOf("v3", 1, provider, imageOf("web:3"))))
		compare(t, "told", "shop reconciling Scaling provider on 1 host(s) web:2 stops on N1 (1) before web:3 starts there, for a host runs a provider once; an interruption of about 1.2s is expected", l.told[0])
		ends(l)
		starts(l, "web:3")
		l.statusIs("deployed interrupted: web for 0s on N1")
		l.hosts["N1"].slow = false
		ends(l)
		l.statusIs("deployed")
	})
	t.Run("a host that goes has no interruption", func(t *testing.T) {
		l := begin(t)
		ends(l)
		l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: "N1"}}})
		l.hosts["N1"].runs = map[lattice.Key]lattice.Resource{}
		l.wait(10 * sec)
		l.step(l.beats()...)
		starts(l, "web:2")
		if ended := l.news(wadmapi.EventInterruptionEnded); len(ended) != 0 {
			t.Errorf("told %+v", ended)
		}
	})
	t.Run("a stop that fails interrupts nothing", func(t *testing.T) {
		l := begin(t)
		for _, en := range l.e.ledger.OpenOn("N1") {
			l.step(Answered{ID: en.ID, Outcome: ledger.Refused, Message: "no"})
		}
		l.wait(5 * sec)
		if ended := l.news(wadmapi.EventInterruptionEnded); len(ended) != 0 {
			t.Errorf("told %+v", ended)
		}
		if n := len(l.news(wadmapi.EventInterruptionExpected)); n != 1 {
			t.Errorf("said %d times beforehand", n)
		}
	})
}
