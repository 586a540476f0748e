package cli

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

// scripted is a server that tells what a test wants.
type scripted struct {
	nc  *nats.Conn
	sub *nats.Subscription

	mu     sync.Mutex
	status wadmapi.Status
	hosts  []wadmapi.Host
	old    bool // knows no hosts
	refuse func(body []byte) any
}

func (s *scripted) set(status wadmapi.Status, hosts ...wadmapi.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.hosts = status, hosts
}

func (s *scripted) answer(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var reply any
	switch {
	case s.refuse != nil:
		reply = s.refuse(m.Data)
	case m.Subject != wadmapi.HostListSubject("default"):
		reply = wadmapi.StatusReply{Result: wadmapi.ResultOK, Status: &s.status}
	case s.old:
		reply = wadmapi.NewError(wadmapi.Unsupported(m.Subject).Error())
	default:
		reply = wadmapi.HostsReply{Result: wadmapi.ResultSuccess, Hosts: s.hosts}
	}
	body, err := wadmapi.Encode(reply)
	if err != nil {
		panic(err)
	}
	_ = m.Respond(body)
}

func (s *scripted) listen(t *testing.T) {
	t.Helper()
	var err error
	if s.sub, err = s.nc.Subscribe("wadm.api.>", s.answer); err != nil {
		t.Fatal(err)
	}
	if err := s.nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

func follow(t *testing.T) (*scripted, *Follower) {
	t.Helper()
	srv := natstest.Start(t)
	s := &scripted{nc: natstest.Connect(t, srv)}
	s.listen(t)
	nc := natstest.Connect(t, srv)
	c, err := client.New(nc, "default")
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, hello)
	return s, &Follower{Conn: nc, Client: c, Manifest: m, Version: m.Version(), Began: time.Now(), Every: time.Millisecond}
}

func status(kind wadmapi.StatusType, message string) wadmapi.Status {
	s := told(kind, map[string]wadmapi.StatusInfo{"hello-hello": {Type: kind, Message: message}})
	s.Version = "01JDB3XYZ0123456789ABCDEFG"
	return s
}

const helloRef = "registry.example/hello:1"

func TestAWaitEnds(t *testing.T) {
	full := []wadmapi.Host{hostWith("host-a", component(helloRef, 6), server())}
	for _, tt := range []struct {
		name   string
		status wadmapi.Status
		hosts  []wadmapi.Host
		old    bool
		code   int
		err    string
	}{
		{"well, when it is told and seen", status(wadmapi.StatusDeployed, ""), full, false, ExitOK, ""},
		{"well, when it is told by a server that knows no hosts", status(wadmapi.StatusDeployed, ""), nil, true, ExitOK, ""},
		{"late, when it is told and not seen", status(wadmapi.StatusDeployed, ""), []wadmapi.Host{hostWith("host-a")}, false, ExitTimeout, "timed out after"},
		{"late, when nothing says why", status(wadmapi.StatusReconciling, "Scaling"), full, false, ExitTimeout, "timed out after"},
		{"badly, when something does", status(wadmapi.StatusFailed, "no room on NHOST-A"), full, false, ExitNotDeployed, "hello: no room on host-a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, f := follow(t)
			s.set(tt.status, tt.hosts...)
			s.old = tt.old
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := f.UntilDeployed(ctx)
			if Code(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("it ends with %v (code %d), want %q (code %d)", err, Code(err), tt.err, tt.code)
			}
		})
	}
}

func TestAnotherVersionThatIsDeployedIsNotTheOne(t *testing.T) {
	s, f := follow(t)
	before := status(wadmapi.StatusDeployed, "")
	before.Version = "v0"
	s.set(before, hostWith("host-a", component(helloRef, 6), server()))
	shown := make(chan Moment, 100)
	f.Show = func(m Moment) { shown <- m }
	done := make(chan error, 1)
	go func() {
		_, err := f.UntilDeployed(t.Context())
		done <- err
	}()
	if m := <-shown; m.Version != "v0" {
		t.Errorf("first it shows %+v", m)
	}
	s.set(status(wadmapi.StatusDeployed, ""), hostWith("host-a", component(helloRef, 6), server()))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWhatIsUnderWayIsTold(t *testing.T) {
	s, f := follow(t)
	s.set(status(wadmapi.StatusReconciling, ""), hostWith("host-a", component(helloRef, 2)))
	shown := make(chan Moment, 1000)
	f.Show = func(m Moment) { shown <- m }
	if err := f.Listen(); err != nil { // before anything is asked for
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := f.UntilDeployed(ctx)
		done <- err
	}()
	<-shown
	event := wadmapi.CommandEvent{App: "hello", Component: "hello", Action: "scale", Host: "NHOST-A", From: 2, To: 6}
	for _, ev := range []any{"no command", wadmapi.CommandEvent{App: "other", Component: "hello", Action: "scale", Host: "NHOST-A"}, event} {
		if err := s.nc.Publish("wadm.evt.default.command_sent", wadmapi.EncodeEvent("1", "t", wadmapi.EventCommandSent, ev)); err != nil {
			t.Fatal(err)
		}
	}
	m := <-shown
	if len(m.Doing) != 1 || m.Doing[0] != "hello on host-a: starting 2 → 6" {
		t.Errorf("it tells %q", m.Doing)
	}
	s.set(status(wadmapi.StatusReconciling, ""), hostWith("host-a", component(helloRef, 6)))
	for len(m.Doing) > 0 {
		m = <-shown
	}
	cancel()
	if err := <-done; Code(err) != ExitFailed || err.Error() != "interrupted" {
		t.Errorf("it ends with %v", err)
	}
}

func TestAServerThatIsRestartedIsWaitedFor(t *testing.T) {
	s, f := follow(t)
	s.set(status(wadmapi.StatusReconciling, ""), hostWith("host-a", component(helloRef, 2)))
	shown := make(chan Moment, 1000)
	f.Show = func(m Moment) { shown <- m }
	done := make(chan error, 1)
	go func() {
		_, err := f.UntilDeployed(t.Context())
		done <- err
	}()
	<-shown
	if err := s.sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	nobody := func() bool {
		_, err := f.Client.Status(t.Context(), "hello")
		return errors.Is(err, client.ErrNoServer)
	}
	for !nobody() { // until the server has taken it in
		select {
		case err := <-done:
			t.Fatalf("it ends with %v", err)
		default:
		}
	}
	s.set(status(wadmapi.StatusDeployed, ""), hostWith("host-a", component(helloRef, 6), server()))
	s.listen(t)
	if err := <-done; err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestUndeployedMeansThatNothingIsLeft(t *testing.T) {
	s, f := follow(t)
	s.set(status(wadmapi.StatusUndeployed, ""), hostWith("host-a", component(helloRef, 1)))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := f.UntilGone(ctx); Code(err) != ExitTimeout || f.left() != "host-a 1" {
		t.Errorf("with an instance left it ends with %v, and %q are left", err, f.left())
	}
	s.set(status(wadmapi.StatusUndeployed, ""), hostWith("host-a"))
	if _, err := f.UntilGone(t.Context()); err != nil {
		t.Error(err)
	}
}
