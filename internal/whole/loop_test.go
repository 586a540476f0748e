package whole

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

// TestTheLoop is the whole story over NATS: a manifest is put, deployed, watched, put and deployed again with another image, and taken away.
func TestTheLoop(t *testing.T) {
	for name, dialect := range both {
		t.Run(name, func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) {
				w := newWorld(t, dialect, 3)
				w.start()
				ctx := context.Background()
				if _, err := w.client.Put(ctx, []byte(shop(dialect, oldImage)), ""); err != nil {
					t.Fatal(err)
				}
				if s := status(t, w.client, "shop"); s.Type != wadmapi.StatusUndeployed {
					t.Errorf("status before the deploy: %+v", s)
				}
				if _, err := w.client.Deploy(ctx, "shop", ""); err != nil {
					t.Fatal(err)
				}
				w.untilStatus("shop", wadmapi.StatusDeployed, 30*time.Second)
				w.wantRuns(map[string]int{oldImage: 6}, 1)

				fewest := w.watchInstances()
				deploy(t, w.client, shop(dialect, newImage))
				w.until("the new image runs", time.Minute, func() bool {
					have, _ := runs(w.hosts)
					return cmp.Equal(have, map[string]int{newImage: 6})
				})
				w.untilStatus("shop", wadmapi.StatusDeployed, 10*time.Second)
				if n := fewest(); n < 6 {
					t.Errorf("at one moment of the update only %d instances ran\n%s", n, w.log)
				}
				w.wantRuns(map[string]int{newImage: 6}, 1)

				if _, err := w.client.Undeploy(ctx, "shop"); err != nil {
					t.Fatal(err)
				}
				w.untilStatus("shop", wadmapi.StatusUndeployed, 30*time.Second)
				w.wantRuns(map[string]int{}, 0)
				time.Sleep(2 * time.Minute)
				w.wantRuns(map[string]int{}, 0)
			})
		})
	}
}

// wantRuns judges by what really runs.
func (w *world) wantRuns(components map[string]int, providers int) {
	w.t.Helper()
	have, alive := runs(w.hosts)
	if diff := cmp.Diff(components, have); diff != "" || alive != providers {
		w.t.Errorf("instances by image (-want +have):\n%s%d providers, want %d\n%s", diff, alive, providers, w.truth())
	}
}

// watchInstances counts the instances of all components every millisecond until the returned function is called: it gives the fewest ever.
func (w *world) watchInstances() func() int {
	quit, done := make(chan struct{}), make(chan int)
	go func() {
		components, _ := runs(w.hosts)
		fewest := total(components)
		for {
			select {
			case <-quit:
				done <- fewest
				return
			case <-time.After(time.Millisecond):
				components, _ := runs(w.hosts)
				fewest = min(fewest, total(components))
			}
		}
	}()
	return func() int {
		close(quit)
		return <-done
	}
}
