package engine

import (
	"testing"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

func TestHostsThatComeAndGoAreTold(t *testing.T) {
	n := func(id string) map[string]string { return map[string]string{"name": id} }
	deployed := func(t *testing.T) *lab {
		l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
		compare(t, "those that were there already are no news", []any(nil), l.news(wadmapi.EventHostFound))
		return l
	}
	t.Run("one that comes", func(t *testing.T) {
		l := deployed(t)
		l.join("N3")
		l.step(l.beats()...)
		compare(t, "found", []any{wadmapi.HostEvent{Host: "N3", Labels: n("N3")}}, l.news(wadmapi.EventHostFound))
	})
	t.Run("one that stops, with what ran there", func(t *testing.T) {
		l := deployed(t)
		delete(l.hosts, "N2")
		l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: "N2"}}})
		compare(t, "lost", []any{wadmapi.HostEvent{Host: "N2", Labels: n("N2"), Reason: "stopped", Apps: []string{"shop"}}}, l.news(wadmapi.EventHostLost))
	})
	t.Run("one that is silent for too long", func(t *testing.T) {
		l := deployed(t)
		l.hosts["N2"].mute = true
		l.wait(120 * sec)
		compare(t, "lost", []any{wadmapi.HostEvent{Host: "N2", Labels: n("N2"), Reason: "silent", Apps: []string{"shop"}}}, l.news(wadmapi.EventHostLost))
	})
	t.Run("one that begins anew", func(t *testing.T) {
		l := deployed(t)
		clear(l.hosts["N2"].runs)
		l.step(Observed{Events: []lattice.Event{lattice.HostStarted{Host: "N2", Dialect: lattice.V1, Labels: n("N2"), Name: "two"}}})
		compare(t, "found", []any{wadmapi.HostEvent{Host: "N2", Name: "two", Labels: n("N2"), Reason: "restarted", Apps: []string{"shop"}}}, l.news(wadmapi.EventHostFound))
		compare(t, "lost", []any(nil), l.news(wadmapi.EventHostLost))
	})
	t.Run("one that stops twice is lost once", func(t *testing.T) {
		l := deployed(t)
		for range 2 {
			l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: "N2"}}})
		}
		if got := len(l.news(wadmapi.EventHostLost)); got != 1 {
			t.Errorf("told %d times", got)
		}
	})
}

func TestChangesOfAStatusAreTold(t *testing.T) {
	l := newLab(t, "N1").begin(wish(Deploy, webOf("v1", 1)))
	l.step(wish(Undeploy, webOf("v1", 1)))
	l.wait(10 * sec)
	compare(t, "changes", []any{
		wadmapi.StatusEvent{App: "shop", Version: "v1", To: "reconciling", Message: "Scaling component on 1 host(s)"},
		wadmapi.StatusEvent{App: "shop", Version: "v1", From: "reconciling", To: "deployed"},
		wadmapi.StatusEvent{App: "shop", Version: "v1", From: "deployed", To: "reconciling", Message: "Undeploying: 1 instance(s) still run", Undeploys: true},
		wadmapi.StatusEvent{App: "shop", Version: "v1", From: "reconciling", To: "reconciling", Message: "Undeploying: hosts are asked whether anything is left", Undeploys: true},
		wadmapi.StatusEvent{App: "shop", Version: "v1", From: "reconciling", To: "undeployed", Message: "Manifest has been undeployed", Undeploys: true},
	}, l.news(wadmapi.EventStatusChanged))
}

func TestAFailureTellsHowManyFailed(t *testing.T) {
	l := newLab(t, "N1")
	l.hosts["N1"].refuse = "disk full"
	l.begin(wish(Deploy, webOf("v1", 1)))
	var errs []int
	for _, n := range l.news(wadmapi.EventStatusChanged) {
		if s, ok := n.(wadmapi.StatusEvent); ok && s.To == wadmapi.StatusFailed {
			errs = append(errs, s.Errors)
		}
	}
	if len(errs) == 0 || errs[0] != 1 {
		t.Errorf("failures told: %v", errs)
	}
}

// What an owner that follows finds as it was is nothing new; what it brings about is.
func TestANewOwnerTellsNoOldNews(t *testing.T) {
	l := newLab(t, "N1", "N2").begin(wish(Deploy, webOf("v1", 2)))
	l.follow()
	compare(t, "changes", []any(nil), l.news(wadmapi.EventStatusChanged))
	compare(t, "hosts", []any(nil), l.news(wadmapi.EventHostFound))
	l.statusIs("deployed")
	delete(l.hosts, "N2")
	l.step(Observed{Events: []lattice.Event{lattice.HostStopped{Host: "N2"}}})
	if got := l.news(wadmapi.EventStatusChanged); len(got) != 2 {
		t.Errorf("told of the loss and its repair: %+v", got)
	}
}

func TestCommandsAreTold(t *testing.T) {
	l := newLab(t, "N1")
	l.hosts["N1"].refuse = "disk full"
	l.begin(wish(Deploy, webOf("v1", 1)))
	c := wadmapi.CommandEvent{App: "shop", Version: "v1", Component: "web", Action: "scale", Host: "N1", Target: "shop-web", To: 1, Reason: "too-few"}
	compare(t, "sent", []any{c}, l.news(wadmapi.EventCommandSent))
	c.Message = "disk full"
	compare(t, "failed", []any{c}, l.news(wadmapi.EventCommandFailed))
}
