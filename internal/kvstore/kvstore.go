// Package kvstore keeps the records of the control plane in JetStream key-value buckets, and the status of applications in a stream.
//
// It knows the layout of wadm 0.21.1, whose manifest bucket it shares: an installation is taken over in place and can go back. It never
// decides what a record should say, and it survives that anybody deletes its buckets while it runs. The process is wired to it by cmd.
//
// Buckets (created if missing, used as they are otherwise):
//
//	wadm_manifests   {lattice}-{name}         {"manifests":{version: manifest, …},"deployed_version":version or null}
//	                 {lattice}                the sorted array of names
//	wadm_run         wish.{lattice}.{name}    what was asked last
//	                 run.{lattice}.{name}     the owner's record
//	                 version.{lattice}.{name}.{hash of the version}   when it was put and as what text, created once
//	wadm_leases      {lattice}                who owns the lattice
//
// Reads that list (Models, Runs, Lattices, watches) are answered from a copy that follows its bucket. Before each of them the server is
// asked for the bucket's last sequence and the copy is waited for, so they hold everything that was written before the call; the same
// question finds a bucket that was deleted, made anew or emptied.
package kvstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wadm-go/wadm/internal/store"
)

// Options are the settings of a Store. Zero values mean the defaults.
type Options struct {
	Domain    string // JetStream domain, "" = the server's own
	Manifests string // name of the manifest bucket, default wadm_manifests
	Runs      string // name of the bucket for wishes and run records, default wadm_run
	Leases    string // name of the bucket for leases, default wadm_leases
	Memory    bool   // make missing buckets in memory instead of files
	Replicas  int    // of missing buckets, default 1
	MaxBytes  int64  // of a missing manifest bucket, default no limit

	// ReadOnly makes no bucket and mends nothing: for looking at the store of somebody else. Without a manifest bucket there is no model, and
	// who asks for all of them gets ErrNoBucket.
	ReadOnly bool

	Timeout  time.Duration // for one exchange with the server, default 5 s
	Check    time.Duration // how often a copy is compared with its bucket when nobody reads, default 10 s
	Refusals *Refusals     // of this connection, or nil: then a refusal is only seen as a time-out
}

func (o Options) withDefaults() Options {
	set := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	set(&o.Manifests, "wadm_manifests")
	set(&o.Runs, "wadm_run")
	set(&o.Leases, "wadm_leases")
	if o.Replicas <= 0 {
		o.Replicas = 1
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = -1
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Check <= 0 {
		o.Check = 10 * time.Second
	}
	return o
}

// ErrNoBucket is the answer of a store with ReadOnly where there is no manifest bucket.
var ErrNoBucket = fmt.Errorf("no wadm has stored anything there: %w", store.ErrNotFound)

// Store implements the contract of package store. It is safe for concurrent use. Make it with Open, end it with Close.
type Store struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	opts Options

	manifests, runs, leases *bucket
	noRuns                  bool // read only, and there is no bucket for runs

	models *catalog
	acts   *acts
	copies struct{ manifests, runs *follower }

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// Open binds the three buckets, making those that are missing, save with ReadOnly. The error is one sentence for whoever runs the server.
func Open(ctx context.Context, nc *nats.Conn, o Options) (*Store, error) {
	js, err := connect(nc, o.Domain)
	if err != nil {
		return nil, err
	}
	s := &Store{nc: nc, js: js, opts: o.withDefaults(), models: newCatalog(), acts: newActs()}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.manifests = &bucket{s: s, name: s.opts.Manifests, maxBytes: s.opts.MaxBytes}
	s.runs = &bucket{s: s, name: s.opts.Runs, maxBytes: -1}
	s.leases = &bucket{s: s, name: s.opts.Leases, maxBytes: -1}
	if err := s.bind(ctx); err != nil {
		s.stop()
		return nil, err
	}
	s.copies.manifests = newFollower(s.manifests, s.models)
	s.copies.runs = newFollower(s.runs, s.acts)
	s.wg.Go(s.keepWatch)
	return s, nil
}

// bind opens the buckets.
func (s *Store) bind(ctx context.Context) error {
	if s.opts.ReadOnly {
		if _, err := s.manifests.open(ctx); err != nil && !errors.Is(err, ErrNoBucket) {
			return err
		}
		_, err := s.runs.open(ctx)
		if s.noRuns = errors.Is(err, ErrNoBucket); s.noRuns {
			return nil // 0.21.1 has none
		}
		return err
	}
	for _, b := range []*bucket{s.manifests, s.runs, s.leases} {
		if _, err := b.open(ctx); err != nil {
			return err
		}
	}
	return nil
}

// modelsCurrent brings the copy of the models up to date.
func (s *Store) modelsCurrent(ctx context.Context) error {
	if _, err := s.manifests.open(ctx); errors.Is(err, ErrNoBucket) {
		return err
	}
	return s.copies.manifests.current(ctx)
}

// actsCurrent brings the copy of wishes and run records up to date, where there are any.
func (s *Store) actsCurrent(ctx context.Context) error {
	if s.noRuns {
		return nil
	}
	return s.copies.runs.current(ctx)
}

// bothCurrent brings both copies up to date, side by side: each is a journey to the server.
func (s *Store) bothCurrent(ctx context.Context) (models, acts error) {
	var beside sync.WaitGroup
	beside.Go(func() { acts = s.actsCurrent(ctx) })
	models = s.modelsCurrent(ctx)
	beside.Wait()
	return models, acts
}

// Close ends what runs in the background and waits for it. Watches end with their own contexts.
func (s *Store) Close() {
	s.stop()
	s.wg.Wait()
}

func connect(nc *nats.Conn, domain string) (jetstream.JetStream, error) {
	if domain == "" {
		js, err := jetstream.New(nc)
		if err != nil {
			return nil, fmt.Errorf("opening JetStream: %w", err)
		}
		return js, nil
	}
	js, err := jetstream.NewWithDomain(nc, domain)
	if err != nil {
		return nil, fmt.Errorf("opening JetStream domain %q: %w", domain, err)
	}
	return js, nil
}

// keepWatch makes the copies begin again after a reconnect (what was missed is not known) and compares them with their buckets now and
// then, for a bucket that is deleted while nothing is written gives no sign.
func (s *Store) keepWatch() {
	status := s.nc.StatusChanged(nats.CONNECTED)
	defer s.nc.RemoveStatusListener(status)
	tick := time.NewTicker(s.opts.Check)
	defer tick.Stop()
	followers := []*follower{s.copies.manifests, s.copies.runs}
	for {
		select {
		case <-s.ctx.Done():
			return
		case _, ok := <-status:
			if !ok {
				return // the connection is closed for good
			}
			for _, f := range followers {
				f.restart()
			}
		case <-tick.C:
			for _, f := range followers {
				if f.running() {
					// A failure is not lost: whoever reads next gets it.
					_ = f.current(s.ctx)
				}
			}
		}
	}
}

// bucket is one key-value bucket, which may vanish at any time.
type bucket struct {
	s        *Store
	name     string
	maxBytes int64

	mu sync.Mutex
	kv jetstream.KeyValue
}

func (b *bucket) stream() string { return "KV_" + b.name }

// open binds the bucket, or makes it.
func (b *bucket) open(ctx context.Context) (jetstream.KeyValue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kv != nil {
		return b.kv, nil
	}
	err := b.s.call(ctx, fmt.Sprintf("opening bucket %q", b.name), b.stream(), func(ctx context.Context) error {
		kv, err := b.s.js.KeyValue(ctx, b.name)
		switch {
		case errors.Is(err, jetstream.ErrBucketNotFound) && b.s.opts.ReadOnly:
			err = ErrNoBucket
		case errors.Is(err, jetstream.ErrBucketNotFound):
			if err = b.make(ctx); err == nil {
				kv, err = b.s.js.KeyValue(ctx, b.name)
			}
		}
		if errors.Is(err, nats.ErrNoResponders) {
			err = jetstream.ErrJetStreamNotEnabled // the only one who answers that question
		}
		b.kv = kv
		return err
	})
	if err != nil {
		b.kv = nil
		return nil, err
	}
	return b.kv, nil
}

// make creates the stream behind the bucket as 0.21.1 does, without asking for account information first: a user with few permissions
// may not have that one.
func (b *bucket) make(ctx context.Context) error {
	storage := jetstream.FileStorage
	if b.s.opts.Memory {
		storage = jetstream.MemoryStorage
	}
	config := jetstream.StreamConfig{
		Name: b.stream(), Subjects: []string{"$KV." + b.name + ".>"}, Storage: storage, Replicas: b.s.opts.Replicas,
		MaxMsgsPerSubject: 1, MaxBytes: b.maxBytes, MaxMsgs: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, AllowDirect: true, Duplicates: 2 * time.Minute,
	}
	_, err := b.s.js.CreateStream(ctx, config)
	for try := 1; cannotCreate(err) && try <= createTries; try++ {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try) * createPause):
			_, err = b.s.js.CreateStream(ctx, config)
		}
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil // another process was faster, with settings of its own
	}
	return err
}

// A stream that was deleted a moment ago cannot always be made again: the server takes its files away beside answering.
const (
	createTries = 3
	createPause = 50 * time.Millisecond
)

// cannotCreate tells whether the server failed to make the files of a stream.
func cannotCreate(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == 10049
}

// forget drops the binding, if it still is this one; the next use binds or makes the bucket again.
func (b *bucket) forget(kv jetstream.KeyValue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kv == kv {
		b.kv = nil
	}
}

// use runs one exchange on the bucket; if the bucket has vanished it is made again, and the exchange is tried once more. The second try
// cannot do a thing twice: a bucket that is not there has stored nothing.
func (b *bucket) use(ctx context.Context, doing, subject string, do func(context.Context, jetstream.KeyValue) error) error {
	for try := 0; ; try++ {
		kv, err := b.open(ctx)
		if err != nil {
			return err
		}
		err = b.s.call(ctx, doing, subject, func(ctx context.Context) error { return do(ctx, kv) })
		if err == nil || try > 0 || !b.vanished(ctx, kv, err) {
			return err
		}
		b.forget(kv)
	}
}

// vanished says whether an error came from a bucket that is not there any more. A write to it shows as a time-out when somebody listens
// to its subjects (nats sub '>'), so then the server is asked.
func (b *bucket) vanished(ctx context.Context, kv jetstream.KeyValue, err error) bool {
	if gone(err) {
		return true
	}
	var late *lateError
	if !errors.As(err, &late) || ctx.Err() != nil {
		return false
	}
	err = b.s.call(ctx, "asking for bucket "+b.name, b.stream(), func(ctx context.Context) error {
		_, err := kv.Status(ctx)
		return err
	})
	return gone(err)
}

func gone(err error) bool {
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) ||
		errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)
}
