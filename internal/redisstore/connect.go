package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The forms of a URL that ParseURL takes, for help texts.
const URLForms = "redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, unix://[USER:PASSWORD@]/PATH[?db=N], " +
	"redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]/MASTER[/DB] (rediss+sentinel:// for TLS)"

// Target is where a Redis is and how to log in. It shows no secret when printed.
type Target struct {
	network   string // tcp or unix
	addresses []string
	master    string // of a Sentinel
	db        int

	user, password                 string
	sentinelUser, sentinelPassword string
	tls                            *tls.Config
}

// String is where the server is, without who logs in there.
func (t *Target) String() string {
	s := strings.Join(t.addresses, ",")
	if t.master != "" {
		s += "/" + t.master
	}
	return s
}

// Records names the records there: the same for everybody who means the same database by the same address.
func (t *Target) Records() string { return t.String() + "/" + strconv.Itoa(t.db) }

// ParseURL reads where a Redis is (URLForms). Query parameters: db; ca, cert, key (PEM files, for TLS); insecure=true (TLS without looking at
// the certificate); sentinel_user, sentinel_password. The error names the part at fault and never repeats a password.
func ParseURL(text string) (*Target, error) {
	fail := func(format string, args ...any) (*Target, error) {
		return nil, fmt.Errorf("the Redis URL "+format+": it has one of the forms "+URLForms, args...)
	}
	u, hosts, err := split(text)
	if err != nil {
		return fail("cannot be read")
	}
	t := &Target{network: "tcp", user: u.User.Username()}
	t.password, _ = u.User.Password()
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	db := ""
	sentinel := false
	switch u.Scheme {
	case "unix":
		t.network, t.addresses = "unix", []string{u.Path}
		if u.Path == "" {
			return fail("names no socket")
		}
		path = []string{""}
	case "redis", "rediss":
		if strings.Contains(hosts, ",") {
			return fail("names several servers, which only redis+sentinel:// may do")
		}
		db = path[0]
		path = path[1:]
	case "redis+sentinel", "rediss+sentinel":
		sentinel = true
		if t.master = path[0]; t.master == "" {
			return fail("does not name the master that the Sentinels look after")
		}
		if path = path[1:]; len(path) > 0 {
			db = path[0]
			path = path[1:]
		}
	default:
		return fail("begins with %q", u.Scheme+"://")
	}
	if len(path) > 0 && path[0] != "" {
		return fail("has too many parts after the address")
	}
	if t.network == "tcp" {
		if t.addresses, err = addresses(hosts, sentinel); err != nil {
			return fail("%v", err)
		}
	}
	return t.more(u, db, fail)
}

// more takes in the query parameters.
func (t *Target) more(u *url.URL, db string, fail func(string, ...any) (*Target, error)) (*Target, error) {
	q := u.Query()
	for k := range q {
		switch k {
		case "db", "ca", "cert", "key", "insecure", "sentinel_user", "sentinel_password":
		default:
			return fail("has the parameter %q, which is not known", k)
		}
	}
	if v := q.Get("db"); v != "" {
		db = v
	}
	if db != "" {
		n, err := strconv.Atoi(db)
		if err != nil || n < 0 {
			return fail("has %q where the number of the database belongs", db)
		}
		t.db = n
	}
	t.sentinelUser, t.sentinelPassword = q.Get("sentinel_user"), q.Get("sentinel_password")
	secure := strings.HasPrefix(u.Scheme, "rediss")
	if !secure && (q.Has("ca") || q.Has("cert") || q.Has("key") || q.Has("insecure")) {
		return fail("has parameters for TLS, which begins with rediss")
	}
	if !secure {
		return t, nil
	}
	var err error
	if t.tls, err = tlsConfig(q.Get("ca"), q.Get("cert"), q.Get("key"), q.Get("insecure") == "true"); err != nil {
		return nil, fmt.Errorf("the Redis URL: %w", err)
	}
	return t, nil
}

// split takes the hosts out before the URL is parsed, for a list of them is no host.
func split(text string) (*url.URL, string, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, "", errors.New("no scheme")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority := rest[:end]
	at := strings.LastIndexByte(authority, '@')
	hosts := authority[at+1:]
	stand := "h"
	if scheme == "unix" {
		stand = hosts
	}
	u, err := url.Parse(scheme + "://" + authority[:at+1] + stand + rest[end:])
	return u, hosts, err
}

func addresses(hosts string, sentinel bool) ([]string, error) {
	port := "6379"
	if sentinel {
		port = "26379"
	}
	var all []string
	for _, h := range strings.Split(hosts, ",") {
		host, p, err := net.SplitHostPort(h)
		if err != nil {
			host, p = strings.Trim(h, "[]"), port
		}
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("has the port %q", p)
		}
		if host == "" {
			host = "localhost"
		}
		all = append(all, net.JoinHostPort(host, p))
	}
	return all, nil
}

func tlsConfig(ca, cert, key string, insecure bool) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // asked for by name
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("reading ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading ca: %s holds no certificate", ca)
		}
	}
	if (cert == "") != (key == "") {
		return nil, errors.New("cert and key belong together")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("reading cert and key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// connections is how many may be open at once: more than anybody waits for, and few for a server.
const connections = 64

// client makes the client. Retries are ours: a script that was sent may have run, although no answer came.
func (t *Target) client(o Options) *redis.Client {
	silence()
	off := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if t.master != "" {
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: t.master, SentinelAddrs: t.addresses, SentinelUsername: t.sentinelUser, SentinelPassword: t.sentinelPassword,
			Username: t.user, Password: t.password, DB: t.db, TLSConfig: t.tls, Protocol: 2, DisableIdentity: true,
			MaxRetries: -1, DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, ContextTimeoutEnabled: true, PoolSize: connections,
		})
	}
	return redis.NewClient(&redis.Options{
		Network: t.network, Addr: t.addresses[0], Username: t.user, Password: t.password, DB: t.db, TLSConfig: t.tls, Protocol: 2, DisableIdentity: true,
		MaxRetries: -1, DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, ContextTimeoutEnabled: true, PoolSize: connections,
		MaintNotificationsConfig: off,
	})
}

// quiet is the client library's log: whatever it says comes back as an error of a call, too, and is told there.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func silence() { redis.SetLogger(quiet{}) }
