package feed

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

const (
	caller = "VAZVC4RX54J2NVCMCW7BPCAHGGG5XZXDBXFUDDHPAU5BEFQNYG6MZSMQ"
	called = "MBCFOPM6JW2APJLXJD3Z5O4CN7CPYJ2B4FTKLJUR5YR5MITIU7HD3WD5"
)

func succeeded(t testing.TB, operation string) []byte {
	t.Helper()
	contract, link := "wasmcloud:httpserver", "default"
	return event(t, hostB, wasmbus.OTPInvocationSucceeded{Bytes: 412, Operation: operation, Dest: wasmbus.OTPEntity{PublicKey: called},
		Source: wasmbus.OTPEntity{PublicKey: caller, ContractID: &contract, LinkName: &link}})
}

func counted(operation string, t lattice.Tally) lattice.Event {
	return lattice.Invoked{Tally: t, Invocation: lattice.Invocation{Operation: operation, To: lattice.End{ID: called},
		From: lattice.End{ID: caller, Link: "default", Contract: "wasmcloud:httpserver"}}}
}

func TestInvocationsAreSummedUp(t *testing.T) {
	b := newBench(t, Config{MaxEvents: 3})
	failed := event(t, hostB, wasmbus.OTPInvocationFailed{Bytes: 8, Operation: "a", Dest: wasmbus.OTPEntity{PublicKey: called}, Source: wasmbus.OTPEntity{PublicKey: caller}})
	for range 1000 {
		b.otp("wasmbus.evt.default", succeeded(t, "a"))
		b.otp("wasmbus.evt.default", succeeded(t, "b"))
	}
	b.otp("wasmbus.evt.default", failed)
	select {
	case <-b.Ready():
		t.Error("an invocation woke the owner")
	default:
	}
	batch := b.Take()
	want := []lattice.Event{counted("a", lattice.Tally{Succeeded: 1000, Bytes: 412_000}), counted("b", lattice.Tally{Succeeded: 1000, Bytes: 412_000}),
		lattice.Invoked{Tally: lattice.Tally{Failed: 1, Bytes: 8}, Invocation: lattice.Invocation{Operation: "a", To: lattice.End{ID: called}, From: lattice.End{ID: caller}}}}
	if diff := cmp.Diff(Batch{Events: want}, batch); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if again := b.Take(); len(again.Events) > 0 {
		t.Errorf("they are told twice: %v", again)
	}
}

func TestDifferentInvocationsAreBounded(t *testing.T) {
	b := newBench(t, Config{})
	for i := range maxTallies + 5 {
		b.otp("wasmbus.evt.default", succeeded(t, fmt.Sprint(i)))
	}
	b.Lost("a test says so")
	batch := b.Take()
	if n := b.Stats().Uncounted; len(batch.Events) != maxTallies || n != 5 || !batch.Resync {
		t.Errorf("%d kept, %d not counted, resync %v", len(batch.Events), n, batch.Resync)
	}
}

// TestInvocationsOfLaterHosts sends them where hosts from 0.59 do, on a real server, among what does not belong there.
func TestInvocationsOfLaterHosts(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		srv := natstest.InProcess(t)
		nc, hosts := natstest.Connect(t, srv), natstest.Connect(t, srv)
		f, err := Start(nc, Config{Lattice: "default", Now: func() time.Duration { return 0 }})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, m := range []*nats.Msg{
			{Subject: "wasmbus.rpcevt.default", Data: succeeded(t, "a")},
			{Subject: "wasmbus.rpcevt.default", Data: event(t, hostB, wasmbus.OTPHostStopped{})},
			{Subject: "wasmbus.rpcevt.default", Data: []byte("{")},
			{Subject: "wasmbus.rpcevt.other", Data: succeeded(t, "a")},
			{Subject: "wasmbus.evt.default", Data: event(t, hostB, wasmbus.OTPHostStarted{FriendlyName: "wispy"})},
		} {
			if err := hosts.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		hosts.Flush()
		var got []lattice.Event
		for len(got) < 2 { // each subscription has a goroutine of its own
			time.Sleep(time.Millisecond) // in virtual time
			got = append(got, f.Take().Events...)
		}
		time.Sleep(time.Second)
		got = append(got, f.Take().Events...)
		kinds := map[string]int{}
		for _, e := range got {
			kinds[fmt.Sprintf("%T", e)]++
		}
		if diff := cmp.Diff(map[string]int{"lattice.HostStarted": 1, "lattice.Invoked": 1}, kinds); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func BenchmarkInvocation(b *testing.B) {
	f := New(Config{Lattice: "default", Now: func() time.Duration { return 0 }})
	hear := f.Ear(lattice.OTP, [16]byte{1})
	data := succeeded(b, "HttpServer.HandleRequest")
	b.ReportAllocs()
	for b.Loop() {
		hear("wasmbus.evt.default", data)
	}
}
