package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/wadmapi"
)

// scene is one kind of deploy: how a lattice gets to the point where it is asked for, and what it takes at least.
type scene struct {
	row      row
	aim      aim
	lattice  string // and a number
	hosts    int
	app      string
	commands int
	values   int // compare-and-sets of the floor
	prepare  func(r *rig, lattice string) error
	redis    string // URL, where the models are there
}

// deploy1000 is a first deploy of 1,000 instances.
var deploy1000 = scene{
	row: row{Name: "deploy-1000", What: "request to last command", Unit: "ms",
		Work: "100 components x 10 instances on 50 hosts (1.x), models in JetStream files; from sending the request to the arrival of the last of 1,000 commands; floor: a bare responder, two compare-and-sets of the same values in sequence, the same messages from memory in the same window"},
	aim: atMost(2), lattice: v1Lattice, hosts: deployHosts, app: "app", commands: 1000, values: 2,
	prepare: func(r *rig, lattice string) error {
		return r.ask("wadm.api."+lattice+".model.put", manifest("app", "v1", 100, 10), nil)
	},
}

// otpSpread is one component that gets from 1 instance to 100.
var otpSpread = scene{
	row: row{Name: "otp-spread", What: "request to last command", Unit: "ms",
		Work:  "1 -> 100 instances of one component over 10 OTP hosts in one pass; from sending the request to the arrival of the last of 10 commands; floor: a bare responder, one intent written, the same messages",
		Notes: []string{"the real wadm 0.3.0 took 141.2 s for 1 -> 10 (measured by running 0.3.0 with wasmcloud host 0.58.2, start latency 0.05 s: one start for each pass, passes in bursts 45 s apart)"}},
	aim: atMost(3), lattice: otpLattice, hosts: spreadHosts, app: spreadApp, commands: spreadHosts, values: 1,
	prepare: prepareSpread,
}

func spreadManifest(version string, instances int) string {
	return fmt.Sprintf("apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: %s\n  annotations: {version: %s}\nspec:\n  components:\n"+
		"    - name: echo\n      type: actor\n      properties: {image: %q}\n      traits:\n        - type: spreadscaler\n          properties: {replicas: %d}\n",
		spreadApp, version, spreadRef, instances)
}

// prepareSpread deploys one instance, which runs already, and puts the version that wants a hundred.
func prepareSpread(r *rig, lattice string) error {
	api := "wadm.api." + lattice + ".model."
	if err := r.ask(api+"put", spreadManifest("v1", 1), nil); err != nil {
		return err
	}
	if err := r.ask(api+"deploy."+spreadApp, "{}", nil); err != nil {
		return err
	}
	err := r.until("the first instance to be seen", func() (bool, error) {
		var s struct {
			Status struct {
				Status struct {
					Type string `json:"type"`
				} `json:"status"`
			} `json:"status"`
		}
		err := r.ask(api+"status."+spreadApp, nil, &s)
		return err == nil && s.Status.Status.Type == "deployed", err
	})
	if err != nil {
		return err
	}
	return r.ask(api+"put", spreadManifest("v2", 100), nil)
}

// deploys takes the rows that measure a deploy, on one rig.
func deploys(scenes ...scene) taken {
	return func(pairs int) ([]*row, error) {
		r, err := newRig()
		if err != nil {
			return nil, err
		}
		defer r.close()
		var lattices []string
		for _, s := range scenes {
			for turn := range pairs + 1 {
				lattices = append(lattices, fmt.Sprint(s.lattice, turn))
			}
		}
		for _, one := range []struct {
			role string
			args []string
		}{{"hosts", nil}, {"floor", nil}, {"serve", lattices}} {
			if _, err := r.start(one.role, one.args...); err != nil {
				return nil, err
			}
		}
		var rows []*row
		for _, s := range scenes {
			got, err := s.run(r, pairs)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.row.Name, err)
			}
			rows = append(rows, got)
		}
		return rows, nil
	}
}

// body asks for the version that was put last, which generation 0.3 wants named.
func (s *scene) body() string {
	if s.redis != "" {
		return `{"version":"2"}`
	}
	return "{}"
}

// run takes the pairs of a scene, each in a lattice of its own: what the last one left open must not be measured.
func (s *scene) run(r *rig, pairs int) (*row, error) {
	out := s.row
	var replied, first, cpu, floorCPU []float64
	for turn := range pairs + 1 {
		name := fmt.Sprint(s.lattice, turn)
		if err := r.until("the hosts of "+name, func() (bool, error) { return r.knows(name, s.hosts) }); err != nil {
			return nil, err
		}
		if err := s.prepare(r, name); err != nil {
			return nil, err
		}
		took, err := r.timed("serve", "wadm.api."+name+".model.deploy."+s.app, s.body(), s.commands)
		if err != nil {
			return nil, err
		}
		if err := s.order(r, name); err != nil {
			return nil, err
		}
		least, err := r.timed("floor", "bench.floor.deploy", "", s.commands)
		if err != nil {
			return nil, err
		}
		if turn > 0 { // the first one warms up
			out.Pairs = append(out.Pairs, pair{took.last, least.last})
			replied, first = append(replied, took.reply), append(first, took.first)
			cpu, floorCPU = append(cpu, took.cpu), append(floorCPU, least.cpu)
		}
	}
	out.sum(s.aim)
	out.Notes = append(out.Notes, fmt.Sprintf("of that, median: the reply after %s ms, the first command after %s ms", number(median(replied)), number(median(first))),
		fmt.Sprintf("CPU of the server until the last command: %s ms, of the floor %s ms; on a busy machine the time grows with it", number(median(cpu)), number(median(floorCPU))))
	return &out, nil
}

// knows says that the owner of the lattice has found all hosts and the time in which they may answer a ping is over.
func (r *rig) knows(lattice string, hosts int) (bool, error) {
	var found wadmapi.HostsReply
	if err := r.ask("wadm.api."+lattice+".host.list", nil, &found); err != nil {
		return false, err
	}
	for _, h := range found.Hosts {
		if h.State != "alive" || h.Age < pingWindow {
			return false, fmt.Errorf("a host is %s, heard %.1f s ago", h.State, h.Age)
		}
	}
	return len(found.Hosts) == hosts, fmt.Errorf("%d hosts", len(found.Hosts))
}

// pingWindow is how many seconds after a ping its answers are waited for; a little more.
const pingWindow = 2.2

// times are in milliseconds from the sending of the request.
type times struct{ reply, first, last, cpu float64 }

// timed sends a request and waits for the hosts to say that all commands came.
func (r *rig) timed(role, subject, body string, commands int) (times, error) {
	var before, after float64
	full, err := r.nc.SubscribeSync("bench.hosts.full")
	if err != nil {
		return times{}, fmt.Errorf("listening to the hosts: %w", err)
	}
	defer func() { _ = full.Unsubscribe() }() // fails only when the connection is gone
	if err := r.ask("bench.hosts.expect", commands, nil); err != nil {
		return times{}, err
	}
	if err := r.ask("bench."+role+".cpu", nil, &before); err != nil {
		return times{}, err
	}
	began := time.Now()
	answer, err := r.nc.Request(subject, []byte(body), 30*time.Second)
	replied := time.Since(began)
	if err != nil {
		return times{}, fmt.Errorf("asking %s: %w", subject, err)
	}
	m, err := full.NextMsg(30 * time.Second)
	if err != nil {
		return times{}, fmt.Errorf("waiting for %d commands after %s answered %s: %w", commands, subject, answer.Data, err)
	}
	var came arrivals
	if err := json.Unmarshal(m.Data, &came); err != nil {
		return times{}, fmt.Errorf("reading when commands came: %w", err)
	}
	if err := r.ask("bench."+role+".cpu", nil, &after); err != nil {
		return times{}, err
	}
	since := func(at int64) float64 { return float64(at-began.UnixNano()) / 1e6 }
	return times{reply: replied.Seconds() * 1000, first: since(came.First), last: since(came.Last), cpu: (after - before) * 1000}, nil
}

// order hands the floor what ours has just written and sent.
func (s *scene) order(r *rig, lattice string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if s.redis != "" {
		return s.orderRedis(ctx, r, lattice)
	}
	js, err := jetstream.New(r.nc)
	if err != nil {
		return fmt.Errorf("opening JetStream: %w", err)
	}
	kv, err := js.KeyValue(ctx, "wadm_run")
	if err != nil {
		return fmt.Errorf("opening the bucket: %w", err)
	}
	o := order{Bucket: "wadm_run", Turn: lattice, More: true}
	keys := []string{"run." + lattice + "." + s.app, "wish." + lattice + "." + s.app}
	for _, key := range keys[:s.values] {
		e, err := kv.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("reading %s: %w", key, err)
		}
		o.Values = append(o.Values, e.Value())
	}
	return s.send(r, o)
}

// send gives the floor an order, and then what the hosts were sent.
func (s *scene) send(r *rig, o order) error {
	if err := r.ask("bench.floor.order", o, nil); err != nil {
		return err
	}
	for at := 0; at < s.commands; {
		var some []message
		if err := r.ask("bench.hosts.got", at, &some); err != nil {
			return err
		}
		if len(some) == 0 {
			return fmt.Errorf("the hosts kept %d of %d commands", at, s.commands)
		}
		at += len(some)
		if err := r.ask("bench.floor.order", order{Messages: some, More: at < s.commands}, nil); err != nil {
			return err
		}
	}
	return nil
}
