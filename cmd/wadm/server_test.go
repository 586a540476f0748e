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
