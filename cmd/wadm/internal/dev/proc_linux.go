package dev

import "syscall"

// ofOurs has a process not hear the signals of the terminal, which are ours to pass on, and end when we do, in whatever way.
func ofOurs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
