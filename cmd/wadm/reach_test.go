package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/lattice"
)

// setup is what a server is told by a test.
type setup struct {
	args []string
	env  map[string]string
	file string
}

func (w setup) config(t *testing.T) (node.Config, *natstest.Logbook, error) {
	t.Helper()
	var f serverFlags
	flags := pflag.NewFlagSet("wadm", pflag.ContinueOnError)
	f.add(flags)
	if err := flags.Parse(w.args); err != nil {
		t.Fatal(err)
	}
	from := settings.Sources{Vars: serverEnv, Getenv: func(name string) string { return w.env[name] }, Profiles: profiles}
	if w.file != "" {
		from.Default = filepath.Join(t.TempDir(), "wadm.yaml")
		if err := os.WriteFile(from.Default, []byte(w.file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := &natstest.Logbook{}
	told, err := settings.Load(flags, from)
	if err != nil {
		return node.Config{}, log, err
	}
	cfg, err := f.config(told, slog.New(slog.NewTextHandler(log, nil)))
	return cfg, log, err
}

// seen is what the NATS client is told, with the user by what it presents.
func seen(t *testing.T, url string, opts []nats.Option) string {
	t.Helper()
	o := nats.GetDefaultOptions()
	for _, set := range opts {
		if err := set(&o); err != nil {
			t.Fatal(err)
		}
	}
	who := "nobody"
	switch {
	case o.UserJWT != nil:
		jwt, err := o.UserJWT()
		if err != nil {
			t.Fatal(err)
		}
		who = "jwt " + jwt
	case o.Nkey != "":
		if _, err := o.SignatureCB([]byte("nonce")); err != nil {
			t.Fatal(err)
		}
		who = "nkey"
	case o.Token != "":
		who = "token " + o.Token
	case o.User != "":
		who = "user " + o.User + " " + o.Password
	}
	if o.Secure {
		who += " tls"
	}
	return url + " " + who + " " + o.ReconnectWait.String()
}

func seedOf(t *testing.T) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return string(seed)
}

func TestTheVariablesOfBothOlderPrograms(t *testing.T) {
	seed := seedOf(t)
	for _, tt := range []struct {
		what string
		told setup
		want string
		warn string
	}{
		{"nothing", setup{}, "nats://127.0.0.1:4222 nobody 2s", ""},
		{"host and port", setup{env: map[string]string{"WADM_NATS_HOST": "nats", "WADM_NATS_PORT": "4333"}}, "nats://nats:4333 nobody 2s", ""},
		{"host alone", setup{env: map[string]string{"WADM_NATS_HOST": "::1"}}, "nats://[::1]:4222 nobody 2s", ""},
		{"port alone", setup{env: map[string]string{"WADM_NATS_PORT": "4333"}}, "nats://127.0.0.1:4333 nobody 2s", ""},
		{"a server beside a host", setup{env: map[string]string{"WADM_NATS_HOST": "nats", "WADM_NATS_SERVER": "other:1"}}, "nats://other:1 nobody 2s", "two settings name the NATS server"},
		{"that are the same", setup{env: map[string]string{"WADM_NATS_HOST": "nats", "WADM_NATS_SERVER": "nats:4222"}}, "nats://nats:4222 nobody 2s", ""},
		{"a flag before the variable", setup{args: []string{"--nats-host=flag"}, env: map[string]string{"WADM_NATS_SERVER": "other:1"}}, "nats://flag:4222 nobody 2s", ""},
		{"TLS", setup{env: map[string]string{"WADM_TLS": "true"}}, "nats://127.0.0.1:4222 nobody tls 2s", ""},
		{"TLS with another word", setup{env: map[string]string{"WADM_TLS": "1"}}, "nats://127.0.0.1:4222 nobody 2s", ""},
		{"jwt and seed", setup{env: map[string]string{"WADM_USER_JWT": "a.b.c", "WADM_USER_SEED": seed}}, "nats://127.0.0.1:4222 jwt a.b.c 2s", ""},
		{"a seed alone", setup{env: map[string]string{"WADM_USER_SEED": seed}}, "nats://127.0.0.1:4222 nkey 2s", ""},
		{"both kinds", setup{env: map[string]string{"WADM_USER_SEED": seed, "WADM_NATS_JWT": "d.e.f", "WADM_NATS_NKEY": seed}}, "nats://127.0.0.1:4222 jwt d.e.f 2s", "two settings name the NATS user"},
		{"back-off", setup{env: map[string]string{"WADM_NATS_BACKOFF_PERIOD": "250"}}, "nats://127.0.0.1:4222 nobody 250ms", ""},
		{"back-off of the profile", setup{args: []string{"--profile=0.3", "--store=memory"}}, "nats://127.0.0.1:4222 nobody 4s", ""},
		{"a Vault without a token", setup{env: map[string]string{"WADM_VAULT_ADDR": "http://vault:8200", "WADM_VAULT_PATH_TEMPLATE": "%l"}}, "nats://127.0.0.1:4222 nobody 2s", ""},
		{"a gossip port", setup{env: map[string]string{"WADM_CLUSTER_GOSSIP_PORT": "45892"}}, "nats://127.0.0.1:4222 nobody 2s", ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			cfg, log, err := tt.told.config(t)
			if err != nil {
				t.Fatal(err)
			}
			if got := seen(t, cfg.URL, cfg.Options); got != tt.want {
				t.Errorf("the process: %s, want %s", got, tt.want)
			}
			reach := cfg.Reach("any")
			if got := seen(t, reach.URL, reach.Options); got != tt.want {
				t.Errorf("a lattice: %s, want %s", got, tt.want)
			}
			if warnings := log.Count("level=WARN"); warnings > 1 || (warnings == 1) != (tt.warn != "") || log.Count(tt.warn) == 0 && tt.warn != "" {
				t.Errorf("logged, want %q once:\n%s", tt.warn, log)
			}
		})
	}
}

func TestWhatALatticeDoesNotSayIsAsForTheProcess(t *testing.T) {
	seed := seedOf(t)
	creds := filepath.Join(t.TempDir(), "far.creds")
	if err := os.WriteFile(creds, []byte("-----BEGIN NATS USER JWT-----\nx.y.z\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n"+seed+"\n------END USER NKEY SEED------\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, log, err := setup{env: map[string]string{"WADM_USER_SEED": seed, "SHOP_PASSWORD": "hunter2"}, file: `
nats-server: shared:1
lattice-dialect: v1
lattices:
  bare:
  far: {nats-server: ["tls://far:1", "far:2"], nats-creds-file: ` + creds + `, lattice-dialect: otp}
  shop: {nats-user: shop, nats-password: env:SHOP_PASSWORD, nats-tls: true}
  keyed: {nats-seed: ` + seed + `}
  tokened: {nats-token: t, nats-server: "nats://u:p@else:1"}
  signed: {nats-jwt: a.b.c, nats-seed: ` + seed + `, lattice-dialect: auto}
`}.config(t)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"stranger": "v1 nats://shared:1 nkey 2s",
		"bare":     "v1 nats://shared:1 nkey 2s",
		"far":      "otp tls://far:1,nats://far:2 jwt x.y.z 2s",
		"shop":     "v1 nats://shared:1 user shop hunter2 tls 2s",
		"keyed":    "v1 nats://shared:1 nkey 2s",
		"tokened":  "v1 nats://else:1 token t 2s",
		"signed":   "auto nats://shared:1 jwt a.b.c 2s",
	} {
		r := cfg.Reach(name)
		dialect := string(r.Dialect)
		if r.Dialect == lattice.Auto {
			dialect = "auto"
		}
		if got := dialect + " " + seen(t, r.URL, r.Options); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got, want := strings.Join(cfg.Lattices, " "), "default bare far keyed shop signed tokened"; got != want {
		t.Errorf("looked after: %s, want %s", got, want)
	}
	if log.Count("hunter2")+log.Count(seed) > 0 {
		t.Error("a secret is logged")
	}
}

func TestAProfileSetsAllAxesAndWhatIsSaidBesideItCounts(t *testing.T) {
	for _, tt := range []struct {
		what, want string
		told       setup
	}{
		{"no profile", " 0.21 nats", setup{}},
		{"the flag", "otp 0.3 redis", setup{args: []string{"--profile=0.3"}}},
		{"the variable", "otp 0.3 redis", setup{env: map[string]string{"WADM_PROFILE": "0.3"}}},
		{"the file", "otp 0.3 redis", setup{file: "profile: 0.3\n"}},
		{"another dialect", "v1 0.3 redis", setup{args: []string{"--profile=0.3", "--lattice-dialect=v1"}}},
		{"another generation", "otp 0.21 redis", setup{args: []string{"--profile=0.3"}, env: map[string]string{"WADM_API_GENERATION": "0.21"}}},
		{"another store", "otp 0.3 memory", setup{args: []string{"--profile=0.3"}, file: "store: memory\n"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			cfg, _, err := tt.told.config(t)
			if err != nil {
				t.Fatal(err)
			}
			records, _, _ := strings.Cut(cfg.Cluster, "-")
			if got := fmt.Sprintf("%s %s %s", cfg.Dialect, cfg.Generation, records); got != tt.want {
				t.Errorf("it is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSettingsThatCannotBeUsedEndTheStart(t *testing.T) {
	seed := seedOf(t)
	for _, tt := range []struct {
		what string
		told setup
		want string
	}{
		{"a JWT without its seed", setup{env: map[string]string{"WADM_USER_JWT": "a.b.c"}}, "--user-jwt needs --user-seed"},
		{"a seed that is none", setup{env: map[string]string{"WADM_USER_SEED": "S" + strings.Repeat("A", 57)}}, "reading the seed: it is no nkey seed"},
		{"no back-off", setup{args: []string{"--nats-backoff-period=0"}}, "--nats-backoff-period must be above 0"},
		{"a port that is none", setup{env: map[string]string{"WADM_NATS_PORT": "65536"}}, "environment variable WADM_NATS_PORT cannot be used"},
		{"a lattice that cannot be named", setup{file: "lattices: {a.b: }\n"}, "lattices in "},
		{"a dialect that is none", setup{file: "lattices: {a: {lattice-dialect: v9}}\n"}, "wadm.yaml:1:16: lattice a: --lattice-dialect v9 is not known"},
		{"a file that is not there", setup{file: "lattices: {a: {nats-creds-file: /nowhere}}\n"}, "lattice a in "},
		{"a Vault without a path", setup{env: map[string]string{"WADM_VAULT_TOKEN": "x"}}, "the path of the secrets in Vault is not given"},
		{"a Vault that is no URL", setup{env: map[string]string{"WADM_VAULT_TOKEN": "x", "WADM_VAULT_ADDR": "vault", "WADM_VAULT_PATH_TEMPLATE": "%l"}}, "must be an http or https URL"},
		{"a password for nobody", setup{file: "lattices: {a: {nats-password: x}}\n"}, "a password without a user opens nothing"},
		{"a user in two ways", setup{file: "lattices: {a: {nats-creds-file: x, nats-jwt: a.b.c, nats-seed: " + seed + "}}\n"}, "give the file or the two"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if _, _, err := tt.told.config(t); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), seed) {
				t.Errorf("the error is %v, want %s", err, tt.want)
			}
		})
	}
}

func TestCredentialsInFilesAreReadAgain(t *testing.T) {
	first, second := seedOf(t), seedOf(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg, _, err := setup{args: []string{"--nats-jwt", write("jwt", "a.b.c"), "--nats-seed", write("seed", first)}}.config(t)
	if err != nil {
		t.Fatal(err)
	}
	o := nats.GetDefaultOptions()
	for _, set := range cfg.Options {
		if err := set(&o); err != nil {
			t.Fatal(err)
		}
	}
	write("jwt", "d.e.f\n")
	write("seed", second+"\n")
	pair, err := nkeys.FromSeed([]byte(second))
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := o.UserJWT()
	if err != nil || jwt != "d.e.f" {
		t.Errorf("the JWT is %q, %v", jwt, err)
	}
	if sig, err := o.SignatureCB([]byte("nonce")); err != nil || pair.Verify([]byte("nonce"), sig) != nil {
		t.Errorf("it is not signed with the new seed: %v", err)
	}
}
