package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
)

const (
	saveWithin = 5 * time.Second // for one save, its second look included
	savesAtOne = 32              // applications written at once
)

// saver writes run records beside the loop: those of one application in order, those of several side by side.
type saver struct {
	runs    store.Runs
	lattice string
	back    func(engine.Saved)
	room    chan struct{}
	tasks   sync.WaitGroup

	mu     sync.Mutex
	chains map[string][]engine.Save // by application; a key that is there has a goroutine
}

func newSaver(runs store.Runs, lattice string, back func(engine.Saved)) *saver {
	return &saver{runs: runs, lattice: lattice, back: back, room: make(chan struct{}, savesAtOne), chains: make(map[string][]engine.Save)}
}

func (s *saver) put(save engine.Save) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chain, busy := s.chains[save.App]
	s.chains[save.App] = append(chain, save)
	if !busy {
		s.tasks.Go(func() { s.run(save.App) })
	}
}

// idle says that nothing is being written.
func (s *saver) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.chains) == 0
}

// wait returns when everything that was put is written or has failed.
func (s *saver) wait() { s.tasks.Wait() }

func (s *saver) run(app string) {
	for {
		s.mu.Lock()
		chain := s.chains[app]
		if len(chain) == 0 {
			delete(s.chains, app)
			s.mu.Unlock()
			return
		}
		save := chain[0]
		s.chains[app] = chain[1:]
		s.mu.Unlock()

		s.room <- struct{}{}
		saved := s.save(save)
		<-s.room
		s.back(saved)
	}
}

// save writes one record. A conflict means that somebody else has written, unless the stored record bears our epoch: then an earlier try of ours,
// whose answer was lost, has succeeded, and only this one is to follow it.
func (s *saver) save(save engine.Save) engine.Saved {
	ctx, cancel := context.WithTimeout(context.Background(), saveWithin)
	defer cancel()
	expect := save.Expect
	for range 3 {
		rev, err := s.write(ctx, save, expect)
		switch {
		case err == nil:
			return engine.Saved{ID: save.ID, Revision: rev}
		case !errors.Is(err, store.ErrConflict):
			return engine.Saved{ID: save.ID, Err: err.Error()}
		case save.Delete:
			return engine.Saved{ID: save.ID, Err: err.Error(), Lost: true}
		}
		stored, at, rerr := s.runs.Run(ctx, s.lattice, save.App)
		switch {
		case rerr != nil && !errors.Is(rerr, store.ErrNotFound) && !errors.Is(rerr, store.ErrUnreadable):
			return engine.Saved{ID: save.ID, Err: rerr.Error()}
		case rerr != nil || stored.Epoch != save.Run.Epoch:
			return engine.Saved{ID: save.ID, Err: err.Error(), Lost: true}
		case same(stored, save.Run):
			return engine.Saved{ID: save.ID, Revision: at}
		}
		expect = at
	}
	return engine.Saved{ID: save.ID, Err: store.ErrConflict.Error(), Lost: true}
}

func (s *saver) write(ctx context.Context, save engine.Save, expect store.Revision) (store.Revision, error) {
	if save.Delete {
		return 0, s.runs.DeleteRun(ctx, s.lattice, save.App, expect)
	}
	return s.runs.PutRun(ctx, s.lattice, save.Run, expect)
}

func same(a, b engine.Run) bool {
	x, xerr := json.Marshal(a)
	y, yerr := json.Marshal(b)
	return xerr == nil && yerr == nil && bytes.Equal(x, y)
}
