package vault

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const goodToken = "hvs.CAESIsecretTOKEN"

// fake speaks the part of Vault's HTTP API that is asked for here, as its documentation describes it: a token with a life, a version 1 engine at
// kv1/, a version 2 engine at secret/.
type fake struct {
	*httptest.Server

	mu       sync.Mutex
	secrets  map[string]map[string]any // by mount/path, without data/
	token    string
	blind    bool // mounts are not told
	status   int  // of every answer, 0 = the right one
	errors   []string
	pause    time.Duration
	ttl      int // of the token, seconds; 0 = for ever
	fixed    bool
	asked    map[string]int // by method and path
	deleted  map[string]bool
	narrowed bool // only data/ paths are permitted in secret/
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{secrets: map[string]map[string]any{}, token: goodToken, asked: map[string]int{}, deleted: map[string]bool{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) set(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[what]
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	pause := f.pause
	f.mu.Unlock()
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	f.asked[r.Method+" "+path]++
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body) // the client has gone
	}
	refuse := func(status int, texts ...string) {
		answer(status, map[string]any{"errors": append([]string{}, texts...)})
	}
	switch {
	case f.status != 0:
		refuse(f.status, f.errors...)
	case r.Header.Get("X-Vault-Token") != f.token:
		refuse(403, "permission denied")
	case path == "auth/token/lookup-self":
		answer(200, map[string]any{"data": map[string]any{"ttl": f.ttl, "renewable": f.ttl > 0 && !f.fixed, "display_name": "token"}})
	case path == "auth/token/renew-self" && r.Method == http.MethodPut:
		answer(200, map[string]any{"auth": map[string]any{"client_token": f.token, "renewable": true, "lease_duration": f.ttl}})
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		f.mount(strings.TrimPrefix(path, "sys/internal/ui/mounts/"), answer, refuse)
	default:
		f.secret(path, answer, refuse)
	}
}

func (f *fake) mount(path string, answer func(int, any), refuse func(int, ...string)) {
	name, _, _ := strings.Cut(path, "/")
	version := map[string]string{"kv1": "1", "secret": "2"}[name]
	if f.blind || version == "" {
		refuse(403, "preflight capability check returned 403, please ensure client's policies grant access to path \""+path+"/\"")
		return
	}
	answer(200, map[string]any{"data": map[string]any{"path": name + "/", "type": "kv", "options": map[string]any{"version": version}}})
}

func (f *fake) secret(path string, answer func(int, any), refuse func(int, ...string)) {
	mount, rest, _ := strings.Cut(path, "/")
	if mount != "secret" {
		if data := f.secrets[path]; data != nil {
			answer(200, map[string]any{"lease_duration": 2764800, "data": data})
			return
		}
		refuse(404)
		return
	}
	name, versioned := strings.CutPrefix(rest, "data/")
	switch data := f.secrets[mount+"/"+name]; {
	case !versioned && f.narrowed:
		refuse(403, "1 error occurred:\n\t* permission denied\n\n")
	case !versioned:
		answer(404, map[string]any{"warnings": []string{"Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use."}})
	case data == nil:
		refuse(404)
	case f.deleted[name]:
		answer(404, map[string]any{"data": map[string]any{"data": nil, "metadata": map[string]any{"version": 2, "deletion_time": "2026-01-01T00:00:00Z"}}})
	default:
		answer(200, map[string]any{"data": map[string]any{"data": data, "metadata": map[string]any{"version": 1}}})
	}
}
