package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

func lp(link string) string {
	return `{"provider_ref":"acme.io/http:1","link_name":"` + link + `"}`
}

func la(ref string, count int, app string) string {
	return fmt.Sprintf(`{"actor_ref":%q,"count":%d,"annotations":{"wasmcloud.dev/appspec":%q}}`, ref, count, app)
}

func (s *stage) actorKey(ref string) string {
	return s.c.Registry.find(ref, KindComponent).Key
}

func TestStoppingAProviderOnOneHostStopsItOnAll(t *testing.T) {
	s := newStage(t, otp)
	a, b := s.host(HostSpec{}), s.host(HostSpec{})
	s.send("1", ctlOTP.LaunchProvider(a), lp("default"))
	s.send("2", ctlOTP.LaunchProvider(b), lp("default"))
	s.send("3", ctlOTP.LaunchProvider(b), lp("other"))
	s.wait(20 * time.Second)
	s.heard()
	key := s.c.Registry.find("acme.io/http:1", KindProvider).Key
	began := s.b.Now()
	s.send("sp", ctlOTP.StopProvider(a), `{"provider_ref":"`+key+`","link_name":"default"}`)
	s.wait(time.Second)
	if d := s.at[len(s.at)-1] - began; d < 300*time.Millisecond || d > 310*time.Millisecond {
		t.Errorf("the ack came after %s, want the shutdown delay", d)
	}
	s.want("both hosts report it", "provider_stopped", "provider_stopped", "answer sp")
	if left := s.c.Truth().Hosts; len(left[0].Providers)+len(left[1].Providers) != 1 {
		t.Errorf("what is left: %s", s.c)
	}
}

func TestASecondReferenceOfARunningKeyIsRefused(t *testing.T) {
	for _, opts := range []Options{otp, otp63} {
		s := newStage(t, opts)
		a := s.host(HostSpec{})
		s.heard()
		s.send("1", ctlOTP.LaunchActor(a), la("acme.io/echo:1", 1, "x"))
		s.wait(4 * time.Second)
		s.heard()
		s.send("2", ctlOTP.LaunchActor(a), la("acme.io/echo:2", 1, "x"))
		s.wait(2 * time.Second)
		last := s.said[len(s.said)-1]
		subject := "actor_start_failed"
		if s.eventName(last) != subject {
			t.Fatalf("want %s, got %s", subject, s.eventName(last))
		}
		e, err := wasmbus.DecodeOTPEvent(last.Subject, last.Data)
		if err != nil {
			t.Fatal(err)
		}
		key, ok := wasmbus.OTPSameKeyRefusal(e.Data.(wasmbus.OTPActorStartFailed).Error)
		if !ok || key != s.actorKey("acme.io/echo:1") {
			t.Errorf("the refusal does not name the key: %q, %v", key, ok)
		}
		s.heard()
		s.send("3", ctlOTP.StopActor(a), `{"actor_ref":"`+key+`","count":1}`)
		s.wait(time.Second)
		s.send("4", ctlOTP.LaunchActor(a), la("acme.io/echo:2", 1, "x"))
		s.wait(2 * time.Second)
		if c := s.c.Truth().Hosts[0].Components; len(c) != 1 || c[0].Ref != "acme.io/echo:2" {
			t.Errorf("after the last old instance is gone: %s", s.c)
		}
	}
}

func TestStoppingPicksTheOldestAndFiltersByVersion(t *testing.T) {
	for _, test := range []struct {
		name string
		opts Options
		left map[string]int // by application
	}{
		{"to 0.62 the annotations choose before the count", otp, map[string]int{"old": 2, "new": 0}},
		{"from 0.63 the count cuts before the annotations choose, so nothing may end", otp63, map[string]int{"old": 2, "new": 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, test.opts)
			a := s.host(HostSpec{})
			s.send("1", ctlOTP.LaunchActor(a), la("acme.io/echo:1", 2, "old"))
			s.wait(4 * time.Second)
			s.send("2", ctlOTP.LaunchActor(a), la("acme.io/echo:1", 2, "new"))
			s.wait(4 * time.Second)
			s.send("3", ctlOTP.StopActor(a), `{"actor_ref":"`+s.actorKey("acme.io/echo:1")+`","count":2,"annotations":{"wasmcloud.dev/appspec":"new"}}`)
			s.wait(time.Second)
			left := map[string]int{"old": 0, "new": 0}
			for _, c := range s.c.Truth().Hosts[0].Components {
				left[c.Annotations["wasmcloud.dev/appspec"]] += c.Count
			}
			for app, n := range test.left {
				if left[app] != n {
					t.Errorf("%d instances of %q are left, want %d", left[app], app, n)
				}
			}
		})
	}
}

func TestTwoLaunchesOfOneProviderAtOnce(t *testing.T) {
	for _, test := range []struct {
		opts    Options
		started int
	}{{otp, 2}, {otp63, 1}} {
		s := newStage(t, test.opts)
		a := s.host(HostSpec{})
		s.heard()
		s.send("1", ctlOTP.LaunchProvider(a), lp("default"))
		s.send("2", ctlOTP.LaunchProvider(a), lp("default"))
		s.wait(4500 * time.Millisecond)
		heard := s.heard()
		started := slices.DeleteFunc(heard, func(n string) bool { return n != "provider_started" })
		if len(started) != test.started {
			t.Errorf("%s: %d processes, want %d", test.opts.Version, len(started), test.started)
		}
		if inv := s.c.byID(a).inventoryOTP(); len(inv.Providers) != 1 {
			t.Errorf("%s: the inventory lists %d, want one", test.opts.Version, len(inv.Providers))
		}
		if n := len(s.c.Truth().Hosts[0].Providers); n != test.started {
			t.Errorf("%s: %d run in truth", test.opts.Version, n)
		}
	}
}

func TestLinkEventsMultiplyFrom060(t *testing.T) {
	body := `{"actor_id":"MA","provider_id":"VP","contract_id":"c","link_name":"default"}`
	for _, test := range []struct {
		opts     Options
		set, del int
	}{{otp, 1, 1}, {otp63, 4, 3}} {
		s := newStage(t, test.opts)
		for range 3 {
			s.host(HostSpec{})
		}
		s.heard()
		count := func(name string) int {
			return len(slices.DeleteFunc(s.heard(), func(n string) bool { return n != name }))
		}
		s.send("put", ctlOTP.LinkdefPut(), body)
		s.wait(time.Second)
		if n := count("linkdef_set"); n != test.set {
			t.Errorf("%s: %d linkdef_set, want %d", test.opts.Version, n, test.set)
		}
		s.host(HostSpec{})
		s.wait(time.Second)
		if n := count("linkdef_set"); n != test.set/4 {
			t.Errorf("%s: a host that joins announces %d links", test.opts.Version, n)
		}
		s.send("del", ctlOTP.LinkdefDel(), body)
		s.wait(time.Second)
		if n := count("linkdef_deleted"); test.del > 1 && n != test.del+1 || test.del == 1 && n != 1 {
			t.Errorf("%s: %d linkdef_deleted with four hosts", test.opts.Version, n)
		}
	}
}

func TestACrashedInstanceComesBackUnderAnotherIdAndAStormTakesAll(t *testing.T) {
	s := newStage(t, otp63)
	a := s.host(HostSpec{})
	s.send("1", ctlOTP.LaunchActor(a), la("acme.io/echo:1", 2, "x"))
	s.send("2", ctlOTP.LaunchActor(a), la("acme.io/bystander:1", 1, "y"))
	s.wait(5 * time.Second)
	s.heard()
	key := s.actorKey("acme.io/echo:1")
	before := s.c.Truth().Hosts[0].Components[0].Instances
	must(s.c.CrashActor(a, key))
	s.wait(time.Second)
	s.want("no stop is told", "refmap_set", "actor_started")
	after := s.c.Truth().Hosts[0].Components
	i := slices.IndexFunc(after, func(c ComponentTruth) bool { return c.ID == key })
	if after[i].Count != 2 || slices.Contains(after[i].Instances, before[0]) || after[i].Annotations["wasmcloud.dev/appspec"] != "x" {
		t.Errorf("after the crash: %s", s.c)
	}
	for range 3 {
		must(s.c.CrashActor(a, key))
		s.wait(time.Second)
	}
	s.want("the fourth takes everything, in silence", "refmap_set", "actor_started", "refmap_set", "actor_started")
	if n := len(s.c.Truth().Hosts[0].Components); n != 0 {
		t.Errorf("%d components are left", n)
	}
}

func TestUpdKeepsTheOldReferenceForEver(t *testing.T) {
	s := newStage(t, otp)
	a := s.host(HostSpec{})
	s.send("1", ctlOTP.LaunchActor(a), la("acme.io/echo:1", 2, "x"))
	s.wait(4 * time.Second)
	s.heard()
	s.send("2", ctlOTP.Update(a), `{"new_actor_ref":"acme.io/echo:2"}`)
	s.wait(4 * time.Second)
	s.want("upd answers when it is done", "refmap_set", "actor_updated", "actor_updated", "answer 2")
	inv := s.c.byID(a).inventoryOTP()
	if inv.Actors[0].ImageRef != "acme.io/echo:1" || inv.Actors[0].Instances[0].Revision != 2 {
		t.Errorf("the inventory says %+v", inv.Actors)
	}
	if c := s.c.Truth().Hosts[0].Components; len(c) != 1 || c[0].Ref != "acme.io/echo:2" || c[0].Reported != "acme.io/echo:1" {
		t.Errorf("the truth is %s", s.c)
	}
	s.send("3", ctlOTP.LaunchActor(a), la("acme.io/echo:2", 1, "x"))
	s.wait(4 * time.Second)
	s.want("the new reference is refused", "answer 3", "actor_start_failed")
}

func TestABlindPingSwallowsAcknowledgedStarts(t *testing.T) {
	kept, lost := 0, 0
	for seed := range uint64(40) {
		opts := otp63
		opts.Seed = seed
		s := newStage(t, opts)
		a := s.host(HostSpec{})
		s.send("1", ctlOTP.LaunchActor(a), la("acme.io/echo:1", 3, "x"))
		s.wait(40 * time.Millisecond)
		s.b.Publish(Msg{Subject: ctlOTP.PingHosts()})
		s.wait(10 * time.Second)
		if len(s.c.Truth().Hosts[0].Components) == 0 {
			lost++
		} else {
			kept++
		}
	}
	if kept == 0 || lost == 0 {
		t.Errorf("of 40 acknowledged starts %d were done and %d swallowed; want some of both", kept, lost)
	}
}

func TestHostsOfBothDialectsInOneLatticeDoNotHearEachOther(t *testing.T) {
	s := newStage(t, Options{})
	s.host(HostSpec{})
	s.host(HostSpec{Dialect: wasmbus.DialectOTP})
	s.heard()
	s.send("v1", ctlV1.HostPing(), "")
	s.send("otp", ctlOTP.PingHosts(), "")
	s.wait(time.Second)
	s.want("one answer each", "answer v1", "answer otp")
}

// TestAStopTakesTheCallsOfOthers is what the recordings of sa beside another owner's instances say in remarks: whether calls were answered after it.
func TestAStopTakesTheCallsOfOthers(t *testing.T) {
	for _, test := range []struct {
		name        string
		opts        Options
		older, stop string
		deaf        bool
	}{
		{"to 0.62, whoever is older", otp, "one", "one", true},
		{"to 0.62, whoever is older (2)", otp, "two", "one", true},
		{"from 0.63 not where the stopped one is the oldest", otp63, "one", "one", false},
		{"from 0.63 not where nothing was stopped", otp63, "two", "one", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, test.opts)
			a := s.host(HostSpec{})
			younger := map[string]string{"one": "two", "two": "one"}[test.older]
			for _, app := range []string{test.older, younger} {
				s.send("la "+app, ctlOTP.LaunchActor(a), la("acme.io/echo:1", 1, app))
				s.wait(4 * time.Second)
			}
			deaf := func() (is bool) {
				for _, c := range s.c.Truth().Hosts[0].Components {
					is = is || c.Deaf
				}
				return is
			}
			if deaf() {
				t.Fatalf("no call reaches what has just started: %s", s.c)
			}
			s.send("sa", ctlOTP.StopActor(a), `{"actor_ref":"`+s.actorKey("acme.io/echo:1")+`","count":1,"annotations":{"wasmcloud.dev/appspec":"`+test.stop+`"}}`)
			s.wait(time.Second)
			if deaf() != test.deaf {
				t.Errorf("after the stop: %s", s.c)
			}
			s.send("again", ctlOTP.LaunchActor(a), la("acme.io/echo:1", 1, "two"))
			s.wait(4 * time.Second)
			if deaf() {
				t.Errorf("a start does not bring the calls back: %s", s.c)
			}
		})
	}
}
