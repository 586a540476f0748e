package redisstore

import (
	"net/url"
	"strings"

	"github.com/wadm-go/wadm/wadmapi"
)

// The keys of 0.3.0.
func setKey(lattice string) string             { return "wadm:" + lattice + ":models" }
func versionsKey(lattice, app string) string   { return "wadm:" + lattice + ":" + app + ":versions" }
func versionPrefix(lattice, app string) string { return versionsKey(lattice, app) + ":" }

// Ours.
const (
	ownPrefix   = "wadm-run:"
	revisionKey = ownPrefix + "revision"
	changesKey  = ownPrefix + "changes"
	leaseKey    = ownPrefix + "lease"
	wishPrefix  = ownPrefix + "wish:"
	runPrefix   = ownPrefix + "run:"
)

func modelKey(lattice, app string) string {
	return ownPrefix + "model:" + escape(lattice) + ":" + escape(app)
}
func indexKey(lattice string) string  { return ownPrefix + "models:" + escape(lattice) }
func wishKey(lattice string) string   { return wishPrefix + escape(lattice) }
func statusKey(lattice string) string { return ownPrefix + "status:" + escape(lattice) }
func runKey(lattice string) string    { return runPrefix + escape(lattice) }

// escape makes names of 0.3.0, which may hold anything, into parts of a key that no other name makes.
func escape(name string) string { return url.QueryEscape(name) }

// latticeOf tells whose key it is; ok is false for a key that makes no lattice.
func latticeOf(key string) (lattice string, ok bool) {
	for _, prefix := range []string{wishPrefix, runPrefix} {
		if rest, found := strings.CutPrefix(key, prefix); found {
			lattice, err := url.QueryUnescape(rest)
			return lattice, err == nil && lattice != ""
		}
	}
	rest, found := strings.CutPrefix(key, "wadm:")
	if lattice, ended := strings.CutSuffix(rest, ":models"); found && ended && lattice != "" {
		return lattice, true
	}
	return "", false
}

// fresh says whether a new record may have this name. What is stored already may have any.
func fresh(name string) bool { return wadmapi.ValidName(name) == nil }
