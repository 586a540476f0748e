package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/wadmapi"
)

// listen subscribes to what is worth a line later on. It is called before anything is deployed, so that nothing is missed.
func (s *stack) listen() (<-chan *nats.Msg, error) {
	events := make(chan *nats.Msg, 1024)
	for _, subject := range []string{
		wadmapi.StatusSubject(s.o.Hosts.Lattice, "*"),
		wadmapi.EventSubject(s.o.Hosts.Lattice, wadmapi.EventHostLost),
	} {
		if _, err := s.nc.ChanSubscribe(subject, events); err != nil {
			return nil, fmt.Errorf("listening to %s: %w", subject, err)
		}
	}
	return events, nil
}

// watcher turns statuses and events into lines: one when something happens, one when it is over.
type watcher struct {
	names map[string]string // host id → name, of all hosts ever seen
	there map[string]bool   // ids of the hosts that are there
	apps  map[string]*appSeen
}

type appSeen struct {
	last     wadmapi.Status
	since    time.Time // of not being deployed
	lostHost bool      // a host went since then
	cause    string    // told since it was last settled, without numbers
}

// tell says what happens, until ctx ends or the control plane does.
func (s *stack) tell(ctx context.Context, events <-chan *nats.Msg) error {
	w := &watcher{names: map[string]string{}, there: map[string]bool{}, apps: map[string]*appSeen{}}
	s.hostsNow(ctx, w)
	for len(events) > 0 { // what came while the manifests were deployed has been shown
		w.take(<-events, time.Now())
	}
	look := time.NewTicker(beat / 2)
	defer look.Stop()
	for {
		var lines []string
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.nodeDone:
			s.nodeDone <- err
			return errors.Join(errors.New("the control plane has ended"), err)
		case <-s.redis.over():
			return errors.New("redis-server has ended")
		case <-look.C:
			lines = s.hostsNow(ctx, w)
		case m := <-events:
			lines = w.take(m, time.Now())
		}
		for _, line := range lines {
			fmt.Fprintf(s.o.Out, "  %s  %s\n", time.Now().Format(time.TimeOnly), line)
		}
	}
}

// hostsNow learns which hosts are there and returns a line for each that is new. One that is gone keeps the name that it had.
func (s *stack) hostsNow(ctx context.Context, w *watcher) []string {
	hosts, err := s.client.Hosts(ctx)
	if err != nil {
		return nil // the next look will do
	}
	var lines []string
	for _, h := range hosts {
		w.names[h.ID] = h.Name
		if h.Name == "" {
			w.names[h.ID] = h.ID
		}
		if !w.there[h.ID] {
			w.there[h.ID] = true
			lines = append(lines, w.names[h.ID]+" is there")
		}
	}
	return lines
}

// take reads one message and returns the lines for it.
func (w *watcher) take(m *nats.Msg, now time.Time) []string {
	if app, ok := strings.CutPrefix(m.Subject, wadmapi.StatusPrefix+"."); ok {
		var st wadmapi.Status
		if json.Unmarshal(m.Data, &st) != nil {
			return nil
		}
		_, app, _ = strings.Cut(app, ".")
		if line := w.status(app, st, now); line != "" {
			return []string{line}
		}
		return nil
	}
	var ev wadmapi.Event
	var h wadmapi.HostEvent
	if json.Unmarshal(m.Data, &ev) != nil || json.Unmarshal(ev.Data, &h) != nil {
		return nil
	}
	delete(w.there, h.Host)
	for _, a := range w.apps {
		a.lostHost = true
	}
	return []string{fmt.Sprintf("%s is gone (%s)", w.named(h.Host), h.Reason)}
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
	if settled(st) {
		a.cause = ""
	}
	if settled(before) && (!settled(st) || st.Version != before.Version) {
		a.since = now
	}
	switch st.Status.Type {
	case wadmapi.StatusDeployed:
		return a.deployed(app, before, now)
	case wadmapi.StatusUndeployed:
		if before.Status.Type == wadmapi.StatusUndeployed || before.Status.Type == "" {
			return ""
		}
		return app + " undeployed"
	case wadmapi.StatusFailed, wadmapi.StatusUnhealthy:
		text, _, _ := strings.Cut(firstCause(st), " (retry ") // each try would be a line of its own
		if cause := withoutNumbers(text); cause != a.cause {
			a.cause = cause
		} else {
			return ""
		}
		return fmt.Sprintf("%s %s: %s", app, st.Status.Type, w.named(text))
	}
	return ""
}

// deployed words the end of a change, unless nothing had changed.
func (a *appSeen) deployed(app string, before wadmapi.Status, now time.Time) string {
	wasDeployed, lost := before.Status.Type == wadmapi.StatusDeployed, a.lostHost
	a.lostHost = false
	switch took := milliseconds(now.Sub(a.since)); {
	case before.Version != a.last.Version:
		return fmt.Sprintf("%s %s deployed in %s", app, a.last.Version, took)
	case wasDeployed:
		return ""
	case lost:
		return fmt.Sprintf("%s healed in %s", app, took)
	default:
		return fmt.Sprintf("%s %s deployed in %s", app, a.last.Version, took)
	}
}

// settled tells whether nothing is under way with an application.
func settled(st wadmapi.Status) bool {
	return st.Status.Type == wadmapi.StatusDeployed || st.Status.Type == wadmapi.StatusUndeployed
}

// firstCause is what the first scaler that is as bad as the whole says.
func firstCause(st wadmapi.Status) string {
	for _, sc := range st.Scalers {
		if sc.Status.Type == st.Status.Type && sc.Status.Message != "" {
			return sc.Status.Message
		}
	}
	return st.Status.Message
}

// withoutNumbers makes texts equal that differ in counts and times only.
func withoutNumbers(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s)
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
