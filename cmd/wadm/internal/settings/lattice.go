package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The keys of a lattice.
const (
	Server   = "nats-server"
	Creds    = "nats-creds-file"
	JWT      = "nats-jwt"
	Seed     = "nats-seed"
	User     = "nats-user"
	Password = "nats-password"
	Token    = "nats-token"
	CA       = "nats-tls-ca-file"
	TLS      = "nats-tls"
	Dialect  = "lattice-dialect"
)

var latticeKeys = []string{Server, Creds, JWT, Seed, User, Password, Token, CA, TLS, Dialect}

// LatticeKeys are the settings that a lattice can have of its own, in the order in which they are shown.
func LatticeKeys() []string { return slices.Clone(latticeKeys) }

// Lattice is what the file says of one lattice, by key. What it does not say is as for the process.
type Lattice map[string]Value

// fromEnvironment begins a value that stands in the environment: env:NAME.
const fromEnvironment = "env:"

// lattices reads the file's settings of single lattices.
func (f *file) readSingle(env environment) (map[string]Lattice, []string) {
	all := map[string]Lattice{}
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(f.lattices)) {
		l := Lattice{}
		for _, e := range f.lattices[name] {
			v, err := e.single(env)
			switch {
			case !slices.Contains(latticeKeys, e.key):
				faults = append(faults, unknown(e, latticeKeys))
			case err != nil:
				faults = append(faults, err.Error())
			default:
				l[e.key] = v
			}
		}
		all[name] = l
	}
	return all, faults
}

func (e *entry) single(env environment) (Value, error) {
	if e.list && e.key != Server {
		return Value{}, fmt.Errorf("%s: `%s` is one value", e.value, e.key)
	}
	v := Value{strings.Join(e.texts, ","), Origin{File, e.place}}
	if name, ok := strings.CutPrefix(v.Text, fromEnvironment); ok {
		from, set := env.lookup(name)
		if !set {
			return Value{}, fmt.Errorf("%s: the environment variable %s is not set", e.value, name)
		}
		v.Text = from.Text
		v.Origin.Place += " (" + from.Origin.String() + ")"
	}
	if e.key == TLS && v.Text != "true" && v.Text != "false" {
		return Value{}, fmt.Errorf("%s: `%s` must be true or false", e.value, e.key)
	}
	return v, nil
}
