package cli

import (
	"os"

	"github.com/spf13/pflag"
)

// EnvVar says which environment variables stand in for a flag that is not given; the first one that is set counts. An empty one is not set.
type EnvVar struct {
	Flag  string
	Names []string
}

// FromEnv fills the flags that were not given from the environment. A boolean must be exactly true or false.
func FromEnv(fs *pflag.FlagSet, vars []EnvVar) error {
	for _, v := range vars {
		f := fs.Lookup(v.Flag)
		if f == nil || f.Changed {
			continue
		}
		for _, name := range v.Names {
			text := os.Getenv(name)
			if text == "" {
				continue
			}
			if f.Value.Type() == "bool" && text != "true" && text != "false" {
				return Usagef("environment variable %s is %q: it must be true or false", name, text)
			}
			if err := fs.Set(v.Flag, text); err != nil {
				return Usagef("environment variable %s: %v", name, err)
			}
			break
		}
	}
	return nil
}
