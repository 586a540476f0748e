// Package api is the service on wadm.api.>: it stores manifests, records what is wanted of an application, and answers questions about both.
//
// What a request leads to is decided by pure functions (Decide, the render functions); the shell around them loads the record, writes it
// back by compare-and-set, publishes the manifest event and replies. A deploy, undeploy or delete is first written as the application's
// wish and then into the model record, so that a wish made while nobody owns the lattice is kept; both have no other writer.
//
// It never talks to a host, never plans, and never waits for anything to run: "acknowledged" means accepted. What runs is told to it through
// a StatusSource. Package node makes a Service for each process and gives it the stores.
package api
