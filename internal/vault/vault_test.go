package vault

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/natstest"
)

const (
	jwtText  = "eyJ.SECRETJWT.sig"
	seedText = "SUSECRETSEED"
)

func (f *fake) open(t *testing.T, template string, change ...func(*Config)) (*Vault, *natstest.Logbook) {
	t.Helper()
	log := &natstest.Logbook{}
	cfg := Config{Addr: f.URL, Token: goodToken, Template: template, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, c := range change {
		c(&cfg)
	}
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range []string{goodToken, jwtText, seedText, "OTHER"} {
			if log.Count(s) > 0 {
				t.Errorf("the log shows %s:\n%s", s, log)
			}
		}
	})
	return v, log
}

func good() map[string]any { return map[string]any{"jwt": jwtText, "seed": " " + seedText + "\n"} }

func TestASecretIsFoundInBothVersionsOfTheEngine(t *testing.T) {
	for _, tt := range []struct {
		what, at, template string
		change             func(*fake)
	}{
		{"version 1", "kv1/wadm/shop", "kv1/wadm/%l", nil},
		{"version 1, and mounts are not told", "kv1/wadm/shop", "kv1/wadm/%l", func(f *fake) { f.blind = true }},
		{"version 2 by its whole path", "secret/wadm/shop", "secret/data/wadm/%l", func(f *fake) { f.blind = true }},
		{"version 2 by the path that people use", "secret/wadm/shop", "secret/wadm/%l", nil},
		{"likewise, and mounts are not told", "secret/wadm/shop", "secret/wadm/%l", func(f *fake) { f.blind = true }},
		{"likewise, with a policy for data/ alone", "secret/wadm/shop", "secret/wadm/%l", func(f *fake) { f.blind, f.narrowed = true, true }},
		{"a name in the middle, and slashes around", "secret/shop/nats", "/secret/%l/nats/", nil},
		{"one secret for all", "kv1/wadm", "kv1/wadm", nil},
	} {
		t.Run(tt.what, func(t *testing.T) {
			f := newFake(t)
			f.secrets[tt.at] = good()
			if tt.change != nil {
				tt.change(f)
			}
			v, _ := f.open(t, tt.template)
			l := v.Login("shop")
			if err := l.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			if jwt, seed, err := l.Secret(); jwt != jwtText || seed != seedText || err != nil {
				t.Errorf("read %q and %q, %v", jwt, seed, err)
			}
		})
	}
}

func TestWhatKeepsASecretFromBeingReadIsNamed(t *testing.T) {
	for _, tt := range []struct {
		what   string
		change func(*fake)
		want   string
	}{
		{"another token", func(f *fake) { f.token = "other" }, "reading secret/wadm/shop from Vault: permission denied (403)"},
		{"no secret there", func(f *fake) { delete(f.secrets, "secret/wadm/shop") }, "reading secret/wadm/shop from Vault: there is no secret"},
		{"a deleted one", func(f *fake) { f.deleted["wadm/shop"] = true }, "reading secret/wadm/shop from Vault: its last version was deleted"},
		{"no jwt", func(f *fake) { delete(f.secrets["secret/wadm/shop"], "jwt") }, `reading secret/wadm/shop from Vault: the secret has no text "jwt"`},
		{"an empty seed", func(f *fake) { f.secrets["secret/wadm/shop"]["seed"] = " " }, `reading secret/wadm/shop from Vault: the secret has no text "seed"`},
		{"a seed that is a number", func(f *fake) { f.secrets["secret/wadm/shop"]["seed"] = 7 }, `reading secret/wadm/shop from Vault: the secret has no text "seed"`},
		{"sealed", func(f *fake) { f.status, f.errors = 503, []string{"Vault is sealed"} }, "reading secret/wadm/shop from Vault: Vault is sealed (503)"},
		{"standby without a word", func(f *fake) { f.status = 503 }, "reading secret/wadm/shop from Vault: it gives no reason (503)"},
		{"broken inside", func(f *fake) { f.status, f.errors = 500, []string{"internal error"} }, "reading secret/wadm/shop from Vault: internal error (500)"},
		{"too slow", func(f *fake) { f.pause = time.Minute }, "reading secret/wadm/shop from Vault: "},
	} {
		t.Run(tt.what, func(t *testing.T) {
			f := newFake(t)
			f.secrets["secret/wadm/shop"] = good()
			tt.change(f)
			v, log := f.open(t, "secret/wadm/%l", func(c *Config) { c.Timeout = 200 * time.Millisecond })
			l := v.Login("shop")
			err := l.Prepare(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %v, want %s", err, tt.want)
			}
			if _, _, got := l.Secret(); got == nil || got.Error() != err.Error() {
				t.Errorf("who asks for the secret gets %v", got)
			}
			if log.String() != "" {
				t.Errorf("what the caller tells is logged here too: %s", log)
			}
		})
	}
}

func TestAVaultThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := "http://" + l.Addr().String()
	l.Close()
	v, err := New(Config{Addr: addr, Token: goodToken, Template: "secret/data/%l"})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Login("shop").Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), goodToken) {
		t.Errorf("the error is %v", err)
	}
	if _, _, err := v.Login("shop").Secret(); err == nil {
		t.Error("there is a secret before one was read")
	}
	for name, cfg := range map[string]Config{
		"no URL": {Addr: "vault:8200", Template: "a"}, "another protocol": {Addr: "ftp://vault", Template: "a"}, "nothing": {Template: "a"}, "no path": {Addr: addr, Template: "/"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestASecretIsReadAgainAndTheLastOneKept(t *testing.T) {
	f := newFake(t)
	f.secrets["secret/shop"] = good()
	v, log := f.open(t, "secret/data/%l")
	l := v.Login("shop")
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.set(func(f *fake) { f.status, f.errors = 503, []string{"Vault is sealed"} })
	for range 3 {
		if err := l.Prepare(t.Context()); err == nil {
			t.Fatal("a sealed Vault was read")
		}
	}
	if jwt, _, err := l.Secret(); jwt != jwtText || err != nil {
		t.Errorf("the last secret is not kept: %v", err)
	}
	if n := log.Count("cannot be read from Vault"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, log)
	}
	f.set(func(f *fake) {
		f.status = 0
		f.secrets["secret/shop"] = map[string]any{"jwt": "a.OTHER.c", "seed": "SUOTHER"}
	})
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if jwt, seed, _ := l.Secret(); jwt != "a.OTHER.c" || seed != "SUOTHER" {
		t.Error("the new secret is not the one that is used")
	}
	if log.Count("can be read from Vault again") != 1 {
		t.Errorf("the return is not logged:\n%s", log)
	}
}

func TestAsNobodyOnlyWhereThatIsAskedFor(t *testing.T) {
	f := newFake(t)
	v, log := f.open(t, "secret/data/%l", func(c *Config) { c.Anonymous = true })
	l := v.Login("shop")
	for range 2 {
		if err := l.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if jwt, seed, err := l.Secret(); jwt+seed != "" || err != nil {
		t.Errorf("it is somebody, %v", err)
	}
	if log.Count("connects as nobody") != 1 {
		t.Errorf("not logged once:\n%s", log)
	}
	f.set(func(f *fake) { f.secrets["secret/shop"] = good() })
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if jwt, _, _ := l.Secret(); jwt != jwtText {
		t.Error("the secret that came later is not used")
	}
}

// run keeps the token of a Vault alive for the time of a test.
func run(t *testing.T, v *Vault) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: it never came", what)
		}
	}
}

const renewal = "PUT auth/token/renew-self"

func TestTheTokenIsRenewed(t *testing.T) {
	f := newFake(t)
	f.ttl = 2
	v, log := f.open(t, "secret/data/%l")
	run(t, v)
	until(t, "three renewals", func() bool { return f.count(renewal) >= 3 })
	f.set(func(f *fake) { f.status, f.errors = 403, []string{"permission denied"} })
	until(t, "it is told when that ends", func() bool { return log.Count("the Vault token is not kept alive") >= 1 })
	f.set(func(f *fake) { f.status = 0 })
	before := f.count(renewal)
	until(t, "it goes on when it can", func() bool { return f.count(renewal) > before })
	if n := log.Count("not kept alive"); n > 2 {
		t.Errorf("told %d times:\n%s", n, log)
	}
}

func TestAVaultThatIsIllIsNotAskedAllTheTime(t *testing.T) {
	f := newFake(t)
	f.ttl = 2
	v, log := f.open(t, "secret/data/%l")
	run(t, v)
	until(t, "a renewal", func() bool { return f.count(renewal) >= 2 })
	f.set(func(f *fake) { f.status, f.errors = 503, []string{"Vault is sealed"} })
	before := f.count(renewal)
	const look = "GET auth/token/lookup-self"
	until(t, "it is tried again", func() bool { return f.count(look) >= 3 })
	if n := f.count(renewal) - before; n > 3 {
		t.Errorf("renewed %d times meanwhile", n)
	}
	f.set(func(f *fake) { f.status = 0 })
	before = f.count(renewal)
	until(t, "it goes on when it can", func() bool { return f.count(renewal) > before })
	if n := log.Count("not kept alive"); n > 2 {
		t.Errorf("told %d times:\n%s", n, log)
	}
}

func TestATokenThatNeedsNoRenewalOrHasNoneIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		what   string
		change func(*fake)
		warned int
	}{
		{"it lives for ever", func(*fake) {}, 0},
		{"it cannot be renewed", func(f *fake) { f.ttl, f.fixed = 3600, true }, 1},
	} {
		t.Run(tt.what, func(t *testing.T) {
			f := newFake(t)
			tt.change(f)
			v, log := f.open(t, "secret/data/%l")
			run(t, v)
			until(t, "it is looked at", func() bool { return f.count("GET auth/token/lookup-self") == 1 && log.Count("1h0m0s") == tt.warned })
			if n := f.count(renewal); n != 0 {
				t.Errorf("%d renewals", n)
			}
		})
	}
}
