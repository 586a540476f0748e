// Package lattice knows the observed state of one lattice: which hosts live, what runs on them, which links and configs there are,
// and how fresh each of these is. It folds neutral events (event.go) into a State, in place, in work proportional to what an event names.
//
// It never asks, sends, waits or logs, it has no clock (every time comes in as a monotonic duration), and it knows no dialect's words.
// It never decides what should run: freshness is told, the rules that use it live in the planner.
//
// The feed and control make the events; the engine, which owns the State, applies them; the planner and status read it between two
// events. One owner at a time: readers in other goroutines get a Clone.
package lattice
