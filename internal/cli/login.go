package cli

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/spf13/pflag"
)

// Login says which NATS server is meant and as whom to go there. The server and every client command have the same flags for it.
type Login struct {
	Server string // URL, or host:port; empty = not said
	Seed   string // text or file
	JWT    string // text or file
	Creds  string // file
	CA     string // file; requires TLS

	// Without flags of their own.
	User, Password string
	Token          string
	TLS            bool // required also without CA
	SeedAlone      bool // a seed without a JWT is an nkey
}

// Flags adds the flags of a login. short gives --nats-server its one letter.
func (l *Login) Flags(fs *pflag.FlagSet) {
	fs.StringVarP(&l.Server, "nats-server", "s", "", "NATS server, host:port or URL (default 127.0.0.1:4222)")
	fs.StringVar(&l.Seed, "nats-seed", "", "nkey seed of the NATS user, or a file that holds it; needs --nats-jwt")
	fs.StringVar(&l.JWT, "nats-jwt", "", "JWT of the NATS user, or a file that holds it; needs --nats-seed")
	fs.StringVar(&l.Creds, "nats-creds-file", "", "credentials file of the NATS user")
	fs.StringVar(&l.CA, "nats-tls-ca-file", "", "certificates to trust; requires TLS")
}

// LoginEnv are the environment variables for the flags of a login, as the server of 0.21.1 names them.
var LoginEnv = []EnvVar{
	{"nats-server", []string{"WADM_NATS_SERVER"}},
	{"nats-seed", []string{"WADM_NATS_NKEY"}},
	{"nats-jwt", []string{"WADM_NATS_JWT"}},
	{"nats-creds-file", []string{"WADM_NATS_CREDS_FILE"}},
	{"nats-tls-ca-file", []string{"WADM_NATS_TLS_CA_FILE"}},
}

// DefaultServer is where NATS is looked for when nobody says.
const DefaultServer = "127.0.0.1:4222"

// Own says that the login has credentials, in which case those in a URL do not count.
func (l *Login) Own() bool {
	return l.Seed != "" || l.JWT != "" || l.Creds != "" || l.User != "" || l.Password != "" || l.Token != ""
}

// URL is the server as the NATS client takes it, or several of them with commas between. A user and password in it count only when there is
// no other credential.
func (l *Login) URL() string { return l.servers(l.Own()) }

// Place is the server for messages, without credentials.
func (l *Login) Place() string { return l.servers(true) }

func (l *Login) servers(bare bool) string {
	all := l.Server
	if all == "" {
		all = DefaultServer
	}
	parts := strings.Split(all, ",")
	for i, s := range parts {
		s = strings.TrimSpace(s)
		if !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		if u, err := url.Parse(s); err == nil && u.User != nil && bare {
			u.User = nil
			s = u.String()
		}
		parts[i] = s
	}
	return strings.Join(parts, ",")
}

// Options are the NATS options of the login. Errors are mistakes of whoever called the program: a pair that is not one, a file that is not
// there. Credentials that stand in files are read again whenever a connection is made again.
func (l *Login) Options() ([]nats.Option, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	var opts []nats.Option
	switch {
	case l.Creds != "":
		opts = append(opts, nats.UserCredentials(l.Creds))
	case l.Seed != "":
		own, err := l.keys()
		if err != nil {
			return nil, err
		}
		opts = append(opts, own)
	case l.Token != "":
		opts = append(opts, nats.Token(l.Token))
	case l.User != "":
		opts = append(opts, nats.UserInfo(l.User, l.Password))
	}
	if l.CA != "" {
		opts = append(opts, nats.RootCAs(l.CA))
	}
	if l.TLS {
		opts = append(opts, nats.Secure())
	}
	return opts, nil
}

// check refuses what contradicts itself, and files that are not there.
func (l *Login) check() error {
	switch {
	case l.SeedAlone && l.Seed == "" && l.JWT != "":
		return Usagef("a JWT without its seed opens nothing: --user-jwt needs --user-seed, nats-jwt of a lattice its nats-seed")
	case !l.SeedAlone && (l.Seed == "") != (l.JWT == ""):
		return Usagef("--nats-seed and --nats-jwt go together: one of them is missing")
	case l.Creds != "" && l.JWT != "":
		return Usagef("--nats-creds-file stands for --nats-seed and --nats-jwt: give the file or the two")
	case l.Password != "" && l.User == "":
		return Usagef("a password without a user opens nothing")
	}
	for _, file := range []string{l.Creds, l.CA} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return Usagef("reading the credentials: %v", err)
		}
	}
	return nil
}

// keys is the option of a JWT with its seed, or of an nkey.
func (l *Login) keys() (nats.Option, error) {
	seed := func() (string, error) {
		return literal(l.Seed, func(s string) bool { return len(s) == 58 && s[0] == 'S' })
	}
	jwt := func() (string, error) {
		return literal(l.JWT, func(s string) bool { return strings.Count(s, ".") == 2 && !strings.ContainsAny(s, `/\`) })
	}
	first, err := seed()
	if err != nil {
		return nil, Usagef("reading the seed: %v", err)
	}
	sign := func(nonce []byte) ([]byte, error) {
		s, err := seed()
		if err != nil {
			return nil, err
		}
		return Sign(s, nonce)
	}
	if l.JWT != "" {
		if _, err := jwt(); err != nil {
			return nil, Usagef("reading the JWT: %v", err)
		}
		return nats.UserJWT(jwt, sign), nil
	}
	pair, err := nkeys.FromSeed([]byte(first))
	if err != nil {
		return nil, Usagef("reading the seed: it is no nkey seed")
	}
	defer pair.Wipe()
	public, err := pair.PublicKey()
	if err != nil {
		return nil, Usagef("reading the seed: it is no nkey seed")
	}
	return nats.Nkey(public, sign), nil
}

// Sign answers the challenge of a NATS server. The error does not show the seed.
func Sign(seed string, nonce []byte) ([]byte, error) {
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return nil, errors.New("the seed is no nkey seed")
	}
	defer pair.Wipe()
	sig, err := pair.Sign(nonce)
	if err != nil {
		return nil, errors.New("the seed cannot sign")
	}
	return sig, nil
}

// literal is the text itself if it looks like what it should be, else the content of the file of that name. The error never shows the text:
// it may be a secret with a slip in it.
func literal(text string, looks func(string) bool) (string, error) {
	if looks(text) {
		return text, nil
	}
	content, err := os.ReadFile(text)
	if err != nil {
		return "", errors.New("it is neither the thing itself nor a file that can be read")
	}
	return strings.TrimSpace(string(content)), nil
}

// Dial opens a connection that a command uses and throws away: it tries once and does not reconnect. What the server does not permit later on
// is handed to refused; more changes the connection's options. Errors stand for "unreachable", unless the server refuses the login.
func (l *Login) Dial(timeout time.Duration, refused func(subject string), more ...nats.Option) (*nats.Conn, error) {
	opts, err := l.Options()
	if err != nil {
		return nil, err
	}
	dialer := &rememberingDialer{Dialer: net.Dialer{Timeout: timeout}}
	opts = append(opts, nats.Name("wadm cli"), nats.Timeout(timeout), nats.NoReconnect(), nats.SetCustomDialer(dialer),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if subject := refusedSubject(err); subject != "" {
				refused(subject)
			}
		}))
	nc, err := nats.Connect(l.URL(), append(opts, more...)...)
	if IsRefusedLogin(err) {
		return nil, fmt.Errorf("connecting to NATS at %s: %w", l.Place(), err)
	}
	if err != nil {
		return nil, WithCode(ExitUnreachable, fmt.Errorf("connecting to NATS at %s: %w", l.Place(), dialer.cause(err)))
	}
	return nc, nil
}

// LoginAdvice is what can be done about a refused login.
const LoginAdvice = "check the credentials: --nats-creds-file, --nats-seed with --nats-jwt, or the user and password in --nats-server"

// IsRefusedLogin tells whether the NATS server is there and does not let us in.
func IsRefusedLogin(err error) bool {
	for _, refusal := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

var refusedPattern = regexp.MustCompile(`(?i)permissions violation for (publish|subscription) to "([^"]+)"`)

// refusedSubject is the subject that the server does not permit and that a command cannot do without: one to ask on, or our inbox. What is only
// listened to besides is left out, for without it a command knows less and works. Empty for other errors.
func refusedSubject(err error) string {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return ""
	}
	m := refusedPattern.FindStringSubmatch(err.Error())
	if m == nil || strings.EqualFold(m[1], "subscription") && !strings.HasPrefix(m[2], "_INBOX.") {
		return ""
	}
	return m[2]
}

// notPermitted is the error for a subject that the server does not permit.
func notPermitted(subject string) error {
	return fmt.Errorf("the NATS server does not permit subject %q: allow it for the user that this command connects as", subject)
}

// rememberingDialer keeps the last error of the network: the NATS client hides it behind "no servers available".
type rememberingDialer struct {
	net.Dialer

	mu   sync.Mutex
	last error
}

// Dial implements nats.CustomDialer.
func (d *rememberingDialer) Dial(network, address string) (net.Conn, error) {
	c, err := d.Dialer.Dial(network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = err
	return c, err
}

func (d *rememberingDialer) cause(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil || !errors.Is(err, nats.ErrNoServers) {
		return err
	}
	return Refused(d.last)
}

// Refused words a refused connection as the older programs do: their users and tests look for it. Other errors stay as they are.
func Refused(err error) error {
	var errno syscall.Errno
	if runtime.GOOS != "windows" && errors.As(err, &errno) && errno == syscall.ECONNREFUSED {
		return fmt.Errorf("Connection refused (os error %d)", int(errno)) //nolint:revive,staticcheck // the text is matched by clients
	}
	return err
}
