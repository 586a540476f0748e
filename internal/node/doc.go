// Package node is one wadm process: its NATS connection, its API, and for each lattice a lease and, while it holds that lease, an owner.
//
// It knows how the parts are wired, when each may act, and how a process ends in good order. It never decides what should run (the
// engine does), never speaks a dialect (feed and control do), and never touches a record that is not its own. cmd calls Run with a
// configuration and a way to open the stores.
//
//	process ── api, statuses, hosts          answers clients, whoever owns a lattice
//	   └ tenure (one per lattice)            renews the lease, or watches somebody else renew it
//	        └ owner (while the lease is held) one goroutine: inputs → engine.Step → save, send, ask, tell
package node
