package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// DevAddress says where a running wadm dev can be reached.
type DevAddress struct {
	Server  string `json:"nats"` // URL
	Lattice string `json:"lattice"`
	PID     int    `json:"pid"`
	Redis   string `json:"redis,omitempty"` // socket of a redis-server of its own
}

// DevFile is where wadm dev writes its address: wadm/dev.json in the user's state directory.
func DevFile() (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) { // relative paths there are to be ignored, says the specification
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("finding the state directory: %w", err)
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "wadm", "dev.json"), nil
}

// WriteDevFile tells client commands of a running wadm dev. The returned function takes that back, unless another one has written meanwhile;
// one that was there before and still runs is found again.
func WriteDevFile(a DevAddress) (remove func() error, err error) {
	name, err := DevFile()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	body, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", name, err)
	}
	before, _ := os.ReadFile(name) // none, or what another one wrote
	earlier, _ := readDevFile(name)
	if err := replaceFile(name, append(body, '\n')); err != nil {
		return nil, err
	}
	return func() error {
		now, err := readDevFile(name)
		if err != nil || now != a {
			return nil // gone, or of another wadm dev
		}
		if earlier.Server != "" && answers(earlier.Server) {
			return replaceFile(name, before)
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the address: %w", err)
		}
		return nil
	}, nil
}

// replaceFile writes beside and renames, so that nobody reads half of it.
func replaceFile(name string, body []byte) error {
	part := fmt.Sprintf("%s.%d", name, os.Getpid())
	if err := os.WriteFile(part, body, 0o600); err != nil {
		return fmt.Errorf("writing the address: %w", err)
	}
	if err := os.Rename(part, name); err != nil {
		return fmt.Errorf("writing the address: %w", err)
	}
	return nil
}

// answers tells whether somebody listens at the address of a server.
func answers(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	c, err := net.DialTimeout("tcp", u.Host, 200*time.Millisecond)
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was said
	return true
}

func readDevFile(name string) (DevAddress, error) {
	var a DevAddress
	body, err := os.ReadFile(name)
	if err != nil {
		return a, fmt.Errorf("reading the address of wadm dev: %w", err)
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("reading %s: %w", name, err)
	}
	if a.Server == "" {
		return a, fmt.Errorf("reading %s: it names no server", name)
	}
	return a, nil
}
