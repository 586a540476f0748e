package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wadm-go/wadm/wasmbus"
)

// act is one thing that befalls a lattice in a random run.
type act struct {
	At   time.Duration
	Verb string
	Host int
	What int
	N    int
}

func drawActs(t *rapid.T) []act {
	verbs := []string{"scale", "update", "start", "stop", "link", "unlink", "config", "kill", "return", "replace", "slow", "cut", "heal", "mute", "crash",
		"host.stop", "junk", "ping"}
	var acts []act
	at := time.Duration(0)
	for range rapid.IntRange(1, 40).Draw(t, "acts") {
		at += time.Duration(rapid.IntRange(0, 4000).Draw(t, "pause")) * time.Millisecond
		acts = append(acts, act{At: at, Verb: rapid.SampledFrom(verbs).Draw(t, "verb"), Host: rapid.IntRange(0, 2).Draw(t, "host"),
			What: rapid.IntRange(0, 2).Draw(t, "what"), N: rapid.IntRange(0, 5).Draw(t, "n")})
	}
	return acts
}

// run plays acts to a lattice of three hosts and returns everything that was said, and the truth at the end.
func run(opts Options, net BusOptions, acts []act) (*Cluster, []byte) {
	return runChecked(opts, net, acts, nil, nil)
}

func runChecked(opts Options, net BusOptions, acts []act, check func(*host, any), observe func(Msg)) (*Cluster, []byte) {
	opts.Timing = FastTiming()
	c := NewCluster(opts)
	c.onEvent = check
	b := NewBus(net)
	b.Attach(c)
	var said bytes.Buffer
	b.Watch(func(at time.Duration, m Msg) {
		fmt.Fprintln(&said, at, m.From, m.Subject, m.Reply, m.Header, string(m.Data))
		if observe != nil {
			observe(m)
		}
	})
	var ids []string
	for i := range 3 {
		ids = append(ids, c.AddHost(HostSpec{Name: fmt.Sprintf("host-%d", i), Labels: map[string]string{"zone": fmt.Sprint(i % 2)}}))
	}
	for _, a := range acts {
		b.At(a.At, func() { perform(b, c, ids, a, opts.Dialect == wasmbus.DialectOTP) })
	}
	b.RunUntil(3 * time.Minute)
	fmt.Fprintln(&said, c)
	return c, said.Bytes()
}

func perform(b *Bus, c *Cluster, ids []string, a act, isOTP bool) {
	host, name := ids[a.Host], fmt.Sprintf("host-%d", a.Host)
	ref := []string{"acme.io/web:1", "acme.io/web:2", "acme.io/missing:1"}[a.What]
	ask := func(subject string, body any) {
		data, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		b.Publish(Msg{Subject: subject, Reply: "_INBOX.x", Data: data})
	}
	key := c.Registry.find("acme.io/web:1", KindComponent).Key
	vkey := c.Registry.find("acme.io/web:1", KindProvider).Key
	switch a.Verb {
	case "scale":
		ask(ctlV1.ComponentScale(host), wasmbus.V1Scale{ComponentID: fmt.Sprint("c", a.What), ComponentRef: ref, Count: uint32(a.N), HostID: host})
		ask(ctlOTP.LaunchActor(host), map[string]any{"actor_ref": ref, "count": a.N})
	case "update":
		ask(ctlV1.ComponentUpdate(host), wasmbus.V1Update{ComponentID: "c0", NewComponentRef: ref, HostID: host})
		ask(ctlOTP.StopActor(host), map[string]any{"actor_ref": key, "count": a.N})
	case "start":
		ask(ctlV1.ProviderStart(host), wasmbus.V1StartProvider{ProviderID: "p", ProviderRef: ref, HostID: host})
		ask(ctlOTP.LaunchProvider(host), map[string]any{"provider_ref": ref, "link_name": "default"})
	case "stop":
		ask(ctlV1.ProviderStop(host), wasmbus.V1StopProvider{ProviderID: "p", HostID: host})
		ask(ctlOTP.StopProvider(host), map[string]any{"provider_ref": vkey, "link_name": "default"})
	case "link":
		ask(ctlV1.LinkPut(), wasmbus.V1Link{SourceID: "c0", Target: fmt.Sprint("p", a.What), Name: "default", WITNamespace: "wasi", WITPackage: "http",
			Interfaces: []string{fmt.Sprint("i", a.N)}})
		ask(ctlOTP.LinkdefPut(), wasmbus.OTPLinkdef{ActorID: key, ProviderID: vkey, ContractID: "c", LinkName: fmt.Sprint("l", a.What)})
	case "unlink":
		ask(ctlV1.LinkDel(), wasmbus.V1DeleteLink{SourceID: "c0", Name: "default", WITNamespace: "wasi", WITPackage: "http"})
		ask(ctlOTP.LinkdefDel(), wasmbus.OTPDeleteLinkdef{ActorID: key, ContractID: "c", LinkName: fmt.Sprint("l", a.What)})
	case "config":
		ask(ctlV1.ConfigPut(fmt.Sprint("cfg", a.What)), map[string]string{"n": fmt.Sprint(a.N)})
	case "junk":
		b.Publish(Msg{Subject: ctlV1.ComponentScale(host), Reply: "_INBOX.x", Data: []byte(`{"component_id":[`)})
		b.Publish(Msg{Subject: ctlOTP.LaunchActor(host), Data: []byte(`[1,2`)})
	case "ping":
		ask(ctlV1.HostPing(), nil)
		b.Publish(Msg{Subject: ctlOTP.PingHosts(), Reply: []string{"", "_INBOX.x"}[a.N%2]})
	case "host.stop":
		ask(ctlV1.HostStop(host), wasmbus.V1StopHost{})
		ask(ctlOTP.StopHost(host), wasmbus.OTPStopHost{})
	default:
		befall(c, name, key, a)
	}
}

// befall is a fault. That one does not apply (a dead host cannot be killed) is fine here.
func befall(c *Cluster, name, key string, a act) {
	switch a.Verb {
	case "kill":
		_ = c.Kill(name)
	case "return":
		_ = c.Return(name)
	case "replace":
		_, _ = c.Replace(name)
	case "slow":
		_ = c.Slow(name, float64(a.N)+0.5)
	case "cut":
		_ = c.Cut(name, a.N%2 == 0)
	case "heal":
		_ = c.Heal(name)
	case "mute":
		_ = c.Mute(name, Mute{Acks: float64(a.N) / 10, Events: float64(a.N) / 10})
	case "crash":
		_ = c.CrashActor(name, key)
	}
}

func dialects() []Options {
	return []Options{{}, {Dialect: wasmbus.DialectOTP, Version: "0.57.1"}, {Dialect: wasmbus.DialectOTP}, {Dialect: wasmbus.DialectOTP, Version: "0.63.2"}}
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := rapid.SampledFrom(dialects()).Draw(t, "hosts")
		opts.Seed = rapid.Uint64().Draw(t, "seed")
		net := BusOptions{Seed: opts.Seed, Delay: time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.05, Duplicate: 0.05}
		acts := drawActs(t)
		_, first := run(opts, net, acts)
		_, second := run(opts, net, acts)
		if !bytes.Equal(first, second) {
			t.Fatalf("two runs of one seed differ:\n%s", gocmp.Diff(string(first), string(second)))
		}
	})
}

func TestEveryEventDecodesAndAHeartbeatIsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := rapid.SampledFrom(dialects()).Draw(t, "hosts")
		opts.Seed = rapid.Uint64().Draw(t, "seed")
		beats := 0
		check := func(h *host, data any) {
			shown := shownBy(data)
			if shown == nil {
				return
			}
			beats++
			runs := map[string]int{}
			for _, e := range h.truth().Components {
				runs[e.ID] += e.Count
			}
			if diff := gocmp.Diff(runs, shown); diff != "" {
				t.Fatalf("at %s the heartbeat of %s is not the truth (-):\n%s", h.c.now, h.name, diff)
			}
		}
		runChecked(opts, BusOptions{Seed: opts.Seed}, drawActs(t), check, func(m Msg) {
			subject, ok := wasmbus.ParseEventSubject(m.Subject)
			if !ok {
				return
			}
			decodeEvent := wasmbus.DecodeV1Event
			if subject.Dialect == wasmbus.DialectOTP {
				decodeEvent = wasmbus.DecodeOTPEvent
			}
			if _, err := decodeEvent(m.Subject, m.Data); err != nil {
				t.Fatalf("decoding what a host said: %v\n%s", err, m.Data)
			}
		})
		if beats == 0 {
			t.Log("all hosts were dead all the time")
		}
	})
}

// shownBy is how many instances of each id a heartbeat tells of, nil if it is none.
func shownBy(data any) map[string]int {
	shown := map[string]int{}
	switch beat := data.(type) {
	case wasmbus.V1HostHeartbeat:
		for _, e := range beat.Components {
			shown[e.ID] += int(e.MaxInstances)
		}
	case wasmbus.OTPHeartbeat:
		for _, i := range beat.Instances {
			shown[i.PublicKey]++
		}
		for k, n := range beat.Counts {
			shown[k] += n
		}
	default:
		return nil
	}
	return shown
}

func TestAStartIsEitherDoneOrToldOrStillInProgress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := rapid.SampledFrom(dialects()).Draw(t, "hosts")
		opts.Seed = rapid.Uint64().Draw(t, "seed")
		c, _ := run(opts, BusOptions{Seed: opts.Seed}, drawActs(t))
		// Three minutes are more than any start takes here, on hosts slowed five times and behind each other's locks.
		for _, h := range c.Truth().Hosts {
			for _, s := range h.Starting {
				if c.Now()-s.Since > time.Minute {
					t.Fatalf("%s of %s on %s began at %s and never ended", s.Verb, s.Ref, h.Name, s.Since)
				}
			}
		}
		if !slices.IsSortedFunc(c.Journal(), func(a, b Command) int { return int(a.At - b.At) }) {
			t.Fatal("the journal is not in order")
		}
	})
}
