package whole

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

// state is what a list of generation 0.3 says of an application.
func (w *world) state(app string) string {
	w.t.Helper()
	return statesOf(w.t, w.request(step{Subject: wadmapi.ModelSubject("default", wadmapi.OpList, "")}))[app]
}

func (w *world) untilState(app, want string) {
	w.t.Helper()
	w.until(app+" is "+want, time.Minute, func() bool { return w.state(app) == want })
}

// model asks for an operation on shop.
func (w *world) model(op wadmapi.Op, body string) {
	w.t.Helper()
	app := "shop"
	if op == wadmapi.OpPut {
		app = ""
	}
	w.request(step{Subject: wadmapi.ModelSubject("default", op, app), Text: body})
}

// TestWhatBecomesOfWhatRuns asks a server of generation 0.3, and looks at what really runs: what it says nothing of is let go and adopted by the next
// deploy without a command, what it says to stop is stopped.
func TestWhatBecomesOfWhatRuns(t *testing.T) {
	for name, dialect := range both {
		t.Run(name, func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) {
				w := newWorld(t, dialect, 3)
				w.start(as030("one"))
				running := map[string]int{oldImage: 6}
				deployed := func() {
					t.Helper()
					w.model(wadmapi.OpDeploy, `{"version":"0.0.0"}`)
					if s := w.state("shop"); s == wadmapi.StateUndeployed {
						t.Errorf("just deployed it is %s", s)
					}
					w.untilState("shop", wadmapi.StateIdle)
					w.wantRuns(running, 1)
				}
				letGo := func(what string, c *heard) {
					t.Helper()
					time.Sleep(3 * time.Minute)
					w.wantRuns(running, 1)
					if all := c.all(); len(all) > 0 {
						t.Errorf("%s sent %q", what, all)
					}
				}
				w.model(wadmapi.OpPut, shop(dialect, oldImage))
				if s := w.state("shop"); s != wadmapi.StateUndeployed {
					t.Errorf("just put it is %s", s)
				}
				deployed()

				commands := listen(t, w.nc)
				w.model(wadmapi.OpUndeploy, `{}`)
				letGo("an undeploy", commands)
				if s := w.state("shop"); s != wadmapi.StateUndeployed {
					t.Errorf("let go it is %s", s)
				}
				deployed()
				w.model(wadmapi.OpDelete, `{"version":"v0.0.0"}`)
				letGo("an adoption and a delete", commands)

				w.model(wadmapi.OpPut, shop(dialect, oldImage))
				deployed()
				w.model(wadmapi.OpUndeploy, `{"destructive":"true"}`)
				w.until("all is stopped", time.Minute, func() bool { have, providers := runs(w.hosts); return len(have)+providers == 0 })

				deployed()
				w.model(wadmapi.OpDelete, `{"delete_all":true,"undeploy":true}`)
				w.until("all is stopped again", time.Minute, func() bool { have, providers := runs(w.hosts); return len(have)+providers == 0 })
				if s := w.state("shop"); s != "" {
					t.Errorf("deleted it is %s", s)
				}
			})
		})
	}
}
