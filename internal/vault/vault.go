package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// DefaultAddr is where Vault is looked for when nobody says.
const DefaultAddr = "http://127.0.0.1:8200"

// Config is what is known of Vault. Addr, Token and Template must be set.
type Config struct {
	Addr     string
	Token    string
	Template string // path of a lattice's secret, in which %l is the name of the lattice
	// Anonymous has a lattice whose secret was never read connected as nobody, as wadm 0.3.0 did.
	Anonymous bool
	Timeout   time.Duration // of one request [5 s]
	Log       *slog.Logger  // [slog.Default]
}

// Vault is one Vault and the token with which it is asked.
type Vault struct {
	cfg    Config
	client *api.Client
}

// New returns a Vault that nothing was asked of yet. Errors are mistakes of whoever configured it. What Vault's own tools take from the environment
// (VAULT_CACERT, VAULT_NAMESPACE, …) counts here too, but for the address and the token.
func New(cfg Config) (*Vault, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	u, err := url.Parse(cfg.Addr)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the address of Vault must be an http or https URL")
	case strings.Trim(cfg.Template, "/") == "":
		return nil, errors.New("the path of the secrets in Vault is not given")
	}
	c := api.DefaultConfig()
	if c.Error != nil {
		return nil, fmt.Errorf("configuring Vault: %w", c.Error)
	}
	c.Address, c.Timeout = cfg.Addr, cfg.Timeout
	c.MaxRetries = 0 // who asks tries again, and tells of it
	client, err := api.NewClient(c)
	if err != nil {
		return nil, fmt.Errorf("configuring Vault: %w", err)
	}
	client.SetToken(cfg.Token)
	return &Vault{cfg: cfg, client: client}, nil
}

// Login is the login of one lattice. Its methods may be called from any goroutine.
type Login struct {
	v    *Vault
	path string
	log  *slog.Logger

	mu     sync.Mutex
	have   secret
	failed error  // of the last reading, nil if it was good
	said   string // of a failure that something else stands in for
}

// secret is what a lattice is entered with.
type secret struct{ jwt, seed string }

// Login is the login of a lattice, of which nothing is read before Prepare.
func (v *Vault) Login(lattice string) *Login {
	return &Login{v: v, path: strings.Trim(strings.ReplaceAll(v.cfg.Template, "%l", lattice), "/"), log: v.cfg.Log.With("lattice", lattice)}
}

// Prepare reads the secret, which may be another one since the last time. Where it cannot be read the last one that was read is kept; a caller who
// gets in with it need not care for the error.
func (l *Login) Prepare(ctx context.Context) error {
	s, err := l.v.read(ctx, l.path)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
	if err == nil {
		l.have = s
		if l.said != "" {
			l.log.Info("the NATS credentials can be read from Vault again", "path", l.path)
		}
		l.said = ""
		return nil
	}
	standIn := ""
	switch {
	case l.have != (secret{}):
		standIn = "those read before"
	case l.v.cfg.Anonymous:
		standIn = "none: it connects as nobody (--vault-fallback-anonymous)"
	}
	if standIn != "" && l.said != err.Error() {
		l.said = err.Error()
		l.log.Warn("the NATS credentials cannot be read from Vault", "used", standIn, "error", err)
	}
	if l.have == (secret{}) && l.v.cfg.Anonymous {
		return nil
	}
	return err
}

// Secret is what Prepare has read: a user's JWT and the seed of its key. Both are empty where the lattice is to be entered as nobody.
func (l *Login) Secret() (jwt, seed string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.have != (secret{}), l.v.cfg.Anonymous:
		return l.have.jwt, l.have.seed, nil
	case l.failed != nil:
		return "", "", l.failed
	}
	return "", "", errors.New("the NATS credentials were not read from Vault yet")
}
