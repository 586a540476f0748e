// Package whole tests the whole system: real processes or the real parts of one (node, API, owner, stores on JetStream), a real nats-server,
// simulated or recorded hosts, and nothing but the bus between them.
//
// It knows what a user and an operator can see: replies, statuses, commands on the bus, what really runs, exit codes. It knows nothing of
// the inside of a part; what can be shown by one package alone is tested there. It has no code outside its tests and nothing imports it.
package whole
