package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/store"
)

// Bare is what a put cannot do without: the script, with everything that it is given made beforehand. The speed table holds PutModel against
// it; nothing else calls it.
type Bare struct {
	rdb  *redis.Client
	data []byte
	more []byte
}

// NewBare connects to the Redis of a URL, for puts of one version.
func NewBare(url, app string, v store.Version) (*Bare, error) {
	target, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	data, err := encodeVersion(app, v)
	if err != nil {
		return nil, err
	}
	return &Bare{rdb: target.client(Options{}.withDefaults()), data: data, more: field(data, v)}, nil
}

// Put creates an application with the version.
func (b *Bare) Put(ctx context.Context, lattice, app, version string) error {
	v, err := putScript.Run(ctx, b.rdb, appKeys(lattice, app), appArgs(lattice, app, "0", "", "", version, "", "write", b.data, b.more)...).Result()
	if err == nil {
		_, err = outcome(v)
	}
	return err
}

// Read reads the newest version of every application of a lattice as 0.3.0 keeps them, raw, and returns how many there are.
func (b *Bare) Read(ctx context.Context, lattice string) (int, error) {
	apps, err := b.rdb.SMembers(ctx, setKey(lattice)).Result()
	if err != nil {
		return 0, err
	}
	newest := make([]*redis.StringSliceCmd, len(apps))
	if _, err = b.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			newest[i] = p.ZRange(ctx, versionsKey(lattice, app), -1, -1)
		}
		return nil
	}); err != nil {
		return 0, err
	}
	_, err = b.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			for _, v := range newest[i].Val() {
				p.Get(ctx, versionPrefix(lattice, app)+v)
			}
		}
		return nil
	})
	return len(apps), err
}

// Create writes a value where there is none, as the least that keeps an intent.
func (b *Bare) Create(ctx context.Context, name string, value []byte) error {
	return b.rdb.HSetNX(ctx, "bench:floor", name, value).Err()
}

// Close ends the connections.
func (b *Bare) Close() { _ = b.rdb.Close() }
