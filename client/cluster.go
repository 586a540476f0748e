package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/wadmapi"
)

// othersWithin is how long the first answer waits for processes that others hear and that do not answer.
const othersWithin = time.Second

// Cluster asks all wadm processes who they are and who owns which lattice, whatever lattice the client is for. It returns when everyone has
// answered whom an answer names, or a second after the first one: one that was just killed is still heard of, and is listed as silent.
// Errors: ErrNoServer; older servers do not answer either.
func (c *Client) Cluster(ctx context.Context) (wadmapi.Cluster, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	asked := time.Now()
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return wadmapi.Cluster{}, fmt.Errorf("asking %s: %w", wadmapi.ClusterStatusSubject, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is closed
	if err := c.nc.PublishRequest(wadmapi.ClusterStatusSubject, inbox, nil); err != nil {
		return wadmapi.Cluster{}, fmt.Errorf("asking %s: %w", wadmapi.ClusterStatusSubject, err)
	}
	var replies []wadmapi.ClusterReply
	for {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrNoResponders), err == nil && len(m.Data) == 0 && m.Header.Get("Status") == "503":
			return wadmapi.Cluster{}, &Error{Op: wadmapi.ClusterStatusSubject, sentinel: ErrNoServer,
				Message: fmt.Sprintf("connected to NATS at %s, but no wadm process was listening: start one with  wadm  or  wadm dev", c.nc.ConnectedUrlRedacted())}
		case err != nil && len(replies) > 0:
			return merge(replies), nil
		case errors.Is(err, context.DeadlineExceeded):
			return wadmapi.Cluster{}, &lateError{subject: wadmapi.ClusterStatusSubject, after: time.Since(asked)}
		case err != nil:
			return wadmapi.Cluster{}, fmt.Errorf("asking %s: %w", wadmapi.ClusterStatusSubject, err)
		}
		var reply wadmapi.ClusterReply
		if err := json.Unmarshal(m.Data, &reply); err != nil {
			return wadmapi.Cluster{}, fmt.Errorf("reading the reply to %s: %w", m.Subject, err)
		}
		if replies = append(replies, reply); len(replies) == 1 {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, othersWithin)
			defer stop()
		}
		if len(merge(replies).Silent) == 0 {
			return merge(replies), nil
		}
	}
}

// merge puts the answers together. Who owns a lattice is best known to who owns it.
func merge(replies []wadmapi.ClusterReply) wadmapi.Cluster {
	all := wadmapi.Cluster{Processes: []wadmapi.Beat{}, Silent: []wadmapi.Heard{}, Lattices: []wadmapi.Ownership{}}
	answered := map[string]bool{}
	for _, r := range replies {
		answered[r.Process.ID] = true
		all.Processes = append(all.Processes, r.Process)
	}
	type key struct{ store, lattice string }
	at := map[key]int{}
	for _, r := range replies {
		for _, o := range r.Others {
			if !answered[o.ID] {
				answered[o.ID] = true
				all.Silent = append(all.Silent, o)
			}
		}
		for _, l := range r.Lattices {
			k := key{r.Process.Store, l.Lattice}
			i, known := at[k]
			switch {
			case !known:
				at[k] = len(all.Lattices)
				all.Lattices = append(all.Lattices, l)
			case l.ID == r.Process.ID, l.Epoch > all.Lattices[i].Epoch && all.Lattices[i].ID == "":
				all.Lattices[i] = l
			}
		}
	}
	slices.SortFunc(all.Processes, func(a, b wadmapi.Beat) int { return strings.Compare(a.Name+" "+a.ID, b.Name+" "+b.ID) })
	slices.SortFunc(all.Silent, func(a, b wadmapi.Heard) int { return strings.Compare(a.Name+" "+a.ID, b.Name+" "+b.ID) })
	slices.SortStableFunc(all.Lattices, func(a, b wadmapi.Ownership) int { return strings.Compare(a.Lattice, b.Lattice) })
	return all
}
