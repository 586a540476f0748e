// Package oam is the application manifest: its types, one decoder for YAML and
// JSON that knows the place of every value, the validation rules, the
// normalised form and its hash, the names that a manifest implies on a lattice,
// and the arithmetic of spreads.
//
// It knows both manifest forms: the 1.x form (configs, interface links) and the
// 0.3 form (contract, link_name, linkdef with values). The form is told by the
// content, never by a mode; see [Manifest.Form].
//
// It never opens a file or a connection, never looks at a clock, never logs,
// and never panics on input: everything wrong with a manifest is a
// [Diagnostic] with a place in the source. It does not know what runs where;
// that is the planner's.
//
// The API and the command line decode and validate with it; the planner and
// the engine read its types and derive ids with it; the stores keep what
// [Canonical] writes.
package oam
