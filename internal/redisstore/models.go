package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wadm-go/wadm/internal/store"
)

// held is one application as Redis holds it.
type held struct {
	exists   bool
	rev      store.Revision
	own      map[string]string
	versions []heldVersion
	kind     string // of the key of the versions
}

type heldVersion struct {
	version string
	score   string
	data    string
	kind    string // of its key: string, none or what does not belong there
}

// readHeld takes the answer of the read script apart.
func readHeld(v any) (held, error) {
	if err, ok := v.(error); ok {
		return held{}, err
	}
	all, ok := v.([]any)
	if !ok || len(all) == 0 {
		return held{}, fmt.Errorf("the script answered %v", v)
	}
	if text(all, 0) == "" {
		h := held{}
		if len(all) > 1 {
			h.kind = text(all, 1)
		}
		return h, nil
	}
	h := held{exists: true, own: map[string]string{}, kind: text(all, 5)}
	h.rev, _ = strconv.ParseUint(text(all, 0), 10, 64)
	own, flat, values, kinds := list(all, 1), list(all, 2), list(all, 3), list(all, 4)
	for i := 0; i+1 < len(own); i += 2 {
		h.own[text(own, i)] = text(own, i+1)
	}
	for i := 0; i+1 < len(flat); i += 2 {
		h.versions = append(h.versions, heldVersion{version: text(flat, i), score: text(flat, i+1), data: text(values, i/2), kind: text(kinds, i/2)})
	}
	return h, nil
}

// seen is what the scripts call so: it tells whether our record is of the state that is there.
func (h *held) seen() string {
	var b []byte
	if h.kind != "zset" {
		b = append(b, h.kind...)
	}
	for _, v := range h.versions {
		n := -1
		if v.kind == "string" {
			n = len(v.data)
		}
		b = append(strconv.AppendInt(b, int64(len(v.version)), 10), ':')
		b = append(append(b, v.version...), ':')
		b = append(append(b, v.score...), ':')
		b = append(strconv.AppendInt(b, int64(n), 10), ';')
	}
	return string(b)
}

// model reads what is held. Versions that cannot be read stand among the others and say so; where none can be read, the error says why.
func (s *Store) model(lattice, app string, h held) (store.Model, error) {
	m := store.Model{Name: app, Deployed: h.own["deployed"]}
	if h.kind != "zset" && h.kind != "none" {
		return unreadable(app, wrongKind(versionsKey(lattice, app), h.kind, "zset"))
	}
	if len(h.versions) == 0 {
		return unreadable(app, fmt.Errorf("the name is listed in %q and no version is stored", setKey(lattice)))
	}
	if unknown := h.own["unknown"]; unknown != "" {
		if err := json.Unmarshal([]byte(unknown), &m.Unknown); err != nil {
			m.Unknown = nil // ours, and not readable: nothing that 0.3.0 knows is lost
		}
	}
	var first error
	readable := false
	for _, v := range h.versions {
		version, err := s.version(lattice, app, v, h.own["v:"+v.version])
		if err != nil {
			err = fmt.Errorf("%q: %w", versionPrefix(lattice, app)+v.version, err)
			first = errors.Join(first, err)
			version = broken(app, v.version, err)
		} else {
			readable = true
		}
		m.Versions = append(m.Versions, version)
	}
	if !readable {
		return unreadable(app, first)
	}
	return m, nil
}

func unreadable(app string, why error) (store.Model, error) {
	return store.Model{Name: app}, fmt.Errorf("%w: %w", store.ErrUnreadable, why)
}

func (s *Store) version(lattice, app string, v heldVersion, field string) (store.Version, error) {
	switch v.kind {
	case "string":
	case "none":
		return store.Version{}, errors.New("nothing is stored there")
	default:
		return store.Version{}, wrongKind(versionPrefix(lattice, app)+v.version, v.kind, "string")
	}
	if version, ok := ownVersion(v.version, field, v.data); ok {
		return version, nil
	}
	version, err := s.foreign.version(lattice, app, v.version, v.data)
	if ms, e := strconv.ParseFloat(v.score, 64); err == nil && e == nil && ms > 0 && ms < 1e15 {
		version.Created = time.UnixMilli(int64(ms)).UTC()
	}
	return version, err
}

// load reads one application, and gives it a revision if 0.3.0 has changed it.
func (s *Store) load(ctx context.Context, doing, lattice, app string) (held, error) {
	var h held
	err := s.read(ctx, doing, func(ctx context.Context) error {
		v, err := s.run(ctx, readScript, appKeys(lattice, app), appKinds, appArgs(lattice, app)...)
		if err == nil {
			h, err = readHeld(v)
		}
		return err
	})
	return h, err
}

// Model returns the record of an application.
func (s *Store) Model(ctx context.Context, lattice, app string) (store.Model, store.Revision, error) {
	doing := fmt.Sprintf("reading app %q", app)
	h, err := s.load(ctx, doing, lattice, app)
	switch {
	case err != nil:
		return store.Model{}, 0, err
	case !h.exists && h.kind != "none" && h.kind != "":
		return store.Model{}, 0, fmt.Errorf("%s: %w", doing, wrongKind(versionsKey(lattice, app), h.kind, "zset"))
	case !h.exists:
		return store.Model{}, 0, fmt.Errorf("%s: %w", doing, store.ErrNotFound)
	}
	m, err := s.model(lattice, app, h)
	if err != nil {
		return m, h.rev, fmt.Errorf("%s: %w", doing, err)
	}
	s.recent.put(lattice, m, h.rev)
	return m, h.rev, nil
}

// PutModel writes the record of an application: the versions that are new or changed, and which is deployed.
func (s *Store) PutModel(ctx context.Context, lattice string, m store.Model, expect store.Revision) (store.Revision, error) {
	doing := fmt.Sprintf("saving app %q", m.Name)
	m = m.Clone()
	if err := s.check(lattice, &m, expect); err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	stored, err := s.stored(ctx, lattice, m.Name, expect)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	unknown := ""
	if len(m.Unknown) > 0 {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // kept as they came
		if err := enc.Encode(m.Unknown); err != nil {
			return 0, fmt.Errorf("%s: %w", doing, err)
		}
		unknown = b.String()
	}
	args := appArgs(lattice, m.Name, strconv.FormatUint(expect, 10), m.Deployed, unknown)
	for _, v := range m.Versions {
		score := ""
		if !v.Created.IsZero() {
			score = strconv.FormatInt(v.Created.UnixMilli(), 10)
		}
		if was, ok := stored[v.Version]; ok && sameStored(was, v) {
			args = append(args, v.Version, score, "keep", "", "")
			continue
		}
		if v.Broken != "" {
			return 0, fmt.Errorf("%s: version %q cannot be read, and is not as it is stored", doing, v.Version)
		}
		data, err := encodeVersion(m.Name, v)
		if err != nil {
			return 0, fmt.Errorf("%s, version %q: %w", doing, v.Version, err)
		}
		args = append(args, v.Version, score, "write", data, field(data, v))
	}
	var rev store.Revision
	err = s.call(ctx, doing, func(ctx context.Context) error {
		v, err := s.run(ctx, putScript, appKeys(lattice, m.Name), appKinds, args...)
		if err == nil {
			rev, err = outcome(v)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	s.recent.put(lattice, m, rev)
	return rev, nil
}

// check refuses what cannot be stored, and brings the rest into the form in which it comes back.
func (s *Store) check(lattice string, m *store.Model, expect store.Revision) error {
	if err := m.Check(); err != nil {
		return err
	}
	if len(m.Versions) == 0 {
		return errors.New("it has no version")
	}
	if expect == 0 {
		for _, name := range []string{lattice, m.Name} {
			if !fresh(name) {
				return fmt.Errorf("the name %q is not allowed for something new: only letters, digits, - and _ are, at most 255 of them", name)
			}
		}
	}
	size := 0
	for i := range m.Versions {
		v := &m.Versions[i]
		v.Created = v.Created.UTC().Truncate(time.Millisecond)
		if len(v.Raw) > s.opts.Limit {
			v.Raw = nil
		}
		size += len(v.Version) + len(v.Manifest)
	}
	for k, v := range m.Unknown {
		size += len(k) + len(v)
	}
	return s.fits(size)
}

func (s *Store) fits(size int) error {
	if size > s.opts.Limit {
		return fmt.Errorf("%w: %d bytes, the limit is %d", store.ErrTooLarge, size, s.opts.Limit)
	}
	return nil
}

// stored is what Redis holds at a revision, by version, so that only what differs is written. Where it is at another revision the write will
// conflict, whatever is compared here.
func (s *Store) stored(ctx context.Context, lattice, app string, rev store.Revision) (map[string]store.Version, error) {
	if rev == 0 {
		return nil, nil
	}
	m, ok := s.recent.get(lattice, app, rev)
	if !ok {
		var at store.Revision
		var err error
		m, at, err = s.Model(ctx, lattice, app)
		if err == nil && at != rev {
			return nil, store.ErrConflict
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil, store.ErrConflict
		case errors.Is(err, store.ErrUnreadable):
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	all := make(map[string]store.Version, len(m.Versions))
	for _, v := range m.Versions {
		all[v.Version] = v
	}
	return all, nil
}

func sameStored(a, b store.Version) bool {
	return a.Created.Equal(b.Created) && string(a.Manifest) == string(b.Manifest) && (a.Raw == nil) == (b.Raw == nil) && string(a.Raw) == string(b.Raw)
}

// DeleteModel removes the record of an application and its name.
func (s *Store) DeleteModel(ctx context.Context, lattice, app string, expect store.Revision) error {
	return s.call(ctx, fmt.Sprintf("deleting app %q", app), func(ctx context.Context) error {
		v, err := s.run(ctx, deleteScript, appKeys(lattice, app), appKinds, appArgs(lattice, app, strconv.FormatUint(expect, 10))...)
		if err == nil {
			_, err = outcome(v)
		}
		return err
	})
}

// Models lists the records of a lattice by ascending name. Reading is one exchange for many of them; only those that 0.3.0 has changed, or
// whose name is missing in the set, are read again one by one.
func (s *Store) Models(ctx context.Context, lattice string) ([]store.Model, error) {
	entries, err := s.list(ctx, fmt.Sprintf("listing lattice %q", lattice), lattice)
	if err != nil {
		return nil, err
	}
	models := make([]store.Model, 0, len(entries))
	for _, e := range entries {
		models = append(models, e.model)
	}
	return models, nil
}

type listed struct {
	model store.Model
	rev   store.Revision
}

// batch is how many applications are read in one exchange, atOnce how many exchanges of one list are under way: while one answer is read the
// server makes the next.
const (
	batch  = 128
	atOnce = 4
)

func (s *Store) list(ctx context.Context, doing, lattice string) ([]listed, error) {
	var names, set map[string]struct{}
	err := s.read(ctx, doing, func(ctx context.Context) error {
		var err error
		names, set, err = s.names(ctx, lattice)
		return err
	})
	if err != nil {
		return nil, err
	}
	chunks := slices.Collect(slices.Chunk(slices.Sorted(maps.Keys(names)), batch))
	got, errs := make([][]listed, len(chunks)), make([]error, len(chunks))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, apps := range chunks {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = s.read(ctx, doing, func(ctx context.Context) error {
				var err error
				got[i], err = s.many(ctx, lattice, apps, set)
				return err
			})
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(got...), nil
}

// names are those of 0.3.0's set and those of which we have a record.
func (s *Store) names(ctx context.Context, lattice string) (all, set map[string]struct{}, err error) {
	var theirs, ours *redis.StringSliceCmd
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		theirs, ours = p.SMembers(ctx, setKey(lattice)), p.SMembers(ctx, indexKey(lattice))
		return nil
	})
	for key, c := range map[string]*redis.StringSliceCmd{setKey(lattice): theirs, indexKey(lattice): ours} {
		if redis.HasErrorPrefix(c.Err(), "WRONGTYPE") {
			return nil, nil, fmt.Errorf("the key %q is not a set, where wadm keeps the names of the lattice: %w", key, c.Err())
		}
	}
	if err != nil {
		return nil, nil, err
	}
	all, set = map[string]struct{}{}, map[string]struct{}{}
	for _, n := range theirs.Val() {
		all[n], set[n] = struct{}{}, struct{}{}
	}
	for _, n := range ours.Val() {
		all[n] = struct{}{}
	}
	return all, set, nil
}

// many reads some applications of a lattice as they are, and those of which our record is not up to date by the script.
func (s *Store) many(ctx context.Context, lattice string, apps []string, set map[string]struct{}) ([]listed, error) {
	all, err := s.quick(ctx, lattice, apps)
	if err != nil {
		return nil, err
	}
	var again []string
	var place []int
	for i, app := range apps {
		_, inSet := set[app]
		if h := &all[i]; !inSet || h.own["seen"] != h.seen() || h.rev == 0 {
			again, place = append(again, app), append(place, i)
		}
	}
	if len(again) > 0 {
		answers, err := s.runMany(ctx, lattice, again)
		if err != nil {
			return nil, err
		}
		for i, v := range answers {
			h, err := readHeld(v)
			if err != nil { // our own record is of another kind: the place of the revision is taken
				h = held{exists: true, kind: "hash", rev: 1}
			}
			all[place[i]] = h
		}
	}
	var out []listed
	for i, app := range apps {
		if !all[i].exists {
			continue
		}
		m, err := s.model(lattice, app, all[i])
		if err != nil {
			m = store.Model{Name: app}
		}
		out = append(out, listed{m, all[i].rev})
	}
	return out, nil
}

// quick reads applications without a script, which would take the server longer. What is read of one may be of two moments; then our record
// does not fit and it is read again.
func (s *Store) quick(ctx context.Context, lattice string, apps []string) ([]held, error) {
	owns, zsets := make([]*redis.MapStringStringCmd, len(apps)), make([]*redis.Cmd, len(apps))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			owns[i] = p.HGetAll(ctx, modelKey(lattice, app))
			zsets[i] = p.Do(ctx, "ZRANGE", versionsKey(lattice, app), 0, -1, "WITHSCORES")
		}
		return nil
	})
	if err != nil && !ofOneKey(err) {
		return nil, err
	}
	all := make([]held, len(apps))
	values := make([][]*redis.StringCmd, len(apps))
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			h := &all[i]
			h.exists, h.kind, h.own = true, "zset", owns[i].Val()
			h.rev, _ = strconv.ParseUint(h.own["rev"], 10, 64)
			flat, ok := zsets[i].Val().([]any)
			if zsets[i].Err() != nil || owns[i].Err() != nil || !ok {
				h.rev = 0 // the script finds out what is wrong
				continue
			}
			for j := 0; j+1 < len(flat); j += 2 {
				v := heldVersion{version: text(flat, j), score: text(flat, j+1), kind: "string"}
				h.versions = append(h.versions, v)
				values[i] = append(values[i], p.Get(ctx, versionPrefix(lattice, app)+v.version))
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) && !ofOneKey(err) {
		return nil, err
	}
	for i := range all {
		for j, c := range values[i] {
			v := &all[i].versions[j]
			if v.data, err = c.Result(); err != nil {
				v.kind = "" // whatever it is, the script finds out
				all[i].rev = 0
			}
		}
	}
	return all, nil
}

func ofOneKey(err error) bool { return redis.HasErrorPrefix(err, "WRONGTYPE") }

// Lattices names every lattice that has a model, a wish or a run record. It looks through the keys of the database.
func (s *Store) Lattices(ctx context.Context) ([]string, error) {
	var all map[string]struct{}
	err := s.read(ctx, "listing the lattices", func(ctx context.Context) error {
		all = map[string]struct{}{}
		var sets []string
		keys := s.rdb.Scan(ctx, 0, "wadm*", 1000).Iterator()
		for keys.Next(ctx) {
			lattice, ok := latticeOf(keys.Val())
			switch {
			case ok && strings.HasPrefix(keys.Val(), ownPrefix):
				all[lattice] = struct{}{}
			case ok:
				sets = append(sets, keys.Val())
			}
		}
		if keys.Err() != nil {
			return keys.Err()
		}
		return s.onlySets(ctx, sets, all)
	})
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// onlySets leaves out a version named models, whose key looks like the names of a lattice.
func (s *Store) onlySets(ctx context.Context, keys []string, all map[string]struct{}) error {
	kinds := make([]*redis.StatusCmd, len(keys))
	if len(keys) == 0 {
		return nil
	}
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, k := range keys {
			kinds[i] = p.Type(ctx, k)
		}
		return nil
	})
	for i, k := range keys {
		if lattice, ok := latticeOf(k); ok && kinds[i].Val() == "set" {
			all[lattice] = struct{}{}
		}
	}
	return err
}
