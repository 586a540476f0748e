// Package settings finds out what the server is told, and by whom: flags, environment variables, .env files, a file, a profile, defaults, the
// first that says something counting.
//
// It knows where each setting comes from, to its line and column. It never knows what a setting means: it fills the flags of whoever calls it,
// which is cmd/wadm alone, and hands over what the file says of single lattices.
package settings
