package natstest

import (
	"strings"
	"sync"
)

// Logbook keeps what is logged, by many goroutines or another program, for the message of a failing test, and for tests that wait for a line.
// Its zero value is ready.
type Logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends; it never fails.
func (l *Logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is everything so far.
func (l *Logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count is how often s was logged.
func (l *Logbook) Count(s string) int { return strings.Count(l.String(), s) }
