// Package ledger remembers what was asked of the hosts and is not yet answered, and what failed lately.
//
// It knows which command is settled, failed or still open by which evidence: that is one table (see settle.go), because hosts acknowledge
// before they work and work for minutes. It never decides what to ask for and never talks to anybody: the engine adds what the plan
// wants, hands over host events and answers, and is told what each of them settled. Without it a planner would repeat, between a command
// and its event, what it has asked for already.
package ledger
