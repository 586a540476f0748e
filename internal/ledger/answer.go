package ledger

// Answer is how a host acknowledged a command.
type Answer uint8

// The answers.
const (
	Accepted     Answer = iota // the host took it; the work goes on
	Refused                    // the host says no
	NoResponders               // nobody listens on the subject: not delivered
	NoAnswer                   // the time for the acknowledgement passed; it may have been carried out
	Dropped                    // not sent: it no longer made sense at the moment of sending
)

func (a Answer) String() string {
	return [...]string{"accepted", "refused", "no-responders", "no-answer", "dropped"}[a]
}
