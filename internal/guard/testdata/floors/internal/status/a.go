package status

import _ "github.com/wadm-go/wadm/wasmbus"
