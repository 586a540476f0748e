package whole

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/redisstore"
	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
	"github.com/wadm-go/wadm/wasmbus"
)

const recordedRedis = "../redisstore/testdata/recorded/"

// ask030 sends a request as a client of 0.3.0 does, and wants success.
func ask030(t *testing.T, nc *nats.Conn, lattice string, op wadmapi.Op, name, body string, into any) {
	t.Helper()
	m, err := nc.Request(wadmapi.ModelSubject(lattice, op, name), []byte(body), 10*time.Second)
	if err != nil {
		t.Fatalf("%s %s: %v", op, name, err)
	}
	reply := struct{ Data any }{into}
	var result struct{ Result, Message string }
	if json.Unmarshal(m.Data, &result) != nil || result.Result != "success" || json.Unmarshal(m.Data, &reply) != nil {
		t.Fatalf("%s %s: %s", op, name, m.Data)
	}
}

// TestTheRedisOf030IsTakenOver: what 0.3.0 left in Redis is listed, whatever its names; got as the very text; deployed, while nothing ran before
// anybody asked for it; given a new version, and read by the next process.
func TestTheRedisOf030IsTakenOver(t *testing.T) {
	redis, srv, log := redistest.Start(t), natstest.Start(t), &natstest.Logbook{}
	clinic := redistest.Recording(t, recordedRedis+"clinic.redis.json")
	odd := redistest.Recording(t, recordedRedis+"api.redis.json")
	all := redistest.Step{Keys: slices.Concat(clinic[len(clinic)-1].Keys, odd[len(odd)-1].Keys)}
	redis.Load(all)
	texts := map[string]string{}
	var names []string
	for _, k := range all.Keys {
		if k.Key == "wadm:default:models" {
			names = append(names, k.Members...)
		}
		var decoded struct {
			Raw string `json:":raw"`
		}
		if k.Type == "string" && json.Unmarshal(k.Decoded, &decoded) == nil {
			texts[k.Key] = decoded.Raw
		}
	}

	timing := sim.FastTiming()
	timing.Heartbeat = time.Second
	cluster := sim.NewCluster(sim.Options{Dialect: wasmbus.DialectOTP, Timing: timing})
	cluster.AddHost(sim.HostSpec{Name: "host-a", Labels: map[string]string{"app": "clinic"}})
	cluster.AddHost(sim.HostSpec{Name: "host-b", Labels: map[string]string{"app": "other"}})
	nc := natstest.Connect(t, srv)
	hosts, err := sim.StartHosts(nc, cluster)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hosts.Close)
	within := func(what string, ok func() bool) {
		t.Helper()
		waitFor(t, what, time.Minute, &program{log: log}, ok)
	}
	p := startOnRedis(t, srv.ClientURL(), redis.URL(), "one", log, as030("one"))

	type row struct {
		Name   string `json:"name"`
		Status string `json:"deployment_status"`
	}
	list := func(lattice string) map[string]string {
		t.Helper()
		var rows []row
		ask030(t, nc, lattice, wadmapi.OpList, "", "", &rows)
		out := map[string]string{}
		for _, r := range rows {
			out[r.Name] = r.Status
		}
		return out
	}
	want := map[string]string{}
	for _, n := range names {
		want[n] = wadmapi.StateUndeployed
	}
	if diff := cmp.Diff(want, list("default")); diff != "" || len(want) < 20 {
		t.Fatalf("the list (-stored +told):\n%s", diff)
	}
	if got := list("other"); !cmp.Equal(got, map[string]string{"echo": wadmapi.StateUndeployed}) {
		t.Errorf("lattice other has %v", got)
	}
	for _, at := range [][2]string{{"clinic", "0.0.1"}, {"json", "1.0.0"}, {"x:versions", "0.0.0"}, {"vv", "vv1"}, {"descnum", "0.0.0"}, {"replicasstring", "0.0.0"}, {"emptyver", ""}} {
		var got struct{ Raw string }
		ask030(t, nc, "default", wadmapi.OpGet, at[0], `{"version":"`+at[1]+`"}`, &got)
		key := "wadm:default:" + at[0] + ":versions:" + at[1]
		if at[0] == "vv" {
			key = "wadm:default:vv:versions:v1"
		}
		if got.Raw != texts[key] || got.Raw == "" {
			t.Errorf("%s is %q, and was put as %q", key, got.Raw, texts[key])
		}
	}
	if components, providers := runs(hosts); len(components)+providers > 0 {
		t.Fatalf("before anybody deployed there run %v and %d providers", components, providers)
	}

	ask030(t, nc, "default", wadmapi.OpDeploy, "clinic", `{"version":"0.0.1"}`, nil)
	within("the clinic is deployed", func() bool { return list("default")["clinic"] == wadmapi.StateIdle })
	five := map[string]int{}
	for _, image := range []string{"ui", "customers", "vets", "visits", "api"} {
		five["registry.example/"+image+":0.1.0"] = 1
	}
	components, providers := runs(hosts)
	if diff := cmp.Diff(five, components); diff != "" || providers != 2 {
		t.Errorf("%d providers, and (-want +runs):\n%s", providers, diff)
	}

	ask030(t, nc, "default", wadmapi.OpPut, "", "metadata: {name: clinic, annotations: {version: v0.0.2}}\nspec: {components: []}\n", nil)
	p.cancel()
	<-p.done
	commands := listen(t, nc)
	startOnRedis(t, srv.ClientURL(), redis.URL(), "two", log, as030("two"))
	var versions []struct {
		Version  string
		Deployed bool
		Created  string
	}
	ask030(t, nc, "default", wadmapi.OpVersions, "clinic", "", &versions)
	if len(versions) != 2 || versions[0].Version != "0.0.2" || versions[0].Deployed || versions[1].Version != "0.0.1" || !versions[1].Deployed || versions[0].Created == "" {
		t.Errorf("the versions are %+v", versions)
	}
	within("the next process knows that it runs", func() bool { return list("default")["clinic"] == wadmapi.StateIdle })
	if sent := commands.all(); len(sent) > 0 {
		t.Errorf("taking over again sent %v", sent)
	}
}

// TestAProcessThatBeginsKnowsTheLastStatuses: with the models in Redis the statuses are there too, whatever the NATS keeps, and show although
// nobody owns the lattice.
func TestAProcessThatBeginsKnowsTheLastStatuses(t *testing.T) {
	redis, log := redistest.Start(t), &natstest.Logbook{}
	srv := natstest.Start(t, func(o *server.Options) { o.JetStream = false })
	timing := sim.FastTiming()
	timing.Heartbeat = time.Second
	startHosts(t, natstest.Connect(t, srv), sim.Options{Dialect: wasmbus.DialectOTP, Timing: timing}, 2)
	c := newClient(t, natstest.Connect(t, srv), "default")
	p := startOnRedis(t, srv.ClientURL(), redis.URL(), "one", log)
	deploy(t, c, shop(wasmbus.DialectOTP, oldImage))
	waitFor(t, "shop is deployed", 30*time.Second, &program{log: log}, func() bool { return status(t, c, "shop").Type == wadmapi.StatusDeployed })
	p.cancel()
	<-p.done

	s, err := redisstore.Open(t.Context(), redis.URL(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, rev, err := s.Lease(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutLease(t.Context(), "default", store.Lease{Owner: "somebody", Epoch: 99, TTL: time.Minute}, rev); err != nil {
		t.Fatal(err)
	}
	startOnRedis(t, srv.ClientURL(), redis.URL(), "two", log)
	if st := status(t, c, "shop"); st.Type != wadmapi.StatusDeployed || !strings.Contains(st.Message, "told ") {
		t.Errorf("with nobody who looks after it, it is %+v", st)
	}
}
