// Package test renders the Helm chart with Helm's own engine and reads every object strictly into the types of Kubernetes, without a cluster.
//
// It is a module of its own, so that neither Helm nor Kubernetes is a dependency of wadm. scripts/test.sh runs it.
package test
