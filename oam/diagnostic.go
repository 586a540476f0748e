package oam

import (
	"cmp"
	"fmt"
	"slices"
)

// Level says whether a diagnostic stops a manifest.
type Level int

const (
	// Warning: worth telling, the manifest is taken.
	Warning Level = iota
	// Error: the manifest is refused.
	Error
)

// String gives "Warning" or "Error", as clients of wadm 0.21.1 spell it.
func (l Level) String() string {
	if l == Error {
		return "Error"
	}
	return "Warning"
}

// Diagnostic is one thing wrong with a manifest, with its place.
type Diagnostic struct {
	Level   Level
	Message string
	// Path names the value, as in "spec.components[0].properties.image".
	Path string
	// Line and Col start at 1 and count characters; 0 when the manifest has no
	// source (it came from a store).
	Line, Col int
	// Width is how many characters the caret underlines, at least 1.
	Width int
	// Suggestion is the word that was probably meant, or empty.
	Suggestion string
	// Compat marks a text that is wadm 0.21.1's or 0.3.0's own, to the letter:
	// clients match on it. It never contains the suggestion.
	Compat bool
	// Covered marks a text that is kept for clients only: another diagnostic
	// says the same with a better place. Render leaves it out.
	Covered bool
}

// Text is the message with the suggestion.
func (d Diagnostic) Text() string {
	if d.Suggestion == "" {
		return d.Message
	}
	return fmt.Sprintf("%s; did you mean %q?", d.Message, d.Suggestion)
}

// Place is "line:col", or the path when there is no source.
func (d Diagnostic) Place() string {
	if d.Line == 0 {
		return d.Path
	}
	return fmt.Sprintf("%d:%d", d.Line, d.Col)
}

// Diagnostics come in the order of the rules; Sorted orders them by place.
type Diagnostics []Diagnostic

// HasErrors tells whether the manifest is refused.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Level == Error })
}

// Errors are the errors, in order.
func (ds Diagnostics) Errors() Diagnostics {
	return ds.filter(func(d Diagnostic) bool { return d.Level == Error })
}

// Warnings are the warnings, in order.
func (ds Diagnostics) Warnings() Diagnostics {
	return ds.filter(func(d Diagnostic) bool { return d.Level == Warning })
}

// Shown are those that a person should read: without the covered ones.
func (ds Diagnostics) Shown() Diagnostics {
	return ds.filter(func(d Diagnostic) bool { return !d.Covered })
}

// Sorted is a copy ordered by place; what stands at one place keeps its order.
func (ds Diagnostics) Sorted() Diagnostics {
	out := slices.Clone(ds)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return out
}

func (ds Diagnostics) filter(keep func(Diagnostic) bool) Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		if keep(d) {
			out = append(out, d)
		}
	}
	return out
}
