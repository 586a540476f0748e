package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// ownerQuestion is where the owner of a lattice is asked for what it alone knows. The parts after the lattice are those of the API's subject.
func ownerQuestion(lattice, category, op string) string {
	return "wadm.owner." + lattice + "." + category + "." + op
}

// answerWithin is how long an owner may take to answer.
const answerWithin = 2 * time.Second

// askOwner has a question answered by the owner of the lattice, in this process or in another. An error is a sentence for whoever asked.
func (p *process) askOwner(ctx context.Context, name, category, op string, here func(*owner, context.Context) []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if o := p.owner(name); o != nil {
		return here(o, ctx), nil
	}
	answer, err := p.nc.RequestWithContext(ctx, ownerQuestion(name, category, op), nil)
	switch {
	case err == nil:
		return answer.Data, nil
	case errors.Is(err, nats.ErrNoResponders):
		why := p.statuses.noOwner(name)
		if why == "" {
			why = "no wadm looks after it"
		}
		return nil, fmt.Errorf("lattice %s: %s", name, why)
	}
	return nil, fmt.Errorf("the owner of lattice %s does not answer: %w", name, err)
}

// answer answers a process that does not own the lattice. A question that this owner does not know is left to time out.
func (o *owner) answer(m *nats.Msg) {
	var answer func(context.Context) []byte
	switch m.Subject {
	case ownerQuestion(o.lattice, "host", "list"):
		answer = o.listHosts
	case ownerQuestion(o.lattice, "lattice", "get"):
		answer = o.tellLattice
	default:
		return
	}
	go func() { // the owner may be in the middle of a step; the next question need not wait for it
		ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
		defer cancel()
		if err := m.Respond(answer(ctx)); err != nil {
			o.log.Debug("a question was not answered", "subject", m.Subject, "error", err)
		}
	}()
}
