package redisstore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/redistest"
	"github.com/wadm-go/wadm/internal/store"
)

func shop(versions ...string) store.Model {
	m := store.Model{Name: "shop"}
	for _, v := range versions {
		m.Versions = append(m.Versions, store.Version{Version: v, Manifest: manifest("shop", v), Raw: []byte("# " + v)})
	}
	return m
}

// used says that a store can be written and read.
func used(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.PutModel(t.Context(), "default", shop("1"), 0); err != nil {
		t.Fatal(err)
	}
	if m, _, err := s.Model(t.Context(), "default", "shop"); err != nil || names(m.Versions) != "1" {
		t.Fatalf("what came back is %+v, %v", m, err)
	}
}

// opens tries to open a store, and wants what is said if it cannot be.
func opens(t *testing.T, url string, says ...string) {
	t.Helper()
	s, err := Open(t.Context(), url, Options{})
	if err == nil {
		s.Close()
		t.Fatalf("%s was opened", url)
	}
	for _, word := range says {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error %q does not say %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("the error %q shows a password", err)
	}
}

func TestPasswordUserAndDatabase(t *testing.T) {
	t.Run("a password", func(t *testing.T) {
		srv := redistest.StartTCP(t, "--requirepass", "geheim")
		used(t, process(t, "redis://:geheim@"+srv.Addr, Options{}))
		opens(t, "redis://"+srv.Addr, "Redis wants a password")
		opens(t, "redis://:geheimer@"+srv.Addr, "does not know this user and password")
	})
	t.Run("an ACL user with no more than it needs", func(t *testing.T) {
		srv := redistest.StartTCP(t)
		ctx := t.Context()
		c := client(t, srv)
		rules := []any{"ACL", "SETUSER", "wadm", "on", ">geheim", "resetkeys", "~wadm:*", "~wadm-run:*", "resetchannels", "-@all",
			"+@read", "+@write", "+@scripting", "+@connection", "+time", "+info"}
		must[any](t)(c.Do(ctx, rules...).Result())
		s := process(t, "redis://wadm:geheim@"+srv.Addr, Options{})
		used(t, s)
		snapshot(t, must[<-chan store.Change[store.Model]](t)(s.WatchModels(ctx, "default")))
		if all := must[[]string](t)(s.Lattices(ctx)); len(all) != 1 {
			t.Errorf("lattices %q", all)
		}
		must[any](t)(c.Do(ctx, "ACL", "SETUSER", "wadm", "-info").Result())
		process(t, "redis://wadm:geheim@"+srv.Addr, Options{})
		must[any](t)(c.Do(ctx, "ACL", "SETUSER", "wadm", "-@scripting").Result())
		_, _, err := s.Model(ctx, "default", "shop")
		if err == nil || !strings.Contains(err.Error(), "the user that wadm logs in as may not do this: it needs") {
			t.Errorf("without scripts a read says %v", err)
		}
	})
	t.Run("a database of its own", func(t *testing.T) {
		srv := redistest.StartTCP(t)
		used(t, process(t, "redis://"+srv.Addr+"/3", Options{}))
		if n := must[int64](t)(client(t, srv).DBSize(t.Context()).Result()); n != 0 {
			t.Errorf("database 0 has %d keys", n)
		}
		used(t, process(t, "redis://"+srv.Addr, Options{}))
		opens(t, "redis://"+srv.Addr+"/99", "DB index is out of range")
	})
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	cert, private := file("cert.pem", "CERTIFICATE", der), file("key.pem", "EC PRIVATE KEY", must[[]byte](t)(x509.MarshalECPrivateKey(key)))
	srv := redistest.StartTCP(t, "--port", "0", "--tls-port", "%PORT%", "--tls-cert-file", cert, "--tls-key-file", private, "--tls-ca-cert-file", cert)
	query := url.Values{"ca": {cert}, "cert": {cert}, "key": {private}}.Encode()
	used(t, process(t, "rediss://"+srv.Addr+"?"+query, Options{}))
	opens(t, "rediss://"+srv.Addr, "certificate")
	opens(t, "rediss://"+srv.Addr+"?insecure=true", "opening Redis") // it wants a certificate of ours; how it says so is a matter of timing
	opens(t, "rediss://"+srv.Addr+"?ca="+filepath.Join(dir, "none.pem"), "reading ca")
	opens(t, "redis://"+srv.Addr+"?ca="+cert, "begins with rediss")
}

func TestClusterAndASentinelWithoutAMasterAreRefusedInOneSentence(t *testing.T) {
	cluster := redistest.StartTCP(t, "--cluster-enabled", "yes")
	opens(t, cluster.URL(), "Redis Cluster is not possible", "use one Redis, or Sentinel")
	master := redistest.StartTCP(t)
	sentinel := redistest.Sentinel(t, "main", master)
	opens(t, sentinel.URL(), "this is a Sentinel", "redis+sentinel://"+sentinel.Addr+"/")
	opens(t, "redis+sentinel://"+sentinel.Addr+"/other", "Sentinel", "master of that name")
	opens(t, "redis://127.0.0.1:1", "nobody answers at 127.0.0.1:1")
}

// TestAServerThatTakesNoWrites: every state says what it is, nothing is half written, reads go on, and it works again when the state ends.
func TestAServerThatTakesNoWrites(t *testing.T) {
	for _, c := range []struct {
		name  string
		args  []string
		begin func(t *testing.T, c *redis.Client, srv *redistest.Server)
		end   func(t *testing.T, c *redis.Client, srv *redistest.Server)
		says  string
	}{
		{
			name:  "its memory is full",
			begin: func(t *testing.T, c *redis.Client, _ *redistest.Server) { config(t, c, "maxmemory", "1") },
			end:   func(t *testing.T, c *redis.Client, _ *redistest.Server) { config(t, c, "maxmemory", "0") },
			says:  "Redis has no memory left (maxmemory), so nothing was written",
		},
		{
			name: "it was made a copy of another one",
			begin: func(t *testing.T, c *redis.Client, _ *redistest.Server) {
				must[string](t)(c.ReplicaOf(t.Context(), "127.0.0.1", "1").Result())
			},
			end: func(t *testing.T, c *redis.Client, _ *redistest.Server) {
				must[string](t)(c.ReplicaOf(t.Context(), "NO", "ONE").Result())
			},
			says: "this Redis copies another one and takes no writes",
		},
		{
			name:  "too few copies of it",
			begin: func(t *testing.T, c *redis.Client, _ *redistest.Server) { config(t, c, "min-replicas-to-write", "1") },
			end:   func(t *testing.T, c *redis.Client, _ *redistest.Server) { config(t, c, "min-replicas-to-write", "0") },
			says:  "too few copies of it are connected",
		},
		{
			name: "it cannot save to its disk",
			begin: func(t *testing.T, c *redis.Client, srv *redistest.Server) {
				config(t, c, "save", "3600 1")
				if err := os.RemoveAll(srv.Dir); err != nil {
					t.Fatal(err)
				}
				must[string](t)(c.BgSave(t.Context()).Result())
				for { // the saving process has to have failed
					if info := must[string](t)(c.Info(t.Context(), "persistence").Result()); strings.Contains(info, "rdb_last_bgsave_status:err") {
						return
					}
				}
			},
			end:  func(t *testing.T, c *redis.Client, _ *redistest.Server) { config(t, c, "save", "") },
			says: "it cannot save to its disk",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := redistest.StartTCP(t, c.args...)
			admin := client(t, srv)
			ctx := t.Context()
			s := process(t, srv.URL(), Options{})
			rev := must[uint64](t)(s.PutModel(ctx, "default", shop("1"), 0))
			before := snapshotOfKeys(t, admin)
			c.begin(t, admin, srv)
			for doing, write := range map[string]func() error{
				"putting a version": func() error { _, err := s.PutModel(ctx, "default", shop("1", "2"), rev); return err },
				"deleting":          func() error { return s.DeleteModel(ctx, "default", "shop", rev) },
				"taking the lease": func() error {
					_, err := s.PutLease(ctx, "default", store.Lease{Owner: "me"}, 0)
					return err
				},
			} {
				if err := write(); err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s says %v", doing, err)
				}
			}
			if all, err := s.Models(ctx, "default"); err != nil || len(all) != 1 || names(all[0].Versions) != "1" {
				t.Errorf("the list is %+v, %v", all, err)
			}
			if _, at, err := s.Model(ctx, "default", "shop"); err != nil || at != rev {
				t.Errorf("getting it: revision %d instead of %d, %v", at, rev, err)
			}
			if after := snapshotOfKeys(t, admin); fmt.Sprint(before) != fmt.Sprint(after) {
				t.Errorf("the keys changed from %v to %v", before, after)
			}
			c.end(t, admin, srv)
			if _, err := s.PutModel(ctx, "default", shop("1", "2"), rev); err != nil {
				t.Errorf("after the state has ended: %v", err)
			}
		})
	}
}

func config(t *testing.T, c *redis.Client, name, value string) {
	t.Helper()
	must[string](t)(c.ConfigSet(t.Context(), name, value).Result())
}

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestSettingsUnderWhichRecordsCanBeLostAreWarnedOf(t *testing.T) {
	open := func(t *testing.T, args ...string) string {
		srv := redistest.StartTCP(t, args...)
		var log lines
		process(t, srv.URL(), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		return log.String()
	}
	if log := open(t, "--appendonly", "yes", "--maxmemory", "100mb"); log != "" {
		t.Errorf("a sound server is warned of: %s", log)
	}
	for args, want := range map[string]string{
		"--appendonly no":                          "appendonly no",
		"--appendonly yes --replicaof 127.0.0.1 1": "takes no writes",
		"--appendonly yes --maxmemory 100mb --maxmemory-policy allkeys-lru": "throws keys away",
	} {
		if log := open(t, strings.Fields(args)...); !strings.Contains(log, want) || !strings.Contains(log, "level=WARN") {
			t.Errorf("%s: the log says %q", args, log)
		}
	}
}

// TestARestartLosesNothingThatWasAcknowledged: with an append-only file that is written at once, kill -9 of the server costs nothing; watches
// begin again, and what was in flight is an error that says that it may have happened.
func TestARestartLosesNothingThatWasAcknowledged(t *testing.T) {
	srv := redistest.StartTCP(t, "--appendonly", "yes", "--appendfsync", "always")
	ctx := t.Context()
	s := process(t, srv.URL(), Options{Timeout: 2 * time.Second})
	changes := must[<-chan store.Change[store.Model]](t)(s.WatchModels(ctx, "default"))
	snapshot(t, changes)
	m := shop("0")
	rev := must[uint64](t)(s.PutModel(ctx, "default", m, 0))
	next(t, changes)
	for i := 1; i <= 3; i++ {
		srv.Kill()
		if _, err := s.PutModel(ctx, "default", shop("lost"), rev); err == nil || errors.Is(err, store.ErrConflict) {
			t.Fatalf("a put on a dead server says %v", err)
		}
		srv.Run()
		got, at, err := s.Model(ctx, "default", "shop")
		for err != nil && strings.Contains(err.Error(), "loading") {
			got, at, err = s.Model(ctx, "default", "shop")
		}
		if err != nil || at != rev || names(got.Versions) != names(m.Versions) {
			t.Fatalf("after restart %d: %q at %d instead of %q at %d, %v", i, names(got.Versions), at, names(m.Versions), rev, err)
		}
		m.Versions = append(m.Versions, store.Version{Version: fmt.Sprint(i), Manifest: manifest("shop", fmt.Sprint(i))})
		if rev, err = s.PutModel(ctx, "default", m, rev); err != nil {
			t.Fatal(err)
		}
		for seen := false; !seen; {
			c := next(t, changes)
			seen = c.Revision == rev
			if c.Gone {
				t.Fatal("the watch says that it is gone")
			}
		}
	}
}

// TestSentinelLeadsToTheNewMaster: when the master dies the same store goes on with the one that takes its place, by itself.
func TestSentinelLeadsToTheNewMaster(t *testing.T) {
	master := redistest.StartTCP(t)
	host, port, err := net.SplitHostPort(master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	second := redistest.StartTCP(t, "--replicaof", host+" "+port)
	sentinel := redistest.Sentinel(t, "main", master)
	ctx := t.Context()
	until := func(what string, holds func() bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		for !holds() {
			select {
			case <-ctx.Done():
				t.Fatalf("%s: not within a minute\n%s", what, sentinel.Log())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	watcher := client(t, sentinel)
	until("the Sentinel knows both", func() bool {
		info, err := watcher.Info(ctx, "sentinel").Result()
		return err == nil && strings.Contains(info, "status=ok") && strings.Contains(info, "slaves=1")
	})
	s := process(t, "redis+sentinel://"+sentinel.Addr+"/main", Options{Timeout: time.Second})
	rev := must[uint64](t)(s.PutModel(ctx, "default", shop("1"), 0))
	changes := must[<-chan store.Change[store.Model]](t)(s.WatchModels(ctx, "default"))
	snapshot(t, changes)
	copied := client(t, second)
	until("the copy has it", func() bool { return copied.Exists(ctx, modelKey("default", "shop")).Val() == 1 })
	master.Kill()
	until("a write succeeds again", func() bool {
		_, at, err := s.Model(ctx, "default", "shop")
		if err != nil {
			return false
		}
		_, err = s.PutModel(ctx, "default", shop("1", "2"), at)
		return err == nil
	})
	m, at, err := s.Model(ctx, "default", "shop")
	if err != nil || at <= rev || names(m.Versions) != "1 2" {
		t.Fatalf("afterwards it is %+v at %d, %v", m, at, err)
	}
	for {
		c := next(t, changes)
		if c.Gone {
			t.Fatal("the watch says that it is gone")
		}
		if c.Revision == at {
			return
		}
	}
}

func TestURLs(t *testing.T) {
	for text, want := range map[string]string{
		"redis://localhost":                       "localhost:6379/0",
		"redis://u:geheim@h:7/2":                  "h:7/2",
		"rediss://h?insecure=true&db=4":           "h:6379/4",
		"redis://[::1]:7":                         "[::1]:7/0",
		"unix:///run/redis.sock?db=1":             "/run/redis.sock/1",
		"redis+sentinel://a,b:7/main":             "a:26379,b:7/main/0",
		"redis+sentinel://:p%40geheim@a,b/main/3": "a:26379,b:26379/main/3",
		"redis://h/x":                             `has "x" where the number of the database belongs`,
		"redis://h/1/2":                           "too many parts",
		"redis://a,b":                             "only redis+sentinel://",
		"redis+sentinel://a":                      "does not name the master",
		"redis://h:port":                          `has the port "port"`,
		"redis://h?pool=3":                        `the parameter "pool"`,
		"nats://h":                                `begins with "nats://"`,
		"h:6379":                                  "cannot be read",
		"unix://":                                 "names no socket",
		"redis://:geheim%zz@h":                    "cannot be read",
		"rediss://h?cert=x":                       "cert and key belong together",
		"redis+sentinel://h/m/0?sentinel_password=geheim": "h:26379/m/0",
	} {
		target, err := ParseURL(text)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = target.Records()
		}
		if !strings.Contains(got, want) || strings.Contains(got, "geheim") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
