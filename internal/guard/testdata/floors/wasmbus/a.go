package wasmbus
