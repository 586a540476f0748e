// Package control sends the commands and questions of one lattice's owner to the hosts and brings the answers back as inputs.
//
// It knows how many requests may be unanswered, which of them must not overtake each other, how long an answer may take, and that
// "no responders" is an answer. It never plans, never repeats anything by itself, and never keeps a command across a lost
// connection: what was true then need not be true now. The owner's goroutine (internal/node) calls it; answers arrive through a
// function that must only queue them.
package control
