package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wadm-go/wadm/internal/store"
)

// KeepStatus keeps what was told of an application, for processes that begin later. It is no record: the last one counts, and one that is
// lost is told again.
func (s *Store) KeepStatus(ctx context.Context, lattice, app string, status []byte, at time.Time) error {
	return s.call(ctx, fmt.Sprintf("keeping the status of app %q", app), func(ctx context.Context) error {
		key := statusKey(lattice)
		if status == nil {
			return ofKey(s.rdb.HDel(ctx, key, app).Err(), key)
		}
		value := append(strconv.AppendInt(nil, at.UnixMilli(), 10), '\n')
		return ofKey(s.rdb.HSet(ctx, key, app, append(value, status...)).Err(), key)
	})
}

// KeptStatuses returns what is kept of a lattice. What cannot be read is left out.
func (s *Store) KeptStatuses(ctx context.Context, lattice string) ([]store.KeptStatus, error) {
	all, err := s.fields(ctx, fmt.Sprintf("reading the statuses of lattice %q", lattice), statusKey(lattice))
	if err != nil {
		return nil, err
	}
	var kept []store.KeptStatus
	for _, app := range slices.Sorted(maps.Keys(all)) {
		head, body, ok := strings.Cut(all[app], "\n")
		ms, err := strconv.ParseInt(head, 10, 64)
		if !ok || err != nil {
			continue
		}
		kept = append(kept, store.KeptStatus{App: app, Status: []byte(body), At: time.UnixMilli(ms).UTC()})
	}
	return kept, nil
}
