package oam

import "io"

// Render writes each diagnostic as "file:line:col: message" with its source
// line and carets below.
func Render(w io.Writer, file string, src []byte, ds Diagnostics) {}
