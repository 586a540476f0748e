package cli

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// settings parses flags as a client command does.
func settings(t *testing.T, args ...string) (*Settings, error) {
	t.Helper()
	s := &Settings{}
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s.Flags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s, s.Resolve(fs)
}

// alone makes the environment that of nobody.
func alone(t *testing.T) {
	t.Helper()
	for _, v := range clientEnv {
		for _, name := range v.Names {
			t.Setenv(name, "")
		}
	}
	t.Setenv("XDG_STATE_HOME", t.TempDir())
}

func TestTheServerIsFlagThenEnvironmentThenDevThenDefault(t *testing.T) {
	for _, tt := range []struct {
		name           string
		args           []string
		env            map[string]string
		dev            bool
		server, lat    string
		noteMustAppear bool
	}{
		{name: "nothing said", server: "nats://127.0.0.1:4222", lat: "default"},
		{name: "a running wadm dev", dev: true, server: "nats://127.0.0.1:7777", lat: "devel", noteMustAppear: true},
		{name: "its lattice gives way to one that is named", dev: true, args: []string{"-x", "other"}, server: "nats://127.0.0.1:7777", lat: "other", noteMustAppear: true},
		{name: "the environment before wadm dev", dev: true, env: map[string]string{"WADM_NATS_SERVER": "env:1"}, server: "nats://env:1", lat: "default"},
		{name: "the environment of wash", env: map[string]string{"WASMCLOUD_CTL_HOST": "ctl", "WASMCLOUD_CTL_PORT": "9"}, server: "nats://ctl:9", lat: "default"},
		{name: "ours before that of wash", env: map[string]string{"WADM_NATS_SERVER": "env:1", "WASMCLOUD_CTL_HOST": "ctl"}, server: "nats://env:1", lat: "default"},
		{name: "a flag of wash before any environment", args: []string{"-p", "5"}, env: map[string]string{"WADM_NATS_SERVER": "env:1"}, server: "nats://127.0.0.1:5", lat: "default"},
		{name: "our flag before everything", dev: true, args: []string{"-s", "tls://flag:2", "-r", "ctl"}, env: map[string]string{"WADM_NATS_SERVER": "env:1"},
			server: "tls://flag:2", lat: "default"},
		{name: "the lattice from the environment", env: map[string]string{"WASMCLOUD_LATTICE": "env"}, server: "nats://127.0.0.1:4222", lat: "env"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alone(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			if tt.dev {
				remove, err := WriteDevFile(DevAddress{Server: "nats://127.0.0.1:7777", Lattice: "devel", PID: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := remove(); err != nil {
						t.Error(err)
					}
				}()
			}
			s, err := settings(t, tt.args...)
			if err != nil || s.URL() != tt.server || s.Lattice != tt.lat || (s.note != "") != tt.noteMustAppear {
				t.Errorf("resolved to %s, lattice %s, note %q, error %v", s.URL(), s.Lattice, s.note, err)
			}
		})
	}
}

func TestSettingsRefuseWhatTheyCannotUse(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		env  map[string]string
		err  string
	}{
		{"another form of output", []string{"-o", "yaml"}, nil, "-o yaml is not known: text or json"},
		{"no time at all", []string{"-t", "0"}, nil, "--timeout-ms is 0"},
		{"an environment variable that is no number", nil, map[string]string{"WASMCLOUD_CTL_TIMEOUT_MS": "soon"}, "environment variable WASMCLOUD_CTL_TIMEOUT_MS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alone(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			if _, err := settings(t, tt.args...); Code(err) != ExitUsage || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("the error is %v, want %q with code 2", err, tt.err)
			}
		})
	}
}

func TestABooleanOfTheEnvironmentIsTrueOrFalse(t *testing.T) {
	for value, ok := range map[string]bool{"true": true, "false": true, "": true, "1": false, "yes": false, "TRUE": false} {
		fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
		got := fs.Bool("loud", false, "")
		t.Setenv("TEST_LOUD", value)
		err := FromEnv(fs, []EnvVar{{"loud", []string{"TEST_LOUD"}}})
		if (err == nil) != ok || *got != (value == "true") {
			t.Errorf("%q gives %v, %v", value, *got, err)
		}
	}
}

func TestCredentialsThatAreNoPairAreRefused(t *testing.T) {
	dir := t.TempDir()
	seed := write(t, filepath.Join(dir, "seed"), "SU"+strings.Repeat("A", 56)+"\n")
	for _, tt := range []struct {
		name  string
		login Login
		err   string
	}{
		{"a seed alone", Login{Seed: "S"}, "--nats-seed and --nats-jwt go together"},
		{"a file and the two", Login{Seed: seed, JWT: "a.b.c", Creds: seed}, "--nats-creds-file stands for"},
		{"a file that is not there", Login{Creds: filepath.Join(dir, "gone")}, "reading the credentials"},
		{"a seed that is neither text nor file", Login{Seed: "SECRETwithAslip", JWT: "a.b.c"}, "reading the seed: it is neither the thing itself nor a file"},
		{"a seed from a file", Login{Seed: seed, JWT: "a.b.c"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.login.Options()
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("the error is %v, want %q", err, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), "SECRET") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestTheURLHidesAndDropsPasswords(t *testing.T) {
	l := Login{Server: "nats://me:secret@host:4222"}
	if l.URL() != "nats://me:secret@host:4222" || l.Place() != "nats://host:4222" {
		t.Errorf("URL %s, shown as %s", l.URL(), l.Place())
	}
	l.Creds = "file"
	if l.URL() != "nats://host:4222" {
		t.Errorf("with other credentials the URL is %s", l.URL())
	}
}

func TestDevFileIsRemovedOnlyByItsWriter(t *testing.T) {
	alone(t)
	first, err := WriteDevFile(DevAddress{Server: "nats://127.0.0.1:1", PID: 1})
	if err != nil {
		t.Fatal(err)
	}
	second, err := WriteDevFile(DevAddress{Server: "nats://127.0.0.1:2", PID: 2})
	if err != nil {
		t.Fatal(err)
	}
	name, err := DevFile()
	if err != nil {
		t.Fatal(err)
	}
	if err := first(); err != nil {
		t.Fatal(err)
	}
	if a, err := readDevFile(name); err != nil || a.PID != 2 {
		t.Errorf("after the first has ended the file says %+v, %v", a, err)
	}
	if err := second(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the second has ended the file is still there: %v", err)
	}
	write(t, name, "{broken")
	if s, err := settings(t); err != nil || s.URL() != "nats://127.0.0.1:4222" || s.note == "" {
		t.Errorf("a broken file gives %s, note %q, %v", s.URL(), s.note, err)
	}
}

func TestAnEarlierDevThatStillRunsIsFoundAgain(t *testing.T) {
	alone(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing was written
	name, err := DevFile()
	if err != nil {
		t.Fatal(err)
	}
	earlier := DevAddress{Server: "nats://" + listener.Addr().String(), Lattice: "default", PID: 1}
	removeEarlier, err := WriteDevFile(earlier)
	if err != nil {
		t.Fatal(err)
	}
	remove, err := WriteDevFile(DevAddress{Server: "nats://127.0.0.1:2", PID: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if a, err := readDevFile(name); err != nil || a != earlier {
		t.Errorf("after the second has ended clients find %+v, %v", a, err)
	}
	if err := removeEarlier(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after both have ended the file is still there: %v", err)
	}
}

func TestNobodyThereIsToldInTheKnownWords(t *testing.T) {
	alone(t)
	l := Login{Server: "127.0.0.1:1"} // nobody can listen there without being root, and nobody does
	_, err := l.Dial(5*time.Second, nil)
	if Code(err) != ExitUnreachable || !strings.Contains(err.Error(), "Connection refused (os error ") {
		t.Errorf("the error is %v, code %d", err, Code(err))
	}
	if err := Refused(syscall.ENOENT); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("another error becomes %v", err)
	}
}
