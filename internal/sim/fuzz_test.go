package sim

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/wasmbus"
)

// FuzzHostsTakeAnything: whatever is sent to a host, it lives on and says nothing that cannot be read.
func FuzzHostsTakeAnything(f *testing.F) {
	for _, seed := range []struct {
		op   uint8
		body string
	}{
		{0, `{"component_id":"c","component_ref":"r","count":4294967295}`}, {1, `{"component_id":"","new_component_ref":""}`}, {2, `{"provider_id":"p"}`},
		{3, `{}`}, {4, `{"source_id":"","target":"","wit_namespace":"","wit_package":"","interfaces":[]}`}, {5, `{}`}, {6, `{"a":"b"}`}, {7, `{"key":"","value":""}`},
		{8, `{"actor_ref":"acme.io/x:1","count":3}`}, {9, `{"actor_ref":"M","count":0}`}, {10, `{"actor_id":"","actor_ref":"x","count":3}`},
		{11, `{"new_actor_ref":""}`}, {12, `{"provider_ref":"","link_name":""}`}, {13, `{"provider_ref":"","link_name":""}`},
		{14, `{"actor_id":"","contract_id":"","link_name":"","provider_id":"","values":{"x":1}}`}, {15, `[]`}, {16, `{"actor_ref":"x","constraints":{"a":"b"}}`},
	} {
		f.Add(seed.op, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, op uint8, body []byte) {
		c := NewCluster(Options{Timing: FastTiming()})
		a := c.AddHost(HostSpec{})
		o := c.AddHost(HostSpec{Dialect: wasmbus.DialectOTP})
		c.Advance(3 * time.Second)
		subjects := []string{
			ctlV1.ComponentScale(a), ctlV1.ComponentUpdate(a), ctlV1.ProviderStart(a), ctlV1.ProviderStop(a), ctlV1.LinkPut(), ctlV1.LinkDel(),
			ctlV1.ConfigPut("c"), ctlV1.LabelPut(a), ctlOTP.LaunchActor(o), ctlOTP.StopActor(o), ctlOTP.Scale(o), ctlOTP.Update(o),
			ctlOTP.LaunchProvider(o), ctlOTP.StopProvider(o), ctlOTP.LinkdefPut(), ctlOTP.LinkdefDel(), ctlOTP.AuctionActor(),
		}
		subject := subjects[int(op)%len(subjects)]
		for range 2 {
			c.Deliver(c.Now(), Msg{Subject: subject, Reply: "r", Data: body})
			c.Advance(c.Now() + 2*time.Second)
		}
		ctl, isV1 := wasmbus.ParseV1Ctl(subject, "")
		if !c.Responders(ctlV1.HostGet(a)) || !c.Responders(ctlOTP.Inventory(o)) {
			t.Fatalf("a host did not survive %s (%v %v)", subject, ctl, isV1)
		}
		if len(c.Advance(c.Now()+31*time.Second)) < 2 {
			t.Fatal("a host beats no more")
		}
	})
}
