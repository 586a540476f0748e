// Package cli is what wadm's client subcommands read and print: arguments, environment, manifests from files, progress, tables, JSON, exit
// codes.
//
// It knows how a person or a script talks to wadm, and which server they mean. It asks the server through package client only, decides
// nothing about applications, and starts nothing. Progress goes to standard error, results to standard output; with -o json the results are
// one JSON object each. Package cmd/wadm puts its commands under the program's root.
package cli
