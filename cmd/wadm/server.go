package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
	"github.com/wadm-go/wadm/internal/api"
	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/kvstore"
	"github.com/wadm-go/wadm/internal/memstore"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/vault"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// serverFlags are the flags of the server. Their names, and those of the environment, are those of 0.21.1 where it has them.
type serverFlags struct {
	cli.Login
	clusterFlags
	redis      redisFlags
	domain     string
	bucket     string
	structured bool
	cleanup    uint
	decay      time.Duration
	admin      string
	lattices   []string
	dialect    string
	store      string
	bareEvents bool
	generation string
	undeploy   string
	profile    string
	older      olderFlags
	vault      *vault.Vault // once it is configured

	hostID, maxJobs, stateBucket, persistence string // understood, and without effect here
	prefix, streamPrefix                      string // not there yet
	multitenant, tracing                      bool
}

var serverEnv = slices.Concat([]settings.Var{
	{Flag: "host-id", Names: []string{"WADM_HOST_ID"}},
	{Flag: "structured-logging", Names: []string{"WADM_STRUCTURED_LOGGING"}},
	{Flag: "tracing", Names: []string{"WADM_TRACING_ENABLED"}},
	{Flag: "jetstream-domain", Names: []string{"WADM_JETSTREAM_DOMAIN"}},
	{Flag: "max-jobs", Names: []string{"WADM_MAX_JOBS"}},
	{Flag: "state-bucket-name", Names: []string{"WADM_STATE_BUCKET_NAME"}},
	{Flag: "manifest-bucket-name", Names: []string{"WADM_MANIFEST_BUCKET_NAME"}},
	{Flag: "cleanup-interval", Names: []string{"WADM_CLEANUP_INTERVAL"}},
	{Flag: "host-status-decay", Names: []string{"WADM_HOST_STATUS_DECAY"}},
	{Flag: "api-prefix", Names: []string{"WADM_API_PREFIX"}},
	{Flag: "stream-prefix", Names: []string{"WADM_STREAM_PREFIX"}},
	{Flag: "multitenant", Names: []string{"WADM_MULTITENANT"}},
	{Flag: "stream-persistence", Names: []string{"WADM_STREAM_PERSISTENCE"}},
	{Flag: "http-admin", Names: []string{"WADM_HTTP_ADMIN"}},
	{Flag: "lattice", Names: []string{"WADM_LATTICE"}},
	{Flag: "lattice-dialect", Names: []string{"WADM_LATTICE_DIALECT"}},
	{Flag: "store", Names: []string{"WADM_STORE"}},
	{Flag: "bare-events", Names: []string{"WADM_BARE_EVENTS"}},
	{Flag: "api-generation", Names: []string{"WADM_API_GENERATION"}},
	{Flag: "undeploy-default", Names: []string{"WADM_UNDEPLOY_DEFAULT"}},
	{Flag: "profile", Names: []string{"WADM_PROFILE"}},
}, asVars(clusterEnv), asVars(cli.LoginEnv), redisEnv, olderEnv)

// asVars are variables as settings.
func asVars(vars []cli.EnvVar) []settings.Var {
	var all []settings.Var
	for _, v := range vars {
		all = append(all, settings.Var{Flag: v.Flag, Names: v.Names})
	}
	return all
}

func (f *serverFlags) add(fs *pflag.FlagSet) {
	fs.String("config", "", "file of settings (default "+settings.DefaultFile+", if it is there)")
	fs.StringVar(&f.profile, "profile", "", "several settings at once: 0.3 is an OTP lattice with Redis, as wadm 0.3.0 had it; what is said beside it counts")
	f.Login.Flags(fs)
	f.clusterFlags.add(fs)
	f.older.add(fs)
	f.redis.add(fs)
	fs.StringVarP(&f.domain, "jetstream-domain", "d", "", "JetStream domain")
	fs.StringVar(&f.bucket, "manifest-bucket-name", "wadm_manifests", "bucket that holds the manifests")
	fs.BoolVarP(&f.structured, "structured-logging", "l", false, "log as JSON")
	fs.UintVar(&f.cleanup, "cleanup-interval", 70, "seconds after which a host that is silent and cannot be asked counts as dead")
	fs.StringVar(&f.admin, "http-admin", "", "where to answer /livez and /readyz over HTTP, e.g. 127.0.0.1:8080; nowhere if empty")
	fs.DurationVar(&f.decay, "host-status-decay", lattice.DefaultDecay, "age of a heartbeat at which a host is shown as warn, then fail, then unavailable; nothing is done about it")
	fs.StringSliceVar(&f.lattices, "lattice", []string{"default"}, "lattice to look after even while nothing is stored for it; may be repeated")
	fs.StringVar(&f.dialect, "lattice-dialect", "auto", "how the hosts talk: auto, v1 (wasmCloud 1.x) or otp (0.55 to 0.63)")
	fs.StringVar(&f.store, "store", "nats", "where models live: nats (JetStream), redis (beside wadm 0.3.0) or memory (gone at the end)")
	fs.BoolVar(&f.bareEvents, "bare-events", true, "publish the events of generation 0.3 on bare "+wadmapi.EventPrefix+" too, as 0.3.0 did, beside "+wadmapi.FlatSubject("{lattice}"))
	fs.StringVar(&f.generation, "api-generation", "0.21", "how requests are answered: 0.21 or 0.3")
	fs.StringVar(&f.undeploy, "undeploy-default", "", "what an undeploy does with what runs, where the request does not say it: stop, or release to let it go on\n(default stop in API generation 0.21, release in 0.3)")

	fs.StringVarP(&f.hostID, "host-id", "i", "", "accepted as by 0.21.1, without effect")
	fs.StringVarP(&f.maxJobs, "max-jobs", "j", "", "accepted as by 0.21.1, without effect")
	fs.StringVar(&f.stateBucket, "state-bucket-name", "", "accepted as by 0.21.1, without effect")
	fs.StringVar(&f.persistence, "stream-persistence", "", "accepted as by 0.21.1, without effect")
	fs.StringVar(&f.prefix, "api-prefix", wadmapi.APIPrefix, "only "+wadmapi.APIPrefix+" for now")
	fs.StringVar(&f.streamPrefix, "stream-prefix", "", "not there yet")
	fs.BoolVar(&f.multitenant, "multitenant", false, "not there yet")
	fs.BoolVar(&f.tracing, "tracing", false, "not there yet")
	for _, name := range []string{"max-jobs", "state-bucket-name", "stream-persistence", "stream-prefix", "multitenant", "tracing"} {
		_ = fs.MarkHidden(name) // each was made above
	}
}

func serverCommand() *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:   "wadm",
		Short: "Keep wasmCloud applications running as their manifests say",
		Long: "wadm keeps wasmCloud applications running as their manifests say.\n\n" +
			"Without a subcommand it is the server: it needs a NATS with JetStream, and looks after the hosts that it finds there.\n" +
			"To try it without anything: wadm dev",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			told, err := loadSettings(cmd.Flags())
			if err != nil {
				return err
			}
			return f.serve(cmd.Context(), told, cmd.ErrOrStderr())
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// config turns flags into the configuration of a process. Errors are mistakes of usage.
func (f *serverFlags) config(told *settings.Settings, log *slog.Logger) (node.Config, error) {
	if err := f.later(log); err != nil {
		return node.Config{}, err
	}
	login := f.login(told, log)
	options, err := f.options(login)
	if err != nil {
		return node.Config{}, err
	}
	dialect, err := parseDialect(f.dialect)
	if err != nil {
		return node.Config{}, err
	}
	lattices, err := f.named(told)
	if err != nil {
		return node.Config{}, err
	}
	reach, err := f.reaches(told, login, dialect, log)
	if err != nil {
		return node.Config{}, err
	}
	if f.cleanup == 0 {
		return node.Config{}, cli.Usagef("--cleanup-interval must be above 0")
	}
	if f.decay <= 0 {
		return node.Config{}, cli.Usagef("--host-status-decay must be above 0")
	}
	if f.admin != "" {
		if _, _, err := net.SplitHostPort(f.admin); err != nil {
			return node.Config{}, cli.Usagef("--http-admin %s is no HOST:PORT", f.admin)
		}
	}
	settings := engine.Defaults()
	settings.Cleanup = time.Duration(f.cleanup) * time.Second
	cfg := node.Config{
		URL: login.URL(), Options: options, Lattices: lattices, Dialect: dialect, Reach: reach, Settings: settings, HostDecay: f.decay, Admin: f.admin, Log: log,
		Streams: f.store == "nats", Domain: f.domain, NoBareEvents: !f.bareEvents,
		Ready: func(nc *nats.Conn) {
			log.Info("ready", "version", version, "server", nc.ConnectedUrlRedacted(), "lattices", lattices, "store", f.store)
		},
	}
	if err := f.clients(&cfg); err != nil {
		return node.Config{}, err
	}
	records, err := f.stores(&cfg, told)
	if err != nil {
		return node.Config{}, err
	}
	if err := f.apply(&cfg, records, log); err != nil {
		return node.Config{}, err
	}
	return cfg, nil
}

// stores says where the records are, and names them without secrets: processes with others are no cluster with this one.
func (f *serverFlags) stores(cfg *node.Config, told *settings.Settings) (records string, err error) {
	switch f.store {
	case "nats":
		cfg.Open = openNATS(kvstore.Options{Domain: f.domain, Manifests: f.bucket})
		return fmt.Sprintf("nats:%s/%s", f.domain, f.bucket), nil
	case "redis":
		target, err := f.redis.target(told, cfg.Log)
		if err != nil {
			return "", err
		}
		cfg.Open = openRedis(target, cfg.Log)
		return "redis:" + target.Records(), nil
	case "memory":
		cfg.Open = openMemory
		return memoryRecords(), nil
	}
	return "", cli.Usagef("--store %s is not known: nats, redis or memory", f.store)
}

// clients sets what clients of the API are told.
func (f *serverFlags) clients(cfg *node.Config) (err error) {
	if cfg.Generation, err = wadmapi.ParseGeneration(f.generation); err != nil {
		return cli.Usagef("--api-generation: %w", err)
	}
	if cfg.Undeploy, err = api.ParseUndeployDefault(f.undeploy); err != nil {
		return cli.Usagef("--undeploy-default: %w", err)
	}
	return nil
}

// later refuses what an older wadm could do and this one cannot yet, for nobody should run without what they asked for and not know it.
func (f *serverFlags) later(log *slog.Logger) error {
	switch {
	case f.prefix != wadmapi.APIPrefix:
		return cli.Usagef("--api-prefix (WADM_API_PREFIX) other than %s is not there yet", wadmapi.APIPrefix)
	case f.streamPrefix != "":
		return cli.Usagef("--stream-prefix (WADM_STREAM_PREFIX) is not there yet: leave it out")
	case f.multitenant:
		return cli.Usagef("--multitenant (WADM_MULTITENANT) is not there yet: leave it out")
	case f.tracing:
		log.Warn("tracing is not there yet, nothing is traced")
	}
	return nil
}

func parseDialect(name string) (lattice.Dialect, error) {
	switch name {
	case "auto":
		return lattice.Auto, nil
	case "v1":
		return lattice.V1, nil
	case "otp":
		return lattice.OTP, nil
	}
	return lattice.Auto, cli.Usagef("--lattice-dialect %s is not known: auto, v1 or otp", name)
}

// openNATS makes the stores on JetStream. What the server refuses is told as an error of the connection, which the stores must hear to say
// why a request had no answer.
func openNATS(o kvstore.Options) func(context.Context, *nats.Conn) (node.Stores, error) {
	return func(ctx context.Context, nc *nats.Conn) (node.Stores, error) {
		o.Refusals = &kvstore.Refusals{}
		before := nc.ErrorHandler()
		nc.SetErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
			o.Refusals.Note(err)
			if before != nil {
				before(nc, sub, err)
			}
		})
		s, err := kvstore.Open(ctx, nc, o)
		if err != nil {
			return node.Stores{}, err
		}
		return node.Stores{Models: s, Wishes: s, Runs: s, Leases: s}, nil
	}
}

func openMemory(context.Context, *nats.Conn) (node.Stores, error) {
	s := memstore.New()
	return node.Stores{Models: s, Wishes: s, Runs: s, Leases: s}, nil
}

func (f *serverFlags) logger(w io.Writer) *slog.Logger {
	if f.structured {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// serve is the server until a signal comes.
func (f *serverFlags) serve(ctx context.Context, told *settings.Settings, stderr io.Writer) error {
	cfg, err := f.config(told, f.logger(stderr))
	if err != nil {
		return err
	}
	if f.vault != nil {
		go f.vault.Run(ctx)
	}
	err = node.Run(ctx, cfg)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil // stopped while it started
	case errors.Is(err, nats.ErrNoServers):
		err = cli.WithCode(cli.ExitUnreachable, fmt.Errorf("wadm cannot start: %w", err))
		return cli.WithNext(err, "start a NATS server with JetStream there, name another with --nats-server, or try  wadm dev")
	case cli.IsRefusedLogin(err):
		return cli.WithNext(fmt.Errorf("wadm cannot start: %w", err), "%s", cli.LoginAdvice)
	}
	return explainName(fmt.Errorf("wadm cannot start: %w", err))
}
