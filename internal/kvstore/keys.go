package kvstore

import (
	"fmt"
	"strings"

	"github.com/wadm-go/wadm/wadmapi"
)

// key is a legal key of a bucket, made by the functions below and nowhere else.
type key string

// recordKey is where 0.21.1 keeps an application. It cannot tell lattice a-b, name c from lattice a, name b-c: see place.
func recordKey(lattice, app string) (key, error) { return build("%s-%s", lattice, app) }

// setKey is where 0.21.1 keeps the names of a lattice.
func setKey(lattice string) (key, error) { return build("%s", lattice) }

func wishKey(lattice, app string) (key, error) { return build("wish.%s.%s", lattice, app) }
func runKey(lattice, app string) (key, error)  { return build("run.%s.%s", lattice, app) }
func leaseKey(lattice string) (key, error)     { return build("%s", lattice) }

func build(form string, names ...string) (key, error) {
	args := make([]any, len(names))
	for i, n := range names {
		if !legal(n) {
			return "", fmt.Errorf("the name %q cannot be part of a NATS key: only letters, digits, - and _ can, at most 255 of them", n)
		}
		args[i] = n
	}
	return key(fmt.Sprintf(form, args...)), nil
}

// legal is what fits between the dots of a key. NATS would also take / and =; no name of ours has them, and 0.21.1 refuses them too.
func legal(name string) bool { return wadmapi.ValidName(name) == nil }

// runKeyParts is what a key of the run bucket says.
type runKeyParts struct {
	kind    string
	at      spot
	version string // its hash, of kind version
}

// splitRunKey takes a key of the run bucket apart. Keys of other kinds are other programs' business.
func splitRunKey(k string) (runKeyParts, bool) {
	parts := strings.Split(k, ".")
	if len(parts) < 3 || parts[1] == "" || parts[2] == "" {
		return runKeyParts{}, false
	}
	p := runKeyParts{kind: parts[0], at: spot{parts[1], parts[2]}}
	switch {
	case p.kind == "version" && len(parts) == 4 && parts[3] != "":
		p.version = parts[3]
	case p.kind == "version" || len(parts) != 3:
		return runKeyParts{}, false
	}
	return p, true
}
