package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/wasmbus"
)

// realm is a NATS server whose users bear JWTs of one account, and who may be shut out. One that is open lets in everybody.
type realm struct {
	t       *testing.T
	srv     *natsd.Server
	pair    nkeys.KeyPair
	account *jwt.AccountClaims
}

func newRealm(t *testing.T, open bool) *realm {
	t.Helper()
	operator, account := key(t, nkeys.CreateOperator), key(t, nkeys.CreateAccount)
	claims := jwt.NewAccountClaims(public(t, account))
	text, err := claims.Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &natsd.MemAccResolver{}
	if err := resolver.Store(claims.Subject, text); err != nil {
		t.Fatal(err)
	}
	srv := natstest.Start(t, func(o *natsd.Options) {
		o.JetStream = false
		if open {
			return
		}
		o.TrustedKeys = []string{public(t, operator)}
		o.AccountResolver = resolver
	})
	return &realm{t, srv, account, claims}
}

func key(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func public(t *testing.T, pair nkeys.KeyPair) string {
	t.Helper()
	text, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// citizen is a user of a realm.
type citizen struct{ name, jwt, seed string }

func (r *realm) user() citizen {
	r.t.Helper()
	pair := key(r.t, nkeys.CreateUser)
	seed, err := pair.Seed()
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := jwt.NewUserClaims(public(r.t, pair)).Encode(r.pair)
	if err != nil {
		r.t.Fatal(err)
	}
	return citizen{public(r.t, pair), text, string(seed)}
}

// banish shuts a user out, at once and from now on.
func (r *realm) banish(c citizen) {
	r.t.Helper()
	r.account.RevokeAt(c.name, time.Now().Add(time.Hour))
	account, err := r.srv.LookupAccount(r.account.Subject)
	if err != nil {
		r.t.Fatal(err)
	}
	r.srv.UpdateAccountClaims(account, r.account)
}

// vaultd answers as a Vault with one version 2 engine at secret/.
type vaultd struct {
	*httptest.Server
	mu     sync.Mutex
	of     map[string]citizen // by path
	sealed bool
	reads  int
}

func newVaultd(t *testing.T) *vaultd {
	t.Helper()
	v := &vaultd{of: map[string]citizen{}}
	v.Server = httptest.NewServer(http.HandlerFunc(v.serve))
	t.Cleanup(v.Close)
	return v
}

const vaultToken = "hvs.TOKENofTheVault"

func (v *vaultd) serve(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	path, read := strings.CutPrefix(r.URL.Path, "/v1/secret/data/")
	c, ok := v.of[path]
	switch {
	case v.sealed:
		http.Error(w, `{"errors":["Vault is sealed"]}`, http.StatusServiceUnavailable)
	case r.Header.Get("X-Vault-Token") != vaultToken:
		http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
	case r.URL.Path == "/v1/auth/token/lookup-self":
		fmt.Fprint(w, `{"data":{"ttl":0,"renewable":false}}`)
	case read && ok:
		v.reads++
		body := map[string]any{"data": map[string]any{"data": map[string]string{"jwt": c.jwt, "seed": c.seed}, "metadata": map[string]int{"version": 1}}}
		_ = json.NewEncoder(w).Encode(body) // the client has gone
	default:
		http.Error(w, `{"errors":[]}`, http.StatusNotFound)
	}
}

func (v *vaultd) put(path string, c citizen) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.of[path] = c
}

func (v *vaultd) seal(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealed = on
}

// site is a server whose API is on one NATS, and whose lattice shop is in a realm that Vault has the keys of.
type site struct {
	t     *testing.T
	realm *realm
	vault *vaultd
	hosts *sim.Hosts
	nc    *nats.Conn
	log   *natstest.Logbook
}

func newSite(t *testing.T, open bool, args ...string) *site {
	t.Helper()
	s := &site{t: t, realm: newRealm(t, open), vault: newVaultd(t), log: &natstest.Logbook{}}
	main := natstest.Start(t)
	s.nc = natstest.Connect(t, main)
	owner := s.realm.user()
	hosts := natstest.Connect(t, s.realm.srv, nats.UserJWTAndSeed(owner.jwt, owner.seed))
	cluster := sim.NewCluster(sim.Options{Lattice: "shop", Dialect: wasmbus.DialectV1, Timing: sim.FastTiming()})
	for i := range 2 {
		cluster.AddHost(sim.HostSpec{Name: fmt.Sprint("host-", i)})
	}
	var err error
	if s.hosts, err = sim.StartHosts(hosts, cluster); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.hosts.Close)

	from := settings.Sources{Vars: serverEnv, Getenv: func(name string) string {
		return map[string]string{"WADM_NATS_SERVER": main.ClientURL(), "WADM_VAULT_ADDR": s.vault.URL, "WADM_VAULT_TOKEN": vaultToken,
			"WADM_VAULT_PATH_TEMPLATE": "secret/data/wadm/%l", "WADM_NATS_BACKOFF_PERIOD": "20", "WADM_STORE": "memory"}[name]
	}}
	var f serverFlags
	flags := pflag.NewFlagSet("wadm", pflag.ContinueOnError)
	f.add(flags)
	if err := flags.Parse(append(args, "--lattice", "shop")); err != nil {
		t.Fatal(err)
	}
	told, err := settings.Load(flags, from)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := f.config(told, slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	reach := cfg.Reach
	cfg.Reach = func(name string) node.Reach {
		r := reach(name)
		r.URL = s.realm.srv.ClientURL()
		return r
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go f.vault.Run(ctx)
	go func() { done <- node.Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.vault.mu.Lock()
		defer s.vault.mu.Unlock()
		secrets := []string{vaultToken}
		for _, c := range s.vault.of {
			secrets = append(secrets, c.jwt, c.seed)
		}
		for _, secret := range secrets {
			if s.log.Count(secret) > 0 {
				t.Errorf("the log shows %s:\n%s", secret, s.log)
			}
		}
	})
	return s
}

func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: it never came\n%s", what, s.log)
		}
	}
}

func (s *site) ask(subject, body string) map[string]any {
	reply := map[string]any{}
	if m, err := s.nc.Request(subject, []byte(body), 5*time.Second); err == nil {
		_ = json.Unmarshal(m.Data, &reply) // what is no JSON says nothing
	}
	return reply
}

func (s *site) deploy() {
	s.t.Helper()
	s.until("the API answers", func() bool {
		return s.ask("wadm.api.shop.model.put", `{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"hello","annotations":{"version":"v1"}},
			"spec":{"components":[{"name":"web","type":"component","properties":{"image":"ghcr.io/acme/web:1"},"traits":[{"type":"spreadscaler","properties":{"instances":4}}]}]}}`)["result"] == "created"
	})
	s.ask("wadm.api.shop.model.deploy.hello", "{}")
}

func (s *site) status(kind, message string) bool {
	text, _ := json.Marshal(s.ask("wadm.api.shop.model.status.hello", "")["status"])
	return strings.Contains(string(text), `"type":"`+kind+`"`) && strings.Contains(string(text), message)
}

func (s *site) commands() (n int) {
	s.hosts.Do(func(c *sim.Cluster) { n = len(c.Journal()) })
	return n
}

func TestCredentialsInVaultAreReadAgainWhenTheyAreNoLongerGood(t *testing.T) {
	s := newSite(t, false)
	first, second := s.realm.user(), s.realm.user()
	s.vault.put("wadm/shop", first)
	s.deploy()
	s.until("deployed through Vault", func() bool { return s.status("deployed", "") })
	before := s.commands()

	s.vault.put("wadm/shop", second)
	s.realm.banish(first)
	s.until("it is let in again with the new credentials", func() bool {
		return s.log.Count("the hosts can be reached again") == 1
	})
	s.until("deployed as before", func() bool { return s.status("deployed", "") })
	if n := s.log.Count("this process owns the lattice"); n != 1 {
		t.Errorf("the lattice was lost and taken %d times", n)
	}
	if n := s.commands(); n != before {
		t.Errorf("%d commands were sent for that", n-before)
	}

	// Shut out while Vault is sealed: told with its cause, tried again, and back by itself.
	third := s.realm.user()
	s.vault.put("wadm/shop", third)
	s.vault.seal(true)
	s.realm.banish(second)
	s.until("the status names the cause", func() bool { return s.status("deployed", "Vault is sealed (503)") })
	s.vault.seal(false)
	s.until("deployed as before", func() bool { return s.status("deployed", "") && !s.status("deployed", "reached") })
}

// connected says that the process is on the lattice's NATS.
func (s *site) connected() bool {
	z, err := s.realm.srv.Connz(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.ContainsFunc(z.Conns, func(c *natsd.ConnInfo) bool { return c.Name == "wadm shop" })
}

func TestALatticeWhoseSecretCannotBeReadIsNotWatchedAsNobody(t *testing.T) {
	s := newSite(t, true) // where nobody would be let in
	s.deploy()
	s.until("the status names the cause", func() bool {
		return s.status("waiting", "reading secret/data/wadm/shop from Vault: there is no secret")
	})
	if n := s.log.Count("the hosts cannot be reached"); n != 1 {
		t.Errorf("logged %d times, want once per change\n%s", n, s.log)
	}
	if s.connected() {
		t.Error("the lattice is watched as nobody")
	}
	s.vault.put("wadm/shop", s.realm.user())
	s.until("deployed as soon as there is one", func() bool { return s.status("deployed", "") && s.connected() })
}

func TestALatticeIsWatchedAsNobodyWhereThatIsAskedFor(t *testing.T) {
	s := newSite(t, true, "--vault-fallback-anonymous")
	s.deploy()
	s.until("deployed as nobody", func() bool { return s.status("deployed", "") && s.connected() })
	if n := s.log.Count("connects as nobody"); n != 1 {
		t.Errorf("logged %d times, want once\n%s", n, s.log)
	}
}
