package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wadm-go/wadm/cmd/wadm/internal/settings"
	"github.com/wadm-go/wadm/internal/cli"
)

// secretFlags are never shown, whatever they hold: a text or the name of a file.
var secretFlags = []string{"nats-seed", "nats-jwt", "user-jwt", "user-seed", "vault-token",
	settings.User, settings.Password, settings.Token}

// shownSecret stands for a secret that is there.
const shownSecret = "(set)"

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Show how the server is set up", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var f serverFlags
	var origin bool
	var output string
	show := &cobra.Command{
		Use:   "show",
		Short: "Show every setting of the server as it would be here and now",
		Long: "Shows every setting of the server as it would be if it was started here and now with the same flags, and where each value comes from.\n" +
			"A flag counts before an environment variable, that before a .env file, that before the file, that before the default.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return cli.Usagef("-o %s is not known: text or json", output)
			}
			told, err := loadSettings(cmd.Flags())
			if err != nil {
				return err
			}
			s := shownSettings(cmd.Flags(), told)
			if output == "json" {
				return s.json(cmd.OutOrStdout())
			}
			return s.text(cmd.OutOrStdout(), origin)
		},
	}
	f.add(show.Flags())
	show.Flags().BoolVar(&origin, "origin", false, "show where each value comes from")
	show.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.AddCommand(show)
	return cmd
}

// shown is one setting as it is shown.
type shown struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`          // flag, environment, .env, file, profile or default
	Place  string `json:"place,omitempty"` // variable, or file:line:column
	place  string
}

type shownLattice struct {
	Lattice  string  `json:"lattice"`
	Settings []shown `json:"settings"`
}

type shownConfig struct {
	File     string         `json:"file,omitempty"`
	Settings []shown        `json:"settings"`
	Lattices []shownLattice `json:"lattices"`
}

func shownSettings(flags *pflag.FlagSet, told *settings.Settings) shownConfig {
	s := shownConfig{File: told.File, Lattices: []shownLattice{}}
	flags.VisitAll(func(f *pflag.Flag) {
		if slices.Contains([]string{"help", "version", "origin", "output", "config"}, f.Name) || f.Hidden && !told.Given(f.Name) {
			return
		}
		s.Settings = append(s.Settings, show(f.Name, strings.Trim(f.Value.String(), "[]"), told.Of(f.Name)))
	})
	for _, name := range slices.Sorted(maps.Keys(told.Lattices)) {
		l := shownLattice{Lattice: name, Settings: []shown{}}
		for _, key := range settings.LatticeKeys() {
			if v, ok := told.Lattices[name][key]; ok {
				l.Settings = append(l.Settings, show(key, v.Text, v.Origin))
			}
		}
		s.Lattices = append(s.Lattices, l)
	}
	return s
}

func show(name, value string, from settings.Origin) shown {
	if value != "" && slices.Contains(secretFlags, name) {
		value = shownSecret
	}
	if name == "redis-url" && value != "" {
		value = shownRedis(value)
	}
	return shown{Name: name, Value: withoutPasswords(value), Origin: from.Kind.String(), Place: from.Place, place: from.String()}
}

// withoutPasswords takes the credentials out of what are URLs, with commas between.
func withoutPasswords(value string) string {
	parts := strings.Split(value, ",")
	for i, s := range parts {
		at := strings.LastIndex(s, "@")
		if at < 0 {
			continue
		}
		scheme := ""
		if u, err := url.Parse(s); err == nil && u.Scheme != "" && u.Host != "" {
			scheme = u.Scheme + "://"
		}
		parts[i] = scheme + shownSecret + s[at:]
	}
	return strings.Join(parts, ",")
}

func (s *shownConfig) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("printing the settings: %w", err)
	}
	return nil
}

func (s *shownConfig) text(w io.Writer, origin bool) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	head := "SETTING\tVALUE"
	if origin {
		head += "\tFROM"
	}
	fmt.Fprintln(tw, head)
	row := func(name string, one shown) {
		fmt.Fprintf(tw, "%s\t%s", name, one.Value)
		if origin {
			fmt.Fprintf(tw, "\t%s", one.place)
		}
		fmt.Fprintln(tw)
	}
	for _, one := range s.Settings {
		row(one.Name, one)
	}
	for _, l := range s.Lattices {
		if len(l.Settings) == 0 {
			row("lattice "+l.Lattice, shown{})
		}
		for _, one := range l.Settings {
			row("lattice "+l.Lattice+": "+one.Name, one)
		}
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("printing the settings: %w", err)
	}
	return nil
}
