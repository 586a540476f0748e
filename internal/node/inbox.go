package node

import (
	"sync"

	"github.com/wadm-go/wadm/internal/engine"
)

// inbox is the owner's one queue: everyone appends, the owner takes all at once, so that a burst makes one plan. What fills it is
// bounded where it comes from: windows of control, records of the store, requests of people.
type inbox struct {
	ready chan struct{}

	mu    sync.Mutex
	items []engine.Input
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

func (b *inbox) put(ins ...engine.Input) {
	b.mu.Lock()
	b.items = append(b.items, ins...)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []engine.Input {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = nil
	return items
}
