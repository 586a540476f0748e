package lattice

import (
	"slices"
	"strings"
)

// textPool holds one copy of each equal text and counts its uses, so that a lattice in which ten thousand instances have the same reference
// pays for it once, and one whose references change all the time does not grow.
type textPool struct {
	entries map[string]pooled
	bytes   int
	limit   int
}

type pooled struct {
	text string
	uses int
}

func newTextPool(limit int) textPool {
	return textPool{entries: map[string]pooled{}, limit: limit}
}

// take returns the one copy, made by fresh if there was none. It fails when the pool is full.
func (p *textPool) take(text string, fresh func(string) string) (string, bool) {
	e, ok := p.entries[text]
	if !ok {
		if p.bytes+len(text) > p.limit {
			return "", false
		}
		e.text = fresh(text)
		p.bytes += len(text)
	}
	e.uses++
	p.entries[e.text] = e
	return e.text, true
}

func (p *textPool) give(text string) {
	e, ok := p.entries[text]
	if !ok {
		return
	}
	if e.uses--; e.uses > 0 {
		p.entries[e.text] = e
		return
	}
	delete(p.entries, text)
	p.bytes -= len(text)
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

// keyOf returns the key with the strings that other hosts' items of it use already.
func (s *State) keyOf(k Key) Key {
	if at := s.places[k]; len(at) > 0 {
		if it := at[0].Item(k); it != nil {
			return it.Key
		}
	}
	return Key{Kind: k.Kind, ID: strings.Clone(k.ID), Link: strings.Clone(k.Link)}
}
