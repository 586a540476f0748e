package api

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// maxTries bounds how often one request starts over because somebody else wrote first. Within a process requests on one application take
// turns, so only other processes conflict; a request that lost this often reports a storage error.
const maxTries = 64

// takeBackWithin bounds the tidying after a request that failed half way.
const takeBackWithin = 5 * time.Second

// writer carries decisions out: one compare-and-set loop over an application's wish and record.
type writer struct {
	models store.Models
	wishes store.Wishes
	known  *memory
}

// change decides and writes until nobody else got in between, and returns the decision that was carried out.
func (w writer) change(ctx context.Context, lattice string, r Request) (Decision, error) {
	var mine written
	for try := range maxTries {
		d, done, err := w.attempt(ctx, lattice, r, try, &mine)
		if err != nil {
			w.takeBack(ctx, lattice, r, mine)
			return Decision{}, err
		}
		if done {
			if r.Op == wadmapi.OpPut && d.Record != nil {
				w.known.remember(r.Canonical, r.Put)
			}
			if d.Wish == nil {
				w.takeBack(ctx, lattice, r, mine)
			}
			return d, nil
		}
		if err := pause(ctx, try); err != nil {
			w.takeBack(ctx, lattice, r, mine)
			return Decision{}, err
		}
	}
	w.takeBack(ctx, lattice, r, mine)
	return Decision{}, fmt.Errorf("changing application %q: %d others wrote first: %w", r.App, maxTries, store.ErrConflict)
}

// attempt is one round: read, decide, write the wish, write the record. done is false when somebody else wrote meanwhile.
func (w writer) attempt(ctx context.Context, lattice string, r Request, try int, mine *written) (d Decision, done bool, err error) {
	// The wish is known before the record is read: whoever changed both in between has changed the wish first.
	last, err := w.lastWish(ctx, lattice, r, try)
	if err != nil {
		return d, false, err
	}
	f, err := w.find(ctx, lattice, r)
	if err != nil {
		return d, false, err
	}
	if f.Last = last.Last; last.revision != 0 && last.revision == mine.revision {
		f.Last = mine.instead // what this request wished itself is not what was asked before it
	}
	d = Decide(f, r)
	if d.Wish != nil {
		// Each wish that is written has an id of its own: an owner that acted on an earlier one must see this one too.
		d.Wish.ID = r.Stamp.ID + suffix(try)
		rev, err := w.wishes.PutWish(ctx, lattice, *d.Wish, last.revision)
		if errors.Is(err, store.ErrConflict) {
			return d, false, nil
		}
		if err != nil {
			return d, false, fmt.Errorf("writing the wish of application %q: %w", r.App, err)
		}
		*mine = written{rev, f.Last}
		w.known.wished(lattice, r.App, wished{rev, lastOf(d.Wish)})
	}
	switch {
	case d.Remove:
		err = w.models.DeleteModel(ctx, lattice, r.App, f.Revision)
	case d.Record != nil:
		_, err = w.models.PutModel(ctx, lattice, *d.Record, f.Revision)
	}
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) { // the latter: somebody else has deleted it
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("writing the record of application %q: %w", r.App, err)
	}
	d.News = newsOf(f.Model, d)
	return d, true, nil
}

func suffix(try int) string {
	if try == 0 {
		return ""
	}
	return "-" + strconv.Itoa(try)
}

// wished is what is known of the wish that a store holds; revision 0: there is none.
type wished struct {
	revision store.Revision
	Last
}

// written is the wish that a request has written, revision 0: none yet, and what was asked before it.
type written struct {
	revision store.Revision
	instead  Last
}

func lastOf(w *engine.Wish) Last { return Last{w.Operation, w.Release} }

// lastWish is what was asked last of the application. A put wishes nothing and needs none. At the first try what this process has wished itself will do.
func (w writer) lastWish(ctx context.Context, lattice string, r Request, try int) (wished, error) {
	if r.Op == wadmapi.OpPut {
		return wished{}, nil
	}
	if try == 0 {
		if last, known := w.known.wish(lattice, r.App); known {
			return last, nil
		}
	}
	last, rev, err := w.wishes.Wish(ctx, lattice, r.App)
	switch {
	case err == nil:
		return wished{rev, lastOf(&last)}, nil
	case errors.Is(err, store.ErrUnreadable): // one that cannot be read is replaced
		return wished{revision: rev}, nil
	case errors.Is(err, store.ErrNotFound), wadmapi.ValidName(r.App) != nil: // the latter as in record
		return wished{}, nil
	default:
		return wished{}, fmt.Errorf("reading the wish of application %q: %w", r.App, err)
	}
}

// record is the stored record of an application: no model when there is none, one without versions when it cannot be read.
func (w writer) record(ctx context.Context, lattice, app string) (Found, error) {
	m, rev, err := w.models.Model(ctx, lattice, app)
	switch {
	case err == nil:
		return Found{Model: &m, Revision: rev}, nil
	case errors.Is(err, store.ErrUnreadable):
		return Found{Model: &store.Model{Name: app}, Revision: rev, Unread: err}, nil
	case errors.Is(err, store.ErrNotFound), wadmapi.ValidName(app) != nil:
		// A store whose keys cannot hold such a name fails, and holds no such application.
		return Found{}, nil
	}
	return Found{}, fmt.Errorf("reading the record of application %q: %w", app, err)
}

// find loads what the request is decided on.
func (w writer) find(ctx context.Context, lattice string, r Request) (Found, error) {
	var around func() ([]store.Model, error)
	if r.Op == wadmapi.OpDeploy || r.Op == wadmapi.OpPut && refersElsewhere(r.Put) {
		around = w.lookAround(ctx, lattice)
	}
	f, err := w.record(ctx, lattice, r.App)
	if err != nil {
		return f, err
	}
	f.Facts = w.known.facts
	if around == nil || r.Op == wadmapi.OpDeploy && f.Model == nil {
		return f, nil
	}
	all, err := around()
	if err != nil {
		return f, fmt.Errorf("reading the applications of lattice %q: %w", lattice, err)
	}
	for i := range all {
		if all[i].Name != r.App {
			f.Others = append(f.Others, all[i])
		}
	}
	return f, nil
}

// lookAround reads all records of a lattice while another one is read: a store may be a journey away.
func (w writer) lookAround(ctx context.Context, lattice string) func() ([]store.Model, error) {
	type found struct {
		all []store.Model
		err error
	}
	came := make(chan found, 1)
	go func() {
		var f found
		defer func() {
			if p := recover(); p != nil {
				f = found{err: fmt.Errorf("the store failed: %v", p)}
			}
			came <- f
		}()
		f.all, f.err = w.models.Models(ctx, lattice)
	}()
	return func() ([]store.Model, error) {
		f := <-came
		return f.all, f.err
	}
}

// takeBack replaces a wish that this request wrote, and whose record it could not write, by one that says what the record says: else the
// owner would go on doing what the client was told has failed. It gives up silently when another request has wished since, for that
// one's record follows; and when the store fails again, for then nothing can be known.
func (w writer) takeBack(ctx context.Context, lattice string, r Request, mine written) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackWithin) // the request's own time may be up: that is why we are here
	defer cancel()
	for try := 0; mine.revision != 0 && try < maxTries; try++ {
		f, err := w.find(ctx, lattice, Request{App: r.App})
		if err != nil || unreadable(f.Model) {
			return
		}
		back := settled(f, r.App, r.Stamp, mine.instead)
		back.ID = r.Stamp.ID + "-back" + suffix(try)
		if mine.revision, err = w.wishes.PutWish(ctx, lattice, back, mine.revision); err != nil || f.Model == nil {
			return
		}
		// The record is written again, unchanged, so that a request which decided before this wish and has not written yet starts over.
		if _, err = w.models.PutModel(ctx, lattice, *f.Model, f.Revision); !errors.Is(err, store.ErrConflict) {
			return
		}
		if pause(ctx, try) != nil {
			return
		}
	}
}

// pause waits a random moment that grows with the number of tries, so that two processes do not collide for ever.
func pause(ctx context.Context, try int) error {
	limit := min(time.Duration(try+1)*2*time.Millisecond, 50*time.Millisecond)
	t := time.NewTimer(time.Duration(rand.Int64N(int64(limit))))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
