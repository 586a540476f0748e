package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
	"github.com/wadm-go/wadm/internal/cli"
	"github.com/wadm-go/wadm/internal/node"
	"github.com/wadm-go/wadm/internal/redisstore"
)

// redisFlags say where the Redis is, for --store redis.
type redisFlags struct {
	url  string
	host string
}

var redisEnv = []settings.Var{
	{Flag: "redis-url", Names: []string{"WADM_REDIS_URL"}},
	{Flag: "redis-host", Names: []string{"WADM_REDIS_HOST"}},
}

func (f *redisFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.url, "redis-url", "", "Redis with the models, for --store redis:\n"+strings.ReplaceAll(redisstore.URLForms, ", ", ",\n"))
	fs.StringVar(&f.host, "redis-host", "localhost", "host of the Redis, where --redis-url is not given; port 6379, no password, database 0")
}

// target is where the Redis is. A URL and a host say the same in two ways; who said it nearer to the command line counts, and at the same
// distance the URL.
func (f *redisFlags) target(told *settings.Settings, log *slog.Logger) (*redisstore.Target, error) {
	url, origin := f.url, told.Of("redis-url").Kind
	host := told.Of("redis-host").Kind
	switch {
	case url == "" || host > origin:
		name := f.host
		if _, _, err := net.SplitHostPort(name); err != nil {
			name = net.JoinHostPort(strings.Trim(name, "[]"), "6379")
		}
		url = "redis://" + name
	case host > settings.Profile:
		log.Warn("two settings name the Redis: --redis-url (WADM_REDIS_URL) counts, --redis-host (WADM_REDIS_HOST) does not")
	}
	target, err := redisstore.ParseURL(url)
	if err != nil {
		return nil, cli.Usagef("--redis-url: %w", err)
	}
	return target, nil
}

// openRedis makes the stores on a Redis.
func openRedis(target *redisstore.Target, log *slog.Logger) func(context.Context, *nats.Conn) (node.Stores, error) {
	return func(ctx context.Context, _ *nats.Conn) (node.Stores, error) {
		s, err := redisstore.OpenTarget(ctx, target, redisstore.Options{Log: log})
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			err = cli.WithCode(cli.ExitUnreachable, err)
		}
		if err != nil {
			return node.Stores{}, err
		}
		return node.Stores{Models: s, Wishes: s, Runs: s, Leases: s, Statuses: s, Close: s.Close}, nil
	}
}

// shownRedis is where a Redis is, without who logs in there: a password may stand in more than one place of its URL.
func shownRedis(url string) string {
	target, err := redisstore.ParseURL(url)
	if err != nil {
		return shownSecret
	}
	return target.Records()
}
