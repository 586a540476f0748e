// Package feed listens to the hosts of one lattice and turns what they publish into lattice events.
//
// It knows where each dialect publishes, that a heartbeat which says nothing new needs no decoding, and that a listener who falls
// behind has to say so. It never decides what an event means for an application, never joins a queue group (every process that
// owns a lattice must hear everything), and never panics on what a host sends. The owner of a lattice (internal/node) starts one
// and empties it.
package feed
