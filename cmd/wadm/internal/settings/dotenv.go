package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/joho/godotenv"
)

// dotEnvFiles are read in the working directory in this order, each over the one before, as wadm 0.3.0 did in production.
var dotEnvFiles = []string{".env", ".env.prod", ".env.local", ".env.prod.local"}

// dotEnv reads them. One that is not there is none; one that cannot be read is an error that does not show what stands in it.
func dotEnv(dir string) (map[string]Value, error) {
	all := map[string]Value{}
	for _, name := range dotEnvFiles {
		vars, err := godotenv.Read(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil && isPath(err):
			return nil, fmt.Errorf("reading %s: %w", name, err)
		case err != nil:
			return nil, fmt.Errorf("reading %s: a line in it is no NAME=value", name)
		}
		for k, v := range vars {
			all[k] = Value{v, Origin{DotEnv, k + " in " + name}}
		}
	}
	return all, nil
}

func isPath(err error) bool {
	var p *os.PathError
	return errors.As(err, &p)
}

// environment looks a variable up: that of the process, else that of the .env files.
type environment struct {
	get    func(string) string
	dotEnv map[string]Value
}

func (e environment) lookup(name string) (Value, bool) {
	if text := e.get(name); text != "" {
		return Value{text, Origin{Environment, name}}, true
	}
	v, ok := e.dotEnv[name]
	return v, ok && v.Text != ""
}
