//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package dev

import "os"

// lockFile does nothing where the standard library has no lock: there, two wadm dev on one directory are the user's to avoid.
func lockFile(*os.File) error { return nil }
