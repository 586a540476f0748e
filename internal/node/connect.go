package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/kvstore"
)

// connect opens the connection of the process. At start a server must be there; later the client tries again for ever.
func (p *process) connect() error {
	opts := append([]nats.Option{
		nats.Name("wadm"),
		nats.PingInterval(10 * time.Second),
	}, p.cfg.Options...)
	opts = append(opts,
		nats.RetryOnFailedConnect(false),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials change; who was let in once is let in again
		nats.ReconnectBufSize(-1),   // a command of before must not go out after: what was true then need not be true now
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { p.disconnected(err) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { p.reconnected(nc) }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) { p.trouble(p.log, sub, err) }),
	)
	nc, err := nats.Connect(p.cfg.URL, opts...)
	if err != nil {
		return fmt.Errorf("connecting to NATS at %s: %w%s", place(p.cfg.URL), err, refusal(err))
	}
	p.nc = nc
	p.flat.nc = nc
	p.log.Info("connected to NATS", "server", nc.ConnectedUrlRedacted())
	return nil
}

// place names the server without what a URL may hold of credentials.
func place(url string) string {
	if at := strings.LastIndex(url, "@"); at >= 0 {
		return url[at+1:]
	}
	if url == "" {
		return "the server in this process"
	}
	return url
}

// refusal adds the words that clients of the older program look for. The client library hides a refused connection behind "no servers".
func refusal(err error) string {
	if runtime.GOOS == "linux" && (errors.Is(err, nats.ErrNoServers) || errors.Is(err, syscall.ECONNREFUSED)) {
		return ": Connection refused (os error 111)"
	}
	return ""
}

// disconnected is said once, however often the client tries again. Owners act as long as their leases last: each has a connection of its own.
func (p *process) disconnected(err error) {
	if p.stopping() {
		return
	}
	p.log.Warn("the connection to NATS was lost, trying again", "error", err)
}

func (p *process) reconnected(nc *nats.Conn) {
	p.log.Info("connected to NATS again", "server", nc.ConnectedUrlRedacted())
	p.flat.permit()
	p.peers.reconnected()
	for _, o := range p.owners() {
		o.retell()
	}
}

// troubles keeps what was said last, for the client repeats an error with each message that meets it.
type troubles struct {
	mu   sync.Mutex
	said map[string]bool
}

// trouble tells an asynchronous error once per change. A refused permission is an error of whoever set up the server, so it is told
// with the subject, which is all that the fix needs.
func (p *process) trouble(log *slog.Logger, sub *nats.Subscription, err error) {
	if p.flat.forbid(err) {
		return
	}
	text := err.Error()
	if sub != nil {
		text += " (" + sub.Subject + ")"
	}
	p.troubles.mu.Lock()
	if p.troubles.said == nil || len(p.troubles.said) > 1000 {
		p.troubles.said = make(map[string]bool)
	}
	told := p.troubles.said[text]
	p.troubles.said[text] = true
	p.troubles.mu.Unlock()
	if told {
		return
	}
	if errors.Is(err, nats.ErrPermissionViolation) && p.peers.refused(text) {
		return
	}
	if errors.Is(err, nats.ErrPermissionViolation) {
		log.Error("this NATS user lacks a permission; allow the subject that the error names", "error", text)
		return
	}
	log.Warn("NATS reports", "error", text)
}

// ensureStreams makes the streams of statuses and events where they are missing, also again: somebody may take them away. Nothing stops
// without them: the owners tell all the same, only nobody keeps it. Said once per change.
func (p *process) ensureStreams(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Relist)
	defer cancel()
	js, err := p.jetStream()
	if err == nil {
		err = kvstore.EnsureStreams(ctx, js, p.cfg.StreamOptions)
	}
	if ctx.Err() != nil && p.stopping() {
		return
	}
	if said := err != nil; said != p.streamless {
		p.streamless = said
		if said {
			p.log.Warn("statuses and events are not kept", "error", err)
		} else {
			p.log.Info("statuses and events are kept again")
		}
	}
}

func (p *process) jetStream() (jetstream.JetStream, error) {
	if p.cfg.Domain != "" {
		return jetstream.NewWithDomain(p.nc, p.cfg.Domain)
	}
	return jetstream.New(p.nc)
}
