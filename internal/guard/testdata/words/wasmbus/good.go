// Package wasmbus may say what its hosts say.
package wasmbus

type startActor struct{ ActorRef string }
