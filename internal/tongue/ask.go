package tongue

import (
	"errors"
	"fmt"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

// Ping is the subject on which every host of the dialect answers. It must be sent with a reply subject: an OTP host from 0.60
// loses its connection over one without.
func (v Voice) Ping() string {
	if v.Dialect == lattice.OTP {
		return v.otp().PingHosts()
	}
	return v.v1().HostPing()
}

// Inventory is the subject on which one host tells what it runs.
func (v Voice) Inventory(host lattice.HostID) (string, error) {
	if !wasmbus.ValidToken(string(host)) {
		return "", fmt.Errorf("asking for an inventory: host %q is no subject token", host)
	}
	if v.Dialect == lattice.OTP {
		return v.otp().Inventory(string(host)), nil
	}
	return v.v1().HostGet(string(host)), nil
}

// Links is the subject on which one host of the lattice tells all links.
func (v Voice) Links() string {
	if v.Dialect == lattice.OTP {
		return v.otp().Links()
	}
	return v.v1().LinkGet()
}

// Claims is the subject on which one host tells the claims of all that it knows. A 1.x host tells them by public keys, which nobody there uses
// as ids: ErrNoSuchWord.
func (v Voice) Claims() (string, error) {
	if v.Dialect != lattice.OTP {
		return "", fmt.Errorf("asking for claims: %w", ErrNoSuchWord)
	}
	return v.otp().Claims(), nil
}

// Config is the subject on which one host tells a config. OTP lattices have none: ErrNoSuchWord.
func (v Voice) Config(name string) (string, error) {
	if v.Dialect == lattice.OTP {
		return "", fmt.Errorf("asking for config %q: %w", name, ErrNoSuchWord)
	}
	if !wasmbus.ValidToken(name) {
		return "", fmt.Errorf("asking for config %q: the name is no subject token", name)
	}
	return v.v1().ConfigGet(name), nil
}

// ReadAck reads the answer to a command: accepted or refused, with the host's words. An answer that is none is an error.
func ReadAck(d lattice.Dialect, data []byte) (ledger.Answer, string, error) {
	if d == lattice.OTP {
		ack, err := wasmbus.DecodeOTPAck(data)
		if err != nil {
			return ledger.NoAnswer, "", fmt.Errorf("reading an acknowledgement: %w", err)
		}
		if !ack.Accepted {
			return ledger.Refused, wasmbus.OTPErrorText(ack.Error), nil
		}
		return ledger.Accepted, "", nil
	}
	ack, err := wasmbus.DecodeV1Ack(data)
	if err != nil {
		return ledger.NoAnswer, "", fmt.Errorf("reading an acknowledgement: %w", err)
	}
	if !ack.Success {
		return ledger.Refused, ack.Message, nil
	}
	return ledger.Accepted, ack.Message, nil
}

// ReadPing reads one host's answer to a ping.
func ReadPing(d lattice.Dialect, data []byte) (lattice.HostSeen, error) {
	if d == lattice.OTP {
		s, err := wasmbus.DecodeOTPHostSummary(data)
		if err != nil {
			return lattice.HostSeen{}, fmt.Errorf("reading the answer to a ping: %w", err)
		}
		return lattice.HostSeen{Host: lattice.HostID(s.ID), Dialect: d, Can: canOTP(s.Version), Name: s.FriendlyName, Labels: s.Labels,
			Version: s.Version, Uptime: s.UptimeSeconds}, nil
	}
	s, err := wasmbus.DecodeV1HostSummary(data)
	if err != nil {
		return lattice.HostSeen{}, fmt.Errorf("reading the answer to a ping: %w", err)
	}
	return lattice.HostSeen{Host: lattice.HostID(s.ID), Dialect: d, Can: canV1, Name: s.FriendlyName, Labels: s.Labels,
		Version: s.Version, Uptime: s.UptimeSeconds}, nil
}

// ReadInventory reads the answer of the host that was asked at the given time.
func ReadInventory(d lattice.Dialect, host lattice.HostID, data []byte, asked time.Duration) (lattice.Inventory, error) {
	if d == lattice.OTP {
		inv, err := wasmbus.DecodeOTPInventory(data)
		if err != nil {
			return lattice.Inventory{}, fmt.Errorf("reading an inventory: %w", err)
		}
		return inventoryOTP(host, &inv, asked), nil
	}
	inv, err := wasmbus.DecodeV1Inventory(data)
	if err != nil {
		return lattice.Inventory{}, fmt.Errorf("reading an inventory: %w", err)
	}
	return inventoryV1(host, &inv, asked), nil
}

// ReadLinks reads the links of the lattice as one host knows them.
func ReadLinks(d lattice.Dialect, data []byte, asked time.Duration) (lattice.Links, error) {
	out := lattice.Links{Asked: asked}
	if d == lattice.OTP {
		links, err := wasmbus.DecodeOTPLinks(data)
		if err != nil {
			return lattice.Links{}, fmt.Errorf("reading the links: %w", err)
		}
		for _, l := range links {
			out.Links = append(out.Links, linkOTP(l))
		}
		return out, nil
	}
	links, err := wasmbus.DecodeV1Links(data)
	if err != nil {
		return lattice.Links{}, fmt.Errorf("reading the links: %w", err)
	}
	for _, l := range links {
		out.Links = append(out.Links, linkV1(l))
	}
	return out, nil
}

// ReadConfig reads the answer to a question about one config.
func ReadConfig(name string, data []byte, asked time.Duration) (lattice.Config, error) {
	values, found, err := wasmbus.DecodeV1Config(data)
	if err != nil {
		return lattice.Config{}, fmt.Errorf("reading config %q: %w", name, err)
	}
	return lattice.Config{Name: name, Asked: asked, Found: found, Values: values}, nil
}

// Words returns what a host itself said in an error of this package, else the error's text: what a status may show.
func Words(err error) string {
	var refused *wasmbus.RefusedError
	if errors.As(err, &refused) && refused.Message != "" {
		return refused.Message
	}
	return err.Error()
}
