package memstore

import (
	"testing"
	"testing/synctest"

	"github.com/wadm-go/wadm/internal/storetest"
)

func backend(*testing.T) storetest.Backend {
	s := New()
	return storetest.Backend{
		Store:     s,
		Again:     func() storetest.Store { return s }, // memory has one process
		Interrupt: func() { s.models.Restart(); s.wishes.Restart() },
		TooLarge:  Limit + 1,
	}
}

func TestStore(t *testing.T) { storetest.Run(t, backend) }

func TestStoreInsideABubble(t *testing.T) {
	for _, c := range storetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.Test(t, backend(t)) })
		})
	}
}
