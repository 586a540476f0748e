package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func listen(t *testing.T, o Options) *Server {
	t.Helper()
	o.Address = "127.0.0.1:0"
	if o.Alive == nil {
		o.Alive = func() error { return nil }
	}
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return s
}

func ask(t *testing.T, s *Server, method, path string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(raw))
}

func part(name string, err error) Part {
	return Part{name, func(context.Context) error { return err }}
}

func TestProbes(t *testing.T) {
	good := []Part{part("nats", nil), part("store", nil)}
	bad := []Part{part("nats", nil), part("store", errors.New("cannot be read"))}
	stuck := func() error { return errors.New("stuck") }
	tests := map[string]struct {
		o            Options
		method, path string
		code         int
		body         string
	}{
		"alive":                        {Options{Parts: bad}, "GET", "/livez", 200, `{"status":"ok"}`},
		"alive, by its head":           {Options{Parts: bad}, "HEAD", "/livez", 200, ""},
		"not alive":                    {Options{Parts: good, Alive: stuck}, "GET", "/livez", 503, `{"status":"unavailable","parts":{"process":"stuck"}}`},
		"ready":                        {Options{Parts: good}, "GET", "/readyz", 200, `{"status":"ok"}`},
		"ready, by its head":           {Options{Parts: good}, "HEAD", "/readyz", 200, ""},
		"not ready":                    {Options{Parts: bad}, "GET", "/readyz", 503, `{"status":"unavailable","parts":{"nats":"ok","store":"cannot be read"}}`},
		"not ready, by its head":       {Options{Parts: bad}, "HEAD", "/readyz", 503, ""},
		"another method":               {Options{Parts: good}, "POST", "/livez", 405, "method `POST` not supported for path `/livez`"},
		"another path":                 {Options{Parts: good}, "GET", "/metrics/x", 404, "unknown endpoint `/metrics/x`"},
		"the root":                     {Options{Parts: good}, "GET", "/", 404, "unknown endpoint `/`"},
		"a process without parts":      {Options{}, "GET", "/readyz", 200, `{"status":"ok"}`},
		"a query is nothing to it":     {Options{Parts: good}, "GET", "/readyz?verbose", 200, `{"status":"ok"}`},
		"a path that only begins well": {Options{Parts: good}, "GET", "/livez/", 404, "unknown endpoint `/livez/`"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if code, body := ask(t, listen(t, tt.o), tt.method, tt.path); code != tt.code || body != tt.body {
				t.Errorf("%d %s, want %d %s", code, body, tt.code, tt.body)
			}
		})
	}
}

// TestAPartThatHangs says that a look ends in time, and that what hangs is asked once.
func TestAPartThatHangs(t *testing.T) {
	var asks atomic.Int32
	release := make(chan struct{})
	hangs := Part{"store", func(context.Context) error { asks.Add(1); <-release; return nil }}
	s := listen(t, Options{Within: 50 * time.Millisecond, Parts: []Part{part("nats", nil), hangs}})
	const want = `{"status":"unavailable","parts":{"nats":"ok","store":"no answer within 50ms"}}`
	for range 3 {
		if code, body := ask(t, s, "GET", "/readyz"); code != 503 || body != want {
			t.Errorf("%d %s", code, body)
		}
		s.mu.Lock()
		s.looked = time.Time{}
		s.mu.Unlock()
	}
	if n := asks.Load(); n != 1 {
		t.Errorf("it was asked %d times while it hung", n)
	}
	close(release)
	for s.parts[1].busy.Load() {
		runtime.Gosched() // until the goroutine has ended
	}
	s.mu.Lock()
	s.looked = time.Time{}
	s.mu.Unlock()
	if code, body := ask(t, s, "GET", "/readyz"); code != 200 || asks.Load() != 2 {
		t.Errorf("%d %s after %d asks", code, body, asks.Load())
	}
}

func TestManyProbesShareOneLook(t *testing.T) {
	var asks atomic.Int32
	s := listen(t, Options{Parts: []Part{{"nats", func(context.Context) error { asks.Add(1); return nil }}}})
	s.looked, s.last = time.Now().Add(time.Hour), report{Status: ok} // fresh for the length of this test
	for range 20 {
		if code, _ := ask(t, s, "GET", "/readyz"); code != 200 {
			t.Errorf("%d", code)
		}
	}
	if n := asks.Load(); n != 0 {
		t.Errorf("%d looks", n)
	}
}

func TestAnAddressThatIsTaken(t *testing.T) {
	s := listen(t, Options{})
	if _, err := Listen(Options{Address: s.Addr()}); err == nil || !strings.Contains(err.Error(), "listening for health checks") {
		t.Errorf("%v", err)
	}
}

// TestConnectionsAreBounded holds all connections that there may be: the next one is answered when one of them ends.
func TestConnectionsAreBounded(t *testing.T) {
	s := listen(t, Options{})
	var held []net.Conn
	for range maxConns {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	done := make(chan int, 1)
	go func() {
		code, _ := ask(t, s, "GET", "/livez")
		done <- code
	}()
	select {
	case code := <-done:
		t.Errorf("one too many was answered: %d", code)
	case <-time.After(50 * time.Millisecond):
	}
	held[0].Close()
	if code := <-done; code != 200 {
		t.Errorf("%d", code)
	}
}
