package dev

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/cli"
)

// needRedis ends a test where there is no redis-server, loudly; in CI that is a failure.
func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no redis-server here: install it, CI has to run these tests")
	}
	t.Skip("SKIPPED: there is no redis-server here, so the one of wadm dev is NOT tested: install it")
}

// tell sends one command and returns the first line of the answer that bears it.
func (r *ownRedis) tell(t *testing.T, command string) string {
	t.Helper()
	c, err := net.Dial("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // everything was read
	fmt.Fprintf(c, "%s\r\n", command)
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if line := lines.Text(); !strings.HasPrefix(line, "$") || line == "$-1" {
			return line
		}
	}
	t.Fatalf("%s: no answer: %v", command, lines.Err())
	return ""
}

func TestWithoutARedisServerTheWayToOneIsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := startRedis(t.Context(), "")
	var out bytes.Buffer
	if code := cli.Report(&out, &out, false, err); code != cli.ExitFailed || !strings.Contains(out.String(), "apt-get install redis-server") || !strings.Contains(out.String(), "--redis-url") {
		t.Errorf("ends with %d: %s", code, &out)
	}
}

func TestARedisOfItsOwnGoesWithItsFiles(t *testing.T) {
	needRedis(t)
	r, err := startRedis(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.tell(t, "PING"); got != "+PONG" {
		t.Errorf("it says %q", got)
	}
	if got := r.tell(t, "CONFIG GET port"); got != "*2" {
		t.Errorf("it says %q", got)
	}
	r.stop()
	select {
	case <-r.ended:
	default:
		t.Error("it runs on")
	}
	if _, err := os.Stat(r.temp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}

func TestARedisOfItsOwnKeepsWhatIsToBeKept(t *testing.T) {
	needRedis(t)
	dir := t.TempDir()
	for i, want := range []string{"$-1", "there"} {
		r, err := startRedis(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.tell(t, "GET a"); got != want {
			t.Errorf("start %d: it holds %q, want %q", i, got, want)
		}
		r.tell(t, "SET a there")
		r.stop()
	}
}

func TestARedisThatEndsIsNoticed(t *testing.T) {
	needRedis(t)
	r, err := useRedis(t.Context(), &Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	if err := r.own.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.over():
	case <-time.After(20 * time.Second):
		t.Error("nobody notices")
	}
}

func TestARedisThatIsNamedIsNobodysToEnd(t *testing.T) {
	r, err := useRedis(t.Context(), &Options{Redis: "redis://u:hunter2@redis.example:7000/3"})
	if err != nil {
		t.Fatal(err)
	}
	if place, socket := r.shown(); !strings.Contains(place, "redis.example:7000") || strings.Contains(place, "hunter2") || socket != "" {
		t.Errorf("shown as %q, %q", place, socket)
	}
	if r.over() != nil {
		t.Error("its end is waited for")
	}
	r.stop()
	if _, err := useRedis(t.Context(), &Options{Redis: "redis.example"}); cli.Code(err) != cli.ExitUsage {
		t.Errorf("the error is %v", err)
	}
}
