package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/wadm-go/wadm/client"
)

// Settings are what every client command is told: where, as whom, which lattice, how long, in which form.
type Settings struct {
	Login
	Lattice string
	Timeout time.Duration
	JSON    bool

	ctlHost, ctlPort string
	timeoutMS        uint
	output           string
	note             string // where the address came from, when nobody gave one
}

// Flags adds the flags that all client commands have. Those of wash app are understood beside ours.
func (s *Settings) Flags(fs *pflag.FlagSet) {
	s.Login.Flags(fs)
	fs.StringVarP(&s.ctlHost, "ctl-host", "r", "", "host of the NATS server, as wash names it")
	fs.StringVarP(&s.ctlPort, "ctl-port", "p", "", "port of the NATS server, as wash names it")
	fs.StringVarP(&s.Lattice, "lattice", "x", "", "lattice (default default)")
	fs.UintVarP(&s.timeoutMS, "timeout-ms", "t", 10_000, "how long to wait for an answer, in milliseconds")
	fs.StringVarP(&s.output, "output", "o", "text", "text or json")
}

// clientEnv is the environment of client commands: ours first, then that of wash.
var clientEnv = []EnvVar{
	{"nats-server", []string{"WADM_NATS_SERVER"}},
	{"nats-seed", []string{"WADM_NATS_NKEY", "WASMCLOUD_CTL_SEED"}},
	{"nats-jwt", []string{"WADM_NATS_JWT", "WASMCLOUD_CTL_JWT"}},
	{"nats-creds-file", []string{"WADM_NATS_CREDS_FILE", "WASH_CTL_CREDS"}},
	{"nats-tls-ca-file", []string{"WADM_NATS_TLS_CA_FILE", "WASH_CTL_TLS_CA_FILE"}},
	{"ctl-host", []string{"WASMCLOUD_CTL_HOST"}},
	{"ctl-port", []string{"WASMCLOUD_CTL_PORT"}},
	{"lattice", []string{"WASMCLOUD_LATTICE"}},
	{"timeout-ms", []string{"WASMCLOUD_CTL_TIMEOUT_MS"}},
}

// Resolve completes the settings after the flags were read: flag, then environment, then a running wadm dev, then the default.
func (s *Settings) Resolve(fs *pflag.FlagSet) error {
	given := func(name string) bool { f := fs.Lookup(name); return f != nil && f.Changed }
	ctlFlag := given("ctl-host") || given("ctl-port")
	serverFlag := given("nats-server")
	if err := FromEnv(fs, clientEnv); err != nil {
		return err
	}
	if err := s.form(); err != nil {
		return err
	}
	if s.timeoutMS == 0 {
		return Usagef("--timeout-ms is 0: give the milliseconds to wait")
	}
	s.Timeout = time.Duration(s.timeoutMS) * time.Millisecond
	ctl := s.ctlHost != "" || s.ctlPort != ""
	if ctl && !serverFlag && (ctlFlag || s.Server == "") {
		host, port := "127.0.0.1", "4222"
		if s.ctlHost != "" {
			host = s.ctlHost
		}
		if s.ctlPort != "" {
			port = s.ctlPort
		}
		s.Server = net.JoinHostPort(host, port)
	}
	if s.Server == "" {
		s.fromDev()
	}
	if s.Lattice == "" {
		s.Lattice = "default"
	}
	return nil
}

// form reads -o.
func (s *Settings) form() error {
	if s.output != "text" && s.output != "json" {
		return Usagef("-o %s is not known: text or json", s.output)
	}
	s.JSON = s.output == "json"
	return nil
}

// fromDev takes the address of a running wadm dev, if there is one. Its lattice counts only when none was named.
func (s *Settings) fromDev() {
	name, err := DevFile()
	if err != nil {
		return
	}
	dev, err := readDevFile(name)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			s.note = err.Error()
		}
		return
	}
	s.Server = dev.Server
	if s.Lattice == "" {
		s.Lattice = dev.Lattice
	}
	s.note = "using wadm dev at " + s.Place()
}

// session is one command at work: its connection, its client and where it prints.
type session struct {
	*Settings
	nc     *nats.Conn
	client *client.Client
	out    io.Writer
	// columns is how wide the screen is that out is, 0 if it is none.
	columns int
	err     io.Writer
}

// open connects. The caller closes the session. refused hears of subjects that the server does not permit.
func (s *Settings) open(cmd *cobra.Command, refused func(subject string), more ...nats.Option) (*session, error) {
	if err := s.Resolve(cmd.Flags()); err != nil {
		return nil, err
	}
	if s.note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), s.note)
	}
	nc, err := s.Dial(min(s.Timeout, 5*time.Second), refused, more...)
	if err != nil {
		return nil, s.nextStep(err)
	}
	c, err := client.New(nc, s.Lattice, client.WithTimeout(s.Timeout))
	if err != nil {
		nc.Close()
		return nil, WithCode(ExitUsage, err)
	}
	return &session{Settings: s, nc: nc, client: c, out: cmd.OutOrStdout(), columns: columns(cmd.OutOrStdout()), err: cmd.ErrOrStderr()}, nil
}

// nextStep adds to an address that nobody answers at what to do about it.
func (s *Settings) nextStep(err error) error {
	switch {
	case IsRefusedLogin(err):
		return WithNext(err, "%s", LoginAdvice)
	case Code(err) != ExitUnreachable:
		return err
	}
	next := "start one with  wadm dev  or name one with --nats-server"
	if s.note != "" {
		next = "that wadm dev has ended without cleaning up: start another, or name a server with --nats-server"
	}
	return WithNext(err, "%s", next)
}

func (s *session) close() { s.nc.Close() }

// result prints what a command found: an object for scripts, or text.
func (s *session) result(object any, text func(w io.Writer)) error {
	return printResult(s.out, s.JSON, object, text)
}

func printResult(w io.Writer, asJSON bool, object any, text func(w io.Writer)) error {
	if !asJSON {
		text(w)
		return nil
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		return fmt.Errorf("printing the result: %w", err)
	}
	return nil
}

// run makes the RunE of a command that needs the server.
func (s *Settings) run(do func(ctx context.Context, s *session, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithCancelCause(cmd.Context())
		defer cancel(nil)
		session, err := s.open(cmd, func(subject string) { cancel(&refusal{subject}) })
		if err != nil {
			return err
		}
		defer session.close()
		err = do(ctx, session, args)
		var refused *refusal
		if err != nil && errors.As(context.Cause(ctx), &refused) {
			return notPermitted(refused.subject)
		}
		return advise(err, args)
	}
}

// refusal ends a command: nobody will answer what the server has not taken.
type refusal struct{ subject string }

func (r *refusal) Error() string { return notPermitted(r.subject).Error() }

// advise names the next step after a refusal of the server that has one.
func advise(err error, args []string) error {
	switch {
	case !errors.Is(err, client.ErrNotFound):
		return err
	case len(args) > 0 && (strings.Contains(err.Error(), " with version ") || strings.Contains(err.Error(), "No such model version")):
		return WithNext(err, "wadm app history %s", args[0])
	}
	return WithNext(err, "wadm app list")
}

// isTerminal tells whether a stream is a screen that lines may be redrawn on.
func isTerminal(w any) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Connect is for commands that speak to NATS themselves: settings resolved, connection open. The caller closes it.
func (s *Settings) Connect(cmd *cobra.Command) (*nats.Conn, error) {
	session, err := s.open(cmd, func(subject string) { fmt.Fprintln(cmd.ErrOrStderr(), notPermitted(subject)) })
	if err != nil {
		return nil, err
	}
	return session.nc, nil
}

// IsToken tells whether a text is one token of a subject.
func IsToken(s string) bool { return s != "" && !strings.ContainsAny(s, ".*> \t\r\n") }
