package main

import (
	"log/slog"
	"testing"

	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
)

func TestTheDomainIsThatOfTheStreamsToo(t *testing.T) {
	var f serverFlags
	flags := pflag.NewFlagSet("wadm", pflag.ContinueOnError)
	f.add(flags)
	if err := flags.Parse([]string{"--jetstream-domain", "hub"}); err != nil {
		t.Fatal(err)
	}
	told, err := settings.Load(flags, settings.Sources{Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := f.config(told, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Domain != "hub" || !cfg.Streams {
		t.Errorf("the streams wadm_status and wadm_events are looked for in domain %q (made: %v), want those of hub", cfg.Domain, cfg.Streams)
	}
}

func TestTheEventsOnTheBareSubjectCanBeTurnedOff(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		env  string
		off  bool
	}{
		{"they are on", nil, "", false},
		{"the flag", []string{"--bare-events=false"}, "", true},
		{"the environment", nil, "false", true},
		{"the flag wins", []string{"--bare-events"}, "false", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f serverFlags
			flags := pflag.NewFlagSet("wadm", pflag.ContinueOnError)
			f.add(flags)
			if err := flags.Parse(tt.args); err != nil {
				t.Fatal(err)
			}
			told, err := settings.Load(flags, settings.Sources{Vars: serverEnv, Getenv: func(name string) string {
				return map[string]string{"WADM_BARE_EVENTS": tt.env}[name]
			}})
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := f.config(told, slog.New(slog.DiscardHandler))
			if err != nil || cfg.NoBareEvents != tt.off {
				t.Errorf("turned off: %v, %v", cfg.NoBareEvents, err)
			}
		})
	}
}
