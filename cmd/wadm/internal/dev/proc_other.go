//go:build !linux

package dev

import "syscall"

// ofOurs is nothing where the system cannot tie a process to ours.
func ofOurs() *syscall.SysProcAttr { return nil }
