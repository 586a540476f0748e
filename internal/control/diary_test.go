package control

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
)

// TestTheLogOfABurstIsWrittenBehindIt holds back what a burst has to be over for: who sends is not kept waiting, and nothing overtakes.
func TestTheLogOfABurstIsWrittenBehindIt(t *testing.T) {
	var out bytes.Buffer
	d := newDesk(t, Config{Log: slog.New(slog.NewTextHandler(&out, nil)), PerHost: 1000, Dialect: lattice.V1})
	over := make(chan struct{})
	d.diary.over = func() { <-over }
	d.Send([]ledger.Command{scale(1, hostA)}, always)
	if got := ids(out.String()); got != "1" {
		t.Errorf("a command alone: logged %q", got)
	}
	var burst []ledger.Command
	for id := 2; id < 2+2*sendAtOnce; id++ {
		c := scale(ledger.CommandID(id), hostA)
		c.Target.ID = fmt.Sprint("app-", id)
		burst = append(burst, c)
	}
	d.Send(burst, always)
	last := scale(999, hostA)
	last.Target.ID = "app-last"
	d.Send([]ledger.Command{last}, always) // waits for those before it
	if len(d.sent) != len(burst)+2 {
		t.Fatalf("%d commands are sent", len(d.sent))
	}
	close(over)
	d.Close()
	var want []string
	for id := 1; id < 2+2*sendAtOnce; id++ {
		want = append(want, fmt.Sprint(id))
	}
	if got := ids(out.String()); got != strings.Join(append(want, "999"), " ") {
		t.Errorf("logged %q", got)
	}
}

// ids are those of the commands in a log.
func ids(log string) string {
	var all []string
	for line := range strings.Lines(log) {
		if _, rest, ok := strings.Cut(line, `msg="command sent" id=`); ok {
			id, _, _ := strings.Cut(rest, " ")
			all = append(all, id)
		}
	}
	return strings.Join(all, " ")
}
