// Package vault reads the NATS credentials of lattices from HashiCorp Vault.
//
// It knows where a secret lies in either version of the key-value engine, and keeps the token of this process alive. It never logs a secret or
// the token, writes nothing to Vault, and knows no NATS: cmd/wadm hands what it reads to the connection of a lattice, which asks for it before
// each try to connect.
package vault
