// Package engine is the machine that owns one lattice: it folds what is heard, settles what was asked, plans, and says what to do.
//
// It is a pure state machine: no socket, no clock, no goroutine, no randomness, no log. Step takes what was learned and returns an Output:
//
//  1. Save: run records to be written by compare-and-set. The commands of an application wait until its unfinished saves have come back.
//  2. Send: commands to hosts. At the moment of sending the driver calls MaySend, which judges the command once more.
//  3. Ask: questions, which change nothing and may be repeated.
//  4. Tell: statuses and notices for people and clients.
//  5. Wake: when to step again though nothing happened.
//
// Everything asked for comes back as an Input, failures too. The driver must hand over strictly growing times: two things at one time
// could not be put in order. Package node drives it against real servers, package sim against a simulated bus from one seed.
//
//	wish, model, run ──┐                     ┌─▶ Save ─▶ Saved
//	host events ───────┼─▶ Step ─▶ Output ───┼─▶ Send ─▶ Answered
//	answers ───────────┤  fold, settle, plan ├─▶ Ask  ─▶ Learned
//	time ──────────────┘                     └─▶ Tell, Wake
package engine
