// Package laws holds what must be true of the control plane on any lattice and in any order of events, whatever goes wrong. It is tests only: random
// worlds on the simulated bus, judged by what really runs there and never by the planner's own predicates.
package laws
