package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

const hello = `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: hello, annotations: {version: 01JDB3XYZ0123456789ABCDEFG}}
spec:
  components:
    - name: http-server
      type: capability
      properties: {image: "wasmcloud+builtin://http-server"}
      traits:
        - type: link
          properties:
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            target: hello
            source: {config: [{name: hello-addr, properties: {address: "127.0.0.1:8000"}}]}
    - name: hello
      type: component
      properties: {image: "registry.example/hello:1"}
      traits: [{type: spreadscaler, properties: {instances: 6}}]
`

func parse(t *testing.T, src string) *oam.Manifest {
	t.Helper()
	doc, ds := oam.Check([]byte(src), oam.FormatYAML)
	if ds.HasErrors() {
		t.Fatalf("the manifest of the test is wrong: %v", ds)
	}
	return doc.Manifest
}

func hostWith(host string, list ...wadmapi.Running) wadmapi.Host {
	return wadmapi.Host{ID: "N" + strings.ToUpper(host), Name: host, Labels: map[string]string{"zone": host[len(host)-1:]}, State: "alive", Runs: list}
}

func component(ref string, n int) wadmapi.Running {
	return wadmapi.Running{Kind: "component", ID: "hello-hello", Reference: ref, Count: n, App: "hello", Component: "hello"}
}

func server() wadmapi.Running {
	return wadmapi.Running{Kind: "provider", ID: "hello-http_server", Reference: "http-server", Count: 1, App: "hello"}
}

func told(t wadmapi.StatusType, scalers map[string]wadmapi.StatusInfo) wadmapi.Status {
	s := wadmapi.NewStatus(t, "")
	for _, name := range []string{"hello-http_server -(wasi:http)-> hello-hello", "hello-http_server", "hello-hello"} {
		st, ok := scalers[name]
		if !ok {
			st = wadmapi.StatusInfo{Type: wadmapi.StatusDeployed}
		}
		s.Scalers = append(s.Scalers, wadmapi.ScalerStatus{Name: name, Status: st})
	}
	return s
}

// letGo are the hosts after what runs there was released.
func letGo(hosts []wadmapi.Host) []wadmapi.Host {
	out := slices.Clone(hosts)
	for i := range out {
		out[i].Runs = slices.Clone(out[i].Runs)
		for j := range out[i].Runs {
			out[i].Runs[j].Released = true
		}
	}
	return out
}

func TestTreeShowsAnApplication(t *testing.T) {
	m := parse(t, hello)
	const ref = "registry.example/hello:1"
	all := []wadmapi.Host{hostWith("host-a", server(), component(ref, 2)), hostWith("host-c", component(ref, 2)), hostWith("host-b", component(ref, 2))}
	for _, tt := range []struct {
		name   string
		status wadmapi.Status
		hosts  []wadmapi.Host
		took   map[int]time.Duration
		want   string
	}{
		{"deployed, with the time that a provider took", told(wadmapi.StatusDeployed, nil), all, map[int]time.Duration{0: 41 * time.Millisecond, 1: time.Second}, `
  ├─ http-server   provider    1/1  host-a                        started in 41 ms
  ├─ hello         component   6/6  host-a 2 · host-b 2 · host-c 2
  ├─ http-server → hello       wasi:http/incoming-handler         linked
  └─ config hello-addr                                            set`},
		{"not yet, and why", told(wadmapi.StatusFailed, map[string]wadmapi.StatusInfo{
			"hello-hello": {Type: wadmapi.StatusFailed, Message: "no room on NHOST-A"},
			"hello-http_server -(wasi:http)-> hello-hello": {Type: wadmapi.StatusReconciling},
		}), []wadmapi.Host{hostWith("host-a", component(ref, 1), component("registry.example/hello:0", 3))}, nil, `
  ├─ http-server   provider    0/1
  ├─ hello         component   1/6  host-a 1               3 of another image, no room on host-a
  ├─ http-server → hello       wasi:http/incoming-handler  not linked
  └─ config hello-addr                                     not confirmed`},
		{"let go", wadmapi.NewStatus(wadmapi.StatusUndeployed, "undeployed; 6 instances were left running"), letGo(all), nil, `
  ├─ http-server   provider    1/1  host-a
  ├─ hello         component   6/6  host-a 2 · host-b 2 · host-c 2
  ├─ http-server → hello       wasi:http/incoming-handler         left in place
  └─ config hello-addr                                            left in place`},
		{"a server that does not tell of hosts", told(wadmapi.StatusDeployed, nil), nil, nil, `
  ├─ http-server   provider    1/1
  ├─ hello         component   6/6
  ├─ http-server → hello       wasi:http/incoming-handler  linked
  └─ config hello-addr                                     set`},
		{"a server that does not tell of hosts, and is at work", told(wadmapi.StatusReconciling, map[string]wadmapi.StatusInfo{
			"hello-hello": {Type: wadmapi.StatusReconciling, Message: "Scaling component on 2 host(s)"},
		}), nil, nil, `
  ├─ http-server   provider    1/1
  ├─ hello         component   ?/6                         Scaling component on 2 host(s)
  ├─ http-server → hello       wasi:http/incoming-handler  linked
  └─ config hello-addr                                     not confirmed`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := look(m, tt.status, tt.hosts)
			var b strings.Builder
			Tree(&b, &v, tt.took)
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n")+"\n", b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOTPInstancesAreFoundByTheirComponentOrImage(t *testing.T) {
	m := parse(t, `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: clinic, annotations: {version: v1}}
spec:
  components:
    - name: ui
      type: actor
      properties: {image: "registry.example/ui:1"}
      traits:
        - {type: spreadscaler, properties: {replicas: 2}}
        - {type: linkdef, properties: {target: db, values: {uri: x}}}
    - name: db
      type: capability
      properties: {image: "registry.example/db:1", contract: "wasmcloud:sqldb", link_name: fast}
`)
	host := hostWith("host-a",
		wadmapi.Running{Kind: "component", ID: "MABC", Reference: "registry.example/ui:1", Count: 1, App: "clinic", Component: "ui"},
		wadmapi.Running{Kind: "component", ID: "MABC", Reference: "registry.example/ui:1", Count: 1, App: "clinic"},
		wadmapi.Running{Kind: "component", ID: "MABC", Reference: "registry.example/ui:1", Count: 5, App: "other"})
	v := look(m, wadmapi.Status{}, []wadmapi.Host{host})
	want := []Part{
		{Kind: "component", Name: "ui", About: "registry.example/ui:1", Want: 2, Have: 2, Where: []Placed{{"host-a", 2}}},
		{Kind: "provider", Name: "db", About: "registry.example/db:1"}, // without a scaler nothing starts it
		{Kind: "link", Name: "ui → db (fast)", About: "wasmcloud:sqldb", Want: 1},
	}
	if diff := cmp.Diff(want, v.Parts); diff != "" {
		t.Error(diff)
	}
}

// An OTP host goes on reporting the reference from before an update in place, so what it was updated to counts.
func TestUpdatedInstancesAreThoseOfTheirNewImage(t *testing.T) {
	m := parse(t, `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: clinic, annotations: {version: v2}}
spec:
  components:
    - name: ui
      type: actor
      properties: {image: "registry.example/ui:2"}
      traits:
        - {type: spreadscaler, properties: {replicas: 3}}
`)
	run := wadmapi.Running{Kind: "component", ID: "MABC", Reference: "registry.example/ui:1", Count: 1, App: "clinic", Component: "ui"}
	updated, beyond := run, run
	updated.Updated, updated.Count = "registry.example/ui:2", 2
	beyond.Reference, beyond.Updated = "registry.example/ui:2", "registry.example/ui:3"
	want := []Part{{Kind: "component", Name: "ui", About: "registry.example/ui:2", Want: 3, Have: 2, Old: 2, Where: []Placed{{"host-a", 2}}}}
	if diff := cmp.Diff(want, look(m, wadmapi.Status{}, []wadmapi.Host{hostWith("host-a", run, updated, beyond)}).Parts); diff != "" {
		t.Error(diff)
	}
}

func TestADaemonWantsOneOnEachHostThatFits(t *testing.T) {
	m := parse(t, strings.Replace(hello, "{type: spreadscaler, properties: {instances: 6}}",
		"{type: daemonscaler, properties: {instances: 2, spread: [{name: east, requirements: {zone: a}}]}}", 1))
	v := look(m, wadmapi.Status{}, []wadmapi.Host{hostWith("host-a"), hostWith("host-b")})
	if have, want := v.progress(); have != 0 || want != 2+1+1 {
		t.Errorf("progress is %d of %d", have, want)
	}
}

func TestManyHostsAreCut(t *testing.T) {
	p := Part{Kind: "component"}
	for range 11 {
		p.Where = append(p.Where, Placed{"h", 1})
	}
	if got := places(&p); !strings.HasSuffix(got, "h 1 · and 3 more") {
		t.Errorf("places gives %q", got)
	}
}

func TestVersionsAndIDsAreCutForLooking(t *testing.T) {
	for in, want := range map[string]string{"v1": "v1", "01JDB3XYZ0123456789ABCDEFG": "01JDB3…", strings.Repeat("x", 40): strings.Repeat("x", 29) + "…", "": ""} {
		if got := shortVersion(in); got != want {
			t.Errorf("shortVersion(%q) = %q", in, got)
		}
	}
	if got := shortID("NBL5BIKQTRSVPCNJ4FPYZJB3X3BNOKD7L3YD6P6CF4E3YNUV7KHPX7QB"); got != "NBL5BI…X7QB" {
		t.Errorf("shortID gives %q", got)
	}
}

func TestChangesAreNamed(t *testing.T) {
	before := parse(t, hello)
	after := parse(t, strings.NewReplacer("01JDB3XYZ0123456789ABCDEFG", "v2", "hello:1", "hello:2", "instances: 6", "instances: 9", "127.0.0.1:8000", "127.0.0.1:9000").Replace(hello))
	want := []string{
		"hello 01JDB3… → v2",
		"  http-server  links or placement changed",
		"  hello        image registry.example/hello:1 → registry.example/hello:2",
		"  hello        6 → 9 instances",
	}
	if diff := cmp.Diff(want, changes(before, after)); diff != "" {
		t.Error(diff)
	}
	gone := parse(t, "apiVersion: a\nkind: A\nmetadata: {name: hello, annotations: {version: 01JDB3XYZ0ZZZZZZZZZZZZZZZZ}}\nspec:\n  components:\n"+
		"    - {name: hello, type: component, properties: {image: \"registry.example/hello:1\"}, traits: [{type: spreadscaler, properties: {instances: 6}}]}\n"+
		"    - {name: log, type: capability, properties: {image: l}}\n")
	want = []string{
		"hello 01JDB3XYZ0123456789ABCDEFG → 01JDB3XYZ0ZZZZZZZZZZZZZZZZ",
		"  hello        unchanged",
		"  log          new",
		"  http-server  goes",
	}
	if diff := cmp.Diff(want, changes(before, gone)); diff != "" {
		t.Error(diff)
	}
	if changes(nil, after) != nil || changes(after, after) != nil {
		t.Error("where nothing ran before, or the same version, there is nothing to say")
	}
}

func TestYAMLKeepsOrderAndText(t *testing.T) {
	raw := json.RawMessage(`{"b":"1.0","a":"true","c":{},"d":[],"e":["x: y","- z","# n",""],"f":"two\nlines","g":8080,"h":"` + strings.Repeat("long ", 40) + `end"}`)
	got, err := toYAML(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := "b: '1.0'\na: 'true'\nc: {}\nd: []\ne:\n  - 'x: y'\n  - '- z'\n  - '# n'\n  - ''\nf: |-\n  two\n  lines\ng: 8080\nh: " + strings.Repeat("long ", 40) + "end\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHostTable(t *testing.T) {
	beat := 0.42
	var b strings.Builder
	s := &session{Settings: &Settings{Lattice: "default"}, err: &b}
	a := hostWith("host-a", component("registry.example/hello:1", 2), component("registry.example/hello:1", 1), server(),
		wadmapi.Running{Kind: "component", ID: "theirs", Count: 1}, wadmapi.Running{Kind: "component", ID: "old-thing", App: "gone", Count: 2, Orphan: true})
	a.BeatAge, a.Version, a.Labels["hostcore.os"] = &beat, "1.9.2", "linux"
	c := hostWith("host-c")
	c.State = "silent"
	s.hostTable(&b, []wadmapi.Host{c, a})
	want := `HOST     NAME    LABELS  VERSION  LAST BEAT         RUNS
NHOST-A  host-a  zone=a  1.9.2    0.4 s ago         hello/hello 3 · hello/hello-http_server · theirs (unmanaged) · gone/old-thing (orphan) 2
NHOST-C  host-c  zone=c  –        none yet, silent  –
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	s.hostTable(&b, nil)
	if !strings.Contains(b.String(), "no hosts in lattice default") {
		t.Errorf("an empty lattice gives %q", b.String())
	}
}
