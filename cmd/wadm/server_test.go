package main

import (
	"log/slog"
	"testing"

	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
	"github.com/wadm-go/wadm/internal/api"
	"github.com/wadm-go/wadm/wadmapi"
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

func TestTheGenerationIsChosen(t *testing.T) {
	for _, tt := range []struct {
		args       []string
		env        map[string]string
		generation wadmapi.Generation
		undeploy   api.UndeployDefault
		fails      string
	}{
		{nil, nil, wadmapi.Generation021, api.ByGeneration, ""},
		{[]string{"--api-generation", "0.3"}, nil, wadmapi.Generation03, api.ByGeneration, ""},
		{[]string{"--api-generation", "0.21", "--undeploy-default", "release"}, nil, wadmapi.Generation021, api.LetGo, ""},
		{[]string{"--api-generation", "0.3", "--undeploy-default", "stop"}, nil, wadmapi.Generation03, api.Stop, ""},
		{nil, map[string]string{"WADM_API_GENERATION": "0.3", "WADM_UNDEPLOY_DEFAULT": "stop"}, wadmapi.Generation03, api.Stop, ""},
		{[]string{"--api-generation", "0.30"}, nil, 0, 0, `--api-generation: API generation "0.30" is not known: 0.21 or 0.3`},
		{[]string{"--undeploy-default", "kill"}, nil, 0, 0, `--undeploy-default: what an undeploy does with what runs is stop or release, not "kill"`},
	} {
		var f serverFlags
		flags := pflag.NewFlagSet("wadm", pflag.ContinueOnError)
		f.add(flags)
		if err := flags.Parse(tt.args); err != nil {
			t.Fatal(err)
		}
		told, err := settings.Load(flags, settings.Sources{Vars: serverEnv, Getenv: func(name string) string { return tt.env[name] }})
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := f.config(told, slog.New(slog.DiscardHandler))
		if tt.fails != "" {
			if err == nil || err.Error() != tt.fails {
				t.Errorf("%v: the error is %v, want %s", tt.args, err, tt.fails)
			}
			continue
		}
		if err != nil || cfg.Generation != tt.generation || cfg.Undeploy != tt.undeploy {
			t.Errorf("%v: generation %s, undeploy %d (%v)", tt.args, cfg.Generation, cfg.Undeploy, err)
		}
	}
}
