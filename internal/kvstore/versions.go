package kvstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wadm-go/wadm/internal/store"
)

// versionRecord is what 0.21.1 has no place for: when a version was put, and as what text. It lies under a key of its own, so that the
// record that 0.21.1 reads stays as 0.21.1 writes it. The hash ties it to one manifest: 0.21.1 beside us may delete a version and put
// another one of the same name, and the old facts would be wrong for it.
type versionRecord struct {
	Version  string    `json:"version"`
	Manifest string    `json:"manifest"` // SHA-256 of the stored manifest, hex
	Created  time.Time `json:"created,omitzero"`
	Raw      *string   `json:"raw,omitempty"` // absent: not known, or too large for the server
}

func (r versionRecord) equal(other versionRecord) bool {
	raw := r.Raw == other.Raw || r.Raw != nil && other.Raw != nil && *r.Raw == *other.Raw
	return raw && r.Version == other.Version && r.Manifest == other.Manifest && r.Created.Equal(other.Created)
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func recordOf(v store.Version) versionRecord {
	r := versionRecord{Version: v.Version, Manifest: hashOf(v.Manifest), Created: v.Created.UTC().Truncate(time.Millisecond)}
	if v.Raw != nil && utf8.Valid(v.Raw) { // JSON would change anything else
		text := string(v.Raw)
		r.Raw = &text
	}
	return r
}

func versionKey(lattice, app, version string) (key, error) {
	return build("version.%s.%s."+hashOf([]byte(version)), lattice, app)
}

// facts are the version records of the run bucket, by application and by the hash of the version.
type facts struct {
	mu     sync.Mutex
	held   map[spot]map[string]fact
	absent map[string]struct{} // versions for which the bucket was asked
}

type fact struct {
	rev    store.Revision
	record versionRecord
}

// absentMost bounds what is remembered of versions that have no record.
const absentMost = 10_000

func newFacts() *facts {
	return &facts{held: map[spot]map[string]fact{}, absent: map[string]struct{}{}}
}

func (f *facts) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held, f.absent = map[spot]map[string]fact{}, map[string]struct{}{}
}

// put takes what the bucket holds under a key. What cannot be read is no fact.
func (f *facts) put(at spot, hash string, data []byte, rev store.Revision) {
	var r versionRecord
	if json.Unmarshal(data, &r) != nil || hashOf([]byte(r.Version)) != hash {
		r = versionRecord{} // there all the same: it has a revision and can be removed
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held[at] == nil {
		f.held[at] = map[string]fact{}
	}
	f.held[at][hash] = fact{rev, r}
}

func (f *facts) drop(at spot, hash string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.held[at], hash)
	if len(f.held[at]) == 0 {
		delete(f.held, at)
	}
}

// fill adds what is known to the versions of a model, and says whether there are versions of which nothing is known.
func (f *facts) fill(at spot, m *store.Model) (complete bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	complete = true
	for i := range m.Versions {
		v := &m.Versions[i]
		known, ok := f.held[at][hashOf([]byte(v.Version))]
		if !ok || known.record.Version != v.Version || known.record.Manifest != hashOf(v.Manifest) {
			complete = false
			continue
		}
		v.Created = known.record.Created
		if known.record.Raw != nil {
			v.Raw = []byte(*known.record.Raw)
		}
	}
	return complete
}

// asked notes that the bucket was asked for these versions, and says whether it had been before. What came later is in the copy, where
// fill finds it without asking.
func (f *facts) asked(at spot, m store.Model) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.absent) > absentMost {
		clear(f.absent)
	}
	before := true
	for _, v := range m.Versions {
		id := at.lattice + "/" + at.app + "/" + hashOf(v.Manifest) + "/" + v.Version
		if _, ok := f.absent[id]; !ok {
			f.absent[id] = struct{}{}
			before = false
		}
	}
	return before
}

// of returns the records of an application by the hash of their version.
func (f *facts) of(at spot) map[string]fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.held[at])
}

// tell adds to a model when its versions were put and as what text. The server is asked only when a version is new to this process. A
// failure means "not known": the model is right without it.
func (s *Store) tell(ctx context.Context, lattice string, m *store.Model) {
	at := spot{lattice, m.Name}
	if s.acts.facts.fill(at, m) || s.acts.facts.asked(at, *m) {
		return
	}
	if s.actsCurrent(ctx) == nil {
		s.acts.facts.fill(at, m)
	}
}

// note keeps when the versions of a model that has just been saved were put, and as what text, and takes away what is kept of versions
// that it has no more. A failure loses these facts alone, so the save has succeeded all the same.
func (s *Store) note(ctx context.Context, lattice string, m store.Model) {
	known := s.acts.facts.of(spot{lattice, m.Name})
	for _, v := range m.Versions {
		hash := hashOf([]byte(v.Version))
		was, ok := known[hash]
		delete(known, hash)
		if record := recordOf(v); (!v.Created.IsZero() || v.Raw != nil) && !(ok && was.record.equal(record)) {
			_ = s.noteVersion(ctx, lattice, m.Name, record)
		}
	}
	s.forgetVersions(ctx, lattice, m.Name, known)
}

func (s *Store) noteVersion(ctx context.Context, lattice, app string, r versionRecord) error {
	doing := fmt.Sprintf("noting version %q of app %q", r.Version, app)
	k, err := versionKey(lattice, app, r.Version)
	if err != nil {
		return err
	}
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if limit := s.nc.MaxPayload() - overhead; limit > 0 && int64(len(value)) > limit {
		r.Raw = nil
		if value, err = json.Marshal(r); err != nil {
			return err
		}
	}
	rev := store.Revision(0)
	for range setTries {
		now, err := s.runs.put(ctx, doing, k, value, rev)
		if err == nil {
			s.acts.facts.put(spot{lattice, app}, hashOf([]byte(r.Version)), value, now) // the copy may be behind
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		// There is one already: of an earlier manifest, or of this one.
		e, err := s.runs.get(ctx, doing, k)
		switch {
		case errors.Is(err, store.ErrNotFound):
			rev = 0
		case err != nil:
			return err
		case slices.Equal(e.Value(), value):
			return nil
		default:
			rev = e.Revision()
		}
	}
	return fmt.Errorf("%s: it keeps changing", doing)
}

// forgetVersions removes version records that are still as they are known.
func (s *Store) forgetVersions(ctx context.Context, lattice, app string, known map[string]fact) {
	doing := fmt.Sprintf("forgetting versions of app %q", app)
	for _, hash := range slices.Sorted(maps.Keys(known)) {
		k, err := build("version.%s.%s."+hash, lattice, app)
		if err != nil {
			return
		}
		// One that stays does no harm: its hash fits no manifest but its own.
		if s.runs.remove(ctx, doing, k, known[hash].rev) == nil {
			s.acts.facts.drop(spot{lattice, app}, hash) // the copy may be behind
		}
	}
}
