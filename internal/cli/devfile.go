package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// DevAddress says where a running wadm dev can be reached.
type DevAddress struct {
	Server  string `json:"nats"` // URL
	Lattice string `json:"lattice"`
	PID     int    `json:"pid"`
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

// WriteDevFile tells client commands of a running wadm dev. The returned function takes that back, unless another one has written meanwhile.
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
	// Written beside and renamed, so that nobody reads half of it.
	part := fmt.Sprintf("%s.%d", name, a.PID)
	if err := os.WriteFile(part, append(body, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("writing the address: %w", err)
	}
	if err := os.Rename(part, name); err != nil {
		return nil, fmt.Errorf("writing the address: %w", err)
	}
	return func() error {
		now, err := readDevFile(name)
		if err != nil || now != a {
			return nil // gone, or of another wadm dev
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the address: %w", err)
		}
		return nil
	}, nil
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
