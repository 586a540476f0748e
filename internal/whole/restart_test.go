package whole

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/wadmapi"
)

// TestARestartSendsNoCommand kills the server while twenty applications run and starts it again at once: it answers from the first moment,
// says how old its answers are, looks after the lattice within lease and two seconds, and for five minutes has nothing to command.
func TestARestartSendsNoCommand(t *testing.T) {
	for name, dialect := range both {
		t.Run(name, func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) {
				w := newWorld(t, dialect, 3)
				commands := listen(t, w.nc)
				p := w.start()
				apps := twenty(dialect)
				for _, manifest := range apps {
					deploy(t, w.client, manifest)
				}
				for app := range apps {
					w.untilStatus(app, wadmapi.StatusDeployed, time.Minute)
				}
				ran := w.truth()
				if sent := commands.forget(); sent < 2*len(apps) {
					t.Fatalf("%d commands were heard while %d applications started", sent, len(apps))
				}

				p.kill()
				began := time.Now()
				w.start()
				checkRemembered(t, w.client, apps)
				if took := time.Since(began); took > 500*time.Millisecond {
					t.Errorf("the first answers took %s", took)
				}
				w.until("an owner stands", store.LeaseTTL+2*time.Second-time.Since(began), func() bool { return ownerStands(t, w.client) })
				t.Logf("an owner stands after %s", time.Since(began))
				time.Sleep(5*time.Minute - time.Since(began))
				if sent := commands.all(); len(sent) > 0 {
					t.Errorf("%d commands in five minutes: %s\n%s", len(sent), strings.Join(sent, "\n"), w.log)
				}
				for app := range apps {
					if s := status(t, w.client, app); s.Type != wadmapi.StatusDeployed || s.Message != "" {
						t.Errorf("%s is %+v", app, s)
					}
				}
				if _, after, _ := strings.Cut(w.truth(), "\n"); !strings.HasSuffix(ran, after) {
					t.Errorf("before:\n%s\nfive minutes after:\n%s", ran, w.truth())
				}
			})
		})
	}
}

// checkRemembered wants status and list to say what was told before the server was killed, and how long ago.
func checkRemembered(t *testing.T, c *client.Client, apps map[string]string) {
	t.Helper()
	marked := func(where, app string, s wadmapi.StatusInfo) {
		if s.Type != wadmapi.StatusDeployed || !strings.Contains(s.Message, "told ") || !strings.Contains(s.Message, " ago") {
			t.Errorf("%s right after the start: %s is %+v, want deployed with its age", where, app, s)
		}
	}
	for app := range apps {
		marked("status", app, status(t, c, app))
	}
	list, err := c.List(context.Background())
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	if len(list) != len(apps) {
		t.Errorf("%d applications are listed, want %d", len(list), len(apps))
	}
	for _, one := range list {
		marked("list", one.Name, one.DetailedStatus.Status)
	}
}
