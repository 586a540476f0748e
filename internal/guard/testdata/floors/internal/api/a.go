package api

import (
	_ "github.com/wadm-go/wadm/internal/memstore"
	_ "github.com/wadm-go/wadm/wasmbus"
)
