// Package bad breaks each rule of purity once.
package bad

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"
)

// A clock that is not called is a clock all the same.
var clock = time.Now

func wait(d time.Duration) time.Time {
	var _ sync.Mutex
	t := <-time.After(d)
	return t
}

func race() int {
	c := make(chan int)
	go func() { c <- rand.Int() }()
	select {
	case n := <-c:
		slog.Info("chance")
		println(n)
		fmt.Println(n)
		return n
	}
}

func order(m map[string]int) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	for k := range maps.Keys(m) {
		out = append(out, k)
	}
	// order:
	for k := range m { // a comment without a reason is no reason
		out = append(out, k)
	}
	type named map[string]int
	n := named(m)
	// order: this one is too far away.

	sum := 0
	for _, v := range n {
		sum += v
	}
	return append(out, fmt.Sprint(sum, clock(), wait(0), race(), first(m)))
}

func first[M ~map[K]V, K comparable, V any](m M) (k K) {
	for k := range m {
		return k
	}
	return k
}
