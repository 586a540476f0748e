package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/redisstore"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
)

// redisRole is a redis-server with an append-only file, as somebody runs it who does not want to lose models.
func redisRole(ctx context.Context, _ string, args []string) error {
	socket := filepath.Join(args[0], "redis")
	cmd := exec.CommandContext(ctx, "redis-server", "--port", "0", "--unixsocket", socket, "--dir", args[0], "--save", "", "--appendonly", "yes", "--daemonize", "no")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting redis-server: %w", err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if _, err := os.Stat(socket); err == nil {
			ready("unix://" + socket)
			_ = cmd.Wait() // it ends by ctx
			return nil
		}
		<-tick.C
	}
	return errors.New("redis-server does not get ready")
}

// redisFloorRole is a bare responder on Redis: a put is the decoding of the manifest and the same script, nothing else.
func redisFloorRole(ctx context.Context, url string, args []string) error {
	nc, err := nats.Connect(url, nats.Name("bench redis floor"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer nc.Close()
	d, problems := oam.Decode03([]byte(redisManifest("app")))
	if problems.HasErrors() {
		return fmt.Errorf("the manifest: %v", problems)
	}
	bare, err := redisstore.NewBare(args[0], "app", store.Version{Version: "1", Manifest: oam.Canonical(d.Manifest), Raw: []byte(redisManifest("app"))})
	if err != nil {
		return err
	}
	defer bare.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	put := func(m *nats.Msg) {
		wg.Go(func() {
			d, problems := oam.Decode03(m.Data)
			if problems.HasErrors() {
				reply(m, fmt.Sprint(problems))
				return
			}
			reply(m, fmt.Sprint(bare.Put(ctx, strings.TrimPrefix(m.Subject, "bench.floor.put."), d.Manifest.Metadata.Name, d.Manifest.Version())))
		})
	}
	read := func(m *nats.Msg) {
		began := time.Now()
		n, err := bare.Read(ctx, strings.TrimPrefix(m.Subject, "bench.floor.read."))
		if err != nil {
			reply(m, map[string]string{"result": "error", "message": err.Error()})
			return
		}
		reply(m, map[string]float64{"models": float64(n), "ms": time.Since(began).Seconds() * 1000})
	}
	for subject, hear := range map[string]nats.MsgHandler{"bench.floor.put.*": put, "bench.floor.read.*": read} {
		if _, err := nc.Subscribe(subject, hear); err != nil {
			return fmt.Errorf("listening on %s: %w", subject, err)
		}
	}
	if err := nc.Flush(); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	ready("")
	<-ctx.Done()
	return nil
}

// redisManifest is one of the size of a small application: five components with links and spreads, two providers.
func redisManifest(app string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: %s\n  annotations: {version: \"1\", description: one of many}\nspec:\n  components:\n", app)
	for _, name := range []string{"ui", "customers", "vets", "visits", "api"} {
		fmt.Fprintf(&b, "    - name: %s\n      type: actor\n      properties: {image: \"registry.example/%s:0.1.0\"}\n      traits:\n"+
			"        - type: spreadscaler\n          properties: {replicas: 2, spread: [{name: all, requirements: {app: clinic}}]}\n"+
			"        - type: linkdef\n          properties: {target: db, values: {uri: \"postgres://db.example/clinic\"}}\n", name, name)
	}
	for _, name := range []string{"web", "db"} {
		fmt.Fprintf(&b, "    - name: %s\n      type: capability\n      properties: {image: \"registry.example/%s:0.1.0\", contract: \"wasmcloud:%s\"}\n", name, name, name)
	}
	return b.String()
}

const (
	putsInFlight = 64
	putsEach     = 2000
	listed       = 1000
)

// onRedis takes the rows of the store on Redis, over the API of generation 0.3 by the real server.
func onRedis(pairs int) ([]*row, error) {
	r, redis, err := redisRig()
	if err != nil {
		return nil, err
	}
	defer r.close()
	if _, err := r.start("redis-floor", redis); err != nil {
		return nil, err
	}
	if _, err := r.start("serve", "redis="+redis, "lists"); err != nil {
		return nil, err
	}
	puts, err := redisPuts(r, pairs)
	if err != nil {
		return nil, err
	}
	list, err := redisList(r, pairs)
	return []*row{puts, list}, err
}

// redisRig is a rig with a Redis beside the NATS.
func redisRig() (*rig, string, error) {
	r, err := newRig()
	if err != nil {
		return nil, "", err
	}
	url, err := r.start("redis", r.dir)
	if err != nil {
		r.close()
		return nil, "", err
	}
	return r, url, nil
}

// redisPuts is the rate of first puts, 64 in flight.
func redisPuts(r *rig, pairs int) (*row, error) {
	out := &row{Name: "redis-put", What: "puts", Unit: "/s",
		Work: fmt.Sprintf("%d first puts of manifests of %d bytes, %d in flight, over the API of generation 0.3, models in Redis (append-only file, synced each second); floor: a bare responder that decodes the manifest and runs the same script",
			putsEach, len(redisManifest("app-0000")), putsInFlight)}
	for turn := range pairs + 1 {
		lattice := "puts" + strconv.Itoa(turn)
		ours, err := r.rate("wadm.api." + lattice + ".model.put")
		if err != nil {
			return nil, err
		}
		least, err := r.rate("bench.floor.put.floor" + lattice)
		if err != nil {
			return nil, err
		}
		if turn > 0 { // the first one warms up
			out.Pairs = append(out.Pairs, pair{ours, least})
		}
	}
	out.sum(atLeast(0.5))
	return out, nil
}

// rate sends the puts and says how many a second were answered. Every one has to succeed.
func (r *rig) rate(subject string) (float64, error) {
	var mu sync.Mutex
	next := 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next
	}
	errs := make(chan error, putsInFlight)
	began := time.Now()
	for range putsInFlight {
		go func() {
			for i := take(); i <= putsEach; i = take() {
				m, err := r.nc.Request(subject, []byte(redisManifest(fmt.Sprintf("app-%04d", i))), 30*time.Second)
				if err == nil && !strings.Contains(string(m.Data), `"success"`) && string(m.Data) != `"\u003cnil\u003e"` {
					err = fmt.Errorf("%s answered %s", subject, m.Data)
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var all error
	for range putsInFlight {
		all = errors.Join(all, <-errs)
	}
	return putsEach / time.Since(began).Seconds(), all
}

// redisList is the time of one list of a thousand models.
func redisList(r *rig, pairs int) (*row, error) {
	const lattice = "lists"
	for i := range listed {
		if err := r.ask("wadm.api."+lattice+".model.put", redisManifest(fmt.Sprintf("app-%04d", i)), nil); err != nil {
			return nil, err
		}
	}
	out := &row{Name: "redis-list", What: "request to reply", Unit: "ms",
		Work:  fmt.Sprintf("a list of %d models over the API of generation 0.3, models in Redis; floor: the same reads raw (the names; the newest version of each; its term), pipelined, in a process that does nothing with them", listed),
		Notes: []string{"the real wadm 0.3.0 took 171 ms"}}
	for turn := range pairs + 1 {
		began := time.Now()
		var reply struct{ Data []struct{ Name string } }
		if err := r.ask("wadm.api."+lattice+".model.list", "", &reply); err != nil {
			return nil, err
		}
		took := time.Since(began).Seconds() * 1000
		var least struct{ Models, MS float64 }
		if err := r.ask("bench.floor.read."+lattice, "", &least); err != nil {
			return nil, err
		}
		if len(reply.Data) != listed || least.Models != listed {
			return nil, fmt.Errorf("a list has %d models, and the floor %.0f", len(reply.Data), least.Models)
		}
		if turn > 0 { // the first one warms up
			out.Pairs = append(out.Pairs, pair{took, least.MS})
		}
	}
	out.sum(atMost(3))
	return out, nil
}

// spreadOnRedis is otp-spread with the models, wishes and run records in Redis.
func spreadOnRedis(pairs int) ([]*row, error) {
	r, redis, err := redisRig()
	if err != nil {
		return nil, err
	}
	defer r.close()
	s := otpSpread
	s.redis = redis
	s.row.Name = "otp-spread-redis"
	s.row.Work += "; models, wishes and run records in Redis (append-only file, synced each second), and the floor's intent too"
	s.row.Notes = append([]string{"of its 5 components x 10 the real wadm 0.3.0 made 62 starts and 12 stops for 50 instances (measured by running 0.3.0)"}, s.row.Notes...)
	s.prepare = prepareSpread03
	args := []string{"redis=" + redis}
	for turn := range pairs + 1 {
		args = append(args, fmt.Sprint(s.lattice, turn))
	}
	for _, one := range [][]string{{"hosts"}, {"floor"}, append([]string{"serve"}, args...)} {
		if _, err := r.start(one[0], one[1:]...); err != nil {
			return nil, err
		}
	}
	got, err := s.run(r, pairs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.row.Name, err)
	}
	return []*row{got}, nil
}

// prepareSpread03 is prepareSpread by the API of generation 0.3.
func prepareSpread03(r *rig, lattice string) error {
	api := "wadm.api." + lattice + ".model."
	if err := r.ask(api+"put", spreadManifest("1", 1), nil); err != nil {
		return err
	}
	if err := r.ask(api+"deploy."+spreadApp, `{"version":"1"}`, nil); err != nil {
		return err
	}
	err := r.until("the first instance to be seen", func() (bool, error) {
		var s struct {
			Data []struct {
				Status string `json:"deployment_status"`
			}
		}
		err := r.ask(api+"list", nil, &s)
		return err == nil && len(s.Data) == 1 && s.Data[0].Status == "idle", err
	})
	if err != nil {
		return err
	}
	return r.ask(api+"put", spreadManifest("2", 100), nil)
}

// orderRedis is order with what was written to Redis.
func (s *scene) orderRedis(ctx context.Context, r *rig, lattice string) error {
	opened, err := redisstore.Open(ctx, s.redis, redisstore.Options{})
	if err != nil {
		return err
	}
	defer opened.Close()
	run, _, err := opened.Run(ctx, lattice, s.app)
	if err != nil {
		return err
	}
	value, err := json.Marshal(run)
	if err != nil {
		return fmt.Errorf("encoding a run record: %w", err)
	}
	return s.send(r, order{Redis: s.redis, Turn: lattice, More: true, Values: [][]byte{value}})
}
