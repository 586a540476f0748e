package oam

import (
	_ "net"

	_ "github.com/wadm-go/wadm/lattice"
)
