package feed

// twice remembers the ids of the newest messages. A message that is delivered again (by a stream, or over two subjects) must not count twice: the second
// word of one start or stop would be taken for the first word of the next one. Heartbeats are not kept here: they only repeat what is so.
type twice struct {
	seen map[string]bool
	ring []string
	next int
}

// maxTwice is how many messages are remembered, at most 200 bytes each.
const maxTwice = 8192

// again notes a message and reports whether it was heard before. One without an id never was.
func (t *twice) again(id string) bool {
	if id == "" {
		return false
	}
	if t.seen[id] {
		return true
	}
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	if len(t.ring) < maxTwice {
		t.ring = append(t.ring, id)
	} else {
		delete(t.seen, t.ring[t.next])
		t.ring[t.next] = id
		t.next = (t.next + 1) % maxTwice
	}
	t.seen[id] = true
	return false
}
