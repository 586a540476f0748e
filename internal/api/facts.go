package api

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	"github.com/wadm-go/wadm/oam"
)

// facts is what a decision needs to know of one stored manifest. It follows from the bytes alone.
type facts struct {
	problem string // why it cannot be read, or would be refused by a put today; empty when neither
	later   string // fields that ask for what is not supported yet
	ids     []string
	shared  bool
	kinds   map[string]oam.ComponentType // by component name
}

// readFacts decodes a stored manifest.
func readFacts(raw json.RawMessage) facts {
	doc, found := oam.Decode(raw, oam.FormatJSON)
	if doc == nil || doc.Manifest == nil || found.HasErrors() {
		return facts{problem: "the stored manifest cannot be read: " + firstError(found)}
	}
	f := factsOf(doc.Manifest)
	if found := oam.ValidateStored(doc); found.HasErrors() {
		f.problem = firstError(found)
	}
	return f
}

// factsOf is readFacts of a manifest that was decoded and validated already.
func factsOf(m *oam.Manifest) facts {
	f := facts{later: notYet(m), ids: ownIDs(m), shared: m.Shared(), kinds: map[string]oam.ComponentType{}}
	for i := range m.Spec.Components {
		f.kinds[m.Spec.Components[i].Name] = m.Spec.Components[i].Type
	}
	return f
}

// maxRemembered bounds a memory: some hundred bytes for each component of each manifest in it.
const maxRemembered = 4096

// memory keeps the facts of manifests that were read before. A deploy looks at every deployed application of the lattice, and to decode
// them all each time would take longer than everything else it does.
type memory struct {
	mu     sync.Mutex
	read   map[[sha256.Size]byte]facts
	wishes map[wishKey]wished
}

type wishKey struct{ lattice, app string }

// wish is what this process wished last. It saves a question to the store: if somebody else has written since, the
// write that expects it fails, and the next try asks.
func (m *memory) wish(lattice, app string) (wished, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last, ok := m.wishes[wishKey{lattice, app}]
	return last, ok
}

func (m *memory) wished(lattice, app string, last wished) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wishes == nil || len(m.wishes) >= maxRemembered {
		m.wishes = map[wishKey]wished{} // as with facts
	}
	m.wishes[wishKey{lattice, app}] = last
}

func (m *memory) facts(raw json.RawMessage) facts {
	key := sha256.Sum256(raw)
	m.mu.Lock()
	f, ok := m.read[key]
	m.mu.Unlock()
	if !ok {
		f = readFacts(raw)
		m.keep(key, f)
	}
	return f
}

// remember takes the facts of a manifest that was put, before its first deploy asks for them.
func (m *memory) remember(raw json.RawMessage, put *oam.Manifest) {
	m.keep(sha256.Sum256(raw), factsOf(put))
}

func (m *memory) keep(key [sha256.Size]byte, f facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.read == nil || len(m.read) >= maxRemembered {
		m.read = map[[sha256.Size]byte]facts{} // rare, and what is needed is soon back
	}
	m.read[key] = f
}
