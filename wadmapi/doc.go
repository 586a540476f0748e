// Package wadmapi is our own language: the subjects, requests, replies, events and status objects that clients exchange with wadm over
// NATS, in the words of API generation 0.21, and what we add to it.
//
// It knows which member of a reply is always there and in which order the members stand, because clients of 0.21.1 decode strictly. It never opens a
// connection, looks at a clock, or decides anything. The API service, the owner of a lattice, the Go client and the command line speak it.
package wadmapi
