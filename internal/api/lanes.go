package api

import "sync"

// lanes runs jobs in goroutines: those with the same key one after another in the order in which they came, all others side by side, as
// many at a time as there are slots.
type lanes struct {
	mu      sync.Mutex
	waiting map[string][]func() // an entry, even an empty one, means that a goroutine serves this key
	slots   chan struct{}       // nil: no limit
}

func newLanes(slots int) *lanes {
	l := &lanes{waiting: map[string][]func(){}}
	if slots > 0 {
		l.slots = make(chan struct{}, slots)
	}
	return l
}

// run queues a job and returns at once. Jobs may not panic.
func (l *lanes) run(key string, job func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if queue, busy := l.waiting[key]; busy {
		l.waiting[key] = append(queue, job)
		return
	}
	l.waiting[key] = nil
	go l.serve(key, job)
}

func (l *lanes) serve(key string, job func()) {
	for job != nil {
		l.one(job)
		job = l.next(key)
	}
}

// one takes a slot for one job only: a busy application must not keep others waiting.
func (l *lanes) one(job func()) {
	if l.slots != nil {
		l.slots <- struct{}{}
		defer func() { <-l.slots }()
	}
	job()
}

func (l *lanes) next(key string) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.waiting[key]
	if len(queue) == 0 {
		delete(l.waiting, key)
		return nil
	}
	l.waiting[key] = queue[1:]
	return queue[0]
}
