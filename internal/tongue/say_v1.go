package tongue

import (
	"errors"
	"fmt"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

var errNegative = errors.New("a count below zero")

// sayV1 chooses the word of a 1.x host for a command (protocol A4). Its verbs are absolute: only To is said.
func (v Voice) sayV1(c *ledger.Command) (Message, any, error) {
	host := string(c.Host)
	m := Message{Ack: AckAtOnce}
	switch c.Action {
	case ledger.Scale:
		m.Needs = c.Config
		if c.To < 0 {
			return m, nil, errNegative
		}
		if c.Target.Kind == lattice.Provider {
			return v.sayProviderV1(c, m)
		}
		m.Subject = v.v1().ComponentScale(host)
		return m, wasmbus.V1Scale{ComponentRef: c.Target.Ref, ComponentID: c.Target.ID, Annotations: c.Annotations,
			Count: uint32(c.To), HostID: host, Config: configs(c.Config)}, nil
	case ledger.Update:
		m.Subject = v.v1().ComponentUpdate(host)
		return m, wasmbus.V1Update{ComponentID: c.Target.ID, HostID: host, NewComponentRef: c.Update, Annotations: c.Annotations}, nil
	case ledger.PutLink:
		m.Subject = v.v1().LinkPut()
		m.Lane = "link " + c.Link.Source // hosts read, change and write all links of a source: two at once may lose one
		m.Needs = needs(c.Link.SourceConfig, c.Link.TargetConfig)
		return m, wasmbus.V1Link{SourceID: c.Link.Source, Target: c.Link.Target, Name: c.Link.Name, WITNamespace: c.Link.Namespace,
			WITPackage: c.Link.Package, Interfaces: configs(c.Link.Interfaces), SourceConfig: configs(c.Link.SourceConfig),
			TargetConfig: configs(c.Link.TargetConfig)}, nil
	case ledger.DeleteLink:
		m.Subject = v.v1().LinkDel()
		m.Lane = "link " + c.Link.Source
		return m, wasmbus.V1DeleteLink{SourceID: c.Link.Source, Name: c.Link.Name, WITNamespace: c.Link.Namespace, WITPackage: c.Link.Package}, nil
	case ledger.PutConfig, ledger.DeleteConfig:
		return v.sayConfigV1(c, m)
	}
	return m, nil, ErrNoSuchWord
}

func (v Voice) sayProviderV1(c *ledger.Command, m Message) (Message, any, error) {
	host := string(c.Host)
	if c.To == 0 {
		m.Subject = v.v1().ProviderStop(host)
		return m, wasmbus.V1StopProvider{HostID: host, ProviderID: c.Target.ID}, nil
	}
	m.Subject = v.v1().ProviderStart(host)
	return m, wasmbus.V1StartProvider{ProviderID: c.Target.ID, ProviderRef: c.Target.Ref, HostID: host,
		Config: configs(c.Config), Annotations: c.Annotations}, nil
}

func (v Voice) sayConfigV1(c *ledger.Command, m Message) (Message, any, error) {
	if !wasmbus.ValidToken(c.ConfigName) {
		return m, nil, fmt.Errorf("config name %q is no subject token", c.ConfigName)
	}
	m.Lane = "config " + c.ConfigName
	m.Sets = c.ConfigName
	if c.Action == ledger.DeleteConfig {
		m.Subject = v.v1().ConfigDel(c.ConfigName)
		return m, nil, nil
	}
	m.Subject = v.v1().ConfigPut(c.ConfigName)
	values := wasmbus.V1Config(c.Values)
	if values == nil {
		values = wasmbus.V1Config{}
	}
	return m, values, nil
}
