// Package util declares forbidden names.
package util

import "go/ast"

// The word actor in a comment or a "node" in a text is no name.
type ActorID string

type state struct {
	capabilities []string
}

func startActors(node string) (s state) {
	myNode := node
	const NODE_1 = "node"
	for actor := range s.capabilities {
		_ = actor
	}
	var factory ast.Node // ast.Node is used here, not declared
	_, _ = factory, myNode
	return s
}
