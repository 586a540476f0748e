package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/wadmapi"
)

// listen subscribes to what is worth a line later on. It is called before anything is deployed, so that nothing is missed.
func (s *stack) listen() (<-chan *nats.Msg, error) {
	events := make(chan *nats.Msg, 1024)
	for _, subject := range []string{
		wadmapi.StatusSubject(s.o.Hosts.Lattice, "*"),
		wadmapi.EventSubject(s.o.Hosts.Lattice, wadmapi.EventHostLost),
		wadmapi.EventSubject(s.o.Hosts.Lattice, wadmapi.EventHostFound),
	} {
		if _, err := s.nc.ChanSubscribe(subject, events); err != nil {
			return nil, fmt.Errorf("listening to %s: %w", subject, err)
		}
	}
	return events, nil
}

// watcher turns statuses and events into lines: one when something happens, one when it is over.
type watcher struct {
	names map[string]string // host id → name
	apps  map[string]*appSeen
}

type appSeen struct {
	last     wadmapi.Status
	since    time.Time // of not being deployed
	lostHost bool      // a host went since then
}

// tell says what happens, until ctx ends or the control plane does.
func (s *stack) tell(ctx context.Context, events <-chan *nats.Msg) error {
	w := &watcher{names: map[string]string{}, apps: map[string]*appSeen{}}
	s.remember(ctx, w)
	for len(events) > 0 { // what came while the manifests were deployed has been shown
		w.take(<-events, time.Now())
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.nodeDone:
			s.nodeDone <- err
			return errors.Join(errors.New("the control plane has ended"), err)
		case m := <-events:
			if strings.HasPrefix(m.Subject, wadmapi.EventPrefix) {
				s.remember(ctx, w)
			}
			if line := w.take(m, time.Now()); line != "" {
				fmt.Fprintf(s.o.Out, "  %s  %s\n", time.Now().Format(time.TimeOnly), line)
			}
		}
	}
}

// remember learns the names of hosts. A host that is gone keeps the name that it had.
func (s *stack) remember(ctx context.Context, w *watcher) {
	hosts, err := s.client.Hosts(ctx)
	if err != nil {
		return // the lines show ids
	}
	for _, h := range hosts {
		if h.Name != "" {
			w.names[h.ID] = h.Name
		}
	}
}

// take reads one message and returns the line for it, "" for none.
func (w *watcher) take(m *nats.Msg, now time.Time) string {
	if app, ok := strings.CutPrefix(m.Subject, wadmapi.StatusPrefix+"."); ok {
		var st wadmapi.Status
		if json.Unmarshal(m.Data, &st) != nil {
			return ""
		}
		_, app, _ = strings.Cut(app, ".")
		return w.status(app, st, now)
	}
	var ev wadmapi.Event
	var h wadmapi.HostEvent
	if json.Unmarshal(m.Data, &ev) != nil || json.Unmarshal(ev.Data, &h) != nil {
		return ""
	}
	name := w.names[h.Host]
	if name == "" {
		name = h.Host
	}
	if ev.Type == wadmapi.EventType(wadmapi.EventHostFound) {
		return name + " is there"
	}
	for _, a := range w.apps {
		a.lostHost = true
	}
	return strings.TrimRight(fmt.Sprintf("%s is gone (%s)", name, h.Reason), " ")
}

// status tells the ends of changes: deployed, healed, undeployed, and each new reason for being neither.
func (w *watcher) status(app string, st wadmapi.Status, now time.Time) string {
	a := w.apps[app]
	if a == nil {
		a = &appSeen{since: now}
		w.apps[app] = a
	}
	before := a.last
	a.last = st
	if before.Status.Type == wadmapi.StatusDeployed && (st.Status.Type != wadmapi.StatusDeployed || st.Version != before.Version) {
		a.since = now
	}
	took := now.Sub(a.since)
	switch st.Status.Type {
	case wadmapi.StatusDeployed:
		healed := a.lostHost && before.Version == st.Version && before.Status.Type != wadmapi.StatusDeployed
		a.lostHost = false
		switch {
		case before.Status.Type == wadmapi.StatusDeployed && before.Version == st.Version:
			return ""
		case healed:
			return fmt.Sprintf("%s healed in %s", app, milliseconds(took))
		}
		return fmt.Sprintf("%s %s deployed in %s", app, st.Version, milliseconds(took))
	case wadmapi.StatusUndeployed:
		if before.Status.Type == wadmapi.StatusUndeployed || before.Status.Type == "" {
			return ""
		}
		return app + " undeployed"
	case wadmapi.StatusFailed, wadmapi.StatusUnhealthy:
		if before.Status == st.Status {
			return ""
		}
		return fmt.Sprintf("%s %s: %s", app, st.Status.Type, w.named(st.Status.Message))
	}
	return ""
}

func (w *watcher) named(text string) string {
	for id, name := range w.names {
		text = strings.ReplaceAll(text, id, name)
	}
	return text
}

func milliseconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
