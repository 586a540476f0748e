// Package plan compares what an application wants with what a lattice shows and what was asked already, and returns the commands that close
// the gap, the gaps that no command can close, and what must be asked before it can tell.
//
// It knows the rules of truth (rules.go), each a small predicate that is used here and once more at the moment of sending. It never sends,
// never reads a clock and keeps nothing between two calls: the same input gives the same result. The engine calls it.
//
//	wanted ──┐
//	observed ┼─▶ Compute ─▶ commands, parts (what stands how), questions, wake
//	ledger ──┘
package plan
