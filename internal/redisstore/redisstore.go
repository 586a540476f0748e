// Package redisstore keeps the records of the control plane in Redis, beside and in the layout of wadm 0.3.0.
//
// It knows which keys 0.3.0 reads and writes, so that an installation is taken over in place and can go back, and keeps what 0.3.0 has no
// place for under keys of its own. It never decides what a record should say, and it expects that 0.3.0 writes beside it. The process is
// wired to it by cmd.
//
// Keys of 0.3.0 ({lattice} and {name} as they are):
//
//	wadm:{lattice}:models                     set of names
//	wadm:{lattice}:{name}:versions            sorted set of versions, score = put time in Unix ms
//	wadm:{lattice}:{name}:versions:{version}  Erlang term: the text as put and what 0.3.0 made of it
//
// Ours ({lattice} and {name} with everything but letters, digits, - and _ escaped, so that no two records share a key):
//
//	wadm-run:model:{lattice}:{name}  hash: revision, what 0.3.0's keys held at it, which version is deployed, each manifest
//	wadm-run:models:{lattice}        set of names that have one
//	wadm-run:wish:{lattice}          hash by name: what was asked last
//	wadm-run:run:{lattice}           hash by name: the owner's record
//	wadm-run:status:{lattice}        hash by name: what was last told, and when
//	wadm-run:lease                   hash by lattice: who owns it
//	wadm-run:revision                the last revision
//	wadm-run:changes                 stream of changes of models and wishes, capped
//
// Every write is one Lua script: it compares, then writes all or nothing. A revision is the later of the server's clock in microseconds and
// the last revision plus one, so revisions grow on after a wipe and after a failover that lost some. A record that 0.3.0 has changed gets a
// new revision from whoever sees it first.
package redisstore

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/store"
)

// Options are the settings of a Store. Zero values mean the defaults.
type Options struct {
	Timeout time.Duration // for one exchange with the server, default 5 s
	Check   time.Duration // how often to look for what 0.3.0 wrote in the lattices that are watched, default 5 s
	Limit   int           // bytes of manifests in one record, default 16 MiB
	Log     *slog.Logger  // warnings about the settings of the server; nil: nowhere
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Check <= 0 {
		o.Check = 5 * time.Second
	}
	if o.Limit <= 0 {
		o.Limit = 16 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store implements the contract of package store. It is safe for concurrent use. Make it with Open, end it with Close.
type Store struct {
	rdb  *redis.Client
	opts Options
	at   string // where the server is, without secrets

	recent   *recent
	foreign  *foreign
	follower *follower

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
}

var (
	_ store.Models = (*Store)(nil)
	_ store.Wishes = (*Store)(nil)
	_ store.Runs   = (*Store)(nil)
	_ store.Leases = (*Store)(nil)

	_ store.Statuses = (*Store)(nil)
)

// Open connects to the Redis of a URL (see ParseURL) and looks whether it can be used. The error is one sentence for whoever runs the server.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	target, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	return OpenTarget(ctx, target, o)
}

// OpenTarget is Open for a URL that was parsed already.
func OpenTarget(ctx context.Context, target *Target, o Options) (*Store, error) {
	s := &Store{opts: o.withDefaults(), at: target.String(), recent: &recent{}, foreign: &foreign{}}
	s.rdb = target.client(s.opts)
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.follower = newFollower(s)
	if err := s.probe(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends what runs in the background and waits for it. Watches end with their own contexts.
func (s *Store) Close() {
	s.stop()
	_ = s.rdb.Close() // ends the read that waits for changes; what it says is of no use any more
	s.wg.Wait()
}

// probe looks at the server before it is used, and warns of settings under which records can be lost.
func (s *Store) probe(ctx context.Context) error {
	var info string
	err := s.call(ctx, "opening Redis at "+s.at, func(ctx context.Context) error {
		var err error
		info, err = s.rdb.Info(ctx).Result()
		if isCommandRefused(err) {
			info, err = "", s.rdb.Ping(ctx).Err() // an ACL user need not see it
		}
		return err
	})
	if err != nil {
		return err
	}
	facts := parseInfo(info)
	switch {
	case facts["redis_mode"] == "sentinel":
		return fmt.Errorf("opening Redis at %s: this is a Sentinel: give --redis-url as redis+sentinel://%s/NAME-OF-THE-MASTER", s.at, s.at)
	case facts["cluster_enabled"] == "1":
		return fmt.Errorf("opening Redis at %s: %w", s.at, errCluster)
	}
	for _, w := range warnings(facts) {
		s.opts.Log.Warn("records can be lost with these settings of Redis", "redis", s.at, "why", w)
	}
	return nil
}

// warnings are what the settings of a server mean for records.
func warnings(facts map[string]string) []string {
	var all []string
	if facts["aof_enabled"] == "0" {
		all = append(all, "Redis keeps no append-only file (appendonly no): a crash of it loses what was written since its last snapshot")
	}
	if policy := facts["maxmemory_policy"]; facts["maxmemory"] != "" && facts["maxmemory"] != "0" && policy != "noeviction" && policy != "" {
		all = append(all, "Redis throws keys away when its memory is full (maxmemory-policy "+policy+"): models can vanish; set noeviction")
	}
	if facts["role"] == "slave" {
		all = append(all, "this Redis copies another one and takes no writes: nothing can be put or deployed until it is made the master")
	}
	return all
}
