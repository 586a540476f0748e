// Package web is the HTTP side of a process: /livez and /readyz, for whoever restarts processes and sends them requests.
//
// It knows HTTP and which questions to ask; what alive and ready mean comes in as functions. It never decides, never shows more than the
// words of those functions, and takes no input but a path. Package node starts it first and closes it last.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where to listen and whom to ask.
type Options struct {
	Address string       // host:port
	Alive   func() error // nil: the process works. It must not wait for anybody
	Parts   []Part       // all of them must be ready
	Within  time.Duration
	Log     *slog.Logger
}

// Part is one thing that must work before requests are answered. Ready returns nil, or a sentence that says what is missing and holds no secret.
type Part struct {
	Name  string
	Ready func(context.Context) error
}

// Bounds of the server. Probes send a line and read a line.
const (
	within     = 2 * time.Second        // for all parts together, if Options do not say it
	fresh      = 200 * time.Millisecond // so long an answer holds: probes come from several places
	headerTime = 2 * time.Second
	answerTime = 10 * time.Second
	idleTime   = 30 * time.Second
	maxHeader  = 8 << 10
	maxConns   = 128
)

// Server listens until Close.
type Server struct {
	o      Options
	http   *http.Server
	addr   net.Addr
	served chan struct{}

	parts  []*asked
	mu     sync.Mutex // one look at the parts at a time
	looked time.Time
	last   report
}

// report is what /readyz tells.
type report struct {
	Status string            `json:"status"`
	Parts  map[string]string `json:"parts,omitempty"`
}

const (
	ok          = "ok"
	unavailable = "unavailable"
)

// Listen begins to answer. The error is that of the address.
func Listen(o Options) (*Server, error) {
	if o.Within <= 0 {
		o.Within = within
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("listening for health checks: %w", err)
	}
	s := &Server{o: o, addr: l.Addr(), served: make(chan struct{})}
	for _, p := range o.Parts {
		s.parts = append(s.parts, &asked{Part: p})
	}
	s.http = &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(&narrow{Listener: l, room: make(chan struct{}, maxConns)}); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("health checks are not answered any more", "error", err)
		}
	}()
	return s, nil
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.addr.String() }

// Close answers what has been asked, and nothing more; or cuts it off when ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // the error above is the one that counts
		err = fmt.Errorf("closing the health checks: %w", err)
	}
	<-s.served
	return err
}

// ServeHTTP answers a probe: 200 and {"status":"ok"}, or 503 and what is missing.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var look func(context.Context) report
	switch r.URL.Path {
	case "/livez":
		look = s.live
	case "/readyz":
		look = s.ready
	default:
		http.Error(w, fmt.Sprintf("unknown endpoint `%s`", r.URL.Path), http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, fmt.Sprintf("method `%s` not supported for path `%s`", r.Method, r.URL.Path), http.StatusMethodNotAllowed)
		return
	}
	told := look(r.Context())
	body, err := json.Marshal(told)
	if err != nil {
		http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if told.Status != ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // whoever asked has gone
	}
}

func (s *Server) live(context.Context) report {
	if err := s.o.Alive(); err != nil {
		return report{unavailable, map[string]string{"process": err.Error()}}
	}
	return report{Status: ok}
}

// ready asks all parts side by side. Many probes at once share one look.
func (s *Server) ready(context.Context) report {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.looked.IsZero() && time.Since(s.looked) < fresh {
		return s.last
	}
	now := s.look()
	if now.Status != s.last.Status {
		s.o.Log.Info("readiness has changed", "status", now.Status, "parts", now.Parts)
	}
	s.looked, s.last = time.Now(), now
	return now
}

// asked is a part, and whether an earlier look still waits for it.
type asked struct {
	Part
	busy atomic.Bool
}

type answer struct {
	name string
	err  error
}

// look asks the parts side by side. A part that has not answered an earlier look is not asked again: what hangs must not pile up.
func (s *Server) look() report {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Within)
	defer cancel()
	answers := make(chan answer, len(s.parts))
	parts := make(map[string]string, len(s.parts))
	open := 0
	for _, p := range s.parts {
		parts[p.Name] = fmt.Sprintf("no answer within %s", s.o.Within)
		if !p.busy.CompareAndSwap(false, true) {
			continue
		}
		open++
		go func() {
			err := p.Ready(ctx)
			p.busy.Store(false)
			answers <- answer{p.Name, err}
		}()
	}
	good := 0
	for range open {
		select {
		case a := <-answers:
			parts[a.name] = ok
			if a.err != nil {
				parts[a.name] = a.err.Error()
			} else {
				good++
			}
		case <-ctx.Done():
			return report{unavailable, parts}
		}
	}
	if good < len(s.parts) {
		return report{unavailable, parts}
	}
	return report{Status: ok}
}

// narrow is a listener that has only so many connections at a time; others wait to be accepted.
type narrow struct {
	net.Listener
	room chan struct{}
}

// Accept waits for room first.
func (n *narrow) Accept() (net.Conn, error) {
	n.room <- struct{}{}
	c, err := n.Listener.Accept()
	if err != nil {
		<-n.room
		return nil, err
	}
	return &narrowConn{Conn: c, leave: sync.OnceFunc(func() { <-n.room })}, nil
}

type narrowConn struct {
	net.Conn
	leave func()
}

// Close makes room.
func (c *narrowConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
