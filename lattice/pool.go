package lattice

import (
	"slices"
	"strings"
)

// pool holds one copy of each equal value and counts its uses, so that a lattice in which ten thousand instances bear the same
// annotations pays for them once, and one whose annotations change all the time does not grow.
type pool[T any] struct {
	entries map[string]pooled[T]
	bytes   int // of the names of the entries
	limit   int
}

type pooled[T any] struct {
	value T
	uses  int
}

func newPool[T any](limit int) pool[T] {
	return pool[T]{entries: map[string]pooled[T]{}, limit: limit}
}

// take returns the one copy, made by fresh if there was none. It fails when the pool is full.
func (p *pool[T]) take(name []byte, fresh func(name string) T) (T, bool) {
	e, ok := p.entries[string(name)]
	if ok {
		e.uses++
		p.entries[string(name)] = e
		return e.value, true
	}
	if p.bytes+len(name) > p.limit {
		return e.value, false
	}
	kept := string(name)
	e = pooled[T]{value: fresh(kept), uses: 1}
	p.entries[kept] = e
	p.bytes += len(kept)
	return e.value, true
}

func (p *pool[T]) give(name []byte) {
	e, ok := p.entries[string(name)]
	if !ok {
		return
	}
	if e.uses--; e.uses > 0 {
		p.entries[string(name)] = e
		return
	}
	delete(p.entries, string(name))
	p.bytes -= len(name)
}

// scratch is memory that the fold uses again and again.
type scratch struct {
	name  []byte
	texts []string
	seen  []bool
}

// nameOf writes annotations in one way only: sorted, each part after its length.
func (c *scratch) nameOf(notes Annotations) []byte {
	c.texts = c.texts[:0]
	// order: sorted below
	for k := range notes {
		c.texts = append(c.texts, k)
	}
	slices.Sort(c.texts)
	c.name = c.name[:0]
	for _, k := range c.texts {
		v := notes[k]
		c.name = appendLength(c.name, len(k))
		c.name = append(c.name, k...)
		c.name = appendLength(c.name, len(v))
		c.name = append(c.name, v...)
	}
	return c.name
}

func appendLength(b []byte, n int) []byte {
	return append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func (s *State) takeNotes(notes Annotations) (Annotations, bool) {
	if len(notes) == 0 {
		return nil, true
	}
	return s.notes.take(s.scratch.nameOf(notes), func(string) Annotations { return keep(notes) })
}

func (s *State) giveNotes(notes Annotations) {
	if len(notes) > 0 {
		s.notes.give(s.scratch.nameOf(notes))
	}
}

func (s *State) takeText(text string) (string, bool) {
	if text == "" {
		return "", true
	}
	s.scratch.name = append(s.scratch.name[:0], text...)
	return s.texts.take(s.scratch.name, func(kept string) string { return kept })
}

func (s *State) giveText(text string) {
	if text != "" {
		s.scratch.name = append(s.scratch.name[:0], text...)
		s.texts.give(s.scratch.name)
	}
}

// keyOf returns the key with the strings that other hosts' items of it use already.
func (s *State) keyOf(k Key) Key {
	if at := s.places[k]; len(at) > 0 {
		if it := at[0].Item(k); it != nil {
			return it.Key
		}
	}
	return Key{Kind: k.Kind, ID: strings.Clone(k.ID), Link: strings.Clone(k.Link)}
}
