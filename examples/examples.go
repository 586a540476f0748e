// Package examples holds manifests to begin with: those that wadm dev deploys when none is named. It is data and imports nothing of ours;
// only package cmd reads it.
package examples

import _ "embed" // for the two manifests

// Hello is a small application for 1.x hosts.
//
//go:embed hello.yaml
var Hello []byte

// PetClinic is a larger one in the 0.3 form of manifests, for OTP hosts.
//
//go:embed petclinic.yaml
var PetClinic []byte
