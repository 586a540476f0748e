package main

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
)

// BenchmarkHostLoss is the planning of one lost host; profile it with -cpuprofile.
func BenchmarkHostLoss(b *testing.B) {
	c, err := newCrowd(usualMix)
	if err != nil {
		b.Fatal(err)
	}
	d := newDriver(c, crowdHosts)
	d.settle()
	b.ResetTimer()
	b.ReportAllocs()
	lost := crowdHosts - 1
	for b.Loop() {
		if lost < crowdHosts/2 {
			b.Skip("no host is left that was not touched")
		}
		if _, err := d.lose(lost); err != nil {
			b.Fatal(err)
		}
		lost--
	}
}

// BenchmarkDeployStep is the planning of a deploy: 100 components x 10 instances on 50 hosts, from the wish to the commands.
func BenchmarkDeployStep(b *testing.B) {
	m, err := decode(manifest("app", "v1", 100, 10))
	if err != nil {
		b.Fatal(err)
	}
	wish := deployWish(m)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		d := newDriver(&crowd{}, deployHosts)
		d.settle()
		d.now += 5 * time.Second
		d.drive(engine.Tick{})
		b.StartTimer()
		d.drive(engine.WishSeen{Wish: wish})
		for i := range d.sent {
			if !d.machine.MaySend(&d.sent[i], d.now+time.Duration(i+1)) {
				b.Fatal("a command makes no sense any more")
			}
		}
		if len(d.sent) != 1000 {
			b.Fatalf("%d commands", len(d.sent))
		}
	}
}
