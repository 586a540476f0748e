// Package sim is a lattice of wasmCloud hosts that do not exist. It knows how real hosts of two dialects (1.x, and OTP 0.57
// to 0.63) answer, when they publish what, how long they hold things back, and how they break.
//
// A [Cluster] is a state machine: messages and the time go in, messages come out. It has no clock, no goroutine and no
// chance but the one seed it is given, so a run is repeated by repeating its inputs. Two drivers stand around it:
// [Hosts] puts its hosts on a real NATS server, [Bus] on a simulated one in virtual time. [Cluster.Truth] says what
// really runs, for judges that must not believe what hosts report.
//
// It never runs a component, never opens a port, keeps nothing on disk, and never calls the code that is tested.
// Callers are tests, wadm dev and wadm sim.
package sim
