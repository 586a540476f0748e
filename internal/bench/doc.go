// Command bench prints the speed table: for each row the value, a floor taken in the same run, their ratio and the aim.
//
// It knows how each row is taken: what is ours, what nobody could do with less, and how the two are interleaved (ABAB…) so that a busy
// machine slows down both. It never judges: no number fails a run, only a wrong count does (a command that should not have been sent).
// `make bench` calls it; docs/benchmarks.md tells the rows. Beside itself it starts copies of itself as the NATS server, as hosts and
// as publisher, so that their work is not counted as ours.
package main
