package main

import "testing"

// BenchmarkHostLoss is the planning of one lost host; profile it with -cpuprofile.
func BenchmarkHostLoss(b *testing.B) {
	c, err := newCrowd()
	if err != nil {
		b.Fatal(err)
	}
	d := newDriver(c)
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
