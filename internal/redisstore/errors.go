package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// errCluster says why: all keys of 0.3.0 would have to lie in one slot, and its names have no hash tags.
var errCluster = errors.New("Redis Cluster is not possible, for the keys of wadm 0.3.0 spread over its slots and could not change together: use one Redis, or Sentinel") //nolint:staticcheck // a product's name begins it

// lateError is an exchange that had no answer in time. Whether it was carried out is not known.
type lateError struct {
	after time.Duration
	cause error
}

func (e *lateError) Error() string {
	return fmt.Sprintf("no answer from Redis within %s (%v)", e.after, e.cause)
}
func (e *lateError) Unwrap() error { return e.cause }

// Tries while a server refuses for a moment. What it refused it has not done.
const (
	tries     = 4
	tryPause  = 50 * time.Millisecond
	tryLonger = 3
)

// call runs one exchange with the server within the time-out. What the server has refused because it is starting or changing its part is
// tried again: in a failover that is the rule. A call without an answer is not, for it may have been carried out.
func (s *Store) call(ctx context.Context, doing string, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	pause := tryPause
	for try := 1; ; try++ {
		err := do(limited)
		switch {
		case err == nil:
			return nil
		case try < tries && passes(err):
			select {
			case <-limited.Done():
			case <-time.After(pause):
				pause *= tryLonger
				continue
			}
		}
		if ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || isTimeout(err)) {
			err = &lateError{s.opts.Timeout, err}
		}
		return fmt.Errorf("%s: %w", doing, s.explain(err))
	}
}

// read is call for what changes nothing: a lost connection is tried again, too.
func (s *Store) read(ctx context.Context, doing string, do func(context.Context) error) error {
	return s.call(ctx, doing, func(ctx context.Context) error {
		err := do(ctx)
		if lost(err) && ctx.Err() == nil {
			err = do(ctx)
		}
		return err
	})
}

func lost(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.As(err, &op) && op.Op != "dial" && !op.Timeout()
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// passes are refusals that end by themselves.
func passes(err error) bool {
	for _, code := range []string{"LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "UNBLOCKED"} {
		if redis.HasErrorPrefix(err, code) {
			return true
		}
	}
	return false
}

func isCommandRefused(err error) bool { return redis.HasErrorPrefix(err, "NOPERM") }

// notAllowed says what an ACL user needs.
const notAllowed = "the user that wadm logs in as may not do this: it needs +@read +@write +@scripting +@connection +time +info on the keys wadm:* and wadm-run:*"

// states are what a server says when it cannot, and what whoever runs it can do about it.
var states = []struct{ code, says string }{
	{"OOM", "Redis has no memory left (maxmemory), so nothing was written: raise the limit or delete old versions"},
	{"READONLY", "this Redis copies another one and takes no writes, so nothing was written: give the address of the master, or of the Sentinels (redis+sentinel://)"},
	{"MISCONF", "Redis takes no writes because it cannot save to its disk: look at its log and its disk"},
	{"NOREPLICAS", "Redis takes no writes because too few copies of it are connected (min-replicas-to-write)"},
	{"LOADING", "Redis is still loading its data: wait until it is done"},
	{"MASTERDOWN", "this Redis copies another one that it cannot reach, and may not answer alone"},
	{"NOAUTH", "Redis wants a password: put it into the URL, redis://:PASSWORD@HOST"},
	{"WRONGPASS", "Redis does not know this user and password"},
	{"NOPERM", notAllowed},
	{"The user executing the script", notAllowed},
	{"BUSY", "Redis is busy with somebody's script"},
	{"MOVED", ""},
	{"CLUSTERDOWN", ""},
}

// explain adds what whoever runs the server can do about it.
func (s *Store) explain(err error) error {
	// A script's error comes with the script's own words before it.
	for _, st := range states {
		if !redis.HasErrorPrefix(err, st.code) && !strings.Contains(err.Error(), "-"+st.code+" ") {
			continue
		}
		if st.says == "" {
			return errCluster
		}
		return fmt.Errorf("%s: %w", st.says, err)
	}
	var dial *net.OpError
	switch {
	case redis.HasErrorPrefix(err, "ERR invalid password"), redis.HasErrorPrefix(err, "ERR AUTH"):
		return fmt.Errorf("Redis does not know this user and password: %w", err) //nolint:staticcheck // a product's name begins it
	case strings.Contains(err.Error(), "all sentinels specified in configuration are unreachable"):
		return fmt.Errorf("none of the Sentinels at %s can be reached, or none knows the master of that name: %w", s.at, err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("nobody answers at %s: start Redis there, or give another address: %w", s.at, err)
	}
	return err
}

// parseInfo reads the answer to INFO.
func parseInfo(text string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(k, "#") {
			facts[k] = v
		}
	}
	return facts
}
