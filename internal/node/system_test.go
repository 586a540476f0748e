package node

import (
	"testing"
	"time"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wasmbus"
)

func TestDeployAndUndeploy(t *testing.T) {
	tests := map[string]struct {
		dialect  wasmbus.Dialect
		manifest string
	}{
		"hosts of 1.x": {wasmbus.DialectV1, helloV1},
		"OTP hosts":    {wasmbus.DialectOTP, helloOTP},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) {
				w := newWorld(t, tt.dialect, 3)
				w.start()
				w.deploy("default", tt.manifest)
				w.untilStatus("default", "deployed", time.Minute)
				if components, providers := w.running(); components != 4 || providers != 1 {
					t.Errorf("%d instances and %d providers run\n%s", components, providers, w.truth())
				}
				sent := w.commands()
				time.Sleep(10 * time.Minute)
				if n := w.commands() - sent; n != 0 {
					t.Errorf("%d commands in ten quiet minutes\n%s", n, w.log)
				}
				if r := w.ask("wadm.api.default.model.undeploy.hello", ""); r["result"] != "acknowledged" {
					t.Fatalf("undeploy: %v", r)
				}
				w.untilStatus("default", "undeployed", time.Minute)
				w.until("nothing runs", time.Minute, func() bool { c, p := w.running(); return c+p == 0 })
			})
		})
	}
}
