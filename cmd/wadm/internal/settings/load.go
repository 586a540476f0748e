package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// DefaultFile is read when no file is named. It may be missing.
const DefaultFile = "/etc/wadm/wadm.yaml"

// Flags that say where settings come from; they are none themselves.
const (
	fileFlag    = "config"
	fileVar     = "WADM_CONFIG"
	profileFlag = "profile"
)

// Sources are where settings are looked for.
type Sources struct {
	Vars     []Var
	Getenv   func(string) string          // os.Getenv
	Dir      string                       // of the .env files; "" = none are read
	Default  string                       // the file that is read when none is named and it exists; "" = none
	Profiles map[string]map[string]string // by name: flag → value, in place of the flag's default
}

// Settings are what was found.
type Settings struct {
	File     string // that was read, "" = none
	Lattices map[string]Lattice
	origins  map[string]Origin
}

// Of is where the value of a flag comes from.
func (s *Settings) Of(flag string) Origin { return s.origins[flag] }

// Given says that somebody said it: it is neither a default nor part of a profile.
func (s *Settings) Given(flag string) bool { return s.origins[flag].Kind > Profile }

// Faults is the error of a file that says something wrong, or of a variable that does.
type Faults []string

// Error is one fault per line.
func (f Faults) Error() string { return strings.Join(f, "\n") }

// Load fills the flags that were not given, and says where each value comes from. Whoever calls it has had the flags parsed.
func Load(flags *pflag.FlagSet, from Sources) (*Settings, error) {
	s := &Settings{origins: map[string]Origin{}}
	env := environment{get: from.Getenv}
	flags.Visit(func(f *pflag.Flag) { s.origins[f.Name] = Origin{Kind: Flag} })
	if from.Dir != "" {
		var err error
		if env.dotEnv, err = dotEnv(from.Dir); err != nil {
			return nil, Faults{err.Error()}
		}
	}
	faults := s.fromEnvironment(flags, from.Vars, env)
	f, err := s.open(flags, from.Default, env)
	if err != nil {
		return nil, Faults{err.Error()}
	}
	if f != nil {
		s.File = f.name
		faults = append(faults, f.faults...)
		faults = append(faults, s.fromFile(flags, f)...)
		var more []string
		s.Lattices, more = f.readSingle(env)
		faults = append(faults, more...)
	}
	if len(faults) == 0 {
		faults = s.fromProfile(flags, from.Profiles)
	}
	if len(faults) > 0 {
		return nil, Faults(faults)
	}
	return s, nil
}

func (s *Settings) fromEnvironment(flags *pflag.FlagSet, vars []Var, env environment) (faults []string) {
	for _, v := range vars {
		f := flags.Lookup(v.Flag)
		if f == nil || s.origins[v.Flag].Kind == Flag {
			continue
		}
		for _, name := range v.Names {
			value, ok := env.lookup(name)
			if !ok {
				continue
			}
			if err := setVar(flags, f, v, value.Text); err != nil {
				faults = append(faults, fmt.Sprintf("environment variable %s %v", value.Origin.Place, err))
			}
			s.origins[v.Flag] = value.Origin
			break
		}
	}
	return faults
}

func setVar(flags *pflag.FlagSet, f *pflag.Flag, v Var, text string) error {
	if f.Value.Type() == "bool" {
		switch {
		case v.Loose && text != "true":
			text = "false"
		case text != "true" && text != "false":
			return fmt.Errorf("is %q: it must be true or false", text)
		}
	}
	if err := set(flags, f, text); err != nil {
		return fmt.Errorf("cannot be used: %w", err)
	}
	return nil
}

// set fills a flag. The error does not show the value, which may be a secret.
func set(flags *pflag.FlagSet, f *pflag.Flag, text string) error {
	if err := flags.Set(f.Name, text); err != nil {
		return fmt.Errorf("it is no %s", word(f.Value.Type()))
	}
	return nil
}

// word is what a type of flag is called.
func word(kind string) string {
	switch kind {
	case "int", "uint":
		return "whole number"
	case "duration":
		return "duration such as 90s"
	}
	return kind
}

// open reads the file that is named, or the default one if it is there.
func (s *Settings) open(flags *pflag.FlagSet, def string, env environment) (*file, error) {
	named := ""
	if f := flags.Lookup(fileFlag); f != nil {
		named = f.Value.String()
	}
	if named == "" {
		if v, ok := env.lookup(fileVar); ok {
			named = v.Text
		}
	}
	switch {
	case named != "":
		return readFile(named)
	case def == "":
		return nil, nil //nolint:nilnil // there is no file, which is fine
	}
	f, err := readFile(def)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // likewise
	}
	return f, err
}

// fileKeys are the flags that can stand in the file.
func fileKeys(flags *pflag.FlagSet) []string {
	keys := []string{latticesKey}
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains([]string{fileFlag, "help", "version", "origin", "output"}, f.Name) {
			keys = append(keys, f.Name)
		}
	})
	return keys
}

func (s *Settings) fromFile(flags *pflag.FlagSet, file *file) (faults []string) {
	known := fileKeys(flags)
	for _, e := range file.entries {
		f := flags.Lookup(e.key)
		if f == nil || !slices.Contains(known, e.key) {
			faults = append(faults, unknown(e, known))
			continue
		}
		counts := s.origins[e.key].Kind < File // else somebody else does; a mistake is one all the same
		if err := e.fill(flags, f, counts); err != nil {
			faults = append(faults, fmt.Sprintf("%s: `%s`: %v", e.value, e.key, err))
		}
		if counts {
			s.origins[e.key] = Origin{File, e.place}
		}
	}
	return faults
}

// fill sets a flag, or, where the value does not count, says what is wrong with it.
func (e *entry) fill(flags *pflag.FlagSet, f *pflag.Flag, counts bool) error {
	list, several := f.Value.(pflag.SliceValue)
	switch {
	case several && counts:
		f.Changed = true
		return list.Replace(e.texts)
	case several:
		return nil
	case e.list:
		return errors.New("it is one value, not a list")
	case f.Value.Type() == "bool" && e.texts[0] != "true" && e.texts[0] != "false":
		return errors.New("it must be true or false")
	case counts:
		return set(flags, f, e.texts[0])
	}
	before := f.Value.String()
	defer f.Value.Set(before) //nolint:errcheck // it came from there
	if f.Value.Set(e.texts[0]) != nil {
		return fmt.Errorf("it is no %s", word(f.Value.Type()))
	}
	return nil
}

func (s *Settings) fromProfile(flags *pflag.FlagSet, profiles map[string]map[string]string) (faults []string) {
	name := ""
	if f := flags.Lookup(profileFlag); f != nil {
		name = f.Value.String()
	}
	if name == "" {
		return nil
	}
	profile, ok := profiles[name]
	if !ok {
		var known []string
		for k := range profiles {
			known = append(known, k)
		}
		slices.Sort(known)
		return []string{fmt.Sprintf("--profile %s is not known: %s", name, strings.Join(known, ", "))}
	}
	for flag, text := range profile {
		f := flags.Lookup(flag)
		if f == nil || s.Given(flag) {
			continue
		}
		if err := set(flags, f, text); err != nil {
			faults = append(faults, fmt.Sprintf("--profile %s: --%s: %v", name, flag, err))
			continue
		}
		s.origins[flag] = Origin{Profile, name}
	}
	slices.Sort(faults)
	return faults
}
