package feed

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/lattice"
)

// TestWhatBroke030BreaksNothing is O19. Each of these recordings emptied all that 0.3.0 knew of its lattice, so that it started everything again: tags in claims,
// heartbeats that count, and events that are none. Here the good ones are folded, the bad ones counted, and what was known stays known.
func TestWhatBroke030BreaksNothing(t *testing.T) {
	for _, tt := range []struct {
		file   string
		broken bool
		hosts  int // at least
	}{{"claims-with-tags", false, 1}, {"heartbeat-count-form", false, 1}, {"bad-events", true, 1}} {
		t.Run(tt.file, func(t *testing.T) {
			file, err := os.Open(filepath.Join("..", "..", "wasmbus", "testdata", "otp", tt.file+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			b, state := newBench(t, Config{}), lattice.New()
			known := 0
			in := bufio.NewScanner(file)
			in.Buffer(nil, 1<<20)
			for in.Scan() {
				var m struct {
					T       int64 `json:"t_ms"`
					Subject string
					Payload json.RawMessage
					Text    string
				}
				if err := json.Unmarshal(in.Bytes(), &m); err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(m.Subject, "wasmbus.evt.") {
					continue
				}
				b.now += time.Second
				body := []byte(m.Text)
				if len(m.Payload) > 0 {
					body = m.Payload
				}
				before, broken := len(state.Hosts()), b.Stats().Broken
				b.otp(m.Subject, body)
				for _, ev := range b.Take().Events {
					if _, gone := ev.(lattice.HostStopped); !gone {
						state.Apply(ev, b.now)
					}
				}
				if len(state.Hosts()) < before {
					t.Fatalf("a host is forgotten because of %s", body)
				}
				if b.Stats().Broken == broken {
					known++
				}
			}
			if err := in.Err(); err != nil {
				t.Fatal(err)
			}
			stats := b.Stats()
			if stats.Panics > 0 || (stats.Broken > 0) != tt.broken || known == 0 {
				t.Errorf("of %d events %d are known: %+v", stats.Messages, known, stats)
			}
			if len(state.Hosts()) < tt.hosts {
				t.Errorf("%d hosts are known", len(state.Hosts()))
			}
		})
	}
}
