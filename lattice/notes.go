package lattice

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
)

// noted is one set of annotations that instances bear, kept once however many bear it.
type noted struct {
	notes Annotations
	bytes int32 // of its name
	uses  int32
	held  bool // its short texts are counted in the pool of texts

	// Items of one group without instance ids, as 1.x hosts have, share the group too: nothing in it is ever modified. One for each count, and
	// not many: a hostile host may report as many counts as it likes.
	alone []Group
}

// shortText is the length up to which a text of an annotation is likely to be another one's too. Names are, and most values; hashes are not.
const shortText = 40

const maxAlone = 16

// noteBook holds all sets. They are found by a hash that nobody can aim at, for the names of ten thousand sets would be as large as all the rest.
type noteBook struct {
	entries map[[16]byte]*noted
	bytes   int
}

func newNoteBook() noteBook { return noteBook{entries: map[[16]byte]*noted{}} }

func (s *State) noteHash(notes Annotations) (hash [16]byte, size int) {
	name := s.scratch.nameOf(notes)
	sum := sha256.Sum256(name)
	copy(hash[:], sum[:])
	return hash, len(name)
}

// takeNotes returns the one copy of a set. It fails when there is no room for another one; no annotations need none.
func (s *State) takeNotes(notes Annotations) (*noted, bool) {
	if len(notes) == 0 {
		return nil, true
	}
	hash, size := s.noteHash(notes)
	n := s.notes.entries[hash]
	if n == nil {
		if s.notes.bytes+size > maxNotesBytes {
			return nil, false
		}
		n = &noted{bytes: int32(size)}
		n.notes, n.held = s.keepNotes(notes)
		s.notes.entries[hash] = n
		s.notes.bytes += size
	}
	n.uses++
	return n, true
}

func (s *State) giveNotes(notes Annotations) {
	if len(notes) == 0 {
		return
	}
	hash, _ := s.noteHash(notes)
	n := s.notes.entries[hash]
	if n == nil {
		return
	}
	if n.uses--; n.uses > 0 {
		return
	}
	delete(s.notes.entries, hash)
	s.notes.bytes -= int(n.bytes)
	if n.held {
		s.giveTexts(n.notes)
	}
}

// keepNotes copies a set; its texts are those of other sets where they are equal, as the names and most values are.
func (s *State) keepNotes(notes Annotations) (kept Annotations, held bool) {
	kept = make(Annotations, len(notes))
	// order: a copy
	for k, v := range notes {
		key, ok1 := s.takeShort(k)
		value, ok2 := s.takeShort(v)
		if !ok1 || !ok2 {
			if ok1 {
				s.giveShort(k)
			}
			if ok2 {
				s.giveShort(v)
			}
			s.giveTexts(kept)
			return keep(notes), false
		}
		kept[key] = value
	}
	return kept, true
}

func (s *State) giveTexts(notes Annotations) {
	// order: each text by itself
	for k, v := range notes {
		s.giveShort(k)
		s.giveShort(v)
	}
}

func (s *State) takeShort(text string) (string, bool) {
	if len(text) > shortText {
		return strings.Clone(text), true
	}
	return s.takeText(text)
}

func (s *State) giveShort(text string) {
	if len(text) <= shortText {
		s.giveText(text)
	}
}

// group is the shared list of one group with the count.
func (n *noted) group(count int) []Group {
	for i := range n.alone {
		if n.alone[i].Count == count {
			return n.alone[i : i+1 : i+1]
		}
	}
	if len(n.alone) >= maxAlone {
		return []Group{{Annotations: n.notes, Count: count}}
	}
	// A list of its own, so that those handed out stay what they are.
	n.alone = append(slices.Clip(n.alone), Group{Annotations: n.notes, Count: count})
	i := len(n.alone) - 1
	return n.alone[i : i+1 : i+1]
}

func (b noteBook) clone() noteBook {
	c := noteBook{entries: maps.Clone(b.entries), bytes: b.bytes}
	// order: each set by itself
	for hash, n := range c.entries {
		own := *n
		c.entries[hash] = &own
	}
	return c
}

func (s *State) takeText(text string) (string, bool) {
	if text == "" {
		return "", true
	}
	return s.texts.take(text, strings.Clone)
}

func (s *State) giveText(text string) {
	if text != "" {
		s.texts.give(text)
	}
}
