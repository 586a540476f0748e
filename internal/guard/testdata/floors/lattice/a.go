package lattice

import _ "github.com/wadm-go/wadm/internal/ledger"
