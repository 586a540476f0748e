// Package cluster is what one wadm process knows of the others: who lives, who should own which lattice, and when to hand one over.
//
// It knows the beats that were heard and when, and nothing else: no clock, no connection, no lease. What it says is a wish and never a right:
// the lease in the store alone decides who acts, so a process that is wrong about the others is slow to take a lattice or hands one over in vain, and does
// no harm. internal/node feeds it and asks it.
//
// Who should own a lattice comes from rendezvous hashing: each live process that tends the lattice has a score for it, and the highest one is the
// rightful owner. One that joins takes its share from all others, one that leaves gives its share to all others, and nothing else moves.
package cluster
