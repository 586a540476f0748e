package main

import (
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/vault"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// olderFlags are the settings that wadm 0.3.0 took from the environment.
type olderFlags struct {
	host     string
	port     uint16
	tls      bool
	userJWT  string
	userSeed string
	backoff  uint // milliseconds

	vaultAddr, vaultToken, vaultTemplate string
	vaultAnonymous                       bool
}

var olderEnv = []settings.Var{
	{Flag: "nats-host", Names: []string{"WADM_NATS_HOST"}},
	{Flag: "nats-port", Names: []string{"WADM_NATS_PORT"}},
	{Flag: "nats-tls", Names: []string{"WADM_TLS"}, Loose: true},
	{Flag: "user-jwt", Names: []string{"WADM_USER_JWT"}},
	{Flag: "user-seed", Names: []string{"WADM_USER_SEED"}},
	{Flag: "nats-backoff-period", Names: []string{"WADM_NATS_BACKOFF_PERIOD"}},
	{Flag: "vault-addr", Names: []string{"WADM_VAULT_ADDR"}},
	{Flag: "vault-token", Names: []string{"WADM_VAULT_TOKEN"}},
	{Flag: "vault-path-template", Names: []string{"WADM_VAULT_PATH_TEMPLATE"}},
	{Flag: "vault-fallback-anonymous", Names: []string{"WADM_VAULT_FALLBACK_ANONYMOUS"}},
}

func (o *olderFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&o.host, "nats-host", "127.0.0.1", "host of the NATS server, where --nats-server is not given")
	fs.Uint16Var(&o.port, "nats-port", 4222, "port of the NATS server, where --nats-server is not given")
	fs.BoolVar(&o.tls, "nats-tls", false, "require TLS")
	fs.StringVar(&o.userJWT, "user-jwt", "", "JWT of the NATS user, or a file that holds it; needs --user-seed")
	fs.StringVar(&o.userSeed, "user-seed", "", "nkey seed of the NATS user, or a file that holds it; alone it is an nkey")
	fs.UintVar(&o.backoff, "nats-backoff-period", 2000, "milliseconds between two tries to connect again")
	fs.StringVar(&o.vaultAddr, "vault-addr", vault.DefaultAddr, "address of a Vault that holds the NATS credentials of lattices")
	fs.StringVar(&o.vaultToken, "vault-token", "", "token for it; without one Vault is not asked")
	fs.StringVar(&o.vaultTemplate, "vault-path-template", "", "path of a lattice's secret in Vault, in which %l is the lattice; it holds jwt and seed")
	fs.BoolVar(&o.vaultAnonymous, "vault-fallback-anonymous", false, "enter a lattice as nobody while its secret cannot be read, as 0.3.0 did")
}

// profiles are several settings at once.
var profiles = map[string]map[string]string{
	"0.3": {"lattice-dialect": "otp", "api-generation": "0.3", "store": "redis", "nats-backoff-period": "4000"},
}

// loadSettings fills the flags from everything that is not the command line.
func loadSettings(fs *pflag.FlagSet) (*settings.Settings, error) {
	told, err := settings.Load(fs, settings.Sources{Vars: serverEnv, Getenv: os.Getenv, Dir: ".", Default: settings.DefaultFile, Profiles: profiles})
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	return told, nil
}

// login is where NATS is and as whom to go there. The variables of 0.21.1 and those of 0.3.0 say the same in two ways; who said it nearer to the
// command line counts, and at the same distance the way of 0.21.1.
func (f *serverFlags) login(told *settings.Settings, log *slog.Logger) cli.Login {
	l := f.Login
	l.TLS = f.older.tls
	newer, older := farthest(told, "nats-server"), farthest(told, "nats-host", "nats-port")
	address := net.JoinHostPort(f.older.host, strconv.Itoa(int(f.older.port)))
	switch {
	case older > newer:
		l.Server = address
	case older > settings.Profile && l.Server != address:
		log.Warn("two settings name the NATS server: --nats-server (WADM_NATS_SERVER) counts, --nats-host and --nats-port (WADM_NATS_HOST, WADM_NATS_PORT) do not")
	}
	newer, older = farthest(told, "nats-creds-file", "nats-jwt", "nats-seed"), farthest(told, "user-jwt", "user-seed")
	switch {
	case older > newer:
		l.Creds, l.JWT, l.Seed, l.SeedAlone = "", f.older.userJWT, f.older.userSeed, true
	case older > settings.Profile:
		log.Warn("two settings name the NATS user: --nats-creds-file, --nats-jwt, --nats-seed (WADM_NATS_…) count, --user-jwt and --user-seed (WADM_USER_…) do not")
	}
	return l
}

// farthest is the most that one of the settings was said by.
func farthest(told *settings.Settings, flags ...string) settings.Kind {
	var most settings.Kind
	for _, flag := range flags {
		most = max(most, told.Of(flag).Kind)
	}
	return most
}

// options are those of a login, with how often it is tried again.
func (f *serverFlags) options(l cli.Login) ([]nats.Option, error) {
	if f.older.backoff == 0 {
		return nil, cli.Usagef("--nats-backoff-period must be above 0")
	}
	options, err := l.Options()
	return append(options, nats.ReconnectWait(time.Duration(f.older.backoff)*time.Millisecond)), err
}

// named are the lattices to look after even while nothing is stored for them: those of the flag, and those that have settings of their own.
func (f *serverFlags) named(told *settings.Settings) ([]string, error) {
	all := slices.Clone(f.lattices)
	for _, name := range slices.Sorted(maps.Keys(told.Lattices)) {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	for _, name := range all {
		if err := wadmapi.ValidName(name); err != nil {
			said := "--lattice"
			if !slices.Contains(f.lattices, name) {
				said = "lattices in " + told.File
			}
			return nil, cli.Usagef("%s: %w", said, err)
		}
	}
	return all, nil
}

// reaches says how each lattice is reached: as the process, but for what the file says of it.
func (f *serverFlags) reaches(told *settings.Settings, shared cli.Login, dialect lattice.Dialect, log *slog.Logger) (func(string) node.Reach, error) {
	common, err := f.options(shared)
	if err != nil {
		return nil, err
	}
	if f.vault, err = f.older.vault(log); err != nil {
		return nil, err
	}
	own := map[string]node.Reach{}
	for _, name := range slices.Sorted(maps.Keys(told.Lattices)) {
		set := told.Lattices[name]
		r := node.Reach{Dialect: dialect}
		if d, ok := set[settings.Dialect]; ok {
			if r.Dialect, err = parseDialect(d.Text); err != nil {
				return nil, cli.Usagef("%s: lattice %s: %w", d.Origin, name, err)
			}
		}
		l, known := latticeLogin(set, shared)
		if r.Options, err = f.options(l); err != nil {
			return nil, cli.Usagef("lattice %s in %s: %w", name, told.File, err)
		}
		r.URL = l.URL()
		if f.vault != nil && !known {
			if r, err = f.throughVault(name, l, r.Dialect); err != nil {
				return nil, err
			}
		}
		own[name] = r
	}
	return func(name string) node.Reach {
		r, ok := own[name]
		if ok {
			return r
		}
		if f.vault != nil {
			if r, err := f.throughVault(name, shared, dialect); err == nil { // the same options were good above
				return r
			}
		}
		return node.Reach{URL: shared.URL(), Options: common, Dialect: dialect}
	}, nil
}

// vault is the Vault that was named, nil if none was.
func (o *olderFlags) vault(log *slog.Logger) (*vault.Vault, error) {
	if o.vaultToken == "" {
		return nil, nil //nolint:nilnil // without a token there is none
	}
	v, err := vault.New(vault.Config{Addr: o.vaultAddr, Token: o.vaultToken, Template: o.vaultTemplate, Anonymous: o.vaultAnonymous, Log: log})
	if err != nil {
		return nil, cli.Usagef("--vault-addr, --vault-path-template (WADM_VAULT_…): %w", err)
	}
	return v, nil
}

// throughVault reaches a lattice where the login says, as whom Vault says.
func (f *serverFlags) throughVault(name string, at cli.Login, dialect lattice.Dialect) (node.Reach, error) {
	bare := cli.Login{Server: at.Place(), CA: at.CA, TLS: at.TLS}
	options, err := f.options(bare)
	if err != nil {
		return node.Reach{}, err
	}
	l := f.vault.Login(name)
	options = append(options, func(o *nats.Options) error {
		o.UserJWT = func() (string, error) {
			jwt, _, err := l.Secret()
			return jwt, err
		}
		o.SignatureCB = func(nonce []byte) ([]byte, error) {
			_, seed, err := l.Secret()
			if err != nil {
				return nil, err
			}
			return cli.Sign(seed, nonce)
		}
		return nil
	})
	return node.Reach{URL: bare.URL(), Options: options, Prepare: l.Prepare, Dialect: dialect}, nil
}

// latticeLogin is the login of a lattice: server, credentials and TLS are each its own where it names them, else those of the process. known says
// that the credentials are its own.
func latticeLogin(set settings.Lattice, shared cli.Login) (l cli.Login, known bool) {
	own := cli.Login{Creds: set[settings.Creds].Text, JWT: set[settings.JWT].Text, Seed: set[settings.Seed].Text, User: set[settings.User].Text,
		Password: set[settings.Password].Text, Token: set[settings.Token].Text, SeedAlone: true}
	l, known = shared, own.Own()
	if known {
		l = own
		l.Server, l.CA, l.TLS = shared.Server, shared.CA, shared.TLS
	}
	if s, ok := set[settings.Server]; ok {
		l.Server = s.Text
	}
	if tls, ok := set[settings.TLS]; ok {
		l.TLS = tls.Text == "true"
		if !l.TLS {
			l.CA = "" // the process's own would require it
		}
	}
	if ca, ok := set[settings.CA]; ok {
		l.CA = ca.Text
	}
	return l, known
}
