package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/wasmbus"
)

// stage is a cluster on a bus with everything that is said written down as "seconds from what".
type stage struct {
	t    *testing.T
	c    *Cluster
	b    *Bus
	said []Msg
	at   []time.Duration
}

func newStage(t *testing.T, opts Options) *stage {
	s := &stage{t: t, c: NewCluster(opts), b: NewBus(BusOptions{Seed: opts.Seed})}
	s.b.Attach(s.c)
	s.b.Watch(func(at time.Duration, m Msg) {
		if !strings.HasPrefix(m.Subject, "wasmbus.ctl") {
			s.said, s.at = append(s.said, m), append(s.at, at)
		}
	})
	return s
}

// host adds a host and lets it come up.
func (s *stage) host(spec HostSpec) string {
	if spec.Switches == nil && (s.c.opts.Dialect == wasmbus.DialectOTP || spec.Dialect == wasmbus.DialectOTP) {
		sw := RealSwitches(wasmbus.DialectOTP, ParseVersion(orDefault(spec.Version, orDefault(s.c.opts.Version, "0.58.2"))))
		sw.LateSubscription = false
		spec.Switches = &sw
	}
	id := s.c.AddHost(spec)
	s.wait(100 * time.Millisecond)
	return id
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

func (s *stage) wait(d time.Duration) { s.b.RunUntil(s.b.Now() + d) }

// send publishes a request whose answer will be found under the label.
func (s *stage) send(label, subject, body string) {
	s.b.Publish(Msg{Subject: subject, Reply: "_INBOX." + label, Data: []byte(body)})
}

// heard is what was said since the last call: answers as "answer label text", events by name. Heartbeats are left out.
func (s *stage) heard() []string {
	var out []string
	for _, m := range s.said {
		if label, ok := strings.CutPrefix(m.Subject, "_INBOX."); ok {
			switch {
			case m.NoResponders():
				out = append(out, "answer "+label+" no responders")
			case strings.Contains(string(m.Data), `:false`) && !strings.Contains(string(m.Data), "limits"):
				out = append(out, "answer "+label+" no")
			default:
				out = append(out, "answer "+label)
			}
			continue
		}
		if name := s.eventName(m); name != "host_heartbeat" {
			out = append(out, name)
		}
	}
	s.said, s.at = nil, nil
	return out
}

func (s *stage) eventName(m Msg) string {
	s.t.Helper()
	decodeEvent := wasmbus.DecodeV1Event
	if subject, ok := wasmbus.ParseEventSubject(m.Subject); ok && subject.Dialect == wasmbus.DialectOTP {
		decodeEvent = wasmbus.DecodeOTPEvent
	}
	e, err := decodeEvent(m.Subject, m.Data)
	if err != nil {
		s.t.Fatalf("decoding %s: %v\n%s", m.Subject, err, m.Data)
	}
	return wasmbus.EventName(e.Data)
}

func (s *stage) want(what string, want ...string) {
	s.t.Helper()
	got := s.heard()
	if diff := gocmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
		s.t.Errorf("%s: want (-), heard (+)\n%s", what, diff)
	}
}

func scaleBody(id, ref string, count int, config ...string) string {
	list := "[]"
	if len(config) > 0 {
		list = `["` + strings.Join(config, `","`) + `"]`
	}
	return fmt.Sprintf(`{"component_ref":%q,"component_id":%q,"count":%d,"config":%s}`, ref, id, count, list)
}

func TestWhileAComponentIsBuiltAHostHoldsBackAcksInventoriesAndBeats(t *testing.T) {
	s := newStage(t, Options{Images: map[string]Image{"acme.io/big:1": {Start: 70 * time.Second, Pull: time.Millisecond}}})
	a := s.host(HostSpec{})
	s.heard()
	s.send("big", ctlV1.ComponentScale(a), scaleBody("big", "acme.io/big:1", 1))
	s.wait(time.Second)
	s.want("the first ack comes at once", "answer big")
	s.send("other", ctlV1.ComponentScale(a), scaleBody("other", "acme.io/small:1", 1))
	s.send("get", ctlV1.HostGet(a), "")
	s.send("ping", ctlV1.HostPing(), "")
	s.send("link", ctlV1.LinkGet(), "")
	s.send("config", ctlV1.ConfigPut("c"), `{"k":"v"}`)
	s.send("start", ctlV1.ProviderStart(a), `{"provider_ref":"acme.io/http:1","provider_id":"http"}`)
	s.wait(60 * time.Second)
	s.want("what does not need the table goes on", "answer ping", "answer link", "answer start", "config_set", "answer config", "provider_started",
		"health_check_passed", "health_check_status")
	s.wait(9*time.Second + 900*time.Millisecond)
	beats := 0
	for i, m := range s.said {
		if s.eventName2(m) == "host_heartbeat" {
			beats++
			if s.at[i] < 70*time.Second {
				t.Errorf("a heartbeat at %s, while the table was locked", s.at[i])
			}
		}
	}
	if beats != 2 {
		t.Errorf("%d heartbeats when the lock was given back, want the two that were due, back to back", beats)
	}
	s.want("everything held back comes after the build", "component_scaled", "component_scaled", "answer other", "answer get",
		"health_check_status", "component_scaled", "component_scaled")
	s.wait(20 * time.Second)
	if n := len(s.said); n != 1 || s.at[0] != 90*time.Second {
		t.Errorf("the next beat is on the old schedule: got %d messages, first at %v", n, s.at)
	}
}

// eventName2 is eventName for messages that may be answers.
func (s *stage) eventName2(m Msg) string {
	if strings.HasPrefix(m.Subject, "_INBOX.") {
		return ""
	}
	return s.eventName(m)
}

func TestAConfigIsFollowedLiveButALinkKeepsWhatItWasPutWith(t *testing.T) {
	s := newStage(t, Options{})
	a := s.host(HostSpec{})
	s.send("1", ctlV1.ConfigPut("c"), `{"k":"old"}`)
	s.wait(time.Second)
	link := `{"source_id":"http","target":"web","wit_namespace":"wasi","wit_package":"http","interfaces":["incoming-handler"],"source_config":["c"]}`
	s.send("2", ctlV1.ComponentScale(a), scaleBody("web", "acme.io/web:1", 1, "c"))
	s.send("3", ctlV1.LinkPut(), link)
	s.wait(5 * time.Second)
	s.send("4", ctlV1.ConfigPut("c"), `{"k":"new"}`)
	s.send("5", ctlV1.LinkPut(), link)
	s.wait(time.Second)
	values := func() (component, source string) {
		truth := s.c.Truth()
		return truth.Hosts[0].Components[0].Values["k"], truth.Links[0].SourceValues["k"]
	}
	if component, source := values(); component != "new" || source != "old" {
		t.Errorf("component works with %q, link with %q", component, source)
	}
	s.send("6", ctlV1.LinkDel(), `{"source_id":"http","wit_namespace":"wasi","wit_package":"http"}`)
	s.wait(time.Second)
	s.send("7", ctlV1.LinkPut(), link)
	s.wait(time.Second)
	if _, source := values(); source != "new" {
		t.Errorf("after del and put the link works with %q", source)
	}
	s.heard()
	s.send("8", ctlV1.ConfigDel("c"), "")
	s.wait(time.Second)
	s.send("9", ctlV1.ComponentScale(a), scaleBody("second", "acme.io/web:1", 1, "c"))
	s.wait(time.Second)
	s.want("a config that the process has seen is not missed", "config_deleted", "answer 8", "answer 9", "component_scaled", "component_scaled")
	s.send("10", ctlV1.ComponentScale(a), scaleBody("third", "acme.io/web:1", 1, "never"))
	s.wait(time.Second)
	s.want("one that it never saw is", "answer 10", "component_scale_failed")
}

func TestTwoLinkPutsOfOneSourceAtOnceLoseOne(t *testing.T) {
	for _, real := range []bool{true, false} {
		s := newStage(t, Options{})
		sw := RealSwitches(wasmbus.DialectV1, ParseVersion("1.9.2"))
		sw.LostLinkPut = real
		s.host(HostSpec{Switches: &sw})
		for i := range 2 {
			s.send(fmt.Sprint(i), ctlV1.LinkPut(), fmt.Sprintf(`{"source_id":"web","target":"kv","name":"l%d","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"]}`, i))
		}
		s.wait(time.Second)
		want := 2
		if real {
			want = 1
		}
		if n := len(s.c.Truth().Links); n != want {
			t.Errorf("lost update %v: %d links stored, want %d", real, n, want)
		}
	}
}

func TestLinkGetMayComeFromAHostThatHasNotHeardYet(t *testing.T) {
	timing := RealTiming()
	timing.KVMin, timing.KVMax = 2*time.Second, 2*time.Second
	s := newStage(t, Options{Timing: timing})
	s.host(HostSpec{})
	links := func() int {
		n := -1
		s.b.Request(Msg{Subject: ctlV1.LinkGet()}, time.Second, func(m Msg, ok bool) {
			list, err := wasmbus.DecodeV1Links(m.Data)
			if err != nil || !ok {
				t.Fatalf("asking for links: %v %v", ok, err)
			}
			n = len(list)
		})
		s.wait(50 * time.Millisecond)
		return n
	}
	s.send("put", ctlV1.LinkPut(), `{"source_id":"web","target":"kv","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"]}`)
	s.wait(100 * time.Millisecond)
	if n := links(); n != 0 {
		t.Errorf("%d links at once, want none", n)
	}
	s.wait(2 * time.Second)
	if n := links(); n != 1 {
		t.Errorf("%d links after the delay, want one", n)
	}
}

func TestAFailedUpdateIsSilent(t *testing.T) {
	s := newStage(t, Options{})
	a := s.host(HostSpec{})
	s.send("1", ctlV1.ComponentScale(a), scaleBody("web", "acme.io/web:1", 2))
	s.wait(3 * time.Second)
	s.heard()
	s.send("update", ctlV1.ComponentUpdate(a), `{"component_id":"web","new_component_ref":"acme.io/missing:2"}`)
	s.wait(10 * time.Second)
	s.want("only the ack", "answer update")
	if c := s.c.Truth().Hosts[0].Components[0]; c.Ref != "acme.io/web:1" || c.Count != 2 {
		t.Errorf("what runs: %+v", c)
	}
}

func TestStartsFailAsTold(t *testing.T) {
	images := map[string]Image{"acme.io/flaky:1": {Fail: Refused, FailTimes: 2}}
	s := newStage(t, Options{Images: images})
	a := s.host(HostSpec{Name: "host-a"})
	s.heard()
	try := func(id, ref string) string {
		s.send(id, ctlV1.ComponentScale(a), scaleBody(id, ref, 1))
		s.wait(5 * time.Second)
		heard := s.heard()
		return heard[len(heard)-1]
	}
	for i, want := range []string{"component_scale_failed", "component_scale_failed", "component_scaled"} {
		if got := try(fmt.Sprint("f", i), "acme.io/flaky:1"); got != want {
			t.Errorf("try %d of an image that fails twice: %s", i, got)
		}
	}
	must(s.c.FailStarts(a, 1))
	if got := try("g0", "acme.io/web:1"); got != "component_scale_failed" {
		t.Errorf("a start that was to fail: %s", got)
	}
	if got := try("g1", "acme.io/web:1"); got != "component_scaled" {
		t.Errorf("the start after it: %s", got)
	}
	must(s.c.RefuseStarts(a, "policy says no"))
	if got := try("h0", "acme.io/web:1"); got != "component_scale_failed" {
		t.Errorf("a refused start: %s", got)
	}
}

func TestACutOffHostRunsOnAndTellsLater(t *testing.T) {
	for _, silent := range []bool{false, true} {
		s := newStage(t, Options{})
		a := s.host(HostSpec{Name: "host-a"})
		s.send("1", ctlV1.ComponentScale(a), scaleBody("web", "acme.io/web:1", 2))
		s.wait(3 * time.Second)
		must(s.c.Cut("host-a", silent))
		s.said = nil
		s.send("get", ctlV1.HostGet(a), "")
		s.wait(2 * time.Minute)
		if want := map[bool][]string{false: {"answer get no responders"}, true: nil}[silent]; !slices.Equal(s.heard(), want) {
			t.Errorf("silent %v: not %v", silent, want)
		}
		if n := len(s.c.Truth().Hosts[0].Components); n != 1 || !s.c.Truth().Hosts[0].Cut {
			t.Errorf("the host does not run on")
		}
		must(s.c.Heal("host-a"))
		s.wait(0)
		if len(s.said) != 4 {
			t.Fatalf("%d heartbeats in the burst, want 4", len(s.said))
		}
		if !strings.Contains(string(s.said[0].Data), `"time":"2026-01-01T00:00:30`) {
			t.Errorf("the first of them does not bear its old time: %s", s.said[0].Data)
		}
	}
}

func TestMuteLosesAcksOrEvents(t *testing.T) {
	s := newStage(t, Options{})
	a := s.host(HostSpec{Name: "host-a"})
	s.heard()
	must(s.c.Mute(a, Mute{Acks: 1}))
	s.send("1", ctlV1.ComponentScale(a), scaleBody("web", "acme.io/web:1", 2))
	s.wait(3 * time.Second)
	s.want("no acks", "component_scaled", "component_scaled")
	must(s.c.Mute(a, Mute{Events: 1}))
	s.send("2", ctlV1.ComponentScale(a), scaleBody("web", "acme.io/web:1", 0))
	s.wait(3 * time.Second)
	s.want("no events", "answer 2")
}
