package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// loadWithin bounds the reading of a manifest, from wherever.
const loadWithin = 5 * time.Second

// source is a manifest as it was found, or the name of an application.
type source struct {
	App         string // a name; then all else is empty
	Shown       string // what messages call it
	Bytes       []byte // raw, so that positions hold; only local paths in it are made absolute
	Original    []byte // as written, for showing mistakes
	Format      oam.Format
	ContentType string
}

// loadSource finds out what a person means: "-" is standard input, then an existing file, then a URL, then the name of an application. A file
// that is named like an application wins.
func loadSource(ctx context.Context, arg string, stdin io.Reader) (source, error) {
	if arg == "-" {
		return loadStdin(ctx, stdin)
	}
	info, err := os.Stat(arg)
	if err == nil && info.Mode().IsRegular() {
		return loadFile(arg)
	}
	if u, err := url.Parse(arg); err == nil && u.Scheme != "" && u.Host != "" {
		if u.Scheme != "http" && u.Scheme != "https" {
			return source{}, Usagef("manifest source %q: only http and https URLs are read", arg)
		}
		return loadURL(ctx, u)
	}
	if wadmapi.ValidName(arg) == nil {
		return source{App: arg, Shown: arg}, nil
	}
	if err == nil && looksLikeFile(arg) { // a directory, a socket
		return source{}, Usagef("%q is no manifest file", arg)
	}
	if looksLikeFile(arg) {
		return source{}, WithCode(ExitFailed, fmt.Errorf("manifest file %q does not exist", arg))
	}
	return source{}, Usagef("invalid manifest source: %s", arg)
}

func looksLikeFile(arg string) bool {
	switch strings.ToLower(filepath.Ext(arg)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return strings.ContainsAny(arg, `/\`)
}

func loadFile(name string) (source, error) {
	s := source{Shown: name}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		s.Format, s.ContentType = oam.FormatYAML, "application/yaml"
	case ".json":
		s.Format, s.ContentType = oam.FormatJSON, "application/json"
	default:
		return source{}, Usagef("manifest file %q must end in .yaml, .yml or .json", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return source{}, fmt.Errorf("reading the manifest: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	if s.Original, err = readBounded(f); err != nil {
		return source{}, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(bytes.TrimSpace(s.Original)) == 0 {
		return source{}, fmt.Errorf("%s is empty: a manifest was expected", name)
	}
	dir, err := filepath.Abs(filepath.Dir(name))
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return source{}, fmt.Errorf("finding the directory of %s: %w", name, err)
	}
	if s.Bytes, err = absolutePaths(s.Original, s.Format, dir); err != nil {
		return source{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func loadStdin(ctx context.Context, stdin io.Reader) (source, error) {
	type read struct {
		body []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		body, err := readBounded(stdin)
		done <- read{body, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return source{}, fmt.Errorf("reading standard input: %w", r.err)
		}
		if len(bytes.TrimSpace(r.body)) == 0 {
			return source{}, errors.New("standard input is empty: a manifest was expected")
		}
		return source{Shown: "-", Bytes: r.body, Original: r.body}, nil
	case <-time.After(loadWithin):
		return source{}, WithCode(ExitTimeout, fmt.Errorf("reading standard input: it did not end within %s", loadWithin))
	case <-ctx.Done():
		return source{}, fmt.Errorf("reading standard input: %w", ctx.Err())
	}
}

func loadURL(ctx context.Context, u *url.URL) (source, error) {
	ctx, cancel := context.WithTimeout(ctx, loadWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return source{}, fmt.Errorf("fetching %s: %w", u.Redacted(), err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return source{}, fmt.Errorf("fetching the manifest: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		return source{}, fmt.Errorf("fetching %s: the server answered %s", u.Redacted(), resp.Status)
	}
	body, err := readBounded(resp.Body)
	if err != nil {
		return source{}, fmt.Errorf("fetching %s: %w", u.Redacted(), err)
	}
	return source{Shown: u.Redacted(), Bytes: body, Original: body}, nil
}

// readBounded reads no more than a manifest may have.
func readBounded(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, oam.MaxSource+1))
	if err == nil && len(body) > oam.MaxSource {
		err = fmt.Errorf("it is larger than %d bytes, which is the most for a manifest", oam.MaxSource)
	}
	return body, err
}
