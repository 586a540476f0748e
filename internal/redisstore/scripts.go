package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/store"
)

var (
	//go:embed lua/prelude.lua
	luaPrelude string
	//go:embed lua/read.lua
	luaRead string
	//go:embed lua/put.lua
	luaPut string
	//go:embed lua/delete.lua
	luaDelete string
	//go:embed lua/record.lua
	luaRecord string

	readScript   = redis.NewScript(luaPrelude + luaRead)
	putScript    = redis.NewScript(luaPrelude + luaPut)
	deleteScript = redis.NewScript(luaPrelude + luaDelete)
	recordScript = redis.NewScript(luaPrelude + luaRecord)
)

// run runs a script. Redis does not say which key it is that holds something else, so that is looked up.
func (s *Store) run(ctx context.Context, script *redis.Script, keys, kinds []string, args ...any) (any, error) {
	v, err := script.Run(ctx, s.rdb, keys, args...).Result()
	if !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return v, err
	}
	for i, key := range keys {
		is, e := s.rdb.Type(ctx, key).Result()
		if e == nil && is != "none" && is != kinds[i] {
			return nil, wrongKind(key, is, kinds[i])
		}
	}
	return nil, err
}

// What the keys of a script hold.
var (
	appKinds    = []string{"set", "zset", "hash", "string", "stream", "set"}
	recordKinds = []string{"hash", "hash", "hash", "string", "stream", "hash"}
)

// appKeys and appArgs are what every script on one application gets.
func appKeys(lattice, app string) []string {
	return []string{setKey(lattice), versionsKey(lattice, app), modelKey(lattice, app), revisionKey, changesKey, indexKey(lattice)}
}

func appArgs(lattice, app string, more ...any) []any {
	return append([]any{versionPrefix(lattice, app), lattice, app}, more...)
}

// outcome reads what a writing script says.
func outcome(v any) (store.Revision, error) {
	all, ok := v.([]any)
	if !ok || len(all) == 0 {
		return 0, fmt.Errorf("the script answered %v", v)
	}
	switch text(all, 0) {
	case "ok":
		return strconv.ParseUint(text(all, 1), 10, 64)
	case "none":
		return 0, store.ErrNotFound
	case "conflict":
		return 0, store.ErrConflict
	case "kind":
		return 0, wrongKind(text(all, 1), text(all, 2), text(all, 3))
	}
	return 0, fmt.Errorf("the script answered %v", v)
}

func wrongKind(key, is, want string) error {
	return fmt.Errorf("the key %q is a %s in this Redis, where wadm keeps a %s: somebody else uses it", key, is, want)
}

func text(all []any, i int) string {
	if i >= len(all) {
		return ""
	}
	s, _ := all[i].(string)
	return s
}

func list(all []any, i int) []any {
	if i >= len(all) {
		return nil
	}
	l, _ := all[i].([]any)
	return l
}

// runMany runs the read script for many applications in one exchange, and loads it first where the server does not know it.
func (s *Store) runMany(ctx context.Context, lattice string, apps []string) ([]any, error) {
	for try := 0; ; try++ {
		cmds := make([]*redis.Cmd, len(apps))
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, app := range apps {
				cmds[i] = readScript.EvalSha(ctx, p, appKeys(lattice, app), appArgs(lattice, app)...)
			}
			return nil
		})
		if redis.HasErrorPrefix(err, "NOSCRIPT") && try == 0 {
			if err := readScript.Load(ctx, s.rdb).Err(); err != nil {
				return nil, err
			}
			continue
		}
		all := make([]any, len(apps))
		for i, c := range cmds {
			if all[i], err = c.Result(); err != nil {
				var server redis.Error
				if !errors.As(err, &server) || !redis.HasErrorPrefix(err, "WRONGTYPE") {
					return nil, err
				}
				all[i] = err // of this one alone
			}
		}
		return all, nil
	}
}
