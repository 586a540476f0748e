package redistest

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Client is the server as any other program sees it, closed with the test.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Network: s.Network, Addr: s.Addr, Protocol: 2, DisableIdentity: true})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Step is what a recording found in a Redis at one moment.
type Step struct {
	Step string `json:"step"`
	Keys []Key  `json:"keys"`
}

// Key is one key of a recording.
type Key struct {
	Key     string          `json:"key"`
	Type    string          `json:"type"`       // set, zset or string
	Members []string        `json:"members"`    // of a zset: member, score, …
	Term    string          `json:"etf_base64"` // of a string
	Decoded json.RawMessage `json:"decoded"`    // another program's reading of it; absent where it could not read it
}

// Bytes is what a string key holds.
func (k Key) Bytes(t testing.TB) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(k.Term)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Recording reads a file of steps.
func Recording(t testing.TB, file string) []Step {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var steps []Step
	if err := json.Unmarshal(data, &steps); err != nil {
		t.Fatal(err)
	}
	return steps
}

// Load empties the server and puts a step into it.
func (s *Server) Load(step Step) {
	s.t.Helper()
	ctx, c := s.t.Context(), s.Client()
	check := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	check(c.FlushAll(ctx).Err())
	for _, k := range step.Keys {
		switch k.Type {
		case "set":
			for _, m := range k.Members {
				check(c.SAdd(ctx, k.Key, m).Err())
			}
		case "zset":
			for i := 0; i < len(k.Members); i += 2 {
				score, err := strconv.ParseFloat(k.Members[i+1], 64)
				check(err)
				check(c.ZAdd(ctx, k.Key, redis.Z{Member: k.Members[i], Score: score}).Err())
			}
		case "string":
			check(c.Set(ctx, k.Key, k.Bytes(s.t), 0).Err())
		default:
			s.t.Fatalf("the recording has a %s", k.Type)
		}
	}
}
