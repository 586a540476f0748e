// Package wasmbus is the language of wasmCloud hosts: NATS subjects, request
// and reply bodies, and CloudEvents, to and from Go values. It knows two
// dialects: v1 (wasmCloud 1.x, control interface v1; names V1…) and OTP (the
// Elixir hosts 0.55 to 0.63; names OTP…).
//
// It never connects, waits, logs or remembers: bytes in, values out. Whatever a
// host sent is taken as hostile: size, depth and the charset of identifiers are
// bounded, bad input is an error and never a panic.
//
// It is called by internal/feed (events and inventories in), internal/control
// (commands and questions out) and internal/sim (the host's side of both).
package wasmbus
