package tongue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

var (
	errNothing = errors.New("from and to are equal, and the hosts' verbs are relative")
	errNoKey   = errors.New("stopping and updating need the public key, which is not known")
)

// sayOTP chooses the word of an OTP host for a command (protocol B3). Its verbs are relative: the difference of From and To is said.
// scale is never used (it drops annotations).
func (v Voice) sayOTP(c *ledger.Command) (Message, any, error) {
	switch c.Action {
	case ledger.Scale:
		switch {
		case c.From == c.To:
			return Message{}, nil, errNothing
		case c.To < c.From && c.Target.ID == "":
			return Message{}, nil, errNoKey
		case c.Target.Kind == lattice.Provider:
			return v.sayProviderOTP(c)
		}
		return v.sayComponentOTP(c)
	case ledger.Update:
		if c.Target.ID == "" {
			return Message{}, nil, errNoKey
		}
		m := Message{Subject: v.otp().Update(string(c.Host)), Ack: AckAfterUpdate}
		return m, wasmbus.OTPUpdate{ActorID: c.Target.ID, HostID: string(c.Host), NewActorRef: c.Update}, nil
	case ledger.PutLink:
		var values wasmbus.OTPValues
		if c.Link.Values != "" {
			if err := json.Unmarshal([]byte(c.Link.Values), &values); err != nil {
				return Message{}, nil, fmt.Errorf("the values of link %q: %w", c.Link.Name, err)
			}
		}
		m := Message{Subject: v.otp().LinkdefPut(), Ack: AckAtOnce, Lane: linkLaneOTP(&c.Link)}
		return m, wasmbus.OTPLinkdef{ActorID: c.Link.Source, ContractID: c.Link.Contract, LinkName: c.Link.Name,
			ProviderID: c.Link.Target, Values: values}, nil
	case ledger.DeleteLink:
		m := Message{Subject: v.otp().LinkdefDel(), Ack: AckAtOnce, Lane: linkLaneOTP(&c.Link)}
		return m, wasmbus.OTPDeleteLinkdef{ActorID: c.Link.Source, ContractID: c.Link.Contract, LinkName: c.Link.Name}, nil
	}
	return Message{}, nil, ErrNoSuchWord
}

func (v Voice) sayComponentOTP(c *ledger.Command) (Message, any, error) {
	host := string(c.Host)
	if c.To > c.From {
		// la takes the reference, sa the public key, both under the name actor_ref.
		m := Message{Subject: v.otp().LaunchActor(host), Ack: AckAtOnce, Lane: callsLaneOTP(c)}
		return m, wasmbus.OTPLaunchActor{ActorRef: c.Target.Ref, Annotations: wasmbus.OTPAnnotations(c.Annotations),
			Count: c.To - c.From, HostID: host}, nil
	}
	m := Message{Subject: v.otp().StopActor(host), Ack: AckAfterStop, Lane: callsLaneOTP(c)}
	return m, wasmbus.OTPStopActor{ActorRef: c.Target.ID, Annotations: c.Annotations, Count: c.From - c.To + c.Ahead}, nil
}

func (v Voice) sayProviderOTP(c *ledger.Command) (Message, any, error) {
	host := string(c.Host)
	if c.To > c.From {
		// Two lp of one provider before the first has started make two processes on hosts to 0.59.
		key := c.Target.ID
		if key == "" {
			key = c.Target.Ref
		}
		m := Message{Subject: v.otp().LaunchProvider(host), Ack: AckAtOnce, Lane: "lp " + host + " " + key + " " + c.Target.Link}
		return m, wasmbus.OTPLaunchProvider{Annotations: wasmbus.OTPAnnotations(c.Annotations), ContractID: c.Target.Contract,
			HostID: host, LinkName: c.Target.Link, ProviderRef: c.Target.Ref}, nil
	}
	m := Message{Subject: v.otp().StopProvider(host), Ack: AckAfterGoodbye}
	return m, wasmbus.OTPStopProvider{HostID: host, LinkName: c.Target.Link, ProviderRef: c.Target.ID}, nil
}

// callsLaneOTP: the stop of the last instances of an owner takes half a second to take down the calls of the key on that host. A start of the key waits
// for its answer, so that it brings the calls back and is not caught in their end. The key of what starts may not be known yet; its tags share a repository.
func callsLaneOTP(c *ledger.Command) string {
	repository, _, _ := strings.Cut(lattice.NormaliseRef(c.Target.Ref), "@")
	if tag := strings.LastIndexByte(repository, ':'); tag > strings.LastIndexByte(repository, '/') {
		repository = repository[:tag]
	}
	return "calls " + string(c.Host) + " " + repository
}

// linkLaneOTP: a put and a delete of one link must not overtake each other.
func linkLaneOTP(l *lattice.Link) string { return "link " + l.Source + " " + l.Contract + " " + l.Name }
