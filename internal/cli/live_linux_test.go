package cli

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// noTerminals skips where a sandbox has none, but not in CI: nothing else shows what a person sees.
func noTerminals(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("no pseudo terminals: %v", err)
	}
	t.Skipf("no pseudo terminals here: %v", err)
}

// terminal opens a pseudo terminal: what is written to inside comes out of outside.
func terminal(t *testing.T) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		noTerminals(t, err)
	}
	t.Cleanup(func() { _ = outside.Close() })
	if err := unix.IoctlSetPointerInt(int(outside.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(outside.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(outside.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 40}); err != nil {
		t.Fatal(err)
	}
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR, 0)
	if err != nil {
		noTerminals(t, err)
	}
	t.Cleanup(func() { _ = inside.Close() })
	return outside, inside
}

func TestATerminalIsSeenAndMeasured(t *testing.T) {
	t.Setenv("TERM", "xterm")
	outside, inside := terminal(t)
	p := NewProgress(inside)
	if !p.live || p.width != 40 {
		t.Fatalf("the terminal is live %v and %d wide", p.live, p.width)
	}
	p.Show(moment(2, "registry answered 401 for acme/web:1.3.0"))
	buf := make([]byte, 4096)
	n, err := outside.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	want := "\r\x1b[J[██████████░░░░░░░░] 3/5   shop v8\r\n  web: registry answered 401 for acme/…\r\n"
	if diff := cmp.Diff(want, string(bytes.ReplaceAll(buf[:n], []byte("\r\r\n"), []byte("\r\n")))); diff != "" {
		t.Error(diff)
	}
	t.Setenv("TERM", "dumb")
	if NewProgress(inside).live {
		t.Error("a dumb terminal cannot redraw")
	}
}
